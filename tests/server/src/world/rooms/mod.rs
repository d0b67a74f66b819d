//! Rooms (XEP-0045) on `rooms.<domain>`, with self-ping (XEP-0410), stable ids (XEP-0359), occupant ids (XEP-0421) and an archive
//! (XEP-0313). Entering, leaving and messages are here; requests are in `requests.rs`.

mod requests;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use super::World;
use super::archive::ArchivedMessage;
use crate::jid;
use crate::ns;
use crate::time::{self, Timestamp};
use crate::xml::Element;

/// The maximum number of messages that a room keeps.
const MAX_KEPT: usize = 10_000;

/// The settings of a room, as a test changes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSettings {
    /// The password, if it is protected.
    pub password: Option<String>,
    /// Whether only members may enter.
    pub members_only: bool,
    /// Whether it has an archive, and announces it.
    pub archive: bool,
    /// How many messages it sends at most to one who enters.
    pub history: usize,
    /// The nickname that it assigns instead of each requested one.
    pub assigned_nick: Option<String>,
    /// Whether it answers who enters. Without, as if it were not there.
    pub answers: bool,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            password: None,
            members_only: false,
            archive: true,
            history: 20,
            assigned_nick: None,
            answers: true,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct ChatRoom {
    settings: RoomSettings,
    occupants: Vec<Member>,
    /// By bare JID.
    affiliations: BTreeMap<String, String>,
    subject: Option<(String, String)>,
    messages: VecDeque<ArchivedMessage>,
    /// How many messages are no longer kept.
    forgotten: usize,
    is_locked: bool,
    /// Destroyed: where to go instead.
    alternative: Option<Option<String>>,
}

#[derive(Clone, Debug)]
struct Member {
    jid: String,
    nick: String,
    role: &'static str,
}

impl ChatRoom {
    fn affiliation(&self, jid: &str) -> &str {
        let known = self.affiliations.get(jid::bare(jid));
        known.map_or("none", String::as_str)
    }

    fn by_jid(&self, jid: &str) -> Option<&Member> {
        self.occupants.iter().find(|member| member.jid == jid)
    }

    fn by_nick(&self, nick: &str) -> Option<&Member> {
        self.occupants.iter().find(|member| member.nick == nick)
    }
}

impl World {
    pub(super) fn is_room_address(&self, jid: &str) -> bool {
        let bare = jid::bare(jid);
        let domain = bare.split_once('@').map_or(bare, |(_, domain)| domain);
        self.switches.rooms && domain == self.room_domain()
    }

    fn room_domain(&self) -> String {
        format!("rooms.{}", self.domain)
    }

    // -- what a test does

    /// Creates a room (local part), or changes it.
    pub fn room(&mut self, name: &str, change: impl FnOnce(&mut RoomSettings)) {
        let room = self.room_jid(name);
        change(&mut self.chat_rooms.entry(room).or_default().settings);
    }

    /// Returns nickname and full JID of each occupant of a room (local part).
    pub fn occupants(&self, name: &str) -> Vec<(String, String)> {
        let room = self.chat_rooms.get(&self.room_jid(name));
        let occupants = room.into_iter().flat_map(|room| &room.occupants);
        occupants
            .map(|member| (member.nick.clone(), member.jid.clone()))
            .collect()
    }

    /// Returns nickname and body of each message that a room (local part) has accepted.
    pub fn said(&self, name: &str) -> Vec<(String, String)> {
        let room = self.chat_rooms.get(&self.room_jid(name));
        let messages = room.into_iter().flat_map(|room| &room.messages);
        messages
            .map(|kept| {
                let message = kept.message();
                let nick = message.attribute("from").and_then(jid::resource);
                let body = message.find(ns::CLIENT, "body").map(Element::content);
                (
                    nick.unwrap_or_default().to_owned(),
                    body.unwrap_or_default(),
                )
            })
            .collect()
    }

    /// Returns the ids that the senders gave to the messages that a room (local part) has accepted, and those in its archive, without
    /// the first `from`.
    pub fn said_ids(&self, name: &str, from: usize) -> Vec<(String, String)> {
        let Some(room) = self.chat_rooms.get(&self.room_jid(name)) else {
            return Vec::new();
        };
        let skipped = from.saturating_sub(room.forgotten);
        let messages = room.messages.iter().skip(skipped);
        let ids = messages.map(|kept| {
            let id = kept.message().attribute("id").unwrap_or_default();
            (id.to_owned(), kept.id().to_owned())
        });
        ids.collect()
    }

