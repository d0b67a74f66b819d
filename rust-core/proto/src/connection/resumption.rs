//! What an error means for the session that is being resumed (rule I19): a method that failed twice is not tried a third time,
//! and a failing network never costs a session.

use std::time::Duration;

use crate::error::ConnectionError;
use crate::escalation::{Evidence, Subject};
use crate::knowledge::{HandOver, Op};
use crate::time::Instant;

use super::output::Seq;
use super::remote::Remote;
use super::session::note_unclean;
use super::timer::{MAX_ACK_WAITS, Timer};

/// The minimum time that a resumed session has to last. After that its end is not attributed to the resumption. A server that
/// fails on the stanzas that are sent again ends the stream within a round trip. The longer this time is, the more often five
/// failures of a bad network in a row are attributed to the resumption.
const SHORTLY: Duration = Duration::from_secs(1);
/// If a deadline is noticed this much too late, the device slept: the path may have been lost meanwhile.
const OVERSLEPT: Duration = Duration::from_secs(2);

/// The progress of the resumption, and what is known of the path.
#[derive(Debug, Default)]
pub(super) struct Resumption {
    step: ResumeStep,
    /// The server's features arrived through TLS, and no event was reported since that the path may not have survived.
    path_works: bool,
    hand_over: HandOverStep,
    /// The hand-over to this connection, as that transaction stores it before `<resume/>` is sent.
    planned: Option<(Seq, HandOverStep, Option<HandOver>)>,
}

/// What is known of the session's hand-over to this connection (rule I8).
#[derive(Clone, Copy, Debug, Default)]
enum HandOverStep {
    /// The session was not requested on this connection.
    #[default]
    NotAsked,
    /// It was, and no other connection is known that may still compete for it.
    Clean,
    /// It was, and the server may still process an earlier request.
    Unclean,
}

#[derive(Clone, Copy, Debug, Default)]
enum ResumeStep {
    /// Not requested, refused, given up, or proven by its duration.
    #[default]
    Settled,
    /// `<resume/>` has been sent.
    Asked,
    /// `<resumed/>` was received.
    Answered(Instant),
}

/// What an error means for the resumption.
enum Verdict {
    Failed(Evidence),
    Lasted,
    Nothing,
}

impl Resumption {
    pub(super) fn answered(&mut self, at: Instant) {
        self.step = ResumeStep::Answered(at);
    }

    /// Records that the server refused, or that the session is given up for another reason.
    pub(super) fn settled(&mut self) {
        self.step = ResumeStep::Settled;
    }

    pub(super) fn features_came(&mut self) {
        self.path_works = true;
    }

    /// Returns whether the path works: features arrived, and nothing was reported since that it may not have survived.
    pub(super) fn path_works(&self) -> bool {
        self.path_works
    }

    /// Records that the network changed, or the device slept: a failure from now on may be the path's fault.
    pub(super) fn path_is_doubtful(&mut self) {
        self.path_works = false;
    }
}

impl Remote {
    /// Stores that `<resume/>` will be sent on this connection, while TCP and TLS take their time: `<resume/>` waits for it, and
    /// seldom has to.
    pub(super) fn will_resume(&mut self) {
        if self.knowledge.sm.is_none() {
            return;
        }
        let (step, hand_over) = self.next_hand_over();
        let stored = self.env.persist(vec![Op::SmHandOver(hand_over.clone())]);
        self.resumption.planned = Some((stored, step, hand_over));
    }

    /// Records that `<resume/>` is about to be sent, once the returned transaction is committed. Until it is answered, the server
    /// may process it at any time, also after this connection was given up and another one, or another process, has resumed the
    /// session.
    pub(super) fn resume_asked(&mut self) -> Option<Seq> {
        self.resumption.step = ResumeStep::Asked;
        if !matches!(self.resumption.hand_over, HandOverStep::NotAsked)
            || self.knowledge.sm.is_none()
        {
            return None;
        }
        let (stored, step, hand_over) = self.resumption.planned.take().unwrap_or_else(|| {
            let (step, hand_over) = self.next_hand_over();
            let stored = self.env.persist(vec![Op::SmHandOver(hand_over.clone())]);
            (stored, step, hand_over)
        });
        self.resumption.hand_over = step;
        if let Some(session) = &mut self.knowledge.sm {
            session.hand_over = hand_over;
        }
        Some(stored)
    }

