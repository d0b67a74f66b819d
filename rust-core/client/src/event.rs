//! What the app is told, and the queue it is told through.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use snapback_engine::engine::{self, EngineEvent, EventQueueLevel};
use snapback_engine::link::{LinkError, Timeline};
use snapback_engine::supervisor::{ConnectionState, OfflineReason};
use snapback_proto::connection::{Outcome, Stage};
use snapback_proto::knowledge::Delivery;
use snapback_proto::plan::Plan;
use snapback_proto::xep::carbons::Carbon;
use snapback_proto::xml::RefusedStanza;
use snapback_store::StoreError;
use tokio::sync::{Notify, watch};

use crate::dial::DialError;

/// So many events wait before the queue is full. What is delivered then waits in the store, if that is on a disk; otherwise the
/// driver stops reading from the server. Commands, timers and reconnects go on.
const HIGH_WATER: usize = 1024;
/// So many bytes of memory they may take, about, before the queue is full (rule I20). A tree takes ten to forty times its text.
const HIGH_WATER_BYTES: usize = 8 << 20;
/// With so many events, deliveries or not, the driver stops reading in any case.
const MOST: usize = 2 * HIGH_WATER;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection's state changed.
    State(ConnectionState),
    /// The session is there.
    Online {
        /// New, or the interrupted one.
        outcome: Outcome,
        /// Our full JID.
        jid: String,
        /// The plan that led here.
        plan: Plan,
        /// What each flight carried and how long it took.
        timeline: Timeline,
    },
    /// A connection, or an attempt at one, ended; or there was no attempt, since the store could not be used.
    Ended {
        /// Why.
        reason: EndReason,
        /// The plan that it followed, if it came so far as to have one.
        plan: Option<Plan>,
    },
    /// A message for the app. It is kept until confirmed.
    Message {
        /// The stanza and its delivery id.
        delivery: Delivery,
    },
    /// A copy of a message that another client of this account sent or received (XEP-0280). One that was sent while we were
    /// away comes in the same way, from the archive. Kept until confirmed.
    Carbon {
        /// The delivery as it came, with its id.
        delivery: Delivery,
        /// The message that was copied, and which way it went.
        carbon: Carbon,
    },
    /// Presence for the app. It is kept until confirmed.
    Presence {
        /// The stanza and its delivery id.
        delivery: Delivery,
    },
    /// A stanza of the app reached another stage.
    Stage {
        /// The stanza's id.
        id: String,
        /// Where it is now.
        stage: Stage,
    },
    /// What the server can do, by the namespaces of its features (XEP-0030).
    ServerFeatures(Vec<String>),
    /// The stored roster changed.
    RosterChanged,
    /// An inbound stanza was over a limit, or its XML had a fault of its sender, and it was skipped.
    StanzaRefused(RefusedStanza),
    /// Inbound messages may be missing: the server forgot the session, or it leaves what waited for us to its archive, as
    /// Bind 2 servers do (XEP-0386), and the archive (XEP-0313) did not help: there is none, it is not known how far we hold
    /// it, it failed, or too much stands in it.
    PossibleGap,
    /// The server broke a rule in a way that could be survived.
    PeerFault(&'static str),
}

impl Event {
    /// What the engine tells, with what only the driver knows: what the network said.
    pub(crate) fn from_engine(event: EngineEvent, dial_error: &mut Option<DialError>) -> Self {
        match event {
            EngineEvent::Online {
                outcome,
                jid,
                plan,
                timeline,
            } => Self::Online {
                outcome,
                jid,
                plan,
                timeline,
            },
            EngineEvent::Ended { reason, plan, .. } => Self::Ended {
                reason: match reason {
                    engine::EndReason::Closed => EndReason::Closed,
                    engine::EndReason::Dropped => EndReason::Dropped,
                    engine::EndReason::NoTransport => {
                        EndReason::Dial(dial_error.take().unwrap_or(DialError::TimedOut))
                    }
                    engine::EndReason::Link(error) => EndReason::Link(error),
                    engine::EndReason::Store(error) => EndReason::Store(error),
                    engine::EndReason::Host => EndReason::Driver,
                },
                plan,
            },
            EngineEvent::Message(delivery) => Self::Message { delivery },
            EngineEvent::Carbon(delivery, carbon) => Self::Carbon { delivery, carbon },
            EngineEvent::Presence(delivery) => Self::Presence { delivery },
            EngineEvent::Stage { id, stage } => Self::Stage { id, stage },
            EngineEvent::ServerFeatures(features) => Self::ServerFeatures(features),
            EngineEvent::RosterChanged => Self::RosterChanged,
            EngineEvent::StanzaRefused(refused) => Self::StanzaRefused(refused),
            EngineEvent::PossibleGap => Self::PossibleGap,
            EngineEvent::PeerFault(what) => Self::PeerFault(what),
        }
    }

