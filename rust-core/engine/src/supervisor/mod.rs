//! When to connect. No specification covers this completely: RFC 6120 section 3.3 requires a random delay before a
//! reconnection, and RFC 6120 section 4.9.3.3 defines `conflict`; the rest follows from the needs of phones (rules I9,
//! I10, I14).
//!
//! ```text
//!                            Connect
//!   Stopped ───────────────────────────────────────┐
//!      ^                                           v
//!      │ Disconnect                 no network?  Suspended?  too soon?
//!      │ (from anywhere                  │           │          │
//!      │  without a stream)              v           v          v
//!      │                     WaitingForNetwork   Suspended   Waiting(until)
//!      │                                 │available  │Resume,   │deadline, network change,
//!      │                                 │           │Connect,  │foreground, Resume, Connect
//!      │                                 │           │foreground│
//!      │                                 └───────────┴────┬─────┘
//!      │                                                  v
//!   Closing <──Disconnect── Online(probe) <──online── Connecting(step) <─┐
//!      │                       │                          │  └──network changed: restart
//!      │ ended, deadline       │ ended                    │ ended, deadline
//!      v                       v                          v
//!   Stopped                  Halted(conflict, credentials, refused), or Waiting, or at once Connecting
//!                              │
//!                              └── Connect: leaves Halted; nothing else does
//! ```
//!
//! If an attempt is given up in the middle of its login and a `conflict` follows shortly after, the server may have
//! processed that attempt late. Once, it is handled like a broken connection.
//!
//! `Suspend` leads from every state to `Suspended`, or to `Stopped` if no session is wanted (`Stopped` and `Halted` do
//! not change). It drops the connection without closing the stream, so that the session can be resumed.
//!
//! `BeginSync` begins a background sync: it acts like `Resume` and `Connect` until `EndSync`, `Suspend`, `Connect` or
//! `Disconnect`, but attempts may only resume, or also bind a session without presence (`SyncKind`). An attempt that
//! may only resume, and cannot, leads to `Halted(NoSession)`, which the end of the background sync leaves. If the app
//! wants to be online, a session without presence is left at once, and resumed by an attempt that completes it. `EndSync` acts like `Suspend` if only the background sync kept the process awake.
//!
//! `tests/state-graph.txt` lists every transition that random inputs lead to; a test compares it.

mod after_end;
mod attempt;
mod backoff;
mod intent;
mod machine;
mod state;
#[cfg(test)]
mod tests;
mod verdict;

use std::time::Duration;

use snapback_proto::connection::Outcome;
use snapback_proto::plan::Purpose;
use snapback_proto::time::Instant;

use crate::variants::{Variants, variants};

pub use after_end::AfterEnd;
pub use machine::Supervisor;
pub use verdict::{Halt, Pace, Verdict, Wait};

/// The names of the supervisor's states.
pub(crate) const STATE_NAMES: &[&str] = <state::State as Variants>::NAMES;

/// The number of an attempt, and of the connection that it becomes. Inputs about an older attempt are ignored (rule
/// I9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// Which sessions a background sync may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SyncKind {
    /// Only the interrupted one.
    ResumeOnly,
    /// The interrupted one or, if that cannot be resumed, a new one without presence, which the app's next connection
    /// completes (rule I23).
    MayBind,
}

/// An input of the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The app wants to be online, which implies that it is awake. Repeated, it requests an attempt at once. It is the
    /// only input that leaves a refusal.
    Connect,
    /// The process was woken for a background sync, usually by a push. It changes nothing if the app wants to be online
    /// and is awake.
    BeginSync(SyncKind),
    /// The background sync is over. A process that was woken for it is suspended again. It changes nothing if the app
    /// has come to need the client since, by `Connect`, `Resume` or `Foreground`.
    EndSync,
    /// The app no longer wants to be online.
    Disconnect,
    /// The process is about to be suspended. The stream must not be closed, since the session is to be resumed (rule
    /// I14).
    Suspend,
    /// The process runs again.
    Resume,
    /// The network changed.
    NetworkChanged {
        /// Whether there is a network now.
        available: bool,
    },
    /// The user is looking at the app, which implies that it is awake.
    Foreground,
    /// The user is no longer looking at the app.
    Background,
    /// The attempt reached another phase.
    AttemptProgress {
        /// Which attempt.
        attempt: AttemptId,
        /// The phase that it reached.
        step: AttemptPhase,
    },
    /// The attempt established a session.
    AttemptOnline {
        /// Which attempt.
        attempt: AttemptId,
        /// Whether it is a new session or the resumed one.
        outcome: Outcome,
        /// How many round trips it took.
        flights: usize,
    },
    /// The session has received everything that the server held when the connection began.
    CaughtUp {
        /// Which connection.
        attempt: AttemptId,
    },
    /// The server has responded to the liveness probe.
    Alive {
        /// The probed connection.
        attempt: AttemptId,
    },
    /// The attempt failed, or its connection ended.
    Ended {
        /// Which attempt.
        attempt: AttemptId,
        /// What the end means for the next attempt; `None` if the stream was closed as requested.
        verdict: Option<Verdict>,
    },
    /// The deadline of [`Output::Timeout`] has passed.
    Timeout,
}

