//! The TLS interface of a link. [`TlsContext`] implements it wherever a connection leaves the process; the traits exist
//! so that a simulation can observe the plaintext, or omit the cryptography.

use std::fmt;

use snapback_tls::{
    CertificateError, SessionParams, TicketInfo, TlsContext, TlsError, TlsEvent, TlsSession,
};

/// Creates sessions; [`TlsContext`] describes each call.
pub trait Tls: fmt::Debug {
    /// The type of the sessions.
    type Session: Session;

    /// Starts a session, including its ClientHello.
    ///
    /// # Errors
    ///
    /// Fails if the session cannot be started.
    fn session(&self, params: SessionParams) -> Result<Self::Session, TlsError>;
}

/// One session; [`TlsSession`] describes each call, and the order of calls.
#[allow(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "documented on TlsSession, method by method"
)]
pub trait Session: fmt::Debug {
    fn ticket(&self) -> Option<&TicketInfo>;
    fn was_retried(&self) -> bool;
    fn early_data_capacity(&self) -> usize;
    fn write_early(&mut self, plaintext: &[u8]) -> usize;
    fn read(&mut self, ciphertext: &[u8]) -> Result<(), TlsError>;
    fn poll_event(&mut self) -> Option<TlsEvent>;
    fn certificate_verified(
        &mut self,
        verdict: Result<(), CertificateError>,
    ) -> Result<(), TlsError>;
    fn write(&mut self, plaintext: &[u8]) -> Result<(), TlsError>;
    fn take_output(&mut self) -> Vec<u8>;
    fn login_proven(&mut self);
    fn close(&mut self);
}

impl Tls for TlsContext {
    type Session = TlsSession;

    fn session(&self, params: SessionParams) -> Result<TlsSession, TlsError> {
        Self::session(self, params)
    }
}

impl Session for TlsSession {
    fn ticket(&self) -> Option<&TicketInfo> {
        Self::ticket(self)
    }

    fn was_retried(&self) -> bool {
        Self::was_retried(self)
    }

    fn early_data_capacity(&self) -> usize {
        Self::early_data_capacity(self)
    }

    fn write_early(&mut self, plaintext: &[u8]) -> usize {
        Self::write_early(self, plaintext)
    }

    fn read(&mut self, ciphertext: &[u8]) -> Result<(), TlsError> {
        Self::read(self, ciphertext)
    }

    fn poll_event(&mut self) -> Option<TlsEvent> {
        Self::poll_event(self)
    }

    fn certificate_verified(
        &mut self,
        verdict: Result<(), CertificateError>,
    ) -> Result<(), TlsError> {
        Self::certificate_verified(self, verdict)
    }

    fn write(&mut self, plaintext: &[u8]) -> Result<(), TlsError> {
        Self::write(self, plaintext)
    }

    fn take_output(&mut self) -> Vec<u8> {
        Self::take_output(self)
    }

    fn login_proven(&mut self) {
        Self::login_proven(self);
    }

    fn close(&mut self) {
        Self::close(self);
    }
}
