//! PLAIN (RFC 4616).

use super::Condition;

/// Returns user name and password of `authzid NUL authcid NUL password`.
pub(crate) fn parse_plain(message: &[u8]) -> Result<(String, String), Condition> {
    let text = str::from_utf8(message).map_err(|_| Condition::MalformedRequest)?;
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_authzid), Some(user), Some(password), None) if !user.is_empty() => {
            Ok((user.to_owned(), password.to_owned()))
        }
        _ => Err(Condition::MalformedRequest),
    }
}