    /// Removes the oldest messages of a room (local part), from its archive as from its history, and keeps this many.
    pub fn expire_room(&mut self, name: &str, keep: usize) {
        let room = self.room_jid(name);
        if let Some(room) = self.chat_rooms.get_mut(&room) {
            let excess = room.messages.len().saturating_sub(keep);
            room.messages.drain(..excess);
            room.forgotten += excess;
        }
    }

    /// Removes from a room (local part) what was said before this time.
    pub fn expire_room_before(&mut self, name: &str, time: Timestamp) {
        let room = self.room_jid(name);
        let kept = self.chat_rooms.get(&room);
        let kept = kept.map_or(0, |room| {
            room.messages.iter().filter(|one| one.at() >= time).count()
        });
        self.expire_room(name, kept);
    }

    /// Removes all occupants of an account from a room (local parts) without a word, as after a failure of a link between servers.
    pub fn forget_occupants(&mut self, name: &str, account: &str) {
        let own = self.bare_jid(account);
        let room = self.room_jid(name);
        if let Some(room) = self.chat_rooms.get_mut(&room) {
            room.occupants
                .retain(|member| jid::bare(&member.jid) != own);
        }
    }

    /// Removes an occupant from a room (local part) with these status codes, such as 307 for a kick.
    pub fn remove_occupant(&mut self, name: &str, nick: &str, codes: &[u16]) {
        let room = self.room_jid(name);
        let member = self.chat_rooms.get(&room).and_then(|one| one.by_nick(nick));
        if let Some(member) = member.cloned() {
            self.exit(&room, &member, codes, None);
        }
    }

    /// Gives an account an affiliation with a room (local parts).
    pub fn affiliate(&mut self, name: &str, account: &str, affiliation: &str) {
        let user = self.bare_jid(account);
        let room = self.chat_rooms.entry(self.room_jid(name)).or_default();
        room.affiliations.insert(user, affiliation.to_owned());
    }

    /// Destroys a room (local part).
    pub fn destroy_room(&mut self, name: &str, alternative: Option<&str>) {
        let room = self.room_jid(name);
        self.destroy(&room, alternative.map(str::to_owned));
    }

    /// An occupant without a client says something in a room (local part).
    pub fn say(&mut self, name: &str, nick: &str, body: &str, now: Timestamp) {
        let room = self.room_jid(name);
        let message = Element::new(ns::CLIENT, "message")
            .with("type", "groupchat")
            .with("id", self.rng.token())
            .child(Element::new(ns::CLIENT, "body").text(body));
        self.reflect(&room, nick, message, now);
    }

    fn room_jid(&self, name: &str) -> String {
        format!("{name}@{}", self.room_domain())
    }

    // -- presence

    /// Handles presence to a room (XEP-0045 section 7).
    pub(super) fn room_presence(&mut self, presence: &Element) {
        let from = presence.attribute("from").unwrap_or_default().to_owned();
        let to = presence.attribute("to").unwrap_or_default().to_owned();
        let address = jid::bare(&to).to_owned();
        if presence.attribute("type") == Some("unavailable") {
            let room = self.chat_rooms.get(&address);
            if let Some(member) = room.and_then(|room| room.by_jid(&from)).cloned() {
                self.exit(&address, &member, &[], None);
            }
            return;
        }
        if presence.attribute("type").is_some() {
            return;
        }
        let Some(nick) = jid::resource(&to).filter(|nick| !nick.is_empty()) else {
            return self.bounce(presence, "jid-malformed");
        };
        let is_new = !self.chat_rooms.contains_key(&address);
        let x = presence.find(ns::MUC, "x");
        let room = self.chat_rooms.entry(address.clone()).or_default();
        if !room.settings.answers {
            return;
        }
        if is_new {
            room.is_locked = true;
            let owner = jid::bare(&from).to_owned();
            room.affiliations.insert(owner, "owner".to_owned());
        }
        let refusal = refusal(room, nick, &from, x);
        let known = room.by_jid(&from).cloned();
        match (refusal, known, x) {
            (Some(condition), _, _) => self.bounce(presence, condition),
            (None, Some(known), None) if known.nick != nick => {
                self.rename(&address, &known, nick);
            }
            (None, Some(known), None) => self.announce(&address, &known, &[]),
            (None, None, None) => self.bounce(presence, "not-acceptable"),
            (None, known, Some(x)) => {
                let x = x.clone();
                self.enter(&address, nick, &from, known, &x, is_new);
            }
        }
    }

