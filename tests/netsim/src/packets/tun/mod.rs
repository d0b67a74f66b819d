//! A link of real packets: two network namespaces, a TUN device in each, and the [model](crate::packets::Model) between.
//!
//! ```text
//!   client's namespace                                       server's namespace
//!   198.18.1.1, later 198.18.1.2 ..                                  198.18.0.1
//!   program ── TCP/IP ── tun ──────── the model ──────── tun ── TCP/IP ── program
//!                             (a thread of this process)
//! ```
//!
//! The addresses are those for benchmarks (RFC 2544): they exist nowhere else, and as each link has namespaces of its own,
//! all links use the same. It takes root, `/dev/net/tun` and `ip` of iproute2.

mod carrier;
mod error;
mod namespace;
mod portal;

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tun_rs::{DeviceBuilder, SyncDevice};

use carrier::Carrier;
pub use error::TunError;
pub use namespace::{Namespace, NamespaceRuntime};

use super::{CutKind, Model, Profile, Stats, Way};

/// The server's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// What the interface is called, at both ends.
const INTERFACE: &str = "link0";

/// A link of real packets between two namespaces.
#[derive(Debug)]
pub struct TunLink {
    // Fields are dropped in this order: the thread closes the devices, then their namespaces are removed.
    carrier: Carrier,
    portal: Mutex<Option<NamespaceRuntime>>,
    client: Namespace,
    server: Namespace,
    address: Mutex<Address>,
}

/// A cut that has begun, for [`TunLink::mend`].
#[derive(Debug)]
#[must_use = "what was cut stays so until it is mended"]
pub struct Ongoing(Mend);

#[derive(Debug)]
enum Mend {
    Nothing,
    OpenWay,
    InterfaceUp { with_new_address: bool },
    RetireAddress(Ipv4Addr),
}

/// Which address the client has.
#[derive(Debug, Clone, Copy)]
struct Address {
    now: Ipv4Addr,
    /// The last number of the next one.
    next: u8,
}

impl TunLink {
    /// A link like this.
    ///
    /// # Errors
    ///
    /// [`TunError::Unavailable`] where this machine cannot have one, others if something is refused.
    pub fn start(profile: &Profile, seed: u64) -> Result<Self, TunError> {
        let (client, server) = (Namespace::create()?, Namespace::create()?);
        let first = client_address(1);
        let at_client = device(&client, first, profile.mtu)?;
        let at_server = device(&server, SERVER, profile.mtu)?;
        let carrier = Carrier::start(Model::new(profile, seed), at_client, at_server)?;
        Ok(Self {
            carrier,
            portal: Mutex::default(),
            client,
            server,
            address: Mutex::new(Address {
                now: first,
                next: 2,
            }),
        })
    }

