//! Conversion of the core's times to numbers.

use std::time::{Duration, Instant as SystemInstant};

use snapback_client::proto::time::Instant;

/// A clock that was started with the client, as the core's own clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(SystemInstant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(SystemInstant::now())
    }

    /// Returns the milliseconds from now to that time; zero if it has passed.
    pub(crate) fn until(self, when: Instant) -> u64 {
        millis(when.since_epoch().saturating_sub(self.0.elapsed()))
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
