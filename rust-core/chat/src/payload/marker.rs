//! XEP-0333: displayed markers.

use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, id_of, with_id};

pub(crate) const MARKABLE: Kind = Kind::new("markable", ns::CHAT_MARKERS);
const DISPLAYED: Kind = Kind::new("displayed", ns::CHAT_MARKERS);
/// Of versions before 0.4, which some clients still send. Their third marker, `acknowledged`, means displayed and more.
const RECEIVED: Kind = Kind::new("received", ns::CHAT_MARKERS);
const ACKNOWLEDGED: Kind = Kind::new("acknowledged", ns::CHAT_MARKERS);

/// Returns the request for a marker.
pub fn markable() -> Element {
    Element::new(MARKABLE.name, MARKABLE.ns)
}

/// Returns the marker for the message of this id: that message was displayed, and all before it.
pub fn displayed(id: &str) -> Element {
    with_id(DISPLAYED, id)
}

/// Returns the id of the message that was displayed.
pub(crate) fn read(payloads: &mut Payloads<'_>) -> Option<String> {
    let displayed = payloads.one(DISPLAYED, |element| id_of(element, DISPLAYED, "id"));
    displayed.or_else(|| payloads.one(ACKNOWLEDGED, |element| id_of(element, ACKNOWLEDGED, "id")))
}

/// Returns the id of the message that was received, by the marker of older versions.
pub(crate) fn read_received(payloads: &mut Payloads<'_>) -> Option<String> {
    payloads.one(RECEIVED, |element| id_of(element, RECEIVED, "id"))
}
