//! The results of attempts to resume an interrupted session: how often they failed, and what follows from that.

use crate::time::UnixTime;

/// Invalid answers after which a session is given up: one to `<resume/>` as it is ordinarily sent, one to `<resume/>` in a
/// flight of its own.
const WRONG_IS_OVER: u8 = 2;
/// Timeouts after which `<resume/>` is sent in a flight of its own, so that a timeout of the login is not attributed to the
/// session.
const SILENT_GOES_ALONE: u8 = 2;
/// Consecutive timeouts after which a session is given up.
const SILENT_IS_OVER: u8 = 5;
/// The minimum time that these must span, in seconds: a loss of connectivity in an elevator or a tunnel ends within a minute.
const SILENT_SPAN_SECONDS: i64 = 60;

/// Results of the last attempts to resume a session (rule I19). They are part of the stored session, are removed with it, and
/// are cleared by a resumption that lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResumeTrials {
    /// Answers to `<resume/>` that XEP-0198 does not allow, and streams that the server ended immediately after `<resumed/>`.
    pub wrong: u8,
    /// Consecutive connections that timed out or broke after `<resume/>`, or immediately after `<resumed/>`. Counted only where
    /// the path was known to work: the features arrived, and no change of the network was reported since.
    pub silent: u8,
    /// When the first of these occurred.
    pub silent_since: UnixTime,
    /// When the last of these occurred.
    pub silent_until: UnixTime,
}

impl ResumeTrials {
    /// Returns whether `<resume/>` is sent in a flight of its own, after the login is proven: then an answer to it is an answer
    /// to nothing else.
    pub fn goes_alone(&self) -> bool {
        self.wrong > 0 || self.silent >= SILENT_GOES_ALONE
    }

    /// Returns whether the session is given up: it is not requested any more, and a new one is bound.
    pub fn is_over(&self) -> bool {
        let span = self.silent_until.0.saturating_sub(self.silent_since.0);
        self.wrong >= WRONG_IS_OVER
            || (self.silent >= SILENT_IS_OVER && span >= SILENT_SPAN_SECONDS)
    }

    /// Records an invalid answer. One from a server that is not authenticated yet never gives a session up (rule T4).
    pub(crate) fn note_wrong(&mut self, is_proven: bool) {
        let most = if is_proven { u8::MAX } else { 1 };
        self.wrong = self.wrong.saturating_add(1).min(most.max(self.wrong));
    }

    /// Records a timeout. Before the login is proven it never gives a session up either.
    pub(crate) fn note_silent(&mut self, is_proven: bool, at: UnixTime) {
        let most = if is_proven {
            u8::MAX
        } else {
            SILENT_GOES_ALONE
        };
        // If the clock was set back, the difference means nothing.
        if self.silent == 0 || at < self.silent_since {
            self.silent_since = at;
        }
        self.silent_until = at;
        self.silent = self.silent.saturating_add(1).min(most.max(self.silent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i19_wrong_answers_before_the_proof_never_end_a_session() {
        let mut trials = ResumeTrials::default();
        assert!(!trials.goes_alone());
        for _ in 0..300 {
            trials.note_wrong(false);
            trials.note_silent(false, UnixTime(trials.silent_until.0 + 60));
        }
        assert!(trials.goes_alone() && !trials.is_over(), "{trials:?}");
        trials.note_wrong(true);
        assert!(trials.is_over());
        trials.note_wrong(false);
        assert!(trials.is_over(), "what is counted stays counted");
    }

    #[test]
    fn i19_silences_count_over_a_minute() {
        let after = |step: i64, count: i64| {
            let mut trials = ResumeTrials::default();
            for number in 0..count {
                trials.note_silent(true, UnixTime(1_000 + number * step));
            }
            trials
        };
        assert!(!after(15, 4).is_over());
        assert!(after(15, 5).is_over());
        assert!(!after(14, 5).is_over() && after(14, 6).is_over());
        assert!(!after(0, 255).is_over() && !after(0, 300).is_over());
        assert!(!after(1, 1).goes_alone() && after(1, 2).goes_alone());
        let mut set_back = after(15, 4);
        set_back.note_silent(true, UnixTime(10));
        assert!(!set_back.is_over());
    }
}
