//! Runs a scenario with the real client. The apps share this process; each scenario has its own world.

mod app;
mod ledger;

use std::fmt;
use std::time::{Duration, Instant};

use snapback_client::{ConfigError, SendError, StoreError};

use crate::scenario::{Action, Expectation, Scenario, ScenarioStep};
use crate::world::{self, Command, World, WorldError};

use app::App;

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Why a scenario failed: at which step, and what the apps have reported so far.
#[derive(Debug)]
pub struct Failure {
    /// The step, from 1; 0 if it did not begin.
    pub step: usize,
    /// What was wrong.
    pub cause: Cause,
    /// Each app's events.
    pub log: String,
}

/// What was wrong.
#[derive(Debug)]
pub enum Cause {
    /// The world did not start.
    World(WorldError),
    /// A client could not be opened.
    Client(ConfigError),
    /// Its store could not be opened.
    Store(StoreError),
    /// A message could not be queued.
    Send(SendError),
    /// The world refused a command.
    Command(String),
    /// The step is not possible now: the app is not running, or runs already.
    OutOfOrder,
    /// A condition did not become true in time.
    NotInTime(&'static str),
    /// A result differs from the expected one.
    Otherwise {
        /// What.
        what: &'static str,
        /// The expected result.
        expected: String,
        /// The actual result.
        found: String,
    },
}

/// Runs a scenario on the current tokio runtime.
///
/// # Errors
///
/// At the first step that fails.
pub async fn run(scenario: &Scenario) -> Result<(), Failure> {
    let mut stage = Stage::build(scenario).await.map_err(|cause| Failure {
        step: 0,
        cause,
        log: String::new(),
    })?;
    for (number, step) in scenario.steps.iter().enumerate() {
        stage.play(step).await.map_err(|cause| Failure {
            step: number + 1,
            cause,
            log: stage.log(),
        })?;
    }
    Ok(())
}

struct Stage {
    world: World,
    apps: Vec<App>,
    /// Ids of what romeo sent, by the account addressed.
    from_romeo: Vec<(String, String)>,
}

impl Stage {
    async fn build(scenario: &Scenario) -> Result<Self, Cause> {
        let setting = &scenario.setting;
        let guests = if setting.apps > 1 { setting.apps } else { 0 };
        let world = World::open(world::Setting {
            kind: setting.kind,
            rtt: Duration::from_millis(setting.rtt_ms),
            guests,
            foreign: true,
        })
        .await?;
        let accounts = match guests {
            0 => vec![(world::JULIET.0.to_owned(), world::JULIET.1)],
            _ => (1..=guests)
                .map(|n| (format!("guest{n}"), world::GUEST_PASSWORD))
                .collect(),
        };
        let mut apps = Vec::new();
        for (user, password) in accounts {
            apps.push(App::start(&world, setting, &scenario.name, user, password).await?);
        }
        Ok(Self {
            world,
            apps,
            from_romeo: Vec::new(),
        })
    }

    async fn play(&mut self, step: &ScenarioStep) -> Result<(), Cause> {
        match step {
            ScenarioStep::App(action) => self.act(action).await,
            ScenarioStep::World(command) => self.obey(command).await,
            ScenarioStep::Expect(expectation) => self.expect(expectation).await,
        }
    }

    /// Every app executes it, concurrently where it takes time.
    async fn act(&mut self, action: &Action) -> Result<(), Cause> {
        for app in &mut self.apps {
            app.act(action).await?;
        }
        Ok(())
    }

    async fn obey(&mut self, command: &Command) -> Result<(), Cause> {
        let answer = self.world.obey(command).await;
        if let Some(error) = answer.error {
            return Err(Cause::Command(error));
        }
        if let Command::Message { to, .. } = command {
            let ids = answer.ids.unwrap_or_default().into_iter();
            self.from_romeo.extend(ids.map(|id| (to.clone(), id)));
        }
        Ok(())
    }

