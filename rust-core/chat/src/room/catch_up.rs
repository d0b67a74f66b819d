//! The messages of a room, and those that were missed: from its archive (XEP-0313), or its history (XEP-0045 section 7.2.13).

use std::time::Duration;

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::ns;
use snapback_wire::peer_text::PeerText;
use snapback_wire::xep::delay::Delay;
use snapback_wire::xep::disco::{self, Info};
use snapback_wire::xep::error::CodecError;
use snapback_wire::xep::mam::{self, Archived, Begin, Fin, ResultError};
use snapback_wire::xep::stanza_id;
use snapback_wire::xml::Element;

use super::env::{Env, Purpose};
use super::event::{RoomChange, RoomEvent, RoomFault};
use super::join::{Features, Room, State};
use super::machine::{MessageVerdict, RequestFailure, RequestId};
use super::occupants::Subject;
use super::place::{Phase, Recent};
use super::presence::codes;
use crate::RoomFeatures;
use crate::payload::{Problem, ProblemReason};

/// Marks the queries of this module, so that their results are known after a restart of the process, too. It differs from the mark of
/// the queries of the account's own archive.
pub(super) const QUERY_PREFIX: &str = "room-catch-up-";

/// Marks the queries for the newest message.
const NEWEST: &str = "room-catch-up-newest";

/// The number of messages of a page: what servers allow at most is 50 or more.
const PAGE: u32 = 50;
/// The maximum number of pages, so 2000 messages. Of a room that has sent more, a gap is reported.
const MAX_PAGES: u32 = 40;
/// A room sends its history at once, and its subject after it; some services send no subject.
const HISTORY_TIMEOUT: Duration = Duration::from_secs(10);
/// A page that has not arrived by then does not arrive.
const ARCHIVE_TIMEOUT: Duration = Duration::from_secs(60);

impl Room {
    // -- what the room announces

    pub(super) fn ask_features(&mut self, env: &mut Env) {
        let mut request = disco::request("", Some(&self.jid.to_string()), None);
        request.remove_attr("id");
        env.request(&self.jid, Purpose::Features, request);
    }

    pub(super) fn features_answered(
        &mut self,
        answer: Result<&Element, RequestFailure>,
        env: &mut Env,
    ) {
        let is_joined = matches!(self.state, State::Joined { .. });
        match answer.map(Info::parse_result) {
            Ok(Ok(info)) => {
                let has = |feature: &str| info.features.iter().any(|known| known == feature);
                self.features = Some(Features {
                    messages: RoomFeatures {
                        stanza_ids: has(ns::STANZA_ID),
                        occupant_ids: has(ns::OCCUPANT_ID),
                    },
                    archive: has(ns::MAM),
                });
            }
            Ok(Err(error)) => env.fault(&self.jid, malformed("query", ns::DISCO_INFO, error)),
            // It is asked again when the room is joined the next time.
            Err(_) => {}
        }
        if is_joined && let Phase::Undecided { .. } = self.place.phase {
            self.ask_archive_or_end(env);
        }
    }

    // -- what was missed

    pub(super) fn begin_catch_up(&mut self, is_again: bool, env: &mut Env) {
        let now = env.now.mono;
        if !self.asks_archive {
            // Some of the history may have come before the user's own presence.
            let has_met = matches!(self.place.phase, Phase::History { has_met: true, .. });
            self.place.phase = Phase::History {
                has_met: has_met || !is_again,
                until: now + HISTORY_TIMEOUT,
            };
        } else if self.features.is_none() {
            self.place.phase = Phase::Undecided {
                until: now + ARCHIVE_TIMEOUT,
            };
        } else {
            self.ask_archive_or_end(env);
        }
    }

    fn ask_archive_or_end(&mut self, env: &mut Env) {
        if self.features.is_some_and(|features| features.archive) {
            self.ask_page(0, env);
        } else {
            self.end_catch_up(false, env);
        }
    }

    fn ask_page(&mut self, pages: u32, env: &mut Env) {
        let begin = match &self.place.cursor {
            Some(cursor) => Begin::AfterId(cursor.clone()),
            None => Begin::Start,
        };
        // No other process, and no other page, has the same.
        let now = env.now;
        let (wall, mono) = (now.wall.0, now.mono.since_epoch().as_nanos());
        let query = format!("{QUERY_PREFIX}{pages}-{wall:x}-{mono:x}");
        let mut request =
            mam::query("", &query, &begin, PAGE).with_attr("to", self.jid.to_string());
        request.remove_attr("id");
        let request = env.request(&self.jid, Purpose::Page, request);
        self.place.phase = Phase::Archive {
            request,
            pages,
            query: Recent::of_id(&query),
            until: env.now.mono + ARCHIVE_TIMEOUT,
        };
    }

