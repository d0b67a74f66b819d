//! Records between the link and TLS what was written and read, in plaintext, whatever TLS does with it.

use std::cell::RefCell;
use std::rc::Rc;

use snapback_engine::link::tls::{Session, Tls};
use snapback_tls::{CertificateError, EarlyData, SessionParams, TicketInfo, TlsError, TlsEvent};

/// What passed since the last call.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// From the server.
    pub down: Vec<u8>,
    /// To the server.
    pub up: Vec<u8>,
    /// Whether some of `up` was early data.
    pub early: bool,
    /// The server rejected the early data.
    pub early_rejected: bool,
}

/// TLS with a recorder.
#[derive(Clone, Debug)]
pub(crate) struct Tap<T> {
    inner: T,
    heard: Rc<RefCell<Heard>>,
}

impl<T> Tap<T> {
    /// Records the sessions of this.
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            heard: Rc::default(),
        }
    }

    /// Reports what passed since the last call.
    pub(crate) fn tell(&self, listener: impl FnOnce(&Heard)) {
        let heard = &mut *self.heard.borrow_mut();
        listener(heard);
        heard.down.clear();
        heard.up.clear();
        heard.early = false;
        heard.early_rejected = false;
    }
}

impl<T: Tls> Tls for Tap<T> {
    type Session = TapSession<T::Session>;

    fn session(&self, params: SessionParams) -> Result<Self::Session, TlsError> {
        Ok(TapSession {
            inner: self.inner.session(params)?,
            heard: Rc::clone(&self.heard),
        })
    }
}

/// A session with a recorder.
#[derive(Debug)]
pub(crate) struct TapSession<S> {
    inner: S,
    heard: Rc<RefCell<Heard>>,
}

impl<S: Session> Session for TapSession<S> {
    fn ticket(&self) -> Option<&TicketInfo> {
        self.inner.ticket()
    }

    fn was_retried(&self) -> bool {
        self.inner.was_retried()
    }

    fn early_data_capacity(&self) -> usize {
        self.inner.early_data_capacity()
    }

    fn write_early(&mut self, plaintext: &[u8]) -> usize {
        let taken = self.inner.write_early(plaintext);
        let mut heard = self.heard.borrow_mut();
        heard.up.extend_from_slice(&plaintext[..taken]);
        heard.early = true;
        taken
    }

    fn read(&mut self, ciphertext: &[u8]) -> Result<(), TlsError> {
        self.inner.read(ciphertext)
    }

    fn poll_event(&mut self) -> Option<TlsEvent> {
        let event = self.inner.poll_event();
        match &event {
            Some(TlsEvent::Plaintext(bytes)) => {
                self.heard.borrow_mut().down.extend_from_slice(bytes);
            }
            Some(TlsEvent::Established(established)) => {
                self.heard.borrow_mut().early_rejected =
                    established.early_data == EarlyData::Rejected;
            }
            _ => {}
        }
        event
    }

    fn certificate_verified(
        &mut self,
        verdict: Result<(), CertificateError>,
    ) -> Result<(), TlsError> {
        self.inner.certificate_verified(verdict)
    }

    fn write(&mut self, plaintext: &[u8]) -> Result<(), TlsError> {
        self.heard.borrow_mut().up.extend_from_slice(plaintext);
        self.inner.write(plaintext)
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.inner.take_output()
    }

    fn login_proven(&mut self) {
        self.inner.login_proven();
    }

    fn close(&mut self) {
        self.inner.close();
    }
}
