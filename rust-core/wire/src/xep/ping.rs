//! XEP-0199: ping. Any answer to a ping, including an error, proves that the stream works.

use crate::ns;
use crate::stanza;
use crate::xml::Element;

/// Returns the ping iq; without `to` it is addressed to the client's server.
pub fn request(id: &str, to: Option<&str>) -> Element {
    stanza::iq("get", id, to).with_child(Element::new("ping", ns::PING))
}

/// Returns whether this is a ping that [`stanza::result_reply`] answers.
pub fn is_ping(iq: &Element) -> bool {
    stanza::is_request(iq) && iq.attr("type") == Some("get") && iq.has_child("ping", ns::PING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    #[test]
    fn asks_and_recognises() {
        let ping = request("c2s1", Some("capulet.lit"));
        assert_eq!(
            ping.to_xml(),
            "<iq type='get' id='c2s1' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>"
        );
        assert!(is_ping(&ping));
        assert!(!is_ping(&stanza::result_reply(&ping)));
        let set = "<iq xmlns='jabber:client' type='set' id='1'><ping xmlns='urn:xmpp:ping'/></iq>";
        assert!(!is_ping(&element(set)));
    }
}
