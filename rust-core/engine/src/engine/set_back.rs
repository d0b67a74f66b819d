//! Addresses that accepted a connection but led to no login. For a limited time they are *set back*: tried after all
//! other addresses.
//!
//! This is never final: an address that is set back is still tried when the others fail, since the network that made it
//! fail may have changed by then.

use std::time::Duration;

use snapback_proto::time::Instant;
use snapback_types::endpoint::Address;

/// How long an address without any proven login is set back: one hour, in which a phone that moves from one network to
/// another tries it once.
const UNPROVEN: Duration = Duration::from_secs(3600);
/// The same after the first failure of an address with a proven login: one minute, since the path may have broken at
/// that moment. The time is multiplied by four after each further failure in a row, up to [`UNPROVEN`].
const PROVEN: Duration = Duration::from_secs(60);
/// The maximum number of addresses that are kept. A domain has a few; the DNS can be made to name thousands.
const MAX_ADDRESSES: usize = 64;

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

#[derive(Debug)]
struct Failing {
    address: Address,
    /// The number of consecutive failures.
    times: u32,
    until: Option<Instant>,
}

/// The addresses that failed and have not worked since; the latest failure is last.
#[derive(Debug, Default)]
pub(super) struct SetBack {
    failing: Vec<Failing>,
}

impl SetBack {
    /// Records that a connection to this address ended before there was a session.
    pub(super) fn failed(&mut self, address: Address, reached: Reached, now: Instant) {
        let before = self.forget(address).map_or(0, |failing| failing.times);
        let times = before.saturating_add(1);
        let wait = match reached {
            Reached::Unproven => Some(UNPROVEN),
            // It is the right server, and the failure may have been that of the path.
            Reached::ProvenTls if times == 1 => None,
            Reached::ProvenTls | Reached::ProvenPlain => {
                Some(UNPROVEN.min(PROVEN * 4_u32.saturating_pow(times.min(4) - 1)))
            }
        };
        if self.failing.len() >= MAX_ADDRESSES {
            self.failing.remove(0);
        }
        self.failing.push(Failing {
            address,
            times,
            until: wait.map(|wait| now + wait),
        });
    }

    /// Records that a session was established over this address.
    pub(super) fn worked(&mut self, address: Address) {
        self.forget(address);
    }

    /// Returns the addresses that are to be tried last, the one with the earliest failure first.
    pub(super) fn addresses(&self, now: Instant) -> Vec<Address> {
        let set_back = self.failing.iter();
        set_back
            .filter(|failing| failing.until.is_some_and(|until| now < until))
            .map(|failing| failing.address)
            .collect()
    }

    fn forget(&mut self, address: Address) -> Option<Failing> {
        let place = self.failing.iter().position(|f| f.address == address)?;
        Some(self.failing.remove(place))
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(set_back.addresses(at(3600)), []);
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
            assert_eq!(set_back.addresses(at(until - 1)), [address(1)]);
            assert_eq!(set_back.addresses(at(until)), []);
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
        assert_eq!(set_back.addresses(at(0)).len(), MAX_ADDRESSES);
    }
}
