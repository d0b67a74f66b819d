//! The queue of the app's events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snapback_engine::engine::EventQueueLevel;
use snapback_engine::recorder::Recorder;
use snapback_engine::supervisor::{ConnectionState, OfflineReason};
use tokio::sync::{Notify, watch};

use crate::Event;
use crate::background_sync::Fetched;
use snapback_proto::jid::Jid;
use snapback_proto::time::Now;
use snapback_proto::xep::blocking::BlockListChange;
use snapback_proto::xml::Element;

/// The number of waiting events at which the queue is full. Further deliveries then wait in the store, if that is on a
/// disk; otherwise the driver stops reading from the server. Commands, timers and reconnects continue.
const HIGH_WATER: usize = 1024;
/// The approximate number of bytes of memory at which the queue is full (rule I20). An element tree takes ten to forty
/// times its text.
const HIGH_WATER_BYTES: usize = 8 << 20;
/// The number of events, deliveries or not, at which the driver stops reading in any case.
const MAX_EVENTS: usize = 2 * HIGH_WATER;

/// The state before the first attempt, and after the end.
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
    gap_received: Notify,
    fetched: Arc<Fetched>,
    recorder: Mutex<Recorder>,
    /// The current state of the connection, for receivers that do not wait for the events before it.
    connection: watch::Sender<ConnectionState>,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::default(),
            drained: Notify::default(),
            gap_received: Notify::default(),
            fetched: Arc::default(),
            recorder: Mutex::default(),
            connection: watch::Sender::new(NOT_CONNECTED),
        }
    }
}

#[derive(Debug, Default)]
struct QueueState {
    /// Each event with its size in bytes.
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    /// The event that the app took last is a possible gap.
    is_at_gap: bool,
    /// How many possible gaps the app has processed since the driver last asked.
    received_gaps: usize,
    closed: bool,
}

/// Returns the approximate number of bytes of memory that an event takes. Answers to the app's own requests are bounded
/// by the number of its requests.
fn memory(event: &Event) -> usize {
    let content = match event {
        Event::Message { delivery }
        | Event::Carbon { delivery, .. }
        | Event::Presence { delivery } => delivery.stanza.memory() + delivery.id.len(),
        Event::CertificateRefused { chain, .. } => chain.iter().map(Vec::len).sum(),
        Event::BlockListChanged(
            BlockListChange::Blocked(list) | BlockListChange::Unblocked(list),
        ) => list
            .jids
            .iter()
            .map(|jid| jid.to_string().len() + size_of::<Jid>())
            .sum(),
        Event::ServerFeatures(features) => features
            .iter()
            .map(|feature| feature.len() + size_of::<String>())
            .sum(),
        Event::StanzaRefused(refused) => {
            let texts = [&refused.id, &refused.from, &refused.stanza_type];
            let tags = [refused.first_child.as_ref(), refused.forwarded.as_deref()];
            texts.into_iter().flatten().map(String::len).sum::<usize>()
                + tags
                    .into_iter()
                    .flatten()
                    .map(Element::memory)
                    .sum::<usize>()
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
        self.fetched.note(&event);
        let bytes = memory(&event);
        let mut state = self.lock();
        // An event that repeats the last unread one adds nothing.
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

    /// Records an event about connections.
    pub(crate) fn record(&self, event: &Event, now: Now) {
        self.recorder().note(event, now);
    }

    /// Returns the flight recorder.
    pub(crate) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the count of what became an event.
    pub(crate) fn fetched(&self) -> Arc<Fetched> {
        Arc::clone(&self.fetched)
    }

    /// Returns how full the queue is.
    pub(crate) fn level(&self) -> EventQueueLevel {
        let state = self.lock();
        let (events, bytes) = (state.events.len(), state.bytes);
        if events >= MAX_EVENTS {
            EventQueueLevel::Overfull
        } else if events >= HIGH_WATER || bytes >= HIGH_WATER_BYTES {
            EventQueueLevel::Full
        } else if events > HIGH_WATER / 2 || bytes > HIGH_WATER_BYTES / 2 {
            EventQueueLevel::Middle
        } else {
            EventQueueLevel::Low
        }
    }

    /// Waits until an event was taken since the last call.
    pub(crate) async fn drained(&self) {
        self.drained.notified().await;
    }

    /// Waits until the app has taken a possible gap and requested the next event, so that it has processed the first.
    pub(crate) async fn gap_received(&self) {
        self.gap_received.notified().await;
    }

    /// Returns the next event; `None` when the client is closed and all events were taken.
    pub(crate) async fn next(&self) -> Option<Event> {
        self.note_received_gap();
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if let Some((event, bytes)) = state.events.pop_front() {
                    state.bytes = state.bytes.saturating_sub(bytes);
                    state.is_at_gap = event == Event::PossibleGap;
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

    /// The app requests an event after a possible gap.
    fn note_received_gap(&self) {
        let mut state = self.lock();
        if std::mem::take(&mut state.is_at_gap) {
            state.received_gaps = state.received_gaps.saturating_add(1);
            self.gap_received.notify_one();
        }
    }

    /// Returns how many possible gaps the app has processed since the last call.
    pub(crate) fn take_received_gaps(&self) -> usize {
        std::mem::take(&mut self.lock().received_gaps)
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // A panic elsewhere leaves the queue as it was between two pushes, which is a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_available_without_taking_events() {
        let queue = EventQueue::default();
        let states = queue.states();
        assert_eq!(*states.borrow(), NOT_CONNECTED);
        queue.push(Event::PossibleGap);
        let connecting = ConnectionState::Connecting {
            step: snapback_engine::supervisor::AttemptPhase::Login,
        };
        queue.push(Event::State(connecting));
        assert_eq!(*states.borrow(), connecting);
        queue.close();
        assert_eq!(*states.borrow(), NOT_CONNECTED);
    }
}
