//! The format of a case: one JSON object a file. `docs/wild.md` describes it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use snapback_reference_server::Rule;

use crate::steps::RuleText;

/// A case: what a peer does, and what must hold for a client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The name of the file.
    pub name: String,
    /// The kind of behaviour.
    pub kind: Kind,
    /// The section of the standard that says what is right.
    pub section: String,
    /// A description for people.
    pub story: String,
    /// The public report of such a behaviour, if there is one.
    pub source: Option<String>,
    /// The server's ordinary behaviour.
    #[serde(default)]
    pub server: ServerSetting,
    /// The deviations, by connection.
    #[serde(default)]
    connections: Vec<Vec<RuleText>>,
    /// What happens on connections after those.
    #[serde(default)]
    pub then: Then,
    /// What the user of the client does, in order.
    #[serde(default)]
    pub user: Vec<UserStep>,
    /// What must hold.
    pub holds: Holds,
    /// Why Snapback fails this case, if it does.
    pub expected_failure: Option<String>,
}

/// The kinds of behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Kind {
    /// What failed the same way twice.
    W1,
    /// One bad part of a whole.
    W2,
    /// Addresses in other spellings.
    W3,
    /// IDs that are reused, missing or forged.
    W4,
    /// Archives that answer wrongly or not at all.
    W5,
    /// Temporary refusals.
    W6,
    /// What the standards allow and few servers do.
    W7,
    /// Answers that never come.
    W8,
    /// Data without an end.
    W9,
    /// What strangers ask.
    W10,
    /// Several devices and several logins.
    W11,
    /// Credentials, limits and addresses that change.
    W12,
}

/// The server's ordinary behaviour.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSetting {
    /// The features.
    pub kind: ServerKind,
    /// How TLS starts, for the client that is tested in process.
    pub transport: Transport,
    /// Features that are on although the kind has them off.
    pub on: Vec<Feature>,
    /// Features that are off although the kind has them on.
    pub off: Vec<Feature>,
    /// The SASL mechanisms, instead of those of the kind.
    pub mechanisms: Vec<String>,
    /// The iteration count of SCRAM.
    pub iterations: Option<u32>,
    /// The maximum number of bytes of an element (XEP-0478).
    pub max_bytes: Option<u32>,
}

/// The features of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// SASL2, Bind 2, FAST.
    #[default]
    Sasl2,
    /// SCRAM as in RFC 6120; Stream Management, carbons, an archive.
    Sasl1,
    /// The same with the session of RFC 3921, without carbons and archive.
    Rfc6120,
    /// Everything, with XEP-0305 and early data.
    Quickstart,
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

/// A feature of a server that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// XEP-0198.
    Sm,
    /// Resumption (XEP-0198).
    SmResume,
    /// XEP-0313.
    Archive,
    /// XEP-0280.
    Carbons,
    /// XEP-0386.
    Bind2,
    /// XEP-0388.
    Sasl2,
    /// RFC 6120 section 6.
    Sasl1,
    /// XEP-0484.
    Fast,
    /// RFC 6121 section 2.6.
    RosterVersions,
    /// The session of RFC 3921.
    Session,
    /// XEP-0352.
    Csi,
    /// TLS 1.3.
    Tls13,
    /// A channel binding.
    ChannelBinding,
    /// The server writes addresses in capitals.
    Capitals,
    /// A resource that is in use is refused.
    BindConflict,
}

/// What happens on the connections after those of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The server is ordinary.
    #[default]
    Ordinary,
    /// The last ones are repeated.
    Repeat,
}

/// What the user of the client does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UserStep {
    /// Waits for the next session.
    Online,
    /// Sends this many messages to romeo.
    Send(u32),
    /// The platform reports a change of the network.
    NetworkChange,
    /// The app goes to the background.
    Background,
    /// The app goes to the foreground.
    Foreground,
    /// Closes the stream.
    Disconnect,
    /// Connects again.
    Connect,
    /// Waits.
    PauseMs(u64),
}