    /// XEP-0045 section 7.1: presence of the others, own presence, history, subject.
    fn enter(
        &mut self,
        address: &str,
        nick: &str,
        from: &str,
        known: Option<Member>,
        x: &Element,
        is_new: bool,
    ) {
        let Some(room) = self.chat_rooms.get_mut(address) else {
            return;
        };
        let assigned = room.settings.assigned_nick.clone();
        let mut codes = vec![110];
        if assigned.as_deref().is_some_and(|assigned| assigned != nick) {
            codes.push(210);
        }
        if is_new {
            codes.push(201);
        }
        let role = match room.affiliation(from) {
            "owner" | "admin" => "moderator",
            _ => "participant",
        };
        let member = Member {
            jid: from.to_owned(),
            nick: assigned.unwrap_or_else(|| nick.to_owned()),
            role,
        };
        let others: Vec<Member> = room
            .occupants
            .iter()
            .filter(|other| other.jid != from)
            .cloned()
            .collect();
        room.occupants.retain(|other| other.jid != from);
        room.occupants.push(member.clone());
        let history = history(room, x);
        let subject = room.subject.clone();
        for other in &others {
            let presence = self.occupant_presence(address, other, &[]);
            self.tell_occupant(from, presence);
        }
        for other in &others {
            if known.is_none() {
                let presence = self.occupant_presence(address, &member, &[]);
                self.tell_occupant(&other.jid, presence);
            }
        }
        let own = self.occupant_presence(address, &member, &codes);
        self.tell_occupant(from, own);
        for message in history {
            self.tell_occupant(from, message);
        }
        let (by, subject) = subject.unwrap_or_default();
        let from_room = match by.is_empty() {
            true => address.to_owned(),
            false => format!("{address}/{by}"),
        };
        let subject = Element::new(ns::CLIENT, "message")
            .with("from", from_room)
            .with("type", "groupchat")
            .child(Element::new(ns::CLIENT, "subject").text(subject));
        self.tell_occupant(from, subject);
    }

    fn rename(&mut self, address: &str, member: &Member, nick: &str) {
        let gone = self
            .presence_of(address, member, &[303], Some(nick))
            .with("type", "unavailable");
        let mut renamed = member.clone();
        nick.clone_into(&mut renamed.nick);
        let Some(room) = self.chat_rooms.get_mut(address) else {
            return;
        };
        let all: Vec<String> = room.occupants.iter().map(|one| one.jid.clone()).collect();
        room.occupants.retain(|other| other.jid != member.jid);
        room.occupants.push(renamed.clone());
        for jid in all {
            let codes: &[u16] = if jid == member.jid {
                &[303, 110]
            } else {
                &[303]
            };
            let own = self
                .presence_of(address, member, codes, Some(nick))
                .with("type", "unavailable");
            let is_own = jid == member.jid;
            self.tell_occupant(&jid, if is_own { own } else { gone.clone() });
        }
        self.announce(address, &renamed, &[]);
    }

    /// Sends the presence of an occupant to all.
    fn announce(&mut self, address: &str, member: &Member, codes: &[u16]) {
        let Some(room) = self.chat_rooms.get(address) else {
            return;
        };
        let all: Vec<String> = room.occupants.iter().map(|one| one.jid.clone()).collect();
        for jid in all {
            let mut codes = codes.to_vec();
            if jid == member.jid {
                codes.push(110);
            }
            let presence = self.occupant_presence(address, member, &codes);
            self.tell_occupant(&jid, presence);
        }
    }

