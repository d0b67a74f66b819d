//! Requests to a room: what it announces, self-ping, members, configuration, its archive.

use super::{ChatRoom, World};
use crate::jid;
use crate::ns;
use crate::world::archive::{ArchiveAnswer, ArchivedMessage, query};
use crate::world::error_answer;
use crate::xml::Element;

impl World {
    /// Handles a request to a room or an occupant.
    pub(in crate::world) fn room_iq(&mut self, iq: &Element) {
        let from = iq.attribute("from").unwrap_or_default().to_owned();
        let to = iq.attribute("to").unwrap_or_default().to_owned();
        let Some(session) = self.session_by_full_jid(&from) else {
            return;
        };
        if !matches!(iq.attribute("type"), Some("get" | "set")) {
            return;
        }
        let answer = match self.room_answer(iq, &from, &to) {
            Ok(payload) => Element::new(ns::CLIENT, "iq")
                .with("type", "result")
                .with("id", iq.attribute("id").unwrap_or_default())
                .with("from", to)
                .with("to", from)
                .children_from(payload),
            Err(condition) => error_answer(iq, condition),
        };
        self.deliver(session, answer);
    }

    fn room_answer(
        &mut self,
        iq: &Element,
        from: &str,
        to: &str,
    ) -> Result<Option<Element>, &'static str> {
        let address = jid::bare(to).to_owned();
        let room = self.chat_rooms.get(&address).ok_or("item-not-found")?;
        let payload = iq.elements().next().ok_or("bad-request")?.clone();
        let is_in = room.by_jid(from).is_some();
        if let Some(nick) = jid::resource(to) {
            // XEP-0410 section 4: the service answers itself.
            let is_self = room.by_jid(from).is_some_and(|own| own.nick == nick);
            return match payload.is(ns::PING, "ping") && is_self {
                true => Ok(None),
                false if is_in => Err("item-not-found"),
                false => Err("not-acceptable"),
            };
        }
        let is_get = iq.attribute("type") == Some("get");
        match (&*payload.ns, &*payload.name, is_get) {
            (ns::DISCO_INFO, "query", true) => Ok(Some(info(room))),
            (ns::MUC_ADMIN, "query", true) => Ok(Some(affiliated(room, &payload))),
            (ns::MUC_ADMIN, "query", false) => self.room_admin(&address, from, &payload),
            (ns::MUC_OWNER, "query", _) => self.room_owner(&address, from, &payload, is_get),
            (ns::MAM, "query", false) if room.settings.archive && is_in => {
                self.room_archive(&address, from, &payload)
            }
            (ns::MAM, "query", false) => Err("forbidden"),
            _ => Err("service-unavailable"),
        }
    }

    fn room_archive(
        &mut self,
        address: &str,
        from: &str,
        asked: &Element,
    ) -> Result<Option<Element>, &'static str> {
        let unknown = self.switches.archive_unknown;
        let room = self.chat_rooms.get_mut(address).ok_or("item-not-found")?;
        let messages: &[ArchivedMessage] = room.messages.make_contiguous();
        match query(messages, asked, unknown) {
            ArchiveAnswer::Page { results, fin } => {
                for result in results {
                    let message = Element::new(ns::CLIENT, "message")
                        .with("from", address)
                        .child(result);
                    self.tell_occupant(from, message);
                }
                Ok(Some(fin))
            }
            ArchiveAnswer::ItemNotFound => Err("item-not-found"),
            ArchiveAnswer::BadRequest => Err("bad-request"),
        }
    }

    fn room_admin(
        &mut self,
        address: &str,
        from: &str,
        asked: &Element,
    ) -> Result<Option<Element>, &'static str> {
        let item = asked.find(ns::MUC_ADMIN, "item").ok_or("bad-request")?;
        let room = self.chat_rooms.get_mut(address).ok_or("item-not-found")?;
        if !matches!(room.affiliation(from), "owner" | "admin") {
            return Err("forbidden");
        }
        if let (Some(jid), Some(affiliation)) =
            (item.attribute("jid"), item.attribute("affiliation"))
        {
            let user = jid::bare(jid).to_owned();
            room.affiliations
                .insert(user.clone(), affiliation.to_owned());
            let of_user = room.occupants.iter();
            let of_user = of_user.filter(|member| jid::bare(&member.jid) == user);
            let members: Vec<_> = of_user.cloned().collect();
            for member in members {
                match affiliation {
                    "outcast" => self.exit(address, &member, &[301], None),
                    _ => self.announce(address, &member, &[]),
                }
            }
            return Ok(None);
        }
        let nick = item.attribute("nick").ok_or("bad-request")?;
        let member = room.by_nick(nick).ok_or("item-not-found")?.clone();
        match item.attribute("role") {
            Some("none") => self.exit(address, &member, &[307], None),
            Some(role @ ("visitor" | "participant" | "moderator")) => {
                let role = match role {
                    "visitor" => "visitor",
                    "participant" => "participant",
                    _ => "moderator",
                };
                let mut changed = member;
                changed.role = role;
                room.occupants.retain(|other| other.jid != changed.jid);
                room.occupants.push(changed.clone());
                self.announce(address, &changed, &[]);
            }
            _ => return Err("bad-request"),
        }
        Ok(None)
    }

    fn room_owner(
        &mut self,
        address: &str,
        from: &str,
        asked: &Element,
        is_get: bool,
    ) -> Result<Option<Element>, &'static str> {
        let room = self.chat_rooms.get_mut(address).ok_or("item-not-found")?;
        if room.affiliation(from) != "owner" {
            return Err("forbidden");
        }
        if is_get {
            return Ok(Some(configuration(room)));
        }
        if let Some(destroy) = asked.find(ns::MUC_OWNER, "destroy") {
            let alternative = destroy.attribute("jid").map(str::to_owned);
            self.destroy(address, alternative);
            return Ok(None);
        }
        let form = asked.find(ns::FORMS, "x").ok_or("bad-request")?;
        for field in form.elements() {
            let value = field.find(ns::FORMS, "value").map(Element::content);
            if field.attribute("var") == Some("muc#roomconfig_membersonly") {
                room.settings.members_only = matches!(value.as_deref(), Some("1" | "true"));
            }
        }
        room.is_locked = false;
        let changed = Element::new(ns::CLIENT, "message")
            .with("from", address)
            .with("type", "groupchat")
            .child(
                Element::new(ns::MUC_USER, "x")
                    .child(Element::new(ns::MUC_USER, "status").with("code", "104")),
            );
        let all: Vec<String> = room.occupants.iter().map(|one| one.jid.clone()).collect();
        for jid in all {
            self.tell_occupant(&jid, changed.clone());
        }
        Ok(None)
    }
}