/// What must hold. Counts without a word are minimums.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Holds {
    /// Sessions that the client has, new or resumed.
    pub sessions: usize,
    /// The maximum number of connections.
    pub max_connections: Option<usize>,
    /// Bodies that the client shows, each as often as it is listed.
    pub messages: Vec<String>,
    /// Bodies that the client never shows.
    pub never: Vec<String>,
    /// The number of the user's messages that are acknowledged.
    pub acknowledged: usize,
    /// What the client reports, with minimums.
    pub reports: BTreeMap<Report, usize>,
    /// The maximum numbers of reports.
    pub most: BTreeMap<Report, usize>,
    /// What the client does not report.
    pub no: Vec<Report>,
    /// Whether the session at the end works in both directions.
    pub usable: bool,
    /// A word of a reason with which a connection ended, as Snapback names it.
    pub ends: Option<String>,
    /// The reason for which the client stays offline, as Snapback names it.
    pub halts: Option<String>,
    /// Patterns of elements that the client sends, with minimums.
    pub sends: BTreeMap<String, usize>,
    /// Patterns of elements that the client never sends.
    pub never_sends: Vec<String>,
    /// The maximum growth of the process in megabytes.
    pub memory_mb: Option<u64>,
    /// The time in which all of it comes true.
    pub within_ms: u64,
}

/// What a client reports to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// A fault of the server, with which the session continues.
    PeerFault,
    /// A stanza that was refused.
    Refused,
    /// Messages may be missing.
    Gap,
    /// The roster changed.
    Roster,
    /// A message of the user failed.
    Failed,
    /// A carbon copy.
    Carbon,
    /// Presence of a contact.
    Presence,
    /// A session was resumed.
    Resumed,
}

/// Why a text is not a case.
#[derive(Debug)]
pub struct FormatError(String);

impl Case {
    /// Reads the text of a file with this name, without its extension.
    ///
    /// # Errors
    ///
    /// If it is not JSON, contains something unknown, or bears another name.
    pub fn parse(name: &str, text: &str) -> Result<Self, FormatError> {
        let case: Self =
            serde_json::from_str(text).map_err(|error| FormatError(format!("{name}: {error}")))?;
        if case.name != name {
            return Err(FormatError(format!("{name}: the name is {}", case.name)));
        }
        case.rules()?;
        Ok(case)
    }

    /// Returns the rules of each connection.
    ///
    /// # Errors
    ///
    /// If a pattern or a step is malformed.
    pub fn rules(&self) -> Result<Vec<Vec<Rule>>, FormatError> {
        let named = |error| FormatError(format!("{}: {error}", self.name));
        let rules = |texts: &Vec<RuleText>| texts.iter().map(RuleText::rule).collect();
        let connections: Result<Vec<Vec<Rule>>, String> =
            self.connections.iter().map(rules).collect();
        connections.map_err(named)
    }

    /// Returns whether the client is still usable at the end.
    pub fn ends_usable(&self) -> bool {
        self.holds.usable && self.holds.halts.is_none()
    }
}

/// Returns the folder of the cases.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// Reads all cases, by name.
///
/// # Errors
///
/// If a file cannot be read or is not a case.
pub fn all() -> Result<Vec<Case>, FormatError> {
    let failed = |error: std::io::Error| FormatError(error.to_string());
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder()).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        cases.push(Case::parse(&name, &text)?);
    }
    cases.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
    Ok(cases)
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            sessions: 1,
            max_connections: None,
            messages: Vec::new(),
            never: Vec::new(),
            acknowledged: 0,
            reports: BTreeMap::new(),
            most: BTreeMap::new(),
            no: Vec::new(),
            usable: true,
            ends: None,
            halts: None,
            sends: BTreeMap::new(),
            never_sends: Vec::new(),
            memory_mb: None,
            within_ms: 15_000,
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}
