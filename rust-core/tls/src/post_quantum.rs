//! X25519MLKEM768: key exchange by X25519 and ML-KEM-768 (FIPS 203) together, secure if one of them is
//! (draft-ietf-tls-ecdhe-mlkem). rustls has it only with aws-lc, and ring has no ML-KEM.

use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey};
use ml_kem::{Decapsulate, KeyExport, Seed};
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};
use zeroize::Zeroizing;

use crate::random;

/// The length of an ML-KEM-768 ciphertext, with which the server's key share starts.
const CIPHERTEXT_LEN: usize = 1088;

/// Returns the provider with this group before its own: ClientHello has a key share of it and one of X25519, so that a server
/// without it needs no further round trip.
pub(crate) fn preferred(provider: &CryptoProvider) -> CryptoProvider {
    let mut provider = provider.clone();
    provider.kx_groups.insert(0, &X25519MlKem768);
    provider
}

#[derive(Debug)]
struct X25519MlKem768;

impl SupportedKxGroup for X25519MlKem768 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut seed = Zeroizing::new([0; 64]);
        random::fill(&mut *seed).map_err(|_| Error::FailedToGetRandomBytes)?;
        let kem = DecapsulationKey::from_seed(Seed::from(*seed));
        let x25519 = X25519.start()?;
        let mut share = kem.encapsulation_key().to_bytes().to_vec();
        share.extend_from_slice(x25519.pub_key());
        Ok(Box::new(Started { kem, x25519, share }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

struct Started {
    kem: DecapsulationKey,
    x25519: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        let malformed = || Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);
        let (ciphertext, x25519) = peer_pub_key
            .split_at_checked(CIPHERTEXT_LEN)
            .ok_or_else(malformed)?;
        let ciphertext = Ciphertext::try_from(ciphertext).map_err(|_| malformed())?;
        // X25519 first: it refuses a share of another length, and the all-zero result (RFC 7748 section 6.1).
        let x25519 = self.x25519.complete(x25519)?;
        let of_kem = Zeroizing::new(<[u8; 32]>::from(self.kem.decapsulate(&ciphertext)));
        let secret = Zeroizing::new([of_kem.as_slice(), x25519.secret_bytes()].concat());
        Ok(SharedSecret::from(secret.as_slice()))
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.x25519.group(), self.x25519.pub_key()))
    }

    fn complete_hybrid_component(
        self: Box<Self>,
        peer_pub_key: &[u8],
    ) -> Result<SharedSecret, Error> {
        self.x25519.complete(peer_pub_key)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}
