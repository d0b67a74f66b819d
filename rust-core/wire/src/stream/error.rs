//! Stream errors (RFC 6120 section 4.9), including the one that XEP-0198 section 6 adds.

use crate::ns;
use crate::peer_text::PeerText;
use crate::xep::condition::conditions;
use crate::xep::value::u32_digits;
use crate::xml::Element;

conditions! {
    /// The conditions of RFC 6120 section 4.9.3.
    StreamCondition in ns::STREAM_ERRORS {
        BadFormat = "bad-format",
        BadNamespacePrefix = "bad-namespace-prefix",
        Conflict = "conflict",
        ConnectionTimeout = "connection-timeout",
        HostGone = "host-gone",
        HostUnknown = "host-unknown",
        ImproperAddressing = "improper-addressing",
        InternalServerError = "internal-server-error",
        InvalidFrom = "invalid-from",
        InvalidNamespace = "invalid-namespace",
        InvalidXml = "invalid-xml",
        NotAuthorized = "not-authorized",
        NotWellFormed = "not-well-formed",
        PolicyViolation = "policy-violation",
        RemoteConnectionFailed = "remote-connection-failed",
        Reset = "reset",
        ResourceConstraint = "resource-constraint",
        RestrictedXml = "restricted-xml",
        SeeOtherHost = "see-other-host",
        SystemShutdown = "system-shutdown",
        UndefinedCondition = "undefined-condition",
        UnsupportedEncoding = "unsupported-encoding",
        UnsupportedFeature = "unsupported-feature",
        UnsupportedStanzaType = "unsupported-stanza-type",
        UnsupportedVersion = "unsupported-version",
    }
}

impl StreamCondition {
    /// Returns whether a later connection may succeed. After a `conflict` it does not (I10): the other client would be
    /// disconnected in turn. An error about the account's address or the protocol version is permanent. A server that cannot
    /// parse the stream may have received a truncated stanza, or may be repaired later, so a phone does not give up
    /// permanently.
    pub fn is_retryable(self) -> bool {
        !matches!(
            self,
            Self::Conflict
                | Self::HostGone
                | Self::HostUnknown
                | Self::InvalidFrom
                | Self::UnsupportedEncoding
                | Self::UnsupportedVersion
        )
    }
}

/// `<stream:error/>`: the last element of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// What went wrong.
    pub condition: StreamCondition,
    /// The sender's own text.
    pub text: Option<PeerText>,
    /// The application-specific condition: name and namespace.
    pub app: Option<(String, String)>,
    /// The alternative address (RFC 6120 section 4.9.3.19). Untrusted: see T8.
    pub see_other_host: Option<String>,
    /// XEP-0198 section 6: the other side acknowledged stanzas that were never sent to it.
    pub handled_count: Option<HandledCount>,
    /// Whether it arrived immediately after the answer to a request of another entity: a `policy-violation` is then attributed
    /// to the answer. Not on the wire; the connection sets it.
    pub after_answer: bool,
}

/// The two counters of `<handled-count-too-high/>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandledCount {
    /// What was acknowledged.
    pub h: u32,
    /// What was sent.
    pub send_count: u32,
}

/// Texts that servers send to the sessions of an account that is being removed.
const ACCOUNT_REMOVED: [&str; 6] = [
    "user removed",
    "user deleted",
    "user has been removed",
    "account deleted",
    "account removed",
    "account has been deleted",
];

const HANDLED_COUNT: &str = "handled-count-too-high";

impl StreamError {
    /// Returns an error that consists of its condition only.
    pub fn new(condition: StreamCondition) -> Self {
        Self {
            condition,
            text: None,
            app: None,
            see_other_host: None,
            handled_count: None,
            after_answer: false,
        }
    }

    /// Returns the error that answers an `h` that is too high (I5).
    pub fn handled_count_too_high(h: u32, send_count: u32) -> Self {
        Self {
            app: Some((HANDLED_COUNT.to_owned(), ns::SM.to_owned())),
            handled_count: Some(HandledCount { h, send_count }),
            ..Self::new(StreamCondition::UndefinedCondition)
        }
    }

    /// Reads `<stream:error/>`, and no other element. An error without a condition is `Unknown`.
    pub fn parse(element: &Element) -> Option<Self> {
        if !element.is("error", ns::STREAM) {
            return None;
        }
        let app = element.children().find(|c| c.ns() != ns::STREAM_ERRORS);
        Some(Self {
            condition: StreamCondition::of(element).unwrap_or(StreamCondition::Unknown),
            text: element
                .child("text", ns::STREAM_ERRORS)
                .and_then(|text| PeerText::new(&text.text())),
            app: app.map(|app| (app.name().to_owned(), app.ns().to_owned())),
            see_other_host: element
                .child("see-other-host", ns::STREAM_ERRORS)
                .map(|host| host.text().trim().to_owned())
                .filter(|host| !host.is_empty()),
            handled_count: element.child(HANDLED_COUNT, ns::SM).and_then(|count| {
                Some(HandledCount {
                    h: count.attr("h").and_then(u32_digits)?,
                    send_count: count.attr("send-count").and_then(u32_digits)?,
                })
            }),
            after_answer: false,
        })
    }

