//! Rooms, as an app uses them (XEP-0045).

use std::fmt;
use std::time::Duration;

use snapback_chat::room::requests::{self, Affiliated};
use snapback_chat::room::{
    Affiliation, Invitation, JoinError, Role, RoomEvent, RoomInfo, RoomOptions,
};
use snapback_proto::jid::{BareJid, Jid};
use snapback_proto::ns;
use snapback_proto::xep::error::CodecError;
use snapback_proto::xep::forms::{Field, Form};
use snapback_proto::xml::Element;
use tokio::sync::oneshot;

use crate::driver::{Request, RoomRequest, SendError};
use crate::{Client, IqError};

/// How long a room has to answer a request. Servers give up on each other after less.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The rooms of an account: see [`Client::rooms`].
#[derive(Clone, Copy, Debug)]
pub struct Rooms<'a> {
    client: &'a Client,
}

/// A room. It is only a name: that one exists does not mean that the room is joined.
#[derive(Clone, Debug)]
pub struct Room<'a> {
    client: &'a Client,
    jid: BareJid,
}

/// Why a room did not do what was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomError {
    /// There is no answer, or it is an error.
    Iq(IqError),
    /// The answer cannot be read.
    Malformed(CodecError),
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iq(error) => error.fmt(f),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RoomError {}

impl From<IqError> for RoomError {
    fn from(error: IqError) -> Self {
        Self::Iq(error)
    }
}

impl From<CodecError> for RoomError {
    fn from(error: CodecError) -> Self {
        Self::Malformed(error)
    }
}

impl Client {
    /// Returns the rooms of this account (XEP-0045).
    ///
    /// A room is joined until the app leaves it, or the room ends it. The client keeps it joined across every reconnect: after a
    /// resumed session it is still joined, and checked now and then (XEP-0410); after a new one all rooms are joined again at once,
    /// and what was missed is fetched from the room's archive (XEP-0313), or its history. The process remembers the rooms; a new
    /// process joins them again.
    ///
    /// Messages of rooms are delivered as all others are, [`Event::Message`](crate::Event::Message), and so is presence; the events of
    /// [`Rooms::next_event`] say what they mean.
    pub fn rooms(&self) -> Rooms<'_> {
        Rooms { client: self }
    }

    /// Joins a room, and leaves it to the events to tell what becomes of it.
    pub(crate) fn begin_join(&self, room: BareJid, options: RoomOptions) {
        let (done, _) = oneshot::channel();
        self.request(Request::Room(RoomRequest::Join {
            room,
            options,
            done,
        }));
    }

    async fn ask_rooms<R>(
        &self,
        request: impl FnOnce(oneshot::Sender<R>) -> RoomRequest,
    ) -> Option<R> {
        let (reply, wait) = oneshot::channel();
        self.request(Request::Room(request(reply)));
        wait.await.ok()
    }
}

impl<'a> Rooms<'a> {
    /// Joins a room. Returns once the room has let the user in and, if that has created the room, once others can join it, which takes
    /// as long as there is no session; a caller that does not wait for it leaves the room with [`Room::leave`]. A room that is joined already is returned at once.
    ///
    /// # Errors
    ///
    /// Fails with the reason of the room, with [`JoinError::TimedOut`] if the room does not answer within 60 seconds of a session,
    /// and with [`JoinError::TooManyRooms`] for more than 1000 rooms. The room is then not tried again.
    pub async fn join(&self, room: &BareJid, options: RoomOptions) -> Result<Room<'a>, JoinError> {
        let room = room.clone();
        let joined = self.get(&room);
        let request = |done| RoomRequest::Join {
            room,
            options,
            done,
        };
        let outcome = self.client.ask_rooms(request).await;
        outcome.unwrap_or(Err(JoinError::Closed)).map(|()| joined)
    }

    /// Returns a room by its address, joined or not.
    pub fn get(&self, room: &BareJid) -> Room<'a> {
        Room {
            client: self.client,
            jid: room.clone(),
        }
    }

    /// Returns what is known of the rooms that the app has joined, ordered by address.
    pub async fn list(&self) -> Vec<RoomInfo> {
        let list = self.client.ask_rooms(RoomRequest::List).await;
        list.unwrap_or_default()
    }

    /// Waits for the next event of a room; returns `None` once the client has ended. Events have a queue of their own, which an app
    /// that has no rooms need not read. It is bounded: see [`RoomEvent::Missed`].
    pub async fn next_event(&self) -> Option<RoomEvent> {
        self.client.room_events.next().await
    }
}

