//! Addresses (RFC 7622): `node@domain/resource`, each part in the canonical form for comparison.
//!
//! Parsing enforces the rules: the parts of a [`BareJid`] or [`FullJid`] have been through the PRECIS profiles
//! `UsernameCaseMapped` and `OpaqueString` (RFC 8265) and through IDNA, so addresses are equal if their bytes are.

mod address;
mod compare;
mod domain;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::precis_core::{DerivedPropertyValue, FreeformClass, StringClass};
use precis_profiles::{OpaqueString, UsernameCaseMapped};

pub use address::Address;
pub use compare::{is_same, prepared, prepared_bare};

/// The maximum length of one part, in bytes (RFC 7622 section 3.1).
const MAX_PART: usize = 1023;

/// An address without a resource: an account, or a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BareJid {
    node: Option<String>,
    domain: String,
}

/// An address with a resource: one client of an account, or an occupant of a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FullJid {
    bare: BareJid,
    resource: String,
}

/// An address of either kind, as `from` and `to` carry it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Jid {
    /// Without resource.
    Bare(BareJid),
    /// With resource.
    Full(FullJid),
}

/// The parts of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JidPart {
    /// Before the `@`.
    Localpart,
    /// The server.
    Domain,
    /// After the `/`.
    Resource,
}

/// Why a text is not an address. It names the part, never the text: an address is personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JidError {
    /// A part is present but empty, or becomes empty.
    Empty(JidPart),
    /// A part is longer than 1023 bytes.
    TooLong(JidPart),
    /// A part contains what its profile does not allow.
    Disallowed(JidPart),
    /// A label of the domain is not a label of a host name.
    DomainLabel,
    /// The domain begins with `[` but is no IPv6 address in brackets.
    IpLiteral,
    /// The address has a resource, and a bare one was expected.
    UnexpectedResource,
    /// The address has no resource, and a full one was expected.
    MissingResource,
}

impl BareJid {
    /// Returns the localpart, if there is one.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Returns the domainpart, with internationalised labels in Unicode.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the domainpart for DNS and TLS, with internationalised labels as A-labels.
    pub fn domain_to_ascii(&self) -> String {
        domain::to_ascii(&self.domain)
    }

    /// Returns this address with a resource.
    pub fn with_resource(&self, resource: &str) -> Result<FullJid, JidError> {
        Ok(FullJid {
            bare: self.clone(),
            resource: enforce_resource(resource)?,
        })
    }
}

impl FullJid {
    /// Returns the localpart, if there is one.
    pub fn node(&self) -> Option<&str> {
        self.bare.node()
    }

    /// Returns the domainpart, with internationalised labels in Unicode.
    pub fn domain(&self) -> &str {
        self.bare.domain()
    }

    /// Returns the resourcepart.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Returns the same address without the resource.
    pub fn bare(&self) -> &BareJid {
        &self.bare
    }
}

impl Jid {
    /// Returns the localpart, if there is one.
    pub fn node(&self) -> Option<&str> {
        self.bare().node()
    }

    /// Returns the domainpart, with internationalised labels in Unicode.
    pub fn domain(&self) -> &str {
        self.bare().domain()
    }

    /// Returns the resourcepart, if there is one.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Self::Bare(_) => None,
            Self::Full(full) => Some(full.resource()),
        }
    }

    /// Returns the same address without the resource.
    pub fn bare(&self) -> &BareJid {
        match self {
            Self::Bare(bare) => bare,
            Self::Full(full) => full.bare(),
        }
    }
}

impl FromStr for Jid {
    type Err = JidError;

    /// The resource begins at the first `/`, the domain after the first `@` before it (RFC 7622 section 3.2).
    fn from_str(text: &str) -> Result<Self, JidError> {
        let (address, resource) = match text.split_once('/') {
            Some((address, resource)) => (address, Some(resource)),
            None => (text, None),
        };
        let (node, domain) = match address.split_once('@') {
            Some((node, domain)) => (Some(node), domain),
            None => (None, address),
        };
        let bare = BareJid {
            node: node.map(enforce_node).transpose()?,
            domain: domain::enforce(domain)?,
        };
        match resource {
            Some(resource) => bare.with_resource(resource).map(Self::Full),
            None => Ok(Self::Bare(bare)),
        }
    }
}

impl FromStr for BareJid {
    type Err = JidError;

    fn from_str(text: &str) -> Result<Self, JidError> {
        match text.parse()? {
            Jid::Bare(bare) => Ok(bare),
            Jid::Full(_) => Err(JidError::UnexpectedResource),
        }
    }
}

impl FromStr for FullJid {
    type Err = JidError;

    fn from_str(text: &str) -> Result<Self, JidError> {
        match text.parse()? {
            Jid::Full(full) => Ok(full),
            Jid::Bare(_) => Err(JidError::MissingResource),
        }
    }
}

