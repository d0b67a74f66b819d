//! What all stanzas share (RFC 6120 section 8).
