//! XEP-0172: the name that users give themselves.

use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::text_of;

/// The maximum number of bytes of a nickname that is read, 1024.
pub const MAX_NICK: usize = 1024;

/// Returns the nickname in this stanza, such as a subscription request. Any entity can choose any name: it is no proof of who it is.
pub fn of(stanza: &Element) -> Option<String> {
    text_of(stanza, "nick", ns::NICK, MAX_NICK)
}

/// Reads `<nick/>`, the payload of an item.
pub fn read(element: &Element) -> Option<String> {
    let parent = Element::new("item", ns::PUBSUB).with_child(element.clone());
    of(&parent)
}

/// Returns `<nick/>`; an empty name removes it (section 4.5).
pub fn to_element(nick: &str) -> Element {
    Element::new("nick", ns::NICK).with_text(nick)
}
