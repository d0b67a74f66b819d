//! The queue of the events of rooms.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use snapback_chat::room::RoomEvent;
use tokio::sync::Notify;

/// The maximum number of events that wait, 4096: an app that joins rooms with some thousand occupants takes their events in time.
/// What exceeds it is left out, and reported as [`RoomEvent::Missed`].
const MAX_EVENTS: usize = 4096;

/// The queue between driver and app. It is apart from the other events, since occupants of rooms cause its events: they must not delay
/// messages (rule I20).
#[derive(Debug, Default)]
pub(crate) struct RoomEvents {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<RoomEvent>,
    is_closed: bool,
}

impl RoomEvents {
    pub(crate) fn push(&self, event: RoomEvent) {
        let mut state = self.lock();
        if state.events.len() < MAX_EVENTS {
            state.events.push_back(event);
        } else if state.events.back() != Some(&RoomEvent::Missed) {
            state.events.push_back(RoomEvent::Missed);
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Returns the next event; `None` when the client is closed and all events were taken.
    pub(crate) async fn next(&self) -> Option<RoomEvent> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                let event = state.events.pop_front();
                if event.is_some() || state.is_closed {
                    if !state.events.is_empty() || state.is_closed {
                        self.changed.notify_one();
                    }
                    return event;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the queue as it was between two pushes, which is a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i20_events_that_are_not_taken_are_bounded_and_the_app_notices() {
        let queue = RoomEvents::default();
        let room: snapback_proto::jid::BareJid = "coven@chat.shakespeare.lit".parse().unwrap();
        for number in 0..2 * MAX_EVENTS {
            let (room, nick) = (room.clone(), number.to_string());
            queue.push(RoomEvent::NickChanged { room, nick });
        }
        queue.close();
        let mut taken = 0;
        let mut last = None;
        while let Some(event) = queue.next().await {
            taken += 1;
            last = Some(event);
        }
        assert_eq!(taken, MAX_EVENTS + 1);
        assert_eq!(last, Some(RoomEvent::Missed));
    }
}
