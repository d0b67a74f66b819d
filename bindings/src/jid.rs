//! Addresses (RFC 7622).

use std::fmt;

use snapback_client as core;
pub use snapback_client::proto::jid::JidPart;

/// An address in its normal form.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Jid {
    /// Who; missing for a server.
    pub localpart: Option<String>,
    /// Where.
    pub domain: String,
    /// Which of their clients; missing in a bare JID.
    pub resource: Option<String>,
}

/// An address as a stanza names it: whom it is from, or whom it is for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StanzaAddress {
    /// The stanza names nobody. A stanza from nobody is from our own account, for which our server speaks (RFC 6120 section
    /// 8.1.2.1); no contact can send one.
    Absent,
    /// An address.
    Named {
        /// In its normal form.
        jid: Jid,
    },
    /// Something that is no address by the rules of RFC 7622, some of which servers know less strictly. Any contact can send
    /// this.
    Unreadable {
        /// As it stands in the stanza.
        text: String,
    },
}

impl StanzaAddress {
    /// What the attribute of a stanza says.
    pub(crate) fn of(attribute: Option<&str>) -> Self {
        match attribute.map(|text| (text, core::Jid::try_from(text))) {
            None => Self::Absent,
            Some((_, Ok(jid))) => Self::Named { jid: jid.into() },
            Some((text, Err(_))) => Self::Unreadable {
                text: text.to_owned(),
            },
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

/// A part of an address.
#[uniffi::remote(Enum)]
pub enum JidPart {
    /// Before the `@`.
    Localpart,
    /// Between `@` and `/`.
    Domain,
    /// After the `/`.
    Resource,
}

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum JidProblem {
    /// A part is there but empty, or becomes so.
    Empty {
        /// Which one.
        part: JidPart,
    },
    /// A part is longer than 1023 bytes.
    TooLong {
        /// Which one.
        part: JidPart,
    },
    /// A part contains what its profile does not allow.
    Disallowed {
        /// Which one.
        part: JidPart,
    },
    /// A label of the domain is not one of a host name.
    DomainLabel,
    /// The domain begins with `[` but is no IPv6 address in brackets.
    IpLiteral,
    /// A bare address was expected, this one has a resource.
    UnexpectedResource,
    /// A full address was expected, this one has no resource.
    MissingResource,
}

/// Reads and normalises an address.
///
/// # Errors
///
/// [`JidProblem`] says what is wrong with it.
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
