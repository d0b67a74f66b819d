//! Certificates of clients (XEP-0178): issued for tests, and read for SASL EXTERNAL.

use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, OtherNameValue, SanType,
    date_time_ymd,
};

/// id-on-xmppAddr (RFC 6120 section 13.7.1.4): 1.3.6.1.5.5.7.8.5.
const XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];
const XMPP_ADDR_DER: [u8; 10] = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x05];

/// A client's certificate and its private key, as PEM.
#[derive(Clone, Debug)]
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
}

/// Returns a certificate of this bare JID, or an expired one.
pub(crate) fn issue(
    jid: &str,
    issuer: &Issuer<'_, KeyPair>,
    is_expired: bool,
) -> Result<IssuedCertificate, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    let name = OtherNameValue::Utf8String(jid.to_owned());
    params.subject_alt_names = vec![SanType::OtherName((XMPP_ADDR.to_vec(), name))];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(if is_expired { 2020 } else { 2049 }, 1, 1);
    let certificate = params.signed_by(&key, issuer)?;
    Ok(IssuedCertificate {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    })
}

/// Returns the first xmppAddr of a verified certificate: `OID, [0] { UTF8String }` of fewer than 128 bytes each.
pub(crate) fn xmpp_addr(der: &[u8]) -> Option<&str> {
    let start = der
        .windows(XMPP_ADDR_DER.len())
        .position(|window| window == XMPP_ADDR_DER)?;
    let value = der.get(start + XMPP_ADDR_DER.len()..)?;
    let [0xa0, explicit, 0x0c, length, rest @ ..] = value else {
        return None;
    };
    if *explicit != length.checked_add(2)? || *length >= 128 {
        return None;
    }
    str::from_utf8(rest.get(..usize::from(*length))?).ok()
}
