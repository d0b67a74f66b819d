//! The queue of the requests of other entities, apart from the events: an answer is awaited, and does not wait until the app has
//! taken the messages before it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use snapback_engine::engine::InboundRequestId;
use snapback_proto::xml::Element;
use tokio::sync::Notify;

/// The maximum number of requests that wait for the app: as many as the engine has open. With one more, the first one is no longer
/// open.
const MAX_QUEUED: usize = 64;
/// The maximum size of these requests in bytes of memory: what the engine has open. What exceeds it is no longer open, first the
/// oldest ones.
const MAX_MEMORY: usize = 2 << 20;

/// The queue between driver and app.
#[derive(Debug, Default)]
pub(crate) struct InboundQueue {
    state: Mutex<QueueState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    requests: VecDeque<(InboundRequestId, Element)>,
    closed: bool,
}

impl QueueState {
    fn memory(&self) -> usize {
        self.requests.iter().map(|(_, iq)| iq.memory()).sum()
    }
}

impl InboundQueue {
    pub(crate) fn push(&self, id: InboundRequestId, iq: Element) {
        let mut state = self.lock();
        state.requests.push_back((id, iq));
        while state.requests.len() > MAX_QUEUED || state.memory() > MAX_MEMORY {
            state.requests.pop_front();
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    pub(crate) async fn next(&self) -> Option<(InboundRequestId, Element)> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                let request = state.requests.pop_front();
                if !state.requests.is_empty() || state.closed {
                    // Another caller may wait.
                    self.changed.notify_one();
                }
                if request.is_some() || state.closed {
                    return request;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // A panic elsewhere leaves the queue as it was between two pushes, which is a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i20_an_app_that_takes_no_requests_keeps_a_bounded_number() {
        let queue = InboundQueue::default();
        for number in 0..1000 {
            queue.push(
                InboundRequestId(number),
                Element::new("iq", "jabber:client"),
            );
        }
        queue.close();
        let first = queue.next().await.map(|(id, _)| id);
        assert_eq!(first, Some(InboundRequestId(1000 - 64)));
        let mut rest = 0;
        while queue.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, 63);
        for number in 0..100 {
            let large = Element::new("iq", "jabber:client").with_text("x".repeat(100_000));
            queue.push(InboundRequestId(number), large);
        }
        assert!(queue.lock().memory() <= MAX_MEMORY && !queue.lock().requests.is_empty());
    }
}
