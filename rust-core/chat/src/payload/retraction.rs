//! XEP-0308: corrections. XEP-0424: retractions, by their author or (XEP-0425) by a moderator of the room.

use snapback_wire::ns;
use snapback_wire::time::UnixTime;
use snapback_wire::xep::datetime;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, id_of, malformed, with_id};

const REPLACE: Kind = Kind::new("replace", ns::CORRECTION);
const RETRACT: Kind = Kind::new("retract", ns::RETRACTION);
const RETRACTED: Kind = Kind::new("retracted", ns::RETRACTION);

/// A request to remove a message (XEP-0424 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// The id of the message: in a room the id that the room assigned, else the stanza's own id.
    pub id: String,
    /// Whether it claims to be of a moderator of the room (XEP-0425).
    pub is_moderated: bool,
}

/// What an archive keeps of a message that was retracted (XEP-0424 section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The id of the message that retracted it.
    pub id: String,
    /// When it was retracted, if that is known.
    pub stamp: Option<UnixTime>,
}

/// Returns the payload of a message that replaces the one of this id.
pub fn replace(id: &str) -> Element {
    with_id(REPLACE, id)
}

/// Returns the payload of a message that retracts the one of this id.
pub fn retract(id: &str) -> Element {
    with_id(RETRACT, id)
}

/// Returns the id of the message that is replaced.
pub(crate) fn read_correction(payloads: &mut Payloads<'_>) -> Option<String> {
    payloads.one(REPLACE, |element| id_of(element, REPLACE, "id"))
}

pub(crate) fn read(payloads: &mut Payloads<'_>) -> Option<Retraction> {
    payloads.one(RETRACT, |element| {
        Ok(Retraction {
            id: id_of(element, RETRACT, "id")?,
            is_moderated: element.has_child("moderated", ns::MODERATION),
        })
    })
}

pub(crate) fn read_tombstone(payloads: &mut Payloads<'_>) -> Option<Tombstone> {
    payloads.one(RETRACTED, |element| {
        let stamp = element.attr("stamp").map(stamp).transpose()?;
        Ok(Tombstone {
            id: id_of(element, RETRACTED, "id")?,
            stamp,
        })
    })
}

fn stamp(text: &str) -> Result<UnixTime, CodecError> {
    datetime::parse(text).ok_or(malformed(RETRACTED, "stamp"))
}
