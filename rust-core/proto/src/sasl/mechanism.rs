//! The names of SASL mechanisms that this client can use.

use std::fmt;

/// A hash function of SCRAM, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-1 (RFC 5802). Old, but as HMAC inside SCRAM not broken; many servers have stored nothing else.
    Sha1,
    /// SHA-256 (RFC 7677).
    Sha256,
    /// SHA-512 (draft-melnikov-scram-sha-512).
    Sha512,
}

/// What a hashed token of FAST is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HtBinding {
    /// Nothing: any entity that relays the message is logged in.
    None,
    /// The tls-exporter value of this TLS connection.
    Exporter,
    /// The hash of the server's certificate; the only binding that exists in early data.
    EndPoint,
}

/// A SASL mechanism that this client can use.
///
/// There is deliberately no order on mechanisms: which one is stronger depends on the channel binding that goes with
/// it, and tokens do not compare with passwords. [`super::choose()`] and [`super::Floor`] hold the ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// PLAIN (RFC 4616): the password itself.
    Plain,
    /// SCRAM-*, or SCRAM-*-PLUS with channel binding.
    Scram {
        /// The hash function in the name.
        hash: Hash,
        /// Whether this is the -PLUS variant, which binds to the TLS channel.
        plus: bool,
    },
    /// HT-SHA-256-*, the hashed tokens of FAST.
    Ht(HtBinding),
    /// OAUTHBEARER (RFC 7628): a bearer token.
    OauthBearer,
    /// EXTERNAL (RFC 4422 appendix A): what TLS has shown, which is the client's certificate.
    External,
    /// ANONYMOUS (RFC 4505).
    Anonymous,
    /// A mechanism that the app implements.
    Own(OwnName),
}

/// The name of a mechanism that the app implements.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnName {
    /// Padded with zeros.
    name: [u8; OwnName::MAX],
    is_single_message: bool,
}

impl OwnName {
    /// RFC 4422 section 3.1.
    const MAX: usize = 20;

    /// Returns the name, if RFC 4422 section 3.1 allows it (1 to 20 of `A` to `Z`, `0` to `9`, `-` and `_`) and it is not the name
    /// of a mechanism that is implemented here.
    pub fn new(name: &str) -> Option<Self> {
        let is_allowed =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let is_valid = !name.is_empty() && name.bytes().all(is_allowed);
        if !is_valid || Mechanism::parse(name).is_some() {
            return None;
        }
        let mut padded = [0; Self::MAX];
        padded
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        Some(Self {
            name: padded,
            is_single_message: false,
        })
    }

    /// Declares that the client's only message is the initial response: what follows the login may then share its flight.
    #[must_use]
    pub fn with_single_message(self) -> Self {
        Self {
            is_single_message: true,
            ..self
        }
    }

    /// Returns the name on the wire.
    pub fn as_str(&self) -> &str {
        let length = self.name.iter().take_while(|byte| **byte != 0).count();
        let name = self.name.get(..length).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl fmt::Debug for OwnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Mechanism {
    /// Returns the mechanism of this name, if it is implemented here. Names are compared exactly, as RFC 4422 spells them.
    pub fn parse(name: &str) -> Option<Self> {
        let scram = |hash, plus| Some(Self::Scram { hash, plus });
        match name {
            "PLAIN" => Some(Self::Plain),
            "SCRAM-SHA-1" => scram(Hash::Sha1, false),
            "SCRAM-SHA-1-PLUS" => scram(Hash::Sha1, true),
            "SCRAM-SHA-256" => scram(Hash::Sha256, false),
            "SCRAM-SHA-256-PLUS" => scram(Hash::Sha256, true),
            "SCRAM-SHA-512" => scram(Hash::Sha512, false),
            "SCRAM-SHA-512-PLUS" => scram(Hash::Sha512, true),
            "HT-SHA-256-NONE" => Some(Self::Ht(HtBinding::None)),
            "HT-SHA-256-EXPR" => Some(Self::Ht(HtBinding::Exporter)),
            "HT-SHA-256-ENDP" => Some(Self::Ht(HtBinding::EndPoint)),
            "OAUTHBEARER" => Some(Self::OauthBearer),
            "EXTERNAL" => Some(Self::External),
            "ANONYMOUS" => Some(Self::Anonymous),
            _ => None,
        }
    }

    /// Returns the name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram { hash, plus } => match (*hash, *plus) {
                (Hash::Sha1, false) => "SCRAM-SHA-1",
                (Hash::Sha1, true) => "SCRAM-SHA-1-PLUS",
                (Hash::Sha256, false) => "SCRAM-SHA-256",
                (Hash::Sha256, true) => "SCRAM-SHA-256-PLUS",
                (Hash::Sha512, false) => "SCRAM-SHA-512",
                (Hash::Sha512, true) => "SCRAM-SHA-512-PLUS",
            },
            Self::Ht(HtBinding::None) => "HT-SHA-256-NONE",
            Self::Ht(HtBinding::Exporter) => "HT-SHA-256-EXPR",
            Self::Ht(HtBinding::EndPoint) => "HT-SHA-256-ENDP",
            Self::OauthBearer => "OAUTHBEARER",
            Self::External => "EXTERNAL",
            Self::Anonymous => "ANONYMOUS",
            Self::Own(name) => name.as_str(),
        }
    }

    /// Returns whether the initial response is the client's only message, unless the server refuses it.
    pub fn is_single_message(self) -> bool {
        match self {
            Self::Plain | Self::Ht(_) | Self::OauthBearer | Self::External | Self::Anonymous => {
                true
            }
            Self::Scram { .. } => false,
            Self::Own(name) => name.is_single_message,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns whether a server's list of mechanism names contains one that supports channel binding, implemented here or not.
///
/// XEP-0440 refers to the server's list, not the client's: an unknown `SCRAM-SHA3-512-PLUS` also shows that the server supports
/// channel binding. GS2 (RFC 5801) reserves the suffix for exactly this.
pub(super) fn any_plus(names: &[String]) -> bool {
    names.iter().any(|name| name.ends_with("-PLUS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let names = [
            "PLAIN",
            "SCRAM-SHA-1",
            "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-512",
            "SCRAM-SHA-512-PLUS",
            "HT-SHA-256-NONE",
            "HT-SHA-256-EXPR",
            "HT-SHA-256-ENDP",
            "OAUTHBEARER",
            "EXTERNAL",
            "ANONYMOUS",
        ];
        for name in names {
            let parsed = Mechanism::parse(name).unwrap();
            assert_eq!(parsed.as_str(), name);
            assert_eq!(OwnName::new(name), None);
        }
    }

    #[test]
    fn own_names_are_those_of_rfc_4422() {
        for name in ["X", "X-CORP_2", "ABCDEFGHIJKLMNOPQRST"] {
            let own = OwnName::new(name).unwrap();
            assert_eq!(Mechanism::Own(own).as_str(), name);
            assert!(!Mechanism::Own(own).is_single_message());
            assert!(Mechanism::Own(own.with_single_message()).is_single_message());
        }
        for name in ["", "lower", "A B", "A\0", "ABCDEFGHIJKLMNOPQRSTU", "\u{c4}"] {
            assert_eq!(OwnName::new(name), None, "{name:?}");
        }
    }

    #[test]
    fn unknown_names_are_not_guessed() {
        for name in [
            "",
            "plain",
            "SCRAM-SHA-1-PLUS ",
            "SCRAM-SHA3-512",
            "HT-SHA-256-UNIQ",
            "external",
            "X-OAUTH2",
        ] {
            assert_eq!(Mechanism::parse(name), None, "{name}");
        }
    }
}
