//! One app: a client, the store that outlives it, and what the client has reported.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use snapback_client::store::MemoryVault;
use snapback_client::{
    Client, ClientConfig, ConnectionState, Event, ServerAddress, SqliteStore, Stage, StoreError,
    Timing, Transport, Trust, danger,
};
use tokio::time::Instant;

use crate::scenario::{self, Action, Outcome, Setting};
use crate::world::{DOMAIN, ROMEO, World};

use super::{Cause, check};

/// How long the previous client may take to close its store.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub(super) struct App {
    pub(super) user: String,
    /// The ids of what it sent.
    pub(super) sent: Vec<String>,
    client: Option<Client>,
    device: Device,
    reports: Reports,
}

/// What outlives the process of the app.
struct Device {
    password: &'static str,
    server: ServerAddress,
    ca_pem: String,
    timing: Timing,
    folder: PathBuf,
    vault: MemoryVault,
}

/// What the client has reported.
#[derive(Default)]
struct Reports {
    acked: BTreeSet<String>,
    /// Stanza ids by delivery id: a new process may deliver one again.
    deliveries: Vec<(String, String)>,
    /// Sessions that no step has examined yet.
    sessions: Vec<(snapback_client::Outcome, usize)>,
    offline: bool,
    log: String,
}

impl App {
    pub(super) async fn start(
        world: &World,
        setting: &Setting,
        name: &str,
        user: String,
        password: &'static str,
    ) -> Result<Self, Cause> {
        let (addr, transport) = match setting.transport {
            scenario::Transport::Direct => (world.direct_addr(), Transport::DirectTls),
            scenario::Transport::Starttls => (world.starttls_addr(), Transport::StartTls),
        };
        let mut app = Self {
            device: Device {
                password,
                server: ServerAddress::at(addr, transport),
                ca_pem: world.ca_pem(),
                timing: timing(setting),
                folder: folder(name, &user),
                vault: MemoryVault::default(),
            },
            user,
            sent: Vec::new(),
            client: None,
            reports: Reports::default(),
        };
        app.client = Some(app.open().await?);
        Ok(app)
    }

