//! What all stanzas have in common: errors and answers (RFC 6120 sections 8.2.3 and 8.3).

use crate::ns;
use crate::peer_text::PeerText;
use crate::xep::condition::conditions;
use crate::xml::Element;

conditions! {
    /// The conditions of RFC 6120 section 8.3.3.
    StanzaCondition in ns::STANZA_ERRORS {
        BadRequest = "bad-request",
        Conflict = "conflict",
        FeatureNotImplemented = "feature-not-implemented",
        Forbidden = "forbidden",
        Gone = "gone",
        InternalServerError = "internal-server-error",
        ItemNotFound = "item-not-found",
        JidMalformed = "jid-malformed",
        NotAcceptable = "not-acceptable",
        NotAllowed = "not-allowed",
        NotAuthorized = "not-authorized",
        PolicyViolation = "policy-violation",
        RecipientUnavailable = "recipient-unavailable",
        Redirect = "redirect",
        RegistrationRequired = "registration-required",
        RemoteServerNotFound = "remote-server-not-found",
        RemoteServerTimeout = "remote-server-timeout",
        ResourceConstraint = "resource-constraint",
        ServiceUnavailable = "service-unavailable",
        SubscriptionRequired = "subscription-required",
        UndefinedCondition = "undefined-condition",
        UnexpectedRequest = "unexpected-request",
    }
}

/// What the sender of the stanza may do about an error (RFC 6120 section 8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Only a warning.
    Continue,
    /// Retry after changing the data.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl ErrorType {
    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cancel => "cancel",
            Self::Continue => "continue",
            Self::Modify => "modify",
            Self::Wait => "wait",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "auth" => Some(Self::Auth),
            "cancel" => Some(Self::Cancel),
            "continue" => Some(Self::Continue),
            "modify" => Some(Self::Modify),
            "wait" => Some(Self::Wait),
            _ => None,
        }
    }
}

/// `<error/>` of a stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaError {
    /// What may be done about it.
    pub kind: ErrorType,
    /// What went wrong.
    pub condition: StanzaCondition,
    /// The sender's own text.
    pub text: Option<PeerText>,
}

impl StanzaError {
    /// Returns an error without text.
    pub fn new(kind: ErrorType, condition: StanzaCondition) -> Self {
        Self {
            kind,
            condition,
            text: None,
        }
    }

    /// Returns the error of a stanza of type `error`. Missing or unknown values are read pessimistically: `cancel`, `Unknown`.
    pub fn of(stanza: &Element) -> Option<Self> {
        if stanza.attr("type") != Some("error") {
            return None;
        }
        let Some(error) = stanza.child("error", stanza.ns()) else {
            return Some(Self::new(ErrorType::Cancel, StanzaCondition::Unknown));
        };
        Some(Self {
            kind: error
                .attr("type")
                .and_then(ErrorType::parse)
                .unwrap_or(ErrorType::Cancel),
            condition: StanzaCondition::of(error).unwrap_or(StanzaCondition::Unknown),
            text: error
                .child("text", ns::STANZA_ERRORS)
                .and_then(|text| PeerText::new(&text.text())),
        })
    }

    /// Returns `<error/>`. `Unknown` is written as `undefined-condition`.
    pub fn to_element(&self) -> Element {
        let name = match self.condition {
            StanzaCondition::Unknown => StanzaCondition::UndefinedCondition.name(),
            known => known.name(),
        };
        let mut error = Element::new("error", ns::CLIENT)
            .with_attr("type", self.kind.name())
            .with_child(Element::new(name, ns::STANZA_ERRORS));
        if let Some(text) = &self.text {
            error.push_child(Element::new("text", ns::STANZA_ERRORS).with_text(text.as_str()));
        }
        error
    }
}

/// Returns whether this is an iq that must be answered.
pub fn is_request(iq: &Element) -> bool {
    iq.is("iq", ns::CLIENT) && matches!(iq.attr("type"), Some("get" | "set"))
}

