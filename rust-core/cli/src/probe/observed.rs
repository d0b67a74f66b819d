//! The client's store, in memory, and what the client learns of the server beside what its events say.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snapback_client::MemoryStore;
use snapback_client::proto::escalation::Subject;
use snapback_client::proto::knowledge::{Delivery, Knowledge, Op};
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::store::{
    DeliveryPage, KnownEndpoints, NewStanza, Roster, ServerKey, Store, StoreError, StoredSession,
};

/// What the client has learnt.
#[derive(Clone, Debug, Default)]
pub(super) struct Learnt {
    /// Features before the login.
    pub(super) secured: Option<Arc<StreamFeatures>>,
    /// Features after the login.
    pub(super) authenticated: Option<Arc<StreamFeatures>>,
    /// Whether stanzas right behind a bind request were answered.
    pub(super) pipelined_bind: Option<bool>,
    /// Whether stream management was enabled.
    pub(super) stream_management: bool,
    /// How long the session is kept, in seconds.
    pub(super) max: Option<u32>,
    /// Whether a FAST token was issued.
    pub(super) token: bool,
}

/// A store that shares what is learnt.
#[derive(Default)]
pub(super) struct ObservedStore {
    inner: MemoryStore,
    learnt: Arc<Mutex<Learnt>>,
}

impl ObservedStore {
    /// Returns where what is learnt will be.
    pub(super) fn learnt(&self) -> Arc<Mutex<Learnt>> {
        Arc::clone(&self.learnt)
    }
}

/// Returns what is learnt so far.
pub(super) fn locked(learnt: &Mutex<Learnt>) -> MutexGuard<'_, Learnt> {
    learnt.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Learnt {
    fn learn(&mut self, op: &Op) {
        match op {
            Op::LearnSecured(features) => self.secured = Some(Arc::clone(features)),
            Op::LearnAuthenticated(features) => self.authenticated = Some(Arc::clone(features)),
            Op::LearnBindPipelining => self.pipelined_bind = Some(true),
            Op::Failure(failure) if failure.subject == Subject::PipelinedBind => {
                self.pipelined_bind = Some(false);
            }
            Op::SmEnabled { session, .. } => {
                self.stream_management = true;
                self.max = session.max;
            }
            Op::StoreFast(_) => self.token = true,
            _ => {}
        }
    }
}

impl Store for ObservedStore {
    fn load(&mut self, server: &ServerKey) -> Result<Knowledge, StoreError> {
        self.inner.load(server)
    }

    fn session(&mut self) -> Result<Option<StoredSession>, StoreError> {
        self.inner.session()
    }

    fn apply(&mut self, server: &ServerKey, ops: &[Op]) -> Result<(), StoreError> {
        let mut learnt = locked(&self.learnt);
        ops.iter().for_each(|op| learnt.learn(op));
        drop(learnt);
        self.inner.apply(server, ops)
    }

    fn endpoints(&mut self, domain: &str) -> Result<Option<KnownEndpoints>, StoreError> {
        self.inner.endpoints(domain)
    }

    fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) -> Result<(), StoreError> {
        self.inner.set_endpoints(domain, known)
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

    fn append(&mut self, stanza: NewStanza) -> Result<u64, StoreError> {
        self.inner.append(stanza)
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

    fn set_installation(&mut self, id: &str) -> Result<(), StoreError> {
        self.inner.set_installation(id)
    }
}