    /// An occupant is no longer in the room.
    fn exit(&mut self, address: &str, member: &Member, codes: &[u16], destroy: Option<&Element>) {
        let Some(room) = self.chat_rooms.get_mut(address) else {
            return;
        };
        let all: Vec<String> = room.occupants.iter().map(|one| one.jid.clone()).collect();
        room.occupants.retain(|other| other.jid != member.jid);
        for jid in all {
            let mut codes = codes.to_vec();
            if jid == member.jid {
                codes.push(110);
            }
            let mut gone = member.clone();
            gone.role = "none";
            let mut presence = self
                .occupant_presence(address, &gone, &codes)
                .with("type", "unavailable");
            if let Some(destroy) = destroy {
                presence.retain_elements(|child| !child.is(ns::MUC_USER, "x"));
                let item = Element::new(ns::MUC_USER, "item")
                    .with("affiliation", "none")
                    .with("role", "none");
                let x = Element::new(ns::MUC_USER, "x").child(item);
                presence = presence.child(x.child(destroy.clone()));
            }
            self.tell_occupant(&jid, presence);
        }
    }

    fn destroy(&mut self, address: &str, alternative: Option<String>) {
        let Some(room) = self.chat_rooms.get_mut(address) else {
            return;
        };
        let members = room.occupants.clone();
        let mut destroy = Element::new(ns::MUC_USER, "destroy");
        if let Some(alternative) = &alternative {
            destroy.set("jid", alternative.clone());
        }
        room.alternative = Some(alternative);
        for member in members {
            self.exit(address, &member, &[], Some(&destroy));
        }
    }

    /// A session has ended: it is in no room any more.
    pub(super) fn leave_rooms(&mut self, jid: &str) {
        let rooms = self.chat_rooms.iter();
        let left: Vec<(String, Member)> = rooms
            .filter_map(|(address, room)| Some((address.clone(), room.by_jid(jid)?.clone())))
            .collect();
        for (address, member) in left {
            self.exit(&address, &member, &[], None);
        }
    }

    fn occupant_presence(&self, address: &str, member: &Member, codes: &[u16]) -> Element {
        self.presence_of(address, member, codes, None)
    }

    fn presence_of(
        &self,
        address: &str,
        member: &Member,
        codes: &[u16],
        new_nick: Option<&str>,
    ) -> Element {
        let room = self.chat_rooms.get(address);
        let affiliation = room.map_or("none", |room| room.affiliation(&member.jid));
        let mut item = Element::new(ns::MUC_USER, "item")
            .with("affiliation", affiliation)
            .with("role", member.role);
        if let Some(nick) = new_nick {
            item.set("nick", nick);
        }
        let codes = codes
            .iter()
            .map(|code| Element::new(ns::MUC_USER, "status").with("code", code.to_string()));
        Element::new(ns::CLIENT, "presence")
            .with("from", format!("{address}/{}", member.nick))
            .child(
                Element::new(ns::OCCUPANT_ID, "occupant-id").with("id", occupant_id(&member.jid)),
            )
            .child(
                Element::new(ns::MUC_USER, "x")
                    .child(item)
                    .children_from(codes),
            )
    }

    // -- messages

    /// Handles a message to a room (XEP-0045 sections 7.4 and 7.8).
    pub(super) fn room_message(&mut self, message: Element, now: Timestamp) {
        let from = message.attribute("from").unwrap_or_default().to_owned();
        let address = message.attribute("to").unwrap_or_default().to_owned();
        if message.attribute("type") == Some("error") {
            return;
        }
        let room = self.chat_rooms.get(jid::bare(&address));
        let Some(member) = room.and_then(|room| room.by_jid(&from)).cloned() else {
            return self.bounce(&message, "not-acceptable");
        };
        let address = jid::bare(&address).to_owned();
        let invited = message
            .find(ns::MUC_USER, "x")
            .and_then(|x| x.find(ns::MUC_USER, "invite"));
        if let Some(invite) = invited {
            let to = invite.attribute("to").unwrap_or_default().to_owned();
            let mut invite = invite.clone();
            invite.remove("to");
            invite.set("from", from);
            let invitation = Element::new(ns::CLIENT, "message")
                .with("from", address)
                .with("to", to)
                .child(Element::new(ns::MUC_USER, "x").child(invite));
            return self.route_message(invitation, None, now);
        }
        if message.attribute("type") != Some("groupchat") {
            return self.bounce(&message, "bad-request");
        }
        self.reflect(&address, &member.nick, message, now);
    }

