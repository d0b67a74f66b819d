//! The runtime on which all clients live.
//!
//! One for the process, made when the first client is opened and never taken down: a client that ends leaves no thread
//! behind, and a phone with three accounts does not have three of them. One worker is enough for what is mostly
//! waiting; certificates, key derivation and opening files go to a small pool, whose threads end when idle.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::log;

/// Certificate checks may wait for the network, one for each account that connects.
const BLOCKING_THREADS: usize = 4;
/// A login needs the pool once or twice; after that its threads only take memory.
const IDLE: Duration = Duration::from_secs(5);

/// Of all threads of ours.
pub(crate) const THREAD_NAME: &str = "snapback";

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// The runtime; `None` if this process may not have any more threads.
pub(crate) fn handle() -> Option<&'static Handle> {
    let runtime = RUNTIME.get_or_init(|| {
        log::report_panics();
        Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_keep_alive(IDLE)
            .thread_name(THREAD_NAME)
            .enable_all()
            .build()
            .ok()
    });
    runtime.as_ref().map(Runtime::handle)
}

/// Why work that was given to the runtime has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// There is no runtime.
    NoRuntime,
    /// The work panicked; a bug of ours (rule T10).
    Panicked,
}

/// Has this done on the runtime. Whoever stops waiting stops it, at its next wait: nothing goes on, and holds on to a
/// client, that nobody asks for any more.
pub(crate) async fn run<T, F>(work: F) -> Result<T, Lost>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let handle = handle().ok_or(Lost::NoRuntime)?;
    let mut task = StopOnDrop(handle.spawn(work));
    (&mut task.0).await.map_err(|_| Lost::Panicked)
}

struct StopOnDrop<T>(JoinHandle<T>);

impl<T> Drop for StopOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Has something done that blocks. Once begun, it comes to its end.
pub(crate) async fn run_blocking<T, F>(work: F) -> Result<T, Lost>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let handle = handle().ok_or(Lost::NoRuntime)?;
    handle
        .spawn_blocking(work)
        .await
        .map_err(|_| Lost::Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t10_a_panic_becomes_a_value() {
        let outcome = handle().unwrap().block_on(async {
            let panicking = run(async { panic!("planted") });
            let blocking = run_blocking(|| panic!("planted"));
            (panicking.await, blocking.await)
        });
        assert_eq!(outcome, (Err::<(), _>(Lost::Panicked), Err(Lost::Panicked)));
    }
}
