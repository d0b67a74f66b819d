//! What the driver does with the store: group commit, the lease, what came while another process had it.

use snapback_proto::connection::{PersistFailure, Seq};
use snapback_proto::error::{ConnectionError, LocalError};
use snapback_proto::knowledge::Op;
use snapback_resolver::StoredAnswer;
use snapback_session::link::{LinkError, LinkInput, LinkOutput};
use snapback_session::supervisor::Ending;
use snapback_store::{ServerKey, StoreError, VaultError};

use super::backlog::Backlog;
use super::{Driver, attempt};
use crate::event::{EndReason, Event};

impl Driver {
    /// Group commit: all transactions that the link asks for in a row are one. How many these can be is bounded by what
    /// one read or one batch of requests holds. Yields what the link said next, if it did not only name a deadline.
    pub(super) fn commit(&mut self, first: Seq, mut ops: Vec<Op>) -> Option<LinkOutput> {
        let now = self.clock.now();
        let attempt = self.state.attempt.as_mut()?;
        let mut last = first;
        let next = loop {
            match attempt.link.poll_output() {
                LinkOutput::Persist { seq, ops: more } => {
                    last = seq;
                    ops.extend(more);
                }
                // It will be named again.
                LinkOutput::Timeout { .. } => break None,
                other => break Some(other),
            }
        };
        let input = match self.store.apply(&attempt.server, &ops) {
            Ok(()) => {
                if ops.iter().any(|op| matches!(op, Op::SmDropped)) {
                    self.state.iqs.session_lost();
                }
                LinkInput::Committed(last)
            }
            Err(error) => {
                self.state.failed_commit = Some(error);
                LinkInput::PersistFailed(first, persist_failure(error))
            }
        };
        attempt.link.handle_input(input, now);
        next
    }

    /// Why a link ended, with the store's own reason where it was the store.
    pub(super) fn end_reason(&self, error: Option<LinkError>) -> EndReason {
        let Some(error) = error else {
            return EndReason::Closed;
        };
        let failed = LinkError::Connection(ConnectionError::Local(LocalError::StorageFailed));
        match self.state.failed_commit {
            Some(why) if error == failed => EndReason::Store(why),
            _ => EndReason::Link(error),
        }
    }

    /// The store is this process's while it connects and is connected, and was let go while it slept.
    pub(super) fn open_store(&mut self) -> Result<(), StoreError> {
        let report = self.store.reopen()?;
        if report.may_have_lost_stanzas() {
            self.events.push(Event::PossibleGap);
        }
        if let Some(told) = self.state.told.take() {
            self.state.backlog = Backlog::all_but(told);
            self.tell_backlog();
        }
        Ok(())
    }

    /// Lets go of the store. A phone kills a suspended app that holds a file lock.
    pub(super) fn close_store(&mut self) {
        // Closed twice, the first time counts.
        if self.state.told.is_none() {
            self.state.told = Some(self.told());
        }
        // What could not be written stays unsaid to the server, too, so it comes again.
        let _ = self.store.close();
    }

    pub(super) fn store_failed(&self, error: StoreError) {
        self.events.push(Event::Ended {
            reason: EndReason::Store(error),
            plan: None,
        });
    }

    /// S10: where the next process need not ask.
    pub(super) fn looked_up(&mut self, answer: &StoredAnswer) {
        let known = crate::endpoints::remember(answer);
        // What is not stored is looked up again.
        let _ = self.store.set_endpoints(&self.domain, &known);
    }

    pub(super) fn apply(&mut self, ops: &[Op]) -> Result<(), StoreError> {
        let server = self.last_server();
        self.store.apply(&server, ops)
    }

    /// A confirmation that is not stored is no loss: the delivery comes again, with the same id (rule I2).
    pub(super) fn confirm(&mut self, deliveries: Vec<String>) {
        let ops: Vec<Op> = deliveries.into_iter().map(Op::Confirm).collect();
        let _ = self.apply(&ops);
    }

    /// Whether this account was ever logged in.
    pub(super) fn was_logged_in(&mut self) -> bool {
        let server = self.last_server();
        let known = self.store.load(&server);
        known.is_ok_and(|known| known.was_logged_in())
    }

    pub(super) fn last_server(&self) -> ServerKey {
        let last = self.state.last_server.clone();
        last.unwrap_or_else(attempt::no_server)
    }
}

/// What the store's error means for the next attempt. Most pass: the other process ends, the phone is unlocked, room is made, and
/// what contradicts the store is not said again by a connection that starts from it. So does what a vault calls broken: keystores
/// say so of much that is over a moment later, and it is tried again slowly (rule I19). A store that cannot be written needs a
/// person.
pub(super) fn ending(error: StoreError) -> Ending {
    let is_vault = error == StoreError::Vault(VaultError::Broken);
    Ending {
        retryable: error != StoreError::ReadOnly && !is_vault,
        passing: is_vault,
        ..Ending::default()
    }
}

fn persist_failure(error: StoreError) -> PersistFailure {
    match error {
        StoreError::Full => PersistFailure::Full,
        _ => PersistFailure::Broken,
    }
}
