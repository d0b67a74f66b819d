//! Addresses that accepted a connection but led to no login. For a limited time they are *set back*: tried after all
//! other addresses. Until a session is established they stay behind those that have not failed meanwhile, also when that time
//! is over: attempts become rarer, and would otherwise return to the first addresses before the last ones were tried.
//!
//! This is never final: an address that is set back is still tried when the others fail, since the network that made it
//! fail may have changed by then.

use std::time::Duration;

use snapback_proto::escalation::{EscalationStep, Evidence, Failure, Failures, Remedy, Subject};
use snapback_proto::time::{Instant, UnixTime};
use snapback_types::endpoint::Address;

/// How far a connection got that led to no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// No login was ever proven at this server.
    Unproven,
    /// A login was proven at this server before, and this connection had no TLS yet.
    ProvenPlain,
    /// A login was proven at this server, now or before, and TLS was established.
    ProvenTls,
}

/// The addresses that failed and have not worked since. Their failures belong to the network, so they are not stored.
#[derive(Debug, Default)]
pub(super) struct SetBack {
    failures: Failures,
    /// When the first connection failed since the last session.
    outage: Option<UnixTime>,
}

impl SetBack {
    /// Records that a connection to this address ended before there was a session. Returns the step of the escalation
    /// policy that it has brought about.
    pub(super) fn failed(
        &mut self,
        address: Address,
        reached: Reached,
        now: Instant,
    ) -> Option<&'static EscalationStep> {
        let (subject, evidence) = match reached {
            Reached::Unproven => (Subject::NewAddress(address), Evidence::Refusal),
            Reached::ProvenPlain => (Subject::Address(address), Evidence::Refusal),
            // It is the right server, and the failure may have been that of the path.
            Reached::ProvenTls => (Subject::Address(address), Evidence::Silence),
        };
        if reached != Reached::Unproven {
            self.failures.succeeded(Subject::NewAddress(address));
        }
        let now = seconds(now + ALMOST_A_SECOND);
        self.outage.get_or_insert(now);
        self.failures.note(subject, evidence, true, now).step
    }

    /// Records that a session was established over this address.
    pub(super) fn worked(&mut self, address: Address) {
        self.outage = None;
        self.failures.succeeded(Subject::NewAddress(address));
        self.failures.succeeded(Subject::Address(address));
    }

    /// Returns the addresses that are to be tried last, the one with the earliest failure first.
    pub(super) fn addresses(&self, now: Instant) -> Vec<Address> {
        let is_set_back = |failure: &&Failure| {
            // No failure is after the present: its time was rounded up.
            let now = seconds(now).max(failure.until);
            let is_of_outage = self.outage.is_some_and(|began| failure.until >= began);
            let at = if is_of_outage { failure.until } else { now };
            (self.failures).gives_up(failure.subject, Remedy::AddressLast, at)
        };
        let set_back = self.failures.iter().filter(is_set_back);
        let address = |failure: &Failure| match failure.subject {
            Subject::NewAddress(address) | Subject::Address(address) => Some(address),
            _ => None,
        };
        // An address may have failed in both ways: its latest failure is the one that counts.
        let mut addresses: Vec<Address> = Vec::new();
        for address in set_back.filter_map(address) {
            addresses.retain(|earlier| *earlier != address);
            addresses.push(address);
        }
        addresses
    }
}

/// Rounds the time of a failure up to the next whole second: then no step ends early.
const ALMOST_A_SECOND: Duration = Duration::from_nanos(999_999_999);

