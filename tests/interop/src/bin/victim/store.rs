//! A store that kills its process before or after a certain change.

use rustix::process::{Signal, getpid, kill_process};
use snapback_client::proto::knowledge::{Knowledge, Op, SmSession};
use snapback_client::store::{DeliveryPage, KnownEndpoints, NewStanza, ServerKey};
use snapback_client::{Delivery, OpenReport, Roster, Store, StoreError};
use snapback_interop::kills::fate::{Fate, When};

/// Counts the changes, and dies at one.
#[derive(Debug)]
pub(crate) struct DoomedStore<S> {
    inner: S,
    fate: Option<Fate>,
    changes: u64,
}

impl<S: Store> DoomedStore<S> {
    pub(crate) fn new(inner: S, fate: Option<Fate>) -> Self {
        Self {
            inner,
            fate,
            changes: 0,
        }
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut S) -> T) -> T {
        self.changes += 1;
        self.meet(When::Before);
        let done = change(&mut self.inner);
        self.meet(When::After);
        done
    }

    fn meet(&self, when: When) {
        let here = Fate {
            when,
            change: self.changes,
        };
        if self.fate == Some(here) {
            kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
        }
    }
}

impl<S: Store> Store for DoomedStore<S> {
    fn load(&mut self, server: &ServerKey) -> Result<Knowledge, StoreError> {
        self.change(|store| store.load(server))
    }

    fn apply(&mut self, server: &ServerKey, ops: &[Op]) -> Result<(), StoreError> {
        self.change(|store| store.apply(server, ops))
    }

    fn session(&mut self) -> Result<Option<SmSession>, StoreError> {
        self.inner.session()
    }

    fn roster(&mut self) -> Result<Roster, StoreError> {
        self.inner.roster()
    }

    fn undelivered(&mut self) -> Result<Vec<Delivery>, StoreError> {
        self.inner.undelivered()
    }

    fn undelivered_from(&mut self, first: Option<&str>) -> Result<DeliveryPage, StoreError> {
        self.inner.undelivered_from(first)
    }

    fn backlog_limit(&self) -> usize {
        self.inner.backlog_limit()
    }

    fn has_room(&mut self, others: usize) -> Result<bool, StoreError> {
        self.inner.has_room(others)
    }

    fn enqueue(&mut self, stanza: NewStanza) -> Result<u64, StoreError> {
        self.change(|store| store.enqueue(stanza))
    }

    fn queue_len(&mut self) -> Result<usize, StoreError> {
        self.inner.queue_len()
    }

    fn queue_limit(&self) -> usize {
        self.inner.queue_limit()
    }

    fn installation(&mut self) -> Result<Option<String>, StoreError> {
        self.inner.installation()
    }

    fn set_installation(&mut self, id: &str) -> Result<(), StoreError> {
        self.change(|store| store.set_installation(id))
    }

    fn endpoints(&mut self, domain: &str) -> Result<Option<KnownEndpoints>, StoreError> {
        self.inner.endpoints(domain)
    }

    fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) -> Result<(), StoreError> {
        self.change(|store| store.set_endpoints(domain, known))
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.change(Store::close)
    }

    fn reopen(&mut self) -> Result<OpenReport, StoreError> {
        self.inner.reopen()
    }
}
