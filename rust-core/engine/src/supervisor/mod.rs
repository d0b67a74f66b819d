//! When to connect. No specification says it all: RFC 6120 section 3.3 asks for a random delay before reconnecting, and
//! RFC 6120 section 4.9.3.3 what `conflict` means; the rest is what phones need (rules I9, I10, I14).
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
//! A `conflict` shortly after an attempt was given up in the middle of its login may be that attempt's, heard late: once, it is no
//! more than a broken connection.
//!
//! `Suspend` leads from everywhere to `Suspended`, or to `Stopped` where no session is wanted (it leaves `Stopped` and `Halted` as
//! they are), and drops the connection without closing the stream, so that the session can be resumed.
//!
//! `Visit` is `Resume` and `Connect` for a short time: until `Leave`, `Suspend`, `Connect` or `Disconnect`, attempts may only
//! resume. One that cannot leads to `Halted(NoSession)`, and the end of the visit leads out of there. `Leave` is `Suspend` where
//! nothing but the visit has kept the process awake.
//!
//! Every move that random inputs lead to is in `tests/state-graph.txt`, and a test compares.

mod after_end;
mod attempt;
mod backoff;
mod intent;
mod machine;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use snapback_proto::connection::Outcome;
use snapback_proto::error::ConnectionError;
use snapback_proto::plan::Purpose;
use snapback_proto::stream::error::StreamCondition;
use snapback_proto::time::Instant;

use crate::link::LinkError;
use crate::variants::{Variants, variants};

pub use after_end::AfterEnd;
pub use machine::Supervisor;

/// The names of the supervisor's states.
pub(crate) const STATE_NAMES: &[&str] = <state::State as Variants>::NAMES;

/// Number of an attempt, and of the connection that it becomes. What is said about an older one is ignored (rule I9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The app wants to be online, and so it is awake. Said again, it means: now, please; and it is the only way out of a refusal.
    Connect,
    /// The process was woken for a moment, by a push: the interrupted session is wanted, and no other. It changes nothing where
    /// the app wants to be online and is awake.
    Visit,
    /// The visit is over: a process that was woken for it sleeps again. It changes nothing where the app has come to need the
    /// client since: by `Connect`, `Resume` or `Foreground`.
    Leave,
    /// The app does not want to be online any more.
    Disconnect,
    /// The process is about to be frozen. The stream must not be closed: the session is to be resumed (rule I14).
    Suspend,
    /// The process runs again.
    Resume,
    /// The way to the network changed.
    NetworkChanged {
        /// Whether there is one now.
        available: bool,
    },
    /// The user looks at the app, and so it is awake.
    Foreground,
    /// The user does not look at the app any more.
    Background,
    /// The attempt reached another step.
    AttemptProgress {
        /// Which attempt.
        attempt: AttemptId,
        /// Where it is now.
        step: Step,
    },
    /// The attempt led to a session.
    AttemptOnline {
        /// Which attempt.
        attempt: AttemptId,
        /// New, or the interrupted one.
        outcome: Outcome,
        /// How many round trips it took.
        flights: usize,
    },
    /// The server has given the sign of life that was asked for.
    Alive {
        /// Over which connection.
        attempt: AttemptId,
    },
    /// The attempt failed, or its connection ended.
    Ended {
        /// Which attempt.
        attempt: AttemptId,
        /// What that means; `None` if the stream was closed as asked.
        ending: Option<Ending>,
    },
    /// The deadline of [`Output::Timeout`] has passed.
    Timeout,
}

variants!(Input {
    Connect,
    Visit,
    Leave,
    Disconnect,
    Suspend,
    Resume,
    NetworkChanged,
    Foreground,
    Background,
    AttemptProgress,
    AttemptOnline,
    Alive,
    Ended,
    Timeout,
});

/// What an error means for the next attempt, whatever it came from: TLS, DNS, the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Trying again, later and without change, may help.
    pub retryable: bool,
    /// A remembered fact was wrong and is forgotten: try again without it, now.
    pub at_once: bool,
    /// The user has to be asked.
    pub needs_credentials: bool,
    /// Another client took our place (rule I10).
    pub conflict: bool,
    /// The server is short of something, or is being restarted: give it more time.
    pub overloaded: bool,
    /// Only the interrupted session was wanted, and it is not to be had.
    pub no_session: bool,
    /// Not retryable for whoever sets an account up, but it passes: where a login has ever been proven it is tried again, slowly
    /// and without end (rule I19). A server that is set up anew says that it does not know its host, or offers no login.
    pub passing: bool,
}

