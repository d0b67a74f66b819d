//! The server's side of X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem), which ring does not have.

use ml_kem::ml_kem_768::EncapsulationKey;
use ml_kem::{B32, TryKeyInit};
use rustls::crypto::ring::{default_provider, kx_group::X25519};
use rustls::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup,
};
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

/// The length of an ML-KEM-768 encapsulation key, with which the client's key share starts.
const ENCAPSULATION_KEY_LEN: usize = 1184;

/// Returns ring's provider with this group as the preferred one.
pub(crate) fn provider() -> CryptoProvider {
    let mut provider = default_provider();
    provider.kx_groups.insert(0, &X25519MlKem768);
    provider
}

#[derive(Debug)]
struct X25519MlKem768;

impl SupportedKxGroup for X25519MlKem768 {
    /// Only servers complete an exchange that a client has started.
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Err(Error::General("not a client".to_owned()))
    }

    fn start_and_complete(&self, peer_pub_key: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let malformed = || Error::from(PeerMisbehaved::InvalidKeyShare);
        let (kem, x25519) = peer_pub_key
            .split_at_checked(ENCAPSULATION_KEY_LEN)
            .ok_or_else(malformed)?;
        let kem = EncapsulationKey::new_from_slice(kem).map_err(|_| malformed())?;
        let x25519 = X25519.start_and_complete(x25519)?;
        let mut message = [0; 32];
        default_provider().secure_random.fill(&mut message)?;
        let (ciphertext, of_kem) = kem.encapsulate_deterministic(&B32::from(message));
        let secret = [of_kem.as_slice(), x25519.secret.secret_bytes()].concat();
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: [ciphertext.as_slice(), &x25519.pub_key].concat(),
            secret: SharedSecret::from(secret.as_slice()),
        })
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}
