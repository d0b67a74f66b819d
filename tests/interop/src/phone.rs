//! Our client as a test uses it: behind a link, with everything it reported recorded.
#![allow(
    clippy::expect_used,
    reason = "test support: what cannot be set up must fail the test"
)]

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{
    Client, ClientConfig, Dial, Dialing, Element, EndReason, Event, IqError, OfflineReason,
    Outcome, Plan, ServerAddress, Stage, Timeline, Transport, Trust, danger,
};
use snapback_netsim::{Link, LinkConfig};

use crate::{Credentials, RunningServer};

/// The timeout of all waits: the client waits up to 30 s for a restarted server.
const TIMEOUT: Duration = Duration::from_secs(180);

/// The prefix of the ids of requests that are sent only to wait for their answer.
const PING: &str = "ping-";

/// The parameters of a connection to a server.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it listens.
    pub addr: SocketAddr,
    /// How TLS begins there.
    pub transport: Transport,
    /// The authority that signed its certificate.
    pub ca_pem: String,
}

impl Endpoint {
    /// A real server's port for this transport.
    #[must_use]
    pub fn of(server: &RunningServer, transport: Transport) -> Self {
        let addr = match transport {
            Transport::DirectTls => server.direct_addr(),
            Transport::StartTls => server.starttls_addr(),
        };
        Self {
            addr,
            transport,
            ca_pem: server.ca_pem().to_owned(),
        }
    }
}

/// A client behind a link of its own.
#[derive(Debug)]
pub struct Phone {
    /// The client.
    pub client: Client,
    /// Its way to the server.
    pub link: Arc<Link>,
    /// What the client has reported so far.
    pub log: Log,
}

/// What a client has reported, by kind, each in order.
#[derive(Debug, Default)]
pub struct Log {
    /// Each session.
    pub sessions: Vec<Session>,
    /// Each message with a body.
    pub messages: Vec<Received>,
    /// Each message with a body that another client of the account sent or received, if it arrived as a carbon copy.
    pub copies: Vec<Received>,
    /// Ids of stanzas that the server acknowledged.
    pub acked: Vec<String>,
    /// Ids of stanzas that failed.
    pub failed: Vec<String>,
    /// Why connections ended.
    pub ended: Vec<EndReason>,
    /// Why the client is offline, for each time.
    pub offline: Vec<OfflineReason>,
    /// How often the app was informed that messages may be missing.
    pub possible_gaps: usize,
    /// How often the server confirmed that it publishes push notifications.
    pub push_enabled: usize,
    /// How often it refused to.
    pub push_refused: usize,
    /// Protocol violations of the server, and steps of the escalation policy.
    pub faults: Vec<&'static str>,
}

/// What is reported where a server refuses stanzas that follow a bind request before its answer, as jabberd2 does: a step of the
/// escalation policy (rule W1), and no violation.
const SEQUENTIAL_BIND: &str = "stanzas after the bind request were not accepted: they wait";

impl Log {
    /// Returns the reported faults that are violations of the protocol.
    pub fn violations(&self) -> Vec<&'static str> {
        let faults = self.faults.iter().copied();
        faults.filter(|fault| *fault != SEQUENTIAL_BIND).collect()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes: Vec<&Outcome> = self.sessions.iter().map(|s| &s.outcome).collect();
        let last = self.messages.last().map_or("", |message| &message.body);
        let last: String = last.chars().take(40).collect();
        write!(
            f,
            "sessions {outcomes:?}, {} messages, the last {last:?}, {} acknowledged, failed {:?}, ended {:?}, offline {:?}, faults {:?}",
            self.messages.len(),
            self.acked.len(),
            self.failed,
            self.ended,
            self.offline,
            self.faults,
        )
    }
}

/// How a session was established.
#[derive(Debug, Clone)]
pub struct Session {
    /// New, or the interrupted one.
    pub outcome: Outcome,
    /// The full JID that the server bound.
    pub jid: String,
    /// The plan.
    pub plan: Plan,
    /// The timeline.
    pub timeline: Timeline,
}

/// A message as it reached the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its delivery id.
    pub delivery: String,
    /// Its stanza id, as the sender made it.
    pub id: String,
    /// Its text.
    pub body: String,
    /// Its id in our archive (XEP-0359): of two with the same id, the server sent one twice; of two with different ids,
    /// it accepted one twice.
    pub archived: String,
}

impl Received {
    /// `None` without a body.
    fn of(message: &Element, delivery: &str) -> Option<Self> {
        let child = |name| message.children().find(|child| child.name() == name);
        let archived = child("stanza-id").and_then(|id| id.attr("id"));
        Some(Self {
            delivery: delivery.to_owned(),
            id: message.attr("id").unwrap_or_default().to_owned(),
            body: child("body")?.text(),
            archived: archived.unwrap_or_default().to_owned(),
        })
    }
}