variants!(Input {
    Connect,
    BeginSync,
    EndSync,
    Disconnect,
    Suspend,
    Resume,
    NetworkChanged,
    Foreground,
    Background,
    AttemptProgress,
    AttemptOnline,
    CaughtUp,
    Alive,
    Ended,
    Timeout,
});

/// An output of the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Starts an attempt. There is no other attempt and no connection at this time.
    StartAttempt {
        /// The attempt's number.
        attempt: AttemptId,
        /// The reason for the attempt.
        why: StartReason,
        /// Which session it may establish.
        purpose: Purpose,
    },
    /// Drops the attempt or its connection without closing the stream: the session stays resumable.
    StopAttempt {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Closes the stream, then reports [`Input::Ended`].
    CloseCleanly {
        /// The attempt whose stream is closed.
        attempt: AttemptId,
    },
    /// Sends a liveness probe, and ends the connection if there is no response by the deadline.
    Probe {
        /// Which connection.
        attempt: AttemptId,
        /// The deadline for the response.
        deadline: Instant,
    },
    /// Reports the state to the app.
    State(ConnectionState),
    /// Waits until the next input or the deadline: there is nothing else to do.
    Timeout {
        /// The deadline.
        when: Instant,
        /// The purpose of the deadline.
        why: SupervisorTimer,
    },
    /// Waits until the next input: there is nothing else to do.
    Idle,
}

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartReason {
    /// The app asked for it.
    Asked,
    /// There is a network, or another one.
    NetworkChanged,
    /// The user is looking at the app.
    Foreground,
    /// The process runs again.
    Resumed,
    /// A remembered fact was wrong; this attempt does not use it.
    WrongAssumption,
    /// The connection did not survive a change of the network or a suspension.
    ProbeFailed,
    /// A session that had lasted broke: the first attempt after it is made at once.
    Broken,
    /// The delay after a failure is over.
    Retry,
}

/// The purpose of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisorTimer {
    /// The next attempt is due.
    Retry,
    /// An attempt has taken too long.
    Attempt,
    /// An attempt during which the network changed may be restarted.
    Restart,
    /// Conditions changed while a probe was in progress: another probe is due.
    Probe,
    /// Closing the stream has taken too long.
    Close,
}

/// The phase of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptPhase {
    /// Looking up endpoints.
    Resolving,
    /// Opening a transport to one of the endpoints.
    Transport,
    /// TLS handshake and certificate verification.
    Tls,
    /// From the stream header to the session.
    Login,
}

/// The state of the connection, as the app sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is no connection.
    Offline {
        /// The reason.
        reason: OfflineReason,
        /// When the next attempt is made, if one is planned.
        retry_at: Option<Instant>,
    },
    /// A connection is being established.
    Connecting {
        /// The phase of the attempt.
        step: AttemptPhase,
    },
    /// A session is established.
    Online {
        /// Whether it is a new session or the resumed one.
        outcome: Outcome,
        /// How many round trips it took.
        flights: usize,
        /// Whether everything that the server held when the connection began was reported
        /// ([`EngineEvent::CaughtUp`](crate::engine::EngineEvent::CaughtUp)).
        is_caught_up: bool,
    },
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineReason {
    /// The app does not want a connection.
    NotWanted,
    /// The process is suspended.
    Suspended,
    /// There is no network.
    NoNetwork,
    /// The last attempt failed; another one follows.
    Failed,
    /// The user has to provide credentials; then `Connect`.
    NeedsCredentials,
    /// The server or this device refuses the connection until something is changed; then `Connect`.
    Refused,
    /// Another client replaced this one. Only the user can decide to take the session back (rule I10).
    Conflict,
    /// A background sync found no session to resume; then `Connect`.
    NoSession,
}

