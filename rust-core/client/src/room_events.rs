//! The queue of the events of rooms.

use snapback_chat::room::RoomEvent;

use crate::side_queue::SideQueue;

/// The maximum number of events that wait, 4096: an app that joins rooms with some thousand occupants takes their events in time.
/// What exceeds it is left out, and reported as [`RoomEvent::Missed`].
const MAX_EVENTS: usize = 4096;

/// The queue between driver and app. It is apart from the other events, since occupants of rooms cause its events: they must not delay
/// messages (rule I20).
#[derive(Debug, Default)]
pub(crate) struct RoomEvents(SideQueue<RoomEvent>);

impl RoomEvents {
    pub(crate) fn push(&self, event: RoomEvent) {
        self.0.change(|events| {
            if events.len() < MAX_EVENTS {
                events.push_back(event);
            } else if events.back() != Some(&RoomEvent::Missed) {
                events.push_back(RoomEvent::Missed);
            }
        });
    }

    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Returns the next event; `None` when the client is closed and all events were taken.
    pub(crate) async fn next(&self) -> Option<RoomEvent> {
        self.0.next().await
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
