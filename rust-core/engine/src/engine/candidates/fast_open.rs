//! TCP Fast Open (RFC 7413; rule S13): where it is given up.
//!
//! It is opt-in ([`Policy::fast_open`]), and only the first transport of an attempt's race is opened with it. Where the kernel
//! has a cookie of the server, that transport is *deferred*: the SYN is sent with the first flight, so that nothing shows
//! whether the address responds until bytes are received. A deferred transport that stays silent is dropped after a round trip
//! and a half, and the addresses are raced without Fast Open. So two flights of early data are never raced (rule S6).
//!
//! Middleboxes drop SYNs with data, or remove the option. The kernel sends the SYN again without data, but only after a second
//! ([`SYN_TIMEOUT`]). Bytes that arrive later than that are the answer to the second SYN, and Fast Open was in vain there as well.
//!
//! [`Policy::fast_open`]: snapback_proto::config::Policy::fast_open

use std::time::Duration;

/// How often Fast Open may be in vain, in a row, before it is not used any more in this process: networks alternate, and a
/// network that drops the SYN costs a timeout at each change to it.
const MAX_FAILURES: u8 = 3;

/// The time for the server's first bytes, beyond a round trip and a half: it has to answer a TLS handshake.
pub(in crate::engine) const FIRST_BYTES_ALLOWANCE: Duration = Duration::from_millis(250);

/// When the kernel sends a SYN again, without its data (RFC 6298 section 2; Linux, `TCP_TIMEOUT_INIT`).
const SYN_TIMEOUT: Duration = Duration::from_secs(1);

/// Where Fast Open failed. In memory: a new process tries it once more.
#[derive(Debug, Default)]
pub(in crate::engine) struct FastOpen {
    /// It failed on this network.
    is_off_here: bool,
    failures: u8,
}

impl FastOpen {
    /// Returns whether it may be used.
    pub(in crate::engine) fn is_on(&self) -> bool {
        !self.is_off_here && self.failures < MAX_FAILURES
    }

    /// Records that no bytes were received after a deferred handshake.
    pub(in crate::engine) fn failed(&mut self) {
        self.is_off_here = true;
        self.failures = self.failures.saturating_add(1);
    }

    /// Records that bytes were received, and how long after the transport was ready. Returns whether they answer the first SYN.
    pub(in crate::engine) fn answered(&mut self, after: Duration) -> bool {
        let is_first = after < SYN_TIMEOUT;
        match is_first {
            true => self.failures = 0,
            false => self.failed(),
        }
        is_first
    }

    /// Records that this is another network, perhaps.
    pub(in crate::engine) fn network_changed(&mut self) {
        self.is_off_here = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s13_a_network_on_which_it_failed_is_left_alone() {
        let mut fast_open = FastOpen::default();
        assert!(fast_open.is_on());
        fast_open.failed();
        assert!(!fast_open.is_on());
        fast_open.network_changed();
        assert!(fast_open.is_on());
        fast_open.failed();
        fast_open.network_changed();
        assert!(fast_open.answered(SYN_TIMEOUT / 2));
        for _ in 0..MAX_FAILURES {
            assert!(fast_open.is_on());
            fast_open.failed();
            fast_open.network_changed();
        }
        assert!(!fast_open.is_on(), "three in a row");
    }

    #[test]
    fn s13_an_answer_to_the_second_syn_is_a_failure() {
        let mut fast_open = FastOpen::default();
        assert!(fast_open.answered(SYN_TIMEOUT - Duration::from_millis(1)));
        assert!(fast_open.is_on());
        assert!(!fast_open.answered(SYN_TIMEOUT));
        assert!(!fast_open.is_on());
    }
}
