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
    /// The new address of what is `Gone` or `Redirect`ed, as the sender wrote it: a URI (RFC 6120 sections 8.3.3.5 and 8.3.3.14).
    pub new_address: Option<PeerText>,
    /// The application-specific conditions and their data (RFC 6120 section 8.3.4), such as `<file-too-large/>` of XEP-0363. At
    /// most 8, and at most 16 KiB of memory: what exceeds this is left out.
    pub details: Vec<Element>,
}

/// More than one application-specific condition is not usual; some come with an element of data beside them.
const MAX_DETAILS: usize = 8;
/// In bytes of memory. An error is kept in the queue of events, whose size counts what others can send (rule I20).
const MAX_DETAILS_MEMORY: usize = 16 * 1024;

impl StanzaError {
    /// Returns an error without text.
    pub fn new(kind: ErrorType, condition: StanzaCondition) -> Self {
        Self {
            kind,
            condition,
            text: None,
            new_address: None,
            details: Vec::new(),
        }
    }

    /// Returns the application-specific condition, or its data, of this name.
    pub fn detail(&self, name: &str, ns: &str) -> Option<&Element> {
        self.details.iter().find(|detail| detail.is(name, ns))
    }

    /// Returns the error of a stanza of type `error`. Missing or unknown values are read pessimistically: `cancel`, `Unknown`.
    pub fn of(stanza: &Element) -> Option<Self> {
        if stanza.attr("type") != Some("error") {
            return None;
        }
        let Some(error) = stanza.child("error", stanza.ns()) else {
            return Some(Self::new(ErrorType::Cancel, StanzaCondition::Unknown));
        };
        let condition = StanzaCondition::of(error).unwrap_or(StanzaCondition::Unknown);
        let names_address = matches!(condition, StanzaCondition::Gone | StanzaCondition::Redirect);
        Some(Self {
            kind: error
                .attr("type")
                .and_then(ErrorType::parse)
                .unwrap_or(ErrorType::Cancel),
            condition,
            text: error
                .child("text", ns::STANZA_ERRORS)
                .and_then(|text| PeerText::new(&text.text())),
            new_address: error
                .child(condition.name(), ns::STANZA_ERRORS)
                .filter(|_| names_address)
                .and_then(|condition| PeerText::new(&condition.text())),
            details: details(error),
        })
    }

    /// Returns `<error/>`. `Unknown` is written as `undefined-condition`.
    pub fn to_element(&self) -> Element {
        let name = match self.condition {
            StanzaCondition::Unknown => StanzaCondition::UndefinedCondition.name(),
            known => known.name(),
        };
        let mut condition = Element::new(name, ns::STANZA_ERRORS);
        if let Some(address) = &self.new_address {
            condition.push_text(address.as_str());
        }
        let mut error = Element::new("error", ns::CLIENT)
            .with_attr("type", self.kind.name())
            .with_child(condition);
        if let Some(text) = &self.text {
            error.push_child(Element::new("text", ns::STANZA_ERRORS).with_text(text.as_str()));
        }
        for detail in &self.details {
            error.push_child(detail.clone());
        }
        error
    }
}

fn details(error: &Element) -> Vec<Element> {
    let mut left = MAX_DETAILS_MEMORY;
    error
        .children()
        .filter(|child| child.ns() != ns::STANZA_ERRORS)
        .take(MAX_DETAILS)
        .map_while(|child| {
            left = left.checked_sub(child.memory())?;
            Some(child.clone())
        })
        .collect()
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

/// Without `from`, which the server adds (RFC 6120 section 8.1.2.1): its sender chose how the client's own address is written
/// in `to`, and a server that compares text would end the stream.
fn reply(iq: &Element, kind: &str) -> Element {
    let mut reply = Element::new("iq", ns::CLIENT).with_attr("type", kind);
    for (ours, theirs) in [("id", "id"), ("to", "from")] {
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
        assert_eq!(reply.attr("from"), None, "the server knows it");
        assert_eq!(StanzaError::of(&reply), Some(error));
        let result = result_reply(&request);
        assert_eq!(result.attr("type"), Some("result"));
        assert!(result.nodes().is_empty());
        assert!(is_response(&result) && !is_request(&result));
    }

    #[test]
    fn an_error_keeps_its_application_specific_conditions_and_their_data() {
        // XEP-0363 section 5, XEP-0060 section 7.1.3, and RFC 6120 section 8.3.3.5.
        let stanza = element(
            "<iq xmlns='jabber:client' type='error' id='1'><request xmlns='urn:xmpp:http:upload:0'/><error type='modify'>
               <not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
               <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Too large.</text>
               <file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>20000</max-file-size></file-too-large>
             </error></iq>",
        );
        let error = StanzaError::of(&stanza).unwrap();
        assert_eq!(error.condition, StanzaCondition::NotAcceptable);
        let detail = error.detail("file-too-large", "urn:xmpp:http:upload:0");
        let size =
            detail.and_then(|detail| detail.child("max-file-size", "urn:xmpp:http:upload:0"));
        assert_eq!(size.map(Element::text).as_deref(), Some("20000"));
        let again = Element::new("iq", ns::CLIENT)
            .with_attr("type", "error")
            .with_child(error.to_element());
        assert_eq!(StanzaError::of(&again), Some(error));

        let gone = element(
            "<message xmlns='jabber:client' type='error'><error type='cancel' by='example.net'>
               <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:romeo@afterlife.example.net</gone></error></message>",
        );
        let gone = StanzaError::of(&gone).unwrap();
        let address = gone.new_address.as_ref().map(PeerText::as_str);
        assert_eq!(address, Some("xmpp:romeo@afterlife.example.net"));
        let again = Element::new("iq", ns::CLIENT)
            .with_attr("type", "error")
            .with_child(gone.to_element());
        assert_eq!(StanzaError::of(&again), Some(gone));
    }

    #[test]
    fn i20_the_details_of_an_error_are_bounded() {
        let with = |details: &str| {
            let stanza = element(&format!(
                "<iq xmlns='jabber:client' type='error' id='1'><error type='wait'>
                   <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{details}</error></iq>"
            ));
            StanzaError::of(&stanza).unwrap()
        };
        let many = with(&"<x xmlns='urn:x'/>".repeat(100));
        assert_eq!(many.details.len(), MAX_DETAILS);
        let large = format!(
            "<a xmlns='urn:x'/><b xmlns='urn:x'>{}</b>",
            "b".repeat(20_000)
        );
        let large = with(&large);
        assert_eq!(large.condition, StanzaCondition::PolicyViolation);
        assert!(large.detail("a", "urn:x").is_some() && large.detail("b", "urn:x").is_none());
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