/// Returns the whole seconds of the monotonic clock: nothing here outlives the process, and the wall clock may be set.
fn seconds(now: Instant) -> UnixTime {
    UnixTime(i64::try_from(now.since_epoch().as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use snapback_proto::escalation::MAX_FAILURES;
    use snapback_types::transport::Transport;

    use super::*;

    fn address(last: u8) -> Address {
        Address {
            addr: ([192, 0, 2, last], 5222).into(),
            transport: Transport::StartTls,
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn w1_the_one_that_failed_last_is_tried_last() {
        let mut set_back = SetBack::default();
        for last in [1, 2, 1] {
            set_back.failed(address(last), Reached::Unproven, at(0));
        }
        assert_eq!(set_back.addresses(at(1)), [address(2), address(1)]);
        set_back.worked(address(1));
        assert_eq!(set_back.addresses(at(1)), [address(2)]);
        assert_eq!(set_back.addresses(at(3601)), []);
    }

    /// Attempts become rarer than the steps last.
    #[test]
    fn i19_an_address_that_was_not_tried_comes_before_those_that_failed() {
        let mut set_back = SetBack::default();
        set_back.failed(address(1), Reached::ProvenPlain, at(0));
        set_back.failed(address(2), Reached::ProvenPlain, at(200));
        assert_eq!(set_back.addresses(at(3000)), [address(1), address(2)]);
        set_back.worked(address(3));
        assert_eq!(set_back.addresses(at(210)), [address(2)]);
        assert_eq!(set_back.addresses(at(3000)), []);
    }

    #[test]
    fn w1_a_step_lasts_for_its_whole_time() {
        for millis in [0, 1, 500, 999] {
            let mut set_back = SetBack::default();
            let failed_at = at(7) + Duration::from_millis(millis);
            set_back.failed(address(1), Reached::Unproven, failed_at);
            set_back.worked(address(2));
            let is_set_back = |after: u64| {
                let later = failed_at + Duration::from_millis(after);
                !set_back.addresses(later).is_empty()
            };
            assert!(is_set_back(0) && is_set_back(1) && is_set_back(3_599_999));
            assert!(!is_set_back(3_602_000));
        }
    }

    #[test]
    fn w1_a_later_failure_ends_no_step_early() {
        let mut set_back = SetBack::default();
        let halves = |halves: u64| Instant::ZERO + Duration::from_millis(halves * 500);
        set_back.failed(address(1), Reached::ProvenPlain, halves(1));
        set_back.failed(address(2), Reached::ProvenPlain, halves(120));
        set_back.failed(address(3), Reached::ProvenPlain, halves(120));
        assert!(set_back.addresses(halves(120)).contains(&address(1)));
    }

    #[test]
    fn w1_the_latest_failure_of_an_address_counts() {
        let mut set_back = SetBack::default();
        for _ in 0..2 {
            set_back.failed(address(1), Reached::ProvenPlain, at(0));
        }
        set_back.failed(address(2), Reached::Unproven, at(1));
        set_back.failed(address(1), Reached::Unproven, at(2));
        assert_eq!(set_back.addresses(at(3)), [address(2), address(1)]);
    }

    #[test]
    fn w1_a_proven_address_is_set_back_briefly_after_a_connectivity_loss() {
        let mut set_back = SetBack::default();
        set_back.failed(address(1), Reached::ProvenTls, at(0));
        assert_eq!(set_back.addresses(at(0)), [], "the path may have failed");
        use Reached::{ProvenPlain, ProvenTls};
        let later = [(ProvenTls, 240), (ProvenPlain, 960), (ProvenTls, 3600)];
        for (reached, until) in later.into_iter().chain([(ProvenTls, 3600)]) {
            set_back.failed(address(1), reached, at(0));
            set_back.worked(address(3));
            assert_eq!(set_back.addresses(at(until - 1)), [address(1)]);
            assert_eq!(set_back.addresses(at(until + 1)), []);
        }
        set_back.failed(address(2), Reached::ProvenPlain, at(0));
        assert_eq!(set_back.addresses(at(59)), [address(1), address(2)]);
    }

    #[test]
    fn i20_a_name_with_thousands_of_addresses_does_not_fill_memory() {
        let mut set_back = SetBack::default();
        for port in 0..10_000 {
            let addr = ([192, 0, 2, 1], port).into();
            let transport = Transport::DirectTls;
            set_back.failed(Address { addr, transport }, Reached::Unproven, at(0));
        }
        assert_eq!(set_back.addresses(at(0)).len(), MAX_FAILURES);
    }
}
