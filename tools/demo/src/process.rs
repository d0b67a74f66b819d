//! The client in a process of its own: `snapback watch`, on the demo's link.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::error::DemoError;
use crate::phone::Setup;
use snapback_cli::flights::Bar;

/// A line of `snapback watch`, as far as it is of interest here.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Said {
    Online(Online),
    Stanza {
        kind: String,
        delivery: String,
        #[serde(default)]
        id: String,
    },
    Queued {
        id: String,
    },
    Acked {
        id: String,
    },
    #[serde(other)]
    More,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Online {
    pub(crate) outcome: String,
    pub(crate) plan: String,
    pub(crate) flights: usize,
    ms: f64,
    waterfall: Vec<Flight>,
}

#[derive(Debug, Deserialize)]
struct Flight {
    sent: Vec<String>,
    received: Vec<String>,
    at_ms: f64,
    ms: f64,
}

/// A process that lives.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Online {
    pub(crate) fn took(&self) -> Duration {
        time(self.ms)
    }

    pub(crate) fn waterfall(&self) -> Vec<Bar> {
        let bar = |flight: &Flight| Bar {
            sent: flight.sent.clone(),
            received: flight.received.clone(),
            starts: time(flight.at_ms),
            took: time(flight.ms),
        };
        self.waterfall.iter().map(bar).collect()
    }
}

impl Process {
    /// Starts one whose state lies in this folder.
    pub(crate) fn start(setup: &Setup<'_>, folder: &Path) -> Result<Self, DemoError> {
        let mut command = Command::new(std::env::current_exe().map_err(DemoError::Process)?);
        command
            .args(["watch", &setup.account()])
            .args(["--endpoint", &setup.link.addr().to_string()])
            .args(["--handshake", &setup.rtt.as_millis().to_string()])
            .arg("--ca")
            .arg(folder.join("ca.pem"))
            .arg("--state")
            .arg(folder.join("state"))
            .env("SNAPBACK_PASSWORD", setup.password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(DemoError::Process)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(DemoError::ClientEnded);
        };
        Ok(Self {
            child,
            input,
            lines: BufReader::new(output).lines(),
        })
    }

    /// The next line; `None` at its end. May be given up and asked again.
    pub(crate) async fn next(&mut self) -> Result<Option<Said>, DemoError> {
        let line = self.lines.next_line().await.map_err(DemoError::Process)?;
        // A line that a kill has truncated is ignored.
        Ok(line.map(|line| serde_json::from_str(&line).unwrap_or(Said::More)))
    }

    /// Gives it a message to send.
    pub(crate) async fn send(&mut self, to: &str, body: &str) -> Result<(), DemoError> {
        let line = serde_json::json!({ "to": to, "body": body });
        let written = self.input.write_all(format!("{line}\n").as_bytes()).await;
        written.map_err(DemoError::Process)
    }

    /// Sends SIGKILL. Returns what the process had printed before, which can still be read.
    pub(crate) async fn kill(&mut self) -> Result<Vec<Said>, DemoError> {
        self.child.start_kill().map_err(DemoError::Process)?;
        let mut said = Vec::new();
        while let Some(line) = self.next().await? {
            said.push(line);
        }
        let status: io::Result<_> = self.child.wait().await;
        status.map_err(DemoError::Process)?;
        Ok(said)
    }
}

fn time(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_nothing_here_are_passed_over() {
        let said = |line: &str| serde_json::from_str(line).unwrap_or(Said::More);
        assert!(matches!(
            said(r#"{"at_ms":1.0,"event":"queued","id":"a","line":1}"#),
            Said::Queued { id } if id == "a"
        ));
        assert!(matches!(
            said(r#"{"at_ms":1.0,"event":"sent","id":"a"}"#),
            Said::More
        ));
        assert!(matches!(said(r#"{"at_ms":1.0,"event":"ack"#), Said::More));
    }
}
