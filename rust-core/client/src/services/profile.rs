//! What users show of themselves: avatars (XEP-0084), nicknames (XEP-0172), vCards (XEP-0292, XEP-0054).

use std::num::NonZeroU32;

use snapback_chat::service::avatar::{self, AvatarId, AvatarInfo, AvatarMetadata};
use snapback_chat::service::nick;
use snapback_chat::service::pubsub::{AccessModel, Items, NodeOptions};
use snapback_chat::service::vcard::{self, Vcard};
use snapback_proto::jid::{BareJid, Jid};
use snapback_proto::ns;
use snapback_proto::stanza::StanzaCondition;

use super::ServiceError;
use crate::client::Client;
use crate::iq::IqError;

/// An avatar to be published. `Debug` prints its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingAvatar {
    /// The picture. Other clients expect `image/png` of a few tens of kilobytes at most, 64 to 256 pixels wide.
    pub data: Vec<u8>,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// Its width in pixels. Default none.
    pub width: Option<u32>,
    /// Its height in pixels. Default none.
    pub height: Option<u32>,
}

impl std::fmt::Debug for OutgoingAvatar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "avatar of {} bytes", self.data.len())
    }
}

impl Client {
    /// Publishes an avatar: its data, then its metadata, which contacts are notified of. Returns its id.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`]: with `access`, [`ServiceError::PreconditionNotMet`] if the nodes exist with another access model.
    /// [`IqError::TooBig`] for a picture that exceeds the limit of a stanza.
    pub async fn publish_avatar(
        &self,
        avatar: &OutgoingAvatar,
        access: Option<AccessModel>,
    ) -> Result<AvatarId, ServiceError> {
        let options = NodeOptions {
            access,
            ..NodeOptions::default()
        };
        let id = AvatarId::of(&avatar.data);
        let item = id.to_string();
        let data = avatar::data_element(&avatar.data);
        self.publish(None, ns::AVATAR_DATA, Some(&item), data, &options)
            .await?;
        let metadata = AvatarMetadata {
            formats: vec![AvatarInfo {
                id,
                bytes: avatar.data.len() as u64,
                media_type: avatar.media_type.clone(),
                width: avatar.width,
                height: avatar.height,
                url: None,
            }],
            unreadable: 0,
        };
        let metadata = metadata.to_element();
        self.publish(None, ns::AVATAR_METADATA, Some(&item), metadata, &options)
            .await?;
        Ok(id)
    }

    /// Publishes that the user has no avatar (XEP-0084 section 4.2.3).
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`].
    pub async fn disable_avatar(&self) -> Result<(), ServiceError> {
        let none = AvatarMetadata::default().to_element();
        let options = NodeOptions::default();
        self.publish(None, ns::AVATAR_METADATA, None, none, &options)
            .await?;
        Ok(())
    }

    /// Returns which avatars a user has; none where the user has never published one.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`], such as `forbidden` for those who may not see it, and [`ServiceError::Unreadable`].
    pub async fn avatar_metadata(&self, of: &BareJid) -> Result<AvatarMetadata, ServiceError> {
        match self.newest_item(of, ns::AVATAR_METADATA).await? {
            Some(items) => Ok(AvatarMetadata::among(&items)?),
            None => Ok(AvatarMetadata::default()),
        }
    }

    /// Returns the data of an avatar, whose hash is verified.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Avatar`] if it is not there or is another one, and [`ServiceError::Request`].
    pub async fn avatar_data(&self, of: &BareJid, id: AvatarId) -> Result<Vec<u8>, ServiceError> {
        let of = Jid::from(of.clone());
        let items = self
            .node_item(Some(&of), ns::AVATAR_DATA, &id.to_string())
            .await?;
        Ok(avatar::data_among(&items, id)?)
    }

    /// Publishes the name that the user wants to be called by; an empty one removes it.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`].
    pub async fn publish_nick(&self, name: &str) -> Result<(), ServiceError> {
        let options = NodeOptions::default();
        self.publish(None, ns::NICK, None, nick::to_element(name), &options)
            .await?;
        Ok(())
    }

    /// Returns the name that a user wants to be called by, if there is one.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`] and [`ServiceError::Unreadable`].
    pub async fn nick(&self, of: &BareJid) -> Result<Option<String>, ServiceError> {
        let items = self.newest_item(of, ns::NICK).await?;
        let nick = items.and_then(|items| items.items.into_iter().next()?.payload);
        Ok(nick.and_then(|nick| nick::read(&nick)))
    }

    /// Returns what a user says about themselves: the vCard 4 that the account publishes (XEP-0292), else its vcard-temp
    /// (XEP-0054); an empty one where there is neither.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`] and [`ServiceError::Unreadable`].
    pub async fn vcard(&self, of: &BareJid) -> Result<Vcard, ServiceError> {
        // Both at once: one round trip.
        let to = Jid::from(of.clone());
        let temp = self.get(Some(&to), vcard::temp_request());
        let items = self.newest_item(of, ns::VCARD4_NODE).await;
        let payload = items
            .ok()
            .flatten()
            .and_then(|items| items.items.into_iter().next()?.payload);
        if let Some(Ok(card)) = payload.as_ref().map(vcard::parse_4) {
            return Ok(card);
        }
        match temp.await {
            Ok(answer) => Ok(vcard::parse_temp(&answer)?),
            Err(IqError::Refused(error)) if error.condition == StanzaCondition::ItemNotFound => {
                Ok(Vcard::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the newest item of a node of an account; `None` where there is no such node.
    async fn newest_item(&self, of: &BareJid, node: &str) -> Result<Option<Items>, ServiceError> {
        let of = Jid::from(of.clone());
        self.items_if_any(Some(&of), node, NonZeroU32::new(1)).await
    }
}
