//! What follows from the seed, or from choices in its place: the server's features, the path, the app's settings.

use std::sync::Arc;
use std::time::Duration;

use snapback_proto::config::{CatchUp, Config, Identity, Policy, Timeouts, UserAgent};
use snapback_proto::jid::BareJid;
use snapback_proto::plan::Transport;
use snapback_proto::sasl::Method;
use snapback_proto::secret::Secret;
use snapback_proto::xml::Limits;
use snapback_reference_server::{FastFailure, Switches, UnknownId};

use crate::random::Random;

/// The domain of the server.
pub const DOMAIN: &str = "localhost";
/// The other host where the server is reachable, or claims to be.
pub const OTHER_HOST: &str = "other.example.org";
/// The number of rooms.
pub const ROOMS: u32 = 2;
/// The maximum size of a stanza from the app, in bytes.
pub const MAX_STANZA: usize = 256 << 10;
/// Juliet's password.
pub const PASSWORD: &str = "r0m30";

const PURPOSE: u64 = 2;
const MORE: u64 = 6;

/// The initial state of a run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The features of the server.
    pub switches: Switches,
    /// How it is reached.
    pub transport: Transport,
    /// One way, in microseconds.
    pub latency: u64,
    /// The maximum additional latency of a packet.
    pub jitter: u64,
    /// The duration of a commit, in microseconds; zero: it is done before anything else happens.
    pub commit: u64,
    /// Whether transactions requested in a row are committed as one; otherwise one by one, which the contract allows as
    /// well.
    pub groups: bool,
    /// How many of four deliveries the app confirms at once.
    pub confirms: u64,
    /// How many stanzas the queue takes.
    pub queue_limit: usize,
    /// Whether a server listens at [`OTHER_HOST`].
    pub other_host: bool,
    /// The app's configuration.
    pub config: Arc<Config>,
}

/// Returns the local part of a room's address.
pub(crate) fn room_name(room: u32) -> String {
    format!("room{room}")
}

/// Returns the address of a room.
pub(crate) fn room_address(room: u32) -> BareJid {
    let address = format!("{}@rooms.{DOMAIN}", room_name(room));
    address.parse().expect("it is an address")
}

/// The number of variations of [`vary`].
pub const VARIATIONS: u32 = 8;

/// How many choices decide a setup as a whole: those of the first sequence, and those of the second.
pub const CHOICES: usize = FIRST_CHOICES + MORE_CHOICES;
const FIRST_CHOICES: usize = 18;
const MORE_CHOICES: usize = 10;

impl Setup {
    /// Returns the setup of a seed. The choices, a byte each, come before the seed's random numbers.
    pub fn draw(seed: u64, choices: &[u8]) -> Self {
        let (first, second) = choices.split_at(choices.len().min(FIRST_CHOICES));
        let mut random = Random::with_choices(seed, PURPOSE, first);
        let mut switches = switches(&mut random);
        // Drawn separately, so that the draws above do not change.
        let mut more = Random::with_choices(seed, MORE, second);
        switches.sm_location = more.one_in(4).then(|| OTHER_HOST.to_owned());
        let (queue_limit, other_host) = (more.pick(&[1_000, 1_000, 1_000, 8]), more.one_in(2));
        switches.session_first = switches.session && more.one_in(2);
        if more.one_in(16) {
            switches = without_memory(switches);
        }
        // Where there is an archive, what has no recipient need not be kept apart.
        switches.offline = !switches.archive || more.one_in(2);
        switches.archive_unknown = more.pick(&[UnknownId::ItemNotFound, UnknownId::EmptyPage]);
        switches.capitals = more.one_in(6);
        switches.bind_conflict = more.one_in(3);
        switches.loses_at_hand_over = more.one_in(2);
        switches.liberal = more.one_in(4);
        switches.rooms = true;
        Self {
            queue_limit,
            other_host,
            transport: random.pick(&[Transport::StartTls, Transport::DirectTls]),
            latency: random.pick(&[500, 5_000, 40_000, 150_000, 400_000]),
            jitter: random.pick(&[0, 1_000, 60_000]),
            commit: random.pick(&[0, 0, 200, 8_000]),
            confirms: random.pick(&[0, 2, 4]),
            config: Arc::new(config(Policy {
                early_data: random.one_in(2),
                ..Policy::default()
            })),
            groups: !random.one_in(3),
            switches,
        }
    }
}

/// Returns a current server with the modules that it can have.
pub fn sasl2_server() -> Switches {
    Switches {
        sasl2: true,
        bind2: true,
        fast: Switches::modern().fast,
        ..Switches::stock_prosody()
    }
}

/// Nothing is sent again, and nothing can be asked for.
fn without_memory(base: Switches) -> Switches {
    Switches {
        sm: false,
        sm_resume: false,
        sm_before_sasl: false,
        archive: false,
        archive_metadata: false,
        ..base
    }
}

fn switches(random: &mut Random) -> Switches {
    let base = match random.below(8) {
        0..3 => Switches::modern(),
        3..5 => sasl2_server(),
        5 => Switches::stock_prosody(),
        6 => Switches::quickstart_2013(),
        _ => Switches::rfc6120_2012(),
    };
    let early_data = base.early_data.filter(|_| random.one_in(2));
    Switches {
        early_data,
        half_rtt: random.one_in(2),
        unprompted_restart: base.unprompted_restart && random.one_in(2),
        // The stand-in for TLS cannot show the server a combined flight.
        unprompted_only_if_pipelined: false,
        bind2: base.bind2 && !random.one_in(6),
        fast_failure: random.pick(&[FastFailure::StreamUsable, FastFailure::StreamClosed]),
        sm: !random.one_in(12),
        sm_resume: !random.one_in(12),
        sm_window: Duration::from_secs(random.pick(&[600, 600, 60, 15])),
        sm_failed_h: random.one_in(2),
        sm_request_every: random.pick(&[Some(1), Some(1), Some(5), None]),
        ..base
    }
}

/// Returns the server after a change of its configuration. No feature is added that it did not have: a rising floor is
/// another test.
pub fn vary(base: &Switches, variation: u32) -> Switches {
    let base = base.clone();
    match variation {
        1 => Switches {
            sasl2: false,
            bind2: false,
            fast: Vec::new(),
            ..base
        },
        2 => Switches {
            bind2: false,
            ..base
        },
        3 => Switches {
            pipelining: false,
            unprompted_restart: false,
            ..base
        },
        4 => Switches {
            fast: Vec::new(),
            early_data: None,
            ..base
        },
        5 => Switches {
            sm: false,
            sm_before_sasl: false,
            ..base
        },
        6 => Switches {
            sm_before_sasl: false,
            tls_tickets: false,
            early_data: None,
            ..base
        },
        7 => Switches {
            roster_versioning: false,
            config_version: false,
            ..base
        },
        8 => Switches {
            sm_refused: true,
            ..base
        },
        _ => base,
    }
}

fn config(policy: Policy) -> Config {
    Config {
        account: BareJid::try_from("juliet@localhost").unwrap(),
        password: Some(Secret::from(PASSWORD)),
        method: Method::Password,
        resource: "balcony".to_owned(),
        user_agent: UserAgent {
            id: "d4565fa7-4d72-4749-b3d3-740edbf87770".to_owned(),
            software: None,
            device: None,
        },
        policy,
        catch_up: CatchUp::default(),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        carbons: true,
        presence: true,
        roster: true,
        identity: Identity {
            name: "Simulation".to_owned(),
            kind: "phone".to_owned(),
            node: "https://example.org/".to_owned(),
            features: Vec::new(),
            requests: Vec::new(),
        },
    }
}
