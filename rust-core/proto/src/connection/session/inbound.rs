//! Inbound stanzas: committed and counted first, then delivered or answered.

use crate::jid;
use crate::knowledge::{
    Delivery, Greeting, KnownCaps, Op, PendingIq, PendingKind, StanzaName, Watchers,
};
use crate::ns;
use crate::stanza::{self, ErrorType, StanzaCondition, StanzaError};
use crate::xep::blocking::BlockListChange;
use crate::xep::caps::{Caps, CapsCheck};
use crate::xep::carbons::{self, Carbon, Direction};
use crate::xep::disco::Info;
use crate::xep::mam::Archived;
use crate::xep::ping;
use crate::xep::roster::{self, PushError, RosterResult};
use crate::xml::{Element, Refusal, RefusedStanza};

use crate::connection::output::{Event, Seq};
use crate::connection::remote::Remote;
use crate::connection::session::archive::{FromArchive, is_archive};
use crate::connection::session::dedup::{Ids, Verdict};
use crate::connection::session::history::{self, History};
use crate::connection::session::queued::part_of;
use crate::connection::session::state::{Session, SessionStage, Sm};
use crate::connection::session::visibility;

/// An answer may be as large as a roster. One that is larger than any server's roster is not kept.
const MAX_CAPS_BYTES: usize = 64 * 1024;

impl Session {
    pub(super) fn stanza(&mut self, element: &Element, remote: &mut Remote) {
        let name = StanzaName::of(element);
        remote.env.understood(part_of(name));
        self.count();
        match name {
            StanzaName::Iq if stanza::is_request(element) => self.request(element, remote),
            StanzaName::Iq => self.response(element, remote),
            StanzaName::Message => self.received(element, remote),
            StanzaName::Presence => {
                let delivery = delivery(element.clone(), None, Verdict::New, remote);
                self.hand_over(delivery, Vec::new(), remote);
            }
        }
    }

    /// I1, I6: stanzas count from `<enabled/>` on.
    pub(super) fn count(&mut self) {
        if self.sm == Sm::On {
            self.h = self.h.wrapping_add(1);
        }
    }

    fn counted(&self) -> Option<u32> {
        (self.sm == Sm::On).then_some(self.h)
    }

    /// Stores the changes that a stanza brings together with the count that includes it, in one transaction.
    pub(super) fn commit(&mut self, mut ops: Vec<Op>, remote: &mut Remote) -> Seq {
        if let Some(h) = self.counted() {
            ops.push(Op::CountInbound(h));
        }
        if std::mem::take(&mut self.is_pending_answered) && self.sm == Sm::On {
            ops.push(Op::SmPending(self.pending.clone()));
        }
        let seq = remote.env.persist(ops);
        self.last_inbound = Some(seq);
        seq
    }

    fn received(&mut self, message: &Element, remote: &mut Remote) {
        match history::judge(message, remote) {
            History::No => {}
            History::Abandoned => {
                self.commit(Vec::new(), remote);
                return;
            }
            History::Result(id) => {
                let seq = self.commit(Vec::new(), remote);
                let message = message.clone();
                let event = Event::HistoryResult { id, message };
                return remote.env.event_after(Some(seq), event);
            }
        }
        match self.judge_result(message, remote) {
            FromArchive::No => self.message(message, remote),
            FromArchive::Worthless => {
                self.commit(Vec::new(), remote);
            }
            FromArchive::Result(archived) => self.archived(archived, remote),
        }
    }

    fn message(&mut self, message: &Element, remote: &mut Remote) {
        let own = remote.env.config.account.to_string();
        let Ok(copied) = carbons::unwrap(message, &own).transpose() else {
            return self.drop_forged(remote);
        };
        let (carbon, message) = match copied {
            Some((carbon, message)) => (Some(carbon), message),
            None => (None, message.clone()),
        };
        let ids = Ids::of_live(&message, carbon.as_ref(), &self.archive, remote);
        let verdict = ids.verdict(remote);
        if verdict == Verdict::Duplicate {
            self.commit(Vec::new(), remote);
            return;
        }
        let delivery = delivery(message, carbon, verdict, remote);
        let mut ops: Vec<Op> = ids.note(&delivery.id, remote).into_iter().collect();
        // I23: without presence, it says nothing about the messages before it.
        let newest = ids.newest().filter(|_| self.greeting == Greeting::Sent);
        if let Some(cursor) = newest.and_then(|id| self.archive.live(id)) {
            let before = remote.knowledge.archive.replace(cursor.clone());
            ops.push(Op::ArchiveCursor(cursor));
            self.plan_look_for_time(before, remote);
        }
        self.hand_over(delivery, ops, remote);
    }

