//! What users show of themselves: avatars (XEP-0084), nicknames (XEP-0172), vCards (XEP-0292, XEP-0054).

use snapback_client as core;
use snapback_client::service::avatar::{self, AvatarId};
use snapback_client::service::pubsub::AccessModel;
use snapback_client::service::vcard::{self, Photo};

use crate::client::CoreClient;
use crate::services::{AvatarProblem, ServiceError, bare};

/// An avatar to be published.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OutgoingAvatar {
    /// The picture.
    pub data: Vec<u8>,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// Its width in pixels.
    #[uniffi(default = None)]
    pub width: Option<u32>,
    /// Its height in pixels.
    #[uniffi(default = None)]
    pub height: Option<u32>,
}

/// One format of an avatar.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct AvatarInfo {
    /// Its id: the SHA-1 of the data, as 40 hexadecimal digits.
    pub id: String,
    /// Its size in bytes, as the publisher states it.
    pub bytes: u64,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// Its width in pixels, if stated.
    pub width: Option<u32>,
    /// Its height in pixels, if stated.
    pub height: Option<u32>,
    /// Where it is, if it is not on the account. It may lead anywhere.
    pub url: Option<String>,
}

/// What a presence says about the avatar in its sender's vCard (XEP-0153).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum VcardAvatar {
    /// There is none.
    Absent,
    /// The one with this hash.
    Hash {
        /// 40 hexadecimal digits.
        id: String,
    },
}

/// A vCard, as far as a chat app shows it. Every value is the user's own claim.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Vcard {
    /// The name, formatted.
    pub full_name: Option<String>,
    /// Names that the user goes by.
    pub nicknames: Vec<String>,
    /// Organisations.
    pub organisations: Vec<String>,
    /// A role or title.
    pub title: Option<String>,
    /// Birthday, as written.
    pub birthday: Option<String>,
    /// Web pages.
    pub urls: Vec<String>,
    /// Addresses of email.
    pub emails: Vec<String>,
    /// Telephone numbers; in vCard 4 as URIs.
    pub phones: Vec<String>,
    /// A text.
    pub note: Option<String>,
    /// A picture.
    pub photo: Option<VcardPhoto>,
}

/// A picture in a vCard.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum VcardPhoto {
    /// Its data.
    Inline {
        /// Its media type, as stated.
        media_type: Option<String>,
        /// The bytes.
        data: Vec<u8>,
        /// Their SHA-1, as 40 hexadecimal digits.
        id: String,
    },
    /// A link, which may lead anywhere.
    Link {
        /// The URI.
        uri: String,
    },
}

#[uniffi::export]
impl CoreClient {
    /// Publishes an avatar; returns its id.
    pub async fn publish_avatar(
        &self,
        avatar: OutgoingAvatar,
        access: Option<AccessModel>,
    ) -> Result<String, ServiceError> {
        let avatar = core::OutgoingAvatar {
            data: avatar.data,
            media_type: avatar.media_type,
            width: avatar.width,
            height: avatar.height,
        };
        self.serve(|client| async move { client.publish_avatar(&avatar, access).await })
            .await
            .map(|id| id.to_string())
    }

    /// Returns the formats of a user's avatar; none if the user has none.
    pub async fn avatar_metadata(&self, of: String) -> Result<Vec<AvatarInfo>, ServiceError> {
        let of = bare(&of)?;
        let metadata = self
            .serve(|client| async move { client.avatar_metadata(&of).await })
            .await?;
        Ok(metadata.formats.into_iter().map(Into::into).collect())
    }

    /// Returns the data of an avatar, whose hash is verified.
    pub async fn avatar_data(&self, of: String, id: String) -> Result<Vec<u8>, ServiceError> {
        let of = bare(&of)?;
        let id = AvatarId::parse(&id).ok_or(ServiceError::Avatar {
            problem: AvatarProblem::NotThere,
        })?;
        self.serve(|client| async move { client.avatar_data(&of, id).await })
            .await
    }

    /// Returns the name that a user wants to be called by.
    pub async fn nick(&self, of: String) -> Result<Option<String>, ServiceError> {
        let of = bare(&of)?;
        self.serve(|client| async move { client.nick(&of).await })
            .await
    }

    /// Returns what a user says about themselves.
    pub async fn vcard(&self, of: String) -> Result<Vcard, ServiceError> {
        let of = bare(&of)?;
        self.serve(|client| async move { client.vcard(&of).await })
            .await
            .map(Into::into)
    }
}

/// Reads the payload of an item on the node `urn:xmpp:avatar:metadata`; nothing if it is another element. No format means that the
/// user has no avatar.
#[uniffi::export]
pub fn parse_avatar_metadata(payload: String) -> Option<Vec<AvatarInfo>> {
    let element = core::parse_received_xml(&payload).ok()?;
    let metadata = avatar::AvatarMetadata::parse(&element).ok()?;
    Some(metadata.formats.into_iter().map(Into::into).collect())
}

/// Returns what a presence, given as XML, says about the avatar in its sender's vCard; nothing if it says nothing.
#[uniffi::export]
pub fn vcard_avatar(presence: String) -> Option<VcardAvatar> {
    let presence = core::parse_received_xml(&presence).ok()?;
    Some(match avatar::in_presence(&presence)? {
        avatar::VcardAvatar::None => VcardAvatar::Absent,
        avatar::VcardAvatar::Hash(id) => VcardAvatar::Hash { id: id.to_string() },
    })
}

impl From<avatar::AvatarInfo> for AvatarInfo {
    fn from(info: avatar::AvatarInfo) -> Self {
        Self {
            id: info.id.to_string(),
            bytes: info.bytes,
            media_type: info.media_type,
            width: info.width,
            height: info.height,
            url: info.url,
        }
    }
}

impl From<vcard::Vcard> for Vcard {
    fn from(card: vcard::Vcard) -> Self {
        Self {
            full_name: card.full_name,
            nicknames: card.nicknames,
            organisations: card.organisations,
            title: card.title,
            birthday: card.birthday,
            urls: card.urls,
            emails: card.emails,
            phones: card.phones,
            note: card.note,
            photo: card.photo.map(|photo| match photo {
                Photo::Data {
                    media_type,
                    data,
                    id,
                } => VcardPhoto::Inline {
                    media_type,
                    data,
                    id: id.to_string(),
                },
                Photo::Uri(uri) => VcardPhoto::Link { uri },
            }),
        }
    }
}
