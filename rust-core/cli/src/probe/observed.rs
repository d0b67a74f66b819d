//! The client's store, in memory, and what the client learns of the server beside what its events say.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snapback_client::MemoryStore;
use snapback_client::proto::escalation::Subject;
use snapback_client::proto::knowledge::Op;
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::store::StoreError;
use snapback_client::store::intercept::{Call, Intercepted, Interceptor};

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

/// The client's store.
pub(super) type ObservedStore = Intercepted<MemoryStore, Observer>;

/// Shares what is learnt.
#[derive(Debug)]
pub(super) struct Observer(Arc<Mutex<Learnt>>);

/// Returns a store, and where what is learnt will be.
pub(super) fn observed() -> (ObservedStore, Arc<Mutex<Learnt>>) {
    let learnt = Arc::default();
    let observer = Observer(Arc::clone(&learnt));
    (Intercepted::new(MemoryStore::default(), observer), learnt)
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

impl Interceptor for Observer {
    fn before(&mut self, call: Call<'_>) -> Result<(), StoreError> {
        if let Call::Apply(ops) = call {
            let mut learnt = locked(&self.0);
            ops.iter().for_each(|op| learnt.learn(op));
        }
        Ok(())
    }
}
