//! The parts of a stream: its header, its elements, skipped ones, and its end.

use super::{Element, Refusal};
use crate::ns;

/// A part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamItem {
    /// The start tag of the root element.
    Header(StreamHeader),
    /// A complete top-level element.
    Element(Element),
    /// A top-level element that exceeded a limit, or a stanza with a fault that does not hide its end (rule T6). It was
    /// skipped; the stream continues after it.
    Refused(RefusedStanza),
    /// The end tag of the root element.
    End,
}

/// The stream header: `{http://etherx.jabber.org/streams}stream` with `jabber:client` as its content namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// `from`: the address that the peer claims.
    pub from: Option<String>,
    /// `to`: the address of this client, according to the peer.
    pub to: Option<String>,
    /// `id` of the stream.
    pub id: Option<String>,
    /// `version`: `1.0` for XMPP.
    pub version: Option<String>,
    /// `xml:lang`: the language of text in the stream.
    pub lang: Option<String>,
}

/// A top-level element that was skipped, as far as it is known. An attribute is missing if the start tag itself was too large
/// and the attribute was beyond the limit.
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
    /// The start tag of its first child, without its content; `None` if there is none, or if the fault is before its end. It
    /// identifies the query to which a result belongs (XEP-0313).
    pub first_child: Option<Element>,
    /// The start tag of the message that the first child forwards (XEP-0297), as in a carbon or an archive result, without its
    /// content. `None` if there is none, if the fault is before its end, or if that is further than
    /// [`Limits::wrapper`](super::Limits::wrapper) from the beginning. It identifies the sender of an archive result.
    pub forwarded: Option<Box<Element>>,
    /// The first reason of the refusal.
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

    /// Returns whether it was a `message`, `presence` or `iq`: only those count (XEP-0198).
    pub fn is_stanza(&self) -> bool {
        self.ns == ns::CLIENT && matches!(self.name.as_str(), "message" | "presence" | "iq")
    }
}