    /// The stanza that this event delivers. Each one is stored, and comes again after a restart, until it is confirmed with
    /// [`Client::confirm`](crate::Client::confirm): carbons and presence as well as messages.
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Message { delivery }
            | Self::Carbon { delivery, .. }
            | Self::Presence { delivery } => Some(delivery),
            _ => None,
        }
    }
}

/// Why a connection, or an attempt at one, ended.
#[derive(Clone, Debug, PartialEq)]
pub enum EndReason {
    /// We closed it.
    Closed,
    /// It was dropped to begin another, or to go to sleep.
    Dropped,
    /// There was no way to the server.
    Dial(DialError),
    /// The stream or TLS failed.
    Link(LinkError),
    /// The store did not do what the connection needs: it is owned elsewhere, the phone is locked, the device is full.
    Store(StoreError),
    /// The driver failed; a bug of ours, and not a panic of yours (rule T10).
    Driver,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Dropped => f.write_str("dropped"),
            Self::Dial(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Driver => f.write_str("internal error"),
        }
    }
}

/// Before the first attempt, and after the end.
const NOT_CONNECTED: ConnectionState = ConnectionState::Offline {
    reason: OfflineReason::NotWanted,
    retry_at: None,
};

/// The queue between driver and app.
#[derive(Debug)]
pub(crate) struct EventQueue {
    state: Mutex<QueueState>,
    changed: Notify,
    drained: Notify,
    /// The latest of the connection's states, for whoever cannot wait for the events before it.
    connection: watch::Sender<ConnectionState>,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::default(),
            drained: Notify::default(),
            connection: watch::Sender::new(NOT_CONNECTED),
        }
    }
}

#[derive(Debug, Default)]
struct QueueState {
    /// Each with the bytes that it takes.
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    closed: bool,
}

/// About how many bytes of memory an event takes. What the app asked for itself is bounded by what it may ask for.
fn memory(event: &Event) -> usize {
    let content = match event {
        Event::Carbon { delivery, carbon } => {
            delivery.stanza.memory() + carbon.message.memory() + delivery.id.len()
        }
        Event::Message { delivery } | Event::Presence { delivery } => {
            delivery.stanza.memory() + delivery.id.len()
        }
        Event::ServerFeatures(features) => features
            .iter()
            .map(|feature| feature.len() + size_of::<String>())
            .sum(),
        Event::StanzaRefused(refused) => {
            let texts = [&refused.id, &refused.from, &refused.stanza_type];
            texts.into_iter().flatten().map(String::len).sum::<usize>()
                + refused.name.len()
                + refused.ns.len()
        }
        _ => 0,
    };
    content + size_of::<(Event, usize)>()
}

impl EventQueue {
    pub(crate) fn push(&self, event: Event) {
        if let Event::State(state) = event {
            self.connection.send_replace(state);
        }
        let bytes = memory(&event);
        let mut state = self.lock();
        // Said again before it was heard, it says the same.
        let is_repeated = matches!(event, Event::RosterChanged)
            && matches!(state.events.back(), Some((Event::RosterChanged, _)));
        if !is_repeated {
            state.bytes = state.bytes.saturating_add(bytes);
            state.events.push_back((event, bytes));
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        self.connection.send_replace(NOT_CONNECTED);
        self.lock().closed = true;
        self.changed.notify_one();
    }

    pub(crate) fn states(&self) -> watch::Receiver<ConnectionState> {
        self.connection.subscribe()
    }

    /// How full it is.
    pub(crate) fn level(&self) -> EventQueueLevel {
        let state = self.lock();
        let (events, bytes) = (state.events.len(), state.bytes);
        if events >= MOST {
            EventQueueLevel::Overfull
        } else if events >= HIGH_WATER || bytes >= HIGH_WATER_BYTES {
            EventQueueLevel::Full
        } else if events > HIGH_WATER / 2 || bytes > HIGH_WATER_BYTES / 2 {
            EventQueueLevel::Middle
        } else {
            EventQueueLevel::Low
        }
    }

    /// Resolves when an event was taken since it was last asked.
    pub(crate) async fn drained(&self) {
        self.drained.notified().await;
    }

    /// The next event; `None` when the client is closed and everything was told.
    pub(crate) async fn next(&self) -> Option<Event> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if let Some((event, bytes)) = state.events.pop_front() {
                    state.bytes = state.bytes.saturating_sub(bytes);
                    self.drained.notify_one();
                    if !state.events.is_empty() || state.closed {
                        self.changed.notify_one();
                    }
                    return Some(event);
                }
                if state.closed {
                    self.changed.notify_one();
                    return None;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // A panic elsewhere leaves the queue as it was between two pushes; it is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_known_to_who_takes_no_events() {
        let queue = EventQueue::default();
        let states = queue.states();
        assert_eq!(*states.borrow(), NOT_CONNECTED);
        queue.push(Event::PossibleGap);
        let connecting = ConnectionState::Connecting {
            step: snapback_engine::supervisor::Step::Login,
        };
        queue.push(Event::State(connecting));
        assert_eq!(*states.borrow(), connecting);
        queue.close();
        assert_eq!(*states.borrow(), NOT_CONNECTED);
    }
}
