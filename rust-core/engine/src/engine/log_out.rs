//! Logging out: the session ends, then the FAST token is turned in on a connection of its own (XEP-0484 section 3.6), then
//! everything that could log in again is forgotten. Without a network the last step is taken all the same.

use snapback_proto::knowledge::Op;
use snapback_proto::mistakes::{Mistake, planted};
use snapback_store::StoreError;

use crate::link::tls::Tls;
use crate::supervisor;

use super::storage::Asked;
use super::{Engine, EngineOutput};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogOut {
    /// The session is being closed.
    Closing,
    /// The store is asked whether there is a token.
    Looking,
    /// The token is being turned in.
    TurningIn,
    /// What could log in again is being forgotten.
    Forgetting,
}

impl<T: Tls + Clone> Engine<T> {
    pub(super) fn begin_log_out(&mut self) {
        self.log_out = Some(LogOut::Closing);
        self.tell(supervisor::Input::Disconnect);
    }

    pub(super) fn is_turning_in(&self) -> bool {
        self.log_out == Some(LogOut::TurningIn)
    }

    /// Nothing is under way any more: the next step is due. Says whether it was taken.
    pub(super) fn continue_log_out(&mut self) -> bool {
        if self.is_busy() || self.log_out != Some(LogOut::Closing) {
            return false;
        }
        match self.addresses.last_server.clone() {
            Some(server) => {
                self.log_out = Some(LogOut::Looking);
                let begins = None;
                self.ask(
                    Asked::LoadedForLogOut,
                    EngineOutput::Load { server, begins },
                );
            }
            None => self.forget(),
        }
        true
    }

    /// What is stored is known.
    pub(super) fn looked_for_token(&mut self, has_token: bool) {
        if has_token && !planted(Mistake::TokenKept) {
            self.log_out = Some(LogOut::TurningIn);
            self.tell(supervisor::Input::Connect);
        } else {
            self.forget();
        }
    }

    /// The connection that turned the token in has ended, one way or the other: there is no second try.
    pub(super) fn token_turned_in(&mut self) {
        if self.is_turning_in() {
            self.tell(supervisor::Input::Disconnect);
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.log_out = Some(LogOut::Forgetting);
        // Some servers resume a session for any entity that knows its name (rule S3), so that goes as well.
        let mut ops = vec![Op::ForgetCredentials, Op::SmDropped];
        if planted(Mistake::SessionKept) {
            ops.pop();
        }
        self.apply(Asked::Forgotten, ops);
    }

    /// It is forgotten, or could not be.
    pub(super) fn forgotten(&mut self, outcome: Result<(), StoreError>) {
        self.report_store_failure(outcome);
        self.credentials.derived = None;
        self.requests.session_lost(&mut self.outputs);
        self.log_out = None;
        self.outputs.push_back(EngineOutput::LoggedOut);
    }
}
