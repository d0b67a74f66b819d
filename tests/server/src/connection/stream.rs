//! Stream headers, stream errors and the end of a stream (RFC 6120 section 4).

use super::{Closing, Connection, Cx, Phase};
use crate::faults::{Fault, Point};
use crate::jid;
use crate::ns;
use crate::xml::{Element, ReadError, escape_attribute};

/// Stream error conditions (RFC 6120 4.9.3) that this server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamCondition {
    BadFormat,
    Conflict,
    ConnectionTimeout,
    /// XEP-0198: the client acknowledges more than was sent.
    HandledCountTooHigh {
        h: u32,
        sent: u32,
    },
    HostUnknown,
    InternalServerError,
    InvalidNamespace,
    NotAuthorized,
    NotWellFormed,
    PolicyViolation,
    ResourceConstraint,
    RestrictedXml,
    SeeOtherHost(String),
    SystemShutdown,
    UnsupportedStanzaType,
    UnsupportedVersion,
}

impl StreamCondition {
    fn name(&self) -> &'static str {
        match self {
            Self::BadFormat => "bad-format",
            Self::Conflict => "conflict",
            Self::ConnectionTimeout => "connection-timeout",
            Self::HandledCountTooHigh { .. } => "undefined-condition",
            Self::HostUnknown => "host-unknown",
            Self::InternalServerError => "internal-server-error",
            Self::InvalidNamespace => "invalid-namespace",
            Self::NotAuthorized => "not-authorized",
            Self::NotWellFormed => "not-well-formed",
            Self::PolicyViolation => "policy-violation",
            Self::ResourceConstraint => "resource-constraint",
            Self::RestrictedXml => "restricted-xml",
            Self::SeeOtherHost(_) => "see-other-host",
            Self::SystemShutdown => "system-shutdown",
            Self::UnsupportedStanzaType => "unsupported-stanza-type",
            Self::UnsupportedVersion => "unsupported-version",
        }
    }

    fn element(&self) -> Element {
        let mut condition = Element::new(ns::STREAM_ERRORS, self.name());
        if let Self::SeeOtherHost(host) = self {
            condition = condition.text(host.clone());
        }
        let error = Element::new(ns::STREAM, "error").child(condition);
        match self {
            Self::HandledCountTooHigh { h, sent } => error.child(
                Element::new(ns::SM, "handled-count-too-high")
                    .with("h", h.to_string())
                    .with("send-count", sent.to_string()),
            ),
            _ => error,
        }
    }
}

impl From<ReadError> for StreamCondition {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotWellFormed => Self::NotWellFormed,
            ReadError::RestrictedXml => Self::RestrictedXml,
            ReadError::BadFormat => Self::BadFormat,
            ReadError::InvalidNamespace => Self::InvalidNamespace,
            ReadError::TooDeep | ReadError::TooBig => Self::PolicyViolation,
        }
    }
}

impl Connection {
    pub(super) fn client_header(&mut self, cx: &mut Cx<'_>, header: &Element) {
        if let Some(record) = cx.world.record(self.id) {
            let from = header.attribute("from").map(str::to_owned);
            record.header_from.push(from);
        }
        if let Some(from) = header.attribute("from") {
            self.account_hint = jid::local(from).map(str::to_owned);
            self.header.from = Some(from.to_owned());
        }
        let to = header.attribute("to");
        if to.is_some_and(|to| to != cx.world.domain()) {
            return self.stream_error(cx, StreamCondition::HostUnknown);
        }
        if header
            .attribute("version")
            .is_none_or(|v| !v.starts_with("1."))
        {
            return self.stream_error(cx, StreamCondition::UnsupportedVersion);
        }
        if !self.header.sent {
            self.open_stream(cx);
        }
    }

    /// Sends our header and features, whether or not the client's header has arrived.
    pub(super) fn open_stream(&mut self, cx: &mut Cx<'_>) {
        self.send_header(cx);
        self.send_features(cx);
        if matches!(self.phase, Phase::Negotiating) {
            let point = if self.wire.is_secure() {
                Point::EncryptedFeatures
            } else {
                Point::CleartextFeatures
            };
            self.at(cx, point);
        }
    }

    fn send_header(&mut self, cx: &mut Cx<'_>) {
        self.header.sent = true;
        let mut header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='{}' version='1.0' xml:lang='en' id='{}' from='{}'",
            ns::CLIENT,
            ns::STREAM,
            cx.world.rng.token(),
            cx.world.domain(),
        );
        if let Some(from) = &self.header.from {
            header.push_str(" to='");
            escape_attribute(from, &mut header);
            header.push('\'');
        }
        header.push('>');
        if let Some(scripted) = self.script_writes(&Element::new(ns::STREAM, "stream")) {
            header = scripted.to_xml();
        }
        if !self.silent {
            self.plain.extend_from_slice(header.as_bytes());
        }
    }

    /// Sends the error, closes the stream and the connection.
    pub(super) fn stream_error(&mut self, cx: &mut Cx<'_>, condition: StreamCondition) {
        if self.closing.is_some() {
            return;
        }
        if !self.header.sent {
            self.send_header(cx);
        }
        self.send(&condition.element());
        if let Some(record) = cx.world.record(self.id) {
            record.stream_error = Some(match &condition {
                StreamCondition::HandledCountTooHigh { .. } => "handled-count-too-high".to_owned(),
                other => other.name().to_owned(),
            });
        }
        self.detach(cx);
        self.end(cx);
    }

    pub(super) fn client_error(&mut self, cx: &mut Cx<'_>, error: &Element) {
        let application = error
            .elements()
            .find(|child| child.ns != ns::STREAM_ERRORS)
            .or_else(|| error.elements().next())
            .map(|child| child.name.clone().into_owned());
        if let Some(record) = cx.world.record(self.id) {
            record.client_error = application;
        }
    }

    /// The client closed its stream in order.
    pub(super) fn finish(&mut self, cx: &mut Cx<'_>) {
        if self.closing.is_some() {
            return;
        }
        if let Phase::Bound { session, .. } = self.phase
            && self.reader.is_opened()
        {
            cx.world.leave(session, self.id, cx.now);
        }
        self.end(cx);
    }

    /// Sends the end tag and close_notify, and ends the connection.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>) {
        if !self.silent {
            self.plain.extend_from_slice(b"</stream:stream>");
        }
        self.phase = Phase::Closed;
        self.flush(cx);
        if self.closing.is_none() {
            self.closing = Some(Closing::Finish);
        }
        if !self.has_fault(cx, &Fault::CloseWithoutNotify) {
            self.wire.close_notify();
        }
    }
}
