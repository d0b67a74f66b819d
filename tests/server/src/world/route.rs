//! Routing of stanzas (RFC 6121 section 8), carbons (XEP-0280), offline messages, presence.

use std::sync::Arc;

use super::{SessionId, World};
use crate::jid;
use crate::ns;
use crate::time::{self, Timestamp};
use crate::xml::Element;

/// The maximum number of messages kept for an offline account.
const MAX_OFFLINE: usize = 1000;
/// The maximum number of resent messages recorded for tests: the first ones.
const MAX_REDIRECTED: usize = 100_000;

impl World {
    /// Routes a message from a client or from the test itself; `from` is set already.
    pub(crate) fn route_message(
        &mut self,
        mut message: Element,
        sender: Option<SessionId>,
        now: Timestamp,
    ) {
        let from = message.attribute("from").unwrap_or_default().to_owned();
        let to = match message.attribute("to") {
            Some(to) => to.to_owned(),
            None => jid::bare(&from).to_owned(),
        };
        if self.is_room_address(&to) {
            return self.room_message(message, now);
        }
        message.retain_elements(|child| !child.is(ns::STANZA_ID, "stanza-id"));
        let message = Arc::new(message);
        let sender_account = self.local_account(&from);
        let worth_keeping = is_conversation(&message);
        let to_self = sender_account.is_some() && sender_account == self.local_account(&to);
        if worth_keeping
            && !to_self
            && let Some(account) = &sender_account
        {
            self.archive(account, &to, &message, now);
        }
        if worth_keeping && let Some(account) = &sender_account {
            self.carbon_sent(account, sender, &message);
        }
        match self.local_account(&to) {
            Some(account) => self.message_to_account(&account, &to, message, now),
            None => self.bounce(&message, "service-unavailable"),
        }
    }

    fn message_to_account(
        &mut self,
        account: &str,
        to: &str,
        message: Arc<Element>,
        now: Timestamp,
    ) {
        let mut archived = None;
        if is_conversation(&message) {
            let from = message.attribute("from").unwrap_or_default();
            archived = self.archive(account, from, &message, now);
        }
        let mut message = Arc::unwrap_or_clone(message);
        if let Some(id) = archived {
            message = message.child(
                Element::new(ns::STANZA_ID, "stanza-id")
                    .with("by", self.bare_jid(account))
                    .with("id", id),
            );
        }
        if let Some(session) = self.session_by_full_jid(to) {
            self.carbon_received(account, session, &message);
            self.deliver(session, message);
            return;
        }
        let kind = message.attribute("type").unwrap_or("normal").to_owned();
        if jid::resource(to).is_some() && !matches!(kind.as_str(), "chat" | "normal") {
            if kind != "error" {
                self.bounce(&message, "service-unavailable");
            }
            return;
        }
        let available = self.available_sessions(account);
        if available.is_empty() {
            self.store_offline(account, message, now);
            return;
        }
        for session in available {
            self.deliver(session, message.clone());
        }
    }

    fn store_offline(&mut self, account: &str, message: Element, now: Timestamp) {
        let is_kept = is_conversation(&message);
        if is_kept && !self.switches.offline && self.switches.archive {
            // It is in the archive, and waits there.
            return;
        }
        if !is_kept || !self.switches.offline {
            if message.attribute("type") != Some("error") {
                self.bounce(&message, "service-unavailable");
            }
            return;
        }
        let stamped = self.with_delay(message, now);
        if let Some(account) = self.accounts.get_mut(account)
            && account.offline.len() < MAX_OFFLINE
        {
            account.offline.push_back(stamped);
        }
    }

    fn store_offline_once(&mut self, account: &str, message: Element, now: Timestamp) {
        let waits = self.accounts.get(account).is_some_and(|account| {
            let mut offline = account.offline.iter();
            offline.any(|other| is_copy(other, &message))
        });
        if !waits {
            self.store_offline(account, message, now);
        }
    }

    fn with_delay(&self, message: Element, now: Timestamp) -> Element {
        if message.find(ns::DELAY, "delay").is_some() {
            return message;
        }
        message.child(
            Element::new(ns::DELAY, "delay")
                .with("from", self.domain.clone())
                .with("stamp", time::to_text(now)),
        )
    }