    /// Returns the error as an element. `Unknown` is written as `undefined-condition`.
    pub fn to_element(&self) -> Element {
        let name = match self.condition {
            StreamCondition::Unknown => StreamCondition::UndefinedCondition.name(),
            known => known.name(),
        };
        let mut condition = Element::new(name, ns::STREAM_ERRORS);
        if let Some(host) = &self.see_other_host {
            condition.push_text(host);
        }
        let mut error = Element::new("error", ns::STREAM).with_child(condition);
        if let Some(text) = &self.text {
            error.push_child(Element::new("text", ns::STREAM_ERRORS).with_text(text.as_str()));
        }
        if let Some((name, app_ns)) = &self.app {
            let mut app = Element::new(name, app_ns);
            if let Some(count) = self.handled_count {
                app.set_attr("h", count.h.to_string());
                app.set_attr("send-count", count.send_count.to_string());
            }
            error.push_child(app);
        }
        error
    }

    /// Returns whether a later connection may succeed.
    pub fn is_retryable(&self) -> bool {
        self.condition.is_retryable() && !self.is_account_removed()
    }

    /// Returns whether the account has been removed. RFC 6120 has no condition for that; servers use another one together with
    /// a text: ejabberd `conflict` and "User removed", Prosody `not-authorized` and "Account deleted".
    pub fn is_account_removed(&self) -> bool {
        let may_say_so = matches!(
            self.condition,
            StreamCondition::Conflict
                | StreamCondition::NotAuthorized
                | StreamCondition::PolicyViolation
                | StreamCondition::UndefinedCondition
        );
        let text = self.text.as_ref().map_or("", PeerText::as_str);
        let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
        may_say_so && ACCOUNT_REMOVED.contains(&text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    fn parse(inner: &str) -> StreamError {
        StreamError::parse(&element(&format!(
            "<error xmlns='http://etherx.jabber.org/streams'>{inner}</error>"
        )))
        .unwrap()
    }

    #[test]
    fn i5_handled_count_too_high_carries_both_counters() {
        let error = parse(
            "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>
             <handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/>",
        );
        assert_eq!(error, StreamError::handled_count_too_high(10, 8));
        assert_eq!(StreamError::parse(&error.to_element()), Some(error));
        let malformed = parse(
            "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>
             <handled-count-too-high xmlns='urn:xmpp:sm:3' h='-1' send-count='8'/>",
        );
        assert_eq!(malformed.handled_count, None);
        assert!(malformed.app.is_some());
    }

    #[test]
    fn i10_conflict_is_not_retried() {
        let conflict = parse(
            "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Replaced</text>",
        );
        assert_eq!(conflict.condition, StreamCondition::Conflict);
        assert_eq!(conflict.text, PeerText::new("Replaced"));
        assert!(!conflict.is_retryable());
        assert!(StreamError::new(StreamCondition::SystemShutdown).is_retryable());
    }

    #[test]
    fn i10_a_removed_account_is_no_conflict() {
        let said = |condition: &str, text: &str| {
            let ns = "urn:ietf:params:xml:ns:xmpp-streams";
            parse(&format!(
                "<{condition} xmlns='{ns}'/><text xmlns='{ns}'>{text}</text>"
            ))
        };
        for (condition, text, is_removed) in [
            ("conflict", "User removed", true),
            ("not-authorized", "Account deleted", true),
            ("conflict", " user removed. ", true),
            ("conflict", "Replaced by new connection", false),
            ("conflict", "", false),
            ("not-authorized", "Not authenticated", false),
            ("system-shutdown", "User removed", false),
            ("conflict", "A client says: user removed", false),
        ] {
            let error = said(condition, text);
            assert_eq!(error.is_account_removed(), is_removed, "{condition} {text}");
        }
    }

    #[test]
    fn t8_see_other_host_is_only_read() {
        let error = parse(
            "<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[2001:db8::2]:9090</see-other-host>",
        );
        assert_eq!(error.see_other_host.as_deref(), Some("[2001:db8::2]:9090"));
        assert_eq!(StreamError::parse(&error.to_element()), Some(error));
        let empty = parse("<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
        assert_eq!(empty.see_other_host, None);
    }

    #[test]
    fn what_is_not_defined_is_unknown() {
        for inner in [
            "",
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>x</text>",
            "<made-up xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
            "<conflict xmlns='urn:example'/>",
        ] {
            assert_eq!(parse(inner).condition, StreamCondition::Unknown, "{inner}");
        }
        assert_eq!(StreamError::parse(&Element::new("error", ns::CLIENT)), None);
    }
}