impl TryFrom<&str> for Jid {
    type Error = JidError;

    fn try_from(text: &str) -> Result<Self, JidError> {
        text.parse()
    }
}

impl TryFrom<&str> for BareJid {
    type Error = JidError;

    fn try_from(text: &str) -> Result<Self, JidError> {
        text.parse()
    }
}

impl TryFrom<&str> for FullJid {
    type Error = JidError;

    fn try_from(text: &str) -> Result<Self, JidError> {
        text.parse()
    }
}

impl From<BareJid> for Jid {
    fn from(bare: BareJid) -> Self {
        Self::Bare(bare)
    }
}

impl From<FullJid> for Jid {
    fn from(full: FullJid) -> Self {
        Self::Full(full)
    }
}

impl fmt::Display for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "{node}@")?;
        }
        f.write_str(&self.domain)
    }
}

impl fmt::Display for FullJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bare, self.resource)
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare(bare) => bare.fmt(f),
            Self::Full(full) => full.fmt(f),
        }
    }
}

impl fmt::Display for JidPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Localpart => "localpart",
            Self::Domain => "domainpart",
            Self::Resource => "resourcepart",
        })
    }
}

impl fmt::Display for JidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(part) => write!(f, "empty {part} in an address"),
            Self::TooLong(part) => write!(f, "{part} of an address over {MAX_PART} bytes"),
            Self::Disallowed(part) => write!(f, "{part} of an address breaks its PRECIS profile"),
            Self::DomainLabel => f.write_str("domainpart of an address with an invalid label"),
            Self::IpLiteral => f.write_str("domainpart of an address with an invalid IP literal"),
            Self::UnexpectedResource => f.write_str("full address where a bare one is expected"),
            Self::MissingResource => f.write_str("bare address where a full one is expected"),
        }
    }
}

impl std::error::Error for JidError {}

/// Characters that the profile allows, and that RFC 7622 section 3.3.1 excludes.
const EXCLUDED_FROM_NODE: [char; 8] = ['"', '&', '\'', '/', ':', '<', '>', '@'];

fn enforce_node(node: &str) -> Result<String, JidError> {
    let node = if node.bytes().all(|byte| byte.is_ascii_graphic()) {
        within(node.to_ascii_lowercase(), JidPart::Localpart)?
    } else {
        enforce::<UsernameCaseMapped>(node, JidPart::Localpart)?
    };
    if node.contains(EXCLUDED_FROM_NODE) {
        return Err(JidError::Disallowed(JidPart::Localpart));
    }
    Ok(node)
}

/// Deviates from RFC 7622 in one point: the registered PRECIS tables end with Unicode 6.3, of 2013. Characters that
/// were assigned later are common in nicknames today, so in a resource they pass unchanged, and only the text between
/// them goes through the profile.
fn enforce_resource(resource: &str) -> Result<String, JidError> {
    let part = JidPart::Resource;
    if is_printable(resource) {
        return within(resource.to_owned(), part);
    }
    let class = FreeformClass::default();
    let newer = |c: char| class.get_value_from_char(c) == DerivedPropertyValue::Unassigned;
    if !resource.contains(newer) {
        return enforce::<OpaqueString>(resource, part);
    }
    let mut enforced = String::with_capacity(resource.len());
    for piece in resource.split_inclusive(newer) {
        let known = piece.trim_end_matches(newer);
        if !known.is_empty() {
            enforced.push_str(&enforce::<OpaqueString>(known, part)?);
        }
        enforced.extend(piece.chars().next_back().filter(|&c| newer(c)));
    }
    within(enforced, part)
}

/// Returns whether the text is printable ASCII, for which the result of the profiles is known without their tables, and
/// nearly every address is ASCII: [`OpaqueString`] changes nothing; [`UsernameCaseMapped`] changes the case and refuses
/// spaces.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn within(text: String, part: JidPart) -> Result<String, JidError> {
    match text.len() {
        0 => Err(JidError::Empty(part)),
        1..=MAX_PART => Ok(text),
        _ => Err(JidError::TooLong(part)),
    }
}

/// Applies a profile until nothing changes any more, at most as often as RFC 8264 section 7 allows.
fn enforce<P: PrecisFastInvocation>(text: &str, part: JidPart) -> Result<String, JidError> {
    const ROUNDS: usize = 4;
    if text.is_empty() {
        return Err(JidError::Empty(part));
    }
    let mut text = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let enforced = P::enforce(text.as_ref())
            .map_err(|_| JidError::Disallowed(part))?
            .into_owned();
        if enforced == text {
            return within(enforced, part);
        }
        text = Cow::Owned(enforced);
    }
    Err(JidError::Disallowed(part))
}