    /// Routes a stanza that an ended session never acknowledged. A message to the account was for all its sessions: it goes
    /// once to those that do not have it already, or waits for the next one. If each session's copy were routed again,
    /// silently lost sessions would multiply it.
    pub(super) fn redirect(&mut self, account: &str, stanza: Element, now: Timestamp) {
        match &*stanza.name {
            "message" if is_conversation(&stanza) => {
                if self.redirected.len() < MAX_REDIRECTED {
                    let id = stanza.attribute("id").unwrap_or_default();
                    self.redirected.push(id.to_owned());
                }
                let available = self.available_sessions(account);
                if available.is_empty() {
                    let stamped = self.with_delay(stanza, now);
                    return self.store_offline_once(account, stamped, now);
                }
                let has_it = |session: &SessionId| {
                    self.has_unacknowledged(*session, |other| is_copy(other, &stanza))
                };
                let (holders, others): (Vec<_>, Vec<_>) = available.into_iter().partition(has_it);
                if holders.is_empty() {
                    let stamped = self.with_delay(stanza, now);
                    for session in others {
                        self.deliver(session, stamped.clone());
                    }
                }
            }
            "iq" if matches!(stanza.attribute("type"), Some("get" | "set")) => {
                self.bounce(&stanza, "recipient-unavailable");
            }
            _ => {}
        }
    }

    pub(super) fn available_sessions(&self, account: &str) -> Vec<SessionId> {
        self.sessions
            .iter()
            .filter(|(_, session)| {
                session.account == account && session.presence.is_some() && session.priority >= 0
            })
            .map(|(id, _)| *id)
            .collect()
    }

    pub(super) fn session_by_full_jid(&self, jid: &str) -> Option<SessionId> {
        let resource = jid::resource(jid)?;
        let account = self.local_account(jid)?;
        self.sessions
            .iter()
            .find(|(_, session)| session.account == account && session.resource == resource)
            .map(|(id, _)| *id)
    }

    fn carbon_sent(&mut self, account: &str, sender: Option<SessionId>, message: &Element) {
        for session in self.carbon_sessions(account, sender) {
            let carbon = self.carbon(account, session, "sent", message);
            self.deliver(session, carbon);
        }
    }

    fn carbon_received(&mut self, account: &str, receiver: SessionId, message: &Element) {
        if !is_conversation(message) {
            return;
        }
        for session in self.carbon_sessions(account, Some(receiver)) {
            let carbon = self.carbon(account, session, "received", message);
            self.deliver(session, carbon);
        }
    }

    fn carbon_sessions(&self, account: &str, except: Option<SessionId>) -> Vec<SessionId> {
        self.sessions
            .iter()
            .filter(|(id, session)| {
                session.account == account && session.carbons && Some(**id) != except
            })
            .map(|(id, _)| *id)
            .collect()
    }

    fn carbon(
        &self,
        account: &str,
        to: SessionId,
        kind: &'static str,
        message: &Element,
    ) -> Element {
        Element::new(ns::CLIENT, "message")
            .with("from", self.bare_jid(account))
            .with("to", self.session_jid(to))
            .with("type", message.attribute("type").unwrap_or("normal"))
            .child(
                Element::new(ns::CARBONS, kind)
                    .child(Element::new(ns::FORWARD, "forwarded").child(message.clone())),
            )
    }

    /// Routes an iq for another entity.
    pub(crate) fn route_iq(&mut self, iq: Element) {
        let to = iq.attribute("to").unwrap_or_default().to_owned();
        if self.is_room_address(&to) {
            return self.room_iq(&iq);
        }
        match self.session_by_full_jid(&to) {
            Some(session) => self.deliver(session, iq),
            None => self.bounce(&iq, "service-unavailable"),
        }
    }

    /// Returns the stanza to its sender as an error, unless it is an answer itself.
    pub(crate) fn bounce(&mut self, stanza: &Element, condition: &'static str) {
        if matches!(stanza.attribute("type"), Some("error" | "result")) {
            return;
        }
        let from = stanza.attribute("from").unwrap_or_default().to_owned();
        if let Some(session) = self.session_by_full_jid(&from) {
            self.deliver(session, error_answer(stanza, condition));
        }
    }

