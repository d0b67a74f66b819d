//! A certificate authority of the test's own, and a certificate from it for the test domain.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::StartError;

/// The validity begins before now, for clocks that differ, and has a usual length: ejabberd sets a timer for its end,
/// and crashes with rcgen's default of two thousand years.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DAYS_VALID: u32 = 30;

/// What a server and the client that trusts it need, as PEM.
#[derive(Debug)]
pub(crate) struct TestCertificate {
    pub(crate) ca: String,
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// Makes a new authority and a certificate for `domain`.
pub(crate) fn make(domain: &str) -> Result<TestCertificate, StartError> {
    let now = SystemTime::now();
    let (begin, end) = (now - DAY, now + DAYS_VALID * DAY);

    // The name contains the key, so that it differs from that of other authorities: a client that trusts one of those
    // does not know it.
    let authority_key = KeyPair::generate()?;
    let key = authority_key.public_key_raw();
    let name = hex(key.iter().rev().take(8));

    let mut authority = CertificateParams::default();
    (authority.not_before, authority.not_after) = (begin.into(), end.into());
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, format!("Snapback test CA {name}"));
    let authority = CertifiedIssuer::self_signed(authority, authority_key)?;

    let mut leaf = CertificateParams::new([domain.to_owned()])?;
    (leaf.not_before, leaf.not_after) = (begin.into(), end.into());
    leaf.distinguished_name.push(DnType::CommonName, domain);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&key, &authority)?;

    Ok(TestCertificate {
        ca: authority.pem(),
        chain: format!("{}{}", leaf.pem(), authority.pem()),
        key: key.serialize_pem(),
    })
}

/// Returns the bytes in hexadecimal.
pub(crate) fn hex<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    bytes
        .into_iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
