//! A short visit, as after a push.

use std::future::Future;

use tokio::sync::{mpsc, oneshot, watch};

use crate::driver::Request;

/// A visit under way, begun by [`Client::visit`](crate::Client::visit). Dropped, it ends as by [`Visit::end`], and nobody waits
/// for that.
#[derive(Debug)]
#[must_use = "a visit that is dropped is over"]
pub struct Visit {
    /// The visit alone keeps no client going.
    requests: mpsc::WeakUnboundedSender<Request>,
    begun: watch::Receiver<bool>,
    is_over: bool,
}

impl Visit {
    pub(crate) fn begin(requests: &mpsc::UnboundedSender<Request>) -> Self {
        let (begin, begun) = watch::channel(false);
        // Without a driver there is nothing to wait for: `begun` sees its channel closed.
        let _ = requests.send(Request::Visit(begin));
        Self {
            requests: requests.downgrade(),
            begun,
            is_over: false,
        }
    }

    /// Waits until the visit has begun: what [`Client::states`](crate::Client::states) shows from then on is of this visit.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut begun = self.begun.clone();
        async move {
            let _ = begun.wait_for(|begun| *begun).await;
        }
    }

    /// Ends the visit. A client that was woken for it lets go of everything again, as by
    /// [`Client::suspend`](crate::Client::suspend), and this returns when nothing is held any more. One that the app has come
    /// to need since stays as it is, and so does one that other visits are under way with: the last to leave ends them.
    pub async fn end(mut self) {
        let (done, wait) = oneshot::channel();
        self.leave(Some(done));
        let _ = wait.await;
    }

    fn leave(&mut self, done: Option<oneshot::Sender<()>>) {
        if !std::mem::replace(&mut self.is_over, true)
            && let Some(requests) = self.requests.upgrade()
        {
            let _ = requests.send(Request::Leave(done));
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.leave(None);
    }
}
