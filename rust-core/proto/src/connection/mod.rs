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
mod env;
mod input;
mod login;
mod output;
mod resumption;
mod session;
mod start;
mod state;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod timer;

use crate::plan::Plan;
use crate::time::Now;

use context::Context;
use login::LoggingIn;
use state::State;

pub use input::{Command, Input, PersistFailure, TlsFacts};
pub use output::{Event, Failure, Outcome, Output, Seq, Stage};
pub use snapback_types::transport::EarlyData;
pub use start::Start;
pub use state::ConnectionPhase;
pub use timer::Timer;

/// The protocol side of one connection. See the module for the calling contract.
#[derive(Debug)]
pub struct Connection {
    context: Context,
    state: State,
}

impl Connection {
    /// All that [`Connection::state_name`] may say.
    pub const STATE_NAMES: [&str; 13] = State::NAMES;

    /// Makes the plan. Nothing is sent before [`Input::Connected`].
    pub fn new(start: Start, now: Now) -> Self {
        let (login, context) = LoggingIn::begin(start, now);
        Self {
            context,
            state: State::LoggingIn(Box::new(login)),
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
        self.context.env.timers.is_set(Timer::Probe)
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
        self.context.env.now = now;
        self.context.note_sleep();
        let is_closing = matches!(self.state, State::Closing(_));
        if let Err(error) = self.state.handle(input, &mut self.context) {
            if is_closing {
                // We asked for the end; how the server takes it is its own business.
                self.context.env.closed();
            } else {
                self.state.fail(error, &mut self.context);
            }
            self.state = State::Closed;
        }
        if self.is_closed() {
            self.context.env.timers.clear();
        }
    }

    /// The next thing to do. Call until it returns [`Output::Timeout`].
    pub fn poll_output(&mut self) -> Output {
        self.context.env.next_output()
    }
}
