//! One victim, controlled by the test.
#![allow(
    clippy::expect_used,
    reason = "test support: what cannot be set up must fail the test"
)]

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use snapback_client::Transport;

use super::diary::{Entry, Reading};
use super::fate::{FATE, Fate};
use crate::phone::Endpoint;

const SIGKILL: i32 = 9;
/// The interval at which the test checks for the death.
const GLANCE: Duration = Duration::from_millis(1);

/// What all processes of one victim have in common.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) jid: String,
    pub(super) password: String,
    pub(super) peer: String,
    /// The victim's own link to the server; only `transport` and `ca_pem` are the server's.
    pub(super) endpoint: Endpoint,
    /// The fate of its next process.
    pub(super) fate: Option<Fate>,
}

/// A victim: all its processes, of which the last one runs.
#[derive(Debug)]
pub(super) struct Victim {
    person: Person,
    child: Child,
    orders: Option<ChildStdin>,
    reading: Reading,
}

impl Victim {
    pub(super) fn start(mut person: Person) -> Self {
        std::fs::create_dir_all(&person.folder).expect("a folder is made");
        std::fs::write(person.file("ca.pem"), &person.endpoint.ca_pem)
            .expect("the authority is written");
        let (child, orders) = person.spawn();
        Self {
            person,
            child,
            orders: Some(orders),
            reading: Reading::default(),
        }
    }

    /// Kills it in any state, and restarts it at once.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        let status = self.child.wait().expect("a child can be waited for");
        self.was_killed(status);
        self.restart();
    }

    /// Waits until it has killed itself as ordered, and restarts it at once; returns `false` if it did not within this
    /// time.
    pub(super) async fn died(&mut self, limit: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                self.was_killed(status);
                self.restart();
                return true;
            }
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Lets it close the stream and end, or kills it if it does not within this time.
    pub(super) async fn leave(&mut self, limit: Duration) {
        self.order("leave");
        let deadline = tokio::time::Instant::now() + limit;
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if tokio::time::Instant::now() >= deadline {
                let _ = self.child.kill();
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Sends an order. A victim that dies meanwhile gets it in its next process, or never: nothing was promised.
    pub(super) fn order(&mut self, order: &str) {
        if let Some(orders) = &mut self.orders {
            let _ = writeln!(orders, "{order}");
        }
    }

    /// Sets the fate of its next process.
    pub(super) fn fated(&mut self, fate: Fate) {
        self.person.fate = Some(fate);
    }

    pub(super) fn diary(&mut self) -> &[Entry] {
        let path = self.person.file("diary");
        self.reading.update(&path).expect("the diary is read")
    }

    pub(super) fn diary_path(&self) -> PathBuf {
        self.person.file("diary")
    }

    fn restart(&mut self) {
        let (child, orders) = self.person.spawn();
        self.child = child;
        self.orders = Some(orders);
    }

    fn was_killed(&self, status: ExitStatus) {
        assert_eq!(
            status.signal(),
            Some(SIGKILL),
            "{} ended by itself: {status}",
            self.person.jid
        );
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Person {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn spawn(&mut self) -> (Child, ChildStdin) {
        let transport = match self.endpoint.transport {
            Transport::DirectTls => "direct",
            Transport::StartTls => "starttls",
        };
        let mut command = Command::new(&self.program);
        command
            .arg(self.file("diary"))
            .arg(self.file("store"))
            .args([&self.jid, &self.password, &self.peer])
            .arg(self.endpoint.addr.to_string())
            .arg(transport)
            .arg(self.file("ca.pem"))
            .stdin(Stdio::piped());
        if let Some(fate) = self.fate.take() {
            command.env(FATE, fate.to_string());
        }
        let mut child = command.spawn().expect("the victim starts");
        let orders = child.stdin.take().expect("its input is a pipe");
        (child, orders)
    }
}

/// A folder of a run's own, kept for analysis if the run fails.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str, seed: u64) -> Self {
        let name = format!("snapback-kills-{name}-{}-{seed}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
