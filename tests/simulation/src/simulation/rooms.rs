//! What happens in the rooms, and what must hold of them and of history.

use std::time::Duration;

use snapback_engine::link::tls::Tls;
use snapback_reference_server::UnknownId;

use crate::model::HistoryPage;
use crate::network::Time;
use crate::phone::NICK;
use crate::script::InRoom;
use crate::setup::{ROOMS, room_name};

use super::Simulation;
use super::days::RETENTION;

/// A room that does not answer is tried again after 20 min and up to half of it more, and one that has forgotten its occupant without
/// a word is asked within 15 min: both may come before the end that is checked.
pub(super) const IN_ROOMS: Time = 45 * 60 * 1_000_000;

impl<T: Tls + Clone> Simulation<'_, T> {
    pub(super) fn in_room(&mut self, room: u32, event: InRoom) {
        let name = room_name(room);
        let at = self.server_time();
        let is_idle = self.now < self.stopped_until || self.suspended || self.phone.is_none();
        match event {
            InRoom::Join => {
                self.model.rooms.want(room);
                self.join_rooms();
            }
            InRoom::Leave => {
                self.model.rooms.leave(room);
                self.with_phone(|phone, model, coverage, now| {
                    phone.leave_room(room, model, coverage, now);
                });
            }
            InRoom::Send(_) if is_idle || !self.model.rooms.is_wanted(room) => {}
            InRoom::Send(count) => {
                for _ in 0..count {
                    self.with_phone(|phone, model, coverage, now| {
                        phone.say(room, model, coverage, now);
                    });
                }
            }
            InRoom::Says(count) => {
                for _ in 0..count {
                    self.world.say(&name, "witch", "toil and trouble", at);
                }
            }
            InRoom::Forgets => self.world.forget_occupants(&name, "juliet"),
            InRoom::Removes(code) => {
                let code = u16::try_from(code).unwrap_or(307);
                self.world.remove_occupant(&name, NICK, &[code]);
            }
            InRoom::Expire(keep) => {
                self.look_at_rooms();
                self.room_forgets(&name, keep as usize);
            }
        }
        self.pump_dirty();
    }

    /// A room forgets in the way of its server, as the archive of the account: what says nothing of it keeps the last days.
    fn room_forgets(&mut self, name: &str, keep: usize) {
        match self.world.switches.archive_unknown {
            UnknownId::ItemNotFound => self.world.expire_room(name, keep),
            UnknownId::EmptyPage => {
                let limit = self.server_time();
                let limit = limit.saturating_sub(Duration::from_secs(RETENTION));
                self.world.expire_room_before(name, limit);
            }
        }
    }

    /// The app states where it wants to be.
    pub(super) fn join_rooms(&mut self) {
        if self.now >= self.stopped_until && !self.suspended {
            self.with_phone(super::Phone::join_rooms);
        }
    }

    /// Shows the model what the rooms have accepted.
    pub(super) fn look_at_rooms(&mut self) {
        for room in 0..ROOMS {
            let read = self.model.rooms.read(room);
            let ids = self.world.said_ids(&room_name(room), read);
            if !ids.is_empty() {
                self.model.room_said(room, ids);
            }
        }
    }

    /// Returns whether the rooms that the app wants to be in have it, and nothing is missing.
    pub(super) fn is_settled_in_rooms(&self) -> bool {
        self.model.server_at_fault || self.wrong_in_rooms().is_none()
    }

    /// Returns what is not as it should be.
    pub(super) fn wrong_in_rooms(&self) -> Option<(&'static str, String)> {
        let mut rooms = (0..ROOMS).filter(|room| self.model.rooms.is_wanted(*room));
        let is_in = |room: &u32| {
            let occupants = self.world.occupants(&room_name(*room));
            let own = self.own_jid();
            occupants.iter().any(|(_, jid)| Some(jid) == own.as_ref())
        };
        if let Some(room) = rooms.find(|room| !is_in(room)) {
            return Some((
                "I18",
                format!("the app is not in room {room}, and was not told"),
            ));
        }
        self.model.rooms.missing()
    }

    /// Returns the address of the session of the phone's connection.
    fn own_jid(&self) -> Option<String> {
        let held = self.conns.iter().find(|conn| conn.client)?;
        let connection = held.host.as_ref()?.connection.id();
        let mut sessions = self.world.sessions().into_iter();
        let own = sessions.find(|session| session.connection == Some(connection))?;
        Some(own.jid)
    }

    /// A page of history has the messages of the archive in their order, none left out, up to where it was asked for.
    pub(super) fn check_history(&mut self) {
        for page in std::mem::take(&mut self.model.history) {
            if !self.model.server_at_fault
                && let Some(wrong) = self.wrong_in(&page)
            {
                self.model
                    .broken("I21", || format!("a page of history {wrong}"));
            }
        }
    }

    fn wrong_in(&self, page: &HistoryPage) -> Option<&'static str> {
        let archive: Vec<&str> = self.world.archive_ids("juliet").collect();
        let place = |id: &str| archive.iter().position(|known| *known == id);
        let places: Option<Vec<usize>> = page.ids.iter().map(|id| place(id)).collect();
        // Some may have been forgotten since.
        let (places, before) = (places?, page.before.as_deref().map(place));
        let is_gapless = places.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let ends = match (before, places.last()) {
            (Some(Some(before)), Some(last)) => last + 1 == before,
            (Some(Some(before)), None) => before == 0,
            _ => true,
        };
        match () {
            () if !is_gapless => Some("has a hole, or another order"),
            () if !ends => Some("does not end where it was asked to"),
            () if page.is_complete && places.first().is_some_and(|first| *first != 0) => {
                Some("is no beginning of the archive, and says that it is")
            }
            () => None,
        }
    }
}
