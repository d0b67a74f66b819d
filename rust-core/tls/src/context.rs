//! One trust configuration, and the sessions created from it (rules T1, T11).

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{SignatureScheme, SupportedProtocolVersion};

use crate::client_certificate::ClientCertificate;
use crate::deferred::DeferredVerifier;
use crate::resumption::{ConnectionTickets, Counters};
use crate::session::TlsSession;
use crate::tickets::{MemoryTickets, TicketScope, TicketStore};
use crate::{TicketStats, TlsError, danger, post_quantum};

/// XEP-0368: the ALPN protocol of client connections over direct TLS.
pub(crate) const ALPN_XMPP_CLIENT: &[u8] = b"xmpp-client";

/// Which certificates are trusted.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The trust anchors of the operating system. On Android the platform verifier must have been initialised at load.
    Platform,
    /// Only these roots; see the warning at [`danger`].
    Roots(danger::Roots),
}

/// Creates sessions that share one trust configuration and its tickets. Cheap to clone.
///
/// When trust changes, create a new context: it does not use the tickets of the old one.
#[derive(Clone)]
pub struct TlsContext {
    inner: Arc<Inner>,
}

struct Inner {
    provider: Arc<CryptoProvider>,
    /// The same with X25519MLKEM768 as its first key exchange group.
    post_quantum: Arc<CryptoProvider>,
    // rustls resumes only with the same verifier and resolver `Arc`.
    verifier: Arc<dyn ServerCertVerifier>,
    resolver: Arc<dyn ResolvesClientCert>,
    tickets: Arc<dyn TicketStore>,
    counters: Arc<Counters>,
}

/// The parameters of a session.
#[derive(Clone, Debug)]
pub struct SessionParams {
    /// The domain of the JID in A-label form, or an IP address: for SNI, and the name that the certificate must carry.
    pub server_name: String,
    /// Direct TLS (XEP-0368): offers ALPN `xmpp-client`.
    pub direct: bool,
    /// The scope within which tickets are shared.
    pub scope: TicketScope,
    /// Whether to offer early data if the ticket allows it.
    pub early_data: bool,
    /// Whether to offer a post-quantum key exchange (X25519MLKEM768) beside X25519: 1.2 kB more in the ClientHello.
    pub post_quantum: bool,
    /// The versions to offer.
    pub versions: TlsVersions,
}

/// The protocol versions that a session offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.2 and 1.3.
    #[default]
    Default,
    /// TLS 1.2 only.
    Only12,
    /// TLS 1.3 only.
    Only13,
}

static BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
static ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];

impl TlsVersions {
    pub(crate) fn allows_tls13(self) -> bool {
        self != Self::Only12
    }

    pub(crate) fn allows_tls12(self) -> bool {
        self != Self::Only13
    }

    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Default => BOTH,
            Self::Only12 => ONLY_12,
            Self::Only13 => ONLY_13,
        }
    }
}

impl TlsContext {
    /// Returns a context with its tickets in memory. Loading the platform's roots may take a while on desktop systems.
    ///
    /// # Errors
    /// [`TlsError::VerifierUnavailable`] if the platform has no trust anchors.
    pub fn new(trust: Trust) -> Result<Self, TlsError> {
        Self::with_ticket_store(trust, Arc::new(MemoryTickets::default()))
    }

