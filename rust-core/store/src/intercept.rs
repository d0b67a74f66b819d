//! A wrapper around a store, for those who observe its changes, and for tests that disturb them.

use std::fmt;

use snapback_proto::knowledge::{Delivery, Knowledge, Op};

use crate::{
    DeliveryPage, KnownEndpoints, NewStanza, OpenReport, Roster, ServerKey, Store, StoreError,
    StoredSession,
};

/// A call that changes what is stored, or with which a connection starts.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// [`Store::load`].
    Load,
    /// [`Store::apply`], with these changes.
    Apply(&'a [Op]),
    /// [`Store::enqueue`].
    Enqueue,
    /// [`Store::set_installation`].
    SetInstallation,
    /// [`Store::set_endpoints`].
    SetEndpoints,
    /// [`Store::close`].
    Close,
}

/// Observes the calls and may refuse them.
pub trait Interceptor: Send + fmt::Debug {
    /// Runs before the call. On an error the call is not made, and fails with that error.
    fn before(&mut self, call: Call<'_>) -> Result<(), StoreError> {
        let _ = call;
        Ok(())
    }

    /// Runs after the call, whether it succeeded or not.
    fn after(&mut self, call: Call<'_>, inner: &mut dyn Store) {
        let _ = (call, inner);
    }

    /// Runs when a connection starts with this knowledge.
    fn loaded(&mut self, knowledge: &Knowledge) {
        let _ = knowledge;
    }
}

/// A store with an interceptor around its calls.
#[derive(Debug)]
pub struct Intercepted<S, I> {
    inner: S,
    interceptor: I,
}

impl<S: Store, I: Interceptor> Intercepted<S, I> {
    /// Returns the store with this interceptor.
    pub fn new(inner: S, interceptor: I) -> Self {
        Self { inner, interceptor }
    }

    fn around<T>(
        &mut self,
        call: Call<'_>,
        make: impl FnOnce(&mut S) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.interceptor.before(call)?;
        let made = make(&mut self.inner);
        self.interceptor.after(call, &mut self.inner);
        made
    }
}

impl<S: Store, I: Interceptor> Store for Intercepted<S, I> {
    fn load(&mut self, server: &ServerKey) -> Result<Knowledge, StoreError> {
        let knowledge = self.around(Call::Load, |store| store.load(server))?;
        self.interceptor.loaded(&knowledge);
        Ok(knowledge)
    }

    fn apply(&mut self, server: &ServerKey, ops: &[Op]) -> Result<(), StoreError> {
        self.around(Call::Apply(ops), |store| store.apply(server, ops))
    }

    fn enqueue(&mut self, stanza: NewStanza) -> Result<u64, StoreError> {
        self.around(Call::Enqueue, |store| store.enqueue(stanza))
    }

    fn append(&mut self, stanza: NewStanza) -> Result<u64, StoreError> {
        self.inner.append(stanza)
    }

    fn set_installation(&mut self, id: &str) -> Result<(), StoreError> {
        self.around(Call::SetInstallation, |store| store.set_installation(id))
    }

    fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) -> Result<(), StoreError> {
        self.around(Call::SetEndpoints, |store| {
            store.set_endpoints(domain, known)
        })
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.around(Call::Close, Store::close)
    }

    fn session(&mut self) -> Result<Option<StoredSession>, StoreError> {
        self.inner.session()
    }

    fn endpoints(&mut self, domain: &str) -> Result<Option<KnownEndpoints>, StoreError> {
        self.inner.endpoints(domain)
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

    fn queue_len(&mut self) -> Result<usize, StoreError> {
        self.inner.queue_len()
    }

    fn has_room(&mut self, others: usize) -> Result<bool, StoreError> {
        self.inner.has_room(others)
    }

    fn queue_limit(&self) -> usize {
        self.inner.queue_limit()
    }

    fn possible_gap(&mut self) -> Result<bool, StoreError> {
        self.inner.possible_gap()
    }

    fn installation(&mut self) -> Result<Option<String>, StoreError> {
        self.inner.installation()
    }

    fn reopen(&mut self) -> Result<OpenReport, StoreError> {
        self.inner.reopen()
    }
}
