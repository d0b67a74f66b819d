//! The tokio runtime of all clients.
//!
//! The process has one runtime. It is created when the first client is opened and never shut down: a client that ends
//! leaves no thread running, and a phone with three accounts does not have three runtimes. One thread is enough for work
//! that consists mostly of waiting, and needs no scheduler for several. Certificate checks, key derivation and the opening of
//! files use a small pool, whose threads end when idle.

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

use crate::error::Lost;
use crate::log;

/// Each account that connects needs one thread, since a certificate check may wait for the network.
const BLOCKING_THREADS: usize = 4;
/// A login needs the pool once or twice. After that its threads only use memory.
const IDLE: Duration = Duration::from_secs(5);

/// The name of all threads of this library.
pub(crate) const THREAD_NAME: &str = "snapback";

static RUNTIME: OnceLock<Option<Handle>> = OnceLock::new();

/// Returns the runtime; `None` if this process cannot create more threads.
pub(crate) fn handle() -> Option<&'static Handle> {
    RUNTIME.get_or_init(start).as_ref()
}

fn start() -> Option<Handle> {
    log::report_panics();
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(IDLE)
        .thread_name(THREAD_NAME)
        .enable_all()
        .build()
        .ok()?;
    let handle = runtime.handle().clone();
    // Panics end the task that they happen in, not this thread.
    thread::Builder::new()
        .name(THREAD_NAME.to_owned())
        .spawn(move || runtime.block_on(future::pending::<()>()))
        .ok()?;
    Some(handle)
}

/// Work whose result is kept elsewhere, so that tokio's code for tasks is compiled once, and not for every call of the
/// binding.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the result of [`Work`] is kept.
pub(crate) struct Kept<T>(Arc<Mutex<Option<T>>>);

/// Separates work from its result.
pub(crate) fn kept<T, F>(work: F) -> (Work, Kept<T>)
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let kept = Kept(Arc::default());
    let slot = Arc::clone(&kept.0);
    let work = Box::pin(async move {
        let result = work.await;
        put(&slot, result);
    });
    (work, kept)
}

impl<T> Kept<T> {
    /// Returns the result of work that has ended.
    pub(crate) fn take(self) -> Result<T, Lost> {
        let result = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.ok_or(Lost::Panicked)
    }
}

fn put<T>(slot: &Mutex<Option<T>>, result: T) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
}

/// Runs work on the runtime. If the caller stops waiting, the work is stopped at its next await, so that no abandoned
/// work continues and keeps a client alive.
pub(crate) async fn run(work: Work) -> Result<(), Lost> {
    let handle = handle().ok_or(Lost::NoRuntime)?;
    let mut task = StopOnDrop(handle.spawn(work));
    (&mut task.0).await.map_err(|_| Lost::Panicked)
}

struct StopOnDrop(JoinHandle<()>);

impl Drop for StopOnDrop {
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
            let (work, kept) = kept::<(), _>(async { panic!("planted") });
            let panicking = run(work);
            let blocking = run_blocking(|| panic!("planted"));
            (panicking.await, kept.take(), blocking.await)
        });
        let lost = Err(Lost::Panicked);
        assert_eq!(outcome, (lost, lost, Err::<(), _>(Lost::Panicked)));
    }
}
