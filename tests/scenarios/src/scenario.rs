//! The format of a scenario: one JSON object a file, the same for every language. `README.md` describes it.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::world::{Command, Kind};

/// The timeout of a step that does not set one.
const TIMEOUT_MS: u64 = 60_000;

/// A scenario.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name of the file.
    pub name: String,
    /// A description for people.
    pub story: String,
    /// The server and the link to it.
    #[serde(default)]
    pub setting: Setting,
    /// What happens, in order.
    pub steps: Vec<ScenarioStep>,
}

/// The server and the link to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// The features of the server.
    pub kind: Kind,
    /// How TLS starts.
    pub transport: Transport,
    /// Round trip time of the link.
    pub rtt_ms: u64,
    /// The number of apps that do the same at once. One is juliet; more are guest1, guest2, ..
    pub apps: u32,
    /// Delays between attempts, for runners that can set them.
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

/// Delays between attempts, in milliseconds; short, so that a scenario takes seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waits {
    /// The maximum of the first delay after a failure; it doubles with each failure.
    pub base_ms: u64,
    /// The maximum of all delays.
    pub cap_ms: u64,
    /// The maximum of the first delay after the server announced its shutdown.
    pub relief_base_ms: u64,
    /// The minimum of that delay.
    pub relief_floor_ms: u64,
    /// The deadline of a liveness probe.
    pub probe_ms: u64,
}

/// The kinds of step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum ScenarioStep {
    /// An action of the app, or of the platform beneath it.
    App(Action),
    /// An action of the world.
    World(Command),
    /// A condition that must become true.
    Expect(Expectation),
}

/// Actions of the app, or of the platform beneath it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "app", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Connects and stays connected.
    Connect {},
    /// Ends the session and closes the stream; done when it is closed.
    Disconnect {},
    /// Sends messages to romeo; done when they are stored.
    Send {
        /// How many.
        #[serde(default = "one")]
        count: u32,
    },
    /// The app goes to the background.
    Background {},
    /// The app goes to the foreground.
    Foreground {},
    /// The platform is about to suspend the app; done when no socket, file or lock is held any more.
    Suspend {},
    /// The app resumes after that.
    Resume {},
    /// The network came, went or changed.
    Network {
        /// Whether there is one.
        available: bool,
    },
    /// The process is killed.
    Kill {},
    /// A new process, with the store of the previous one; not connected.
    Start {},
}

/// Conditions that must become true.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "expect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expectation {
    /// The next session, since one was last expected.
    Online {
        /// The kind of session.
        outcome: Outcome,
        /// The maximum number of round trips.
        max_round_trips: Option<usize>,
        /// The timeout.
        #[serde(default = "default_timeout")]
        within_ms: u64,
    },
    /// No connection.
    Offline {
        /// The timeout.
        #[serde(default = "default_timeout")]
        within_ms: u64,
    },
    /// Everything has arrived, and both sides know: what the app sent is acknowledged and received by romeo, what romeo
    /// sent is received by the app, and the server waits for no acknowledgement.
    Settled {
        /// The maximum number of messages that did not arrive, in either direction.
        lost: usize,
        /// The maximum number of duplicates, in either direction.
        duplicated: usize,
        /// The timeout.
        #[serde(default = "default_timeout")]
        within_ms: u64,
    },
    /// The connections that the server has seen since the scenario began.
    Connections {
        /// The maximum number.
        at_most: usize,
    },
    /// The last connections of the apps were not all at the same time.
    Spread {
        /// The minimum time from the first to the last of them.
        at_least_ms: u64,
    },
}

/// The kinds of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new one.
    Bound,
    /// The interrupted one.
    Resumed,
}

/// Why a text is not a scenario.
#[derive(Debug)]
pub struct FormatError(serde_json::Error);

impl Scenario {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If it is not JSON, or contains something unknown: a runner must not skip what it does not understand.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        serde_json::from_str(text).map_err(FormatError)
    }
}

impl TryFrom<Value> for ScenarioStep {
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

fn default_timeout() -> u64 {
    TIMEOUT_MS
}
