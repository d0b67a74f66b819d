//! What one change does to the tables.

use rusqlite::{OptionalExtension, params};
use snapback_proto::jid;
use snapback_proto::knowledge::{
    Delivery, FastToken, Knowledge, Op, OutboundStanza, Push, SmSession, Watchers,
};
use snapback_proto::xep::roster::{Item, Subscription};

use crate::failures::StoredFailures;
use crate::{Conflict, DeliveryPage, PAGE_BYTES, PAGE_ROWS, Roster, ServerKey, StoredSession};

use super::fault::Fault;
use super::record::Ledger;
use super::tables::{Tables, cell, fact};

/// Returns whether a power loss must not undo the change: it allows an `<a/>` or a `count` to be sent (rules I3, S6), or it
/// changes which keys are trusted (rule T13).
pub(super) fn must_survive_power_loss(op: &Op) -> bool {
    matches!(
        op,
        Op::Inbound(_) | Op::CountInbound(_) | Op::CountFast(_) | Op::KeyTrust(_)
    )
}

impl Tables<'_> {
    /// Returns everything that is stored, including the core's own stanzas of an earlier session.
    pub(super) fn load(&self, server: &ServerKey) -> Result<Knowledge, Fault> {
        Ok(Knowledge {
            server: self.facts(server)?,
            floor: self.cell(cell::FLOOR)?,
            key_trust: self.key_trust()?,
            push: self.cell(cell::PUSH)?.unwrap_or_default(),
            fast: self.cell(cell::FAST)?,
            scram_keys: self.cell(cell::SCRAM_KEYS)?,
            caps: self.caps()?,
            roster_version: self.hot.ledger.roster_version.clone(),
            watchers: self.hot.watchers.clone(),
            sm: self.hot.session.clone(),
            queue: self.queue()?,
            next_seq: self.hot.ledger.next_seq,
            failures: self.hot.failures.of(server),
            archive: self.hot.ledger.archive.clone(),
            archive_time: self.hot.ledger.archive_time,
            archive_recheck: self.hot.ledger.archive_recheck.clone(),
            open_sessions: self.hot.ledger.open_sessions,
            seen: self.seen()?,
            presence: None,
            open_requests: Vec::new(),
            history_queries: Vec::new(),
        })
    }

    pub(super) fn session(&self) -> Option<StoredSession> {
        let session = self.hot.session.clone();
        session.map(|session| StoredSession {
            session,
            failures: self.hot.failures.of_account().clone(),
        })
    }

    pub(super) fn roster(&self) -> Result<Roster, Fault> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT jid, value FROM roster ORDER BY jid")?;
        let mut rows = statement.query([])?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            let (jid, sealed): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            items.push(self.open_item(&jid, &sealed)?);
        }
        Ok(Roster {
            version: self.hot.ledger.roster_version.clone(),
            items,
        })
    }

    pub(super) fn undelivered(&self) -> Result<Vec<Delivery>, Fault> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT id, place, value FROM delivery ORDER BY place")?;
        let mut rows = statement.query([])?;
        let mut deliveries = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, sealed): (String, Vec<u8>) = (row.get(0)?, row.get(2)?);
            deliveries.push(self.open_delivery(&id, row.get(1)?, &sealed)?);
        }
        Ok(deliveries)
    }

    /// Returns one page of deliveries. Of the others it reads only their places.
    pub(super) fn undelivered_from(&self, first: Option<&str>) -> Result<DeliveryPage, Fault> {
        let mut statement = self.conn.prepare_cached(
            "SELECT id, place FROM delivery
             WHERE place >= ifnull((SELECT place FROM delivery WHERE id = ?1), 0)
             ORDER BY place LIMIT ?2",
        )?;
        let limit = i64::try_from(PAGE_ROWS)
            .unwrap_or(i64::MAX)
            .saturating_add(1);
        let mut rows = statement.query(params![first, limit])?;
        let mut value = self
            .conn
            .prepare_cached("SELECT value FROM delivery WHERE id = ?1")?;
        let mut page = DeliveryPage::default();
        let mut bytes = 0_usize;
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            if bytes >= PAGE_BYTES || page.deliveries.len() >= PAGE_ROWS {
                page.next = Some(id);
                break;
            }
            let sealed: Vec<u8> = value.query_row([&id], |row| row.get(0))?;
            bytes = bytes.saturating_add(sealed.len());
            let delivery = self.open_delivery(&id, row.get(1)?, &sealed)?;
            page.deliveries.push(delivery);
        }
        Ok(page)
    }

    pub(super) fn apply(&mut self, server: &ServerKey, op: &Op) -> Result<(), Fault> {
        match op {
            Op::LearnSecured(features) => self.put_fact(server, fact::SECURED, features.as_ref()),
            Op::LearnAuthenticated(features) => {
                self.put_fact(server, fact::AUTHENTICATED, features.as_ref())
            }
            Op::LearnBindPipelining => self.put_fact(server, fact::BIND_PIPELINING, &()),
            Op::Failure(failure) => self.failed(|all| all.insert(Some(server), *failure)),
            Op::FailureForgotten(subject) => self.failed(|all| all.succeeded(server, *subject)),
            Op::LearnSmBeforeSasl(Some(key)) => self.put_fact(server, fact::SM_BEFORE_SASL, key),
            Op::LearnSmBeforeSasl(None) => self.delete_fact(server, fact::SM_BEFORE_SASL),
            Op::LearnCaps(known) => self.learn_caps(known),
            Op::ForgetServer => self.forget_server(server),
            Op::RaiseFloor(floor) => self.put_cell(cell::FLOOR, floor),
            Op::ForgetFloor => self.delete_cell(cell::FLOOR),
            Op::KeyTrust(change) => self.change_key_trust(|trust| trust.apply(change)),
            Op::Push(change) => self.change_cell(cell::PUSH, |push: &mut Push| push.apply(change)),
            Op::ForgetCredentials => self.forget_credentials(),
            Op::StoreScramKeys(id, keys) => {
                self.put_cell(cell::SCRAM_KEYS, &(id.clone(), keys.clone()))
            }
            Op::DropScramKeys => self.delete_cell(cell::SCRAM_KEYS),
            Op::StoreFast(token) => self.store_fast(token),
            Op::CountFast(count) => self.count_fast(*count),
            Op::FastUsed => self.delete_cell(cell::FAST_RESERVE),
            Op::DropFast => self.drop_fast(),
            Op::SmEnabled { session, sent } => self.enabled(session, sent),
            Op::SmAlive { at } => self.change_session(|session| session.alive_at = *at),
            Op::SmPending(pending) => {
                self.change_session(|session| session.pending.clone_from(pending))
            }
            Op::SmHandOver(hand_over) => {
                self.change_session(|session| session.hand_over.clone_from(hand_over))
            }
            Op::SmGreeting(greeting) => self.change_session(|session| session.greeting = *greeting),
            Op::SmDropped => {
                self.set_session(None);
                self.end_session()
            }
            Op::Enqueue(stanza) => self.enqueue(stanza),
            Op::MarkSent(seqs) => self.mark_sent(seqs),
            Op::Acked { base, seqs } => self.acked(*base, seqs),
            Op::Failed(seqs) => self.gone(seqs),
            Op::Inbound(delivery) => self.deliver(delivery),
            Op::CountInbound(h) => self.change_session(|session| session.h = *h),
            Op::Confirm(id) => self.confirm(id),
            Op::Seen(message) => self.note_seen(message),
            Op::ArchiveCursor(cursor) => self.note(|ledger| ledger.archive = Some(cursor.clone())),
            Op::ArchiveTime(time) => self.note(|ledger| ledger.archive_time = Some(*time)),
            Op::ArchiveRecheck(recheck) => {
                self.note(|ledger| ledger.archive_recheck.clone_from(recheck))
            }
            Op::NoArchive => self.note(Ledger::forget_archive),
            Op::OpenSessions(sessions) => self.note(|ledger| ledger.open_sessions = *sessions),
            Op::PossibleGap(is_untold) => self.note(|ledger| ledger.possible_gap = *is_untold),
            Op::ReplaceRoster { version, items } => self.replace_roster(version.as_ref(), items),
            Op::PushRoster { version, item } => self.push_roster(version.as_ref(), item),
        }
    }

    fn failed(&mut self, change: impl FnOnce(&mut StoredFailures)) -> Result<(), Fault> {
        change(&mut self.hot.failures);
        Ok(())
    }

    fn note(&mut self, change: impl FnOnce(&mut Ledger)) -> Result<(), Fault> {
        change(&mut self.hot.ledger);
        Ok(())
    }

    fn enabled(&mut self, session: &SmSession, sent: &[OutboundStanza]) -> Result<(), Fault> {
        self.set_session(Some(session.clone()));
        self.begin_session(sent)
    }

    fn acked(&mut self, base: Option<u32>, seqs: &[u64]) -> Result<(), Fault> {
        self.gone(seqs)?;
        base.map_or(Ok(()), |base| self.change_session(|sm| sm.base = base))
    }

    fn gone(&mut self, seqs: &[u64]) -> Result<(), Fault> {
        self.hot.failures.stanzas_left(seqs);
        self.remove_all(seqs)
    }

    fn forget_server(&self, server: &ServerKey) -> Result<(), Fault> {
        [
            fact::SECURED,
            fact::AUTHENTICATED,
            fact::BIND_PIPELINING,
            fact::SM_BEFORE_SASL,
        ]
        .into_iter()
        .try_for_each(|fact| self.delete_fact(server, fact))
    }

    fn forget_credentials(&self) -> Result<(), Fault> {
        [cell::FAST, cell::FAST_RESERVE, cell::SCRAM_KEYS]
            .into_iter()
            .try_for_each(|name| self.delete_cell(name))
    }

    fn store_fast(&self, token: &FastToken) -> Result<(), Fault> {
        self.move_token(cell::FAST, cell::FAST_RESERVE)?;
        self.put_cell(cell::FAST, token)
    }

    fn drop_fast(&self) -> Result<(), Fault> {
        self.move_token(cell::FAST_RESERVE, cell::FAST)?;
        self.delete_cell(cell::FAST_RESERVE)
    }

    /// Moves a token to the other slot. If this slot is empty, the other one is empty afterwards.
    fn move_token(&self, from: &str, to: &str) -> Result<(), Fault> {
        match self.cell::<FastToken>(from)? {
            Some(token) => self.put_cell(to, &token),
            None => self.delete_cell(to),
        }
    }

    fn count_fast(&self, count: u32) -> Result<(), Fault> {
        let mut token: FastToken = self.cell(cell::FAST)?.ok_or(Conflict::NoFastToken)?;
        token.count = token.count.max(count);
        self.put_cell(cell::FAST, &token)
    }

    pub(super) fn set_session(&mut self, session: Option<SmSession>) {
        self.hot.session = session;
        self.hot.failures.session_ended();
        self.session_changed = true;
    }

    fn change_session(&mut self, change: impl FnOnce(&mut SmSession)) -> Result<(), Fault> {
        if let Some(session) = &mut self.hot.session {
            change(session);
            self.session_changed = true;
        }
        Ok(())
    }

    pub(super) fn remove_all(&mut self, seqs: &[u64]) -> Result<(), Fault> {
        seqs.iter().try_for_each(|seq| self.remove(*seq))
    }

    fn deliver(&mut self, delivery: &Delivery) -> Result<(), Fault> {
        let place = self.hot.ledger.next_delivery;
        if !self.insert_delivery(delivery, place)? {
            return Err(Conflict::DeliveryExists.into());
        }
        let ledger = &mut self.hot.ledger;
        ledger.next_delivery = place.saturating_add(1);
        ledger.deliveries.add(place);
        Ok(())
    }

    pub(super) fn confirm(&mut self, id: &str) -> Result<(), Fault> {
        let place: Option<i64> = self
            .conn
            .prepare_cached("DELETE FROM delivery WHERE id = ?1 RETURNING place")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        if let Some(place) = place {
            self.hot.ledger.deliveries.remove(place.cast_unsigned());
        }
        Ok(())
    }

    fn replace_roster(&mut self, version: Option<&String>, items: &[Item]) -> Result<(), Fault> {
        self.conn
            .prepare_cached("DELETE FROM roster")?
            .execute([])?;
        for item in items {
            self.put_item(item)?;
        }
        // Counted, not taken from the list: a server may name an item twice.
        let count: i64 = self
            .conn
            .prepare_cached("SELECT count(*) FROM roster")?
            .query_row([], |row| row.get(0))?;
        let ledger = &mut self.hot.ledger;
        ledger.roster_version = version.cloned();
        ledger.roster_items = count.cast_unsigned();
        self.hot.watchers = Watchers::of(items);
        Ok(())
    }

    fn push_roster(&mut self, version: Option<&String>, item: &Item) -> Result<(), Fault> {
        let gone = self
            .conn
            .prepare_cached("DELETE FROM roster WHERE jid = ?1")?
            .execute(params![jid::prepared(&item.jid)])?;
        self.hot.watchers.note(item);
        let mut count = self.hot.ledger.roster_items.saturating_sub(gone as u64);
        if item.subscription != Subscription::Remove {
            self.put_item(item)?;
            count = count.saturating_add(1);
        }
        let ledger = &mut self.hot.ledger;
        ledger.roster_version = version.cloned();
        ledger.roster_items = count;
        Ok(())
    }
}
