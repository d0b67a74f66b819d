//! The commands of the world, one JSON object each.

use serde::Deserialize;
use snapback_netsim as netsim;

/// A step of a scenario that the world executes, and a line of the control.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "world", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Ends all live connections.
    Cut {
        /// How.
        #[serde(default)]
        mode: CutMode,
    },
    /// The next connection that carries this many bytes in this direction ends there, once.
    CutAfter {
        /// Whose bytes count.
        direction: Direction,
        /// How many still pass.
        bytes: u64,
        /// How it ends.
        #[serde(default)]
        mode: CutMode,
    },
    /// New connections fail; live ones continue.
    Down {
        /// How they fail.
        #[serde(default)]
        mode: DownMode,
    },
    /// New connections work again.
    Up {},
    /// The round trip time changes.
    Rtt {
        /// To this value.
        ms: u64,
    },
    /// Connections that only the client saw end are reset at the server.
    DropUpstream {},
    /// Every connection ends, and until this is off, new ones are answered in HTTP.
    Portal {
        /// Whether to start it, or to stop it.
        on: bool,
    },
    /// Restarts the server: sessions and TLS tickets are gone. Answered when its ports are open again.
    Restart {
        /// How long its ports stay closed.
        #[serde(default)]
        down_ms: u64,
    },
    /// Ends the sessions of an account that have no connection, as if their time had passed.
    ForgetSessions {
        /// Local part.
        #[serde(default = "juliet")]
        account: String,
    },
    /// Sends messages from romeo. Answered with their ids.
    Message {
        /// Local part of the account addressed.
        #[serde(default = "juliet")]
        to: String,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// The text of the messages; by default the number of the message.
        #[serde(default)]
        body: Option<String>,
        /// Further children as XML, relayed unchanged. The body is then that of the server's injected stanzas.
        #[serde(default)]
        inside: Option<String>,
    },
    /// Returns what romeo received. Answered with id and body of each message, in order, duplicates included.
    Received {
        /// Only from this account (local part).
        #[serde(default = "juliet")]
        from: String,
    },
    /// Returns the traffic so far. Answered with links, connections and sessions.
    Stats {},
    /// Ends the world.
    Quit {},
}

/// How live connections end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutMode {
    /// The client gets a reset; the server notices nothing, as when a phone loses its network.
    #[default]
    ResetClient,
    /// Both get a reset.
    ResetBoth,
    /// Both get an orderly end.
    CloseBoth,
    /// Neither end is notified; nothing is carried any more.
    Blackhole,
}

/// How new connections fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownMode {
    /// The port is closed.
    #[default]
    Refuse,
    /// Nothing is carried.
    Blackhole,
}

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The client's.
    ToServer,
    /// The server's.
    ToClient,
}

fn juliet() -> String {
    "juliet".to_owned()
}

fn one() -> u32 {
    1
}

impl From<CutMode> for netsim::CutMode {
    fn from(mode: CutMode) -> Self {
        match mode {
            CutMode::ResetClient => Self::ResetClient,
            CutMode::ResetBoth => Self::ResetBoth,
            CutMode::CloseBoth => Self::CloseBoth,
            CutMode::Blackhole => Self::Blackhole,
        }
    }
}

impl From<DownMode> for netsim::DownMode {
    fn from(mode: DownMode) -> Self {
        match mode {
            DownMode::Refuse => Self::Refuse,
            DownMode::Blackhole => Self::Blackhole,
        }
    }
}

impl From<Direction> for netsim::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::ToServer => Self::ToServer,
            Direction::ToClient => Self::ToClient,
        }
    }
}
