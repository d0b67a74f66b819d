//! What a stream consists of: its header, its elements, those that are skipped, and its end.

use super::{Element, Refusal};
use crate::ns;

/// What the reader found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamItem {
    /// The start tag of the root element.
    Header(StreamHeader),
    /// A complete top-level element.
    Element(Element),
    /// A top-level element that was over a limit, or a stanza with a fault that leaves its borders in place (rule T6). It
    /// was skipped; the stream goes on behind it.
    Refused(RefusedStanza),
    /// The end tag of the root element.
    End,
}

/// The stream header: `{http://etherx.jabber.org/streams}stream` with `jabber:client` as its content namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// `from`: who the peer says it is.
    pub from: Option<String>,
    /// `to`: whom the peer takes us for.
    pub to: Option<String>,
    /// `id` of the stream.
    pub id: Option<String>,
    /// `version`: `1.0` for XMPP.
    pub version: Option<String>,
    /// `xml:lang`: the language of text in the stream.
    pub lang: Option<String>,
}

/// A top-level element that was skipped, as far as it is known. An attribute is missing if the start tag itself was too
/// big and the attribute stood behind the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedStanza {
    /// Local name; empty if not even that was within the limit.
    pub name: String,
    /// Expanded namespace.
    pub ns: String,
    /// `id`.
    pub id: Option<String>,
    /// `from`.
    pub from: Option<String>,
    /// `type`.
    pub stanza_type: Option<String>,
    /// The start tag of its first child, without what stands in it; `None` if there is none, or if the fault is in front of its
    /// end. It tells which result of a query this was (XEP-0313).
    pub first_child: Option<Element>,
    /// The start tag of the message that the first child forwards (XEP-0297), as a carbon or an archive result does, without what
    /// stands in it; `None` if there is none, if the fault is in front of its end, or if that is further than
    /// [`Limits::wrapper`](super::Limits::wrapper) from the beginning. It tells whose message an archive result was.
    pub forwarded: Option<Box<Element>>,
    /// What it was refused for first.
    pub reason: Refusal,
    /// The size of the whole element.
    pub bytes: usize,
}

impl RefusedStanza {
    /// One with this start tag, as far as that is known.
    pub(super) fn new(head: Option<&Element>, reason: Refusal) -> Self {
        let attr = |name: &str| head.and_then(|h| h.attr(name)).map(str::to_owned);
        Self {
            name: head.map(|h| h.name().to_owned()).unwrap_or_default(),
            ns: head.map(|h| h.ns().to_owned()).unwrap_or_default(),
            id: attr("id"),
            from: attr("from"),
            stanza_type: attr("type"),
            first_child: None,
            forwarded: None,
            reason,
            bytes: 0,
        }
    }

    /// Whether it was a `message`, `presence` or `iq`: only those count (XEP-0198).
    pub fn is_stanza(&self) -> bool {
        self.ns == ns::CLIENT && matches!(self.name.as_str(), "message" | "presence" | "iq")
    }
}
