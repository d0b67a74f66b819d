//! What an error means for the session that is being resumed (rule I19): what failed in one way twice is not tried in that way
//! a third time, and a network that fails never costs a session.

use std::time::Duration;

use crate::error::{ConnectionError, PeerError};
use crate::knowledge::{Op, ResumeTrials};
use crate::stream::error::StreamCondition;
use crate::time::Instant;

use super::blame;
use super::context::Context;
use super::output::Event;
use super::timer::{MAX_ACK_WAITS, Timer};

/// How long a resumed session has to last before its end says nothing about the resumption any more. A server that chokes on what is
/// sent again ends within a round trip; the longer this is, the more often five cuts of a bad network in a row look like it.
const SHORTLY: Duration = Duration::from_secs(1);
/// A deadline that is noticed so much too late was slept through: the path may have gone meanwhile.
const OVERSLEPT: Duration = Duration::from_secs(2);

/// How far the resumption has come, and what is known of the path.
#[derive(Debug, Default)]
pub(super) struct Resumption {
    step: ResumeStep,
    /// The server's features came through TLS, and nothing was reported since that the path may not have survived.
    path_works: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum ResumeStep {
    /// Not asked for, refused, given up, or proven by lasting.
    #[default]
    Settled,
    /// `<resume/>` is on its way.
    Asked,
    /// `<resumed/>` came.
    Answered(Instant),
}

/// What an error says of the resumption.
enum Verdict {
    Wrong,
    Silent,
    Lasted,
    Nothing,
}

impl Resumption {
    pub(super) fn asked(&mut self) {
        self.step = ResumeStep::Asked;
    }

    pub(super) fn answered(&mut self, at: Instant) {
        self.step = ResumeStep::Answered(at);
    }

    /// The server refused, or the session is given up for another reason.
    pub(super) fn settled(&mut self) {
        self.step = ResumeStep::Settled;
    }

    pub(super) fn features_came(&mut self) {
        self.path_works = true;
    }

    /// The network changed, or the device slept: what breaks from here on may be the path's fault.
    pub(super) fn path_is_doubtful(&mut self) {
        self.path_works = false;
    }
}

impl Context {
    /// Looks whether a deadline was slept through.
    pub(super) fn note_sleep(&mut self) {
        let now = self.env.now.mono;
        if self
            .env
            .timers
            .next()
            .is_some_and(|(_, when)| now.since(when) >= OVERSLEPT)
        {
            self.resumption.path_is_doubtful();
        }
    }

    /// The server has taken something in: it reads on in the resumed session.
    pub(super) fn resumption_proven(&mut self) {
        if !matches!(self.resumption.step, ResumeStep::Answered(_)) {
            return;
        }
        self.resumption.settled();
        self.clear_trials();
    }

    /// Bytes came: a resumed session that is not waiting for an acknowledgement has lasted.
    pub(super) fn note_lasting(&mut self) {
        if let ResumeStep::Answered(at) = self.resumption.step
            && self.env.now.mono.since(at) >= SHORTLY
            && !self.env.timers.is_set(Timer::Ack)
        {
            self.resumption_proven();
        }
    }

    fn clear_trials(&mut self) {
        let none = ResumeTrials::default();
        if let Some(session) = &mut self.knowledge.sm
            && session.trials != none
        {
            session.trials = none;
            self.env.persist(vec![Op::SmTrials(none)]);
        }
    }

    /// The connection ends with this error: notes what that says of the session that was asked for.
    pub(super) fn judge_resumption(&mut self, error: &ConnectionError, heard_at: Option<Instant>) {
        let verdict = self.verdict(error, heard_at);
        let is_proven = self.stream.authenticated;
        let wall = self.env.now.wall;
        let Some(session) = &mut self.knowledge.sm else {
            return;
        };
        let before = session.trials;
        match verdict {
            Verdict::Nothing => return,
            Verdict::Lasted => return self.clear_trials(),
            Verdict::Wrong => session.trials.note_wrong(is_proven),
            Verdict::Silent => session.trials.note_silent(is_proven, wall),
        }
        let after = session.trials;
        self.resumption.settled();
        self.env.persist(vec![Op::SmTrials(after)]);
        if after.is_over() {
            self.env.event(Event::PeerFault(
                "the session cannot be resumed: a new one will be bound",
            ));
        } else if after.goes_alone() && !before.goes_alone() {
            self.env.event(Event::PeerFault(
                "<resume/> was not answered properly: it will be asked again alone",
            ));
        }
    }

    fn verdict(&self, error: &ConnectionError, heard_at: Option<Instant>) -> Verdict {
        let silent = if self.resumption.path_works {
            Verdict::Silent
        } else {
            Verdict::Nothing
        };
        match self.resumption.step {
            ResumeStep::Settled => Verdict::Nothing,
            ResumeStep::Asked => match meaning(error) {
                Meaning::Answer => Verdict::Wrong,
                Meaning::Break => silent,
                Meaning::None => Verdict::Nothing,
            },
            ResumeStep::Answered(at) => {
                let elapsed = self.env.now.mono.since(at);
                let is_unheard = matches!(error, ConnectionError::Timeout(Timer::Ack));
                match meaning(error) {
                    // Asked at once, and never answered.
                    Meaning::Break if is_unheard && elapsed < self.longest_wait() => silent,
                    _ if is_unheard => Verdict::Nothing,
                    // Nothing came and nothing was due: what breaks now is not the resumption, and those before it were not in a row.
                    _ if elapsed >= SHORTLY
                        && (heard_at.is_some_and(|heard_at| heard_at > at)
                            || !self.env.timers.is_set(Timer::Ack)) =>
                    {
                        Verdict::Lasted
                    }
                    Meaning::Answer if elapsed < SHORTLY => Verdict::Wrong,
                    Meaning::Break if elapsed < SHORTLY => silent,
                    _ => Verdict::Nothing,
                }
            }
        }
    }

    /// For an acknowledgement that was asked for right behind `<resumed/>`, from a server that keeps talking.
    fn longest_wait(&self) -> Duration {
        SHORTLY + self.env.config.timeouts.ack * MAX_ACK_WAITS
    }
}

/// What an error is, seen as the answer to `<resume/>`.
enum Meaning {
    /// The server said something that is no answer, or ended the stream for it.
    Answer,
    /// The path broke, nothing came, or the server is occupied with itself.
    Break,
    /// It has nothing to do with the session.
    None,
}

fn meaning(error: &ConnectionError) -> Meaning {
    match error {
        ConnectionError::Stream(error) => match error.condition {
            StreamCondition::Conflict | StreamCondition::SeeOtherHost => Meaning::None,
            condition if blame::may_answer_bad_input(condition) => Meaning::Answer,
            _ => Meaning::Break,
        },
        ConnectionError::StreamClosed => Meaning::Answer,
        ConnectionError::Peer(
            PeerError::Xml(_)
            | PeerError::StanzaBeforeLogin
            | PeerError::Unexpected(_)
            | PeerError::Malformed(_)
            | PeerError::SecondEnabled
            | PeerError::BoundAndResumed,
        ) => Meaning::Answer,
        ConnectionError::TransportClosed | ConnectionError::Timeout(_) => Meaning::Break,
        ConnectionError::Peer(_)
        | ConnectionError::Local(_)
        | ConnectionError::Sasl(_)
        | ConnectionError::NoSession(_)
        | ConnectionError::TasksRequired { .. }
        | ConnectionError::WrongAssumption(_) => Meaning::None,
    }
}
