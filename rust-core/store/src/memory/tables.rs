//! The tables, and what one change does to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use snapback_proto::jid;
use snapback_proto::knowledge::{
    ArchiveCursor, ArchiveRecheck, Delivery, FastToken, Knowledge, KnownCaps, Op, OpenSessions,
    OutboundStanza, Push, SEEN_MESSAGES, Seen, SeenMessage, ServerFacts, SmSession, Watchers,
};
use snapback_proto::sasl::{Floor, ScramKeyId, ScramKeys};
use snapback_proto::time::UnixTime;
use snapback_proto::xep::roster::{Item, Subscription};
use snapback_types::key_trust::KeyTrust;

use crate::failures::StoredFailures;
use crate::{Conflict, KnownEndpoints, MAX_CAPS, MAX_DOMAINS, Roster, ServerKey};

use super::queue::Queue;

#[derive(Clone, Default)]
pub(super) struct Tables {
    servers: BTreeMap<ServerKey, ServerFacts>,
    floor: Option<Floor>,
    key_trust: KeyTrust,
    push: Push,
    scram_keys: Option<(ScramKeyId, ScramKeys)>,
    fast: Option<FastToken>,
    fast_reserve: Option<FastToken>,
    pub(super) session: Option<SmSession>,
    pub(super) queue: Queue,
    pub(super) deliveries: Vec<Delivery>,
    /// The last one is the newest.
    caps: Vec<KnownCaps>,
    /// The last one was written last.
    endpoints: Vec<(String, KnownEndpoints)>,
    roster_version: Option<String>,
    roster: BTreeMap<String, Item>,
    pub(super) installation: Option<String>,
    pub(super) failures: StoredFailures,
    archive: Option<ArchiveCursor>,
    archive_time: Option<UnixTime>,
    archive_recheck: Option<ArchiveRecheck>,
    open_sessions: OpenSessions,
    pub(super) possible_gap: bool,
    /// One entry for each message, the newest last.
    seen: VecDeque<SeenMessage>,
}

/// Returns whether the change can contradict what is stored.
pub(super) fn may_fail(op: &Op) -> bool {
    matches!(
        op,
        Op::CountFast(_) | Op::Enqueue(_) | Op::MarkSent(_) | Op::Inbound(_)
    )
}

impl Tables {
    pub(super) fn load(&mut self, server: &ServerKey) -> Knowledge {
        if self.session.is_none() {
            self.queue.drop_core();
        }
        Knowledge {
            server: self.servers.get(server).cloned().unwrap_or_default(),
            floor: self.floor,
            key_trust: self.key_trust.clone(),
            push: self.push.clone(),
            fast: self.fast.clone(),
            scram_keys: self.scram_keys.clone(),
            caps: self.caps.clone(),
            roster_version: self.roster_version.clone(),
            watchers: Watchers::of(self.roster.values()),
            sm: self.session.clone(),
            queue: self.queue.ordered(),
            next_seq: self.queue.next_seq(),
            failures: self.failures.of(server),
            archive: self.archive.clone(),
            archive_time: self.archive_time,
            archive_recheck: self.archive_recheck.clone(),
            open_sessions: self.open_sessions,
            // Data that never leaves the process needs no key to hide it.
            seen: Seen::new([0; 32], self.seen.iter().cloned()),
            presence: None,
            open_requests: Vec::new(),
            history_queries: Vec::new(),
        }
    }

