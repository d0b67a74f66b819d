//! The steps of a run, as data: drawn from a seed, printed when it failed, shortened, and kept.

mod bytes;
mod draw;
mod text;

use snapback_engine::supervisor::SyncKind;

pub use crate::hosts::DnsFault;
pub use bytes::MAX_STEPS;
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

    /// Returns its spelling on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Tls => "tls",
        }
    }
}

/// A run: everything that is not in `setup` and `steps` follows from the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Which parts are real.
    pub profile: Profile,
    /// The seed of all random numbers: the server's features, latencies, keys.
    pub seed: u64,
    /// Choices in place of the seed's for [`crate::setup::Setup`], usually none.
    pub setup: Vec<u8>,
    /// The actions of the app, the network, the device and the server.
    pub steps: Vec<ScriptStep>,
}

/// An action at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptStep {
    /// Milliseconds since the beginning.
    pub at: u64,
    /// What happens.
    pub action: Action,
}

/// The actions. Times are in milliseconds unless another unit is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The app sends this many messages.
    Send(u32),
    /// The app sends a request to the server.
    Request,
    /// Romeo sends this many messages.
    Receive(u32),
    /// Romeo sends one of [`crate::hostile::STANZAS`], which must not break any client.
    Hostile(usize),
    /// Romeo sends this many requests at once.
    Flood(u32),
    /// The app goes to the foreground or the background.
    Active(bool),
    /// The app confirms its deliveries.
    Confirm,
    /// The process is about to be suspended.
    Suspend,
    /// It resumes.
    Resume,
    /// A push starts a background sync: it may resume its session or, of the other kind, bind one without presence.
    BeginSync(SyncKind),
    /// The background sync ends: a client that was resumed for it is suspended again.
    EndSync,
    /// The app wants push notifications at the node with this number; 0: it wants none.
    SetPush(u32),
    /// The user logs out.
    LogOut,
    /// The app wants to be offline.
    Disconnect,
    /// The app wants to be online.
    Connect,
    /// The connection breaks.
    Cut(Cut),
    /// The connection breaks after this many more bytes, in this direction.
    CutAfter {
        /// Towards the server.
        up: bool,
        /// How many bytes still pass.
        bytes: u32,
        /// How it breaks.
        cut: Cut,
    },
    /// Nothing moves for this long, then everything does.
    Stall(u32),
    /// There is a network, or there is none.
    Network(bool),
    /// Another network: the old one still carries what is in transit, and its server learns of the end this much later.
    Handover(u32),
    /// The server's address refuses connections for this long.
    Refuse(u32),
    /// The server has other addresses from now on: the list with this number.
    Addresses(u32),
    /// The DNS is broken.
    Dns {
        /// How.
        fault: DnsFault,
        /// For how long.
        lasts: u32,
    },
    /// The process gets no processor time for this long.
    Freeze(u32),
    /// The device's date jumps by this many seconds.
    WallJump(i32),
    /// The device's monotonic clock jumps ahead by this many seconds.
    MonoJump(u32),
    /// The process is killed and starts again this much later.
    Kill(u32),
    /// The process is killed at the transaction with this number, counted from here.
    KillAtStore {
        /// Which.
        transaction: u32,
        /// After it; otherwise before.
        committed: bool,
        /// How long it stays dead.
        down: u32,
    },
    /// The process is killed when it has written this many more bytes.
    KillAfterBytes {
        /// How many.
        bytes: u32,
        /// How long it stays dead.
        down: u32,
    },
    /// The transaction with this number, counted from here, fails.
    StoreFails(u32),
    /// The call with this number that opens, reads or closes the store, counted from here, fails.
    ReadFails(u32),
    /// While no client is connected, both counters of the session advance to shortly before this.
    Age(u32),
    /// The server drops sessions without a connection.
    Forget,
    /// The server is restarted: all connections break; sessions are dropped if this is set.
    Restart(bool),
    /// The server gets another configuration: one of [`crate::setup::VARIATIONS`], or 0 for the original one.
    Reconfigure(u32),
    /// Another client takes our place.
    Conflict,
    /// This number of days passes without an event: the device sleeps, the server does not.
    Days(u32),
    /// The archive forgets its oldest messages. It keeps this number, or, where it answers with empty pages, those of
    /// the last three days.
    Expire(u32),
    /// Romeo's clients send this number of messages with ids that they have used before.
    Reuse(u32),
    /// Something happens in a room.
    Room {
        /// Which of [`crate::setup::ROOMS`].
        room: u32,
        /// What.
        event: InRoom,
    },
    /// The app asks for a page of history.
    History,
    /// Another client of Juliet's sends a message with an id that the app uses, too.
    Twin,
    /// A fault of the server: one of [`crate::faults::FAULTS`], for the next connection, or for this long.
    Fault {
        /// Which.
        fault: usize,
        /// For how long; zero: for the next connection.
        lasts: u32,
    },
}

/// What happens in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InRoom {
    /// The app joins it.
    Join,
    /// The app leaves it.
    Leave,
    /// Another occupant says this number of messages.
    Says(u32),
    /// The app sends this number of messages.
    Send(u32),
    /// The room removes the app's user without a word.
    Forgets,
    /// The room removes the user, with this status code.
    Removes(u32),
    /// The room forgets its oldest messages, and keeps this number.
    Expire(u32),
}

/// The status codes of [`InRoom::Removes`]: a kick, which ends it, and two failures, after which the room is joined again.
pub const REMOVALS: [u32; 3] = [307, 332, 333];

/// How a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both sides are notified.
    Reset,
    /// Neither side is notified.
    Silent,
    /// Only the server is notified.
    ServerNotified,
    /// Only the client is notified.
    ClientNotified,
    /// What the client sends is lost.
    DeadUp,
    /// What the server sends is lost.
    DeadDown,
}

impl Cut {
    /// All of them, and their spelling.
    pub const ALL: [(&'static str, Self); 6] = [
        ("reset", Self::Reset),
        ("silent", Self::Silent),
        ("server-notified", Self::ServerNotified),
        ("client-notified", Self::ClientNotified),
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
