//! The server as tests use it: two ports on loopback, and a handle to inspect and change it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client_certificates::IssuedCertificate;
use crate::faults::Faults;
use crate::listener::{self, Shared};
use crate::observe::{ConnectionRecord, ReceivedMessage};
use crate::switches::Switches;
use crate::tls::TlsError;
use crate::wire::Transport;
use crate::world::{SessionSnapshot, World};

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The served domain, and the name in the certificate.
    pub domain: String,
    /// The features of the server.
    pub switches: Switches,
    /// Local part and password.
    pub accounts: Vec<(String, String)>,
    /// STARTTLS port; 0 for any.
    pub port: u16,
    /// Direct TLS port; 0 for any.
    pub direct_port: u16,
    /// The seed of ids, tokens and nonces.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domain: "localhost".to_owned(),
            switches: Switches::default(),
            accounts: Vec::new(),
            port: 0,
            direct_port: 0,
            seed: 1,
        }
    }
}

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// A port could not be opened.
    Listen(io::Error),
    /// No certificates, or no TLS configuration.
    Tls(TlsError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => write!(f, "cannot listen: {error}"),
            Self::Tls(error) => write!(f, "cannot set up TLS: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Listen(error)
    }
}

impl From<TlsError> for StartError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct ReferenceServer {
    shared: Arc<Shared>,
    starttls: SocketAddr,
    direct: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl ReferenceServer {
    /// Starts a server on the current tokio runtime, on 127.0.0.1.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_at(Ipv4Addr::LOCALHOST, config).await
    }

    /// Starts a server on the current tokio runtime, on this address of this machine.
    pub async fn start_at(address: impl Into<IpAddr>, config: Config) -> Result<Self, StartError> {
        let address = address.into();
        let mut world = World::new(&config.domain, config.switches, config.seed)?;
        for (user, password) in &config.accounts {
            world.add_account(user, password);
        }
        let starttls = TcpListener::bind((address, config.port)).await?;
        let direct = TcpListener::bind((address, config.direct_port)).await?;
        let addresses = (starttls.local_addr()?, direct.local_addr()?);
        let shared = Arc::new(Shared::new(world));
        let tasks = vec![
            tokio::spawn(listener::accept(
                shared.clone(),
                starttls,
                Transport::StartTls,
            )),
            tokio::spawn(listener::accept(
                shared.clone(),
                direct,
                Transport::DirectTls,
            )),
            tokio::spawn(listener::expire_sessions(shared.clone())),
        ];
        Ok(Self {
            shared,
            starttls: addresses.0,
            direct: addresses.1,
            tasks,
        })
    }

    /// Returns the address of the STARTTLS port.
    pub fn starttls_addr(&self) -> SocketAddr {
        self.starttls
    }

    /// Returns the address of the direct TLS port.
    pub fn direct_addr(&self) -> SocketAddr {
        self.direct
    }

    /// Returns the authority to trust, as PEM.
    pub fn ca_pem(&self) -> String {
        self.world(|world| world.ca_pem())
    }

    /// Returns the authority to trust, as DER.
    pub fn ca_der(&self) -> Vec<u8> {
        self.world(|world| world.ca_der())
    }

    /// Gives access to the world; connections that have something to do afterwards are woken.
    pub fn world<R>(&self, run: impl FnOnce(&mut World) -> R) -> R {
        self.shared.with(|world, _| run(world))
    }

    /// Changes the features of the server, from now on.
    pub fn switches(&self, change: impl FnOnce(&mut Switches)) {
        self.world(|world| change(&mut world.switches));
    }

    /// Changes the faults, from now on.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.world(|world| change(&mut world.faults));
    }

    /// Creates an account (local part), or changes its password.
    pub fn add_account(&self, user: &str, password: &str) {
        self.world(|world| world.add_account(user, password));
    }

    /// Makes a bearer token valid for an account (RFC 7628).
    pub fn add_bearer_token(&self, user: &str, token: &str) {
        self.world(|world| world.add_bearer_token(user, token));
    }

    /// Makes all bearer tokens of an account invalid.
    pub fn revoke_bearer_tokens(&self, user: &str) {
        self.world(|world| world.revoke_bearer_tokens(user));
    }

    /// Returns a certificate of this bare JID, for SASL EXTERNAL (XEP-0178).
    ///
    /// # Errors
    ///
    /// If the certificate cannot be created.
    pub fn issue_certificate(
        &self,
        jid: &str,
        is_expired: bool,
    ) -> Result<IssuedCertificate, TlsError> {
        self.world(|world| world.tls.issue(jid, is_expired))
    }

    /// Resets every connection; sessions stay.
    pub fn cut_all(&self) {
        self.world(World::cut_all);
    }

    /// Delivers a message from any JID; returns its id.
    pub fn inject_message(&self, from: &str, to: &str, body: &str) -> String {
        self.shared
            .with(|world, now| world.inject_message(from, to, body, now))
    }

    /// Delivers a message with a given id, as from a sender that does not know that it had arrived before.
    pub fn inject_message_again(&self, from: &str, to: &str, body: &str, id: &str) {
        self.shared
            .with(|world, now| world.inject_message_again(from, to, body, id, now));
    }

    /// Delivers a stanza from any JID, and relays `inside` unchanged; see [`World::inject_stanza`].
    pub fn inject_stanza(&self, name: &'static str, addresses: (&str, &str, &str), inside: &str) {
        self.shared
            .with(|world, now| world.inject_stanza(name, addresses, inside, now));
    }

    /// Archives a message that another client of the account (local part) sent, without any other effect.
    pub fn archive_only(&self, account: &str, to: &str, body: &str) -> String {
        self.shared
            .with(|world, now| world.archive_only(account, to, body, now))
    }

    /// An occupant without a client says something in a room (local part).
    pub fn say(&self, room: &str, nick: &str, body: &str) {
        self.shared
            .with(|world, now| world.say(room, nick, body, now));
    }

    /// Ends the sessions of an account (local part) that have no connection.
    pub fn forget_sessions(&self, account: &str) {
        self.shared
            .with(|world, now| world.forget_sessions(account, now));
    }

    /// Restarts the server: see [`World::restart`]. The ports stay open; a test that needs them closed for a while
    /// takes down the link in front of them.
    ///
    /// # Errors
    ///
    /// If TLS could not be set up again.
    pub fn restart(&self) -> Result<(), TlsError> {
        self.shared.with(World::restart)
    }

    /// Returns the records of all connections so far.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        self.world(|world| world.connections())
    }

    /// Returns the messages received from clients of an account (local part), in order.
    pub fn messages_from(&self, account: &str) -> Vec<ReceivedMessage> {
        self.world(|world| world.messages_from(account))
    }

    /// Returns all sessions, attached or waiting.
    pub fn sessions(&self) -> Vec<SessionSnapshot> {
        self.world(|world| world.sessions())
    }

    /// Closes the ports and resets every connection.
    pub async fn stop(mut self) {
        self.shared.stop();
        for task in self.tasks.drain(..) {
            // A task that panicked need not be waited for.
            let _ = task.await;
        }
    }
}

impl Drop for ReferenceServer {
    fn drop(&mut self) {
        self.shared.stop();
    }
}
