//! The push reader of a stream (RFC 6120 sections 4 and 11): bytes in, in any chunking; header, elements and end out.

use std::collections::VecDeque;

use zeroize::Zeroize;

use super::builder::{self, Scope};
use super::chars::space_len;
use super::declaration::declaration_len;
use super::item::{RefusedStanza, StreamItem};
use super::limits::Limits;
use super::scanner::{ScanStep, Scanner};
use super::{Element, Limit, Refusal, XmlError};
use crate::ns;

/// The maximum number of results that may be expected at a time; more are treated as ordinary stanzas. An app waits for a few.
const MAX_EXPECTED: usize = 4096;

/// A push reader. Feed bytes, then call [`next_item`](Self::next_item) until it returns `None`.
///
/// Every byte is scanned once, whatever the chunking, and read once more when its element is complete. The buffer never holds
/// more than the limit in force and one chunk.
///
/// A stanza over a limit is skipped without being kept. Once the login is complete, so is a stanza that has one of the faults
/// of [`Refusal`] after its start tag. The grammar of a skipped stanza is still checked: UTF-8, references, names, tags, and
/// end tags against start tags down to the limit on depth (by hash; deeper ones are only counted). Not checked there:
/// undeclared prefixes, duplicate attributes and misused namespace declarations, unless they are in the start tag of the stanza
/// itself, where they close the stream.
#[derive(Debug)]
pub struct StreamReader {
    limits: Limits,
    logged_in: bool,
    buffer: Vec<u8>,
    /// Where the current item begins in `buffer`; bytes before it have been consumed.
    start: usize,
    /// The scanner's distance from `start`.
    scanned: usize,
    scanner: Scanner,
    scope: Scope,
    phase: Phase,
    skipping: Option<RefusedStanza>,
    /// The kind of the stanza that is being read, once that matters.
    kind: Option<Kind>,
    /// Ids of requests that are not answered yet, in order.
    expected: VecDeque<String>,
    failed: Option<XmlError>,
    broken_child: Option<Element>,
    breaks_stanza: bool,
}

/// The kind of a stanza, with respect to limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ordinary,
    /// A message that may be the wrapper of another.
    Wrapper,
    /// A requested iq result.
    Result,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// An XML declaration may come, or else the root element.
    Start,
    /// The stream header is being read.
    Root,
    /// Top-level elements are being read.
    Stream,
    /// The root element closed itself: its end is still to be reported.
    EmptyRoot,
    Ended,
}

/// Memory kept for the next elements after a big one.
const KEPT_CAPACITY: usize = 64 * 1024;

