//! What happens while the phone is away, and what other clients do with ids.

use snapback_engine::link::tls::Tls;

use crate::model::{ANY, Message};

use super::Simulation;

/// What other clients of Romeo's count from, after each start.
const REUSED_IDS: u32 = 3;
/// For how long an archive keeps messages that answers with empty pages, in seconds: less than a day no archive does on purpose.
pub(super) const RETENTION: u64 = 3 * 86_400;

impl<T: Tls + Clone> Simulation<'_, T> {
    pub(super) fn days_pass(&mut self, days: u32) {
        let seconds = u64::from(days) * 86_400;
        self.slept += seconds;
        self.clock.wall += i64::from(days) * 86_400;
        let clock = self.clock;
        if let Some(phone) = &mut self.phone {
            phone.clock = clock;
        }
    }

    /// Not before the client knows a message of it: nothing tells an archive that is empty from one that has forgotten everything.
    pub(super) fn archive_forgets(&mut self, keep: u32) {
        if !self.model.has_archive_cursor {
            return;
        }
        if self.is_absence_hidden() {
            return;
        }
        self.coverage.event("archive expired");
        match self.world.switches.archive_unknown {
            snapback_reference_server::UnknownId::ItemNotFound => {
                self.world.expire_archive("juliet", keep as usize);
            }
            snapback_reference_server::UnknownId::EmptyPage => {
                let limit = self.server_time();
                let limit = limit.saturating_sub(std::time::Duration::from_secs(RETENTION));
                self.world.expire_archive_before("juliet", limit);
            }
        }
        let world = &self.world;
        self.model
            .archive_forgot(|id| world.is_archived("juliet", id, "wherefore"));
    }

    /// A device's clock that was set back by as many days as the device was away hides the absence: nothing else says that an empty
    /// page is to be doubted.
    fn is_absence_hidden(&self) -> bool {
        let ahead = self.clock.wall - i64::try_from(self.slept).unwrap_or(i64::MAX);
        let is_set_back = (-8_640_000..=-86_400).contains(&ahead);
        is_set_back
            && self.world.switches.archive_unknown
                == snapback_reference_server::UnknownId::EmptyPage
    }

    /// I17: an id says nothing about a message whose sender counts from one after each start, on several devices.
    pub(super) fn ids_are_reused(&mut self, count: u32) {
        let at = self.server_time();
        for _ in 0..count {
            self.reused += 1;
            let id = format!("n{}", self.reused % REUSED_IDS);
            let body = if self.reused.is_multiple_of(5) {
                "yes".to_owned()
            } else {
                format!("reused {}", self.reused)
            };
            let (from, to) = ("romeo@localhost/x", "juliet@localhost");
            self.world.inject_message_as(from, to, &body, &id, at);
            let message = Message::new(id, &body);
            self.model
                .written(message, if self.doubling { ANY } else { 1 });
        }
        self.coverage.event("id reused");
        self.pump_dirty();
    }

    /// I17: another client of the account counts as the app does. Where carbons are copied and archived, the app gets each.
    pub(super) fn another_client_sends(&mut self) {
        let switches = &self.world.switches;
        if !(switches.archive && switches.carbons && self.model.knows_place()) {
            return;
        }
        self.coverage.event("id of another client");
        let at = self.server_time();
        self.reused += 1;
        let id = format!("m{}", self.model.next_outgoing().saturating_sub(1));
        let body = format!("from elsewhere {}", self.reused);
        let (from, to) = ("juliet@localhost/elsewhere", "romeo@localhost");
        self.world.inject_message_as(from, to, &body, &id, at);
        let message = Message::new(id, &body);
        self.model
            .written(message, if self.doubling { ANY } else { 1 });
        self.pump_dirty();
    }
}
