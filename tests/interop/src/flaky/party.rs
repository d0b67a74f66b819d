//! A client whose events are recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use snapback_client::{Client, ClientConfig, Element, EndReason, Event, Outcome, Stage};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// The timeout of all waits: a login may take 30 s on the worst of networks, and may have to be repeated.
const TIMEOUT: Duration = Duration::from_secs(120);

const MAM: &str = "urn:xmpp:mam:2";

/// A client, and everything it has reported.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) client: Arc<Client>,
    log: Arc<Log>,
    /// Ids of the messages that it queued, in order.
    pub(super) sent: Vec<String>,
    /// How many of them have arrived and are acknowledged.
    pub(super) settled: usize,
}

#[derive(Debug, Default)]
struct Log {
    seen: Mutex<Seen>,
    changed: Notify,
}

/// Everything that a client has reported.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) sessions: Vec<Session>,
    /// By the stanza's id, as its sender made it: the ids in our archive (XEP-0359) of each arrival, if it had one.
    pub(super) received: BTreeMap<String, Vec<Option<String>>>,
    pub(super) acked: BTreeSet<String>,
    /// Ids of the messages that were found in the archive when it was queried.
    archived: BTreeSet<String>,
    pub(super) failed: Vec<String>,
    pub(super) ended: Vec<EndReason>,
    pub(super) gaps: usize,
    pub(super) faults: Vec<&'static str>,
    /// When the server first responded since this was cleared.
    pub(super) first_response: Option<Instant>,
}

/// How a session was established.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) outcome: Outcome,
    /// Flights that were planned.
    pub(super) planned: usize,
    /// Flights that it took.
    pub(super) flights: usize,
    /// Whether the TCP handshake carried the first one.
    pub(super) fast_open: bool,
    /// From the first packet of its connection to the session.
    pub(super) took: Duration,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.ended.iter().rev().take(3).collect::<Vec<_>>();
        write!(
            f,
            "{} sessions, {} messages received, {} acknowledged, failed {:?}, {} gaps, faults {:?}, last ended {last:?}",
            self.sessions.len(),
            self.received.len(),
            self.acked.len(),
            self.failed,
            self.gaps,
            self.faults,
        )
    }
}

impl Party {
    /// Opens a client that runs on this runtime, and so in its network.
    pub(super) async fn open(runtime: &Handle, config: ClientConfig) -> Self {
        let client = runtime.spawn(async move { Client::open(config) }).await;
        let client = client.expect("no panic").expect("the client opens");
        let client = Arc::new(client);
        let log = Arc::new(Log::default());
        let (theirs, writer) = (Arc::clone(&client), Arc::clone(&log));
        runtime.spawn(async move {
            while let Some(event) = theirs.next_event().await {
                if let Some(delivery) = event.delivery() {
                    theirs.confirm(&delivery.id);
                }
                writer.lock().enter(event);
                writer.changed.notify_one();
            }
        });
        Self {
            client,
            log,
            sent: Vec::new(),
            settled: 0,
        }
    }

    /// Queues this many messages.
    pub(super) async fn send(&mut self, to: &str, count: usize) {
        for _ in 0..count {
            let body = format!("number {}", self.sent.len());
            let id = self.client.send_message(to, &body).await;
            self.sent.push(id.expect("the message is queued"));
        }
    }

    /// Returns the newest messages in its archive, by the stanza's id: those that the server has accepted for it and
    /// from it.
    pub(super) async fn archived(&self) -> BTreeSet<String> {
        let newest = Element::new("set", "http://jabber.org/protocol/rsm")
            .with_child(Element::new("max", "http://jabber.org/protocol/rsm").with_text("100"))
            .with_child(Element::new("before", "http://jabber.org/protocol/rsm"));
        let query = Element::new("query", MAM)
            .with_attr("queryid", "witness")
            .with_child(newest);
        let iq = Element::new("iq", "jabber:client")
            .with_attr("type", "set")
            .with_child(query);
        // Without an answer nothing was seen, and the result is empty.
        let _ = self.client.iq(iq, TIMEOUT).await;
        self.seen(|seen| std::mem::take(&mut seen.archived))
    }

    /// Inspects what was reported so far.
    pub(super) fn seen<T>(&self, ask: impl FnOnce(&mut Seen) -> T) -> T {
        ask(&mut self.log.lock())
    }

    /// Waits until the condition holds.
    ///
    /// # Panics
    ///
    /// If that takes too long.
    pub(super) async fn until(&self, what: &str, enough: impl FnMut(&Seen) -> bool) {
        assert!(
            self.in_time(enough).await,
            "waited in vain for {what}; so far: {}",
            self.log.lock()
        );
    }

    /// Waits until the condition holds, or the timeout.
    pub(super) async fn in_time(&self, mut enough: impl FnMut(&Seen) -> bool) -> bool {
        let timeout = tokio::time::sleep(TIMEOUT);
        tokio::pin!(timeout);
        loop {
            if enough(&self.log.lock()) {
                return true;
            }
            tokio::select! {
                () = self.log.changed.notified() => {}
                () = &mut timeout => return enough(&self.log.lock()),
            }
        }
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    pub(super) fn has_received(&self, id: &str) -> bool {
        self.received.contains_key(id)
    }

    pub(super) fn has_acked(&self, ids: &[String]) -> bool {
        ids.iter().all(|id| self.acked.contains(id))
    }

    fn enter(&mut self, event: Event) {
        let is_sign = matches!(
            event,
            Event::Online { .. }
                | Event::Message { .. }
                | Event::Stage {
                    stage: Stage::Acked,
                    ..
                }
        );
        if is_sign {
            self.first_response.get_or_insert_with(Instant::now);
        }
        match event {
            Event::Online {
                outcome,
                plan,
                timeline,
                ..
            } => self.sessions.push(Session {
                outcome,
                planned: plan.flights().len(),
                flights: timeline.round_trips(),
                fast_open: timeline.fast_open,
                took: timeline.took().unwrap_or_default(),
            }),
            Event::Message { delivery } => {
                let stanza = &delivery.stanza;
                if let Some(id) = from_archive(stanza) {
                    self.archived.insert(id);
                    return;
                }
                let archived = stanza
                    .children()
                    .find(|child| child.name() == "stanza-id")
                    .and_then(|id| id.attr("id"));
                let id = stanza.attr("id").unwrap_or_default().to_owned();
                let copies = self.received.entry(id).or_default();
                copies.push(archived.map(str::to_owned));
            }
            Event::Stage {
                id,
                stage: Stage::Acked,
            } => {
                self.acked.insert(id);
            }
            Event::Stage {
                id,
                stage: Stage::Failed(_),
            } => self.failed.push(id),
            Event::Ended { reason, .. } => self.ended.push(reason),
            Event::PossibleGap => self.gaps += 1,
            Event::PeerFault(fault) => self.faults.push(fault),
            _ => {}
        }
    }
}

/// Returns the id of the message in a result of the archive.
fn from_archive(stanza: &Element) -> Option<String> {
    let child = |element: &Element, name: &str| {
        let mut children = element.children();
        children.find(|child| child.name() == name).cloned()
    };
    let result = child(stanza, "result").filter(|result| result.ns() == MAM)?;
    let message = child(&child(&result, "forwarded")?, "message")?;
    message.attr("id").map(str::to_owned)
}
