//! Calls that wait for somebody else, and can be cut short.
//!
//! In Kotlin a coroutine that is cancelled drops the future that it waits for, and with it the call. A Swift task that is
//! cancelled goes on waiting; it has to say so.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::client::CoreClient;
use crate::error::IqError;
use crate::stanza::{IqAnswer, IqRequest};

/// Says that an answer is not waited for any more.
#[derive(Debug, uniffi::Object)]
pub struct Cancellation {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl Cancellation {
    /// For one call.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            cancelled: watch::Sender::new(false),
        })
    }

    /// The call, whether it has begun or not, comes back at once with nothing.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }
}

impl Cancellation {
    pub(crate) async fn or<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Option<T>, E> {
        let mut cancelled = self.cancelled.subscribe();
        tokio::select! {
            biased;
            done = work => done.map(Some),
            _ = cancelled.wait_for(|cancelled| *cancelled) => Ok(None),
        }
    }
}

#[uniffi::export]
impl CoreClient {
    /// [`iq`](Self::iq); nothing if it was cancelled. The request may be carried out all the same.
    pub async fn iq_until(
        &self,
        request: IqRequest,
        cancellation: Arc<Cancellation>,
    ) -> Result<Option<IqAnswer>, IqError> {
        cancellation.or(self.iq(request)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    #[test]
    fn what_is_cancelled_comes_back_with_nothing_and_what_is_done_with_its_result() {
        let outcomes = runtime::handle().unwrap().block_on(async {
            let cancellation = Cancellation::new();
            let done = cancellation.or(async { Ok::<_, ()>(1) }).await;
            cancellation.cancel();
            let cancelled = cancellation
                .or(std::future::pending::<Result<i32, ()>>())
                .await;
            (done, cancelled)
        });
        assert_eq!(outcomes, (Ok(Some(1)), Ok(None)));
    }
}
