//! The clock of the timestamps on every line.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns CLOCK_MONOTONIC: the same for every process of this machine, so lines can be compared with other
/// measurements.
pub(super) fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    // The kernel keeps both in range; neither is ever negative.
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_clock_of_std() {
        let around = std::time::Instant::now();
        let before = now();
        let within = std::time::Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        let within = within.elapsed();
        let passed = now() - before;
        let around = around.elapsed();
        assert!(passed >= Duration::from_millis(5));
        assert!((within..=around).contains(&passed));
    }
}
