//! Logging out: the session ends, then the FAST token is turned in on a connection of its own (XEP-0484 section 3.6), then
//! everything that could log in again is forgotten. Without a network the last step is taken all the same.

use snapback_proto::knowledge::Op;
use snapback_session::supervisor;
use tokio::sync::oneshot;

use super::Driver;

/// How far it is, and who waits for it.
pub(super) enum LogOut {
    /// The session is being closed.
    Closing(oneshot::Sender<()>),
    /// The token is being turned in.
    TurningIn(oneshot::Sender<()>),
}

impl Driver {
    pub(super) fn log_out(&mut self, done: oneshot::Sender<()>) {
        self.state.log_out = Some(LogOut::Closing(done));
        self.tell(supervisor::Input::Disconnect);
        self.settle();
        self.continue_log_out();
    }

    /// Nothing is under way any more: the next step is due.
    pub(super) fn continue_log_out(&mut self) {
        if self.state.attempt.is_some() || self.state.dialing.is_some() {
            return;
        }
        match self.state.log_out.take() {
            Some(LogOut::Closing(done)) if self.has_token() => {
                self.state.log_out = Some(LogOut::TurningIn(done));
                self.tell(supervisor::Input::Connect);
            }
            Some(LogOut::Closing(done)) => self.forget(done),
            turning_in => self.state.log_out = turning_in,
        }
    }

    /// The connection that turned the token in has ended, one way or the other: there is no second try.
    pub(super) fn token_turned_in(&mut self) {
        match self.state.log_out.take() {
            Some(LogOut::TurningIn(done)) => {
                self.tell(supervisor::Input::Disconnect);
                self.forget(done);
            }
            closing => self.state.log_out = closing,
        }
    }

    fn has_token(&mut self) -> bool {
        let server = self.state.last_server.clone();
        server.is_some_and(|server| {
            self.store
                .load(&server)
                .is_ok_and(|known| known.fast.is_some())
        })
    }

    fn forget(&mut self, done: oneshot::Sender<()>) {
        // Some servers resume a session for whoever knows its name (rule S3), so that goes as well.
        if let Err(error) = self.apply(&[Op::ForgetCredentials, Op::SmDropped]) {
            self.store_failed(error);
        }
        self.state.derived_keys = None;
        self.state.iqs.session_lost();
        // Whoever asked may have stopped waiting.
        let _ = done.send(());
    }
}
