//! Networks with one fault each.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use snapback_netsim::packets::tun::{NamespaceRuntime, TunLink};
use snapback_netsim::packets::{CutKind, Profile, Way};
use snapback_reference_server::{Config, ReferenceServer, Switches};

use super::names::{NameServers, PRIVATE_DNS};
use super::phone::Arguments;
use super::{DOMAIN, PASSWORD, Phone, RTT, TIMEOUT, USER, text};

/// Where the server is, as its names say.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// Where it is after it has moved.
const MOVED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 8);
/// The name server.
const DNS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 53);
/// A name server that does not exist.
const DEAD_DNS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 9);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const DNS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53);
/// An IPv6 address that swallows packets.
const HOLE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xdead, 0, 0, 0, 0, 1);
/// The translator's address for [`PUBLIC`], and the record that shows its prefix (RFC 7050, RFC 6052 section 2.4).
const TRANSLATED: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x64, 0, 0, 0, 0xc633, 0x6407);
const WELL_KNOWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x64, 0, 0, 0, 0xc000, 0xaa);

/// How long a phone tries on a network that does not let it.
const IN_VAIN: Duration = Duration::from_secs(20);

/// A network with a fault, or without one.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) start: Start,
    /// What the time counts from.
    pub(super) moment: &'static str,
    fault: Fault,
}

/// What the phone knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Cold,
    Warm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    FirstNameServerDead,
    NameServerDead,
    Moved,
    Ipv6Swallowed,
    Ipv6Only { dns64: bool },
    NothingPasses,
    Portal,
    PrivateDns,
}

impl Start {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

const APP: &str = "the app connects";
const BACK: &str = "the network is back";

pub(super) const SCENARIOS: [Scenario; 11] = [
    Scenario::new("no fault", Start::Cold, APP, Fault::None),
    Scenario::new("no fault", Start::Warm, APP, Fault::None),
    Scenario::new(
        "the first of two name servers is dead",
        Start::Cold,
        APP,
        Fault::FirstNameServerDead,
    ),
    Scenario::new(
        "the only name server is dead",
        Start::Warm,
        APP,
        Fault::NameServerDead,
    ),
    Scenario::new(
        "nothing passes for 20 s, look-ups included",
        Start::Cold,
        BACK,
        Fault::NothingPasses,
    ),
    Scenario::new(
        "the known address swallows packets; the server has moved",
        Start::Warm,
        APP,
        Fault::Moved,
    ),
    Scenario::new(
        "IPv6 swallows packets",
        Start::Cold,
        APP,
        Fault::Ipv6Swallowed,
    ),
    Scenario::new(
        "IPv6 only, with DNS64",
        Start::Cold,
        APP,
        Fault::Ipv6Only { dns64: true },
    ),
    Scenario::new(
        "IPv6 only, names with IPv4 addresses only",
        Start::Cold,
        APP,
        Fault::Ipv6Only { dns64: false },
    ),
    Scenario::new(
        "a captive portal for 20 s",
        Start::Cold,
        "the user has signed in",
        Fault::Portal,
    ),
    Scenario::new(
        "Private DNS: only encrypted queries are answered",
        Start::Cold,
        APP,
        Fault::PrivateDns,
    ),
];

/// A server behind a link, and its names.
struct World {
    link: TunLink,
    names: NameServers,
    folder: PathBuf,
    // Dropped in this order.
    _server: ReferenceServer,
    _runtime: NamespaceRuntime,
}

impl Scenario {
    const fn new(name: &'static str, start: Start, moment: &'static str, fault: Fault) -> Self {
        Self {
            name,
            start,
            moment,
            fault,
        }
    }

    pub(super) fn is_faultless(&self) -> bool {
        self.fault == Fault::None
    }

    /// Returns the login without faults that it is compared with.
    pub(super) fn compared_with(&self) -> Start {
        match self.fault {
            // Its names have to be looked up.
            Fault::Moved => Start::Cold,
            _ => self.start,
        }
    }

    /// Returns the time from the moment to the session; `None` if it takes too long.
    pub(super) fn play(&self, program: &Path) -> Result<Option<Duration>, String> {
        let world = World::start()?;
        let name_servers = self.prepare(&world)?;
        let system = match self.fault {
            Fault::PrivateDns => Some(world.encrypted_names()?),
            _ => None,
        };
        world.write_system_files(&name_servers)?;
        let arguments = Arguments {
            program,
            system: &world.folder,
            authorities: &world.folder.join("ca.pem"),
            name_servers: &name_servers,
            private_dns: system.as_ref().map_or("", |_| PRIVATE_DNS),
            system_authorities: system.as_deref(),
        };
        let mut phone = Phone::start(world.link.client(), &arguments)?;
        if self.start == Start::Warm {
            phone.tell("connect")?;
            let first = phone.wait("online", TIMEOUT)?;
            first.ok_or("the first login has failed")?;
            phone.tell("disconnect")?;
            phone.wait("closed", TIMEOUT)?;
            self.break_what_is_known(&world)?;
        }
        if matches!(self.fault, Fault::NothingPasses | Fault::Portal) {
            let kind = match self.fault {
                Fault::Portal => CutKind::CaptivePortal,
                _ => CutKind::Blackhole,
            };
            let cut = world.link.cut(kind).map_err(text)?;
            phone.tell("connect")?;
            let early = phone.wait("online", IN_VAIN)?;
            early.map_or(Ok(()), |_| Err("it was online too early".to_owned()))?;
            world.link.mend(cut).map_err(text)?;
            phone.tell("network")?;
        } else {
            phone.tell("connect")?;
        }
        phone.wait("online", TIMEOUT)
    }

