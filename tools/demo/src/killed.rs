//! A phone whose client is killed and restarted; what it must not lose is on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snapback_netsim::CutMode;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::error::DemoError;
use crate::ledger::{Ledger, Totals};
use crate::phone::{CHAT, PEER, Setup, TIMEOUT};
use crate::process::{Online, Process, Said};
use crate::record::{Kind, Record};

/// The maximum number of messages in each direction that wait for the process: each inbound one waits for the disk, and
/// on a slow disk the conversation would be faster than the process.
const MAX_WAITING: usize = 50;

pub(crate) struct KilledPhone<'a> {
    setup: Setup<'a>,
    process: Process,
    folder: Folder,
    ledger: Ledger,
    /// Each delivery id, and the process that received it last.
    deliveries: BTreeMap<String, usize>,
    life: usize,
    /// Messages that this process received and has not stored yet.
    given: usize,
    is_new: bool,
}

/// A folder of its own, removed in the end.
struct Folder(PathBuf);

impl<'a> KilledPhone<'a> {
    /// Starts its first process, which connects.
    pub(crate) fn start(setup: Setup<'a>) -> Result<Self, DemoError> {
        let folder = Folder::make(&setup.server.ca_pem())?;
        Ok(Self {
            process: Process::start(&setup, folder.path())?,
            setup,
            folder,
            ledger: Ledger::default(),
            deliveries: BTreeMap::new(),
            life: 1,
            given: 0,
            is_new: true,
        })
    }

    /// Waits for the session.
    pub(crate) async fn online(&mut self) -> Result<Record, DemoError> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            tokio::select! {
                said = self.process.next() => {
                    if let Some(record) = self.note(said?)? {
                        return Ok(record);
                    }
                }
                () = sleep_until(deadline) => return Err(DemoError::TimedOut("a session")),
            }
        }
    }

    /// Messages both ways, for a while.
    pub(crate) async fn chat(&mut self) -> Result<(), DemoError> {
        let end = Instant::now() + self.setup.rtt.mul_f64(CHAT);
        let mut ticks = interval(self.setup.tick());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                said = self.process.next() => { self.note(said?)?; }
                () = sleep_until(end) => return Ok(()),
                _ = ticks.tick() => { self.exchange().await?; }
            }
        }
    }

    /// Kills the process in the middle of the conversation, and cuts the link with it, if requested; starts another
    /// one, which gets messages at once, and waits until the session is restored.
    pub(crate) async fn kill(&mut self, cut: Option<CutMode>) -> Result<Record, DemoError> {
        let since = Instant::now();
        if let Some(mode) = cut {
            self.setup.link.cut(mode);
        }
        let (said, arrived) = self.replace().await?;
        for line in said {
            self.note(Some(line))?;
        }
        let mut interrupted = self.ledger.interrupted(arrived.iter().map(String::as_str));
        self.life += 1;
        self.given = 0;
        let (mut record, meanwhile) = match timeout(TIMEOUT, self.come_back()).await {
            Ok(back) => back?,
            Err(_) => return Err(DemoError::TimedOut("the session after a kill")),
        };
        interrupted.dark = since.elapsed();
        interrupted.meanwhile = meanwhile;
        record.cut = Some(interrupted);
        Ok(record)
    }

    /// Waits until every message has arrived, or has had time enough to.
    pub(crate) async fn settle(&mut self) -> Result<Totals, DemoError> {
        let deadline = Instant::now() + TIMEOUT.min(Duration::from_secs(5) + 4 * self.setup.rtt);
        let mut looks = interval(self.setup.tick());
        loop {
            tokio::select! {
                said = self.process.next() => { self.note(said?)?; }
                // The server is asked whether it has them: its acknowledgement may have been lost with a process.
                _ = looks.tick() => if self.is_settled() { break },
                () = sleep_until(deadline) => break,
            }
        }
        let arrived = self.setup.server.messages_from(self.setup.user);
        for id in arrived.iter().filter_map(|message| message.id.as_deref()) {
            self.ledger.acked(id);
        }
        Ok(self.ledger.totals(&arrived))
    }

    fn is_settled(&self) -> bool {
        let arrived = self.setup.server.messages_from(self.setup.user);
        self.ledger.undelivered() == 0 && self.ledger.totals(&arrived).lost == 0
    }

    /// Kills the old process and starts the new one. Returns what the old one had printed, and what had reached the
    /// server by then.
    async fn replace(&mut self) -> Result<(Vec<Said>, Vec<String>), DemoError> {
        let server = self.setup.server;
        let arrived = server.messages_from(self.setup.user);
        // Its store has one owner: the old process has to be gone first.
        let said = self.process.kill().await?;
        self.process = Process::start(&self.setup, self.folder.path())?;
        let ids = arrived.into_iter().filter_map(|message| message.id);
        Ok((said, ids.collect()))
    }

    async fn come_back(&mut self) -> Result<(Record, usize), DemoError> {
        let mut meanwhile = 0;
        let mut ticks = interval(self.setup.tick());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                said = self.process.next() => {
                    if let Some(record) = self.note(said?)? {
                        return Ok((record, meanwhile));
                    }
                }
                _ = ticks.tick() => {
                    meanwhile += usize::from(self.exchange().await?);
                }
            }
        }
    }

    /// Records a line; returns a record of the session if this line began one.
    fn note(&mut self, said: Option<Said>) -> Result<Option<Record>, DemoError> {
        match said.ok_or(DemoError::ClientEnded)? {
            Said::Online(online) => return Ok(Some(self.record(&online))),
            Said::Queued { id } => {
                self.given = self.given.saturating_sub(1);
                self.ledger.sent(id);
            }
            Said::Acked { id } => self.ledger.acked(&id),
            Said::Stanza { kind, delivery, id } if kind == "message" => {
                let last = self.deliveries.insert(delivery, self.life);
                // A delivery that was not confirmed is repeated in the next process, with its id; never in the same
                // one.
                if last.is_none_or(|life| life == self.life) {
                    self.ledger.delivered(&id);
                }
            }
            Said::Stanza { .. } | Said::More => {}
        }
        Ok(None)
    }

    fn record(&mut self, online: &Online) -> Record {
        let (outcome, kind) = match online.outcome.as_str() {
            "resumed" => ("resumed", Kind::Killed),
            _ if self.is_new => ("bound", Kind::Cold),
            _ => ("bound", Kind::Warm),
        };
        self.is_new = false;
        let waterfall = online.waterfall();
        let took = online.took();
        let first_write = waterfall.get(1).map_or(took, |bar| bar.starts);
        Record {
            kind,
            outcome,
            plan: online.plan.clone(),
            flights: online.flights,
            flights_on_link: self.setup.flights_on_link(took.saturating_sub(first_write)),
            took,
            waterfall,
            local: Vec::new(),
            cut: None,
        }
    }

    /// Exchanges one message each way, unless too many wait; ours counts once the client reports that it is stored.
    async fn exchange(&mut self) -> Result<bool, DemoError> {
        if self.given.max(self.ledger.undelivered()) >= MAX_WAITING {
            return Ok(false);
        }
        self.process.send(PEER, "Wherefore art thou?").await?;
        self.given += 1;
        let id = self.setup.injected();
        self.ledger.injected(id);
        Ok(true)
    }
}

impl Folder {
    fn make(ca_pem: &str) -> Result<Self, DemoError> {
        let name = format!("snapback-demo-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        std::fs::create_dir(folder.path())
            .and_then(|()| std::fs::write(folder.path().join("ca.pem"), ca_pem))
            .map_err(DemoError::Folder)?;
        Ok(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left for the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
