//! Downgrade protection: SSDP (XEP-0474) for the server's lists, TDP (XEP-0515) for the version of TLS.
//!
//! Both are optional attributes in the server's first message of SCRAM, which is signed with the password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::TlsVersion;
use super::binding::Gs2;
use super::choose::Offer;
use super::digest::constant_time_eq;
use super::error::SaslError;
use super::mechanism::Hash;

/// What the server has to confirm, determined before its first message arrives.
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    /// The value of `h` for the received lists.
    offer_hash: String,
    /// The value of `t` for this TLS connection.
    tls_version: &'static str,
    /// Whether a missing `h` is fatal.
    must_confirm: bool,
}

impl Expectation {
    pub(super) fn new(hash: Hash, offer: &Offer, tls_version: TlsVersion, gs2: &Gs2) -> Self {
        Self {
            offer_hash: offer_hash(hash, offer),
            tls_version: version_number(tls_version),
            must_confirm: matches!(gs2, Gs2::NothingInCommon),
        }
    }

    /// Makes a missing `h` fatal if it is required for another reason.
    pub(super) fn require_confirmation(&mut self, required: bool) {
        self.must_confirm |= required;
    }

    /// Compares with the attributes `h` and `t`, where the server sent them.
    pub(super) fn check(&self, h: Option<&str>, t: Option<&str>) -> Result<(), SaslError> {
        match h {
            Some(h) if !constant_time_eq(h.as_bytes(), self.offer_hash.as_bytes()) => {
                return Err(SaslError::OfferTampered);
            }
            None if self.must_confirm => return Err(SaslError::OfferUnconfirmed),
            Some(_) | None => {}
        }
        match t {
            Some(t) if t != self.tls_version => Err(SaslError::TlsVersionTampered),
            Some(_) | None => Ok(()),
        }
    }
}

/// XEP-0474, "Server Sends Downgrade Protection Hash". The delimiters are characters that XML cannot contain, so no name can
/// contain one. Rust orders strings by their bytes, which is the required collation (i;octet).
fn offer_hash(hash: Hash, offer: &Offer) -> String {
    let mut lists = sorted_and_joined(&offer.mechanisms);
    if let Some(types) = &offer.channel_bindings {
        lists.push('\x1f');
        lists.push_str(&sorted_and_joined(types));
    }
    STANDARD.encode(hash.digest(lists.as_bytes()))
}

fn sorted_and_joined(names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.join("\x1e")
}

/// XEP-0515: the version number on the wire, as four lower-case hexadecimal digits.
fn version_number(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "0303",
        TlsVersion::Tls13 => "0304",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::choose::Profile;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    /// The lists of the XEP's example, in the order in which it sends them.
    fn example() -> Offer {
        Offer {
            profile: Profile::Sasl2,
            mechanisms: names(&["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"]),
            channel_bindings: Some(names(&["tls-server-end-point", "tls-exporter"])),
        }
    }

    #[test]
    fn t3_hash_of_the_xep_0474_example() {
        assert_eq!(
            offer_hash(Hash::Sha1, &example()),
            "G6k/rBLDqgOhRRaCuuatSDFkJ08="
        );
        let mut reversed = example();
        reversed.mechanisms.reverse();
        assert_eq!(
            offer_hash(Hash::Sha1, &reversed),
            "G6k/rBLDqgOhRRaCuuatSDFkJ08="
        );
    }

    #[test]
    fn t3_every_change_of_a_list_changes_the_hash() {
        let genuine = offer_hash(Hash::Sha256, &example());
        let changes: [fn(&mut Offer); 6] = [
            |offer| drop(offer.mechanisms.pop()),
            |offer| offer.mechanisms.push("PLAIN".to_owned()),
            |offer| offer.channel_bindings = None,
            |offer| offer.channel_bindings = Some(Vec::new()),
            |offer| offer.channel_bindings = Some(names(&["tls-server-end-point"])),
            |offer| {
                let types = offer.channel_bindings.take().unwrap_or_default();
                offer.mechanisms.extend(types);
            },
        ];
        for change in changes {
            let mut offer = example();
            change(&mut offer);
            assert_ne!(offer_hash(Hash::Sha256, &offer), genuine, "{offer:?}");
        }
    }

    #[test]
    fn t3_what_the_server_confirms_must_match() {
        let expectation =
            Expectation::new(Hash::Sha1, &example(), TlsVersion::Tls13, &Gs2::Unsupported);
        let h = Some("G6k/rBLDqgOhRRaCuuatSDFkJ08=");
        assert_eq!(expectation.check(None, None), Ok(()));
        assert_eq!(expectation.check(h, Some("0304")), Ok(()));
        assert_eq!(
            expectation.check(Some("G6k/rBLDqgOhRRaCuuatSDFkJ09="), None),
            Err(SaslError::OfferTampered)
        );
        assert_eq!(
            expectation.check(Some(""), None),
            Err(SaslError::OfferTampered)
        );
        assert_eq!(
            expectation.check(h, Some("0303")),
            Err(SaslError::TlsVersionTampered)
        );
        assert_eq!(
            expectation.check(None, Some("")),
            Err(SaslError::TlsVersionTampered)
        );
    }

    #[test]
    fn t3_without_a_common_type_the_hash_is_demanded() {
        let expectation = Expectation::new(
            Hash::Sha1,
            &example(),
            TlsVersion::Tls13,
            &Gs2::NothingInCommon,
        );
        assert_eq!(
            expectation.check(None, Some("0304")),
            Err(SaslError::OfferUnconfirmed)
        );
        assert_eq!(
            expectation.check(Some("G6k/rBLDqgOhRRaCuuatSDFkJ08="), None),
            Ok(())
        );
    }
}
