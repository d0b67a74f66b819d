//! Group commit, as in `rust-core/client/src/driver/persist.rs`; and what each transaction means for the model.

use std::collections::{BTreeMap, BTreeSet};

use snapback_engine::link::tls::Tls;
use snapback_engine::link::{LinkInput, LinkOutput};
use snapback_proto::connection::Seq;
use snapback_proto::knowledge::Op;

use crate::model::Model;
use crate::network::Time;

use super::Phone;
use super::storage::Group;

impl<T: Tls + Clone> Phone<T> {
    /// Group commit. Yields what the link said next, if it did not only name a deadline.
    pub(super) fn persist(
        &mut self,
        first: Seq,
        mut ops: Vec<Op>,
        model: &mut Model,
        now: Time,
    ) -> Option<LinkOutput> {
        let attempt = self.attempt.as_mut()?;
        let mut last = first;
        let next = loop {
            if !self.groups {
                break None;
            }
            match attempt.link.poll_output() {
                LinkOutput::Persist { seq, ops: more } => {
                    last = seq;
                    ops.extend(more);
                }
                LinkOutput::Timeout { .. } => break None,
                other => break Some(other),
            }
        };
        if let Some(group) = self.storage.defer(Group { first, last, ops }, now) {
            self.commit(&group, model, now);
        }
        next
    }

    pub(super) fn commit(&mut self, group: &Group, model: &mut Model, now: Time) {
        let server = self.server();
        let Group { first, last, ops } = group;
        self.note_drop(ops, model);
        let Some(result) = self.storage.apply(&server, ops) else {
            return;
        };
        let input = match result {
            Ok(()) => {
                model.committed(ops);
                if ops.iter().any(|op| matches!(op, Op::SmDropped)) {
                    model.session_lost();
                }
                LinkInput::Committed(*last)
            }
            Err(_) => {
                model.note("commit failed", String::new);
                self.storage.forget_deferred();
                LinkInput::PersistFailed(*first, snapback_proto::connection::PersistFailure::Full)
            }
        };
        self.storage.end_transaction();
        if !self.is_killed() {
            self.input(input, model, now);
        }
    }

    pub(super) fn commit_due(&mut self, model: &mut Model, now: Time) {
        self.commit_until(now, model, now);
    }

    pub(super) fn commit_until(&mut self, until: Time, model: &mut Model, now: Time) {
        while !self.is_killed()
            && let Some(group) = self.storage.take_due(until)
        {
            self.commit(&group, model, now);
        }
    }

    pub(super) fn commit_all(&mut self, model: &mut Model, now: Time) {
        self.commit_until(Time::MAX, model, now);
    }

    /// I8: a session is given up for a reason, and what was sent in it is of unknown fate.
    pub(super) fn note_drop(&mut self, ops: &[Op], model: &mut Model) {
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
