//! XEP-0359: ids that the sender and the archives assigned. XEP-0421: the id of an occupant of a room.

use snapback_types::jid::Jid;
use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, ProblemReason, id_of, malformed};

/// The maximum number of archive ids of one message, 16: of the room and of the own account there is one each.
pub const MAX_STANZA_IDS: usize = 16;

const ORIGIN_ID: Kind = Kind::new("origin-id", ns::STANZA_ID);
const STANZA_ID: Kind = Kind::new("stanza-id", ns::STANZA_ID);
const OCCUPANT_ID: Kind = Kind::new("occupant-id", ns::OCCUPANT_ID);

/// An id that an entity claims to have assigned. It is true only where that entity announces `urn:xmpp:sid:0`: then it removes
/// those that others have added in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaId {
    /// The id.
    pub id: String,
    /// The entity.
    pub by: Jid,
}

pub(crate) fn read_origin_id(payloads: &mut Payloads<'_>) -> Option<String> {
    payloads.one(ORIGIN_ID, |element| id_of(element, ORIGIN_ID, "id"))
}

/// Returns the last ids: those before an entity's own are forged in its name (XEP-0359 section 5).
pub(crate) fn read_stanza_ids(payloads: &mut Payloads<'_>) -> Vec<StanzaId> {
    let children = payloads.message.children();
    let all: Vec<&Element> = children.filter(|child| STANZA_ID.is(child)).collect();
    let surplus = all.len().saturating_sub(MAX_STANZA_IDS);
    if surplus > 0 {
        payloads.report(STANZA_ID, ProblemReason::TooMany(MAX_STANZA_IDS));
    }
    let read = |element| {
        let by = id_of(element, STANZA_ID, "by")?;
        Ok(StanzaId {
            id: id_of(element, STANZA_ID, "id")?,
            by: Jid::try_from(by.as_str()).map_err(|_| malformed(STANZA_ID, "by"))?,
        })
    };
    all.into_iter()
        .skip(surplus)
        .filter_map(|element| payloads.typed(STANZA_ID, read(element)))
        .collect()
}

pub(crate) fn read_occupant_id(payloads: &mut Payloads<'_>) -> Option<String> {
    payloads.one(OCCUPANT_ID, |element| id_of(element, OCCUPANT_ID, "id"))
}
