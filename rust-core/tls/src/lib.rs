//! TLS for Snapback: rustls (RFC 8446, RFC 5246) as a state machine without I/O.
//!
//! A [`TlsSession`] takes ciphertext and returns ciphertext, plaintext and events. It has no socket, no thread and no
//! timer; the only clock and randomness are those inside rustls. Start at [`TlsContext`], one per trust configuration.
//!
//! Two things differ from plain rustls:
//!
//! - **The certificate is verified outside the handshake**, because the platform's verifier may block. The session
//!   emits [`TlsEvent::VerifyCertificate`], and until [`TlsSession::certificate_verified`] is called with `Ok` no byte
//!   is sent, no plaintext is delivered, no ticket is kept and nothing is `Established`. Every doubt counts as a
//!   refusal.
//! - **Tickets record their origin**: each is used once, within its [`TicketScope`], and carries the [`TicketOrigin`]
//!   that the rules about early data and early resumption require.
//!
//! # Calling contract
//!
//! ```text
//!    ciphertext  --> read, read_eof -->  +------------+  --> poll_event --> VerifyCertificate
//!                                        |            |                     Established
//!    plaintext   --> write, write_early  | TlsSession |                     Plaintext, CloseNotify
//!    verdict     --> certificate_verified|            |
//!                                        +------------+  --> take_output --> ciphertext
//! ```
//!
//! After each [`TlsSession::read`] or [`TlsSession::certificate_verified`], call [`TlsSession::poll_event`] until it returns
//! `None`, then [`TlsSession::take_output`]: in that order, what is written at `Established` leaves in one flight with the client's
//! Finished. An error ends the session, and every later call returns it again; `take_output` may still hold an alert.
//!
//! The certificate has to be valid for the JID's domain, never for the name in an SRV record (rule T1). Direct TLS offers ALPN
//! `xmpp-client` (XEP-0368).
//!
//! # Example
//!
//! The first flight is available at once; the ClientHello can share the write with what precedes it.
//!
//! ```
//! use snapback_tls::{Pins, SessionParams, TicketScope, TlsContext, TlsVersions, Transport, Trust};
//!
//! # fn trust() -> Trust {
//! #     let own = rcgen::generate_simple_self_signed(["example.org".to_owned()]).expect("a certificate");
//! #     Trust::Roots(snapback_tls::danger::Roots::from_der([own.cert.der().as_ref()]).expect("a root"))
//! # }
//! // An app trusts the platform: Trust::Platform. Here it is one certificate of our own.
//! let context = TlsContext::new(trust())?;
//! let mut session = context.session(SessionParams {
//!     server_name: "example.org".to_owned(),
//!     direct: true,
//!     scope: TicketScope {
//!         account: "juliet@example.org".to_owned(),
//!         domain: "example.org".to_owned(),
//!         transport: Transport::DirectTls,
//!         pins: Pins::default(),
//!     },
//!     early_data: false,
//!     post_quantum: false,
//!     versions: TlsVersions::Default,
//! })?;
//! let client_hello = session.take_output();
//! assert_eq!(client_hello[0], 22); // a handshake record (RFC 8446 section 5.1)
//! assert!(session.ticket().is_none(), "no ticket is known yet");
//! assert!(session.poll_event().is_none(), "the server has said nothing");
//! # Ok::<(), snapback_tls::TlsError>(())
//! ```
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod client_certificate;
pub mod danger;

mod certificate;
mod client_hello;
mod context;
mod deferred;
mod error;
mod event;
mod explanation;
mod post_quantum;
mod random;
mod resumption;
mod session;
mod tickets;

#[cfg(test)]
mod tests;

pub use client_certificate::ClientCertificate;
pub use context::{SessionParams, TlsContext, TlsVersions, Trust, platform_verifier};
pub use deferred::{Presented, VerificationRequest};
pub use error::{Alert, ApiMisuse, CertificateError, TlsError};
pub use event::{Established, TlsEvent};
pub use explanation::fingerprint;
pub use random::{NoRandom, random_seed};
pub use resumption::TicketStats;
pub use session::TlsSession;
pub use snapback_types::key_trust::{KeyHash, Pins};
pub use snapback_types::transport::{EarlyData, TlsVersion, Transport};
pub use tickets::{
    MemoryTickets, Ticket, TicketInfo, TicketKind, TicketOrigin, TicketScope, TicketStore,
};