    /// Returns whether the transaction cannot fail, or can fail at its first change only. It checks the common cases
    /// only: a "no" costs a copy of everything, and nothing else.
    pub(super) fn will_take(&self, ops: &[Op]) -> bool {
        let mut next_seq = self.queue.next_seq();
        let mut simple = true;
        ops.iter().enumerate().all(|(index, op)| {
            let before = ops.get(..index).unwrap_or_default();
            let fits = match op {
                Op::Enqueue(stanza) => {
                    let is_free = stanza.seq >= next_seq;
                    next_seq = next_seq.max(stanza.seq.saturating_add(1));
                    is_free
                }
                Op::MarkSent(seqs) => seqs.iter().all(|seq| self.queue.contains(*seq)),
                Op::Inbound(delivery) => {
                    let is_it = |other: &Delivery| other.id == delivery.id;
                    let is_earlier = |op: &Op| matches!(op, Op::Inbound(other) if is_it(other));
                    !self.deliveries.iter().any(is_it) && !before.iter().any(is_earlier)
                }
                op => !may_fail(op),
            };
            // What these remove or add may be what a later change requires or must not find.
            let goes_on = simple || !may_fail(op);
            simple &= !matches!(
                op,
                Op::SmEnabled { .. } | Op::SmDropped | Op::Acked { .. } | Op::Failed(_)
            );
            index == 0 || (fits && goes_on)
        })
    }

    pub(super) fn roster(&self) -> Roster {
        Roster {
            version: self.roster_version.clone(),
            items: self.roster.values().cloned().collect(),
        }
    }

    /// Applies one change. An error leaves everything unchanged. The changes that can fail are listed in [`may_fail`].
    pub(super) fn apply(&mut self, server: &ServerKey, op: &Op) -> Result<(), Conflict> {
        match op {
            Op::LearnSecured(features) => self.facts(server).secured = Some(Arc::clone(features)),
            Op::LearnAuthenticated(features) => {
                self.facts(server).authenticated = Some(Arc::clone(features));
            }
            Op::ForgetCredentials => self.forget_credentials(),
            Op::ForgetFloor => self.floor = None,
            Op::KeyTrust(change) => self.key_trust.apply(change),
            Op::Push(change) => self.push.apply(change),
            Op::LearnCaps(known) => self.learn_caps(known),
            Op::LearnSmBeforeSasl(key) => self.facts(server).sm_before_sasl = *key,
            Op::LearnBindPipelining => self.facts(server).bind_pipelining_proven = true,
            Op::Failure(failure) => self.failures.insert(Some(server), *failure),
            Op::FailureForgotten(subject) => self.failures.succeeded(server, *subject),
            Op::ForgetServer => self.facts(server).forget(),
            Op::RaiseFloor(floor) => self.floor = Some(*floor),
            Op::StoreScramKeys(id, keys) => self.scram_keys = Some((id.clone(), keys.clone())),
            Op::DropScramKeys => self.scram_keys = None,
            Op::StoreFast(token) => self.fast_reserve = self.fast.replace(token.clone()),
            Op::CountFast(count) => self.count_fast(*count)?,
            Op::FastUsed => self.fast_reserve = None,
            Op::DropFast => self.fast = self.fast_reserve.take(),
            Op::SmEnabled { session, sent } => self.begin_session(session, sent),
            Op::SmAlive { at } => self.change_session(|session| session.alive_at = *at),
            Op::SmPending(pending) => {
                self.change_session(|session| session.pending.clone_from(pending));
            }
            Op::SmHandOver(hand_over) => {
                self.change_session(|session| session.hand_over.clone_from(hand_over));
            }
            Op::SmGreeting(greeting) => self.change_session(|session| session.greeting = *greeting),
            Op::SmDropped => self.end_session(),
            Op::Enqueue(stanza) => self.queue.enqueue(stanza.clone())?,
            Op::MarkSent(seqs) => self.queue.mark_sent(seqs, self.archive.as_ref())?,
            Op::Seen(message) => self.note_seen(message),
            Op::ArchiveCursor(cursor) => self.archive = Some(cursor.clone()),
            Op::ArchiveTime(time) => self.archive_time = Some(*time),
            Op::ArchiveRecheck(recheck) => self.archive_recheck.clone_from(recheck),
            Op::NoArchive => {
                (self.archive, self.archive_time, self.archive_recheck) = (None, None, None);
            }
            Op::OpenSessions(sessions) => self.open_sessions = *sessions,
            Op::PossibleGap(is_untold) => self.possible_gap = *is_untold,
            Op::Acked { base, seqs } => self.acked(*base, seqs),
            Op::Failed(seqs) => self.remove(seqs),
            Op::Inbound(delivery) => self.deliver(delivery)?,
            Op::CountInbound(h) => self.change_session(|session| session.h = *h),
            Op::Confirm(id) => self.deliveries.retain(|delivery| delivery.id != *id),
            Op::ReplaceRoster { version, items } => self.replace_roster(version.as_ref(), items),
            Op::PushRoster { version, item } => {
                self.roster_version.clone_from(version);
                self.push_item(item);
            }
        }
        Ok(())
    }

