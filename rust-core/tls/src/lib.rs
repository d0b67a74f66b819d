//! TLS for Snapback: rustls (RFC 8446, RFC 5246) as a state machine without I/O.
//!
//! A [`TlsSession`] takes ciphertext and gives ciphertext, plaintext and events. It has no socket, no thread and no
//! timer; the only clock and randomness are those inside rustls. Start at [`TlsContext`], one per trust configuration.
//!
//! Two things differ from plain rustls:
//!
//! - **The certificate is judged outside the handshake**, because the platform's verifier may block. The session emits
//!   [`TlsEvent::VerifyCertificate`] and until [`TlsSession::certificate_verified`] says `Ok` no byte leaves, no
//!   plaintext is delivered, no ticket is kept and nothing is `Established`. Every doubt counts as a refusal.
//! - **Tickets remember where they come from**: each is used once, within its [`TicketScope`], and carries the
//!   [`TicketOrigin`] that rules about early data and early resumption ask for.

pub mod danger;

mod certificate;
mod client_hello;
mod context;
mod deferred;
mod error;
mod random;
mod resumption;
mod session;
mod tickets;

#[cfg(test)]
mod tests;

pub use context::{SessionParams, TlsContext, TlsVersions, Trust};
pub use deferred::VerificationRequest;
pub use error::{Alert, ApiMisuse, CertificateError, TlsError};
pub use random::{NoRandom, random_seed};
pub use resumption::TicketStats;
pub use session::{Established, TlsEvent, TlsSession};
pub use snapback_types::transport::{EarlyData, TlsVersion, Transport};
pub use tickets::{
    MemoryTickets, Ticket, TicketInfo, TicketKind, TicketOrigin, TicketScope, TicketStore,
};