impl StreamReader {
    /// Returns a reader at the start of a document.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            logged_in: false,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            scanner: Scanner::new(limits),
            scope: Scope::default(),
            phase: Phase::Start,
            skipping: None,
            kind: None,
            expected: VecDeque::new(),
            failed: None,
            broken_child: None,
            breaks_stanza: false,
        }
    }

    /// Appends bytes from the peer. After an error they are dropped.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        self.drop_used();
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next item, `None` if more bytes are needed. After an error every call returns the same error.
    pub fn next_item(&mut self) -> Result<Option<StreamItem>, XmlError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance();
        if let Err(error) = result {
            self.failed = Some(error);
            let is_inside = self.skipping.is_some() || self.scanner.item().head_end.is_some();
            self.breaks_stanza = self.may_skip() && is_inside;
            self.broken_child = self.child_before_error();
            self.buffer = Vec::new();
            self.start = 0;
            self.scanned = 0;
        }
        result
    }

    /// After an error, returns the start tag of the first child of the stanza that contains it, if the error comes after that.
    pub fn broken_child(&self) -> Option<&Element> {
        self.broken_child.as_ref()
    }

    /// After an error, returns whether it is inside a stanza, behind its start tag.
    pub fn breaks_stanza(&self) -> bool {
        self.breaks_stanza
    }

    fn child_before_error(&mut self) -> Option<Element> {
        if !self.may_skip() {
            return None;
        }
        match self.skipping.take() {
            Some(refused) => refused.first_child,
            None => {
                let end = self.scanner.item().child_end?;
                builder::first_child(self.item_prefix(end), &self.scope)
            }
        }
    }

    /// Begins a new document at the first unread byte: the stream was restarted. Whether login is complete stays unchanged.
    pub fn restart(&mut self) {
        self.scanned = 0;
        self.scanner = Scanner::new(self.limits);
        if self.logged_in {
            self.scanner.note_faults();
        }
        self.scope = Scope::default();
        self.phase = Phase::Start;
        self.skipping = None;
        self.kind = None;
    }

    /// Returns the bytes after the last returned item, unless `next_item` was called for the one after it: what follows
    /// `<proceed/>` belongs to TLS. The document ends here: call [`restart`](Self::restart) before appending more.
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.drop_used();
        self.scanned = 0;
        let unread = self.buffer.get(self.start..).unwrap_or_default().to_vec();
        self.buffer = Vec::new();
        self.start = 0;
        unread
    }

    /// Records that the server is authenticated: from here on the limits for stanzas hold, and a fault that a contact can cause
    /// refuses only the stanza that contains it.
    pub fn login_complete(&mut self) {
        self.logged_in = true;
        self.scanner.note_faults();
        // The bytes that were read may contain a FAST token (rule T9).
        if let Some(used) = self.buffer.get_mut(..self.start) {
            used.zeroize();
        }
    }

    /// Records that a request with this id is sent: its result may be larger than other stanzas.
    pub fn expect_result(&mut self, id: &str) {
        if self.expected.len() < MAX_EXPECTED && !self.expected.iter().any(|other| other == id) {
            self.expected.push_back(id.to_owned());
        }
    }

    /// Removes the id of a request when any answer to it arrives.
    fn note_answer(&mut self, name: &str, kind: Option<&str>, id: Option<&str>) {
        if name == "iq"
            && matches!(kind, Some("result" | "error"))
            && let Some(at) = self
                .expected
                .iter()
                .position(|other| Some(other.as_str()) == id)
        {
            self.expected.remove(at);
        }
    }

    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn advance(&mut self) -> Result<Option<StreamItem>, XmlError> {
        loop {
            match self.phase {
                Phase::Start => match declaration_len(self.unread())? {
                    None => return Ok(None),
                    Some(len) => {
                        self.start += len;
                        self.phase = Phase::Root;
                    }
                },
                Phase::EmptyRoot => {
                    self.phase = Phase::Ended;
                    return Ok(Some(StreamItem::End));
                }
                Phase::Ended => {
                    self.skip_space();
                    return if self.unread().is_empty() {
                        Ok(None)
                    } else {
                        Err(XmlError::AfterEnd)
                    };
                }
                Phase::Root | Phase::Stream => {
                    if self.scanned == 0 && self.scanner.is_between_items() {
                        self.skip_space();
                    }
                    let bytes = self.buffer.get(self.start..).unwrap_or_default();
                    return match self.scanner.scan(bytes, &mut self.scanned)? {
                        ScanStep::NeedMore => self.need_more(),
                        ScanStep::StreamHead { empty } => self.header(empty).map(Some),
                        ScanStep::StanzaEnd => self.stanza().map(Some),
                        ScanStep::StreamEnd => {
                            self.consume();
                            self.skipping = None;
                            self.phase = Phase::Ended;
                            Ok(Some(StreamItem::End))
                        }
                    };
                }
            }
        }
    }

    fn header(&mut self, empty: bool) -> Result<StreamItem, XmlError> {
        if let Some((refusal, _)) = self.refusal() {
            return Err(refusal.into());
        }
        let (header, scope) = builder::stream_header(self.item_bytes())?;
        self.scope = scope;
        self.consume();
        self.phase = if empty {
            Phase::EmptyRoot
        } else {
            Phase::Stream
        };
        Ok(StreamItem::Header(header))
    }

    /// Returns stream features without what a prefix made unreadable.
    fn features(&self, error: XmlError) -> Option<Element> {
        let may_be = error == XmlError::UndeclaredPrefix;
        may_be.then(|| builder::features(self.item_bytes(), &self.scope))?
    }

    fn stanza(&mut self) -> Result<StreamItem, XmlError> {
        if self.skipping.is_none()
            && let Some((reason, at)) = self.refusal()
        {
            self.begin_skipping(reason, at)?;
        }
        if self.skipping.is_none() {
            match builder::element(self.item_bytes(), &self.scope) {
                Ok(element) => {
                    self.note_answer(element.name(), element.attr("type"), element.attr("id"));
                    self.consume();
                    return Ok(StreamItem::Element(element));
                }
                Err(error) => {
                    if let Some(features) = self.features(error) {
                        self.consume();
                        return Ok(StreamItem::Element(features));
                    }
                    let reason = Refusal::of(error).ok_or(error)?;
                    self.begin_skipping(reason, self.scanned)?;
                }
            }
        }
        let size = self.scanned;
        self.consume();
        match self.skipping.take() {
            Some(mut refused) => {
                refused.bytes += size;
                let (kind, id) = (refused.stanza_type.as_deref(), refused.id.as_deref());
                self.note_answer(&refused.name, kind, id);
                Ok(StreamItem::Refused(refused))
            }
            None => Err(XmlError::MalformedMarkup),
        }
    }

    /// The item is incomplete. If it already exceeds a limit, its memory is released here.
    fn need_more(&mut self) -> Result<Option<StreamItem>, XmlError> {
        if self.skipping.is_none()
            && let Some((reason, at)) = self.refusal()
        {
            let head_complete = self.scanner.item().head_end.is_some();
            if !self.may_skip() || head_complete || self.scanned > self.size_limit() {
                self.begin_skipping(reason, at)?;
            }
        }
        if let Some(refused) = &mut self.skipping {
            refused.bytes += self.scanned;
            self.start += self.scanned;
            self.scanned = 0;
            self.drop_used();
        }
        Ok(None)
    }

    /// Returns whether skipping is allowed: only for stanzas, and only if the server is authenticated.
    fn may_skip(&self) -> bool {
        self.logged_in && self.phase == Phase::Stream
    }

    /// What is found up to `at`, the position of the fault, must not depend on how many bytes have arrived.
    fn begin_skipping(&mut self, reason: Refusal, at: usize) -> Result<(), XmlError> {
        if !self.may_skip() {
            return Err(reason.into());
        }
        let item = self.scanner.item();
        let head = match item.head_end.filter(|&end| end <= self.limits.stanza) {
            Some(end) => Some(builder::head(self.item_prefix(end), &self.scope)?),
            None => builder::cut_head(self.item_prefix(item.attribute_end), &self.scope),
        };
        let is_stanza = head.as_ref().is_some_and(Element::is_stanza);
        if !is_stanza && !matches!(reason, Refusal::OverLimit(_)) {
            return Err(reason.into());
        }
        let child_end = item.child_end.filter(|&end| end <= at);
        let child =
            child_end.and_then(|end| builder::first_child(self.item_prefix(end), &self.scope));
        let wrapper = self.item_prefix(at.min(self.limits.wrapper));
        let forwarded = child
            .is_some()
            .then(|| builder::forwarded(wrapper, &self.scope))
            .flatten();
        let mut refused = RefusedStanza::new(head.as_ref(), reason);
        refused.first_child = child;
        refused.forwarded = forwarded.map(Box::new);
        self.skipping = Some(refused);
        Ok(())
    }

    /// Returns the first reason for which the item is refused, byte by byte, and its position: the result must not depend on
    /// the chunking.
    fn refusal(&mut self) -> Option<(Refusal, usize)> {
        let size_limit = self.size_limit();
        let item = self.scanner.item();
        let mut first = item.refusal;
        if let Some(at) = item.too_deep
            && self.kind() != Kind::Wrapper
        {
            first = earliest(first, Limit::Depth, at);
        }
        if let Some(at) = item.too_many
            && self.kind() != Kind::Result
        {
            first = earliest(first, Limit::Nodes, at);
        }
        if self.scanned > size_limit {
            first = earliest(first, Limit::Size, size_limit);
        }
        first
    }

    fn size_limit(&mut self) -> usize {
        if !self.may_skip() {
            return self.limits.before_login;
        }
        if self.scanned <= self.limits.stanza {
            return self.limits.stanza;
        }
        match self.kind() {
            Kind::Ordinary => self.limits.stanza,
            Kind::Wrapper => self.limits.stanza.saturating_add(self.limits.wrapper),
            Kind::Result => self.limits.iq_result.max(self.limits.stanza),
        }
    }

    /// Known after the start tag, if that is within the limit on stanzas; until then an ordinary one.
    fn kind(&mut self) -> Kind {
        if let Some(known) = self.kind {
            return known;
        }
        let head_end = self.scanner.item().head_end;
        let head = head_end
            .filter(|&end| self.may_skip() && end <= self.limits.stanza)
            .and_then(|end| builder::head(self.item_prefix(end), &self.scope).ok());
        let kind = head.map_or(Kind::Ordinary, |head| self.kind_of(&head));
        if head_end.is_some() || self.scanned > self.limits.stanza {
            self.kind = Some(kind);
        }
        kind
    }

    fn kind_of(&self, head: &Element) -> Kind {
        let is_expected = |id: &str| self.expected.iter().any(|other| other == id);
        if head.is("message", ns::CLIENT) && !head.attr("from").unwrap_or_default().contains('/') {
            Kind::Wrapper
        } else if head.is("iq", ns::CLIENT)
            && head.attr("type") == Some("result")
            && head.attr("id").is_some_and(is_expected)
        {
            Kind::Result
        } else {
            Kind::Ordinary
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn item_bytes(&self) -> &[u8] {
        self.item_prefix(self.scanned)
    }

    fn item_prefix(&self, len: usize) -> &[u8] {
        self.unread().get(..len).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.start += space_len(self.unread());
    }

    /// Ends the current item, and begins the next one.
    fn consume(&mut self) {
        self.start += self.scanned;
        self.scanned = 0;
        self.kind = None;
        self.scanner.begin_item();
    }

    /// Moves the unread bytes to the front, but only once they are the smaller part: so each byte is moved a bounded number of
    /// times.
    fn drop_used(&mut self) {
        if self.start * 2 >= self.buffer.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
            if self.buffer.len() < KEPT_CAPACITY / 2 && self.buffer.capacity() > KEPT_CAPACITY {
                self.buffer.shrink_to(KEPT_CAPACITY);
            }
        }
    }
}

impl Default for StreamReader {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// Returns the first of the two, byte by byte.
fn earliest(first: Option<(Refusal, usize)>, limit: Limit, at: usize) -> Option<(Refusal, usize)> {
    match first {
        Some((_, before)) if before <= at => first,
        _ => Some((Refusal::OverLimit(limit), at)),
    }
}