    /// Makes the network as it is when the phone starts. Returns its name servers.
    fn prepare(&self, world: &World) -> Result<Vec<SocketAddr>, String> {
        let link = &world.link;
        let here = SocketAddr::from((DNS, 53));
        let mut servers = vec![here];
        match self.fault {
            Fault::FirstNameServerDead => servers.insert(0, (DEAD_DNS, 53).into()),
            Fault::Ipv6Swallowed => {
                link.enable_ipv6(CLIENT_V6).map_err(text)?;
                world.names.zone().addresses.insert(0, HOLE.into());
            }
            Fault::Ipv6Only { dns64 } => {
                link.enable_ipv6(CLIENT_V6).map_err(text)?;
                link.disable_ipv4().map_err(text)?;
                for address in [DNS_V6, TRANSLATED] {
                    link.add_server_address(address.into()).map_err(text)?;
                }
                let mut zone = world.names.zone();
                zone.prefix = Some(WELL_KNOWN);
                if dns64 {
                    zone.addresses.push(TRANSLATED.into());
                }
                servers = vec![(DNS_V6, 53).into()];
            }
            _ => {}
        }
        if self.fault != Fault::PrivateDns {
            for server in servers.iter().filter(|server| server.ip() != DEAD_DNS) {
                world.names.serve_udp(link.server(), *server)?;
            }
        }
        Ok(servers)
    }

    fn break_what_is_known(&self, world: &World) -> Result<(), String> {
        match self.fault {
            Fault::NameServerDead => world.link.remove_server_address(DNS.into()).map_err(text),
            Fault::Moved => {
                world.link.add_server_address(MOVED.into()).map_err(text)?;
                world.names.zone().addresses = vec![MOVED.into()];
                world
                    .link
                    .remove_server_address(PUBLIC.into())
                    .map_err(text)
            }
            _ => Ok(()),
        }
    }
}

impl World {
    fn start() -> Result<Self, String> {
        let link = TunLink::start(&Profile::plain(RTT), 1).map_err(text)?;
        link.set_way(Way::Open);
        for address in [PUBLIC, DNS] {
            link.add_server_address(address.into()).map_err(text)?;
        }
        let runtime = link.server().runtime().map_err(text)?;
        let modern = Switches::modern();
        let config = Config {
            domain: DOMAIN.to_owned(),
            switches: Switches {
                early_data: None,
                ..modern
            },
            accounts: vec![(USER.to_owned(), PASSWORD.to_owned())],
            ..Config::default()
        };
        // For both families: a socket for all of IPv6 takes IPv4 as well (RFC 3493 section 5.3).
        let start = ReferenceServer::start_at(Ipv6Addr::UNSPECIFIED, config);
        let (sender, started) = std::sync::mpsc::channel();
        runtime
            .handle()
            .spawn(async move { sender.send(start.await) });
        let server = started.recv().map_err(text)?.map_err(text)?;
        let names = NameServers::default();
        {
            let mut zone = names.zone();
            zone.addresses = vec![PUBLIC.into()];
            zone.port = server.direct_addr().port();
        }
        let folder = std::env::temp_dir().join(format!("snapback-reach-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(text)?;
        std::fs::write(folder.join("ca.pem"), server.ca_pem()).map_err(text)?;
        Ok(Self {
            link,
            names,
            folder,
            _server: server,
            _runtime: runtime,
        })
    }

    /// Writes what the C library of the phone reads.
    fn write_system_files(&self, name_servers: &[SocketAddr]) -> Result<(), String> {
        let servers: Vec<String> = name_servers
            .iter()
            .map(|server| format!("nameserver {}\n", server.ip()))
            .collect();
        let hosts = format!("127.0.0.1 localhost\n{DNS} {PRIVATE_DNS}\n");
        for (name, text) in [("hosts", hosts), ("resolv.conf", servers.concat())] {
            std::fs::write(self.folder.join(name), text).map_err(super::text)?;
        }
        Ok(())
    }

    /// Starts the encrypted name server. Returns a file with its authority.
    fn encrypted_names(&self) -> Result<PathBuf, String> {
        let at = SocketAddr::from((DNS, 853));
        let pem = self.names.serve_tls(self.link.server(), at)?;
        let file = self.folder.join("dns.pem");
        std::fs::write(&file, pem).map_err(text)?;
        Ok(file)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
