//! Middleboxes between phone and server that keep flows: address translation (RFC 5382, RFC 4787), and a captive portal
//! (RFC 8952).
//!
//! Addresses are not rewritten. A phone does not see its public address, and a server does not care; what both notice is
//! that a flow is forgotten, and that needs no more than a table of flows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Direction;
use super::ip::{self, End, Header, Port};

/// The maximum number of ports of a translator for one customer; the flow that is idle for longest is dropped first.
const MAX_FLOWS: usize = 1024;

/// A flow, seen from the client.
type Flow = (u8, End, End);

/// The flows that a translator knows.
#[derive(Debug, Default)]
pub(super) struct Nat {
    idle: Option<Duration>,
    /// When each was last used.
    flows: BTreeMap<Flow, Duration>,
}

impl Nat {
    /// With `idle`, a flow that is idle for this long is dropped.
    pub(super) fn new(idle: Option<Duration>) -> Self {
        Self {
            idle,
            flows: BTreeMap::new(),
        }
    }

    pub(super) fn set_idle(&mut self, idle: Option<Duration>) {
        self.idle = idle;
    }

    /// Everything is forgotten, as when the translator restarts.
    pub(super) fn forget(&mut self) {
        self.flows.clear();
    }

    /// Returns whether the packet passes. A packet in the middle of an unknown flow does not: it is dropped silently.
    pub(super) fn passes(&mut self, now: Duration, direction: Direction, packet: &[u8]) -> bool {
        let Some(header) = Header::read(packet) else {
            return true; // ICMP
        };
        let (flow, may_open) = match direction {
            Direction::ToServer => (
                (header.protocol, header.source, header.destination),
                header.opens || !header.is_tcp(),
            ),
            Direction::ToClient => ((header.protocol, header.destination, header.source), false),
        };
        let is_known = self
            .flows
            .get(&flow)
            .is_some_and(|used| self.idle.is_none_or(|idle| now - *used < idle));
        if !is_known && !may_open {
            self.flows.remove(&flow);
            return false;
        }
        self.flows.insert(flow, now);
        self.make_room();
        true
    }

    fn make_room(&mut self) {
        if self.flows.len() <= MAX_FLOWS {
            return;
        }
        let quietest = self.flows.iter().min_by_key(|(_, used)| **used);
        if let Some(flow) = quietest.map(|(flow, _)| *flow) {
            self.flows.remove(&flow);
        }
    }
}

/// A portal takes every new connection, for any port.
#[derive(Debug, Default)]
pub(super) struct Portal {
    /// The port at which the portal listens, on the server's address.
    port: u16,
    /// Which port each client's end believes to talk to.
    wanted: BTreeMap<End, u16>,
}

impl Portal {
    pub(super) fn at(port: u16) -> Self {
        Self {
            port,
            wanted: BTreeMap::new(),
        }
    }

    /// Rewrites a packet that the portal takes or answers. False: it belongs to a connection from before, or is no TCP,
    /// and is swallowed.
    pub(super) fn intercept(&mut self, direction: Direction, packet: &mut [u8]) -> bool {
        let Some(header) = Header::read(packet).filter(Header::is_tcp) else {
            return false;
        };
        match direction {
            Direction::ToServer => {
                if header.opens {
                    if self.wanted.len() >= MAX_FLOWS {
                        self.wanted.pop_first();
                    }
                    self.wanted.insert(header.source, header.destination.port);
                }
                ip::set_tcp_port(packet, Port::Destination, self.port);
                self.wanted.contains_key(&header.source)
            }
            Direction::ToClient => match self.wanted.get(&header.destination) {
                Some(wanted) if header.source.port == self.port => {
                    ip::set_tcp_port(packet, Port::Source, *wanted);
                    true
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::ip::testing::{GO_ON, OPEN, checksum, segment};
    use super::*;

    const CLIENT: End = End {
        address: Ipv4Addr::new(198, 18, 1, 1),
        port: 40_000,
    };
    const SERVER: End = End {
        address: Ipv4Addr::new(198, 18, 0, 1),
        port: 5223,
    };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_flow_lives_while_it_is_used() {
        let mut nat = Nat::new(Some(s(300)));
        let up = |flags| segment(CLIENT, SERVER, flags);
        let down = segment(SERVER, CLIENT, GO_ON);
        assert!(
            !nat.passes(s(0), Direction::ToClient, &down),
            "not open yet"
        );
        assert!(!nat.passes(s(0), Direction::ToServer, &up(GO_ON)));
        assert!(nat.passes(s(0), Direction::ToServer, &up(OPEN)));
        assert!(nat.passes(s(299), Direction::ToClient, &down));
        assert!(nat.passes(s(598), Direction::ToServer, &up(GO_ON)));
        assert!(!nat.passes(s(898), Direction::ToClient, &down), "idle");
        assert!(!nat.passes(s(898), Direction::ToServer, &up(GO_ON)));
        assert!(
            nat.passes(s(899), Direction::ToServer, &up(OPEN)),
            "a new one"
        );
    }

    #[test]
    fn all_flows_can_be_forgotten_and_their_number_is_bounded() {
        let mut nat = Nat::new(None);
        for port in 0..2000 {
            let client = End { port, ..CLIENT };
            let now = s(u64::from(port));
            assert!(nat.passes(now, Direction::ToServer, &segment(client, SERVER, OPEN)));
        }
        assert_eq!(nat.flows.len(), MAX_FLOWS);
        nat.forget();
        let client = End {
            port: 1999,
            ..CLIENT
        };
        assert!(!nat.passes(
            s(2000),
            Direction::ToServer,
            &segment(client, SERVER, GO_ON)
        ));
    }

    #[test]
    fn a_portal_takes_new_connections_and_swallows_old_ones() {
        let mut portal = Portal::at(9);
        let mut old = segment(CLIENT, SERVER, GO_ON);
        assert!(!portal.intercept(Direction::ToServer, &mut old));
        let client = End {
            port: 40_001,
            ..CLIENT
        };
        let mut open = segment(client, SERVER, OPEN);
        assert!(portal.intercept(Direction::ToServer, &mut open));
        assert_eq!(Header::read(&open).map(|h| h.destination.port), Some(9));
        let mut answer = segment(End { port: 9, ..SERVER }, client, GO_ON);
        assert!(portal.intercept(Direction::ToClient, &mut answer));
        assert_eq!(Header::read(&answer).map(|h| h.source), Some(SERVER));
        assert_eq!((checksum(&open), checksum(&answer)), (0, 0));
        let mut stray = segment(SERVER, CLIENT, GO_ON);
        assert!(!portal.intercept(Direction::ToClient, &mut stray));
    }
}
