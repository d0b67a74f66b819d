//! A queue between the driver and the app that is apart from the events.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A queue that an app waits on. Who adds to it bounds it.
#[derive(Debug)]
pub(crate) struct SideQueue<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<T> {
    entries: VecDeque<T>,
    is_closed: bool,
}

impl<T> Default for SideQueue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                entries: VecDeque::new(),
                is_closed: false,
            }),
            changed: Notify::default(),
        }
    }
}

impl<T> SideQueue<T> {
    /// Changes the entries, and wakes a caller that waits.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let result = change(&mut self.lock().entries);
        self.changed.notify_one();
        result
    }

    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Returns the next entry; `None` when the client is closed and all entries were taken.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                let entry = state.entries.pop_front();
                if !state.entries.is_empty() || state.is_closed {
                    // Another caller may wait.
                    self.changed.notify_one();
                }
                if entry.is_some() || state.is_closed {
                    return entry;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A panic elsewhere leaves the queue as it was between two changes, which is a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
