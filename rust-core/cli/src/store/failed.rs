//! What has failed and has not worked since, as it is shown.

use std::fmt;

use serde::Serialize;
use snapback_client::proto::escalation::Failure;
use snapback_client::store::ServerKey;

use super::view::time;

/// What has failed and has not worked since.
#[derive(Serialize)]
pub(super) struct Failed {
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    refusals: u8,
    silences: u8,
    since: String,
    until: String,
}

impl From<(Option<ServerKey>, Failure)> for Failed {
    fn from((server, failure): (Option<ServerKey>, Failure)) -> Self {
        Self {
            what: failure.subject.kind().name(),
            server: server.map(|server| server.host),
            refusals: failure.refusals,
            silences: failure.silences,
            since: time(failure.since),
            until: time(failure.until),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if let Some(server) = &self.server {
            write!(f, " at {server}")?;
        }
        write!(
            f,
            ": {} refusals, {} silences, since {}, last at {}",
            self.refusals, self.silences, self.since, self.until
        )
    }
}
