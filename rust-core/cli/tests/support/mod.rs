//! `snapback watch` as a child process, and a server for it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: each file uses its own part, and a failure should stop the test"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use snapback_netsim::{Link, LinkConfig};
use snapback_reference_server::{Config, ReferenceServer, Switches};

/// The timeout of all waits: anything that takes longer is broken.
pub const TIMEOUT: Duration = Duration::from_secs(60);
pub const RTT: Duration = Duration::from_millis(10);

pub struct World {
    pub server: ReferenceServer,
    pub link: Link,
}

pub struct Watch {
    pub child: Child,
    pub input: Option<ChildStdin>,
    pub lines: Receiver<Value>,
}

impl World {
    pub async fn new() -> Self {
        let accounts = [("juliet", "r0m30"), ("romeo", "jul13t")];
        let accounts = accounts.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let config = Config {
            switches: Switches {
                pipelining: false,
                unprompted_restart: false,
                ..Switches::modern()
            },
            accounts: accounts.to_vec(),
            ..Config::default()
        };
        let server = ReferenceServer::start(config).await.unwrap();
        let config = LinkConfig::with_rtt(RTT).for_foreign_clients();
        let link = Link::start(config, server.direct_addr()).await.unwrap();
        Self { server, link }
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let name = format!("{}-{name}", self.link.addr().port());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Starts it over the link, with the password in a file.
    pub fn watch(&self, password: &str) -> Watch {
        let mut command = self.command(self.link.addr());
        command
            .arg("--password-file")
            .arg(self.file("password", &format!("{password}\n")));
        Watch::spawn(command)
    }

    pub fn command(&self, endpoint: SocketAddr) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapback"));
        command.args([
            "watch",
            "juliet@localhost",
            "--endpoint",
            &endpoint.to_string(),
        ]);
        command
            .arg("--ca")
            .arg(self.file("ca.pem", &self.server.ca_pem()));
        command
    }
}

impl Watch {
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
        }
    }

    /// Returns the next line about this event; lines before it are dropped.
    pub fn event(&self, name: &str) -> Value {
        self.line(name, |line| line["event"] == name)
    }

    pub fn line(&self, what: &str, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no {what}"));
            if is_it(&line) {
                return line;
            }
        }
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    pub fn terminate(&self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it did not end");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
