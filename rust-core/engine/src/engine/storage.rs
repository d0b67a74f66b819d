//! The engine's use of the store: group commit, and requests that are answered at once.

use std::collections::VecDeque;
use std::fmt;

use snapback_proto::connection::{PersistFailure, Seq};
use snapback_proto::error::{ConnectionError, LocalError};
use snapback_proto::knowledge::{Op, OutboundKind};
use snapback_proto::plan::{Purpose, Transport};
use snapback_store::{ServerKey, StoreError, StoredSession, VaultError};

use crate::link::tls::Tls;
use crate::link::{LinkError, LinkInput, LinkOutput};
use crate::supervisor::{AfterEnd, AttemptId, Halt, Pace, Verdict, Wait};

use super::asked::{Asked, Waiting};
use super::backlog::Backlog;
use super::dropped::Dropped;
use super::sends::Refusal;
use super::{EndReason, Engine, EngineInput, EngineOutput, Opened};

/// The number of a transaction. It increases by one with each transaction, across all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

/// Transactions that were requested and are not reported yet.
#[derive(Debug)]
pub(super) struct Transactions {
    groups: bool,
    next: u64,
    open: VecDeque<Transaction>,
    /// Connections that were dropped before their last transactions were reported.
    pub(super) dropped: Vec<Dropped>,
    /// The error of the last failed transaction.
    failed: Option<StoreError>,
}

#[derive(Debug)]
struct Transaction {
    id: CommitId,
    attempt: AttemptId,
    first: Seq,
    last: Seq,
    /// How many stanzas of the app it puts into the queue.
    enqueues: usize,
    /// Whether the session ends with it.
    drops_session: bool,
    sends: Vec<Waiting>,
}

impl Transactions {
    pub(super) fn new(groups: bool) -> Self {
        Self {
            groups,
            next: 0,
            open: VecDeque::new(),
            dropped: Vec::new(),
            failed: None,
        }
    }

    /// Returns whether a transaction of this connection is not reported yet.
    pub(super) fn has_open(&self, attempt: AttemptId) -> bool {
        (self.open.iter()).any(|transaction| transaction.attempt == attempt)
    }

    /// Returns how many stanzas of the app are being put into the queue.
    pub(super) fn enqueuing(&self) -> usize {
        self.open
            .iter()
            .map(|transaction| transaction.enqueues)
            .sum()
    }
}

impl<T: Tls + Clone> Engine<T> {
    // -- transactions of the connection

    /// Group commit: combines all consecutive transactions of the link into one. Their number is bounded by the content
    /// of one read or one batch of requests.
    pub(super) fn commit(&mut self, first: Seq, mut ops: Vec<Op>) {
        let Some(attempt) = self.attempt.as_mut() else {
            return;
        };
        let mut last = first;
        while self.transactions.groups && attempt.next.is_none() {
            match attempt.link.poll_output() {
                LinkOutput::Persist { seq, ops: more } => {
                    last = seq;
                    ops.extend(more);
                }
                // The link reports it again.
                LinkOutput::Timeout { .. } => break,
                other => attempt.next = Some(other),
            }
        }
        self.gaps.note_stored(&ops);
        self.trust.note_stored(&ops);
        let id = CommitId(self.transactions.next);
        self.transactions.next = self.transactions.next.wrapping_add(1);
        let server = attempt.server.clone();
        self.transactions.open.push_back(Transaction {
            id,
            attempt: attempt.number,
            first,
            last,
            enqueues: ops
                .iter()
                .filter(|op| matches!(op, Op::Enqueue(stanza) if stanza.kind != OutboundKind::Core))
                .count(),
            drops_session: ops.iter().any(|op| matches!(op, Op::SmDropped)),
            sends: self.sends.take(),
        });
        self.outputs
            .push_back(EngineOutput::Commit { id, server, ops });
    }

    pub(super) fn committed(&mut self, id: CommitId) {
        let open = &mut self.transactions.open;
        if open.front().is_none_or(|first| first.id != id) {
            return;
        }
        let Some(transaction) = open.pop_front() else {
            return;
        };
        if transaction.drops_session {
            self.session_dropped(transaction.attempt);
        }
        for waiting in transaction.sends {
            self.answer(waiting, Ok(()));
        }
        self.finding(transaction.attempt, LinkInput::Committed(transaction.last));
        self.committed_after_drop(transaction.attempt, transaction.last);
    }

