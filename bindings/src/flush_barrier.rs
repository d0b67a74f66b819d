//! Tracks whether the foreign language has processed all events. Everything that depends on this, such as suspending,
//! waits for it.

use std::future::ready;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// The flush requests, counted, and the latest one that was answered.
#[derive(Debug)]
pub(crate) struct FlushBarrier {
    asked: watch::Sender<u64>,
    answered: watch::Sender<u64>,
}

impl FlushBarrier {
    pub(crate) fn new() -> Self {
        Self {
            asked: watch::Sender::new(0),
            answered: watch::Sender::new(0),
        }
    }

    /// Returns the next event. While there is none, all earlier events count as processed, since the caller asks for
    /// another one.
    pub(crate) async fn next<E, F: Future<Output = Option<E>>>(
        &self,
        mut event: impl FnMut() -> F,
    ) -> Option<E> {
        let mut asked = self.asked.subscribe();
        loop {
            let question = *asked.borrow_and_update();
            let is_open = *self.answered.borrow() < question;
            tokio::select! {
                biased;
                event = event() => return event,
                () = ready(()), if is_open => {
                    self.answered.send_replace(question);
                }
                Ok(()) = asked.changed() => {}
            }
        }
    }

    /// Waits until all events are processed, at most this long. Returns whether they are.
    pub(crate) async fn done(&self, time: Duration) -> bool {
        let mut question = 0;
        let mut answered = self.answered.subscribe();
        self.asked.send_modify(|asked| {
            *asked += 1;
            question = *asked;
        });
        let wait = answered.wait_for(|answered| *answered >= question);
        timeout(time, wait).await.is_ok_and(|found| found.is_ok())
    }
}
