//! XEP-0184: delivery receipts.

use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, id_of, with_id};

pub(crate) const REQUEST: Kind = Kind::new("request", ns::RECEIPTS);
pub(crate) const RECEIVED: Kind = Kind::new("received", ns::RECEIPTS);

/// Returns the request for a receipt.
pub fn request() -> Element {
    Element::new(REQUEST.name, REQUEST.ns)
}

/// Returns the receipt for the message of this id.
pub fn received(id: &str) -> Element {
    with_id(RECEIVED, id)
}

/// Returns the id of the message that was received.
pub(crate) fn read(payloads: &mut Payloads<'_>) -> Option<String> {
    payloads.one(RECEIVED, |element| id_of(element, RECEIVED, "id"))
}