    /// Handles a failed transaction. Nothing is committed after it.
    pub(super) fn commit_failed(&mut self, id: CommitId, error: StoreError) {
        let Some(transaction) = self
            .transactions
            .open
            .front()
            .filter(|transaction| transaction.id == id)
        else {
            return;
        };
        let (attempt, first) = (transaction.attempt, transaction.first);
        self.transactions.failed = Some(error);
        self.transactions.dropped.clear();
        for transaction in std::mem::take(&mut self.transactions.open) {
            for waiting in transaction.sends {
                self.answer(waiting, Err(Refusal::Store(error)));
            }
        }
        for waiting in self.sends.take() {
            self.answer(waiting, Err(Refusal::Store(error)));
        }
        let failure = match error {
            StoreError::Full => PersistFailure::Full,
            _ => PersistFailure::Broken,
        };
        self.finding(attempt, LinkInput::PersistFailed(first, failure));
    }

    /// Returns why a link ended, with the store's own error if the store was the cause.
    pub(super) fn end_reason(&self, error: Option<LinkError>) -> EndReason {
        let Some(error) = error else {
            return EndReason::Closed;
        };
        let failed = LinkError::Connection(ConnectionError::Local(LocalError::StorageFailed));
        match self.transactions.failed {
            Some(why) if error == failed => EndReason::Store(why),
            _ => EndReason::Link(error),
        }
    }

    // -- requests to the store

    pub(super) fn ask(&mut self, asked: Asked, output: EngineOutput) {
        self.asked.push_back(asked);
        self.outputs.push_back(output);
    }

    /// Opens the store. This process owns the store while it connects or is connected; it released the store while it
    /// was suspended.
    pub(super) fn open_store(&mut self, asked: Asked) {
        self.ask(asked, EngineOutput::OpenStore);
    }

    pub(super) fn apply(&mut self, asked: Asked, ops: Vec<Op>) {
        let server = self.addresses.last_server.clone();
        let server = server.unwrap_or_else(no_server);
        self.ask(asked, EngineOutput::Apply { server, ops });
    }

    /// Confirms deliveries. If storing a confirmation fails, nothing is lost: the delivery is repeated with the same id
    /// (rule I2).
    pub(super) fn confirm(&mut self, deliveries: Vec<String>) {
        let ops = deliveries.into_iter().map(Op::Confirm).collect();
        self.apply(Asked::Applied, ops);
    }

    pub(super) fn forget_floor(&mut self) {
        self.apply(Asked::FloorForgotten, vec![Op::ForgetFloor]);
    }

    /// Handles an answer of the store. An answer that was not requested changes nothing.
    pub(super) fn store_answered(&mut self, answer: EngineInput<'_>) {
        let Some(asked) = self.asked.pop_front() else {
            return;
        };
        match (asked, answer) {
            (Asked::OpenedAtStart, EngineInput::StoreOpened(opened)) => {
                let outcome = self.opened(opened);
                self.report_store_failure(outcome);
            }
            (Asked::OpenedToWake(how), EngineInput::StoreOpened(opened)) => {
                let outcome = self.opened(opened);
                self.report_store_failure(outcome);
                self.woken(how);
            }
            (Asked::OpenedForAttempt { attempt, purpose }, EngineInput::StoreOpened(opened)) => {
                self.opened_for_attempt(attempt, purpose, opened);
            }
            (Asked::SessionForAttempt { attempt, purpose }, EngineInput::SessionRead(session)) => {
                self.session_read(attempt, purpose, session);
            }
            (Asked::SessionForStandby(beside), EngineInput::SessionRead(session)) => {
                let stored = session.ok().flatten();
                self.dial_standby(beside, stored.as_ref().map(|stored| &stored.session));
            }
            (Asked::EntropyForAttempt(attempt, endpoint), EngineInput::TransportReady { seed }) => {
                self.transport_ready(attempt, endpoint, seed)
            }
            (
                Asked::LoadedForAttempt {
                    attempt,
                    endpoint,
                    seed,
                },
                EngineInput::Loaded(knowledge),
            ) => match knowledge {
                Ok(knowledge) => self.begin(attempt, &endpoint, seed, *knowledge),
                Err(error) => {
                    self.outputs.push_back(EngineOutput::Drop);
                    self.not_begun(attempt.number, EndReason::Store(error));
                }
            },
            (Asked::LoadedForLogOut, EngineInput::Loaded(knowledge)) => {
                // Where that cannot be read, the server is asked: a token that stays valid would be worse (rule S5).
                self.looked_for_token(knowledge.map_or(true, |known| known.fast.is_some()));
            }
            (Asked::Enqueued { id, waiting }, EngineInput::Enqueued(outcome)) => {
                self.enqueued(id, waiting, outcome);
            }
            (
                asked @ (Asked::FloorForgotten
                | Asked::KeysChanged { .. }
                | Asked::PushSet { .. }
                | Asked::Forgotten),
                EngineInput::Applied(outcome),
            ) => self.applied(asked, outcome),
            (Asked::Closed, EngineInput::StoreClosed(given)) => self.store_closed(given),
            (Asked::Deliveries, EngineInput::DeliveriesRead(page)) => self.deliveries_read(page),
            // A host that gives another answer breaks the contract; the request remains open.
            (asked, _) if !matches!(asked, Asked::Applied) => self.asked.push_front(asked),
            _ => {}
        }
    }

