//! What can be asked of the world, one JSON object each.

use serde::Deserialize;
use snapback_netsim as netsim;

/// A step of a scenario that is the world's, and a line of the control.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "world", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// All live connections end.
    Cut {
        /// How.
        #[serde(default)]
        mode: CutMode,
    },
    /// The next connection to carry this many bytes in this direction ends there, once.
    CutAfter {
        /// Whose bytes count.
        direction: Direction,
        /// How many still pass.
        bytes: u64,
        /// How it ends.
        #[serde(default)]
        mode: CutMode,
    },
    /// New connections fail; live ones go on.
    Down {
        /// How they fail.
        #[serde(default)]
        mode: DownMode,
    },
    /// New connections work again.
    Up {},
    /// The round trip time changes.
    Rtt {
        /// To this.
        ms: u64,
    },
    /// Connections that only the client saw end are reset at the server.
    DropUpstream {},
    /// Every connection ends, and until it is off new ones meet somebody who answers in HTTP.
    Portal {
        /// Put it up, or take it away.
        on: bool,
    },
    /// The server is started again: sessions and TLS tickets are gone. Answered when its ports are open again.
    Restart {
        /// So long its ports are closed.
        #[serde(default)]
        down_ms: u64,
    },
    /// Sessions of an account that wait for their client end, as if their time had passed.
    ForgetSessions {
        /// Local part.
        #[serde(default = "juliet")]
        account: String,
    },
    /// Messages from romeo. Answered with their ids.
    Message {
        /// Local part of the account addressed.
        #[serde(default = "juliet")]
        to: String,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// What they say; the number of the message if it is left out.
        #[serde(default)]
        body: Option<String>,
    },
    /// What romeo received. Answered with id and body of each message, in order, as often as it came.
    Received {
        /// Only from this account (local part).
        #[serde(default = "juliet")]
        from: String,
    },
    /// What passed so far. Answered with links, connections and sessions.
    Stats {},
    /// The end of the world.
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
    /// Nobody is told; nothing is carried any more.
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
