//! Transactions, and what each means for the model.

use std::collections::{BTreeMap, BTreeSet};

use snapback_engine::EngineInput;
use snapback_engine::link::tls::Tls;
use snapback_proto::knowledge::Op;
use snapback_store::{NewStanza, ServerKey, StoreError};

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;

use super::Phone;
use super::storage::Transaction;

impl<T: Tls + Clone> Phone<T> {
    pub(super) fn commit(&mut self, transaction: &Transaction, model: &mut Model, now: Time) {
        let Transaction { id, server, ops } = transaction;
        self.note_drop(ops, model);
        let Some(result) = self.storage.apply(server, ops) else {
            return;
        };
        let input = match result {
            Ok(()) => {
                model.committed(ops);
                EngineInput::Committed(*id)
            }
            Err(error) => {
                model.note("commit failed", String::new);
                self.storage.forget_deferred();
                EngineInput::CommitFailed(*id, error)
            }
        };
        self.storage.end_transaction();
        if !self.is_killed() {
            self.input(input, model, now);
        }
    }

    pub(super) fn commit_until(&mut self, until: Time, model: &mut Model, now: Time) {
        while !self.is_killed()
            && let Some(transaction) = self.storage.take_due(until)
        {
            self.commit(&transaction, model, now);
        }
    }

    /// Applies a change that no connection requested; `None` if the process dies before it.
    pub(super) fn apply(
        &mut self,
        server: &ServerKey,
        ops: &[Op],
        model: &mut Model,
        coverage: &mut Coverage,
    ) -> Option<Result<(), StoreError>> {
        let is_log_out = ops.iter().any(|op| matches!(op, Op::ForgetCredentials));
        if is_log_out {
            self.note_token(server, model, coverage);
        }
        self.note_drop(ops, model);
        let outcome = self.storage.apply(server, ops);
        if matches!(outcome, Some(Ok(()))) {
            model.committed(ops);
        }
        self.storage.end_transaction();
        if is_log_out && matches!(outcome, Some(Ok(()))) {
            self.check_forgotten(server, model);
            coverage.event("logged out");
        }
        outcome
    }

    pub(super) fn enqueue(
        &mut self,
        stanza: NewStanza,
        model: &mut Model,
    ) -> Option<Result<(), StoreError>> {
        let id = stanza.id().to_owned();
        let outcome = self.storage.enqueue(stanza);
        if let Some(Ok(seq)) = outcome {
            model.queued(seq, &id);
        }
        self.storage.end_transaction();
        Some(outcome?.map(drop))
    }

    /// A token that is gone before it is removed here was revoked.
    fn note_token(&mut self, server: &ServerKey, model: &mut Model, coverage: &mut Coverage) {
        let known = self.storage.store().load(server);
        let has_token = known.is_ok_and(|known| known.fast.is_some());
        self.app.forgets(has_token, model);
        if self.app.is_turning_in && !has_token {
            coverage.event("token revoked");
        }
    }

    /// S5, S3: nothing is left that a server would accept as a login, or with which some would resume without one.
    fn check_forgotten(&mut self, server: &ServerKey, model: &mut Model) {
        let Ok(known) = self.storage.store().load(server) else {
            return;
        };
        if known.fast.is_some() || known.scram_keys.is_some() {
            model.broken("S5", || "a log out left what could log in".to_owned());
        } else if known.sm.is_some() {
            model.broken("I14", || "a log out left a session".to_owned());
        }
    }

    /// I8: a session is dropped for a reason, and the fate of what was sent in it is unknown.
    fn note_drop(&mut self, ops: &[Op], model: &mut Model) {
        let ends = |op: &Op| matches!(op, Op::SmDropped | Op::SmEnabled { .. });
        if !ops.iter().any(ends) {
            return;
        }
        let store = self.storage.store();
        let nothing = matches!(store.session(), Ok(None)) && matches!(store.queue_len(), Ok(0));
        if nothing && !ops.iter().any(|op| matches!(op, Op::Enqueue(_))) {
            return;
        }
        let server = self.server();
        let Ok(knowledge) = self.storage.store().load(&server) else {
            return;
        };
        let mut ids: BTreeMap<u64, String> = BTreeMap::new();
        let mut sent: BTreeSet<u64> = BTreeSet::new();
        for stanza in knowledge.queue {
            if stanza.sent {
                sent.insert(stanza.seq);
            }
            ids.insert(stanza.seq, stanza.id);
        }
        let mut unknown: Vec<u64> = Vec::new();
        for op in ops {
            match op {
                Op::Enqueue(stanza) => {
                    ids.insert(stanza.seq, stanza.id.clone());
                    sent.extend(stanza.sent.then_some(stanza.seq));
                }
                Op::MarkSent(seqs) => sent.extend(seqs),
                Op::Acked { seqs, .. } | Op::Failed(seqs) => {
                    sent.retain(|seq| !seqs.contains(seq));
                }
                Op::SmDropped => unknown.extend(std::mem::take(&mut sent)),
                Op::SmEnabled { sent: kept, .. } => {
                    let kept: BTreeSet<u64> = kept.iter().map(|stanza| stanza.seq).collect();
                    unknown.extend(sent.difference(&kept));
                    sent = kept;
                }
                _ => {}
            }
        }
        let unknown: Vec<&str> = unknown
            .iter()
            .filter_map(|seq| ids.get(seq))
            .map(String::as_str)
            .collect();
        if knowledge.sm.is_some() || !unknown.is_empty() {
            model.fate_unknown(unknown.into_iter());
        }
    }
}
