//! The tokio runtime of all clients.
//!
//! The process has one runtime. It is created when the first client is opened and never shut down: a client that ends
//! leaves no thread running, and a phone with three accounts does not have three runtimes. One worker thread is enough
//! for work that consists mostly of waiting. Certificate checks, key derivation and the opening of files use a small
//! pool, whose threads end when idle.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::error::Lost;
use crate::log;

/// Each account that connects needs one thread, since a certificate check may wait for the network.
const BLOCKING_THREADS: usize = 4;
/// A login needs the pool once or twice. After that its threads only use memory.
const IDLE: Duration = Duration::from_secs(5);

/// The name of all threads of this library.
pub(crate) const THREAD_NAME: &str = "snapback";

static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// Returns the runtime; `None` if this process cannot create more threads.
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

/// Runs a future on the runtime. If the caller stops waiting, the future is stopped at its next await, so that no
/// abandoned work continues and keeps a client alive.
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

/// Runs blocking work in the pool. Once begun, it runs to its end.
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