    /// [`start`](Self::start) for tests: where there can be no link it says so and answers `None`.
    ///
    /// # Panics
    ///
    /// If the link should have started, and with `CI` set also where there can be none: there nothing is skipped.
    #[must_use]
    #[allow(
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::panic,
        reason = "test support: a skip must be seen, and a failed start must fail the test"
    )]
    pub fn start_or_skip(profile: &Profile, seed: u64) -> Option<Self> {
        match Self::start(profile, seed) {
            Ok(link) => Some(link),
            Err(TunError::Unavailable(what)) if env::var_os("CI").is_none() => {
                println!("SKIPPED: links of real packets need {what}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The client's end.
    #[must_use]
    pub fn client(&self) -> &Namespace {
        &self.client
    }

    /// The server's end. Its address is [`SERVER`].
    #[must_use]
    pub fn server(&self) -> &Namespace {
        &self.server
    }

    /// Another network from now on. Both ends learn its longest packet, as a phone does when it enters a network.
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn set_profile(&self, profile: &Profile) -> Result<(), TunError> {
        let mtu = profile.mtu.to_string();
        for end in [&self.client, &self.server] {
            end.ip(&["link", "set", INTERFACE, "mtu", &mtu])?;
        }
        self.carrier.with(|model, _| model.set_profile(profile));
        Ok(())
    }

    /// Begins a cut.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn cut(&self, kind: CutKind) -> Result<Ongoing, TunError> {
        let mend = match kind {
            CutKind::Blackhole => {
                self.set_way(Way::Swallowing);
                Mend::OpenWay
            }
            CutKind::LinkDown | CutKind::LinkDownNewAddress => {
                self.interface_down()?;
                Mend::InterfaceUp {
                    with_new_address: kind == CutKind::LinkDownNewAddress,
                }
            }
            CutKind::NewAddress => Mend::RetireAddress(self.new_address()?),
            CutKind::NatForgets => {
                self.forget_flows();
                Mend::Nothing
            }
            CutKind::CaptivePortal => {
                let mut portal = self.portal.lock().unwrap_or_else(PoisonError::into_inner);
                if portal.is_none() {
                    *portal = Some(portal::start(&self.server)?);
                }
                self.set_way(Way::Captive {
                    portal: portal::PORT,
                });
                Mend::OpenWay
            }
        };
        Ok(Ongoing(mend))
    }

    /// Ends a cut.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn mend(&self, cut: Ongoing) -> Result<(), TunError> {
        match cut.0 {
            Mend::Nothing => Ok(()),
            Mend::OpenWay => {
                self.set_way(Way::Open);
                Ok(())
            }
            Mend::InterfaceUp { with_new_address } => {
                self.interface_up()?;
                if !with_new_address {
                    return Ok(());
                }
                let old = self.new_address()?;
                self.retire_address(old)
            }
            Mend::RetireAddress(old) => self.retire_address(old),
        }
    }

    /// Opens or closes the way; see [`Way`].
    pub fn set_way(&self, way: Way) {
        self.carrier.with(|model, now| model.set_way(now, way));
    }

    /// Address translation forgets all flows.
    pub fn forget_flows(&self) {
        self.carrier.with(|model, _| model.forget_flows());
    }

    /// The client's interface goes down, with all that is on the wire.
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn interface_down(&self) -> Result<(), TunError> {
        self.set_way(Way::Swallowing);
        self.client.ip(&["link", "set", INTERFACE, "down"])
    }

    /// The client's interface comes back, with the address that it had.
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn interface_up(&self) -> Result<(), TunError> {
        self.client.ip(&["link", "set", INTERFACE, "up"])?;
        self.set_way(Way::Open);
        route(&self.client, self.client_address())
    }

    /// The client's address.
    #[must_use]
    pub fn client_address(&self) -> Ipv4Addr {
        self.lock().now
    }

    /// Gives the client another address, which new connections use. The old one, which is returned, works until
    /// [`retire_address`](Self::retire_address).
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn new_address(&self) -> Result<Ipv4Addr, TunError> {
        let mut address = self.lock();
        let new = client_address(address.next);
        self.carrier.with(|model, _| model.revive_address(new));
        self.client.set_address("add", INTERFACE, new.into())?;
        route(&self.client, new)?;
        let old = address.now;
        // 0 and 255 stay unused, and an address that was retired long ago can be reused.
        let next = if address.next >= 254 {
            1
        } else {
            address.next + 1
        };
        *address = Address { now: new, next };
        Ok(old)
    }

    /// This address of the client is gone; what still comes from it, or is sent to it, vanishes.
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn retire_address(&self, old: Ipv4Addr) -> Result<(), TunError> {
        self.carrier.with(|model, _| model.retire_address(old));
        self.client.set_address("delete", INTERFACE, old.into())
    }

    /// Gives the server's end one more address.
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn add_server_address(&self, address: IpAddr) -> Result<(), TunError> {
        self.server.set_address("add", INTERFACE, address)
    }

    /// Takes an address from the server's end: what is sent there vanishes.
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn remove_server_address(&self, address: IpAddr) -> Result<(), TunError> {
        self.server.set_address("delete", INTERFACE, address)
    }

    /// Both ends have IPv6 from now on, the client with this address.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn enable_ipv6(&self, client: Ipv6Addr) -> Result<(), TunError> {
        for end in [&self.client, &self.server] {
            end.enable_ipv6(INTERFACE)?;
            // Without an address of its own, an interface has no route.
            end.ip(&["-6", "route", "add", "default", "dev", INTERFACE])?;
        }
        self.client.set_address("add", INTERFACE, client.into())
    }

    /// The client has no IPv4 from now on.
    ///
    /// # Errors
    ///
    /// If `ip` refuses.
    pub fn disable_ipv4(&self) -> Result<(), TunError> {
        let address = self.client_address().into();
        self.client.set_address("delete", INTERFACE, address)
    }

    /// What became of all packets so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.carrier.with(|model, _| model.stats())
    }

    fn lock(&self) -> MutexGuard<'_, Address> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 1, number)
}

/// An interface in this namespace that everything leaves through.
fn device(namespace: &Namespace, address: Ipv4Addr, mtu: u16) -> Result<SyncDevice, TunError> {
    // A TUN device belongs to the namespace of the thread that makes it.
    let device = namespace.run(|| {
        DeviceBuilder::new()
            .name(INTERFACE)
            .mtu(mtu)
            .enable(true)
            .build_sync()
    })?;
    let device = device.map_err(TunError::io("making a TUN device"))?;
    namespace.set_address("add", INTERFACE, address.into())?;
    route(namespace, address)?;
    Ok(device)
}

fn route(namespace: &Namespace, source: Ipv4Addr) -> Result<(), TunError> {
    let source = source.to_string();
    namespace.ip(&[
        "route", "replace", "default", "dev", INTERFACE, "src", &source,
    ])
}
