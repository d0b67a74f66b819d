//! The client's rooms (XEP-0045).

use std::fmt;
use std::sync::Arc;

use snapback_chat::room;
use snapback_client as core;
use snapback_client::{BareJid, Client};

use crate::cancel::Cancellation;
use crate::client::CoreClient;
use crate::error::{CallError, IqError, SendError};
use crate::jid::JidProblem;
use crate::password::Password;
use crate::room_event::RoomEvent;
use crate::room_types::{
    RoomAffiliation, RoomError, RoomField, RoomInfo, RoomMember, RoomOptions, RoomRole,
};

/// A message that changes something about a room. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum RoomMessage {
    /// Asks the room to set its subject.
    Subject {
        /// The new one.
        subject: String,
    },
    /// Invites a contact.
    Invitation {
        /// Who is invited.
        contact: String,
        /// Why.
        reason: Option<String>,
        /// The password of a protected room; only in a direct invitation.
        password: Option<String>,
        /// Through the room, and not directly (XEP-0249).
        through_room: bool,
    },
}

impl fmt::Debug for RoomMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject { .. } => "Subject",
            Self::Invitation { .. } => "Invitation",
        })
    }
}

/// A change of a room or of its users.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RoomChange {
    /// A user gets another affiliation.
    Affiliation {
        /// The user's bare JID.
        user: String,
        /// The new one.
        affiliation: RoomAffiliation,
        /// Why.
        reason: Option<String>,
    },
    /// An occupant gets another role.
    Role {
        /// The occupant.
        nick: String,
        /// The new one.
        role: RoomRole,
        /// Why.
        reason: Option<String>,
    },
    /// These fields of the configuration change.
    Configuration {
        /// The fields.
        fields: Vec<RoomField>,
    },
    /// The room is destroyed.
    Destruction {
        /// The room that takes its place.
        alternative: Option<String>,
        /// Why.
        reason: Option<String>,
    },
}

#[uniffi::export]
impl CoreClient {
    /// Joins a room, with the password of a protected one, and returns `true` once the user is in it; `false` if the call was cancelled, which does not leave the room.
    pub async fn join_room(
        &self,
        room: String,
        options: RoomOptions,
        password: Option<Password>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<bool, RoomError> {
        let room = room_of(&room).map_err(|problem| RoomError::Recipient { problem })?;
        let options = room::RoomOptions {
            password: password.map(Password::into_secret),
            ..options.into()
        };
        let join = self.call(|client| async move {
            let rooms = client.rooms();
            rooms.join(&room, options).await.map(drop)
        });
        let join = async { Ok(join.await??) };
        match cancellation {
            Some(cancellation) => Ok(cancellation.or(join).await?.is_some()),
            None => join.await.map(|()| true),
        }
    }

    /// Leaves a room; returns once the room has confirmed it, or after a while.
    pub async fn leave_room(&self, room: String) -> Result<(), CallError> {
        let Ok(room) = room_of(&room) else {
            return Ok(());
        };
        self.call(|client| async move { client.rooms().get(&room).leave().await })
            .await
    }

    /// Changes the user's nickname in a room; returns once the room has confirmed it.
    pub async fn set_room_nick(&self, room: String, nick: String) -> Result<(), RoomError> {
        let room = room_of(&room).map_err(|problem| RoomError::Recipient { problem })?;
        let change = self
            .call(|client| async move { client.rooms().get(&room).set_nick(&nick).await })
            .await?;
        Ok(change?)
    }

    /// Returns what is known of a room; nothing if the app has not joined it.
    pub async fn room_info(&self, room: String) -> Result<Option<RoomInfo>, CallError> {
        let Ok(room) = room_of(&room) else {
            return Ok(None);
        };
        let info = self
            .call(|client| async move { client.rooms().get(&room).info().await })
            .await?;
        Ok(info.map(Into::into))
    }

    /// Returns what is known of the rooms that the app has joined.
    pub async fn rooms(&self) -> Result<Vec<RoomInfo>, CallError> {
        let list = self
            .call(|client| async move { client.rooms().list().await })
            .await?;
        Ok(list.into_iter().map(Into::into).collect())
    }

    /// Sends a message that changes something about a room. Returns its id.
    pub async fn send_to_room(
        &self,
        room: String,
        message: RoomMessage,
    ) -> Result<String, SendError> {
        self.sending(|client| send(client, room, message)).await
    }

    /// Changes a room or its users.
    pub async fn change_room(&self, room: String, change: RoomChange) -> Result<(), IqError> {
        let room = room_of(&room).map_err(|problem| IqError::Recipient { problem })?;
        self.call(|client| make(client, room, change)).await?
    }

    /// Returns the users who have this affiliation with a room.
    pub async fn room_members(
        &self,
        room: String,
        affiliation: RoomAffiliation,
    ) -> Result<Vec<RoomMember>, IqError> {
        let room = room_of(&room).map_err(|problem| IqError::Recipient { problem })?;
        let members = self
            .call(|client| async move { client.rooms().get(&room).affiliated(affiliation).await })
            .await?;
        Ok(members?.into_iter().map(Into::into).collect())
    }

    /// Returns the fields of a room's configuration.
    pub async fn room_configuration(&self, room: String) -> Result<Vec<RoomField>, IqError> {
        let room = room_of(&room).map_err(|problem| IqError::Recipient { problem })?;
        let form = self
            .call(|client| async move { client.rooms().get(&room).configuration().await })
            .await?;
        Ok(form?.fields.into_iter().map(Into::into).collect())
    }

    /// Waits for the next event of a room; returns nothing once the client has ended. There may be only one caller at a time. The
    /// call must not be cancelled, since the event that it was about to return would be lost.
    pub async fn next_room_event(&self) -> Option<RoomEvent> {
        let client = self.client().ok()?;
        let mut closed = self.closed();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            event = async { client.rooms().next_event().await } => event.map(Into::into),
        }
    }
}

