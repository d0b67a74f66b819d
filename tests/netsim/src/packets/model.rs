//! A link as a state machine: packets and the time in, packets out.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::Direction;
use super::ip;
use super::nat::{Nat, Portal};
use super::pipe::{Pipe, PipeStats};
use super::profile::Profile;

/// The current state of the path between the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Packets go through.
    Open,
    /// Packets are dropped, and neither end is notified.
    Swallowing,
    /// A captive portal that listens on this port of the server's address takes all new connections, and drops the
    /// rest.
    Captive {
        /// The port.
        portal: u16,
    },
}

/// A link, without sockets and without a clock: the time since its start is an argument.
///
/// Feed it with [`handle_packet`](Self::handle_packet), ask [`next_at`](Self::next_at) when to come back, and take with
/// [`poll_packet`](Self::poll_packet) until there is nothing. The same seed and the same inputs give the same outputs.
#[derive(Debug)]
pub struct Model {
    to_server: Pipe,
    to_client: Pipe,
    mtu: usize,
    drops_syn_data: bool,
    nat: Nat,
    gate: Gate,
    gone: BTreeSet<Ipv4Addr>,
}

#[derive(Debug)]
enum Gate {
    Open,
    Swallowing,
    Captive(Portal),
}

/// What became of packets, each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// From the client to the server.
    pub to_server: PipeStats,
    /// From the server to the client.
    pub to_client: PipeStats,
}

impl Model {
    /// A link of this profile. Each direction has random numbers of its own.
    #[must_use]
    pub fn new(profile: &Profile, seed: u64) -> Self {
        Self {
            to_server: Pipe::new(profile.up, seed),
            to_client: Pipe::new(profile.down, !seed),
            mtu: usize::from(profile.mtu),
            drops_syn_data: profile.drops_syn_data,
            nat: Nat::new(profile.nat_idle()),
            gate: Gate::Open,
            gone: BTreeSet::new(),
        }
    }

    /// Another network from now on. Packets on the way are not affected.
    pub fn set_profile(&mut self, profile: &Profile) {
        self.to_server.set_path(profile.up);
        self.to_client.set_path(profile.down);
        self.mtu = usize::from(profile.mtu);
        self.drops_syn_data = profile.drops_syn_data;
        self.nat.set_idle(profile.nat_idle());
    }

    /// Opens or closes the way. Closing is abrupt: what is on the wire is lost.
    pub fn set_way(&mut self, now: Duration, way: Way) {
        if way != Way::Open {
            self.to_server.cut(now);
            self.to_client.cut(now);
        }
        self.gate = match way {
            Way::Open => Gate::Open,
            Way::Swallowing => Gate::Swallowing,
            Way::Captive { portal } => Gate::Captive(Portal::at(portal)),
        };
    }

    /// Address translation forgets all flows: packets of connections that exist are dropped, both ways.
    pub fn forget_flows(&mut self) {
        self.nat.forget();
    }

    /// From now on nothing is carried from or to this address of the client.
    pub fn retire_address(&mut self, address: Ipv4Addr) {
        self.gone.insert(address);
    }

    /// The address is the client's again.
    pub fn revive_address(&mut self, address: Ipv4Addr) {
        self.gone.remove(&address);
    }

    /// A packet enters. Whatever stands in its way decides now; what passes is on the wire.
    pub fn handle_packet(&mut self, now: Duration, direction: Direction, mut packet: Vec<u8>) {
        let len = packet.len();
        let fate = self.fate(now, direction, &mut packet);
        let pipe = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        pipe.stats.sent += 1;
        pipe.stats.sent_bytes += len as u64;
        match fate {
            Fate::Passes => pipe.enqueue(now, packet),
            Fate::TooLong => pipe.stats.too_long += 1,
            Fate::Cut => pipe.stats.cut += 1,
            Fate::Forgotten => pipe.stats.forgotten += 1,
        }
    }

    fn fate(&mut self, now: Duration, direction: Direction, packet: &mut [u8]) -> Fate {
        if packet.len() > self.mtu {
            return Fate::TooLong;
        }
        let carries_data = |header: ip::Header| header.opens && header.data > 0;
        if self.drops_syn_data && ip::Header::read(packet).is_some_and(carries_data) {
            return Fate::Cut;
        }
        let client = ip::client_of(direction, packet);
        if client.is_some_and(|address| self.gone.contains(&address)) {
            return Fate::Cut;
        }
        let (passes, otherwise) = match &mut self.gate {
            Gate::Open => (self.nat.passes(now, direction, packet), Fate::Forgotten),
            Gate::Swallowing => (false, Fate::Cut),
            // The portal stands before the translation.
            Gate::Captive(portal) => (portal.intercept(direction, packet), Fate::Cut),
        };
        if passes { Fate::Passes } else { otherwise }
    }

    /// When the next packet arrives somewhere.
    #[must_use]
    pub fn next_at(&self) -> Option<Duration> {
        let both = [&self.to_server, &self.to_client];
        both.into_iter().filter_map(Pipe::next_arrival).min()
    }

