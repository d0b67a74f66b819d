//! The smallest store that could possibly work: applies what a connection wants remembered.

use crate::knowledge::{Delivery, Knowledge, Op, OutboundStanza};

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) knowledge: Knowledge,
    pub(super) inbound: Vec<Delivery>,
    pub(super) ops: Vec<Op>,
    /// The same, by transactions.
    pub(super) transactions: Vec<Vec<Op>>,
}

impl Memory {
    pub(super) fn apply(&mut self, ops: &[Op]) {
        self.transactions.push(ops.to_vec());
        for op in ops {
            self.change(op);
            self.ops.push(op.clone());
        }
    }

    fn change(&mut self, op: &Op) {
        let knowledge = &mut self.knowledge;
        match op.clone() {
            Op::LearnSecured(features) => knowledge.server.secured = Some(features),
            Op::LearnAuthenticated(features) => knowledge.server.authenticated = Some(features),
            Op::LearnBindPipelining => knowledge.server.bind_pipelining_proven = true,
            Op::Failure(failure) => knowledge.failures.insert(failure),
            Op::FailureForgotten(subject) => {
                knowledge.failures.succeeded(subject);
            }
            Op::ForgetCredentials => {
                knowledge.fast = None;
                knowledge.scram_keys = None;
            }
            Op::ForgetFloor => knowledge.floor = None,
            Op::KeyTrust(change) => knowledge.key_trust.apply(&change),
            Op::Push(change) => knowledge.push.apply(&change),
            Op::LearnCaps(known) => knowledge.caps.push(known),
            Op::LearnSmBeforeSasl(key) => knowledge.server.sm_before_sasl = key,
            Op::ForgetServer => {
                knowledge.server.forget();
            }
            Op::RaiseFloor(floor) => knowledge.floor = Some(floor),
            Op::StoreFast(token) => knowledge.fast = Some(token),
            Op::CountFast(count) => {
                if let Some(token) = &mut knowledge.fast {
                    token.count = count;
                }
            }
            Op::FastUsed => {}
            Op::DropFast => knowledge.fast = None,
            Op::DropScramKeys => knowledge.scram_keys = None,
            Op::StoreScramKeys(id, keys) => knowledge.scram_keys = Some((id, keys)),
            Op::SmEnabled { session, sent } => {
                knowledge.sm = Some(session);
                knowledge.failures.session_ended();
                for stanza in sent {
                    self.remove(&[stanza.seq]);
                    self.insert(stanza);
                }
            }
            Op::SmPending(pending) => {
                if let Some(session) = &mut knowledge.sm {
                    session.pending = pending;
                }
            }
            Op::SmAlive { at } => {
                if let Some(session) = &mut knowledge.sm {
                    session.alive_at = at;
                }
            }
            Op::SmHandOver(hand_over) => {
                if let Some(session) = &mut knowledge.sm {
                    session.hand_over = hand_over;
                }
            }
            Op::SmGreeting(greeting) => {
                if let Some(session) = &mut knowledge.sm {
                    session.greeting = greeting;
                }
            }
            Op::SmDropped => {
                knowledge.sm = None;
                knowledge.failures.session_ended();
                knowledge
                    .queue
                    .retain(|stanza| !stanza.sent || stanza.outlives_session());
                for stanza in &mut knowledge.queue {
                    stanza.note_session_lost();
                }
            }
            Op::Enqueue(stanza) => self.insert(stanza),
            Op::MarkSent(seqs) => {
                for stanza in &mut knowledge.queue {
                    if seqs.contains(&stanza.seq) {
                        stanza.note_sent(knowledge.archive.as_ref());
                    }
                }
            }
            Op::Acked { base, seqs } => {
                if let (Some(session), Some(base)) = (&mut knowledge.sm, base) {
                    session.base = base;
                }
                self.remove(&seqs);
            }
            Op::Failed(seqs) => self.remove(&seqs),
            Op::Inbound(delivery) => self.inbound.push(delivery),
            Op::CountInbound(h) => {
                if let Some(session) = &mut knowledge.sm {
                    session.h = h;
                }
            }
            Op::Confirm(_) => {}
            Op::Seen(message) => knowledge.seen.insert(&message),
            Op::ArchiveCursor(cursor) => knowledge.archive = Some(cursor),
            Op::ArchiveTime(time) => knowledge.archive_time = Some(time),
            Op::ArchiveRecheck(recheck) => knowledge.archive_recheck = recheck,
            Op::NoArchive => {
                knowledge.archive = None;
                knowledge.archive_time = None;
                knowledge.archive_recheck = None;
            }
            Op::OpenSessions(sessions) => knowledge.open_sessions = sessions,
            Op::PossibleGap(_) => {}
            Op::ReplaceRoster { version, items } => {
                knowledge.roster_version = version;
                knowledge.watchers = crate::knowledge::Watchers::of(&items);
            }
            Op::PushRoster { version, item } => {
                knowledge.roster_version = version;
                knowledge.watchers.note(&item);
            }
        }
    }

    fn insert(&mut self, stanza: OutboundStanza) {
        let knowledge = &mut self.knowledge;
        knowledge.next_seq = knowledge.next_seq.max(stanza.seq + 1);
        let sent = knowledge.queue.iter().filter(|other| other.sent).count();
        let place = if stanza.sent {
            sent
        } else {
            knowledge.queue.len()
        };
        knowledge.queue.insert(place, stanza);
    }

    fn remove(&mut self, seqs: &[u64]) {
        self.knowledge.failures.stanzas_left(seqs);
        self.knowledge
            .queue
            .retain(|stanza| !seqs.contains(&stanza.seq));
    }
}
