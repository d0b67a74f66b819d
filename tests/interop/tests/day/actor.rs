//! A person with an app: the client, and what it has reported so far.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use snapback_chat::{Arrival, ChatMessage, MessageKey, ReceiptPolicy, Receipts};
use snapback_client::{
    BareJid, Client, ClientConfig, Element, Event, Outcome, ServerAddress, Stage, Transport, Trust,
    danger,
};
use snapback_interop::Credentials;
use tokio::sync::Notify;

/// The timeout of everything that is waited for; far longer than any of it takes.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What a push notification is (XEP-0357 section 7).
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";

pub struct Actor {
    pub name: &'static str,
    pub jid: BareJid,
    pub client: Arc<Client>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Notify,
}

/// What the client has reported.
#[derive(Default)]
pub struct Log {
    /// Messages of others, each delivery once.
    pub messages: Vec<Received>,
    deliveries: BTreeSet<String>,
    /// Sessions that no step has asked about yet.
    pub sessions: VecDeque<Outcome>,
    /// The address of the last session.
    pub full_jid: String,
    /// Who was available at some time.
    pub present: BTreeSet<String>,
    /// Who has asked to see the user's presence.
    pub asking: BTreeSet<String>,
    /// The ids of messages that the server has.
    pub acked: BTreeSet<String>,
    pub push_enabled: bool,
    /// Push notifications that no step has asked about yet.
    pub notifications: usize,
}

pub struct Received {
    pub read: ChatMessage,
    pub key: Option<MessageKey>,
}

impl Actor {
    pub fn open(
        name: &'static str,
        account: &Credentials,
        addr: SocketAddr,
        ca_pem: &str,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut config = ClientConfig::new(&account.jid, &account.password)?;
        config.trust = Trust::Roots(danger::Roots::from_pem(ca_pem.as_bytes())?);
        config.network.servers = vec![ServerAddress::at(addr, Transport::DirectTls)];
        config.identity.requests = vec![PUBSUB.to_owned()];
        // Each session of the day counts, however short.
        config.reconnect.stable = Duration::ZERO;
        let actor = Self {
            name,
            jid: account.jid.parse()?,
            client: Arc::new(Client::open(config)?),
            shared: Arc::default(),
        };
        actor.listen();
        Ok(actor)
    }

    /// Takes events and requests as an app does, until the client ends.
    fn listen(&self) {
        let (client, shared) = (Arc::clone(&self.client), Arc::clone(&self.shared));
        let own = self.jid.clone();
        tokio::spawn(async move {
            let mut receipts = Receipts::new(ReceiptPolicy::Everyone);
            while let Some(event) = client.next_event().await {
                let receipt = shared.lock().take(&event, &own, &mut receipts);
                if let Some(delivery) = event.delivery() {
                    client.confirm(&delivery.id);
                }
                if let Some(receipt) = receipt {
                    // One that cannot be queued is missed by the step that waits for it.
                    let _ = client.send(receipt).await;
                }
                shared.changed.notify_waiters();
            }
        });
        // The user's push service: it takes every notification.
        let (client, shared) = (Arc::clone(&self.client), Arc::clone(&self.shared));
        tokio::spawn(async move {
            while let Some(request) = client.next_request().await {
                let is_notification = request.is_set()
                    && request.payload().is_some_and(|payload| {
                        payload.name() == "pubsub" && payload.ns() == PUBSUB
                    });
                if is_notification && request.respond(None).await.is_ok() {
                    shared.lock().notifications += 1;
                    shared.changed.notify_waiters();
                }
            }
        });
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.lock()
    }

    /// Waits until the log gives a result.
    pub async fn until<R>(&self, mut result: impl FnMut(&mut Log) -> Option<R>) -> Option<R> {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(result) = result(&mut self.log()) {
                    return result;
                }
                changed.await;
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.ok()
    }

    /// Waits until the condition holds.
    pub async fn awaits(&self, holds: impl Fn(&Log) -> bool) -> Option<()> {
        self.until(|log| holds(log).then_some(())).await
    }

    /// Waits for the next session that no step has asked about.
    pub async fn next_session(&self) -> Option<Outcome> {
        self.until(|log| log.sessions.pop_front()).await
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Notes an event; returns a receipt to be sent.
    fn take(&mut self, event: &Event, own: &BareJid, receipts: &mut Receipts) -> Option<Element> {
        match event {
            Event::Online { outcome, jid, .. } => {
                self.sessions.push_back(*outcome);
                self.full_jid.clone_from(jid);
            }
            Event::Message { delivery } => {
                if !self.deliveries.insert(delivery.id.clone()) {
                    return None;
                }
                let read = ChatMessage::read(&delivery.stanza);
                let arrival = match delivery.is_archived {
                    true => Arrival::Archive,
                    false => Arrival::Live,
                };
                receipts.delivered(&delivery.id, &read, arrival, own, |_| true);
                let key = MessageKey::of_read(&delivery.stanza, &read, own);
                self.messages.push(Received { read, key });
                return receipts.confirmed(&delivery.id);
            }
            Event::Presence { delivery } => {
                let attr = |name| delivery.stanza.attr(name);
                let from = attr("from").unwrap_or_default();
                let from = from.split('/').next().unwrap_or_default().to_owned();
                match attr("type") {
                    None => drop(self.present.insert(from)),
                    Some("subscribe") => drop(self.asking.insert(from)),
                    Some(_) => {}
                }
            }
            Event::Stage {
                id,
                stage: Stage::Acked,
            } => drop(self.acked.insert(id.clone())),
            Event::PushEnabled => self.push_enabled = true,
            _ => {}
        }
        None
    }

    /// Returns the messages with this text.
    pub fn with_text<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a Received> {
        let is_it = move |one: &&Received| one.read.bodies.default_text() == Some(text);
        self.messages.iter().filter(is_it)
    }
}
