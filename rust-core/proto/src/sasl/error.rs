//! The errors of a SASL exchange, and which side caused them.

use std::fmt;

use super::mechanism::HtBinding;

/// Why a SASL exchange ended. Contains nothing that was sent or received, so it is safe to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslError {
    /// A SCRAM message of the server does not match the grammar of RFC 5802.
    Malformed(ScramMessage),
    /// The server requires an unknown extension (`m=`); RFC 5802 requires to fail.
    MandatoryExtension,
    /// The server's nonce does not begin with the client's, or adds nothing to it.
    ForeignNonce,
    /// Fewer PBKDF2 iterations than RFC 7677 requires: the password would be cheap to guess.
    TooFewIterations(u32),
    /// More PBKDF2 iterations than a phone should compute.
    TooManyIterations,
    /// XEP-0474: the mechanisms or channel-binding types that the server sent are not those that were received.
    OfferTampered,
    /// XEP-0474: the server did not confirm its lists, although it had to, because there is no channel-binding type in common
    /// or because the login is weaker than an earlier one.
    OfferUnconfirmed,
    /// XEP-0515: the server uses another version of TLS than the client: there is a man in the middle.
    TlsVersionTampered,
    /// SCRAM's own error attribute.
    Server(ScramServerError),
    /// The server's signature (`v=`) is wrong: it does not know the password.
    WrongServerSignature,
    /// The responder's hash is wrong: the server does not know the token.
    WrongResponderProof,
    /// The app's own mechanism reports that the server failed to prove its identity.
    WrongOwnProof,
    /// The password contains characters that no server can store (RFC 8265, OpaqueString), or is empty.
    PasswordNotAllowed,
    /// The user name, password or token is empty or contains a NUL, which would shift the fields of a message.
    BadCredentialText,
    /// Stored SCRAM keys have the wrong length for their hash function.
    BadStoredKeys,
    /// The token's mechanism requires a channel binding that this TLS connection does not have.
    NoChannelBinding(HtBinding),
}

impl SaslError {
    /// Returns whether the peer (or a man in the middle) violated the protocol or failed to prove its identity. The other cases
    /// are invalid input of the client, or a legitimate refusal.
    pub fn is_peer_fault(self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::MandatoryExtension
            | Self::ForeignNonce
            | Self::TooFewIterations(_)
            | Self::TooManyIterations
            | Self::OfferTampered
            | Self::OfferUnconfirmed
            | Self::TlsVersionTampered
            | Self::WrongServerSignature
            | Self::WrongResponderProof
            | Self::WrongOwnProof => true,
            Self::Server(_)
            | Self::PasswordNotAllowed
            | Self::BadCredentialText
            | Self::BadStoredKeys
            | Self::NoChannelBinding(_) => false,
        }
    }

    /// Returns whether only another user name or password can help.
    pub fn needs_credentials(self) -> bool {
        match self {
            Self::Server(error) => error.needs_credentials(),
            Self::PasswordNotAllowed | Self::BadCredentialText => true,
            _ => false,
        }
    }
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(message) => write!(f, "malformed SCRAM {message}"),
            Self::MandatoryExtension => {
                f.write_str("the server demands an unknown SCRAM extension")
            }
            Self::ForeignNonce => f.write_str("the server's nonce does not extend ours"),
            Self::TooFewIterations(count) => write!(f, "only {count} PBKDF2 iterations"),
            Self::TooManyIterations => f.write_str("too many PBKDF2 iterations"),
            Self::OfferTampered => {
                f.write_str("the advertised mechanisms were tampered with (XEP-0474)")
            }
            Self::OfferUnconfirmed => {
                f.write_str("no common channel binding, and no XEP-0474 hash to excuse it")
            }
            Self::TlsVersionTampered => {
                f.write_str("the server sees another TLS version (XEP-0515)")
            }
            Self::Server(error) => write!(f, "the server refused: {error}"),
            Self::WrongServerSignature => {
                f.write_str("the server failed to prove that it knows the password")
            }
            Self::WrongResponderProof => {
                f.write_str("the server failed to prove that it knows the token")
            }
            Self::WrongOwnProof => {
                f.write_str("the server failed to prove its identity to the app's mechanism")
            }
            Self::PasswordNotAllowed => {
                f.write_str("the password holds characters that are not allowed")
            }
            Self::BadCredentialText => f.write_str("user name or secret is empty or holds a NUL"),
            Self::BadStoredKeys => f.write_str("stored SCRAM keys have the wrong length"),
            Self::NoChannelBinding(_) => {
                f.write_str("the token's channel binding is not available here")
            }
        }
    }
}

