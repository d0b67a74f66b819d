//! Stanzas on their way to the server.

use std::fmt;

use crate::time::UnixTime;
use crate::xml::Element;

use super::head::is_chat_state;
use super::{ArchiveCursor, StanzaHead, StanzaName};

/// A stanza with its text, which is written once.
#[derive(Clone, Debug)]
pub struct WrittenStanza {
    element: Element,
    xml: String,
}

impl From<Element> for WrittenStanza {
    fn from(element: Element) -> Self {
        let xml = element.to_xml();
        Self { element, xml }
    }
}

impl WrittenStanza {
    /// Returns the stanza.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// Returns its text.
    pub fn xml(&self) -> &str {
        &self.xml
    }

    /// Returns its id; empty if it has none.
    pub fn id(&self) -> &str {
        self.element.attr("id").unwrap_or_default()
    }

    /// Returns the size of its text if a server escapes each quotation mark, as some do: what its receiver may have to read.
    pub fn greatest_len(&self) -> usize {
        self.xml.len().saturating_add(self.element.escapable())
    }
}

/// An outbound stanza. `Debug` does not print its content.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboundStanza {
    /// Its position in the queue; increases by one for each stanza.
    pub seq: u64,
    /// The stanza's id.
    pub id: String,
    /// What happens to it if the session ends before it is acknowledged.
    pub kind: OutboundKind,
    /// The stanza's head.
    pub head: StanzaHead,
    /// Whether its bytes may have left in the current session.
    pub sent: bool,
    /// Whether its bytes may have left in an earlier session that cannot be resumed. The archive may show whether they arrived;
    /// if it is sent again, it carries a delay stamp (rule I8).
    pub unknown: bool,
    /// The archive's cursor when it was first sent: if it arrived, it is found after that.
    pub sent_after: Option<ArchiveCursor>,
    /// When it was queued, for the delay stamp of a late resend (XEP-0203).
    pub queued_at: UnixTime,
    /// The stanza as XML text.
    pub xml: String,
}

impl OutboundStanza {
    /// Returns the row of a stanza that was not sent.
    pub fn new(seq: u64, kind: OutboundKind, stanza: WrittenStanza, queued_at: UnixTime) -> Self {
        Self {
            seq,
            id: stanza.id().to_owned(),
            kind,
            head: StanzaHead::of(&stanza.element),
            sent: false,
            unknown: false,
            sent_after: None,
            queued_at,
            xml: stanza.xml,
        }
    }

    /// Returns whether it is a message of the app, which is kept after its session ends (rule I8).
    pub fn outlives_session(&self) -> bool {
        self.kind == OutboundKind::Message
    }

    /// Returns whether an archive is expected to store the message.
    pub fn is_archived(&self) -> bool {
        self.outlives_session() && self.head.is_archived()
    }

    /// Notes that it is sent in this session, and where the archive was read to when that happened first.
    pub fn note_sent(&mut self, cursor: Option<&ArchiveCursor>) {
        self.sent = true;
        if self.sent_after.is_none() && self.outlives_session() {
            self.sent_after = cursor.cloned();
        }
    }

    /// Notes that the session ended. Whether it arrived in that session is unknown.
    pub fn note_session_lost(&mut self) {
        self.unknown |= self.sent;
        self.sent = false;
    }
}

impl fmt::Debug for OutboundStanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundStanza")
            .field("seq", &self.seq)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("head", &self.head)
            .field("sent", &self.sent)
            .field("unknown", &self.unknown)
            .field("sent_after", &self.sent_after)
            .field("bytes", &self.xml.len())
            .finish_non_exhaustive()
    }
}

impl OutboundKind {
    /// Returns what happens to a stanza of the app.
    pub fn of(stanza: &Element) -> Self {
        match StanzaName::of(stanza) {
            StanzaName::Message if is_chat_state(stanza) => Self::Ephemeral,
            StanzaName::Message => Self::Message,
            StanzaName::Presence | StanzaName::Iq => Self::SessionBound,
        }
    }
}

/// What happens to an unacknowledged stanza when its session could not be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundKind {
    /// A message: sent again with the same id (rule I8).
    Message,
    /// A request or presence of the app: it belongs to the session, and fails with it.
    SessionBound,
    /// A chat state alone (XEP-0085): sent at once or never. It does not wait for a session, and is not sent again in a resumed one;
    /// it is stored only so that the count of the session stays right.
    Ephemeral,
    /// A stanza of the core itself (roster get, presence, an answer): it is created again in a new session, or not needed
    /// there.
    Core,
}