    async fn open(&self) -> Result<Client, Cause> {
        let device = &self.device;
        let jid = format!("{}@{DOMAIN}", self.user);
        std::fs::create_dir_all(&device.folder).map_err(|_| StoreError::Broken)?;
        let path = device.folder.join("snapback.db");
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        let store = loop {
            match SqliteStore::open(&path, &jid, device.vault.clone()) {
                Ok((store, _)) => break store,
                Err(StoreError::OwnedElsewhere) if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let mut config = ClientConfig::new(&jid, device.password)?;
        let roots = danger::Roots::from_pem(device.ca_pem.as_bytes());
        config.trust = Trust::Roots(roots.map_err(snapback_client::ConfigError::Tls)?);
        config.network.servers = vec![device.server.clone()];
        config.reconnect = device.timing;
        config.store = Box::new(store);
        Ok(Client::open(config)?)
    }

    pub(super) async fn act(&mut self, action: &Action) -> Result<(), Cause> {
        if let Action::Start {} = action {
            if self.client.is_some() {
                return Err(Cause::OutOfOrder);
            }
            self.client = Some(self.open().await?);
            return Ok(());
        }
        let client = self.client.as_ref().ok_or(Cause::OutOfOrder)?;
        match action {
            Action::Connect {} => client.connect(),
            Action::Disconnect {} => client.disconnect().await,
            Action::Send { count } => {
                let romeo = format!("{}@{DOMAIN}", ROMEO.0);
                for _ in 0..*count {
                    let body = format!("{} {}", self.user, self.sent.len() + 1);
                    self.sent.push(client.send_message(&romeo, &body).await?);
                }
            }
            Action::Background {} => client.set_active(false),
            Action::Foreground {} => client.set_active(true),
            Action::Suspend {} => client.suspend().await,
            Action::Resume {} => client.resume(),
            Action::Network { available } => client.network_changed(*available),
            Action::Kill {} | Action::Start {} => {
                self.client = None;
                self.reports.sessions.clear();
            }
        }
        Ok(())
    }

    pub(super) async fn online(
        &mut self,
        outcome: Outcome,
        max_round_trips: Option<usize>,
        within: Duration,
    ) -> Result<(), Cause> {
        self.until("a session", within, |reports| !reports.sessions.is_empty())
            .await?;
        let (found, round_trips) = self.reports.sessions.remove(0);
        let expected = match outcome {
            Outcome::Bound => snapback_client::Outcome::Bound,
            Outcome::Resumed => snapback_client::Outcome::Resumed,
        };
        check("session", found == expected, &expected, &found)?;
        let most = max_round_trips.unwrap_or(usize::MAX);
        check("round trips", round_trips <= most, &most, &round_trips)
    }

    pub(super) async fn offline(&mut self, within: Duration) -> Result<(), Cause> {
        self.until("being offline", within, |reports| reports.offline)
            .await
    }

    /// Waits until everything sent is acknowledged and at least this much of what was sent to it has arrived.
    pub(super) async fn settle(
        &mut self,
        expected: &[&str],
        lost: usize,
        deadline: std::time::Instant,
    ) -> Result<(), Cause> {
        let sent = self.sent.clone();
        let within = deadline.saturating_duration_since(std::time::Instant::now());
        self.until("acknowledgements and messages", within, |reports| {
            let arrived = reports.received();
            let there = |id: &&&str| arrived.iter().any(|other| *other == **id);
            sent.iter().all(|id| reports.acked.contains(id))
                && expected.iter().filter(there).count() + lost >= expected.len()
        })
        .await
    }

    /// Returns the stanza ids of everything that reached the app, each delivery once.
    pub(super) fn received(&self) -> Vec<String> {
        self.reports.received()
    }

    pub(super) fn log(&self) -> String {
        format!("{}:\n{}", self.user, self.reports.log)
    }

    async fn until(
        &mut self,
        what: &'static str,
        within: Duration,
        is_so: impl Fn(&Reports) -> bool,
    ) -> Result<(), Cause> {
        let client = self.client.as_ref().ok_or(Cause::OutOfOrder)?;
        let deadline = Instant::now() + within;
        while !is_so(&self.reports) {
            match tokio::time::timeout_at(deadline, client.next_event()).await {
                Ok(Some(event)) => {
                    if let Some(delivery) = event.delivery() {
                        client.confirm(&delivery.id);
                    }
                    self.reports.take(&event);
                }
                Ok(None) | Err(_) => return Err(Cause::NotInTime(what)),
            }
        }
        Ok(())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.client = None;
        // A folder of the system's for temporary files: remaining files are harmless.
        let _ = std::fs::remove_dir_all(&self.device.folder);
    }
}

impl Reports {
    fn take(&mut self, event: &Event) {
        let _ = writeln!(self.log, "    {event:?}");
        match event {
            Event::State(state) => {
                self.offline = matches!(state, ConnectionState::Offline { .. });
            }
            Event::Online {
                outcome, timeline, ..
            } => self.sessions.push((*outcome, timeline.round_trips())),
            Event::Message { delivery } => {
                let known = self.deliveries.iter().any(|(id, _)| *id == delivery.id);
                if !known {
                    let id = delivery.stanza.attr("id").unwrap_or_default();
                    self.deliveries.push((delivery.id.clone(), id.to_owned()));
                }
            }
            Event::Stage {
                id,
                stage: Stage::Acked,
            } => {
                self.acked.insert(id.clone());
            }
            _ => {}
        }
    }

    fn received(&self) -> Vec<String> {
        self.deliveries.iter().map(|(_, id)| id.clone()).collect()
    }
}

fn timing(setting: &Setting) -> Timing {
    let waits = setting.waits;
    Timing {
        base: Duration::from_millis(waits.base_ms),
        cap: Duration::from_millis(waits.cap_ms),
        floor: Duration::from_millis(waits.base_ms / 4),
        relief_base: Duration::from_millis(waits.relief_base_ms),
        relief_floor: Duration::from_millis(waits.relief_floor_ms),
        // Every session of a scenario counts, however short.
        stable: Duration::ZERO,
        probe: Duration::from_millis(waits.probe_ms),
        window: Duration::ZERO,
        ..Timing::default()
    }
}

fn folder(scenario: &str, user: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "snapback-scenario-{}-{number}-{scenario}-{user}",
        std::process::id()
    );
    std::env::temp_dir().join(name)
}
