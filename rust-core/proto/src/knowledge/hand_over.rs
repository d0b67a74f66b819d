//! How a session is passed from one connection to the next, and from which position of the archive it is checked afterwards.

use super::ArchiveCursor;
use crate::time::UnixTime;

/// A second resumption within this time, in seconds, is not clean: the server may still be processing the first one. An old path
/// may deliver a login several seconds late.
const SETTLES_SECONDS: u64 = 10;

/// The last hand-over of a session to another connection (rule I8). It is part of the stored session.
///
/// A server may lose messages that it is about to deliver while one session is resumed by two connections. It is not clean to
/// resume a session if an earlier `<resume/>` was not answered, since the server may process it still, or if the session was
/// resumed shortly before. Then the archive is queried from `place`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// The position in the archive before the first of the hand-overs that are not known to be clean.
    pub place: ArchiveCursor,
    /// When the server last answered with `<resumed/>`; `None` while a `<resume/>` is not answered.
    pub resumed_at: Option<UnixTime>,
}

impl HandOver {
    /// Returns whether a resumption at this time is not clean.
    pub fn is_open(&self, now: UnixTime) -> bool {
        self.resumed_at
            .is_none_or(|at| now.0.abs_diff(at.0) < SETTLES_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_a_hand_over_is_settled_some_time_after_its_answer() {
        let resumed = |at| HandOver {
            place: ArchiveCursor::Start,
            resumed_at: Some(UnixTime(at)),
        };
        assert!(resumed(100).is_open(UnixTime(109)));
        assert!(!resumed(100).is_open(UnixTime(110)));
        // The clock was set back.
        assert!(!resumed(100).is_open(UnixTime(10)));
        let unanswered = HandOver {
            resumed_at: None,
            ..resumed(0)
        };
        assert!(unanswered.is_open(UnixTime(1_000_000)));
    }
}
