//! The domainpart (RFC 7622 section 3.2): a host name with internationalised labels as U-labels, or an IP literal.
//!
//! IDNA2008 (RFC 5891, 5892) derives its allowed characters like the PRECIS `IdentifierClass` does, minus most of ASCII
//! and plus the mapping of RFC 5895. So a label goes through the profile that maps case and width and normalises, and
//! the rest is checked here. This avoids the tables of a full IDNA library on the phone. Known difference: a combining
//! mark that counts as a letter is not recognised at the beginning of a label.

use core::net::Ipv6Addr;

use precis_profiles::UsernameCaseMapped;

use super::{JidError, JidPart, MAX_PART, enforce as enforce_profile};

mod punycode;

/// The maximum length of one label in DNS, in bytes (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// The prefix of an A-label (RFC 5890 section 2.3.2.1).
const ACE_PREFIX: &str = "xn--";

/// Returns the domainpart in the canonical form for comparison.
pub(super) fn enforce(domain: &str) -> Result<String, JidError> {
    // The dot of the DNS root has no meaning here, so it is removed first.
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if domain.is_empty() {
        return Err(JidError::Empty(JidPart::Domain));
    }
    let enforced = match domain.strip_prefix('[') {
        Some(literal) => ipv6_literal(literal)?,
        None => domain
            .split('.')
            .map(label)
            .collect::<Result<Vec<_>, _>>()?
            .join("."),
    };
    if enforced.len() > MAX_PART {
        return Err(JidError::TooLong(JidPart::Domain));
    }
    Ok(enforced)
}

/// Returns an enforced domainpart with A-labels.
pub(super) fn to_ascii(domain: &str) -> String {
    if domain.is_ascii() {
        return domain.to_owned();
    }
    domain
        .split('.')
        .map(label_to_ascii)
        .collect::<Vec<_>>()
        .join(".")
}

fn ipv6_literal(literal: &str) -> Result<String, JidError> {
    let address: Ipv6Addr = literal
        .strip_suffix(']')
        .and_then(|address| address.parse().ok())
        .ok_or(JidError::IpLiteral)?;
    Ok(format!("[{address}]"))
}

fn label(text: &str) -> Result<String, JidError> {
    let mapped = match strip_ace_prefix(text) {
        None => map_label(text)?,
        Some(encoded) => {
            let decoded = punycode::decode(&encoded.to_ascii_lowercase())
                .filter(|label| !label.is_ascii())
                .ok_or(JidError::DomainLabel)?;
            // An A-label is the encoding of a valid U-label, not of something that maps to one.
            if map_label(&decoded)? != decoded {
                return Err(JidError::DomainLabel);
            }
            decoded
        }
    };
    check_label(&mapped)?;
    Ok(mapped)
}

fn map_label(text: &str) -> Result<String, JidError> {
    if text.is_ascii() {
        return Ok(text.to_ascii_lowercase());
    }
    enforce_profile::<UsernameCaseMapped>(text, JidPart::Domain)
}

fn check_label(label: &str) -> Result<(), JidError> {
    // The underscore is not allowed in a host name, but common in test and container networks.
    let allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let hyphens_of_another_encoding = label.get(2..4) == Some("--") && !label.is_ascii();
    let begins_well = label
        .chars()
        .next()
        .is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !label.chars().all(allowed)
        || !begins_well
        || label.ends_with('-')
        || hyphens_of_another_encoding
        || strip_ace_prefix(label).is_some()
        || label_to_ascii(label).len() > MAX_LABEL
    {
        return Err(JidError::DomainLabel);
    }
    Ok(())
}

fn label_to_ascii(label: &str) -> String {
    if label.is_ascii() {
        return label.to_owned();
    }
    format!("{ACE_PREFIX}{}", punycode::encode(label))
}

fn strip_ace_prefix(label: &str) -> Option<&str> {
    let (prefix, rest) = label.split_at_checked(ACE_PREFIX.len())?;
    prefix.eq_ignore_ascii_case(ACE_PREFIX).then_some(rest)
}