impl From<&ConnectionError> for Ending {
    fn from(error: &ConnectionError) -> Self {
        let (condition, after_answer) = match error {
            ConnectionError::Stream(error) => (Some(error.condition), error.after_answer),
            _ => (None, false),
        };
        // What anybody asked us is no sign of the server's load.
        let is_relief = !after_answer
            && matches!(
                condition,
                Some(
                    StreamCondition::ResourceConstraint
                        | StreamCondition::PolicyViolation
                        | StreamCondition::SystemShutdown
                )
            );
        Self {
            retryable: error.is_retryable(),
            at_once: error.retry_at_once(),
            needs_credentials: error.needs_credentials(),
            conflict: condition == Some(StreamCondition::Conflict) && !error.needs_credentials(),
            // A login that is refused for now counts as well: servers lock accounts that try too often.
            overloaded: is_relief || matches!(error, ConnectionError::Sasl(_)),
            no_session: matches!(error, ConnectionError::NoSession(_)),
            passing: error.is_passing(),
        }
    }
}

impl From<&LinkError> for Ending {
    fn from(error: &LinkError) -> Self {
        match error {
            LinkError::Connection(error) => {
                let mut ending = Self::from(error);
                // The server has told us where to go: there, and now.
                ending.at_once |= matches!(error, ConnectionError::Stream(error) if error.see_other_host.is_some());
                ending
            }
            LinkError::Tls(error) => Self {
                retryable: error.is_retryable(),
                ..Self::default()
            },
        }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect. There is no other attempt and no connection at this moment.
    StartAttempt {
        /// The attempt's number.
        attempt: AttemptId,
        /// What it is for.
        why: Why,
        /// Which session it may lead to.
        purpose: Purpose,
    },
    /// Drop the attempt or its connection as it is, without closing the stream: the session stays resumable.
    StopAttempt {
        /// Which.
        attempt: AttemptId,
    },
    /// Close the stream, then say [`Input::Ended`].
    CloseCleanly {
        /// Whose.
        attempt: AttemptId,
    },
    /// Ask the server for a sign of life; end the connection if there is none by the deadline.
    Probe {
        /// Which connection.
        attempt: AttemptId,
        /// By when.
        deadline: Instant,
    },
    /// Tell the app.
    State(ConnectionState),
    /// Nothing more to do until something happens or the deadline passes.
    Timeout {
        /// The deadline.
        when: Instant,
        /// What it is for.
        why: Wait,
    },
    /// Nothing more to do until something happens.
    Idle,
}

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The app asked for it.
    Asked,
    /// There is a network, or another one.
    NetworkChanged,
    /// The user looks at the app.
    Foreground,
    /// The process runs again.
    Resumed,
    /// A remembered fact was wrong; this attempt does without.
    WrongAssumption,
    /// The connection did not survive a change of the network, or a sleep.
    ProbeFailed,
    /// A session that had lasted broke: the first attempt after it is made at once.
    Broken,
    /// The wait after a failure is over.
    Retry,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The next attempt is due.
    Retry,
    /// An attempt has taken too long.
    Attempt,
    /// An attempt that the network changed under may be started anew.
    Restart,
    /// A change came while a probe was under way: probe again.
    Probe,
    /// The goodbye has taken too long.
    Close,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Looking for endpoints.
    Resolving,
    /// Opening a transport to one of them.
    Transport,
    /// Agreeing on keys and checking the certificate.
    Tls,
    /// From the stream header to the session.
    Login,
}

