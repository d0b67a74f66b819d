//! PLAIN (RFC 4616): the password itself, protected by TLS alone. Disabled unless the policy allows it.

use super::error::SaslError;
use crate::secret::Secret;

/// Returns the only message of PLAIN: `[authzid] NUL authcid NUL passwd`.
///
/// The password is sent as it was entered: in RFC 4616 the server prepares it.
///
/// # Errors
///
/// Fails with [`SaslError::BadCredentialText`] if either is empty or contains a NUL, which would shift the border between the
/// fields.
pub fn initial_response(
    user: &str,
    password: &Secret<String>,
) -> Result<Secret<Vec<u8>>, SaslError> {
    let password = password.expose().as_str();
    if [user, password]
        .iter()
        .any(|field| field.is_empty() || field.contains('\0'))
    {
        return Err(SaslError::BadCredentialText);
    }
    // Allocated in full, so that growing leaves no copy of the password in memory.
    let mut message = Vec::with_capacity(user.len() + password.len() + 2);
    message.push(0);
    message.extend_from_slice(user.as_bytes());
    message.push(0);
    message.extend_from_slice(password.as_bytes());
    Ok(Secret::new(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_rfc_4616() {
        let message = initial_response("tim", &Secret::from("tanstaaftanstaaf")).unwrap();
        assert_eq!(message.expose(), b"\0tim\0tanstaaftanstaaf");
        assert_eq!(format!("{message:?}"), "Secret(..)");
    }

    #[test]
    fn a_nul_cannot_move_the_fields() {
        for (user, password) in [("a\0b", "c"), ("a", "b\0c"), ("", "c"), ("a", "")] {
            let refused = initial_response(user, &Secret::from(password));
            assert_eq!(refused, Err(SaslError::BadCredentialText), "{user:?}");
        }
    }
}
