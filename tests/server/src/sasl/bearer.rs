//! OAUTHBEARER (RFC 7628).

use super::Condition;

/// What the client's message contains.
pub(crate) struct BearerMessage {
    /// The authorization identity, empty if there is none.
    pub(crate) authzid: String,
    pub(crate) token: String,
}

/// The report of RFC 7628 section 3.2.2, which precedes the failure.
pub(crate) const INVALID_TOKEN: &str = r#"{"status":"invalid_token"}"#;

/// Parses `n,a=<authzid>,^A<key>=<value>^A..^A^A` (RFC 7628 section 3.1).
pub(crate) fn parse_bearer(message: &[u8]) -> Result<BearerMessage, Condition> {
    let text = str::from_utf8(message).map_err(|_| Condition::MalformedRequest)?;
    let body = text
        .strip_suffix("\u{1}\u{1}")
        .ok_or(Condition::MalformedRequest)?;
    let (header, pairs) = body
        .split_once('\u{1}')
        .ok_or(Condition::MalformedRequest)?;
    let mut parts = header.split(',');
    let (flag, authzid, end) = (parts.next(), parts.next(), parts.next());
    if !matches!(flag, Some("n" | "y")) || end != Some("") || parts.next().is_some() {
        return Err(Condition::MalformedRequest);
    }
    let authzid = match authzid {
        Some("") => "",
        Some(text) => text.strip_prefix("a=").ok_or(Condition::MalformedRequest)?,
        None => return Err(Condition::MalformedRequest),
    };
    let token = pairs
        .split('\u{1}')
        .find_map(|pair| pair.strip_prefix("auth=Bearer "))
        .ok_or(Condition::MalformedRequest)?;
    Ok(BearerMessage {
        authzid: authzid.replace("=2C", ",").replace("=3D", "="),
        token: token.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7628() {
        let message = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
            auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let parsed = parse_bearer(message).unwrap();
        assert_eq!(parsed.authzid, "user@example.com");
        assert_eq!(parsed.token, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        for wrong in [
            &b"n,,\x01\x01"[..],
            b"auth=Bearer a\x01\x01",
            b"p,,\x01auth=Bearer a\x01\x01",
        ] {
            assert!(parse_bearer(wrong).is_err());
        }
    }
}
