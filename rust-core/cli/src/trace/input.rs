//! The lines of `snapback watch`, as far as they are about connections.

use serde::Deserialize;

/// The maximum length of a line. One about a connection has two kilobytes.
const MAX_LINE: usize = 1024 * 1024;
/// The maximum number of lines about connections.
const MAX_LINES: usize = 100_000;
/// Times are below this: thirty years, in milliseconds.
const MAX_TIME: f64 = 1e12;

/// A line about a connection. What an event does not have is `None`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    /// When it was written, in milliseconds.
    pub(super) at_ms: f64,
    /// What happened.
    pub(super) event: String,
    /// Of `connecting`.
    pub(super) step: Option<String>,
    /// Of `online`.
    pub(super) outcome: Option<String>,
    pub(super) jid: Option<String>,
    pub(super) plan: Option<String>,
    pub(super) ms: Option<f64>,
    pub(super) tls: Option<Tls>,
    pub(super) waterfall: Option<Vec<Flight>>,
    /// Of `ended`.
    pub(super) error: Option<String>,
    pub(super) rule: Option<String>,
    /// Of `offline`.
    pub(super) reason: Option<String>,
}

/// TLS of a connection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tls {
    pub(super) version: String,
    pub(super) resumed: bool,
    pub(super) early_data: bool,
}

/// A flight of a connection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Flight {
    pub(super) sent: Vec<String>,
    pub(super) received: Vec<String>,
    pub(super) at_ms: f64,
    pub(super) ms: f64,
}

/// Returns the lines about connections. Others, and those that cannot be read, are skipped.
pub(super) fn lines(bytes: &[u8]) -> Vec<Line> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines
        .filter(|line| line.len() <= MAX_LINE)
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
        .filter(|line| {
            matches!(
                line.event.as_str(),
                "connecting" | "online" | "ended" | "offline"
            )
        })
        .filter(|line| is_time(line.at_ms) && line.ms.is_none_or(is_time))
        .take(MAX_LINES)
        .collect()
}

/// Returns whether this can be a time or a duration.
pub(super) fn is_time(ms: f64) -> bool {
    (0.0..MAX_TIME).contains(&ms)
}