    fn next_hand_over(&self) -> (HandOverStep, Option<HandOver>) {
        let now = self.env.now.wall;
        let session = self.knowledge.sm.as_ref();
        let last = session.and_then(|session| session.hand_over.as_ref());
        let open = last.filter(|last| last.is_open(now));
        let step = match open {
            Some(_) => HandOverStep::Unclean,
            None => HandOverStep::Clean,
        };
        let place = open.map(|open| open.place.clone());
        let place = place.or_else(|| self.knowledge.archive.clone());
        let hand_over = place.map(|place| HandOver {
            place,
            resumed_at: None,
        });
        (step, hand_over)
    }

    /// Records that the session was resumed, and if the hand-over was not clean, that the archive has to be queried.
    pub(super) fn handed_over(&mut self) -> Vec<Op> {
        let is_unclean = matches!(self.resumption.hand_over, HandOverStep::Unclean);
        let session = self.knowledge.sm.as_mut();
        let Some(hand_over) = session.and_then(|session| session.hand_over.as_mut()) else {
            return Vec::new();
        };
        hand_over.resumed_at = Some(self.env.now.wall);
        let place = hand_over.place.clone();
        let mut ops = vec![Op::SmHandOver(Some(hand_over.clone()))];
        if is_unclean {
            ops.extend(note_unclean(place, self));
        }
        ops
    }

    /// Checks whether the device slept past a deadline.
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

    /// Records an acknowledgement: the server processes stanzas in the resumed session.
    pub(super) fn resumption_proven(&mut self) {
        if !matches!(self.resumption.step, ResumeStep::Answered(_)) {
            return;
        }
        self.resumption.settled();
        self.note_success(Subject::Resume);
        self.note_success(Subject::ResumedSession);
    }

    /// Processes the arrival of bytes: a resumed session that is not waiting for an acknowledgement has lasted.
    pub(super) fn note_lasting(&mut self) {
        if let ResumeStep::Answered(at) = self.resumption.step
            && self.env.now.mono.since(at) >= SHORTLY
            && !self.env.timers.is_set(Timer::Ack)
        {
            self.resumption_proven();
        }
    }

    /// Records what the error that ends the connection means for the requested session.
    pub(super) fn judge_resumption(&mut self, error: &ConnectionError, heard_at: Option<Instant>) {
        match self.verdict(error, heard_at) {
            Verdict::Nothing => {}
            // Possibly the server only sends: of what it processes this shows nothing.
            Verdict::Lasted => self.note_success(Subject::Resume),
            Verdict::Failed(_) if self.knowledge.sm.is_none() => {}
            Verdict::Failed(evidence) => {
                self.resumption.settled();
                self.note_failure(Subject::Resume, evidence);
                // Only after `<resumed/>` is an acknowledgement waited for.
                if *error == ConnectionError::Timeout(Timer::Ack) {
                    self.note_failure(Subject::ResumedSession, evidence);
                }
            }
        }
    }

    fn verdict(&self, error: &ConnectionError, heard_at: Option<Instant>) -> Verdict {
        let evidence = Evidence::of_answer(error)
            .filter(|evidence| *evidence == Evidence::Refusal || self.resumption.path_works)
            .map_or(Verdict::Nothing, Verdict::Failed);
        match self.resumption.step {
            ResumeStep::Settled => Verdict::Nothing,
            ResumeStep::Asked => evidence,
            ResumeStep::Answered(at) => {
                let elapsed = self.env.now.mono.since(at);
                match error {
                    // The request was sent at once, and never answered.
                    ConnectionError::Timeout(Timer::Ack) if elapsed < self.longest_wait() => {
                        evidence
                    }
                    ConnectionError::Timeout(Timer::Ack) => Verdict::Nothing,
                    _ if elapsed < SHORTLY => evidence,
                    // Nothing was received and nothing was due. What fails now is not the resumption, and the earlier failures
                    // were not consecutive.
                    _ if heard_at.is_some_and(|heard_at| heard_at > at)
                        || !self.env.timers.is_set(Timer::Ack) =>
                    {
                        Verdict::Lasted
                    }
                    _ => Verdict::Nothing,
                }
            }
        }
    }

    /// Returns the timeout of an acknowledgement that was requested immediately after `<resumed/>`, from a server that keeps
    /// sending.
    fn longest_wait(&self) -> Duration {
        SHORTLY + self.env.config.timeouts.ack * MAX_ACK_WAITS
    }
}
