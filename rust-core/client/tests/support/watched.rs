//! A store that shows the test what it is told.

use std::sync::{Arc, Mutex};

use snapback_client::proto::knowledge::{Delivery, Knowledge, Op, SmSession};
use snapback_client::store::{DeliveryPage, KnownEndpoints, NewStanza, OpenReport, ServerKey};
use snapback_client::{Roster, Store, StoreError};

/// Another store, and what passes by.
pub struct Watched<S> {
    inner: S,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
pub struct Seen {
    /// Each transaction, in order.
    pub transactions: Vec<Vec<Op>>,
    /// What connections started from, as it prints.
    pub loaded: String,
    /// The most stanzas that the queue ever held.
    pub longest_queue: usize,
    /// All changes fail like this, until told otherwise.
    pub failing: Option<StoreError>,
}

impl<S: Store> Watched<S> {
    pub fn new(inner: S) -> (Self, Arc<Mutex<Seen>>) {
        let seen = Arc::<Mutex<Seen>>::default();
        let watched = Self {
            inner,
            seen: Arc::clone(&seen),
        };
        (watched, seen)
    }

    fn measure(&mut self) {
        let length = self.inner.queue_len().unwrap_or(0);
        let mut seen = self.seen.lock().unwrap();
        seen.longest_queue = seen.longest_queue.max(length);
    }

    fn refusal(&self) -> Result<(), StoreError> {
        self.seen.lock().unwrap().failing.map_or(Ok(()), Err)
    }
}

impl Seen {
    /// How many of the core's own stanzas were stored that hold this text.
    pub fn requests(&self, text: &str) -> usize {
        let ops = self.transactions.iter().flatten();
        let holds = |xml: &str| usize::from(xml.contains(text));
        ops.map(|op| match op {
            Op::Enqueue(stanza) => holds(&stanza.xml),
            Op::SmEnabled { sent, .. } => sent.iter().map(|stanza| holds(&stanza.xml)).sum(),
            _ => 0,
        })
        .sum()
    }
}

impl<S: Store> Store for Watched<S> {
    fn load(&mut self, server: &ServerKey) -> Result<Knowledge, StoreError> {
        let knowledge = self.inner.load(server)?;
        self.seen.lock().unwrap().loaded += &format!("{knowledge:?}\n");
        Ok(knowledge)
    }

    fn apply(&mut self, server: &ServerKey, ops: &[Op]) -> Result<(), StoreError> {
        self.refusal()?;
        self.seen.lock().unwrap().transactions.push(ops.to_vec());
        let applied = self.inner.apply(server, ops);
        self.measure();
        applied
    }

    fn endpoints(&mut self, domain: &str) -> Result<Option<KnownEndpoints>, StoreError> {
        self.inner.endpoints(domain)
    }

    fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) -> Result<(), StoreError> {
        self.inner.set_endpoints(domain, known)
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
        self.refusal()?;
        let queued = self.inner.enqueue(stanza);
        self.measure();
        queued
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
        self.inner.set_installation(id)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.inner.close()
    }

    fn reopen(&mut self) -> Result<OpenReport, StoreError> {
        self.inner.reopen()
    }
}