    /// Delivers a stanza from the server itself to one of its sessions.
    pub(crate) fn answer(&mut self, session: SessionId, stanza: Element) {
        self.deliver(session, stanza);
    }

    /// Handles `<presence/>` without `to`.
    pub(crate) fn own_presence(&mut self, session: SessionId, mut presence: Element) {
        let Some(state) = self.sessions.get_mut(&session) else {
            return;
        };
        let available = presence.attribute("type") != Some("unavailable");
        let initial = available && state.presence.is_none();
        state.priority = presence
            .find(ns::CLIENT, "priority")
            .and_then(|priority| priority.content().trim().parse().ok())
            .unwrap_or(0);
        state.presence = available.then(|| presence.clone());
        state.presences += u32::from(available);
        let account = state.account.clone();
        presence.set("from", self.session_jid(session));
        if !available {
            // RFC 6121 section 4.6.3: entities that received directed presence receive this, too.
            self.leave_rooms(&self.session_jid(session));
        }
        for (to, watcher) in self.watchers(&account) {
            let mut copy = presence.clone();
            copy.set("to", to);
            self.deliver(watcher, copy);
        }
        if initial {
            self.probe_contacts(session, &account);
            self.send_offline(session, &account);
        }
    }

    fn send_offline(&mut self, session: SessionId, account: &str) {
        let ready = self.sessions.get(&session).is_some_and(|s| s.priority >= 0);
        let waiting = match self.accounts.get_mut(account) {
            Some(account) if ready => std::mem::take(&mut account.offline),
            _ => return,
        };
        for message in waiting {
            self.deliver(session, message);
        }
    }

    /// Returns the available sessions that see the presence of an account: its own, and those of its contacts.
    fn watchers(&self, account: &str) -> Vec<(String, SessionId)> {
        let contacts = self.contacts_with(account, &["from", "both"]);
        self.sessions
            .iter()
            .filter(|(_, session)| {
                session.presence.is_some()
                    && (session.account == account
                        || contacts.contains(&self.bare_jid(&session.account)))
            })
            .map(|(id, session)| (self.full_jid(session), *id))
            .collect()
    }

    fn probe_contacts(&mut self, session: SessionId, account: &str) {
        let contacts = self.contacts_with(account, &["to", "both"]);
        let present: Vec<_> = self
            .sessions
            .iter()
            .filter(|(id, other)| {
                **id != session && contacts.contains(&self.bare_jid(&other.account))
            })
            .filter_map(|(_, other)| Some((self.full_jid(other), other.presence.clone()?)))
            .collect();
        let to = self.session_jid(session);
        for (from, mut presence) in present {
            presence.set("from", from);
            presence.set("to", to.clone());
            self.deliver(session, presence);
        }
    }

    pub(super) fn broadcast_unavailable(&mut self, account: &str, jid: &str) {
        for (to, watcher) in self.watchers(account) {
            let presence = Element::new(ns::CLIENT, "presence")
                .with("type", "unavailable")
                .with("from", jid)
                .with("to", to);
            self.deliver(watcher, presence);
        }
    }

    /// Handles `<presence to='..'/>`: passed on to the sessions of the addressee, subscriptions included.
    pub(crate) fn directed_presence(&mut self, presence: &Element) {
        let to = presence.attribute("to").unwrap_or_default().to_owned();
        if self.is_room_address(&to) {
            return self.room_presence(presence);
        }
        let targets = match (self.session_by_full_jid(&to), self.local_account(&to)) {
            (Some(session), _) => vec![session],
            (None, Some(account)) => self.available_sessions(&account),
            (None, None) => Vec::new(),
        };
        for session in targets {
            self.deliver(session, presence.clone());
        }
    }

    /// Delivers a message with a body from `from`, any JID, to `to`; returns its id.
    pub fn inject_message(&mut self, from: &str, to: &str, body: &str, now: Timestamp) -> String {
        let id = self.rng.token();
        self.inject_message_as(from, to, body, &id, now);
        id
    }

    /// The same with an id that its sender chose, perhaps repeatedly.
    pub fn inject_message_as(
        &mut self,
        from: &str,
        to: &str,
        body: &str,
        id: &str,
        now: Timestamp,
    ) {
        self.route_message(message(from, to, body, id), None, now);
    }

