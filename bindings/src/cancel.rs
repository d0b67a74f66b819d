//! Cancellation of calls that wait for another entity.
//!
//! In Kotlin, cancelling a coroutine drops the future that it awaits, and the call with it. In Swift, cancelling a task
//! does not stop the future; the call has to be cancelled explicitly.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::client::CoreClient;
use crate::error::IqError;
use crate::stanza::{IqAnswer, IqRequest};

/// Cancels a call whose result is no longer needed.
#[derive(Debug, uniffi::Object)]
pub struct Cancellation {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl Cancellation {
    /// Creates a cancellation for one call.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            cancelled: watch::Sender::new(false),
        })
    }

    /// Cancels the call, whether it has begun or not. The call returns at once without a result.
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
    /// Calls [`iq`](Self::iq); returns nothing if it was cancelled. A cancelled request may be carried out
    /// nevertheless.
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
    fn a_cancelled_call_returns_nothing_and_a_completed_one_its_result() {
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