/// Returns whether this is an iq that answers a request.
pub fn is_response(iq: &Element) -> bool {
    iq.is("iq", ns::CLIENT) && matches!(iq.attr("type"), Some("result" | "error"))
}

/// Returns the empty result that answers `iq`.
pub fn result_reply(iq: &Element) -> Element {
    reply(iq, "result")
}

/// Returns the error that answers `iq`.
pub fn error_reply(iq: &Element, error: &StanzaError) -> Element {
    reply(iq, "error").with_child(error.to_element())
}

/// Returns a request without payload. Without `to` it is addressed to the client's own account.
pub fn iq(kind: &str, id: &str, to: Option<&str>) -> Element {
    let mut iq = Element::new("iq", ns::CLIENT)
        .with_attr("type", kind)
        .with_attr("id", id);
    if let Some(to) = to {
        iq.set_attr("to", to);
    }
    iq
}

fn reply(iq: &Element, kind: &str) -> Element {
    let mut reply = Element::new("iq", ns::CLIENT).with_attr("type", kind);
    for (ours, theirs) in [("id", "id"), ("to", "from"), ("from", "to")] {
        if let Some(value) = iq.attr(theirs) {
            reply.set_attr(ours, value);
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    #[test]
    fn an_answer_goes_back_where_the_request_came_from() {
        let request = element(
            "<iq xmlns='jabber:client' type='get' id='a1' from='juliet@capulet.example/balcony' to='romeo@montague.example/orchard'><ping xmlns='urn:xmpp:ping'/></iq>",
        );
        assert!(is_request(&request));
        let error = StanzaError {
            text: PeerText::new("too <big>"),
            ..StanzaError::new(ErrorType::Modify, StanzaCondition::PolicyViolation)
        };
        let reply = error_reply(&request, &error);
        assert_eq!(reply.attr("type"), Some("error"));
        assert_eq!(reply.attr("id"), Some("a1"));
        assert_eq!(reply.attr("to"), Some("juliet@capulet.example/balcony"));
        assert_eq!(reply.attr("from"), Some("romeo@montague.example/orchard"));
        assert_eq!(StanzaError::of(&reply), Some(error));
        let result = result_reply(&request);
        assert_eq!(result.attr("type"), Some("result"));
        assert!(result.nodes().is_empty());
        assert!(is_response(&result) && !is_request(&result));
    }

    #[test]
    fn an_answer_invents_no_address() {
        let request = element("<iq xmlns='jabber:client' type='set' id='p'/>");
        let reply = result_reply(&request);
        assert_eq!((reply.attr("to"), reply.attr("from")), (None, None));
    }

    #[test]
    fn only_get_and_set_ask_for_an_answer() {
        for (xml, expected) in [
            ("<iq xmlns='jabber:client' type='get' id='1'/>", true),
            ("<iq xmlns='jabber:client' type='result' id='1'/>", false),
            ("<iq xmlns='jabber:client' type='error' id='1'/>", false),
            ("<iq xmlns='jabber:client' id='1'/>", false),
            ("<iq xmlns='jabber:server' type='get' id='1'/>", false),
            ("<message xmlns='jabber:client' type='get'/>", false),
        ] {
            assert_eq!(is_request(&element(xml)), expected, "{xml}");
        }
    }

    #[test]
    fn a_vague_error_is_read_pessimistically() {
        let vague = StanzaError::new(ErrorType::Cancel, StanzaCondition::Unknown);
        for inner in [
            "",
            "<error/>",
            "<error type='shrug'/>",
            "<error type='cancel'><odd xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        ] {
            let stanza = element(&format!(
                "<iq xmlns='jabber:client' type='error' id='1'>{inner}</iq>"
            ));
            assert_eq!(StanzaError::of(&stanza), Some(vague.clone()), "{inner}");
        }
        let result = element("<iq xmlns='jabber:client' type='result' id='1'/>");
        assert_eq!(StanzaError::of(&result), None);
    }
}