    async fn expect(&mut self, expectation: &Expectation) -> Result<(), Cause> {
        match expectation {
            Expectation::Online {
                outcome,
                max_round_trips,
                within_ms,
            } => {
                let within = Duration::from_millis(*within_ms);
                for app in &mut self.apps {
                    app.online(*outcome, *max_round_trips, within).await?;
                }
                Ok(())
            }
            Expectation::Offline { within_ms } => {
                for app in &mut self.apps {
                    app.offline(Duration::from_millis(*within_ms)).await?;
                }
                Ok(())
            }
            Expectation::Settled {
                lost,
                duplicated,
                within_ms,
            } => {
                self.settled(*lost, *duplicated, Duration::from_millis(*within_ms))
                    .await
            }
            Expectation::Connections { at_most } => {
                let found = self.connections().await.len();
                check("connections", found <= *at_most, at_most, &found)
            }
            Expectation::Spread { at_least_ms } => self.spread(*at_least_ms).await,
        }
    }

    async fn settled(
        &mut self,
        lost: usize,
        duplicated: usize,
        within: Duration,
    ) -> Result<(), Cause> {
        for app in &mut self.apps {
            let sent_to_it = self.from_romeo.iter().filter(|(to, _)| *to == app.user);
            let sent_to_it: Vec<&str> = sent_to_it.map(|(_, id)| id.as_str()).collect();
            let deadline = Instant::now() + within;
            app.settle(&sent_to_it, lost, deadline).await?;
            world_knows(&self.world, &app.user, deadline).await?;
            let received = Command::Received {
                from: app.user.clone(),
            };
            let arrived = self.world.obey(&received).await.messages;
            let arrived: Vec<String> = arrived
                .unwrap_or_default()
                .into_iter()
                .map(|message| message.id)
                .collect();
            let outbound = ledger::compare(&app.sent, &arrived);
            let inbound = ledger::compare(&sent_to_it, &app.received());
            let found = (outbound.lost + inbound.lost, outbound.again + inbound.again);
            check(
                "messages lost and duplicated",
                found.0 <= lost && found.1 <= duplicated,
                &(lost, duplicated),
                &found,
            )?;
        }
        Ok(())
    }

    async fn spread(&self, at_least_ms: u64) -> Result<(), Cause> {
        let connections = self.connections().await;
        let last_of = |app: &App| {
            let own = connections
                .iter()
                .filter(|connection| connection.account.as_deref() == Some(&app.user));
            own.map(|connection| connection.opened_ms).max()
        };
        let last: Vec<u64> = self.apps.iter().filter_map(last_of).collect();
        let first = last.iter().min().copied().unwrap_or_default();
        let found = last.iter().max().copied().unwrap_or_default() - first;
        check(
            "milliseconds from the first to the last",
            found >= at_least_ms,
            &at_least_ms,
            &found,
        )
    }

    async fn connections(&self) -> Vec<world::Connection> {
        let stats = self.world.obey(&Command::Stats {}).await.stats;
        stats.map(|stats| stats.connections).unwrap_or_default()
    }

    fn log(&self) -> String {
        self.apps.iter().map(App::log).collect()
    }
}

/// Waits until the server knows that this account has everything: otherwise it would send stanzas again to a new
/// session.
async fn world_knows(world: &World, user: &str, deadline: Instant) -> Result<(), Cause> {
    let own = format!("{user}@{}/", world::DOMAIN);
    loop {
        let stats = world.obey(&Command::Stats {}).await.stats;
        let sessions = stats.map(|stats| stats.sessions).unwrap_or_default();
        let mut own = sessions
            .iter()
            .filter(|session| session.jid.starts_with(&own));
        if own.all(|session| session.unacked == 0) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Cause::NotInTime("the acknowledgements to the server"));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn check(
    what: &'static str,
    is_so: bool,
    expected: &impl fmt::Debug,
    found: &impl fmt::Debug,
) -> Result<(), Cause> {
    if is_so {
        return Ok(());
    }
    Err(Cause::Otherwise {
        what,
        expected: format!("{expected:?}"),
        found: format!("{found:?}"),
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}\n{}", self.step, self.cause, self.log)
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Command(error) => write!(f, "the world refuses: {error}"),
            Self::OutOfOrder => f.write_str("the app is not running, or runs already"),
            Self::NotInTime(what) => write!(f, "not in time: {what}"),
            Self::Otherwise {
                what,
                expected,
                found,
            } => write!(f, "{what}: expected {expected}, found {found}"),
        }
    }
}

impl From<WorldError> for Cause {
    fn from(error: WorldError) -> Self {
        Self::World(error)
    }
}

impl From<ConfigError> for Cause {
    fn from(error: ConfigError) -> Self {
        Self::Client(error)
    }
}

impl From<StoreError> for Cause {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SendError> for Cause {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}