impl Room<'_> {
    /// Returns the room's address.
    pub fn jid(&self) -> &BareJid {
        &self.jid
    }

    /// Returns what is known of the room; `None` if the app has not joined it.
    pub async fn info(&self) -> Option<RoomInfo> {
        let room = self.jid.clone();
        let info = |reply| RoomRequest::Info { room, reply };
        self.client.ask_rooms(info).await.flatten()
    }

    /// Leaves the room. Returns once the room has confirmed it, at most 30 seconds later; at once where there is no session.
    pub async fn leave(&self) {
        let room = self.jid.clone();
        let leave = |done| RoomRequest::Leave { room, done };
        self.client.ask_rooms(leave).await;
    }

    /// Changes the user's nickname in the room. Returns once the room has confirmed it. Where the room is not joined at the moment, the
    /// next join asks for it, and this returns at once.
    ///
    /// # Errors
    ///
    /// Fails with the reason of the room; the user keeps the old nickname.
    pub async fn set_nick(&self, nick: &str) -> Result<(), JoinError> {
        let (room, nick) = (self.jid.clone(), nick.to_owned());
        let change = |done| RoomRequest::ChangeNick { room, nick, done };
        let outcome = self.client.ask_rooms(change).await;
        outcome.unwrap_or(Err(JoinError::Closed))
    }

    /// Sends a message to all occupants, and returns its id once it is stored: see [`Client::send`]. The room sends it back to the user
    /// as well, with the same id. A message that the room refuses, because it had lost the user without a word, is sent once more
    /// when the room is joined again; if that fails, too, its stage is [`Failed`](crate::Stage::Failed).
    ///
    /// # Errors
    ///
    /// If the queue is full or the store cannot be used.
    pub async fn send_message(&self, body: &str) -> Result<String, SendError> {
        let body = Element::new("body", ns::CLIENT).with_text(body);
        self.send(Element::new("message", ns::CLIENT).with_child(body))
            .await
    }

    /// Sends a message with any content to all occupants. Its recipient and type are set to those of the room.
    ///
    /// # Errors
    ///
    /// As [`Room::send_message`], and if it is not a message.
    pub async fn send(&self, message: impl Into<Element>) -> Result<String, SendError> {
        let message = message.into();
        if !message.is("message", ns::CLIENT) {
            return Err(SendError::NotAStanza);
        }
        let message = message
            .with_attr("to", self.jid.to_string())
            .with_attr("type", "groupchat");
        self.client.send(message).await
    }

    /// Sets the room's subject; an empty text removes it. Returns the id of the message that asks for it, once it is stored.
    ///
    /// # Errors
    ///
    /// As [`Room::send_message`].
    pub async fn set_subject(&self, subject: &str) -> Result<String, SendError> {
        self.client
            .send(requests::subject(&self.jid, subject))
            .await
    }

    /// Invites a contact directly (XEP-0249), which needs no right in the room. A members-only room does not let the contact in by
    /// that: [`Room::invite_through_room`] asks the room to.
    ///
    /// # Errors
    ///
    /// If the queue is full or the store cannot be used.
    pub async fn invite(
        &self,
        contact: &Jid,
        reason: Option<&str>,
        password: Option<&str>,
    ) -> Result<String, SendError> {
        let invitation = Invitation::direct(&self.jid, contact, reason, password);
        self.client.send(invitation).await
    }

    /// Asks the room to invite a contact (XEP-0045 section 7.8.2).
    ///
    /// # Errors
    ///
    /// If the queue is full or the store cannot be used. A refusal of the room is the message's stage.
    pub async fn invite_through_room(
        &self,
        contact: &Jid,
        reason: Option<&str>,
    ) -> Result<String, SendError> {
        let invitation = Invitation::mediated(&self.jid, contact, reason);
        self.client.send(invitation).await
    }

    /// Returns the users who have this affiliation with the room, in it or not. Which lists the room shows depends on the user's own
    /// affiliation. Entries that cannot be read are left out.
    ///
    /// # Errors
    ///
    /// If the room refuses, or its answer cannot be read.
    pub async fn affiliated(&self, affiliation: Affiliation) -> Result<Vec<Affiliated>, RoomError> {
        let answer = self
            .ask(requests::affiliated(&self.jid, affiliation))
            .await?;
        Ok(requests::read_affiliated(&answer)?.0)
    }

    /// Gives a user another affiliation, such as [`Affiliation::Member`]; [`Affiliation::Outcast`] bans.
    ///
    /// # Errors
    ///
    /// If the room refuses.
    pub async fn set_affiliation(
        &self,
        user: &BareJid,
        affiliation: Affiliation,
        reason: Option<&str>,
    ) -> Result<(), RoomError> {
        let request = requests::set_affiliation(&self.jid, user, affiliation, reason);
        self.ask(request).await.map(drop)
    }

    /// Gives an occupant another role; [`Role::None`] removes the occupant from the room.
    ///
    /// # Errors
    ///
    /// If the room refuses.
    pub async fn set_role(
        &self,
        nick: &str,
        role: Role,
        reason: Option<&str>,
    ) -> Result<(), RoomError> {
        let request = requests::set_role(&self.jid, nick, role, reason);
        self.ask(request).await.map(drop)
    }

    /// Returns the form of the room's configuration (XEP-0045 section 10.2).
    ///
    /// # Errors
    ///
    /// If the room refuses, or its answer cannot be read.
    pub async fn configuration(&self) -> Result<Form, RoomError> {
        let answer = self.ask(requests::configuration(&self.jid)).await?;
        Ok(requests::read_configuration(&answer)?)
    }

    /// Changes these fields of the room's configuration. Without fields, a new room is opened with the configuration of its service.
    ///
    /// # Errors
    ///
    /// If the room refuses.
    pub async fn configure(&self, fields: Vec<Field>) -> Result<(), RoomError> {
        self.ask(requests::configure(&self.jid, fields))
            .await
            .map(drop)
    }

    /// Destroys the room, and names another one to join instead, if there is one.
    ///
    /// # Errors
    ///
    /// If the room refuses.
    pub async fn destroy(
        &self,
        alternative: Option<&BareJid>,
        reason: Option<&str>,
    ) -> Result<(), RoomError> {
        let request = requests::destroy(&self.jid, alternative, reason);
        self.ask(request).await.map(drop)
    }

    async fn ask(&self, request: Element) -> Result<Element, RoomError> {
        Ok(self.client.iq(request, TIMEOUT).await?)
    }
}
