//! Whether the other language has everything that happened: what is done about the events ends with that, and not before.

use std::future::ready;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Questions of that kind, counted, and the answer to the latest.
#[derive(Debug)]
pub(crate) struct HandOver {
    asked: watch::Sender<u64>,
    answered: watch::Sender<u64>,
}

impl HandOver {
    pub(crate) fn new() -> Self {
        Self {
            asked: watch::Sender::new(0),
            answered: watch::Sender::new(0),
        }
    }

    /// The next event. While there is none, whoever asks is told that all were handed over: the caller is back for more.
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

    /// Waits for that, at most so long. Says whether it is so.
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
