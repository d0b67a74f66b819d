//! XEP-0084: avatars, published on an account; XEP-0153: the hash of the one in a vCard.

use std::fmt;

use sha1::{Digest, Sha1};
use snapback_types::hex;
use snapback_wire::ns;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::pubsub::{Item, Items};
use super::{bad, from_base64, missing, number, to_base64};
use crate::payload::files::MAX_URI;

/// The maximum number of bytes of an avatar that is read, 2 MiB: clients publish tens of kilobytes.
pub const MAX_AVATAR: usize = 2 * 1024 * 1024;
/// The maximum number of formats of one avatar that are read, 16.
pub const MAX_FORMATS: usize = 16;
/// The maximum number of bytes of a media type.
const MAX_TYPE: usize = 256;

/// The SHA-1 of the data of an avatar, which is its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AvatarId([u8; 20]);

/// One format of an avatar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarInfo {
    /// Its id.
    pub id: AvatarId,
    /// Its size in bytes, as the publisher states it.
    pub bytes: u64,
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// Its width in pixels, if stated.
    pub width: Option<u32>,
    /// Its height in pixels, if stated.
    pub height: Option<u32>,
    /// Where it is, if it is not on the account. The URL may have any scheme, and lead anywhere: a download shows the user's address
    /// to its host.
    pub url: Option<String>,
}

/// What avatars a user has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvatarMetadata {
    /// One avatar in several formats; empty if the user has none (section 4.2.3).
    pub formats: Vec<AvatarInfo>,
    /// The number of formats that cannot be read, and of those beyond [`MAX_FORMATS`].
    pub unreadable: usize,
}

/// Why the data of an avatar is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvatarError {
    /// The account has none with this id.
    NotThere,
    /// It is no base64, or has more bytes than [`MAX_AVATAR`].
    Malformed,
    /// It has another hash than its id says.
    WrongHash,
}

impl AvatarId {
    /// Returns the id of this data.
    pub fn of(data: &[u8]) -> Self {
        Self(Sha1::digest(data).into())
    }

    /// Reads 40 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 40 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut id = [0; 20];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for AvatarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for AvatarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl AvatarMetadata {
    /// Reads `<metadata/>`, the payload of an item.
    ///
    /// # Errors
    ///
    /// If it is another element.
    pub fn parse(element: &Element) -> Result<Self, CodecError> {
        if !element.is("metadata", ns::AVATAR_METADATA) {
            return Err(missing("item", "metadata"));
        }
        let mut read = Self::default();
        let is_info = |child: &&Element| child.is("info", ns::AVATAR_METADATA);
        for info in element.children().filter(is_info) {
            match AvatarInfo::parse(info) {
                Ok(info) if read.formats.len() < MAX_FORMATS => read.formats.push(info),
                _ => read.unreadable = read.unreadable.saturating_add(1),
            }
        }
        Ok(read)
    }

    /// Reads the metadata among items: of several, that of the first one, which services send first if they are asked for one.
    ///
    /// # Errors
    ///
    /// If the payload is another element.
    pub fn among(items: &Items) -> Result<Self, CodecError> {
        match items.items.iter().find_map(|item| item.payload.as_ref()) {
            Some(payload) => Self::parse(payload),
            None => Ok(Self::default()),
        }
    }

    /// Returns `<metadata/>`; without formats it says that there is no avatar.
    pub fn to_element(&self) -> Element {
        let mut metadata = Element::new("metadata", ns::AVATAR_METADATA);
        for info in &self.formats {
            metadata.push_child(info.to_element());
        }
        metadata
    }
}

impl AvatarInfo {
    fn parse(info: &Element) -> Result<Self, CodecError> {
        let required = |part| info.attr(part).ok_or(missing("info", part));
        let media_type = required("type")?;
        let url = info.attr("url").filter(|url| !url.is_empty());
        if media_type.len() > MAX_TYPE || url.is_some_and(|url| url.len() > MAX_URI) {
            return Err(bad("info", "type"));
        }
        Ok(Self {
            id: AvatarId::parse(required("id")?).ok_or(bad("info", "id"))?,
            bytes: number(required("bytes")?).ok_or(bad("info", "bytes"))?,
            media_type: media_type.to_owned(),
            width: info.attr("width").and_then(number),
            height: info.attr("height").and_then(number),
            url: url.map(str::to_owned),
        })
    }

    fn to_element(&self) -> Element {
        let mut info = Element::new("info", ns::AVATAR_METADATA)
            .with_attr("id", self.id.to_string())
            .with_attr("bytes", self.bytes.to_string())
            .with_attr("type", &self.media_type);
        let numbers = [("width", self.width), ("height", self.height)];
        for (name, value) in numbers {
            if let Some(value) = value {
                info.set_attr(name, value.to_string());
            }
        }
        if let Some(url) = &self.url {
            info.set_attr("url", url);
        }
        info
    }
}

/// Returns `<data/>`, the payload of the item with the avatar's id.
pub fn data_element(data: &[u8]) -> Element {
    Element::new("data", ns::AVATAR_DATA).with_text(to_base64(data))
}

/// Reads the data of this avatar.
///
/// # Errors
///
/// If it is not there, cannot be read, or is not what its id says: a picture that another one was exchanged for.
pub fn data_among(items: &Items, id: AvatarId) -> Result<Vec<u8>, AvatarError> {
    let is_it = |item: &&Item| {
        let stated = item.id.as_deref();
        stated.is_some_and(|stated| AvatarId::parse(stated) == Some(id))
    };
    let payload = items
        .items
        .iter()
        .find(is_it)
        .and_then(|item| item.payload.as_ref());
    let data = payload
        .filter(|data| data.is("data", ns::AVATAR_DATA))
        .ok_or(AvatarError::NotThere)?;
    let bytes = from_base64(&data.text(), MAX_AVATAR).ok_or(AvatarError::Malformed)?;
    if AvatarId::of(&bytes) != id {
        return Err(AvatarError::WrongHash);
    }
    Ok(bytes)
}

/// What a presence says about the avatar in its sender's vCard (XEP-0153).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VcardAvatar {
    /// There is none.
    None,
    /// The one with this hash.
    Hash(AvatarId),
}

/// Reads `<x/>` of a presence; `None` if the presence says nothing, or the client is not ready to (section 4.1).
pub fn in_presence(presence: &Element) -> Option<VcardAvatar> {
    let update = presence.child("x", ns::VCARD_UPDATE)?;
    let photo = update.child("photo", ns::VCARD_UPDATE)?.text();
    match photo.trim() {
        "" => Some(VcardAvatar::None),
        hash => AvatarId::parse(hash).map(VcardAvatar::Hash),
    }
}
