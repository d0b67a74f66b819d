//! Certificates and TLS configurations, one per combination of switches.

use std::collections::BTreeMap;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions,
    WebPkiClientVerifier,
};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use crate::client_certificates::{self, IssuedCertificate};
use crate::faults::CertificateFault;
use crate::post_quantum;
use crate::sasl::Mechanism;
use crate::switches::{Switches, TlsVersions};

/// Why TLS could not be set up.
#[derive(Debug)]
pub enum TlsError {
    /// A certificate could not be created.
    Certificate(rcgen::Error),
    /// rustls refused the configuration.
    Configuration(rustls::Error),
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Certificate(error) => write!(f, "cannot make a certificate: {error}"),
            Self::Configuration(error) => write!(f, "cannot configure TLS: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<rcgen::Error> for TlsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Configuration(error)
    }
}

#[derive(Debug)]
struct Leaf {
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ConfigKey {
    versions: TlsVersions,
    tickets: bool,
    post_quantum: bool,
    early_data: Option<u32>,
    half_rtt: bool,
    asks_client: bool,
    certificate: Option<CertificateFault>,
}

/// The server's certificates, ticket stores and TLS configurations.
#[derive(Debug)]
pub(crate) struct TlsMaterial {
    provider: Arc<CryptoProvider>,
    ca: CertificateDer<'static>,
    ca_pem: String,
    issuer: Arc<Issuer<'static, KeyPair>>,
    leaves: Arc<BTreeMap<Option<CertificateFault>, Leaf>>,
    configs: BTreeMap<ConfigKey, Arc<ServerConfig>>,
    /// TLS 1.3 (and 1.2 session ids): each ticket is accepted once.
    sessions: Arc<dyn StoresServerSessions>,
    /// RFC 5077 for TLS 1.2.
    ticketer: Arc<dyn ProducesTickets>,
}

impl TlsMaterial {
    pub(crate) fn new(domain: &str) -> Result<Self, TlsError> {
        let (ca, issuer) = authority("Snapback test CA")?;
        let (_, stranger) = authority("Another CA")?;
        let mut leaves = BTreeMap::new();
        leaves.insert(None, leaf(domain, &issuer, false)?);
        leaves.insert(
            Some(CertificateFault::OtherName),
            leaf("other.invalid", &issuer, false)?,
        );
        leaves.insert(
            Some(CertificateFault::UnknownAuthority),
            leaf(domain, &stranger, false)?,
        );
        leaves.insert(
            Some(CertificateFault::Expired),
            leaf(domain, &issuer, true)?,
        );
        Ok(Self {
            provider: Arc::new(ring::default_provider()),
            ca_pem: ca.pem(),
            issuer: Arc::new(issuer),
            ca: ca.der().clone(),
            leaves: Arc::new(leaves),
            configs: BTreeMap::new(),
            sessions: ServerSessionMemoryCache::new(1024),
            ticketer: ring::Ticketer::new()?,
        })
    }

    /// Returns the same certificates, and nothing else: tickets of one are not valid for the other.
    pub(crate) fn fork(&self) -> Result<Self, TlsError> {
        Ok(Self {
            provider: self.provider.clone(),
            ca: self.ca.clone(),
            ca_pem: self.ca_pem.clone(),
            issuer: self.issuer.clone(),
            leaves: self.leaves.clone(),
            configs: BTreeMap::new(),
            sessions: ServerSessionMemoryCache::new(64),
            ticketer: ring::Ticketer::new()?,
        })
    }

    pub(crate) fn ca_der(&self) -> &CertificateDer<'static> {
        &self.ca
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns `tls-server-end-point` (RFC 5929): our leaves are signed with ECDSA and SHA-256.
    pub(crate) fn end_point(&self, certificate: Option<CertificateFault>) -> Vec<u8> {
        self.leaves
            .get(&certificate)
            .and_then(|leaf| leaf.chain.first())
            .map(|leaf| Sha256::digest(leaf.as_ref()).to_vec())
            .unwrap_or_default()
    }

    /// Makes all tickets issued so far invalid.
    pub(crate) fn forget_tickets(&mut self) -> Result<(), TlsError> {
        self.sessions = ServerSessionMemoryCache::new(1024);
        self.ticketer = ring::Ticketer::new()?;
        self.configs.clear();
        Ok(())
    }

    pub(crate) fn config(
        &mut self,
        switches: &Switches,
        certificate: Option<CertificateFault>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let key = ConfigKey {
            versions: switches.tls_versions,
            tickets: switches.tls_tickets,
            post_quantum: switches.post_quantum,
            early_data: switches.early_data,
            half_rtt: switches.half_rtt || switches.early_data.is_some(),
            asks_client: switches.mechanisms.contains(&Mechanism::External),
            certificate,
        };
        if let Some(config) = self.configs.get(&key) {
            return Ok(config.clone());
        }
        let config = Arc::new(self.build(key)?);
        self.configs.insert(key, config.clone());
        Ok(config)
    }

    /// Returns a certificate of this bare JID, from the authority that the server trusts.
    pub(crate) fn issue(&self, jid: &str, is_expired: bool) -> Result<IssuedCertificate, TlsError> {
        Ok(client_certificates::issue(jid, &self.issuer, is_expired)?)
    }

    /// XEP-0178: a client without a certificate may log in by other means.
    fn client_verifier(&self, asks: bool) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        if !asks {
            return Ok(WebPkiClientVerifier::no_client_auth());
        }
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone())?;
        let builder = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        );
        let verifier = builder.allow_unauthenticated().build();
        verifier.map_err(|_| rustls::Error::NoCertificatesPresented.into())
    }

    fn build(&self, key: ConfigKey) -> Result<ServerConfig, TlsError> {
        let versions: &[&rustls::SupportedProtocolVersion] = match key.versions {
            TlsVersions::Both => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersions::Tls12 => &[&rustls::version::TLS12],
            TlsVersions::Tls13 => &[&rustls::version::TLS13],
        };
        let Some(leaf) = self.leaves.get(&key.certificate) else {
            return Err(rustls::Error::NoCertificatesPresented.into());
        };
        let provider = match key.post_quantum {
            true => Arc::new(post_quantum::provider()),
            false => Arc::clone(&self.provider),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(self.client_verifier(key.asks_client)?)
            .with_single_cert(
                leaf.chain.clone(),
                PrivateKeyDer::Pkcs8(leaf.key.clone_key()),
            )?;
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        config.send_half_rtt_data = key.half_rtt;
        if key.tickets {
            config.session_storage = self.sessions.clone();
            if key.versions == TlsVersions::Tls12 {
                config.ticketer = self.ticketer.clone();
            }
            config.max_early_data_size = key.early_data.unwrap_or(0);
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

fn authority(name: &str) -> Result<(rcgen::Certificate, Issuer<'static, KeyPair>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}

fn leaf(name: &str, issuer: &Issuer<'_, KeyPair>, expired: bool) -> Result<Leaf, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    if expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    } else {
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2049, 1, 1);
    }
    let certificate = params.signed_by(&key, issuer)?;
    Ok(Leaf {
        chain: vec![certificate.der().clone()],
        key: PrivatePkcs8KeyDer::from(key.serialize_der()),
    })
}