    /// Processes a message from the archive: received, or sent by this account.
    fn archived(&mut self, archived: Archived, remote: &mut Remote) {
        let own = remote.env.config.account.to_string();
        let message = &archived.message;
        let is_own = |name| {
            let address = message.attr(name).map(jid::prepared_bare);
            address.is_some_and(|address| address == own)
        };
        // A message from the account to itself is also an inbound message.
        let is_ours = is_own("from") && !is_own("to");
        if is_ours && self.has_arrived(message, remote) {
            return;
        }
        let ids = Ids::of_archived(&archived.id, message, is_ours, remote);
        let verdict = ids.verdict(remote);
        if verdict == Verdict::Duplicate {
            self.commit(Vec::new(), remote);
            return;
        }
        let (carbon, stanza) = if is_ours {
            let carbon = Carbon {
                direction: Direction::Sent,
                delay: archived.delay,
            };
            (Some(carbon), archived.message)
        } else {
            let live = archived.into_live(&own);
            match carbons::unwrap(&live, &own).transpose() {
                Ok(Some((carbon, copied))) => (Some(carbon), copied),
                Ok(None) => (None, live),
                Err(_) => return self.drop_forged(remote),
            }
        };
        let delivery = Delivery {
            is_archived: true,
            ..delivery(stanza, carbon, verdict, remote)
        };
        let ops = ids.note(&delivery.id, remote).into_iter().collect();
        self.hand_over(delivery, ops, remote);
    }

    /// T7: a carbon that is not from the account, or cannot be read, is counted and reported. It is not stored.
    fn drop_forged(&mut self, remote: &mut Remote) {
        self.commit(Vec::new(), remote);
        remote.env.event(Event::PeerFault("forged carbon"));
    }

    /// Delivers to the app, once committed.
    fn hand_over(&mut self, delivery: Delivery, mut ops: Vec<Op>, remote: &mut Remote) {
        ops.push(Op::Inbound(delivery.clone()));
        let seq = self.commit(ops, remote);
        remote.env.event_after(Some(seq), Event::Stanza(delivery));
    }

    /// Every request gets an answer (RFC 6120 8.2.3).
    fn request(&mut self, iq: &Element, remote: &mut Remote) {
        let account = remote.env.config.account.to_string();
        if let Some(push) = roster::Push::parse(iq, &account) {
            return self.roster_push(iq, push, remote);
        }
        if let Some(push) = BlockListChange::parse(iq, &account, self.jid.as_deref()) {
            return self.block_list_push(iq, push, remote);
        }
        let answer = if self.may_see_us(iq.attr("from"), remote) {
            let disco = self
                .own_caps(&remote.env.config)
                .and_then(|own| own.answer(iq));
            match disco {
                Some(answer) => answer,
                None if ping::is_ping(iq) => stanza::result_reply(iq),
                None if self.is_for_app(iq, remote) => return self.pass_to_app(iq, remote),
                None => refusal(iq, ErrorType::Cancel, StanzaCondition::ServiceUnavailable),
            }
        } else {
            visibility::as_if_absent(iq)
        };
        self.commit(Vec::new(), remote);
        self.answer(iq, answer, remote);
        self.request_ack(remote);
    }

    /// S8: item and version are committed together, and only a push without `from` or from the account is accepted.
    fn roster_push(
        &mut self,
        iq: &Element,
        push: Result<roster::Push, PushError>,
        remote: &mut Remote,
    ) {
        let answer = match push {
            Ok(push) => {
                remote.knowledge.roster_version.clone_from(&push.ver);
                remote.knowledge.watchers.note(&push.item);
                let ops = vec![Op::PushRoster {
                    version: push.ver,
                    item: push.item,
                }];
                let seq = self.commit(ops, remote);
                remote.env.event_after(Some(seq), Event::RosterChanged);
                stanza::result_reply(iq)
            }
            Err(error) => {
                self.commit(Vec::new(), remote);
                remote.env.event(Event::PeerFault("roster push"));
                let condition = match error {
                    PushError::Forged => StanzaCondition::ServiceUnavailable,
                    PushError::Malformed(_) => StanzaCondition::BadRequest,
                };
                refusal(iq, ErrorType::Cancel, condition)
            }
        };
        self.answer(iq, answer, remote);
        self.request_ack(remote);
    }

