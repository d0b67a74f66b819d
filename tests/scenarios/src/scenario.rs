//! The format of a scenario: one JSON object a file, the same for every language. `README.md` describes it.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::world::{Command, Kind};

/// Nothing takes longer where a step does not say so.
const PATIENCE_MS: u64 = 60_000;

/// A scenario.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// As the file is called.
    pub name: String,
    /// What happens, for people.
    pub story: String,
    /// The server and the way to it.
    #[serde(default)]
    pub setting: Setting,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// The server and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// What the server can do.
    pub kind: Kind,
    /// How TLS starts.
    pub transport: Transport,
    /// Round trip time of the link.
    pub rtt_ms: u64,
    /// How many apps do the same at once. One is juliet; more are guest1, guest2, ..
    pub apps: u32,
    /// Waits between attempts, for runners that can set them.
    pub waits: Waits,
}

/// How TLS starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TLS from the first byte.
    #[default]
    Direct,
    /// STARTTLS.
    Starttls,
}

/// Waits between attempts, in milliseconds; short, so that a scenario takes seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waits {
    /// The first wait after a failure is at most this; it doubles.
    pub base_ms: u64,
    /// The doubling ends here.
    pub cap_ms: u64,
    /// The first wait after the server said that it goes away is at most this.
    pub relief_base_ms: u64,
    /// And at least this.
    pub relief_floor_ms: u64,
    /// For a sign of life.
    pub probe_ms: u64,
}

/// What one step is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Step {
    /// The app, or the platform beneath it, does something.
    App(Action),
    /// The world does something.
    World(Command),
    /// Something must come true.
    Expect(Expectation),
}

/// What the app, or the platform beneath it, does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "app", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Connects and stays connected.
    Connect {},
    /// Ends the session cleanly; done when it is over.
    Disconnect {},
    /// Messages to romeo; done when they are stored.
    Send {
        /// How many.
        #[serde(default = "one")]
        count: u32,
    },
    /// The user looks elsewhere.
    Background {},
    /// The user is back.
    Foreground {},
    /// The platform is about to freeze the app; done when nothing is held any more.
    Suspend {},
    /// The app goes on after that.
    Resume {},
    /// The network came, went or changed.
    Network {
        /// There is one.
        available: bool,
    },
    /// The process dies, without a word.
    Kill {},
    /// A new process, with what the one before has stored; not connected.
    Start {},
}

/// What must come true.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "expect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expectation {
    /// The next session, since the last time that one was expected.
    Online {
        /// What it is.
        outcome: Outcome,
        /// How many round trips it took at most.
        max_round_trips: Option<usize>,
        /// How soon.
        #[serde(default = "patience")]
        within_ms: u64,
    },
    /// No connection.
    Offline {
        /// How soon.
        #[serde(default = "patience")]
        within_ms: u64,
    },
    /// Everything has arrived, and both sides know: what the app sent is acknowledged and with romeo, what romeo sent is with
    /// the app, and the server waits for no acknowledgement.
    Settled {
        /// At most so many messages did not arrive, either way.
        lost: usize,
        /// At most so many came again, either way.
        duplicated: usize,
        /// How soon.
        #[serde(default = "patience")]
        within_ms: u64,
    },
    /// What the server has seen since the scenario began.
    Connections {
        /// At most so many.
        at_most: usize,
    },
    /// The last connection of each app did not come at the same time as the others'.
    Spread {
        /// From the first to the last of them at least.
        at_least_ms: u64,
    },
}

/// What a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new one.
    Bound,
    /// The interrupted one.
    Resumed,
}

/// Why a text is no scenario.
#[derive(Debug)]
pub struct FormatError(serde_json::Error);

impl Scenario {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If it is no JSON, or something in it is unknown: a runner must not skip what it does not understand.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        serde_json::from_str(text).map_err(FormatError)
    }
}

impl TryFrom<Value> for Step {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let is = |key: &str| value.get(key).is_some();
        let step = match (is("app"), is("world"), is("expect")) {
            (true, false, false) => serde_json::from_value(value).map(Self::App),
            (false, true, false) => serde_json::from_value(value).map(Self::World),
            (false, false, true) => serde_json::from_value(value).map(Self::Expect),
            _ => return Err(format!("a step is one of app, world, expect: {value}")),
        };
        step.map_err(|error| error.to_string())
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            transport: Transport::default(),
            rtt_ms: 20,
            apps: 1,
            waits: Waits::default(),
        }
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            base_ms: 20,
            cap_ms: 200,
            relief_base_ms: 60,
            relief_floor_ms: 30,
            probe_ms: 500,
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for FormatError {}

fn one() -> u32 {
    1
}

fn patience() -> u64 {
    PATIENCE_MS
}