    pub(super) fn page_answered(
        &mut self,
        id: RequestId,
        answer: Result<&Element, RequestFailure>,
        env: &mut Env,
    ) {
        let pages = match self.place.phase {
            Phase::Archive { request, pages, .. } if request == id => pages + 1,
            _ => return,
        };
        let fin = match answer.map(Fin::parse) {
            Ok(Ok(fin)) => fin,
            Ok(Err(error)) => {
                env.fault(&self.jid, malformed("fin", ns::MAM, error));
                return self.end_catch_up(false, env);
            }
            Err(RequestFailure::Refused(_)) => return self.end_catch_up(false, env),
            // The room is joined again in the next session, and asked from the same place.
            Err(RequestFailure::Lost) => {
                return self.place.interrupted(env.now.mono + ARCHIVE_TIMEOUT);
            }
        };
        let is_last = fin.complete || fin.last.is_none();
        if pages == 1 && fin.last.is_none() && self.place.is_doubtful(env.now) {
            return self.ask_newest(env);
        }
        if let Some(last) = fin.last {
            self.place.cursor = Some(last);
        }
        if is_last || pages >= MAX_PAGES {
            self.end_catch_up(is_last, env);
        } else {
            self.ask_page(pages, env);
        }
    }

    /// XEP-0313 leaves open what follows a message that the archive no longer has; some answer with an empty page.
    fn ask_newest(&mut self, env: &mut Env) {
        let mut request = mam::before("", NEWEST, None, 1).with_attr("to", self.jid.to_string());
        request.remove_attr("id");
        let request = env.request(&self.jid, Purpose::Newest, request);
        self.place.phase = Phase::Newest {
            request,
            has_more: false,
            until: env.now.mono + ARCHIVE_TIMEOUT,
        };
    }

    pub(super) fn newest_answered(
        &mut self,
        id: RequestId,
        answer: &Result<&Element, RequestFailure>,
        env: &mut Env,
    ) {
        let has_more = match self.place.phase {
            Phase::Newest {
                request, has_more, ..
            } if request == id => has_more,
            _ => return,
        };
        match answer {
            Ok(_) => self.end_catch_up(!has_more, env),
            Err(RequestFailure::Refused(_)) => self.end_catch_up(false, env),
            Err(RequestFailure::Lost) => self.place.interrupted(env.now.mono + ARCHIVE_TIMEOUT),
        }
    }

    pub(super) fn catch_up_timeout(&mut self, env: &mut Env) {
        let now = env.now.mono;
        match self.place.phase {
            Phase::History { has_met, until } if until <= now => self.end_catch_up(has_met, env),
            Phase::Undecided { until } if until <= now => self.ask_archive_or_end(env),
            Phase::Archive { until, request, .. } | Phase::Newest { until, request, .. }
                if until <= now =>
            {
                env.abandon(request);
                self.end_catch_up(false, env);
            }
            _ => {}
        }
    }

    /// The room was lost, or is joined again.
    pub(super) fn interrupted(&mut self, env: &mut Env) {
        // What is said after the history has come: none of it is missing.
        if let Phase::History { has_met, .. } = self.place.phase
            && self.place.has_newer()
        {
            if self.has_joined {
                self.is_caught_up(has_met, env);
            } else {
                self.place.caught_up();
                env.release(&self.jid);
            }
        }
        self.place.interrupted(env.now.mono + ARCHIVE_TIMEOUT);
    }

    fn is_caught_up(&mut self, is_complete: bool, env: &mut Env) {
        self.place.caught_up();
        env.release(&self.jid);
        env.event(RoomEvent::CaughtUp {
            room: self.jid.clone(),
            is_complete,
        });
    }

    fn end_catch_up(&mut self, is_complete: bool, env: &mut Env) {
        self.is_caught_up(is_complete, env);
        for stanza in self.outgoing.release() {
            env.send(&self.jid, stanza);
        }
    }

    // -- messages

    /// The app sends a message to the room.
    pub(super) fn sent(&mut self, stanza: &Element, env: &mut Env) {
        let given_up = self.outgoing.sent(stanza);
        env.failed(given_up);
        self.check_for_message(env);
    }

