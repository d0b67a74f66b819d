//! XEP-0359: ids by which duplicates are recognized.

use crate::jid;
use crate::ns;
use crate::xml::Element;

/// `<origin-id/>`: the sender's own id.
pub fn origin_id(id: &str) -> Element {
    Element::new("origin-id", ns::STANZA_ID).with_attr("id", id)
}

/// Returns the sender's own id. It is only a claim: it identifies duplicates of one sender, and nothing else.
pub fn parse_origin_id(message: &Element) -> Option<&str> {
    message.child("origin-id", ns::STANZA_ID)?.attr("id")
}

/// Returns the id that `by`, a prepared address, assigned to this message. Trust it only if `by` removes forged ones, that is,
/// if it announces `urn:xmpp:sid:0`. Of more than one the last counts: an id that a sender forged was there before the entity
/// added its own, and not every server removes it (XEP-0359 section 5).
pub fn stanza_id<'a>(message: &'a Element, by: &str) -> Option<&'a str> {
    let id = message.children().filter(|child| is_by(child, by)).last()?;
    id.attr("id")
}

/// Returns whether this is a `<stanza-id/>` in the name of `by`, a prepared address.
pub fn is_by(child: &Element, by: &str) -> bool {
    child.is("stanza-id", ns::STANZA_ID)
        && child
            .attr("by")
            .is_some_and(|assigner| jid::is_same(assigner, by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    fn message(inner: &str) -> Element {
        element(&format!("<message xmlns='jabber:client'>{inner}</message>"))
    }

    #[test]
    fn each_id_belongs_to_who_gave_it() {
        let message = message(
            "<stanza-id xmlns='urn:xmpp:sid:0' id='room-1' by='room@muc.example.com'/>
             <stanza-id xmlns='urn:xmpp:sid:0' id='mine-1' by='juliet@capulet.example'/>
             <origin-id xmlns='urn:xmpp:sid:0' id='origin-1'/>",
        );
        assert_eq!(stanza_id(&message, "room@muc.example.com"), Some("room-1"));
        assert_eq!(
            stanza_id(&message, "juliet@capulet.example"),
            Some("mine-1")
        );
        assert_eq!(stanza_id(&message, "tybalt@capulet.example"), None);
        assert_eq!(parse_origin_id(&message), Some("origin-1"));
    }

    #[test]
    fn w5_the_entity_that_assigned_an_id_added_it_last() {
        let forged = message(
            "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='a@b.example'/><stanza-id xmlns='urn:xmpp:sid:0' id='2' by='a@b.example'/>",
        );
        assert_eq!(stanza_id(&forged, "a@b.example"), Some("2"));
        let without = message(
            "<stanza-id xmlns='urn:xmpp:sid:0' by='a@b.example'/><origin-id xmlns='urn:xmpp:sid:0'/>",
        );
        assert_eq!(stanza_id(&without, "a@b.example"), None);
        assert_eq!(parse_origin_id(&without), None);
    }

    #[test]
    fn w3_an_id_belongs_to_its_entity_however_that_is_spelled() {
        let message = message(
            "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='Juliet@XN--MLLER-KVA.example'/>
             <stanza-id xmlns='urn:xmpp:sid:0' id='2' by='juliet@muller.example'/>",
        );
        assert_eq!(stanza_id(&message, "juliet@müller.example"), Some("1"));
        assert_eq!(stanza_id(&message, "juliet@mueller.example"), None);
    }

    #[test]
    fn an_origin_id_comes_back() {
        let message = Element::new("message", ns::CLIENT).with_child(origin_id("x"));
        assert_eq!(parse_origin_id(&message), Some("x"));
    }
}