async fn send(
    client: Arc<Client>,
    room: String,
    message: RoomMessage,
) -> Result<String, SendError> {
    let recipient = |problem| SendError::Recipient { problem };
    let room = room_of(&room).map_err(recipient)?;
    let room = client.rooms().get(&room);
    let sent = match message {
        RoomMessage::Subject { subject } => room.set_subject(&subject).await,
        RoomMessage::Invitation {
            contact,
            reason,
            password,
            through_room,
        } => {
            let contact = core::Jid::try_from(contact.as_str());
            let contact = contact.map_err(|problem| recipient(problem.into()))?;
            let (reason, password) = (reason.as_deref(), password.as_deref());
            match through_room {
                true => room.invite_through_room(&contact, reason).await,
                false => room.invite(&contact, reason, password).await,
            }
        }
    };
    Ok(sent?)
}

async fn make(client: Arc<Client>, room: BareJid, change: RoomChange) -> Result<(), IqError> {
    let recipient = |problem| IqError::Recipient { problem };
    let room = client.rooms().get(&room);
    match change {
        RoomChange::Affiliation {
            user,
            affiliation,
            reason,
        } => {
            let user = room_of(&user).map_err(recipient)?;
            room.set_affiliation(&user, affiliation, reason.as_deref())
                .await?;
        }
        RoomChange::Role { nick, role, reason } => {
            room.set_role(&nick, role, reason.as_deref()).await?;
        }
        RoomChange::Configuration { fields } => {
            let fields = fields.into_iter().map(Into::into).collect();
            room.configure(fields).await?;
        }
        RoomChange::Destruction {
            alternative,
            reason,
        } => {
            let alternative = alternative.as_deref().map(room_of).transpose();
            let alternative = alternative.map_err(recipient)?;
            room.destroy(alternative.as_ref(), reason.as_deref())
                .await?;
        }
    }
    Ok(())
}

/// Parses a bare JID; a resource is left out.
fn room_of(text: &str) -> Result<BareJid, JidProblem> {
    Ok(core::Jid::try_from(text)?.bare().clone())
}
