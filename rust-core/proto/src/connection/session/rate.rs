//! The rate limit of answers to other entities (rule I20).

use std::time::Duration;

use crate::time::Instant;

/// The burst: a whole roster of contacts may query the client's features when it comes online.
const BURST: u32 = 100;
/// The interval of one answer after that.
const INTERVAL: Duration = Duration::from_millis(100);

/// The rate of recent answers to other entities.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// When the answers sent so far would be complete at one answer per [`INTERVAL`].
    busy_until: Instant,
    /// The app has been informed that requests are not answered.
    pub(super) is_reported: bool,
}

impl Answers {
    /// Takes one answer from the rate, if one is available.
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
