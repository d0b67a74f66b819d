//! Logging out, as in `rust-core/client/src/driver/log_out.rs`: the session ends, the FAST token is turned in, and what could log
//! in again is forgotten. The app waits for the end of it before it logs in again.

use snapback_proto::connection::Command;
use snapback_proto::knowledge::Op;
use snapback_proto::mistakes::{Mistake, planted};
use snapback_proto::plan::Purpose;
use snapback_session::link::tls::Tls;
use snapback_session::supervisor::{self, ConnectionState};

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;

use super::Phone;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogOut {
    /// The token is being turned in; before that, the session is being closed.
    turning_in: bool,
    /// The user has said meanwhile that they want to be online again.
    then_connect: bool,
}

impl<T: Tls + Clone> Phone<T> {
    pub(crate) fn log_out(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        if self.log_out.is_some() {
            return;
        }
        self.log_out = Some(LogOut {
            turning_in: false,
            then_connect: false,
        });
        self.tell(supervisor::Input::Disconnect, now);
        self.settle(model, coverage, now);
        self.continue_log_out(model, coverage, now);
        self.settle(model, coverage, now);
    }

    /// What the app or the platform says.
    pub(crate) fn app_says(&mut self, input: supervisor::Input, model: &mut Model, now: Time) {
        if let (supervisor::Input::Connect, Some(log_out)) = (&input, &mut self.log_out) {
            log_out.then_connect = true;
            return;
        }
        if matches!(input, supervisor::Input::NetworkChanged { .. }) {
            self.renew_spare(now);
        }
        if matches!(
            input,
            supervisor::Input::NetworkChanged { .. }
                | supervisor::Input::Resume
                | supervisor::Input::Visit
        ) {
            self.command(Command::PathChanged, model, now);
        }
        self.tell(input, now);
    }

    pub(super) fn purpose_of(&self, purpose: Purpose) -> Purpose {
        match self.log_out {
            Some(LogOut {
                turning_in: true, ..
            }) => Purpose::LogOut,
            _ => purpose,
        }
    }

    /// The supervisor has said where the connection stands.
    pub(super) fn log_out_goes_on(
        &mut self,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let is_offline = matches!(self.state, ConnectionState::Offline { .. });
        let is_turning_in = self.log_out.is_some_and(|log_out| log_out.turning_in);
        if is_offline && is_turning_in {
            // No way to the server now.
            return self.token_turned_in(model, coverage, now);
        }
        self.continue_log_out(model, coverage, now);
    }

    fn continue_log_out(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        if self.attempt.is_some() || self.dialing {
            return;
        }
        let Some(log_out) = &mut self.log_out else {
            return;
        };
        if log_out.turning_in {
            return;
        }
        log_out.turning_in = true;
        if self.has_token() {
            self.tell(supervisor::Input::Connect, now);
        } else {
            self.forget(model, coverage, now);
        }
    }

    /// The connection that turned the token in has ended, one way or the other: there is no second try.
    pub(super) fn token_turned_in(
        &mut self,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        if self.log_out.is_some_and(|log_out| log_out.turning_in) {
            if !self.has_token() {
                coverage.event("token turned in");
            }
            self.tell(supervisor::Input::Disconnect, now);
            self.forget(model, coverage, now);
        }
    }

    fn has_token(&mut self) -> bool {
        let server = self.server();
        let known = self.storage.store().load(&server);
        known.is_ok_and(|known| known.fast.is_some())
    }

    fn forget(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let Some(log_out) = self.log_out.take() else {
            return;
        };
        let mut ops = vec![Op::ForgetCredentials, Op::SmDropped];
        if planted(Mistake::SessionKept) {
            ops.pop();
        }
        self.note_drop(&ops, model);
        if self.apply(&ops, model) {
            self.check_forgotten(model);
            coverage.event("logged out");
        }
        self.derived_keys = None;
        model.excuse_requests();
        if log_out.then_connect {
            self.tell(supervisor::Input::Connect, now);
        }
    }

    /// S5, S3: nothing is left that a server would take for a login, or that some would resume without one.
    fn check_forgotten(&mut self, model: &mut Model) {
        let server = self.server();
        let Ok(known) = self.storage.store().load(&server) else {
            return;
        };
        if known.fast.is_some() || known.scram_keys.is_some() {
            model.broken("S5", || "a log out left what could log in".to_owned());
        } else if known.sm.is_some() {
            model.broken("I14", || "a log out left a session".to_owned());
        }
    }
}
