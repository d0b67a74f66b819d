//! The names of XMPP in a certificate: SRVName (RFC 4985) and xmppAddr (RFC 6120 section 13.7.1.4). They are not accepted in
//! place of a DNS name, but a refusal says that they are there.

use rustls::pki_types::ServerName;
use snapback_types::jid::BareJid;

use super::{CONTEXT_0, OID, SEQUENCE, take, take_any};

/// The extensions of a certificate.
const CONTEXT_3: u8 = 0xa3;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const IA5_STRING: u8 = 0x16;
/// `otherName` in GeneralName (RFC 5280 section 4.2.1.6), constructed.
const OTHER_NAME: u8 = CONTEXT_0;

/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// 1.3.6.1.5.5.7.8.5
const XMPP_ADDR: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 5];
/// 1.3.6.1.5.5.7.8.7
const DNS_SRV: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 7];

/// The service of an XMPP server for clients, with and without direct TLS (RFC 6120 section 13.7.1.2.1, XEP-0368).
const SERVICES: [&str; 2] = ["_xmpp-client.", "_xmpps-client."];

/// Returns whether the certificate names this domain by SRVName or xmppAddr.
pub(crate) fn has_xmpp_name(certificate: &[u8], domain: &ServerName<'_>) -> bool {
    let ServerName::DnsName(domain) = domain else {
        return false;
    };
    let Some(mut names) = subject_alt_names(certificate) else {
        return false;
    };
    // Each round removes at least two bytes.
    while let Some((tag, name)) = take_any(&mut names) {
        if tag == OTHER_NAME
            && other_name(name).is_some_and(|name| is_domain(name, domain.as_ref()))
        {
            return true;
        }
    }
    false
}

/// A name by its type.
enum OtherName<'a> {
    Address(&'a str),
    Service(&'a str),
}

fn is_domain(name: OtherName<'_>, domain: &str) -> bool {
    let is_it = |name: &str| {
        let name: Result<BareJid, _> = name.parse();
        name.is_ok_and(|name| {
            name.node().is_none() && name.domain_to_ascii().eq_ignore_ascii_case(domain)
        })
    };
    match name {
        OtherName::Address(address) => is_it(address),
        OtherName::Service(service) => SERVICES.iter().any(|prefix| {
            service
                .split_at_checked(prefix.len())
                .is_some_and(|(head, rest)| head.eq_ignore_ascii_case(prefix) && is_it(rest))
        }),
    }
}

/// Parses OtherName: a type, and a value with an explicit tag.
fn other_name(mut contents: &[u8]) -> Option<OtherName<'_>> {
    let kind = take(&mut contents, OID)?;
    let mut value = take(&mut contents, CONTEXT_0)?;
    let (tag, text) = take_any(&mut value)?;
    let text = match tag {
        UTF8_STRING | IA5_STRING => std::str::from_utf8(text).ok()?,
        _ => return None,
    };
    match kind {
        XMPP_ADDR => Some(OtherName::Address(text)),
        DNS_SRV => Some(OtherName::Service(text)),
        _ => None,
    }
}

/// Returns the contents of GeneralNames in the extension subjectAltName.
fn subject_alt_names(certificate: &[u8]) -> Option<&[u8]> {
    let mut outer = certificate;
    let mut body = take(&mut outer, SEQUENCE)?;
    let mut certificate = take(&mut body, SEQUENCE)?;
    let mut extensions = loop {
        match take_any(&mut certificate)? {
            (CONTEXT_3, mut contents) => break take(&mut contents, SEQUENCE)?,
            _ => continue,
        }
    };
    loop {
        let mut extension = take(&mut extensions, SEQUENCE)?;
        if take(&mut extension, OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        // `critical` may stand before the value.
        let mut value = loop {
            match take_any(&mut extension)? {
                (OCTET_STRING, value) => break value,
                _ => continue,
            }
        };
        return take(&mut value, SEQUENCE);
    }
}