    /// T7: an answer is matched by id and by sender.
    fn response(&mut self, iq: &Element, remote: &mut Remote) {
        let is_ending = self.stage == SessionStage::Ending;
        if !is_ending && self.is_from_account(iq, remote) && self.start_answered(iq, remote) {
            return;
        }
        if self.is_from_account(iq, remote) && self.ping_answered(iq, remote) {
            self.commit(Vec::new(), remote);
            return;
        }
        let owed = self
            .pending
            .iter()
            .position(|pending| Some(pending.id.as_str()) == iq.attr("id"));
        let pending = match owed {
            Some(index) if self.is_from_account(iq, remote) => self.pending.remove(index),
            _ => {
                history::answered(iq, remote);
                let seq = self.commit(Vec::new(), remote);
                remote
                    .env
                    .event_after(Some(seq), Event::IqAnswer(iq.clone()));
                return;
            }
        };
        self.core_response(&pending, iq, remote);
    }

    fn core_response(&mut self, pending: &PendingIq, iq: &Element, remote: &mut Remote) {
        self.request_answered(&pending.id, remote);
        self.is_pending_answered = !is_archive(pending.kind);
        if is_archive(pending.kind) {
            // The query followed the presence.
            self.queue_received_before_answer();
            self.missed.report_stored_gap(&mut remote.env);
        }
        match pending.kind {
            PendingKind::Roster => self.roster_result(iq, remote),
            PendingKind::ServerDisco => self.server_info(iq, remote),
            // A refusal of carbons is ignored.
            PendingKind::Carbons => {
                self.commit(Vec::new(), remote);
            }
            // The next session queries it again, from the cursor on.
            kind if is_archive(kind) && self.stage == SessionStage::Ending => {
                self.commit(Vec::new(), remote);
            }
            PendingKind::ArchivePage | PendingKind::ArchiveTime | PendingKind::ArchiveBack => {
                self.archive_page(&pending.id, iq, remote)
            }
            PendingKind::ArchiveEnd => self.archive_end(&pending.id, iq, remote),
            PendingKind::PushEnable => self.push_enabled(iq, remote),
            PendingKind::PushDisable => self.push_disabled(&pending.id, remote),
        }
    }

    fn roster_result(&mut self, iq: &Element, remote: &mut Remote) {
        match roster::parse_result(iq) {
            RosterResult::Full {
                ver: version,
                items,
                unreadable,
            } if StanzaError::of(iq).is_none() => {
                if unreadable > 0 {
                    remote.env.event(Event::PeerFault("roster item"));
                }
                remote.knowledge.roster_version.clone_from(&version);
                remote.knowledge.watchers = Watchers::of(&items);
                let seq = self.commit(vec![Op::ReplaceRoster { version, items }], remote);
                remote.env.event_after(Some(seq), Event::RosterChanged);
            }
            // An empty result means that the stored roster is up to date.
            _ => {
                self.commit(Vec::new(), remote);
            }
        }
    }

    /// S9: features that match the caps are known for any entity that shows them; those that do not, for this server only.
    fn server_info(&mut self, iq: &Element, remote: &mut Remote) {
        let Ok(info) = Info::parse_result(iq) else {
            self.commit(Vec::new(), remote);
            return;
        };
        let learnt = remote
            .server_caps()
            .and_then(|caps| learnt(caps, &info, remote.env.domain()));
        remote.knowledge.caps.extend(learnt.clone());
        let ops = learnt.map(Op::LearnCaps).into_iter().collect();
        let seq = self.commit(ops, remote);
        remote
            .env
            .event_after(Some(seq), Event::ServerFeatures(info.features));
    }

