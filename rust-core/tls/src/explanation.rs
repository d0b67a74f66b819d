//! What an app shows its user about a refused certificate, in English. An app in another language translates by the
//! [`CertificateError`].

use std::fmt::Write as _;

use crate::{CertificateError, KeyHash};

impl CertificateError {
    /// Returns what is wrong with the certificate of this domain, and what can be done, in two or three sentences for the
    /// user of an app.
    #[must_use]
    pub fn explanation(self, domain: &str) -> String {
        let (what, then) = match self {
            Self::Expired => (
                "has expired",
                "The operator of the server has to renew it. If the date of this device is wrong, correct it.",
            ),
            Self::NotYetValid => (
                "is not valid yet",
                "Check the date and the time of this device.",
            ),
            Self::NotValidForName => (
                "was issued for another name",
                "Another server may be answering in its place, such as the login page of a public network.",
            ),
            Self::XmppNameOnly => (
                "names the server in a way that is not supported",
                "The operator of the server has to add the name of the server as a DNS name.",
            ),
            Self::KeyNotAllowed => (
                "has another key than this app expects",
                "The connection may be intercepted. If the operator has replaced the key, update the app or its \
                 settings.",
            ),
            Self::UnknownIssuer => (
                "was not issued by an authority that this device trusts",
                "Some operators issue certificates themselves. But an attacker who intercepts the connection presents such a \
                 certificate as well. Trust it only if its key is the one that the operator has published.",
            ),
            Self::Revoked => (
                "was revoked by its issuer",
                "Its key may be in the hands of others. Do not connect until the operator has replaced it.",
            ),
            Self::RevocationUnknown => (
                "could not be checked for revocation",
                "Try again later, or on another network.",
            ),
            Self::BadEncoding | Self::BadSignature => (
                "is damaged",
                "The connection may be intercepted, or the server is not set up correctly.",
            ),
            Self::VerifierUnavailable => (
                "could not be checked on this device",
                "This is a fault of the app.",
            ),
            Self::Other => (
                "is not suitable for a server",
                "The operator of the server has to replace it.",
            ),
        };
        format!("The certificate of {domain} {what}. {then}")
    }
}

/// Returns the key as people compare it: SHA-256 of its SubjectPublicKeyInfo in hexadecimal digits, in groups of four.
#[must_use]
pub fn fingerprint(key: &KeyHash) -> String {
    let mut text = String::with_capacity(80);
    for (index, pair) in key.chunks(2).enumerate() {
        if index > 0 {
            text.push(' ');
        }
        for byte in pair {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_a_fingerprint_has_sixteen_groups() {
        let mut key = [0xab; 32];
        key[0] = 1;
        let text = fingerprint(&key);
        assert!(text.starts_with("01AB ABAB "));
        assert_eq!(text.split(' ').count(), 16);
    }

    #[test]
    fn t13_an_explanation_names_the_domain_once() {
        for error in [CertificateError::UnknownIssuer, CertificateError::Expired] {
            let text = error.explanation("example.org");
            assert_eq!(text.matches("example.org").count(), 1, "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }
}
