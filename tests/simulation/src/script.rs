//! What happens in a run, as data: drawn from a seed, printed when it failed, made shorter, and kept.

mod draw;
mod text;

pub use crate::hosts::DnsFault;
pub use text::ParseError;

/// Which parts are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// No TLS (its flights and records are there), the store in memory.
    Memory,
    /// No TLS, SQLite files, which a kill leaves as they are.
    Sqlite,
    /// rustls on both sides, the store in memory.
    Tls,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Sqlite, Self::Tls];

    /// As it is spelled on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Tls => "tls",
        }
    }
}

/// A run: everything that is not in `steps` follows from the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Which parts are real.
    pub profile: Profile,
    /// Where chance comes from: the server's abilities, latencies, keys.
    pub seed: u64,
    /// What the app, the network, the device and the server do.
    pub steps: Vec<Step>,
}

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds since the beginning.
    pub at: u64,
    /// What happens.
    pub action: Action,
}

/// What can happen. Times are in milliseconds where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The app sends so many messages.
    Send(u32),
    /// The app sends a request to the server.
    Request,
    /// Romeo writes so many messages.
    Receive(u32),
    /// Romeo sends one of [`crate::hostile::STANZAS`], which no client may trip over.
    Hostile(usize),
    /// The app goes to the foreground or the background.
    Active(bool),
    /// The app confirms what it has been given.
    Confirm,
    /// The process is about to be frozen.
    Suspend,
    /// It runs again.
    Resume,
    /// A push wakes the process for a moment: it may resume its session, and no more.
    Visit,
    /// The visit is over: who was woken for it sleeps again.
    Leave,
    /// The user logs out.
    LogOut,
    /// The app wants to be offline.
    Disconnect,
    /// The app wants to be online.
    Connect,
    /// The connection breaks.
    Cut(Cut),
    /// The connection breaks after so many bytes more, in this direction.
    CutAfter {
        /// Towards the server.
        up: bool,
        /// How many bytes still pass.
        bytes: u32,
        /// How it breaks.
        cut: Cut,
    },
    /// Nothing moves for so long, then everything does.
    Stall(u32),
    /// There is a network, or there is none.
    Network(bool),
    /// Another network: the old one still carries what is under way, and its server learns of the end so much later.
    Handover(u32),
    /// Nobody listens at the server's address for so long.
    Refuse(u32),
    /// The server has other addresses from now on: the list with this number.
    Addresses(u32),
    /// The DNS is broken for so long.
    Dns {
        /// How.
        fault: DnsFault,
        /// For how long.
        lasts: u32,
    },
    /// The process gets no time for so long.
    Freeze(u32),
    /// The device's date jumps by so many seconds.
    WallJump(i32),
    /// The device's monotonic clock jumps ahead by so many seconds.
    MonoJump(u32),
    /// The process is killed and starts again so much later.
    Kill(u32),
    /// The process is killed at the so-many-th transaction from here.
    KillAtStore {
        /// Which.
        transaction: u32,
        /// Behind it; otherwise before.
        committed: bool,
        /// How long it stays dead.
        down: u32,
    },
    /// The process is killed when it has written so many bytes more.
    KillAfterBytes {
        /// How many.
        bytes: u32,
        /// How long it stays dead.
        down: u32,
    },
    /// The so-many-th transaction from here fails.
    StoreFails(u32),
    /// While nobody is connected, both counters of the session advance to shortly before this.
    Age(u32),
    /// The server forgets sessions that nobody is connected to.
    Forget,
    /// The server is restarted: all connections break, sessions are forgotten if told so.
    Restart(bool),
    /// The server is configured anew: one of [`crate::setup::VARIATIONS`], or 0 for as it was.
    Reconfigure(u32),
    /// Another client takes our place.
    Conflict,
    /// Something goes wrong at the server: one of [`crate::faults::FAULTS`], for the next connection, or for so long.
    Fault {
        /// Which.
        fault: usize,
        /// For how long; zero: for the next connection.
        lasts: u32,
    },
}

/// How a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both sides are told.
    Reset,
    /// Nobody is told.
    Silent,
    /// Only the server is told.
    ServerTold,
    /// Only the client is told.
    ClientTold,
    /// What the client sends is lost.
    DeadUp,
    /// What the server sends is lost.
    DeadDown,
}

impl Cut {
    /// All of them, and how they are spelled.
    pub const ALL: [(&'static str, Self); 6] = [
        ("reset", Self::Reset),
        ("silent", Self::Silent),
        ("server-told", Self::ServerTold),
        ("client-told", Self::ClientTold),
        ("dead-up", Self::DeadUp),
        ("dead-down", Self::DeadDown),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, cut)| *cut == self)
            .map_or("reset", |(name, _)| name)
    }
}
