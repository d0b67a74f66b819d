//! The addresses of the server: what the DNS answers, and the result of a connection to each address.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io::ErrorKind;
use std::time::Duration;

use snapback_resolver::{Query, Resolution, ResolveError, order};
use snapback_types::endpoint::{Address, Endpoint, EndpointSource, ServerAddress};
use snapback_types::transport::Transport;

use crate::network::Time;
use crate::random::Random;
use crate::setup::{DOMAIN, OTHER_HOST, Setup};

/// How long a device without a network takes to report that.
pub(crate) const NO_NETWORK: Time = 10_000;
/// The duration of a look-up without an answer: two queries in a row of 2 s each.
const NO_ANSWER: Time = 4_000_000;
/// The first random purpose; it belongs to the first list of addresses.
const PURPOSE: u64 = 2_000_000;

/// The result of a connection to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The server answers.
    Open,
    /// The server answers after this delay.
    Slow(Time),
    /// The connection is refused.
    Refuses,
    /// There is no answer.
    Swallows,
    /// There is no route, and the device reports that.
    Unreachable,
    /// The connection is accepted, and nothing is sent on it.
    Mute,
    /// The connection is accepted, and closed.
    HangsUp,
}

/// The faults of the DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsFault {
    /// It answers with an error.
    Fails,
    /// It does not answer.
    Hangs,
}

/// An address, and how it answers.
#[derive(Clone, Debug)]
struct Place {
    endpoint: Endpoint,
    manner: Manner,
}

/// The server's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    seed: u64,
    latency: Time,
    transport: Transport,
    /// How long an answer of the DNS is valid.
    ttl: Duration,
    /// The addresses in the DNS, in this order.
    own: Vec<Place>,
    /// The previous addresses in the DNS.
    gone: Vec<Place>,
    /// The other host, where the server is reachable or claims to be.
    other: Place,
    fault: Option<(DnsFault, Time)>,
}

impl Hosts {
    /// Returns one address, and the other host.
    pub(crate) fn new(seed: u64, setup: &Setup) -> Self {
        let place = |host: &str, last, manner| Place {
            endpoint: Endpoint {
                host: host.to_owned(),
                addr: SocketAddr::from(([192, 0, 2, last], 5222)),
                transport: setup.transport,
                priority: 0,
                source: EndpointSource::Srv,
            },
            manner,
        };
        let other = if setup.other_host {
            Manner::Open
        } else {
            Manner::Refuses
        };
        Self {
            seed,
            latency: setup.latency,
            transport: setup.transport,
            ttl: Duration::from_secs(300),
            own: vec![place(DOMAIN, 1, Manner::Open)],
            gone: Vec::new(),
            other: place(OTHER_HOST, 2, other),
            fault: None,
        }
    }

    /// Replaces the server's addresses by the list with this number. At least one of them leads to it.
    pub(crate) fn draw(&mut self, number: u32) {
        let mut random = Random::new(self.seed, PURPOSE + u64::from(number));
        let gone = random.pick(&[
            Manner::Refuses,
            Manner::Swallows,
            Manner::Mute,
            Manner::HangsUp,
        ]);
        for mut place in self.own.drain(..) {
            place.manner = gone;
            self.gone.push(place);
        }
        self.ttl = Duration::from_secs(random.pick(&[0, 60, 300, 3_600]));
        let is_v6_broken = random.one_in(4);
        let mut endpoints = Vec::new();
        let mut priority = 0;
        for target in 0..random.between(1, 3) {
            let transport = if random.one_in(4) {
                other_than(self.transport)
            } else {
                self.transport
            };
            for address in 0..random.between(1, 3) {
                let is_v6 = random.one_in(2);
                endpoints.push(Endpoint {
                    host: format!("{}.example", char::from(b'a' + target as u8)),
                    addr: SocketAddr::new(ip(is_v6, number, target, address), 5222),
                    transport,
                    priority,
                    source: EndpointSource::Srv,
                });
            }
            priority += u16::from(random.one_in(2));
        }
        let places = order(endpoints).into_iter().map(|endpoint| {
            let drawn = manner(&mut random);
            let is_broken = is_v6_broken && endpoint.addr.is_ipv6();
            Place {
                endpoint,
                manner: if is_broken {
                    Manner::Unreachable
                } else {
                    drawn
                },
            }
        });
        self.own = places.collect();
        let good = random.below(self.own.len() as u64) as usize;
        self.own[good].manner = Manner::Open;
    }