fn info(room: &ChatRoom) -> Element {
    let mut features = vec![
        ns::MUC,
        ns::DISCO_INFO,
        ns::OCCUPANT_ID,
        "http://jabber.org/protocol/muc#self-ping-optimization",
        "http://jabber.org/protocol/muc#stable_id",
    ];
    if room.settings.archive {
        features.extend([ns::MAM, ns::STANZA_ID]);
    }
    Element::new(ns::DISCO_INFO, "query")
        .child(
            Element::new(ns::DISCO_INFO, "identity")
                .with("category", "conference")
                .with("type", "text"),
        )
        .children_from(
            features
                .into_iter()
                .map(|var| Element::new(ns::DISCO_INFO, "feature").with("var", var)),
        )
}

fn affiliated(room: &ChatRoom, asked: &Element) -> Element {
    let wanted = asked
        .find(ns::MUC_ADMIN, "item")
        .and_then(|item| item.attribute("affiliation"));
    let found = room.affiliations.iter();
    let found = found.filter(|(_, affiliation)| Some(affiliation.as_str()) == wanted);
    Element::new(ns::MUC_ADMIN, "query").children_from(found.map(|(user, affiliation)| {
        Element::new(ns::MUC_ADMIN, "item")
            .with("jid", user.clone())
            .with("affiliation", affiliation.clone())
    }))
}

fn configuration(room: &ChatRoom) -> Element {
    let field = |var: &str, kind: &str, value: &str| {
        Element::new(ns::FORMS, "field")
            .with("var", var)
            .with("type", kind)
            .child(Element::new(ns::FORMS, "value").text(value))
    };
    let members_only = if room.settings.members_only { "1" } else { "0" };
    let form = Element::new(ns::FORMS, "x")
        .with("type", "form")
        .child(field(
            "FORM_TYPE",
            "hidden",
            "http://jabber.org/protocol/muc#roomconfig",
        ))
        .child(field("muc#roomconfig_membersonly", "boolean", members_only));
    Element::new(ns::MUC_OWNER, "query").child(form)
}
