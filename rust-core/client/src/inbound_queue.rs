//! The queue of the requests of other entities, apart from the events: an answer is awaited, and does not wait until the app has
//! taken the messages before it.

use std::collections::VecDeque;

use snapback_engine::engine::InboundRequestId;
use snapback_proto::xml::Element;

use crate::side_queue::SideQueue;

/// The maximum number of requests that wait for the app: as many as the engine has open. With one more, the first one is no longer
/// open.
const MAX_QUEUED: usize = 64;
/// The maximum size of these requests in bytes of memory: what the engine has open. What exceeds it is no longer open, first the
/// oldest ones.
const MAX_MEMORY: usize = 2 << 20;

/// A request that waits.
type Queued = (InboundRequestId, Element);

/// The queue between driver and app.
#[derive(Debug, Default)]
pub(crate) struct InboundQueue(SideQueue<Queued>);

impl InboundQueue {
    pub(crate) fn push(&self, id: InboundRequestId, iq: Element) {
        self.0.change(|queued| {
            queued.push_back((id, iq));
            while queued.len() > MAX_QUEUED || memory(queued) > MAX_MEMORY {
                queued.pop_front();
            }
        });
    }

    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Returns the next request; `None` when the client is closed and all requests were taken.
    pub(crate) async fn next(&self) -> Option<Queued> {
        self.0.next().await
    }
}

fn memory(queued: &VecDeque<Queued>) -> usize {
    queued.iter().map(|(_, iq)| iq.memory()).sum()
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
        let (memory, is_empty) = queue.0.change(|queued| (memory(queued), queued.is_empty()));
        assert!(memory <= MAX_MEMORY && !is_empty);
    }
}
