//! A store that lasts until the process ends: for tests, for the simulation, and for apps that must leave no data on
//! the device.

mod queue;
mod tables;

use std::fmt;

use snapback_proto::knowledge::{Delivery, Knowledge, Op};

use crate::{
    DeliveryPage, KnownEndpoints, NewStanza, PAGE_ROWS, Roster, ServerKey, Store, StoreError,
    StoredSession,
};

use tables::Tables;

/// The default limit of the queue, in stanzas: enough for days of writing offline, about a megabyte of text.
pub const DEFAULT_QUEUE_LIMIT: usize = 1000;

/// Keeps everything in memory.
#[derive(Clone)]
pub struct MemoryStore {
    tables: Tables,
    queue_limit: usize,
}

impl MemoryStore {
    /// Returns an empty store whose queue takes [`DEFAULT_QUEUE_LIMIT`] stanzas.
    pub fn new() -> Self {
        Self::with_queue_limit(DEFAULT_QUEUE_LIMIT)
    }

    /// Returns an empty store whose queue takes this many stanzas.
    pub fn with_queue_limit(queue_limit: usize) -> Self {
        Self {
            tables: Tables::default(),
            queue_limit,
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn load(&mut self, server: &ServerKey) -> Result<Knowledge, StoreError> {
        Ok(self.tables.load(server))
    }

    fn apply(&mut self, server: &ServerKey, ops: &[Op]) -> Result<(), StoreError> {
        // A single change is applied or not. Only one that may fail after another needs a copy to restore.
        let backup = (!self.tables.will_take(ops)).then(|| self.tables.clone());
        let result = ops.iter().try_for_each(|op| self.tables.apply(server, op));
        if let (Err(_), Some(backup)) = (&result, backup) {
            self.tables = backup;
        }
        result.map_err(StoreError::Conflict)
    }

    fn endpoints(&mut self, domain: &str) -> Result<Option<KnownEndpoints>, StoreError> {
        Ok(self.tables.endpoints(domain))
    }

    fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) -> Result<(), StoreError> {
        self.tables.set_endpoints(domain, known);
        Ok(())
    }

    fn session(&mut self) -> Result<Option<StoredSession>, StoreError> {
        let session = self.tables.session.clone();
        Ok(session.map(|session| StoredSession {
            session,
            failures: self.tables.failures.of_account().clone(),
        }))
    }

    fn roster(&mut self) -> Result<Roster, StoreError> {
        Ok(self.tables.roster())
    }

    fn undelivered(&mut self) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.tables.deliveries.clone())
    }

    fn undelivered_from(&mut self, first: Option<&str>) -> Result<DeliveryPage, StoreError> {
        let all = &self.tables.deliveries;
        let start = first.and_then(|first| all.iter().position(|one| one.id == first));
        let mut rest = all.iter().skip(start.unwrap_or(0));
        // They are in memory already, whatever their size.
        let deliveries = rest.by_ref().take(PAGE_ROWS).cloned().collect();
        let next = rest.next().map(|one| one.id.clone());
        Ok(DeliveryPage { deliveries, next })
    }

    fn append(&mut self, stanza: NewStanza) -> Result<u64, StoreError> {
        let queue = &mut self.tables.queue;
        let seq = queue.next_seq();
        let stanza = stanza.numbered(seq);
        queue.enqueue(stanza).map_err(StoreError::Conflict)?;
        Ok(seq)
    }

    fn queue_len(&mut self) -> Result<usize, StoreError> {
        Ok(self.tables.queue.len())
    }

    fn has_room(&mut self, others: usize) -> Result<bool, StoreError> {
        let waiting = self.tables.queue.len_of_app();
        Ok(waiting.saturating_add(others) < self.queue_limit)
    }

    fn queue_limit(&self) -> usize {
        self.queue_limit
    }

    fn possible_gap(&mut self) -> Result<bool, StoreError> {
        Ok(self.tables.possible_gap)
    }

    fn installation(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.tables.installation.clone())
    }

    fn set_installation(&mut self, id: &str) -> Result<(), StoreError> {
        self.tables.installation = Some(id.to_owned());
        Ok(())
    }
}

/// T9: bodies and tokens stay out of logs, so only sizes are shown.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("queue", &self.tables.queue.len())
            .field("queue_limit", &self.queue_limit)
            .field("deliveries", &self.tables.deliveries.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance;
    use snapback_proto::knowledge::OutboundKind;
    use snapback_proto::time::UnixTime;
    use snapback_proto::xml::Element;

    #[test]
    fn conforms() {
        conformance::run(MemoryStore::new);
        conformance::run(|| MemoryStore::with_queue_limit(10));
    }

    #[test]
    fn t9_prints_no_stanza() {
        let mut store = MemoryStore::new();
        let message = Element::new("message", "jabber:client").with_text("planted");
        let stanza = NewStanza::new(OutboundKind::Message, message.into(), UnixTime(0));
        store.enqueue(stanza).unwrap();
        let printed = format!("{store:?}");
        assert!(printed.contains("queue: 1") && !printed.contains("planted"));
    }
}