    /// The next packet that has arrived by now, and which way it went.
    pub fn poll_packet(&mut self, now: Duration) -> Option<(Direction, Vec<u8>)> {
        let direction = match (self.to_server.next_arrival(), self.to_client.next_arrival()) {
            (Some(up), Some(down)) if down < up => Direction::ToClient,
            (Some(_), _) => Direction::ToServer,
            (None, _) => Direction::ToClient,
        };
        let pipe = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let packet = pipe.arrived(now)?;
        pipe.stats.delivered += 1;
        pipe.stats.delivered_bytes += packet.len() as u64;
        Some((direction, packet))
    }

    /// What became of all packets so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            to_server: self.to_server.stats,
            to_client: self.to_client.stats,
        }
    }
}

/// What becomes of a packet before it is on the wire.
enum Fate {
    Passes,
    TooLong,
    Cut,
    Forgotten,
}

#[cfg(test)]
mod tests {
    use super::super::ip::End;
    use super::super::ip::testing::{GO_ON, OPEN, segment};
    use super::super::profile::Profile;
    use super::*;

    const CLIENT: End = End {
        address: Ipv4Addr::new(198, 18, 1, 1),
        port: 40_000,
    };
    const SERVER: End = End {
        address: Ipv4Addr::new(198, 18, 0, 1),
        port: 5222,
    };

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn model() -> Model {
        Model::new(&Profile::plain(ms(100)), 1)
    }

    /// Sends one packet each way, and says which arrived.
    fn exchange(model: &mut Model, now: Duration, flags: u8) -> Vec<Direction> {
        model.handle_packet(now, Direction::ToServer, segment(CLIENT, SERVER, flags));
        model.handle_packet(now, Direction::ToClient, segment(SERVER, CLIENT, GO_ON));
        let mut arrived = Vec::new();
        while let Some((direction, _)) = model.poll_packet(now + ms(50)) {
            arrived.push(direction);
        }
        arrived
    }

    const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

    #[test]
    fn packets_arrive_after_half_the_round_trip() {
        let mut model = model();
        model.handle_packet(ms(0), Direction::ToServer, segment(CLIENT, SERVER, OPEN));
        assert_eq!(model.next_at(), Some(ms(50)));
        assert_eq!(model.poll_packet(ms(49)), None);
        assert!(model.poll_packet(ms(50)).is_some());
        assert_eq!(model.next_at(), None);
        assert_eq!(model.stats().to_server.delivered, 1);
    }

    #[test]
    fn a_swallowing_way_carries_nothing_until_it_opens() {
        let mut model = model();
        assert_eq!(exchange(&mut model, ms(0), OPEN), BOTH);
        model.set_way(ms(100), Way::Swallowing);
        assert_eq!(exchange(&mut model, ms(100), GO_ON), []);
        model.set_way(ms(200), Way::Open);
        assert_eq!(exchange(&mut model, ms(200), GO_ON), BOTH);
        assert_eq!(model.stats().to_server.cut, 1);
        assert_eq!(model.stats().to_client.cut, 1);
    }

    #[test]
    fn a_forgotten_flow_is_dead_and_a_new_one_is_not() {
        let mut model = model();
        assert_eq!(exchange(&mut model, ms(0), OPEN), BOTH);
        model.forget_flows();
        assert_eq!(exchange(&mut model, ms(100), GO_ON), []);
        assert_eq!(model.stats().to_server.forgotten, 1);
        assert_eq!(exchange(&mut model, ms(200), OPEN), BOTH);
    }

    #[test]
    fn a_retired_address_is_not_served() {
        let mut model = model();
        model.retire_address(CLIENT.address);
        assert_eq!(exchange(&mut model, ms(0), OPEN), []);
        model.revive_address(CLIENT.address);
        assert_eq!(exchange(&mut model, ms(100), OPEN), BOTH);
    }

    #[test]
    fn a_network_may_drop_what_opens_a_connection_with_data() {
        let mut with_data = segment(CLIENT, SERVER, OPEN);
        with_data[3] += 4;
        with_data.extend([0; 4]);
        for drops in [false, true] {
            let profile = Profile {
                drops_syn_data: drops,
                ..Profile::plain(ms(100))
            };
            let mut model = Model::new(&profile, 1);
            model.handle_packet(ms(0), Direction::ToServer, with_data.clone());
            assert_eq!(model.poll_packet(ms(50)).is_some(), !drops);
            assert_eq!(exchange(&mut model, ms(100), OPEN), BOTH, "without data");
        }
    }

    #[test]
    fn what_is_too_long_is_dropped_and_counted() {
        let mut model = model();
        model.handle_packet(ms(0), Direction::ToClient, vec![0x45; 1501]);
        assert_eq!(model.next_at(), None);
        assert_eq!(model.stats().to_client.too_long, 1);
    }
}
