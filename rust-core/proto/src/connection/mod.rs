//! One connection, from the transport's first byte to its last: login, session, stanzas.
//!
//! # Calling contract
//!
//! - Pass everything that happens to [`Connection::handle_input`], in order.
//! - After each input call [`Connection::poll_output`] until it returns [`Output::Timeout`], and act on each output.
//! - [`Output::Persist`] is one transaction. An output that is `after` a [`Seq`] is sent only once that transaction is
//!   committed; outputs of one kind keep their order. Crash safety rests on that order: a stanza is stored in the queue before
//!   its first byte is sent, and `<a/>` counts only what is committed.
//! - A transaction that fails is an input too, and ends the connection. No transaction after it may be committed: a later count
//!   without an earlier stanza would lose that stanza (rule I1).
//! - There are no callbacks. Time is passed as `now`, randomness as a seed.

mod assumption;
mod env;
mod input;
mod login;
mod output;
mod remote;
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

use login::LoggingIn;
use remote::Remote;
use state::State;

pub use input::{Command, Input, PersistFailure, TlsFacts};
pub use output::{Event, Failure, Outcome, Output, Seq, Stage};
pub use session::MAX_ANSWER_BYTES;
pub use snapback_types::transport::EarlyData;
pub use start::Start;
pub use state::ConnectionPhase;
pub use timer::Timer;

/// The protocol side of one connection. See the module for the calling contract.
#[derive(Debug)]
pub struct Connection {
    remote: Remote,
    state: State,
}

impl Connection {
    /// All values that [`Connection::state_name`] may return.
    pub const STATE_NAMES: [&str; 14] = State::NAMES;

    /// Creates the connection and its plan. Nothing is sent before [`Input::Connected`].
    pub fn new(start: Start, now: Now) -> Self {
        let (login, remote) = LoggingIn::begin(start, now);
        Self {
            remote,
            state: State::LoggingIn(Box::new(login)),
        }
    }

    /// Returns the current plan: the optimistic one at first, revised when the server has shown more of itself.
    pub fn plan(&self) -> &Plan {
        &self.remote.plan
    }

    /// Returns the progress of the connection.
    pub fn phase(&self) -> ConnectionPhase {
        self.state.phase()
    }

    /// Returns the name of the state, for timelines and coverage.
    pub fn state_name(&self) -> &'static str {
        self.state.name()
    }

    /// Returns whether a probe response is awaited, until the deadline of [`Command::Probe`].
    pub fn is_probing(&self) -> bool {
        self.remote.env.timers.is_set(Timer::Probe)
    }

    /// Returns the maximum size of a stanza in bytes that the server accepts (XEP-0478), if it is known.
    pub fn max_bytes(&self) -> Option<usize> {
        self.remote.max_bytes()
    }

    /// Returns whether the connection has ended; only outputs that [`Connection::poll_output`] still holds remain.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Processes one input.
    pub fn handle_input(&mut self, input: Input<'_>, now: Now) {
        if self.is_closed() {
            return;
        }
        self.remote.env.now = now;
        self.remote.note_sleep();
        let is_closing = matches!(self.state, State::Closing(_));
        if let Err(error) = self.state.handle(input, &mut self.remote) {
            if is_closing {
                // The stream is being closed by this client, so how the server's side ends does not matter.
                self.remote.env.closed();
            } else {
                self.state.fail(error, &mut self.remote);
            }
            self.state = State::Closed;
        }
        if self.is_closed() {
            self.remote.env.timers.clear();
        }
    }

    /// Returns the next output. Call it until it returns [`Output::Timeout`].
    pub fn poll_output(&mut self) -> Output {
        self.remote.env.next_output()
    }
}