#[derive(Debug)]
struct LinkDial(Arc<Link>);

impl Dial for LinkDial {
    fn dial(&self, _: SocketAddr) -> Dialing {
        let link = Arc::clone(&self.0);
        Box::pin(async move { link.connect().await })
    }
}

impl Phone {
    /// Opens a client for this account; not connected yet.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    pub async fn open(
        endpoint: &Endpoint,
        account: &Credentials,
        rtt: Duration,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Self {
        let link = Link::start(LinkConfig::with_rtt(rtt), endpoint.addr).await;
        let link = Arc::new(link.expect("the link opens a port"));
        let mut config =
            ClientConfig::new(&account.jid, &account.password).expect("the account is a JID");
        let roots = danger::Roots::from_pem(endpoint.ca_pem.as_bytes());
        config.trust = Trust::Roots(roots.expect("the authority is a certificate"));
        config.network.servers = vec![ServerAddress::at(link.addr(), endpoint.transport)];
        config.network.dial = Arc::new(LinkDial(Arc::clone(&link)));
        // A test's sessions are short, and all of them are successful: no delay before the first attempt after a cut.
        config.reconnect.stable = Duration::ZERO;
        change(&mut config);
        Self {
            client: Client::open(config).expect("the client opens"),
            link,
            log: Log::default(),
        }
    }

    /// Waits for the next session.
    pub async fn online(&mut self) -> Session {
        let before = self.log.sessions.len();
        self.until("a session", |log| log.sessions.len() > before)
            .await;
        self.log.sessions.last().expect("just waited for").clone()
    }

    /// Waits for the next session, and until the server has handled its presence: a server that answers a later request
    /// on the same stream has handled what came before. A message to the account that overtakes the presence is one for
    /// an offline account, and some servers fail between storing it and delivering what they have stored.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn available(&mut self) -> Session {
        let session = self.online().await;
        let ping = Element::new("iq", "jabber:client")
            .with_attr("type", "get")
            .with_attr("id", format!("{PING}{}", self.log.sessions.len()))
            .with_child(Element::new("ping", "urn:xmpp:ping"));
        match self.client.iq(ping, TIMEOUT).await {
            Ok(_) | Err(IqError::Refused(_)) => session,
            Err(error) => panic!("no answer to a ping: {error}; so far: {}", self.log),
        }
    }

    /// Takes events of the client until the condition holds.
    ///
    /// # Panics
    ///
    /// If that takes too long, or the client ends.
    pub async fn until(&mut self, what: &str, mut enough: impl FnMut(&Log) -> bool) {
        let deadline = tokio::time::Instant::now() + TIMEOUT;
        while !enough(&self.log) {
            match tokio::time::timeout_at(deadline, self.client.next_event()).await {
                Ok(Some(event)) => self.enter(event),
                Ok(None) => panic!("the client ended while waiting for {what}"),
                Err(_) => panic!("waited in vain for {what}; so far: {}", self.log),
            }
        }
    }

    /// Sends a message and waits until the server has it, so that everything learned before is stored.
    pub async fn settle(&mut self, to: &str) {
        let id = self.send(to, "settle").await;
        self.until("an acknowledgement", |log| log.acked.contains(&id))
            .await;
    }

    /// Queues a message.
    pub async fn send(&self, to: &str, body: &str) -> String {
        self.client
            .send_message(to, body)
            .await
            .expect("the message is queued")
    }

    fn enter(&mut self, event: Event) {
        match event {
            Event::Online {
                outcome,
                jid,
                plan,
                timeline,
                ..
            } => self.log.sessions.push(Session {
                outcome,
                jid,
                plan,
                timeline,
            }),
            Event::Message { delivery } => {
                self.client.confirm(&delivery.id);
                let received = Received::of(&delivery.stanza, &delivery.id);
                self.log.messages.extend(received);
            }
            Event::Carbon { delivery, .. } => {
                self.client.confirm(&delivery.id);
                let received = Received::of(&delivery.stanza, &delivery.id);
                self.log.copies.extend(received);
            }
            Event::Presence { delivery } => self.client.confirm(&delivery.id),
            Event::Stage {
                id,
                stage: Stage::Acked,
            } => self.log.acked.push(id),
            Event::Stage {
                id,
                stage: Stage::Failed(_),
                // A ping is answered, and yet never acknowledged, if the server ended soon after.
            } if !id.starts_with(PING) => self.log.failed.push(id),
            Event::Ended { reason, .. } => self.log.ended.push(reason),
            Event::State(snapback_client::ConnectionState::Offline { reason, .. }) => {
                self.log.offline.push(reason);
            }
            Event::PossibleGap => self.log.possible_gaps += 1,
            Event::PushEnabled => self.log.push_enabled += 1,
            Event::PushRefused(_) => self.log.push_refused += 1,
            Event::PeerFault(fault) => self.log.faults.push(fault),
            _ => {}
        }
    }
}