impl std::error::Error for SaslError {}

/// A message of the server in SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScramMessage {
    /// `server-first-message`: nonce, salt, iteration count.
    ServerFirst,
    /// `server-final-message`: the signature, or an error.
    ServerFinal,
}

impl fmt::Display for ScramMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerFirst => "server-first-message",
            Self::ServerFinal => "server-final-message",
        })
    }
}

/// `server-error-value` of RFC 5802, section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScramServerError {
    /// `invalid-encoding`
    InvalidEncoding,
    /// `extensions-not-supported`
    ExtensionsNotSupported,
    /// `invalid-proof`: the password is wrong.
    InvalidProof,
    /// `channel-bindings-dont-match`: there is a man in the middle, or TLS ends in front of the server.
    ChannelBindingsDontMatch,
    /// `server-does-support-channel-binding`: the -PLUS mechanisms were removed from the received offer.
    ServerDoesSupportChannelBinding,
    /// `channel-binding-not-supported`
    ChannelBindingNotSupported,
    /// `unsupported-channel-binding-type`
    UnsupportedChannelBindingType,
    /// `unknown-user`
    UnknownUser,
    /// `invalid-username-encoding`
    InvalidUsernameEncoding,
    /// `no-resources`
    NoResources,
    /// `other-error`, and every value that RFC 5802 does not define: it requires to treat them alike.
    Other,
}

impl ScramServerError {
    /// The names on the wire.
    const NAMES: [(&'static str, Self); 11] = [
        ("invalid-encoding", Self::InvalidEncoding),
        ("extensions-not-supported", Self::ExtensionsNotSupported),
        ("invalid-proof", Self::InvalidProof),
        (
            "channel-bindings-dont-match",
            Self::ChannelBindingsDontMatch,
        ),
        (
            "server-does-support-channel-binding",
            Self::ServerDoesSupportChannelBinding,
        ),
        (
            "channel-binding-not-supported",
            Self::ChannelBindingNotSupported,
        ),
        (
            "unsupported-channel-binding-type",
            Self::UnsupportedChannelBindingType,
        ),
        ("unknown-user", Self::UnknownUser),
        ("invalid-username-encoding", Self::InvalidUsernameEncoding),
        ("no-resources", Self::NoResources),
        ("other-error", Self::Other),
    ];

    /// Returns the error of this name; for an unknown one, [`Self::Other`].
    pub fn parse(value: &str) -> Self {
        Self::NAMES
            .iter()
            .find(|(name, _)| *name == value)
            .map_or(Self::Other, |(_, error)| *error)
    }

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, error)| *error == self)
            .map_or("other-error", |(name, _)| name)
    }

    /// Returns whether only another user name or password can help.
    pub fn needs_credentials(self) -> bool {
        matches!(
            self,
            Self::InvalidProof | Self::UnknownUser | Self::InvalidUsernameEncoding
        )
    }
}

impl fmt::Display for ScramServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_errors_round_trip_and_the_unknown_is_other() {
        for (name, error) in ScramServerError::NAMES {
            assert_eq!(ScramServerError::parse(name), error);
            assert_eq!(error.as_str(), name);
        }
        assert_eq!(ScramServerError::parse("made-up"), ScramServerError::Other);
    }

    #[test]
    fn a_wrong_password_is_nobodys_misbehaviour() {
        let wrong_password = SaslError::Server(ScramServerError::InvalidProof);
        assert!(!wrong_password.is_peer_fault() && wrong_password.needs_credentials());
        assert!(SaslError::WrongServerSignature.is_peer_fault());
        assert!(!SaslError::WrongServerSignature.needs_credentials());
    }
}