    /// Breaks the DNS like this until then.
    pub(crate) fn break_dns(&mut self, fault: DnsFault, until: Time) {
        self.fault = Some((fault, until));
    }

    /// Ends all temporary faults. Addresses that lead nowhere stay as they are.
    pub(crate) fn heal(&mut self) {
        self.fault = None;
    }

    /// Returns the answer of a look-up, and after how long it comes.
    pub(crate) fn look_up(
        &self,
        servers: &[ServerAddress],
        now: Time,
    ) -> (Time, Result<Resolution, ResolveError>) {
        if let Some((fault, _)) = self.fault.filter(|(_, until)| now < *until) {
            return self.fails(fault == DnsFault::Hangs);
        }
        let places: Vec<&Place> = match servers {
            [] => self.own.iter().collect(),
            servers => {
                let is_asked = |place: &&Place| {
                    servers
                        .iter()
                        .any(|asked| asked.host == place.endpoint.host)
                };
                [&self.other].into_iter().filter(is_asked).collect()
            }
        };
        if places.is_empty() {
            return (0, Err(ResolveError::NoAddresses));
        }
        let endpoints = places.into_iter().map(|place| place.endpoint.clone());
        let resolution = Resolution {
            endpoints: endpoints.collect(),
            ttl: self.ttl,
        };
        // With a single address it is the first known one, and takes no time.
        let wait = if self.gone.is_empty() {
            0
        } else {
            2 * self.latency
        };
        (wait, Ok(resolution))
    }

    /// Returns the result of a look-up that fails, and after how long it comes.
    pub(crate) fn fails(&self, hangs: bool) -> (Time, Result<Resolution, ResolveError>) {
        let query = Query::Addresses;
        if hangs {
            let waited = Duration::from_micros(NO_ANSWER);
            return (NO_ANSWER, Err(ResolveError::NoAnswer { query, waited }));
        }
        let failure = ResolveError::ServerFailure { query };
        (2 * self.latency, Err(failure))
    }

    /// Returns the result of a connection to this address.
    pub(crate) fn manner(&self, address: Address) -> Manner {
        let mut places = self.own.iter().chain([&self.other]).chain(&self.gone);
        let place = places.find(|place| place.endpoint.address() == address);
        place.map_or(Manner::Refuses, |place| place.manner)
    }

    /// Returns the answer from this address, and after how long it comes; `None` if there is none.
    pub(crate) fn connect(&self, address: Address) -> Option<(Time, Result<(), ErrorKind>)> {
        let round_trip = 2 * self.latency;
        match self.manner(address) {
            Manner::Open | Manner::Mute | Manner::HangsUp => Some((round_trip, Ok(()))),
            Manner::Slow(more) => Some((round_trip + more, Ok(()))),
            Manner::Refuses => Some((round_trip, Err(ErrorKind::ConnectionRefused))),
            Manner::Unreachable => Some((0, Err(ErrorKind::NetworkUnreachable))),
            Manner::Swallows => None,
        }
    }
}

fn manner(random: &mut Random) -> Manner {
    let slow = Manner::Slow(random.between(1, 4_000) * 1_000);
    random.pick(&[
        Manner::Open,
        Manner::Open,
        Manner::Open,
        slow,
        Manner::Refuses,
        Manner::Swallows,
        Manner::Unreachable,
        Manner::Mute,
        Manner::HangsUp,
    ])
}

fn other_than(transport: Transport) -> Transport {
    match transport {
        Transport::DirectTls => Transport::StartTls,
        Transport::StartTls => Transport::DirectTls,
    }
}

/// Returns addresses for documentation (RFC 5737, RFC 3849). Lists with different numbers share no address.
fn ip(is_v6: bool, number: u32, target: u64, address: u64) -> IpAddr {
    let last = (target * 8 + address + 1) as u8;
    if is_v6 {
        let (high, low) = ((number >> 16) as u16, number as u16);
        Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0, 0, u16::from(last)).into()
    } else {
        let number = number.to_be_bytes();
        Ipv4Addr::new(198, 18 + (number[2] & 1), number[3], last).into()
    }
}
