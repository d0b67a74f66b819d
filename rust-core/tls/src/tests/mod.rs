//! Our client against rustls' server, in memory.

mod certificates;
mod early_data;
mod handshake;
mod resumption;
mod robustness;

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use snapback_types::key_trust::Pins;

use crate::{
    Established, SessionParams, TicketScope, TlsContext, TlsError, TlsEvent, TlsSession,
    TlsVersions, Transport, Trust, VerificationRequest, danger,
};

pub(super) const DOMAIN: &str = "chat.example";

/// A certification authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
}

impl Authority {
    pub(super) fn new(algorithm: &'static SignatureAlgorithm) -> Self {
        Self::named("Authority", algorithm)
    }

    /// Returns an authority that no client trusts.
    pub(super) fn stranger() -> Self {
        Self::named("Stranger", &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    fn named(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    pub(super) fn trust(&self) -> Trust {
        Trust::Roots(danger::Roots::from_der([self.certificate.as_ref()]).unwrap())
    }

    pub(super) fn issue(&self, name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Server {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        adjust(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Server::new(certificate.der().clone(), &key)
    }
}

/// A server's configuration, which tests may change before use.
pub(super) struct Server {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) config: ServerConfig,
}

impl Server {
    pub(super) fn new(certificate: CertificateDer<'static>, key: &KeyPair) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        Self {
            certificate,
            config,
        }
    }

    pub(super) fn connection(&self) -> ServerConnection {
        ServerConnection::new(Arc::new(self.config.clone())).unwrap()
    }
}

/// Returns a valid server, and a context that trusts it.
pub(super) fn world() -> (TlsContext, Server) {
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let context = TlsContext::new(authority.trust()).unwrap();
    (context, authority.issue(DOMAIN, |_| {}))
}

pub(super) fn scope() -> TicketScope {
    TicketScope {
        account: "juliet".to_owned(),
        domain: DOMAIN.to_owned(),
        transport: Transport::StartTls,
        pins: Pins::default(),
    }
}

pub(super) fn params(versions: TlsVersions) -> SessionParams {
    SessionParams {
        server_name: DOMAIN.to_owned(),
        direct: false,
        scope: scope(),
        early_data: false,
        post_quantum: false,
        versions,
    }
}

/// Both ends and what happened so far.
pub(super) struct Pair {
    pub(super) client: TlsSession,
    pub(super) server: ServerConnection,
    /// The size of the pieces in which the client gets its bytes.
    pub(super) piece: usize,
    pub(super) request: Option<VerificationRequest>,
    pub(super) established: Option<Established>,
    pub(super) plaintext: Vec<u8>,
    pub(super) close_notify: usize,
}

impl Pair {
    pub(super) fn new(context: &TlsContext, server: &Server, params: SessionParams) -> Self {
        Self::with(context.session(params).unwrap(), server)
    }

    pub(super) fn with(client: TlsSession, server: &Server) -> Self {
        Self {
            client,
            server: server.connection(),
            piece: usize::MAX,
            request: None,
            established: None,
            plaintext: Vec::new(),
            close_notify: 0,
        }
    }

    /// Returns a finished handshake, with the certificate verified by the context.
    pub(super) fn connected(context: &TlsContext, server: &Server, params: SessionParams) -> Self {
        let mut pair = Self::new(context, server, params);
        pair.run().unwrap();
        assert!(pair.established.is_some(), "handshake not finished");
        pair
    }

    /// Moves bytes both ways, and verification results, until nothing moves.
    pub(super) fn run(&mut self) -> Result<(), TlsError> {
        for _ in 0..20 {
            let to_server = self.carry_to_server();
            let to_client = self.carry_to_client()?;
            let judged = match self.request.take() {
                Some(request) => {
                    self.client.certificate_verified(request.verify())?;
                    self.poll();
                    true
                }
                None => false,
            };
            if to_server + to_client == 0 && !judged {
                return Ok(());
            }
        }
        panic!("the pair does not settle");
    }

    /// Moves bytes from client to server; returns how many.
    pub(super) fn carry_to_server(&mut self) -> usize {
        let bytes = self.client.take_output();
        let mut rest = &bytes[..];
        while !rest.is_empty() && self.server.read_tls(&mut rest).unwrap() > 0 {
            // The server reports errors in an alert.
            let _ = self.server.process_new_packets();
        }
        bytes.len()
    }

    pub(super) fn server_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Moves bytes from server to client; returns how many.
    pub(super) fn carry_to_client(&mut self) -> Result<usize, TlsError> {
        let bytes = self.server_output();
        for piece in bytes.chunks(self.piece) {
            self.client.read(piece)?;
            self.poll();
        }
        Ok(bytes.len())
    }

    pub(super) fn poll(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                TlsEvent::VerifyCertificate(request) => {
                    assert!(self.request.replace(request).is_none());
                }
                TlsEvent::Established(established) => {
                    assert!(self.established.replace(established).is_none());
                }
                TlsEvent::Plaintext(bytes) => {
                    assert!(self.established.is_some(), "plaintext too early");
                    self.plaintext.extend(bytes);
                }
                TlsEvent::CloseNotify => self.close_notify += 1,
            }
        }
    }

    /// Returns what the server has read so far.
    pub(super) fn server_plaintext(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.server.reader().read_to_end(&mut bytes);
        bytes
    }

    /// Sends one message each way.
    pub(super) fn exchange(&mut self) {
        self.client.write(b"<presence/>").unwrap();
        self.carry_to_server();
        assert_eq!(self.server_plaintext(), b"<presence/>");
        self.server.writer().write_all(b"<message/>").unwrap();
        self.carry_to_client().unwrap();
        assert_eq!(std::mem::take(&mut self.plaintext), b"<message/>");
    }

    pub(super) fn established(&self) -> &Established {
        self.established.as_ref().unwrap()
    }
}
