//! SASL mechanisms (RFC 4422), server side, without any transport.

mod bearer;
mod ht;
mod plain;
mod scram;

use std::fmt;

pub(crate) use bearer::{INVALID_TOKEN, parse_bearer};
pub(crate) use ht::HtResponse;
pub(crate) use plain::parse_plain;
pub(crate) use scram::{Scram, ScramFirst, ScramKeys, ScramOffer, TypedHash};

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 5802.
    ScramSha1,
    /// RFC 5802, with channel binding.
    ScramSha1Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 7677, with channel binding.
    ScramSha256Plus,
    /// SCRAM with SHA-512.
    ScramSha512,
    /// SCRAM with SHA-512 and channel binding.
    ScramSha512Plus,
    /// RFC 7628: a bearer token of [`World::add_bearer_token`](crate::World::add_bearer_token).
    OauthBearer,
    /// RFC 4422 appendix A, XEP-0178: a certificate of
    /// [`ReferenceServer::issue_certificate`](crate::ReferenceServer::issue_certificate). Offered to clients that present one.
    External,
    /// RFC 4505, XEP-0175: each login is an account of its own.
    Anonymous,
    /// A mechanism that no other server has, for clients that implement one of their own: the client names the user; the response to the
    /// challenge is that in reverse, NUL and the password; the server proves itself with the password in reverse.
    TestReverse,
    /// A hashed token without channel binding.
    HtSha256None,
    /// A hashed token bound to `tls-server-end-point`.
    HtSha256Endp,
    /// A hashed token bound to `tls-exporter`.
    HtSha256Expr,
}

impl Mechanism {
    /// Every mechanism that uses a password, strongest first.
    pub const PASSWORD: [Mechanism; 7] = [
        Self::ScramSha512Plus,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha512,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::Plain,
    ];

    /// Every mechanism that takes the place of a password.
    pub const OTHER: [Mechanism; 4] = [
        Self::OauthBearer,
        Self::External,
        Self::Anonymous,
        Self::TestReverse,
    ];

    /// Every mechanism that uses a FAST token.
    pub const TOKEN: [Mechanism; 3] = [Self::HtSha256Expr, Self::HtSha256Endp, Self::HtSha256None];

    /// Returns the registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::ScramSha512Plus => "SCRAM-SHA-512-PLUS",
            Self::OauthBearer => "OAUTHBEARER",
            Self::External => "EXTERNAL",
            Self::Anonymous => "ANONYMOUS",
            Self::TestReverse => "X-TEST-REVERSE",
            Self::HtSha256None => "HT-SHA-256-NONE",
            Self::HtSha256Endp => "HT-SHA-256-ENDP",
            Self::HtSha256Expr => "HT-SHA-256-EXPR",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::PASSWORD
            .into_iter()
            .chain(Self::OTHER)
            .chain(Self::TOKEN)
            .find(|mechanism| mechanism.name() == name)
    }

    pub(crate) fn is_plus(self) -> bool {
        matches!(
            self,
            Self::ScramSha1Plus | Self::ScramSha256Plus | Self::ScramSha512Plus
        )
    }

    pub(crate) fn hash(self) -> Option<TypedHash> {
        match self {
            Self::ScramSha1 | Self::ScramSha1Plus => Some(TypedHash::Sha1),
            Self::ScramSha256 | Self::ScramSha256Plus => Some(TypedHash::Sha256),
            Self::ScramSha512 | Self::ScramSha512Plus => Some(TypedHash::Sha512),
            _ => None,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Channel-binding data of a connection, if it has any.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelBindings {
    /// Whether `tls-exporter` belongs to the offer, even before the handshake has produced a value.
    pub(crate) offers_exporter: bool,
    pub(crate) exporter: Option<Vec<u8>>,
    pub(crate) end_point: Option<Vec<u8>>,
}

impl ChannelBindings {
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_deref(),
            "tls-server-end-point" => self.end_point.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.offers_exporter {
            names.push("tls-exporter");
        }
        if self.end_point.is_some() {
            names.push("tls-server-end-point");
        }
        names
    }
}

/// The conditions of RFC 6120 6.5 that this server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Aborted,
    CredentialsExpired,
    EncryptionRequired,
    IncorrectEncoding,
    InvalidMechanism,
    MalformedRequest,
    NotAuthorized,
}

impl Condition {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::NotAuthorized => "not-authorized",
        }
    }
}
