//! The world of a scenario: the reference server, a link to each of its ports, and romeo as the other account.

mod answer;
mod command;
mod kind;
mod portal;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use snapback_netsim::{CutMode as Cut, DownMode as Down, Link, LinkConfig};
use snapback_reference_server::{Config, ReferenceServer, StartError, TlsError};

pub use answer::{Answer, Connection, LinkStats, Message, Session, Stats};
pub use command::{Command, CutMode, Direction, DownMode};
pub use kind::Kind;
use portal::Portal;

/// The served domain, and the name in the certificate.
pub const DOMAIN: &str = "localhost";
/// The app's account.
pub const JULIET: (&str, &str) = ("juliet", "r0m30");
/// The account of the other side.
pub const ROMEO: (&str, &str) = ("romeo", "jul13t");
/// The password of all guests.
pub const GUEST_PASSWORD: &str = "m4sk";
/// The maximum number of messages at once; more are a mistake in the scenario.
const MAX_MESSAGES: u32 = 10_000;
/// The timeout for the server to detach a session after its connection was cut, on a busy machine.
const DETACHES_WITHIN: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The initial state of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The features of the server.
    pub kind: Kind,
    /// The round trip time of both links.
    pub rtt: Duration,
    /// Accounts beside juliet's and romeo's: `guest1`, `guest2`, ..
    pub guests: u32,
    /// Whether the links charge for the handshake of a client that dials by itself.
    pub foreign: bool,
}

/// A running world. Dropping it ends it.
#[derive(Debug)]
pub struct World {
    server: ReferenceServer,
    starttls: Link,
    direct: Link,
    portal: Portal,
    sent: AtomicU32,
}

/// Why a command failed.
#[derive(Debug)]
pub enum WorldError {
    /// The server did not start.
    Server(StartError),
    /// A port could not be opened.
    Port(io::Error),
    /// The server could not set up TLS again.
    Tls(TlsError),
    /// Too many messages at once.
    TooMany(u32),
    /// A session to be dropped has a connection.
    Attached,
}

impl World {
    /// Starts it on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If a port cannot be opened or the server does not start.
    pub async fn open(setting: Setting) -> Result<Self, WorldError> {
        let guests = (1..=setting.guests).map(|n| (format!("guest{n}"), GUEST_PASSWORD.to_owned()));
        let accounts =
            [JULIET, ROMEO].map(|(user, password)| (user.to_owned(), password.to_owned()));
        let server = ReferenceServer::start(Config {
            domain: DOMAIN.to_owned(),
            switches: setting.kind.switches(),
            accounts: accounts.into_iter().chain(guests).collect(),
            ..Config::default()
        })
        .await
        .map_err(WorldError::Server)?;
        let link = if setting.foreign {
            LinkConfig::with_rtt(setting.rtt).for_foreign_clients()
        } else {
            LinkConfig::with_rtt(setting.rtt)
        };
        Ok(Self {
            starttls: Link::start(link.clone(), server.starttls_addr()).await?,
            direct: Link::start(link, server.direct_addr()).await?,
            portal: Portal::open().await?,
            server,
            sent: AtomicU32::new(0),
        })
    }

    /// Returns the address for STARTTLS.
    #[must_use]
    pub fn starttls_addr(&self) -> SocketAddr {
        self.starttls.addr()
    }

    /// Returns the address for direct TLS.
    #[must_use]
    pub fn direct_addr(&self) -> SocketAddr {
        self.direct.addr()
    }

