//! Limits on the parts of a stream (rule T6).

/// Limits on sizes and numbers. All can be configured; the reasons of the defaults are given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the stream header, and of each element before login. 16 KiB: features and SASL never come near it, and the
    /// server is not authenticated yet.
    pub before_login: usize,
    /// Bytes of one element after login. 272 KiB: the 256 KiB that common servers let a client send, and what they add to it
    /// (`from`, `<stanza-id/>`, other escapes).
    pub stanza: usize,
    /// Bytes that a message from a bare address, or without `from`, may have beyond `stanza`, for what a carbon (XEP-0280) or
    /// an archive result (XEP-0313) wraps around a message. 16 KiB: addresses of the greatest length, several times. A message
    /// that is accepted live is accepted in its wrapper, too.
    pub wrapper: usize,
    /// Bytes of an `iq` of type `result` that was requested ([`StreamReader::expect_result`](super::StreamReader::expect_result)), after login. 8 MiB: a roster of
    /// tens of thousands of contacts is one stanza.
    pub iq_result: usize,
    /// Elements, attributes and namespace declarations of one element, together. 16,384: one for each 16 bytes of a stanza; in
    /// memory each costs ten times as much. In a requested result the limit is higher in proportion to its size limit.
    pub nodes: usize,
    /// Levels of nesting, the top-level element being the first; four more where `wrapper` holds. 64: an archived,
    /// carbon-copied, encrypted message with formatting needs about 20. Trees are freed and written recursively, so this bounds the stack too.
    pub depth: usize,
    /// Attributes of one element, without namespace declarations. 128: no protocol uses a tenth of it.
    pub attributes: usize,
    /// Namespace declarations of one element. 32: serialisers that declare everything at the top stay below.
    pub namespaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            before_login: 16 * 1024,
            stanza: (256 + 16) * 1024,
            wrapper: 16 * 1024,
            iq_result: 8 * 1024 * 1024,
            nodes: 16 * 1024,
            depth: 64,
            attributes: 128,
            namespaces: 32,
        }
    }
}

/// Levels of nesting of a wrapper: `message`, `result` and `forwarded`, and one more.
pub(super) const WRAPPER_DEPTH: usize = 4;

impl Limits {
    /// Levels of nesting, however the element is wrapped.
    pub(super) fn greatest_depth(&self) -> usize {
        self.depth.saturating_add(WRAPPER_DEPTH)
    }

    /// Nodes of a requested result.
    pub(super) fn greatest_nodes(&self) -> usize {
        let times = self.iq_result.div_ceil(self.stanza.max(1)).max(1);
        self.nodes.saturating_mul(times)
    }
}