    /// Returns a context with its tickets in this store.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_ticket_store(
        trust: Trust,
        tickets: Arc<dyn TicketStore>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let judge: Arc<dyn ServerCertVerifier> = match trust {
            Trust::Platform => of_the_platform(&provider)?,
            Trust::Roots(roots) => WebPkiServerVerifier::builder_with_provider(
                Arc::new(roots.into_store()),
                Arc::clone(&provider),
            )
            .build()
            .map_err(|_| TlsError::InvalidTrustAnchor)?,
        };
        Ok(Self::with_judge(judge, provider, tickets))
    }

    /// Returns the same trust configuration with a client certificate, which every session presents to a server that requests
    /// one (RFC 8446 section 4.4.2), and without tickets: a ticket stands for the login that it was issued in (rule T11).
    #[must_use]
    pub fn presenting(&self, certificate: ClientCertificate) -> Self {
        Self {
            inner: Arc::new(Inner {
                provider: Arc::clone(&self.inner.provider),
                post_quantum: Arc::clone(&self.inner.post_quantum),
                verifier: Arc::clone(&self.inner.verifier),
                resolver: certificate.into_resolver(),
                tickets: Arc::new(MemoryTickets::default()),
                counters: Arc::new(Counters::default()),
            }),
        }
    }

    pub(crate) fn with_judge(
        judge: Arc<dyn ServerCertVerifier>,
        provider: Arc<CryptoProvider>,
        tickets: Arc<dyn TicketStore>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                verifier: Arc::new(DeferredVerifier::new(judge, Arc::clone(&provider))),
                resolver: Arc::new(NoClientCertificate),
                post_quantum: Arc::new(post_quantum::preferred(&provider)),
                provider,
                tickets,
                counters: Arc::new(Counters::default()),
            }),
        }
    }

    #[cfg(test)]
    pub(crate) fn verifier(&self) -> &dyn ServerCertVerifier {
        &*self.inner.verifier
    }

    /// Starts a session. Its ClientHello is available at once, and has used a ticket if there was one.
    ///
    /// # Errors
    /// [`TlsError::InvalidServerName`], or the error of the system.
    pub fn session(&self, params: SessionParams) -> Result<TlsSession, TlsError> {
        let server_name = parse_server_name(&params.server_name)?;
        let tickets = Arc::new(ConnectionTickets::new(
            params.scope,
            params.versions,
            Arc::clone(&self.inner.tickets),
            Arc::clone(&self.inner.counters),
        ));
        let provider = match params.post_quantum {
            true => &self.inner.post_quantum,
            false => &self.inner.provider,
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(params.versions.supported())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.inner.verifier))
            .with_client_cert_resolver(Arc::clone(&self.inner.resolver));
        config.resumption = Resumption::store(Arc::clone(&tickets) as _);
        config.enable_early_data = params.early_data;
        // RFC 9266 has no tls-exporter in TLS 1.2 without the extended master secret (RFC 7627), and without it TLS 1.2
        // sessions can be spliced together by a man in the middle.
        config.require_ems = true;
        if params.direct {
            config.alpn_protocols = vec![ALPN_XMPP_CLIENT.to_vec()];
        }
        TlsSession::start(Arc::new(config), server_name, tickets, params.direct)
    }

    /// Returns the counts of tickets so far.
    #[must_use]
    pub fn tickets(&self) -> TicketStats {
        self.inner.counters.snapshot(self.inner.tickets.held())
    }

    /// Drops the tickets of a scope. A connection that is open now may still add new ones.
    pub fn forget_tickets(&self, scope: &TicketScope) {
        self.inner.tickets.forget(scope);
    }
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsContext")
            .field("tickets", &self.tickets())
            .finish_non_exhaustive()
    }
}

/// Returns the verifier of the operating system, for connections of other protocols. It may block, and panics on Android
/// if it was not initialised.
///
/// # Errors
/// [`TlsError::VerifierUnavailable`] if the platform has no trust anchors.
pub fn platform_verifier() -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    of_the_platform(&Arc::new(ring::default_provider()))
}

fn of_the_platform(
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
    Ok(Arc::new(
        verifier.map_err(|_| TlsError::VerifierUnavailable)?,
    ))
}

/// Parses a server name. An IPv6 address has brackets in a JID (RFC 7622), and none in a certificate.
fn parse_server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::InvalidServerName)
}

/// Provides no client certificates. rustls' own resolver of this kind is a new `Arc` each time.
#[derive(Debug)]
struct NoClientCertificate;

impl ResolvesClientCert for NoClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
