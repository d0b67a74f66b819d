//! RFC 6120 section 7: resource binding.

use std::fmt;

use crate::ns;
use crate::stanza::{self, StanzaError};
use crate::xml::Element;

use super::error::CodecError;

/// Why there is no bound JID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindError {
    /// The server refused.
    Refused(StanzaError),
    /// The answer breaks its specification.
    Malformed(CodecError),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "binding refused: {}", error.condition),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BindError {}

/// Returns the iq that binds a resource; without one the server generates it.
pub fn request(id: &str, resource: Option<&str>) -> Element {
    let mut bind = Element::new("bind", ns::BIND);
    if let Some(resource) = resource {
        bind.push_child(Element::new("resource", ns::BIND).with_text(resource));
    }
    stanza::iq("set", id, None).with_child(bind)
}

/// Returns the full JID from the answer, as the server wrote it. The caller has matched the iq (T7).
pub fn parse_result(iq: &Element) -> Result<String, BindError> {
    if let Some(error) = StanzaError::of(iq) {
        return Err(BindError::Refused(error));
    }
    iq.child("bind", ns::BIND)
        .and_then(|bind| bind.child("jid", ns::BIND))
        .map(|jid| jid.text().trim().to_owned())
        .filter(|jid| !jid.is_empty())
        .ok_or(BindError::Malformed(CodecError::Missing {
            element: "bind",
            part: "jid",
        }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::{ErrorType, StanzaCondition};
    use crate::xep::testing::element;

    #[test]
    fn asks_with_or_without_a_resource() {
        assert_eq!(
            request("b1", Some("balcony")).to_xml(),
            "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>"
        );
        assert_eq!(
            request("b1", None).to_xml(),
            "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
        );
    }

    #[test]
    fn reads_the_jid_or_the_refusal() {
        let bound = "<iq xmlns='jabber:client' id='b1' type='result'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@im.example.com/balcony</jid></bind></iq>";
        assert_eq!(
            parse_result(&element(bound)).unwrap(),
            "juliet@im.example.com/balcony"
        );
        let refused = "<iq xmlns='jabber:client' id='b1' type='error'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
        assert_eq!(
            parse_result(&element(refused)),
            Err(BindError::Refused(StanzaError::new(
                ErrorType::Wait,
                StanzaCondition::ResourceConstraint
            )))
        );
        for inner in [
            "",
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid/></bind>",
        ] {
            let iq = element(&format!(
                "<iq xmlns='jabber:client' id='b1' type='result'>{inner}</iq>"
            ));
            assert!(
                matches!(parse_result(&iq), Err(BindError::Malformed(_))),
                "{inner}"
            );
        }
    }
}
