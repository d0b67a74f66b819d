//! How many answers others get in a time (rule I20).

use std::time::Duration;

use crate::time::Instant;

/// Others get so many answers at once: a roster of contacts that all ask what we can do when we appear.
const BURST: u32 = 100;
/// Then one in this time.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many answers went to others of late.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// When what was answered so far would be done at one answer for each [`INTERVAL`].
    busy_until: Instant,
    /// The app knows that requests stay unanswered.
    pub(super) is_told: bool,
}

impl Answers {
    /// Takes one from the rate, if one is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let busy = self.busy_until.max(now);
        if busy > now + INTERVAL * (BURST - 1) {
            return false;
        }
        self.busy_until = busy + INTERVAL;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i20_a_burst_then_ten_a_second() {
        let mut answers = Answers::default();
        let start = Instant::ZERO + Duration::from_secs(1000);
        let taken = |answers: &mut Answers, at| (0..1000).filter(|_| answers.take(at)).count();
        assert_eq!(taken(&mut answers, start), 100);
        assert_eq!(taken(&mut answers, start + Duration::from_secs(1)), 10);
        assert_eq!(taken(&mut answers, start + Duration::from_secs(60)), 100);
    }
}