    /// Returns the authority to trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.server.ca_pem()
    }

    /// Executes a command; a failure is in the answer.
    pub async fn obey(&self, command: &Command) -> Answer {
        match self.try_obey(command).await {
            Ok(answer) => answer,
            Err(error) => Answer::failed(error.to_string()),
        }
    }

    async fn try_obey(&self, command: &Command) -> Result<Answer, WorldError> {
        match command {
            Command::Cut { mode } => self.cut((*mode).into()),
            Command::CutAfter {
                direction,
                bytes,
                mode,
            } => {
                for link in self.links() {
                    link.cut_after((*direction).into(), *bytes, (*mode).into());
                }
            }
            Command::Down { mode } => self.down((*mode).into()).await?,
            Command::Up {} => self.up().await?,
            Command::Rtt { ms } => {
                for link in self.links() {
                    link.set_rtt(Duration::from_millis(*ms));
                }
            }
            Command::DropUpstream {} => {
                for link in self.links() {
                    link.drop_upstream();
                }
            }
            Command::Portal { on } => self.lead_to_portal(*on),
            Command::Restart { down_ms } => self.restart(Duration::from_millis(*down_ms)).await?,
            Command::ForgetSessions { account } => self.forget_sessions(account).await?,
            Command::Message {
                to,
                count,
                body,
                inside,
            } => return self.send(to, *count, body.as_deref(), inside.as_deref()),
            Command::Received { from } => return Ok(self.received(from)),
            Command::Stats {} => {
                return Ok(Answer {
                    stats: Some(self.stats()),
                    ..Answer::done()
                });
            }
            Command::Quit {} => {}
        }
        Ok(Answer::done())
    }

    fn links(&self) -> [&Link; 2] {
        [&self.starttls, &self.direct]
    }

    fn cut(&self, mode: Cut) {
        for link in self.links() {
            link.cut(mode);
        }
    }

    async fn down(&self, mode: Down) -> io::Result<()> {
        for link in self.links() {
            link.down(mode).await?;
        }
        Ok(())
    }

    async fn up(&self) -> io::Result<()> {
        for link in self.links() {
            link.up().await?;
        }
        Ok(())
    }

    fn lead_to_portal(&self, on: bool) {
        let (starttls, direct) = if on {
            (self.portal.addr(), self.portal.addr())
        } else {
            (self.server.starttls_addr(), self.server.direct_addr())
        };
        self.starttls.set_upstream(starttls);
        self.direct.set_upstream(direct);
        // A client that enters another network loses the connections of the previous one, and the server is not
        // notified.
        self.cut(Cut::ResetClient);
    }

    async fn restart(&self, down: Duration) -> Result<(), WorldError> {
        self.down(Down::Refuse).await?;
        self.server.restart().map_err(WorldError::Tls)?;
        tokio::time::sleep(down).await;
        self.up().await?;
        Ok(())
    }

    /// The end of a connection may reach the server later than this process.
    async fn forget_sessions(&self, account: &str) -> Result<(), WorldError> {
        let own = format!("{account}@{DOMAIN}/");
        let is_attached = || {
            let sessions = self.server.sessions().into_iter();
            let mut own = sessions.filter(|session| session.jid.starts_with(&own));
            own.any(|session| session.connection.is_some())
        };
        let deadline = Instant::now() + DETACHES_WITHIN;
        while is_attached() {
            if Instant::now() > deadline {
                return Err(WorldError::Attached);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.server.forget_sessions(account);
        Ok(())
    }

    fn send(
        &self,
        to: &str,
        count: u32,
        body: Option<&str>,
        inside: Option<&str>,
    ) -> Result<Answer, WorldError> {
        if count > MAX_MESSAGES {
            return Err(WorldError::TooMany(count));
        }
        let from = format!("{}@{DOMAIN}/orchard", ROMEO.0);
        let to = format!("{to}@{DOMAIN}");
        let ids = (0..count).map(|_| {
            let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
            let numbered = format!("romeo {number}");
            let Some(inside) = inside else {
                let body = body.unwrap_or(&numbered);
                return self.server.inject_message(&from, &to, body);
            };
            let id = format!("romeo-{number}");
            let addresses = (from.as_str(), to.as_str(), id.as_str());
            self.server.inject_stanza("message", addresses, inside);
            id
        });
        Ok(Answer {
            ids: Some(ids.collect()),
            ..Answer::done()
        })
    }

    fn received(&self, from: &str) -> Answer {
        let romeo = format!("{}@{DOMAIN}", ROMEO.0);
        let messages = self.server.messages_from(from).into_iter();
        let is_his = |to: &str| to.split_once('/').map_or(to, |(bare, _)| bare) == romeo;
        let to_romeo = messages.filter(|message| is_his(&message.to));
        let seen = to_romeo.map(|message| Message {
            id: message.id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        });
        Answer {
            messages: Some(seen.collect()),
            ..Answer::done()
        }
    }

    fn stats(&self) -> Stats {
        Stats {
            starttls: self.starttls.stats().into(),
            direct: self.direct.stats().into(),
            connections: self
                .server
                .connections()
                .into_iter()
                .map(Into::into)
                .collect(),
            sessions: self.server.sessions().into_iter().map(Into::into).collect(),
        }
    }
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => error.fmt(f),
            Self::Port(error) => write!(f, "no port: {error}"),
            Self::Tls(error) => write!(f, "cannot set up TLS: {error}"),
            Self::Attached => f.write_str("a session has a connection that was not cut"),
            Self::TooMany(count) => write!(f, "{count} messages at once, more than {MAX_MESSAGES}"),
        }
    }
}

impl std::error::Error for WorldError {}

impl From<io::Error> for WorldError {
    fn from(error: io::Error) -> Self {
        Self::Port(error)
    }
}
