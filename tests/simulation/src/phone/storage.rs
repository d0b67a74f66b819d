//! The store of a process that can be killed at any transaction, or after any byte.

use std::collections::VecDeque;
use std::rc::Rc;

use snapback_engine::engine::CommitId;
use snapback_proto::knowledge::Op;
use snapback_store::{NewStanza, ServerKey, Store, StoreError};

use crate::disk::Disk;
use crate::network::Time;
use crate::turns::{Failing, Place, Turns};

/// The time of a kill.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kill {
    /// At the transaction with this number, before or after its commit.
    AtStore { transaction: u32, committed: bool },
    /// After this many bytes.
    AfterBytes(usize),
    /// Now.
    Now,
}

/// A transaction of the engine.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) id: CommitId,
    pub(crate) server: ServerKey,
    pub(crate) ops: Vec<Op>,
}

#[derive(Debug)]
pub(crate) struct Storage {
    disk: Disk,
    /// The duration of a commit.
    delay: Time,
    deferred: VecDeque<(Time, Transaction)>,
    kill: Option<Kill>,
    killed: bool,
    dies_after: bool,
    fails_in: Option<u32>,
    turns: Rc<Turns>,
}

impl Storage {
    pub(crate) fn new(disk: Disk, delay: Time, turns: Rc<Turns>) -> Self {
        Self {
            disk,
            delay,
            deferred: VecDeque::new(),
            kill: None,
            killed: false,
            dies_after: false,
            fails_in: None,
            turns,
        }
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed
    }

    pub(crate) fn into_disk(self) -> Disk {
        self.disk
    }

    pub(crate) fn arm(&mut self, kill: Kill) {
        if matches!(kill, Kill::Now) {
            self.killed = true;
        }
        self.kill = Some(kill);
    }

    pub(crate) fn fail_at(&mut self, transaction: u32) {
        self.fails_in = Some(transaction);
    }

    /// Returns the store for reading, and for calls that no kill should interrupt.
    pub(crate) fn store(&mut self) -> &mut dyn Store {
        self.disk.store()
    }

    /// Returns the store for a call of the engine that opens, reads or closes it, and that may fail.
    pub(crate) fn read(&mut self) -> Result<&mut dyn Store, StoreError> {
        match self.turns.pass(Place::StoreRead) {
            Some(_) => Err(StoreError::Broken),
            None => Ok(self.disk.store()),
        }
    }

    /// Queues a transaction after those in progress, and returns it if commits take no time.
    pub(crate) fn defer(&mut self, transaction: Transaction, now: Time) -> Option<Transaction> {
        if self.delay == 0 {
            return Some(transaction);
        }
        self.deferred.push_back((now + self.delay, transaction));
        None
    }

    pub(crate) fn due(&self) -> Option<Time> {
        self.deferred.front().map(|(due, _)| *due)
    }

    pub(crate) fn take_due(&mut self, now: Time) -> Option<Transaction> {
        if self.due()? > now {
            return None;
        }
        self.deferred
            .pop_front()
            .map(|(_, transaction)| transaction)
    }

    /// Drops the queued transactions: after a transaction that failed none may be committed.
    pub(crate) fn forget_deferred(&mut self) {
        self.deferred.clear();
    }

    /// One transaction; `None` if the process dies before it. After it, call [`Storage::end_transaction`].
    pub(crate) fn apply(
        &mut self,
        server: &ServerKey,
        ops: &[Op],
    ) -> Option<Result<(), StoreError>> {
        self.transaction(|store| store.apply(server, ops))
    }

    pub(crate) fn enqueue(&mut self, stanza: NewStanza) -> Option<Result<u64, StoreError>> {
        self.transaction(|store| store.enqueue(stanza))
    }

    fn transaction<R>(
        &mut self,
        act: impl FnOnce(&mut dyn Store) -> Result<R, StoreError>,
    ) -> Option<Result<R, StoreError>> {
        if self.killed {
            return None;
        }
        match self.turns.pass(Place::Transaction) {
            Some(Failing::KilledBefore) => {
                self.killed = true;
                return None;
            }
            Some(Failing::KilledAfter) => self.dies_after = true,
            Some(_) => return Some(Err(StoreError::Full)),
            None => {}
        }
        if let Some(Kill::AtStore {
            transaction,
            committed,
        }) = &mut self.kill
        {
            *transaction = transaction.saturating_sub(1);
            if *transaction == 0 {
                if *committed {
                    self.dies_after = true;
                } else {
                    self.killed = true;
                    return None;
                }
            }
        }
        if let Some(fails_in) = &mut self.fails_in {
            *fails_in = fails_in.saturating_sub(1);
            if *fails_in == 0 {
                self.fails_in = None;
                return Some(Err(StoreError::Full));
            }
        }
        Some(act(self.disk.store()))
    }

    /// The model has noted the transaction: a process that is to die after it dies now.
    pub(crate) fn end_transaction(&mut self) {
        self.killed |= self.dies_after;
    }

    /// Cuts the bytes of a process that dies after a number of bytes.
    pub(crate) fn spend_bytes(&mut self, bytes: &mut Vec<u8>) {
        if let Some(Kill::AfterBytes(left)) = &mut self.kill {
            if bytes.len() >= *left {
                bytes.truncate(*left);
                self.killed = true;
            }
            *left -= bytes.len().min(*left);
        }
    }
}
