//! The client's rooms (XEP-0045).

use std::future::Future;
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

    /// Asks a room to set its subject. Returns the id of the message.
    pub async fn set_room_subject(
        &self,
        room: String,
        subject: String,
    ) -> Result<String, SendError> {
        let room = room_of(&room).map_err(|problem| SendError::Recipient { problem })?;
        self.sending(|client| async move { client.rooms().get(&room).set_subject(&subject).await })
            .await
    }

    /// Invites a contact, directly (XEP-0249) or through the room. Returns the id of the message.
    pub async fn invite_to_room(
        &self,
        room: String,
        contact: String,
        reason: Option<String>,
        password: Option<String>,
        through_room: bool,
    ) -> Result<String, SendError> {
        let recipient = |problem| SendError::Recipient { problem };
        let room = room_of(&room).map_err(recipient)?;
        let contact =
            core::Jid::try_from(contact.as_str()).map_err(|problem| recipient(problem.into()))?;
        self.sending(|client| async move {
            let room = client.rooms().get(&room);
            let (reason, password) = (reason.as_deref(), password.as_deref());
            match through_room {
                true => room.invite_through_room(&contact, reason).await,
                false => room.invite(&contact, reason, password).await,
            }
        })
        .await
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

    /// Gives a user another affiliation with a room.
    pub async fn set_room_affiliation(
        &self,
        room: String,
        user: String,
        affiliation: RoomAffiliation,
        reason: Option<String>,
    ) -> Result<(), IqError> {
        let recipient = |problem| IqError::Recipient { problem };
        let room = room_of(&room).map_err(recipient)?;
        let user = room_of(&user).map_err(recipient)?;
        let done = self
            .call(|client| async move {
                let room = client.rooms().get(&room);
                room.set_affiliation(&user, affiliation, reason.as_deref())
                    .await
            })
            .await?;
        Ok(done?)
    }

    /// Gives an occupant of a room another role.
    pub async fn set_room_role(
        &self,
        room: String,
        nick: String,
        role: RoomRole,
        reason: Option<String>,
    ) -> Result<(), IqError> {
        let room = room_of(&room).map_err(|problem| IqError::Recipient { problem })?;
        let done = self
            .call(|client| async move {
                let room = client.rooms().get(&room);
                room.set_role(&nick, role, reason.as_deref()).await
            })
            .await?;
        Ok(done?)
    }

    /// Returns the fields of a room's configuration.
    pub async fn room_configuration(&self, room: String) -> Result<Vec<RoomField>, IqError> {
        let room = room_of(&room).map_err(|problem| IqError::Recipient { problem })?;
        let form = self
            .call(|client| async move { client.rooms().get(&room).configuration().await })
            .await?;
        Ok(form?.fields.into_iter().map(Into::into).collect())
    }

    /// Changes these fields of a room's configuration.
    pub async fn configure_room(
        &self,
        room: String,
        fields: Vec<RoomField>,
    ) -> Result<(), IqError> {
        let room = room_of(&room).map_err(|problem| IqError::Recipient { problem })?;
        let fields = fields.into_iter().map(Into::into).collect();
        let done = self
            .call(|client| async move { client.rooms().get(&room).configure(fields).await })
            .await?;
        Ok(done?)
    }

    /// Destroys a room.
    pub async fn destroy_room(
        &self,
        room: String,
        alternative: Option<String>,
        reason: Option<String>,
    ) -> Result<(), IqError> {
        let recipient = |problem| IqError::Recipient { problem };
        let room = room_of(&room).map_err(recipient)?;
        let alternative = alternative.as_deref().map(room_of).transpose();
        let alternative = alternative.map_err(recipient)?;
        let done = self
            .call(|client| async move {
                let room = client.rooms().get(&room);
                room.destroy(alternative.as_ref(), reason.as_deref()).await
            })
            .await?;
        Ok(done?)
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

impl CoreClient {
    async fn sending<F>(&self, send: impl FnOnce(Arc<Client>) -> F) -> Result<String, SendError>
    where
        F: Future<Output = Result<String, core::SendError>> + Send + 'static,
    {
        let sent = self.call(send).await.map_err(|error| match error {
            CallError::Closed => SendError::Closed,
            _ => SendError::Internal,
        })?;
        Ok(sent?)
    }
}

/// Parses a bare JID; a resource is left out.
fn room_of(text: &str) -> Result<BareJid, JidProblem> {
    Ok(core::Jid::try_from(text)?.bare().clone())
}