variants!(SupervisorTimer {
    Retry,
    Attempt,
    Restart,
    Probe,
    Close
});
variants!(AttemptPhase {
    Resolving,
    Transport,
    Tls,
    Login
});
variants!(OfflineReason {
    NotWanted,
    Suspended,
    NoNetwork,
    Failed,
    NeedsCredentials,
    Refused,
    Conflict,
    NoSession,
});

/// The times of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The upper bound of the first delay after a failure; the delay is drawn from `floor` to this bound. The bound is
    /// multiplied by two with each failure ("full jitter", so that clients that lost the same server do not reconnect at
    /// the same time). Default 1 s.
    pub base: Duration,
    /// The maximum of this bound. Default 5 min: a phone that is offline for an hour should not notice the delay. A
    /// value below twice a floor counts as twice that floor, since a range has to remain to draw from.
    pub cap: Duration,
    /// The minimum delay after a failure, since full jitter may draw zero repeatedly. Default 250 ms.
    pub floor: Duration,
    /// `base` for a server that is overloaded, restarts, or temporarily refuses a login. Nothing shortens this delay.
    /// Default 30 s.
    pub relief_base: Duration,
    /// `floor` for such a server. Default 5 s.
    pub relief_floor: Duration,
    /// If a session that lasted this long breaks, the first attempt is made at once. A shorter session counts as one
    /// more failure; otherwise attempts at a server that accepts and drops connections would never pause. Default 5 s.
    /// A session that lasted [`PROVEN_AFTER`] times as long is proven: the delays are reset. Any other session is
    /// followed by an attempt at once only the first time, and does not reset the delays, since the next one may break
    /// like it.
    pub stable: Duration,
    /// The timeout of a liveness probe after a network change or the end of a suspension. Default 3 s: a radio that
    /// becomes active (up to 2 s on 3G) and one round trip. With a longer timeout the user waits on a dead connection;
    /// with a shorter one a working connection is dropped, which costs a login.
    pub probe: Duration,
    /// How long a probe response is awaited before a new transport is opened beside the connection. If the transport is
    /// open first, the probe has failed. Default 250 ms, which is what RFC 8305 gives the first of two addresses: on a
    /// working path the response arrives before the other transport is open, whatever the round-trip time.
    pub head_start: Duration,
    /// The timeout of an attempt as a whole, from DNS to the session. Default 90 s: more than the sum of the deadlines
    /// of all steps, so that it only ends an attempt that hangs.
    pub attempt: Duration,
    /// The timeout of closing the stream. Default 5 s: longer than the deadline of the connection itself.
    pub close: Duration,
    /// The window within which at most [`STARTS_PER_WINDOW`] attempts start, for any reasons: networks change
    /// repeatedly, and apps request attempts repeatedly. Default 30 s.
    pub window: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(300),
            floor: Duration::from_millis(250),
            relief_base: Duration::from_secs(30),
            relief_floor: Duration::from_secs(5),
            stable: Duration::from_secs(5),
            probe: Duration::from_secs(3),
            head_start: Duration::from_millis(250),
            attempt: Duration::from_secs(90),
            close: Duration::from_secs(5),
            window: Duration::from_secs(30),
        }
    }
}

/// The maximum number of attempts that start within [`Timing::window`]: one that was requested, [`MAX_AT_ONCE`] without
/// a wrong fact, and two for a move from one network to another.
pub const STARTS_PER_WINDOW: usize = 6;

/// How many times [`Timing::stable`] a session has to last to be proven: 30 s by default. If a server rejects something
/// about a login, it ends the session within this time.
pub const PROVEN_AFTER: u32 = 6;

/// The maximum number of attempts that start without an event of the user or the network; after them, one attempt
/// starts every [`ALLOWANCE_WINDOWS`]. Together with [`RESERVE`] this implements rule I19: at most 30 in an hour, and
/// 150 in a day.
pub const ALLOWANCE: u32 = 20;

/// How many times [`Timing::window`] a start has to wait when the allowance is spent: 12 minutes. With the delay after
/// a failure, two starts are never more than 20 minutes apart.
pub const ALLOWANCE_WINDOWS: u32 = 24;

/// The number of attempts that may start when the allowance is spent, to correct a wrong assumption: the wrong fact is
/// discarded, so the next attempt may succeed.
pub const RESERVE: u32 = 4;

/// How many times [`Timing::window`] it takes until one of these is available again: 6 hours.
pub const RESERVE_WINDOWS: u32 = 720;

/// The maximum number of wrong assumptions in a row that are corrected at once. Few facts can be wrong, and each is
/// discarded when it was; more corrections indicate a server that causes them deliberately.
pub const MAX_AT_ONCE: u32 = 3;
