//! The two messages of a SCRAM server, by the grammar of RFC 5802, section 7.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::sasl::error::{SaslError, ScramMessage, ScramServerError};

/// RFC 7677, section 4, and RFC 5802, section 5.1: fewer make stolen keys cheap to search.
const MIN_ITERATIONS: u32 = 4096;
/// OWASP's current recommendation for PBKDF2. More would let a server occupy a phone's processor for many seconds.
const MAX_ITERATIONS: u32 = 600_000;

/// `server-first-message`
pub(super) struct ServerFirst<'a> {
    /// The whole message, as both proofs sign it.
    pub(super) text: &'a str,
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    /// XEP-0474's attribute.
    pub(super) h: Option<&'a str>,
    /// XEP-0515's attribute.
    pub(super) t: Option<&'a str>,
}

impl<'a> ServerFirst<'a> {
    /// Order and presence of `r`, `s`, `i` are fixed; what follows is optional, in any order, none of it twice.
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, SaslError> {
        const MALFORMED: SaslError = SaslError::Malformed(ScramMessage::ServerFirst);
        let text = std::str::from_utf8(data).map_err(|_| MALFORMED)?;
        let mut attributes = text
            .split(',')
            .map(|field| attribute(field).ok_or(MALFORMED));
        let mut next = || attributes.next().unwrap_or(Err(MALFORMED));

        let nonce = match next()? {
            ('r', nonce) if nonce.bytes().all(|byte| byte.is_ascii_graphic()) => nonce,
            ('m', _) => return Err(SaslError::MandatoryExtension),
            // Belongs in the last message, but some servers report at once that this user cannot log in.
            ('e', error) => return Err(SaslError::Server(ScramServerError::parse(error))),
            _ => return Err(MALFORMED),
        };
        let ('s', salt) = next()? else {
            return Err(MALFORMED);
        };
        let salt = STANDARD.decode(salt).map_err(|_| MALFORMED)?;
        let ('i', iterations) = next()? else {
            return Err(MALFORMED);
        };
        let iterations = parse_iterations(iterations).ok_or(MALFORMED)??;

        let mut seen = vec!['r', 's', 'i'];
        let (mut h, mut t) = (None, None);
        for attribute in attributes {
            let (name, value) = attribute?;
            if seen.contains(&name) {
                return Err(MALFORMED);
            }
            seen.push(name); // bounded: there are 52 letters
            match name {
                'm' => return Err(SaslError::MandatoryExtension),
                'h' => h = Some(value),
                't' => t = Some(value),
                _ => {}
            }
        }
        Ok(Self {
            text,
            nonce,
            salt,
            iterations,
            h,
            t,
        })
    }
}

/// `server-final-message`
pub(super) enum ServerFinal {
    Signature(Vec<u8>),
    Error(ScramServerError),
}

impl ServerFinal {
    pub(super) fn parse(data: &[u8]) -> Result<Self, SaslError> {
        const MALFORMED: SaslError = SaslError::Malformed(ScramMessage::ServerFinal);
        let text = std::str::from_utf8(data).map_err(|_| MALFORMED)?;
        let mut attributes = text
            .split(',')
            .map(|field| attribute(field).ok_or(MALFORMED));
        let message = match attributes.next().unwrap_or(Err(MALFORMED))? {
            ('v', signature) => Self::Signature(STANDARD.decode(signature).map_err(|_| MALFORMED)?),
            ('e', error) => Self::Error(ScramServerError::parse(error)),
            _ => return Err(MALFORMED),
        };
        for attribute in attributes {
            match attribute? {
                ('m', _) => return Err(SaslError::MandatoryExtension),
                // With a second result it would be undefined which one counts.
                ('v' | 'e', _) => return Err(MALFORMED),
                _ => {}
            }
        }
        Ok(message)
    }
}

/// `attr-val = ALPHA "=" value`, with a value of at least one character and no NUL.
fn attribute(field: &str) -> Option<(char, &str)> {
    let (name, value) = field.split_once('=')?;
    let mut name = name.chars();
    let letter = name.next().filter(char::is_ascii_alphabetic)?;
    let well_formed = name.next().is_none() && !value.is_empty() && !value.contains('\0');
    well_formed.then_some((letter, value))
}

/// `posit-number`, checked against the limits. `None` if it is no number.
fn parse_iterations(value: &str) -> Option<Result<u32, SaslError>> {
    // parse() alone would accept "+4096" and "04096".
    if value.starts_with('0') || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match value.parse() {
        Ok(count) if count < MIN_ITERATIONS => Err(SaslError::TooFewIterations(count)),
        Ok(count) if count <= MAX_ITERATIONS => Ok(count),
        // Digits only, so what does not fit into 32 bits is too large.
        Ok(_) | Err(_) => Err(SaslError::TooManyIterations),
    })
}