    /// Delivers a message with a given id from a sender that does not know that it arrived before. It is stamped with
    /// the time at which it was first meant to be sent (XEP-0203).
    pub fn inject_message_again(
        &mut self,
        from: &str,
        to: &str,
        body: &str,
        id: &str,
        now: Timestamp,
    ) {
        let delay = Element::new(ns::DELAY, "delay").with("stamp", time::to_text(now));
        let message = message(from, to, body, id).child(delay);
        self.route_message(message, None, now);
    }
}

fn message(from: &str, to: &str, body: &str, id: &str) -> Element {
    Element::new(ns::CLIENT, "message")
        .with("from", from)
        .with("to", to)
        .with("type", "chat")
        .with("id", id)
        .child(Element::new(ns::CLIENT, "body").text(body))
        .child(Element::new(ns::STANZA_ID, "origin-id").with("id", id))
}

impl World {
    /// Delivers a stanza from `from`, any JID, with any content: `inside` is relayed unchanged. A `message` also has a
    /// body, so that it is archived; an `iq` of type `get` reaches only the full JID `to`.
    pub fn inject_stanza(
        &mut self,
        name: &'static str,
        (from, to, id): (&str, &str, &str),
        inside: &str,
        now: Timestamp,
    ) {
        let stanza = Element::new(ns::CLIENT, name)
            .with("from", from)
            .with("to", to)
            .with("id", id);
        match name {
            "message" => {
                let body = Element::new(ns::CLIENT, "body").text("what a contact made");
                let message = stanza.with("type", "chat").child(body).raw(inside);
                self.route_message(message, None, now);
            }
            "iq" => self.route_iq(stanza.with("type", "get").raw(inside)),
            _ => self.directed_presence(&stanza.raw(inside)),
        }
    }

    /// The answer of `from` to a request with this `id` reaches the full JID `to`; `inside` is relayed as it is.
    pub fn inject_answer(&mut self, (from, to, id): (&str, &str, &str), inside: &str) {
        let answer = Element::new(ns::CLIENT, "iq")
            .with("type", "result")
            .with("from", from)
            .with("to", to)
            .with("id", id);
        self.route_iq(answer.raw(inside));
    }
}

/// Whether two stanzas are one message, delivered to two sessions.
fn is_copy(one: &Element, other: &Element) -> bool {
    let same = |name| one.attribute(name) == other.attribute(name);
    let body = |stanza: &Element| stanza.find(ns::CLIENT, "body").map(Element::content);
    one.name == other.name && same("from") && same("id") && body(one) == body(other)
}

/// Whether this is the message with this id that says this, or a carbon of it.
pub(super) fn is_message(stanza: &Element, id: &str, body: &str) -> bool {
    let forwarded = ["sent", "received"]
        .iter()
        .find_map(|name| stanza.find(ns::CARBONS, name))
        .and_then(|carbon| carbon.find(ns::FORWARD, "forwarded"))
        .and_then(|forwarded| forwarded.find(ns::CLIENT, "message"));
    let message = forwarded.unwrap_or(stanza);
    message.name == "message"
        && message.attribute("id").is_some_and(|known| known == id)
        && message
            .find(ns::CLIENT, "body")
            .is_some_and(|known| known.content() == body)
}

/// Returns whether this is a chat or normal message with a body, which is archived, stored and copied.
fn is_conversation(message: &Element) -> bool {
    matches!(message.attribute("type"), None | Some("chat" | "normal"))
        && message.find(ns::CLIENT, "body").is_some()
}

/// Returns the stanza with its addresses exchanged and an error.
pub(crate) fn error_answer(stanza: &Element, condition: &'static str) -> Element {
    let mut error = Element::new(ns::CLIENT, stanza.name.clone()).with("type", "error");
    for (ours, theirs) in [("to", "from"), ("from", "to"), ("id", "id")] {
        if let Some(value) = stanza.attribute(theirs) {
            error.set(ours, value);
        }
    }
    error.children_from(stanza.elements().cloned()).child(
        Element::new(ns::CLIENT, "error")
            .with("type", "cancel")
            .child(Element::new(ns::STANZA_ERRORS, condition)),
    )
}