    /// Continues after a change that the app has asked for.
    fn applied(&mut self, asked: Asked, outcome: Result<(), StoreError>) {
        match asked {
            Asked::FloorForgotten => self.report_store_failure(outcome),
            Asked::KeysChanged { ticket, change } => self.keys_changed(ticket, &change, outcome),
            Asked::PushSet { ticket, wanted } => self.push_set(ticket, wanted, outcome),
            Asked::Forgotten => self.forgotten(outcome),
            _ => {}
        }
    }

    fn opened_for_attempt(
        &mut self,
        attempt: AttemptId,
        purpose: Purpose,
        opened: Result<Opened, StoreError>,
    ) {
        if let Err(error) = self.opened(opened) {
            return self.not_begun(attempt, EndReason::Store(error));
        }
        let purpose = self.purpose_of(purpose);
        let asked = Asked::SessionForAttempt { attempt, purpose };
        self.ask(asked, EngineOutput::ReadSession);
    }

    fn session_read(
        &mut self,
        attempt: AttemptId,
        purpose: Purpose,
        session: Result<Option<StoredSession>, StoreError>,
    ) {
        match session {
            // The session that it contains must not be replaced.
            Err(error) if matches!(purpose, Purpose::ResumeOnly | Purpose::CatchUp) => {
                self.not_begun(attempt, EndReason::Store(error));
            }
            session => {
                let session = session.ok().flatten();
                self.start_dialing(attempt, purpose, session.as_ref());
            }
        }
    }

    /// Handles an opened store. I2: deliveries that another client of this store received and the app did not confirm
    /// are delivered again, with the same ids; those that this client has delivered already are not.
    fn opened(&mut self, opened: Result<Opened, StoreError>) -> Result<(), StoreError> {
        let opened = opened?;
        self.gap_found(opened.possible_gap);
        if let Some(given) = self.given.take() {
            self.backlog = Backlog::all_but(given);
        }
        Ok(())
    }

    pub(super) fn report_store_failure(&mut self, outcome: Result<(), StoreError>) {
        if let Err(error) = outcome {
            self.report_end(EndReason::Store(error), AfterEnd::of(verdict(error)), None);
        }
    }
}

/// Returns the key for a change that concerns no server.
fn no_server() -> ServerKey {
    ServerKey {
        host: String::new(),
        port: 0,
        transport: Transport::DirectTls,
    }
}

/// Returns what the store's error means for the next attempt. Most errors pass: the other process ends, the phone is
/// unlocked, space becomes free, and a new connection starts from the stored state and does not repeat the
/// contradiction. A vault error of the kind "broken" passes as well: keystores report it for many conditions that are
/// over a moment later, so the attempt is repeated at a slow pace (rule I19). A store that cannot be written requires
/// action by a person.
pub(super) fn verdict(error: StoreError) -> Verdict {
    match error {
        StoreError::ReadOnly => Verdict::Halt(Halt::Refused),
        StoreError::Vault(VaultError::Broken) => Verdict::Retry(Pace::After(Wait::Slow)),
        _ => Verdict::RETRY,
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
