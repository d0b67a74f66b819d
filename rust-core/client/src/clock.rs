//! The only place that reads the clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use snapback_proto::time::{Instant, Now, UnixTime};

/// Monotonic time since the client was opened, and wall-clock time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            epoch: tokio::time::Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Now {
        Now {
            mono: Instant::from_epoch(self.epoch.elapsed()),
            wall: wall(),
        }
    }

    /// Returns the same moment for the runtime's timers.
    pub(crate) fn deadline(self, when: Instant) -> tokio::time::Instant {
        self.epoch + when.since_epoch()
    }
}

fn wall() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
