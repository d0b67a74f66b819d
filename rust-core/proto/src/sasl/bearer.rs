//! OAUTHBEARER (RFC 7628): a token that an authorization server has issued, protected by TLS alone.

use super::error::SaslError;
use crate::secret::Secret;

/// The response to the server's error report, after which the server sends its failure (RFC 7628 section 3.2.3).
pub const ERROR_RECEIVED: &[u8] = b"\x01";

/// Returns the client's message (RFC 7628 section 3.1): `n,a=<account>,^Aauth=Bearer <token>^A^A`. Host and port are for other
/// protocols.
///
/// # Errors
///
/// Fails with [`SaslError::BadCredentialText`] if the token is empty or holds characters that no bearer token has (RFC 6750
/// section 2.1): a control character would shift the fields of the message.
pub fn initial_response(
    account: &str,
    token: &Secret<String>,
) -> Result<Secret<Vec<u8>>, SaslError> {
    let token = token.expose().as_bytes();
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return Err(SaslError::BadCredentialText);
    }
    // A saslname (RFC 5801 section 4).
    let account = account.replace('=', "=3D").replace(',', "=2C");
    let (start, end) = (format!("n,a={account},\x01auth=Bearer "), b"\x01\x01");
    // Allocated in full, so that growing leaves no copy of the token in memory.
    let mut message = Vec::with_capacity(start.len() + token.len() + end.len());
    message.extend_from_slice(start.as_bytes());
    message.extend_from_slice(token);
    message.extend_from_slice(end);
    Ok(Secret::new(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_rfc_7628() {
        let token = Secret::from("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        let message = initial_response("user@example.com", &token).unwrap();
        let expected =
            b"n,a=user@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        assert_eq!(message.expose(), expected);
        assert_eq!(format!("{message:?}"), "Secret(..)");
        let escaped = initial_response("a=b,c@example.com", &token).unwrap();
        assert!(
            escaped
                .expose()
                .starts_with(b"n,a=a=3Db=2Cc@example.com,\x01")
        );
    }

    #[test]
    fn a_token_cannot_move_the_fields() {
        for token in ["", "a\x01b", "a b", "a\nb", "\u{e9}"] {
            let refused = initial_response("user@example.com", &Secret::from(token));
            assert_eq!(refused, Err(SaslError::BadCredentialText), "{token:?}");
        }
    }
}