    /// A message of the room, from the occupant with this nickname or from the room itself.
    pub(super) fn message(
        &mut self,
        message: &Element,
        nick: Option<&str>,
        env: &mut Env,
    ) -> MessageVerdict {
        let is_wanted = !matches!(self.state, State::Leaving { .. } | State::Over);
        if !is_wanted || message.attr("type") != Some("groupchat") {
            return MessageVerdict::Deliver;
        }
        self.check.heard(env.now.mono);
        self.status(message, nick, env);
        if let Some(id) = message.attr("id").filter(|id| self.outgoing.knows(id)) {
            self.outgoing.reflected(id);
            if let Some(nick) = nick.filter(|_| Delay::of(message).is_none()) {
                self.own_message(nick, env);
            }
        }
        let room = self.jid.clone();
        let archive_id = stanza_id::stanza_id(message, &room.to_string()).map(str::to_owned);
        let is_delayed = Delay::of(message).is_some();
        let is_behind = self.place.is_behind(is_delayed);
        if (is_behind || is_delayed) && self.place.repeats(message, archive_id.as_deref()) {
            return MessageVerdict::Duplicate { room, archive_id };
        }
        if let State::Offline = self.state {
            // From the store: what an earlier process has received. It says nothing about what came before it.
            return match self.place.stored(message, archive_id.as_deref()) {
                true => MessageVerdict::Duplicate { room, archive_id },
                false => MessageVerdict::Deliver,
            };
        }
        self.place
            .heard(message, archive_id.as_deref(), is_behind, env.now);
        self.subject(message, nick, env);
        match archive_id.filter(|_| is_behind) {
            Some(archive_id) => MessageVerdict::Hold { room, archive_id },
            None => MessageVerdict::Deliver,
        }
    }

    /// Status codes in a message are the room's own, whatever an occupant writes.
    fn status(&mut self, message: &Element, nick: Option<&str>, env: &mut Env) {
        let Some(user) = message.child("x", ns::MUC_USER) else {
            return;
        };
        let codes = codes(user);
        if nick.is_some() && !codes.is_empty() {
            return env.fault(&self.jid, RoomFault::Forged("status"));
        }
        for code in codes {
            let change = match code {
                104 => RoomChange::Configuration,
                170 => RoomChange::Logging(true),
                171 => RoomChange::Logging(false),
                172 => RoomChange::Addresses(true),
                173 => RoomChange::Addresses(false),
                _ => continue,
            };
            let room = self.jid.clone();
            env.event(RoomEvent::Reconfigured { room, change });
            // Its archive may have been switched on or off.
            self.features = None;
        }
        if self.features.is_none() && nick.is_none() {
            self.ask_features(env);
        }
    }

    /// XEP-0045 section 8.1: a message with a subject and without a body. It ends the history (section 7.1).
    fn subject(&mut self, message: &Element, nick: Option<&str>, env: &mut Env) {
        let has = |name| message.has_child(name, ns::CLIENT);
        if !has("subject") || has("body") || has("thread") {
            return;
        }
        let text = message.child("subject", ns::CLIENT).map(Element::text);
        let subject = Subject {
            text: text.and_then(|text| PeerText::new(&text)),
            by: nick.map(str::to_owned),
        };
        self.subject = Some(subject.clone());
        let room = self.jid.clone();
        env.event(RoomEvent::SubjectChanged { room, subject });
        if let Phase::History { has_met, .. } = self.place.phase
            && let State::Joined { .. } = self.state
        {
            self.end_catch_up(has_met, env);
        }
    }
}

/// Takes a message out of a result of a room's archive. A room may send any message of its occupants, so nothing is believed here that
/// a live message could not say; but nothing else is either.
pub(super) fn archive_result(
    message: &Element,
    room: &BareJid,
    query: &str,
    known: Option<&mut Room>,
    env: &mut Env,
) -> MessageVerdict {
    let address = room.to_string();
    let archived = match Archived::parse(message, &address, query) {
        Some(Ok(archived)) => archived,
        Some(Err(ResultError::Malformed(error))) => {
            env.fault(room, malformed("result", ns::MAM, error));
            return MessageVerdict::Deliver;
        }
        Some(Err(_)) | None => return MessageVerdict::Deliver,
    };
    let inner = &archived.message;
    let sender = inner.attr("from").and_then(|from| Jid::try_from(from).ok());
    let is_of_room = sender.is_some_and(|sender| sender.bare() == room);
    if !is_of_room || inner.attr("type") != Some("groupchat") {
        env.fault(room, RoomFault::Forged("archive result"));
        return MessageVerdict::Deliver;
    }
    let duplicate = |archive_id: Option<String>| MessageVerdict::Duplicate {
        room: room.clone(),
        archive_id,
    };
    let is_known = match known {
        Some(known) => {
            if query == NEWEST {
                known.place.newest_is(&archived.id);
                return duplicate(None);
            }
            if let Some(id) = inner.attr("id") {
                known.outgoing.reflected(id);
            }
            known.place.fetched(&archived.id, query)
        }
        None => env.note_early(&archived.id, room),
    };
    if is_known {
        return duplicate(Some(archived.id));
    }
    MessageVerdict::Replace(archived.into_live(&address))
}

fn malformed(name: &'static str, ns: &'static str, error: CodecError) -> RoomFault {
    RoomFault::Malformed(Problem {
        name,
        ns,
        reason: ProblemReason::Malformed(error),
    })
}