    /// Sends a message to all occupants, and keeps it.
    fn reflect(&mut self, address: &str, nick: &str, mut message: Element, now: Timestamp) {
        let id = self.rng.token();
        message.set("from", format!("{address}/{nick}"));
        message.remove("to");
        message.retain_elements(|child| !child.is(ns::STANZA_ID, "stanza-id"));
        let Some(room) = self.chat_rooms.get_mut(address) else {
            return;
        };
        let body = message.find(ns::CLIENT, "body").is_some();
        if let Some(subject) = message.find(ns::CLIENT, "subject").filter(|_| !body) {
            room.subject = Some((nick.to_owned(), subject.content()));
        }
        if room.settings.archive {
            let stanza_id = Element::new(ns::STANZA_ID, "stanza-id")
                .with("by", address)
                .with("id", id.clone());
            message = message.child(stanza_id);
        }
        if body {
            if room.messages.len() >= MAX_KEPT {
                room.messages.pop_front();
                room.forgotten += 1;
            }
            let kept = ArchivedMessage::new(id, address, now, Arc::new(message.clone()));
            room.messages.push_back(kept);
        }
        let all: Vec<String> = room.occupants.iter().map(|one| one.jid.clone()).collect();
        for jid in all {
            self.tell_occupant(&jid, message.clone());
        }
    }

    fn tell_occupant(&mut self, jid: &str, mut stanza: Element) {
        stanza.set("to", jid);
        if let Some(session) = self.session_by_full_jid(jid) {
            self.deliver(session, stanza);
        }
    }
}

/// XEP-0045 section 7.2: why one may not enter.
fn refusal(room: &ChatRoom, nick: &str, from: &str, x: Option<&Element>) -> Option<&'static str> {
    if room.alternative.is_some() {
        return Some("gone");
    }
    let password = x
        .and_then(|x| x.find(ns::MUC, "password"))
        .map(Element::content);
    let is_in = room.by_jid(from).is_some();
    let affiliation = room.affiliation(from);
    if affiliation == "outcast" {
        return Some("forbidden");
    }
    if !is_in && room.settings.password.is_some() && room.settings.password != password {
        return Some("not-authorized");
    }
    if room.settings.members_only && affiliation == "none" {
        return Some("registration-required");
    }
    if room.is_locked && affiliation != "owner" {
        return Some("item-not-found");
    }
    let holder = room.by_nick(nick);
    // The sessions of one user may share a nickname.
    holder
        .is_some_and(|holder| jid::bare(&holder.jid) != jid::bare(from))
        .then_some("conflict")
}

/// XEP-0045 section 7.2.14: the messages that one who enters receives.
fn history(room: &ChatRoom, x: &Element) -> Vec<Element> {
    let asked = x.find(ns::MUC, "history");
    let number = |name| asked?.attribute(name)?.parse::<u64>().ok();
    let max = number("maxstanzas").and_then(|max| usize::try_from(max).ok());
    let max = max.map_or(room.settings.history, |max| max.min(room.settings.history));
    let newest = room.messages.back().map(ArchivedMessage::at);
    let since = asked
        .and_then(|asked| asked.attribute("since"))
        .and_then(time::from_text)
        .or_else(|| {
            let seconds = std::time::Duration::from_secs(number("seconds")?);
            Some(newest?.saturating_sub(seconds))
        });
    let sent = room
        .messages
        .iter()
        .filter(|kept| since.is_none_or(|since| kept.at() >= since));
    let sent: Vec<&ArchivedMessage> = sent.collect();
    let skipped = sent.len().saturating_sub(max);
    sent.into_iter()
        .skip(skipped)
        .map(|kept| {
            let delay = Element::new(ns::DELAY, "delay").with("stamp", time::to_text(kept.at()));
            kept.message().clone().child(delay)
        })
        .collect()
}

/// An id that is the same for all sessions of a user (XEP-0421).
fn occupant_id(jid: &str) -> String {
    let mut hasher = DefaultHasher::new();
    jid::bare(jid).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
