//! Logging out: the session ends, then the FAST token is invalidated on a connection of its own (XEP-0484 section 3.6),
//! then everything that allows another login is deleted. Without a network the last step is still taken.

use snapback_proto::connection::Command;
use snapback_proto::knowledge::{Op, PushChange};
use snapback_store::StoreError;

use crate::link::tls::Tls;
use crate::supervisor::{self, SyncKind};

use super::asked::Asked;
use super::{Engine, EngineOutput};

/// The progress of a log-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogOut {
    /// The session is being closed.
    Closing,
    /// The store is being asked whether there is a token.
    Looking,
    /// The token is being invalidated.
    TurningIn,
    /// Everything that allows another login is being deleted.
    Forgetting,
}

/// What the app has asked for since the log-out began: it waits until the log-out has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AfterLogOut {
    /// A connection.
    pub(super) connect: bool,
    /// A background sync that has not ended.
    pub(super) sync: Option<SyncKind>,
}

impl<T: Tls + Clone> Engine<T> {
    pub(super) fn begin_log_out(&mut self) {
        self.after_log_out = AfterLogOut::default();
        if self.log_out.is_some() {
            return;
        }
        self.log_out = Some(LogOut::Closing);
        self.is_logged_out = true;
        // The server is told before the session is closed; without a connection, at the next login of the account.
        self.apply(Asked::Applied, vec![Op::Push(PushChange::Wanted(None))]);
        self.command(Command::PushChanged(None));
        self.tell(supervisor::Input::Disconnect);
    }

    /// Returns whether this waits until the log-out has ended, and notes it.
    pub(super) fn waits_for_log_out(&mut self, how: &supervisor::Input) -> bool {
        let after = &mut self.after_log_out;
        match how {
            _ if self.log_out.is_none() => return false,
            supervisor::Input::Connect => after.connect = true,
            supervisor::Input::BeginSync(kind) => after.sync = Some(*kind),
            _ => return false,
        }
        true
    }

    /// Carries out what has waited for the end of the log-out, unless the process is suspended.
    pub(super) fn log_in_again(&mut self) {
        if self.log_out.is_some() || self.supervisor.is_suspended() {
            return;
        }
        let after = std::mem::take(&mut self.after_log_out);
        if after.connect {
            self.wake(supervisor::Input::Connect);
        }
        if let Some(kind) = after.sync {
            self.wake(supervisor::Input::BeginSync(kind));
        }
    }

    pub(super) fn is_turning_in(&self) -> bool {
        self.log_out == Some(LogOut::TurningIn)
    }

    /// Takes the next step once nothing is in progress. Returns whether a step was taken.
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

    /// Continues once it is known whether a token is stored.
    pub(super) fn looked_for_token(&mut self, has_token: bool) {
        if has_token {
            self.log_out = Some(LogOut::TurningIn);
            self.tell(supervisor::Input::Connect);
        } else {
            self.forget();
        }
    }

    /// Continues once the connection that invalidates the token has ended, successfully or not: there is no second
    /// attempt.
    pub(super) fn token_turned_in(&mut self) {
        if self.is_turning_in() {
            self.tell(supervisor::Input::Disconnect);
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.log_out = Some(LogOut::Forgetting);
        // Some servers resume a session for any entity that knows its id (rule S3), so the session is deleted as well.
        let ops = vec![Op::ForgetCredentials, Op::SmDropped];
        self.apply(Asked::Forgotten, ops);
    }

    /// Finishes the log-out, whether or not the data could be deleted.
    pub(super) fn forgotten(&mut self, outcome: Result<(), StoreError>) {
        self.report_store_failure(outcome);
        self.credentials.derived = None;
        self.requests.session_lost(&mut self.outputs);
        self.log_out = None;
        self.outputs.push_back(EngineOutput::LoggedOut);
        self.disconnected();
        self.log_in_again();
    }
}
