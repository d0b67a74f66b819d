//! What a client asks of its server and of other entities, one module for each extension: payloads of requests, and the typed
//! results. An iq is sent and its answer is matched elsewhere (rule T7); the functions here read an answer that is no error.
//!
//! A result comes from another entity. What is repeated is bounded; a part that cannot be read is counted, and does not spoil the
//! others.

pub mod account;
pub mod avatar;
pub mod bookmarks;
pub mod disco;
pub mod nick;
pub mod pubsub;
pub mod subscription;
pub mod upload;
pub mod vcard;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

/// Reads padding or none: clients of the field write both.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads base64 with white space in it (RFC 4648 section 3.3 lets a specification allow this; XEP-0054 and XEP-0084 show it), of
/// at most this number of bytes.
pub(crate) fn from_base64(text: &str, max: usize) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = LENIENT.decode(digits).ok()?;
    (!bytes.is_empty() && bytes.len() <= max).then_some(bytes)
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    general_purpose::STANDARD.encode(bytes)
}

/// Reads digits only: `str::parse` would take a sign as well.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Returns the text of a child, trimmed; `None` if it is absent, empty or longer than `max` bytes.
pub(crate) fn text_of(element: &Element, name: &str, ns: &str, max: usize) -> Option<String> {
    let text = element.child(name, ns)?.text();
    let text = text.trim();
    (!text.is_empty() && text.len() <= max).then(|| text.to_owned())
}

pub(crate) fn missing(element: &'static str, part: &'static str) -> CodecError {
    CodecError::Missing { element, part }
}

pub(crate) fn bad(element: &'static str, part: &'static str) -> CodecError {
    CodecError::Malformed { element, part }
}
