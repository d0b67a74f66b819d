//! The conditions of a SASL `<failure/>`: RFC 6120, section 6.5, which SASL2 (XEP-0388) and FAST (XEP-0484) reuse.

use std::fmt;

use crate::peer_text::PeerText;

/// Why the server refused a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaslCondition {
    /// `aborted`: the client aborted, or a server of XEP-0388 did. With XEP-0509's `config-version-mismatch` beside it, it is
    /// not a failed login at all.
    Aborted,
    /// `account-disabled`
    AccountDisabled,
    /// `credentials-expired`: the password, or a FAST token the server no longer trusts.
    CredentialsExpired,
    /// `encryption-required`
    EncryptionRequired,
    /// `incorrect-encoding`: the client's base64 was invalid.
    IncorrectEncoding,
    /// `invalid-authzid`
    InvalidAuthzid,
    /// `invalid-mechanism`
    InvalidMechanism,
    /// `malformed-request`
    MalformedRequest,
    /// `mechanism-too-weak`
    MechanismTooWeak,
    /// `not-authorized`: wrong user name or password, or (deliberately not distinguished) a wrong channel binding.
    NotAuthorized,
    /// `temporary-auth-failure`
    TemporaryAuthFailure,
    /// A condition this client does not know. The text is the peer's: bounded, and printed escaped.
    Unknown(String),
}

/// Longer than any condition that was ever registered. A longer one is cut, since it is only used in logs.
const UNKNOWN_MAX_CHARS: usize = 64;

impl SaslCondition {
    /// Returns the condition of this element name.
    pub fn parse(name: &str) -> Self {
        match name {
            "aborted" => Self::Aborted,
            "account-disabled" => Self::AccountDisabled,
            "credentials-expired" => Self::CredentialsExpired,
            "encryption-required" => Self::EncryptionRequired,
            "incorrect-encoding" => Self::IncorrectEncoding,
            "invalid-authzid" => Self::InvalidAuthzid,
            "invalid-mechanism" => Self::InvalidMechanism,
            "malformed-request" => Self::MalformedRequest,
            "mechanism-too-weak" => Self::MechanismTooWeak,
            "not-authorized" => Self::NotAuthorized,
            "temporary-auth-failure" => Self::TemporaryAuthFailure,
            other => Self::Unknown(other.chars().take(UNKNOWN_MAX_CHARS).collect()),
        }
    }

    /// Returns the element name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::MechanismTooWeak => "mechanism-too-weak",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
            Self::Unknown(name) => name,
        }
    }

    /// Returns whether trying again with the same password cannot succeed until the user acts. After a FAST attempt the caller
    /// first drops the token and falls back to the password.
    pub fn needs_credentials(&self) -> bool {
        matches!(
            self,
            Self::NotAuthorized | Self::CredentialsExpired | Self::AccountDisabled
        )
    }

    /// Returns whether the same login may succeed later. This holds for an unknown condition: giving up permanently because of
    /// it would leave a phone offline due to a new feature of the server.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::TemporaryAuthFailure | Self::Aborted | Self::Unknown(_)
        )
    }
}

/// A SASL `<failure/>`, of either profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslRefusal {
    /// Why.
    pub condition: SaslCondition,
    /// The server's own text: for example how long to wait, or why the account is disabled.
    pub text: Option<PeerText>,
}

impl From<SaslCondition> for SaslRefusal {
    fn from(condition: SaslCondition) -> Self {
        Self {
            condition,
            text: None,
        }
    }
}

impl fmt::Display for SaslCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_str().escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_round_trip_and_say_what_to_do() {
        // name, needs credentials, temporary
        let table = [
            ("aborted", false, true),
            ("account-disabled", true, false),
            ("credentials-expired", true, false),
            ("encryption-required", false, false),
            ("incorrect-encoding", false, false),
            ("invalid-authzid", false, false),
            ("invalid-mechanism", false, false),
            ("malformed-request", false, false),
            ("mechanism-too-weak", false, false),
            ("not-authorized", true, false),
            ("temporary-auth-failure", false, true),
            ("bad-auth", false, true),
        ];
        for (name, needs_credentials, temporary) in table {
            let condition = SaslCondition::parse(name);
            assert_eq!(condition.as_str(), name);
            assert_eq!(condition.needs_credentials(), needs_credentials, "{name}");
            assert_eq!(condition.is_temporary(), temporary, "{name}");
            assert_eq!(
                matches!(condition, SaslCondition::Unknown(_)),
                name == "bad-auth"
            );
        }
    }

    #[test]
    fn unknown_conditions_are_bounded_and_escaped() {
        let long = SaslCondition::parse(&"\u{202e}x".repeat(1000));
        assert_eq!(long.as_str().chars().count(), UNKNOWN_MAX_CHARS);
        assert!(!long.to_string().contains('\u{202e}'));
    }
}
