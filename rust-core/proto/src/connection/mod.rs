//! One connection, from the transport's first byte to its last: login, session, stanzas.
//!
//! # Calling contract
//!
//! - Tell it everything that happens with [`Connection::handle_input`], in order.
//! - After each input call [`Connection::poll_output`] until it returns [`Output::Timeout`], and act on each output.
//! - [`Output::Persist`] is one transaction. An output that is `after` a [`Seq`] leaves only once that transaction is
//!   committed; outputs of one kind keep their order. That order is the whole crash-safety argument: a stanza is
//!   queued durably before its first byte leaves, and `<a/>` carries only what is committed.
//! - A transaction that fails is an input too, and ends the connection. None behind it may be committed any more: a
//!   later count without an earlier stanza would lose that stanza (rule I1).
//! - There are no callbacks. Time comes in as `now`, randomness as a seed.

mod blame;
mod context;
mod input;
mod login;
mod output;
mod resumption;
mod session;
mod state;
#[cfg(test)]
mod tests;
mod timer;

use std::sync::Arc;

use crate::config::Config;
use crate::error::ConnectionError;
use crate::knowledge::Knowledge;
use crate::plan::{Plan, Purpose, Transport};
use crate::sasl::{ScramKeyId, ScramKeys};
use crate::time::Now;

use context::Context;
use state::State;

pub use input::{Command, Input, PersistFailure, TlsFacts};
pub use output::{Event, Failure, Outcome, Output, Seq, Stage};
pub use snapback_types::transport::EarlyData;
pub use timer::Timer;

/// What a connection starts from.
#[derive(Debug)]
pub struct Start {
    /// The account and how it logs in.
    pub config: Arc<Config>,
    /// How the endpoint is reached.
    pub transport: Transport,
    /// What is remembered.
    pub knowledge: Knowledge,
    /// Keys that were derived from the password in `config` since the process began: the newest answer to
    /// [`Output::DeriveKeys`]. Those in `knowledge` may belong to an older password. They are used only where there is no password;
    /// where there is one they only tell early which keys will be asked for.
    pub derived_keys: Option<(ScramKeyId, ScramKeys)>,
    /// Early data may be tried. Whether a ticket is at hand that allows it shows when the handshake starts; until then
    /// the plan hopes, and without one it is revised.
    pub early_data_possible: bool,
    /// What the connection is made for.
    pub purpose: Purpose,
    /// The app is in the foreground (XEP-0352).
    pub active: bool,
    /// 32 bytes from the platform's random source.
    pub seed: [u8; 32],
}

/// The protocol side of one connection. See the module for the calling contract.
#[derive(Debug)]
pub struct Connection {
    context: Context,
    state: State,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionPhase {
    /// From the transport to the session.
    Login,
    /// There is a session.
    Online,
    /// The stream is being closed, or is closed (RFC 6120 section 4.4).
    Closing,
}

impl Connection {
    /// All that [`Connection::state_name`] may say.
    pub const STATE_NAMES: [&str; 13] = State::NAMES;

    /// Makes the plan. Nothing is sent before [`Input::Connected`].
    pub fn new(start: Start, now: Now) -> Self {
        Self {
            context: Context::new(start, now),
            state: State::ExpectTransport,
        }
    }

    /// The plan as it stands: the optimistic one at first, revised once the server has shown more of itself.
    pub fn plan(&self) -> &Plan {
        &self.context.plan
    }

    /// Returns how far it is.
    pub fn phase(&self) -> ConnectionPhase {
        self.state.phase()
    }

    /// The name of the state, for timelines and coverage.
    pub fn state_name(&self) -> &'static str {
        self.state.name()
    }

    /// Whether a sign of life is waited for, against the deadline of [`Command::Probe`].
    pub fn is_probing(&self) -> bool {
        self.context.timers.is_set(Timer::Probe)
    }

    /// How many bytes the server takes in a stanza (XEP-0478), as far as it is known.
    pub fn max_bytes(&self) -> Option<usize> {
        self.context.max_bytes()
    }

    /// Whether the connection has ended; nothing more will come of it but what [`Connection::poll_output`] still holds.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Takes in one thing that happened.
    pub fn handle_input(&mut self, input: Input<'_>, now: Now) {
        if self.is_closed() {
            return;
        }
        self.context.now = now;
        self.context.note_sleep();
        let state = std::mem::replace(&mut self.state, State::Closed);
        let is_closing = matches!(state, State::Closing(_));
        match state.handle(input, &mut self.context) {
            Ok(state) => self.state = state,
            // We asked for the end; how the server takes it is its own business.
            Err(_) if is_closing => self.context.closed(),
            Err(error) => {
                self.context.judge_resumption(&error);
                let error = self.context.blame(error);
                self.fail(error);
            }
        }
        if self.is_closed() {
            self.context.timers.clear();
        }
    }

    /// The next thing to do. Call until it returns [`Output::Timeout`].
    pub fn poll_output(&mut self) -> Output {
        match self.context.outputs.pop_front() {
            Some(output) => output,
            None => self.context.timers.next(),
        }
    }

    fn fail(&mut self, error: ConnectionError) {
        self.state = State::Closed;
        self.context.end(error);
    }
}