    fn forget_credentials(&mut self) {
        self.fast = None;
        self.fast_reserve = None;
        self.scram_keys = None;
    }

    fn count_fast(&mut self, count: u32) -> Result<(), Conflict> {
        let token = self.fast.as_mut().ok_or(Conflict::NoFastToken)?;
        token.count = token.count.max(count);
        Ok(())
    }

    fn begin_session(&mut self, session: &SmSession, sent: &[OutboundStanza]) {
        self.session = Some(session.clone());
        self.failures.session_ended();
        self.queue.begin_session(sent);
    }

    fn end_session(&mut self) {
        self.session = None;
        self.failures.session_ended();
        self.queue.end_session();
    }

    fn acked(&mut self, base: Option<u32>, seqs: &[u64]) {
        self.remove(seqs);
        if let Some(base) = base {
            self.change_session(|session| session.base = base);
        }
    }

    fn replace_roster(&mut self, version: Option<&String>, items: &[Item]) {
        self.roster_version = version.cloned();
        let key = |item: &Item| jid::prepared(&item.jid).into_owned();
        let items = items.iter().map(|item| (key(item), item.clone()));
        self.roster = items.collect();
    }

    pub(super) fn endpoints(&self, domain: &str) -> Option<KnownEndpoints> {
        let mut all = self.endpoints.iter();
        let (_, known) = all.find(|(other, _)| other == domain)?;
        Some(known.clone())
    }

    pub(super) fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) {
        self.endpoints.retain(|(other, _)| other != domain);
        self.endpoints.push((domain.to_owned(), known.clone()));
        if self.endpoints.len() as u64 > MAX_DOMAINS {
            self.endpoints.remove(0);
        }
    }

    fn learn_caps(&mut self, known: &KnownCaps) {
        let key = |caps: &KnownCaps| (caps.only.clone(), caps.hash.clone(), caps.ver.clone());
        self.caps.retain(|other| key(other) != key(known));
        self.caps.push(known.clone());
        if self.caps.len() as u64 > MAX_CAPS {
            self.caps.remove(0);
        }
    }

    fn facts(&mut self, server: &ServerKey) -> &mut ServerFacts {
        self.servers.entry(server.clone()).or_default()
    }

    fn change_session(&mut self, change: impl FnOnce(&mut SmSession)) {
        if let Some(session) = &mut self.session {
            change(session);
        }
    }

    fn remove(&mut self, seqs: &[u64]) {
        self.queue.remove(seqs);
        self.failures.stanzas_left(seqs);
    }

    fn deliver(&mut self, delivery: &Delivery) -> Result<(), Conflict> {
        if self.deliveries.iter().any(|other| other.id == delivery.id) {
            return Err(Conflict::DeliveryExists);
        }
        self.deliveries.push(delivery.clone());
        Ok(())
    }

    fn note_seen(&mut self, message: &SeenMessage) {
        self.seen.push_back(message.clone());
        if self.seen.len() as u64 > SEEN_MESSAGES {
            self.seen.pop_front();
        }
    }

    fn push_item(&mut self, item: &Item) {
        let key = jid::prepared(&item.jid);
        if item.subscription == Subscription::Remove {
            self.roster.remove(&*key);
        } else {
            self.roster.insert(key.into_owned(), item.clone());
        }
    }
}
