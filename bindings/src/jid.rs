//! Addresses (RFC 7622).

use std::fmt;

use snapback_client as core;
pub use snapback_client::proto::jid::JidPart;

/// A JID in its normalised form.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Jid {
    /// The localpart; missing in the JID of a server.
    pub localpart: Option<String>,
    /// The domainpart.
    pub domain: String,
    /// The resourcepart, which names one of the account's clients; missing in a bare JID.
    pub resource: Option<String>,
}

/// The sender or the receiver of a stanza.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StanzaAddress {
    /// The stanza has no such attribute. A stanza without `from` comes from the user's own account, on whose behalf the
    /// server sends it (RFC 6120 section 8.1.2.1); no contact can send one.
    Absent,
    /// A valid JID.
    Named {
        /// The JID in its normalised form.
        jid: Jid,
    },
    /// A text that is not a valid JID according to RFC 7622, which some servers do not enforce. Any contact can send
    /// this.
    Unreadable {
        /// The text as received.
        text: String,
    },
}

impl StanzaAddress {
    /// Parses an attribute of a stanza.
    pub(crate) fn of(attribute: Option<&str>) -> Self {
        match core::Address::of(attribute) {
            core::Address::Absent => Self::Absent,
            core::Address::Named(jid) => Self::Named { jid: jid.into() },
            core::Address::Unreadable(text) => Self::Unreadable { text },
        }
    }
}

impl From<core::Jid> for Jid {
    fn from(jid: core::Jid) -> Self {
        Self {
            localpart: jid.node().map(str::to_owned),
            domain: jid.domain().to_owned(),
            resource: jid.resource().map(str::to_owned),
        }
    }
}

/// A part of a JID.
#[uniffi::remote(Enum)]
pub enum JidPart {
    /// Before the `@`.
    Localpart,
    /// Between `@` and `/`.
    Domain,
    /// After the `/`.
    Resource,
}

/// Why a text is not a valid JID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum JidProblem {
    /// A part is present but empty, or becomes empty when normalised.
    Empty {
        /// Which one.
        part: JidPart,
    },
    /// A part is longer than 1023 bytes.
    TooLong {
        /// Which one.
        part: JidPart,
    },
    /// A part contains characters that its profile does not allow.
    Disallowed {
        /// Which one.
        part: JidPart,
    },
    /// A label of the domain is not a valid host name label.
    DomainLabel,
    /// The domain begins with `[` but is not an IPv6 address in brackets.
    IpLiteral,
    /// A bare JID was expected, but this one has a resource.
    UnexpectedResource,
    /// A full JID was expected, but this one has no resource.
    MissingResource,
}

/// Parses and normalises a JID.
///
/// # Errors
///
/// Fails with a [`JidProblem`] if the text is not a valid JID.
#[uniffi::export]
pub fn parse_jid(text: String) -> Result<Jid, JidProblem> {
    Ok(core::Jid::try_from(text.as_str())?.into())
}

impl From<core::JidError> for JidProblem {
    fn from(error: core::JidError) -> Self {
        use core::JidError;
        match error {
            JidError::Empty(part) => Self::Empty { part },
            JidError::TooLong(part) => Self::TooLong { part },
            JidError::Disallowed(part) => Self::Disallowed { part },
            JidError::DomainLabel => Self::DomainLabel,
            JidError::IpLiteral => Self::IpLiteral,
            JidError::UnexpectedResource => Self::UnexpectedResource,
            JidError::MissingResource => Self::MissingResource,
        }
    }
}

impl fmt::Display for JidProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { part } => write!(f, "its {part} is empty"),
            Self::TooLong { part } => write!(f, "its {part} is too long"),
            Self::Disallowed { part } => write!(f, "its {part} holds what is not allowed there"),
            Self::DomainLabel => f.write_str("its domain is no host name"),
            Self::IpLiteral => f.write_str("its domain is no IPv6 address"),
            Self::UnexpectedResource => f.write_str("it has a resource"),
            Self::MissingResource => f.write_str("it has no resource"),
        }
    }
}

impl std::error::Error for JidProblem {}