    /// T6: counted and reported. A request is answered, an answer ends its request, and an archive result has its position in
    /// its page; the content is never processed.
    pub(in crate::connection) fn refuse(&mut self, refused: RefusedStanza, remote: &mut Remote) {
        if !refused.is_stanza() {
            remote.env.event(Event::StanzaRefused(refused));
            return;
        }
        self.count();
        match (refused.name.as_str(), refused.stanza_type.as_deref()) {
            ("iq", Some("get" | "set")) => {
                self.commit(Vec::new(), remote);
                let may_see_us = self.may_see_us(refused.from.as_deref(), remote);
                let build = |iq: &Element, error: &StanzaError| match may_see_us {
                    true => (iq.clone(), stanza::error_reply(iq, error)),
                    false => (iq.clone(), visibility::as_if_absent(iq)),
                };
                let (iq, answer) = error_for(&refused, "get", build);
                self.answer(&iq, answer, remote);
                self.request_ack(remote);
            }
            ("iq", Some("result" | "error")) => {
                let as_error = |iq: &Element, error: &StanzaError| {
                    iq.clone()
                        .with_attr("type", "error")
                        .with_child(error.to_element())
                };
                let answer = error_for(&refused, "result", as_error);
                self.response(&answer, remote);
            }
            _ => {
                if !self.refused_result(&refused, remote) {
                    self.commit(Vec::new(), remote);
                }
            }
        }
        remote
            .env
            .event_after(self.last_inbound, Event::StanzaRefused(refused));
    }

    /// Returns whether the sender answers for the account: none, its bare JID, or its server.
    pub(super) fn is_from_account(&self, iq: &Element, remote: &Remote) -> bool {
        let Some(from) = iq.attr("from") else {
            return true;
        };
        jid::is_same(from, remote.env.domain())
            || jid::is_same(from, &remote.env.config.account.to_string())
            || (self.jid.as_deref()).is_some_and(|own| jid::is_same(from, own))
    }
}

/// What is delivered to the app.
fn delivery(
    stanza: Element,
    carbon: Option<Carbon>,
    verdict: Verdict,
    remote: &mut Remote,
) -> Delivery {
    Delivery {
        carbon,
        possible_duplicate_of: match verdict {
            Verdict::PossibleDuplicate(earlier) => earlier,
            Verdict::New | Verdict::Duplicate => None,
        },
        ..Delivery::new(remote.env.entropy.token(), stanza)
    }
}

/// Applies `build` to what is known of a refused stanza, and to the reason of its refusal.
fn error_for<T>(
    refused: &RefusedStanza,
    kind: &str,
    build: impl Fn(&Element, &StanzaError) -> T,
) -> T {
    let mut iq = Element::new("iq", ns::CLIENT).with_attr("type", kind);
    for (name, value) in [("id", &refused.id), ("from", &refused.from)] {
        if let Some(value) = value {
            iq.set_attr(name, value.as_str());
        }
    }
    let condition = match refused.reason {
        Refusal::OverLimit(_) => StanzaCondition::PolicyViolation,
        _ => StanzaCondition::BadRequest,
    };
    build(&iq, &StanzaError::new(ErrorType::Modify, condition))
}

/// Returns what the answer says about any entity that shows these caps. An invalid answer says nothing, and one that does not
/// match must at least name them: it may answer a query from before they changed.
fn learnt(caps: &Caps, info: &Info, domain: &str) -> Option<KnownCaps> {
    let only = match caps.check(info) {
        CapsCheck::Valid => None,
        CapsCheck::IllFormed(_) => return None,
        CapsCheck::Mismatch | CapsCheck::UnknownHash => {
            let is_about = info.node.as_deref() == Some(caps.disco_node().as_str());
            Some(is_about.then(|| domain.to_owned())?)
        }
    };
    let bytes: usize = info.features.iter().map(String::len).sum();
    (bytes <= MAX_CAPS_BYTES).then(|| KnownCaps {
        hash: caps.hash.clone(),
        ver: caps.ver.clone(),
        only,
        features: info.features.as_slice().into(),
    })
}

fn refusal(iq: &Element, kind: ErrorType, condition: StanzaCondition) -> Element {
    stanza::error_reply(iq, &StanzaError::new(kind, condition))
}