/// What the app sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is no connection.
    Offline {
        /// Why not.
        reason: OfflineReason,
        /// When the next attempt is made, if one is planned.
        retry_at: Option<Instant>,
    },
    /// There will be one soon.
    Connecting {
        /// How far it is.
        step: Step,
    },
    /// There is a session.
    Online {
        /// New, or the interrupted one.
        outcome: Outcome,
        /// How many round trips it took.
        flights: usize,
    },
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineReason {
    /// The app does not want one.
    NotWanted,
    /// The process is suspended.
    Suspended,
    /// There is no network.
    NoNetwork,
    /// The last attempt failed; there will be another one.
    Failed,
    /// The user has to be asked for credentials; then `Connect`.
    NeedsCredentials,
    /// The server, or this device, will not do it without a change; then `Connect`.
    Refused,
    /// Another client took our place. Only the user can say that it should be ours again (rule I10).
    Conflict,
    /// A visit found no session to resume; then `Connect`.
    NoSession,
}

variants!(Wait {
    Retry,
    Attempt,
    Restart,
    Probe,
    Close
});
variants!(Step {
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

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The first wait after a failure is drawn from `floor` to this; it doubles with each failure ("full jitter", so that
    /// clients that lost the same server do not come back as one). Default 1 s.
    pub base: Duration,
    /// What the doubling ends at. Default 5 min: a phone that is offline for an hour should not notice the wait. Less than
    /// twice a floor counts as twice that: something has to be left to draw from.
    pub cap: Duration,
    /// The least wait after a failure: full jitter may draw zero again and again. Default 250 ms.
    pub floor: Duration,
    /// `base` for a server that is overloaded, restarts, or refuses a login for now. Nothing cuts this wait short.
    /// Default 30 s.
    pub relief_base: Duration,
    /// `floor` for such a server. Default 5 s.
    pub relief_floor: Duration,
    /// When a session breaks that lasted this long, the first attempt is made at once. One that lasted for less counts as one
    /// more failure; otherwise a server that accepts and drops would be tried for ever without a pause. Default 5 s. One that
    /// lasted [`PROVEN_AFTER`] times as long has proved itself: the waits begin anew. Any other is given an attempt at once only
    /// the first time, and leaves the waits as they are: the next may break like it.
    pub stable: Duration,
    /// For a sign of life after a network change or a wake-up. Default 3 s: a radio that wakes (up to 2 s on 3G) and one
    /// round trip. Longer, and a user looks at a dead connection; shorter, and a live one is thrown away, which costs
    /// a login.
    pub probe: Duration,
    /// How long a sign of life is waited for before a new transport is opened beside the connection: if that is there first,
    /// the probe has failed. Default 250 ms, what RFC 8305 gives the first of two addresses: a living path answers before the
    /// other one is open, whatever its round trip.
    pub head_start: Duration,
    /// For an attempt as a whole, from DNS to the session. Default 90 s: above all that the parts may take by their own
    /// deadlines, so it only ends one that hangs.
    pub attempt: Duration,
    /// For a clean close. Default 5 s: above the deadline that the connection itself has.
    pub close: Duration,
    /// At most [`STARTS_PER_WINDOW`] attempts start within this, for whatever reasons: networks flap, apps insist.
    /// Default 30 s.
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

/// How many attempts may start within [`Timing::window`]: one that was asked for, [`MAX_AT_ONCE`] without a wrong fact,
/// and two for a walk from one network into another.
pub const STARTS_PER_WINDOW: usize = 6;

/// How many times [`Timing::stable`] a session lasts that has proved itself: 30 s by default. What a server does not like about a
/// login it has ended by then.
pub const PROVEN_AFTER: u32 = 6;

/// How many attempts may start without an event of the user or the network; after that, one for each [`ALLOWANCE_WINDOWS`]. With
/// [`RESERVE`] it is what rule I19 allows: at most 30 in an hour, and 150 in a day.
pub const ALLOWANCE: u32 = 20;

/// How many times [`Timing::window`] a start has to wait for when the allowance is spent: 12 minutes. With the wait after a failure
/// on top, two are never more than 20 minutes apart.
pub const ALLOWANCE_WINDOWS: u32 = 24;

/// How many attempts may start when the allowance is spent, to mend a wrong assumption: what was wrong is forgotten, so the next
/// attempt may well work.
pub const RESERVE: u32 = 4;

/// How many times [`Timing::window`] one of these takes to come back: 6 hours.
pub const RESERVE_WINDOWS: u32 = 720;

/// How many wrong assumptions in a row are corrected at once. There are few facts that can be wrong, and each is
/// forgotten when it was, so more than this is a server that plays with us.
pub const MAX_AT_ONCE: u32 = 3;
