//! The end of a run: all faults have ended, and everything has to have arrived (rule I16).

use snapback_engine::EngineInput;
use snapback_engine::link::tls::Tls;
use snapback_proto::escalation::Request;
use snapback_reference_server::SessionSnapshot;

use crate::model::Message;
use crate::network::Time;

use super::rooms::IN_ROOMS;
use super::{Conn, Phone, Simulation, TIMEOUT};

/// A client that has been online for this time has queried the archive.
const SETTLED: Time = 30 * 1_000_000;

/// The maximum time that a message waits while nothing is wrong.
const PROMPT: Time = 60 * 1_000_000;

/// The interval at which an app that was asked to involve its user does so.
pub(super) const NUDGE: Time = 60 * 1_000_000;

impl<T: Tls + Clone> Simulation<'_, T> {
    pub(super) fn heal(&mut self) {
        self.model.note("--", || "heal".to_owned());
        self.healed_at = Some(self.now);
        self.last_nudge = self.now;
        self.world.faults = Default::default();
        self.fault_ends.clear();
        self.world.switches = self.setup.switches.clone();
        self.hosts.heal();
        self.refused_until = 0;
        self.stalled_until = 0;
        self.stopped_until = 0;
        self.network = true;
        self.end_lost_connections();
        if self.suspended {
            self.action(crate::script::Action::Resume);
        }
        self.app_says(EngineInput::NetworkChanged { available: true });
        self.app_says(EngineInput::Connect);
    }

    /// The system detects connections that neither side can end any more.
    fn end_lost_connections(&mut self) {
        let at = self.server_time();
        for conn in &mut self.conns {
            if !conn.client
                && let Some(mut host) = conn.host.take()
            {
                host.connection.handle_closed(&mut self.world, at);
            }
        }
        self.pump_dirty();
    }

    pub(super) fn check_end(&mut self) {
        let Some(healed_at) = self.healed_at else {
            return;
        };
        if self.is_settled() {
            self.done = true;
            return self.check_session();
        }
        let until = healed_at + TIMEOUT + self.model.left_out_for();
        if self.now > until + IN_ROOMS {
            let (rule, what) = self.wrong_in_rooms().unwrap_or_default();
            self.model.broken(rule, || what);
        } else if self.now > until && self.is_settled_in_rooms() {
            self.give_up();
        }
    }

    /// After some endings only the user can continue; a user who keeps trying must succeed.
    pub(super) fn nudge(&mut self) {
        self.last_nudge = self.now;
        self.end_lost_connections();
        self.set_push();
        self.join_rooms();
        if self.phone.as_ref().is_some_and(Phone::is_halted) {
            self.wake(EngineInput::Connect);
        }
    }

    fn is_settled(&mut self) -> bool {
        let Some(phone) = &mut self.phone else {
            return false;
        };
        let mut held = self.conns.iter().filter(|conn| conn.client);
        phone.is_caught_up()
            && held.next().is_some_and(|conn| conn.path.is_quiet())
            && phone.has_committed()
            && phone.queue_len() == 0
            && !self.model.is_set_apart(Request::Presence)
            && !self.model.is_set_apart(Request::Carbons)
            && (phone.is_active() || !self.model.is_set_apart(Request::ClientState))
            && !self.model.is_set_apart(Request::Push)
            && self.model.push.is_stored()
            && self.model.is_all_given()
            && self.model.is_sent()
            && self.is_settled_in_rooms()
            && self.is_received()
            && self.model.unanswered().next().is_none()
    }

    fn is_received(&self) -> bool {
        let world = &self.world;
        let held = |message: &Message| world.holds("juliet", &message.id, &message.body);
        self.model.is_received(self.setup.switches.offline, held)
    }

    /// I18: each message is delivered, is still to be had from the server, or lies in a gap that was told, once the client has been
    /// online for a while.
    pub(super) fn check_losses(&mut self) {
        let Some(online_at) = self.phone.as_ref().and_then(Phone::online_since) else {
            return;
        };
        let Some(available_at) = self.available_since() else {
            return;
        };
        if self.now < online_at + SETTLED || self.model.server_at_fault {
            return;
        }
        let world = &self.world;
        let held = |message: &Message| world.holds("juliet", &message.id, &message.body);
        let is_offline_kept = self.setup.switches.offline;
        if let Some(index) = self.model.missing(available_at, is_offline_kept, held)
            && self.is_quiet()
        {
            self.model.broken("I18", || {
                format!("message {index} is lost, and no gap was told")
            });
        }
    }

    /// W8: every wait has an end. While a client is online, and the server does what it should, a message does not wait for
    /// longer than a minute. The session that a background sync has bound has no presence, and sends none (rule I23).
    pub(super) fn check_waits(&mut self) {
        let Some(online_at) = self.phone.as_ref().and_then(Phone::online_since) else {
            return;
        };
        // After every step: what is known at once comes before what has to be looked for.
        let stopped = self.stopped_until.max(self.stalled_until);
        let Some(latest) = self.now.checked_sub(PROMPT) else {
            return;
        };
        let is_held = |conn: &Conn| conn.client && !conn.has_faults;
        if latest <= online_at.max(stopped)
            || !self.conns.iter().any(is_held)
            || self.available_since().is_none_or(|at| latest <= at)
        {
            return;
        }
        if self.model.waits_since().is_some_and(|at| latest > at) && self.is_quiet() {
            self.model.broken("W8", || {
                "a message waits although the client is online".to_owned()
            });
        }
    }

    /// W6: where a login was proven before, a refusal that may pass is tried again.
    pub(super) fn check_halt(&mut self) {
        if self
            .phone
            .as_ref()
            .is_some_and(Phone::is_halted_by_what_passes)
        {
            self.model.broken("W6", || {
                "a refusal that may pass has ended the attempts".to_owned()
            });
        }
    }

    /// Returns when the server received the presence of the client's session. Until then it gives messages to other sessions.
    fn available_since(&mut self) -> Option<Time> {
        let held = self.conns.iter().find(|conn| conn.client)?;
        let connection = held.host.as_ref()?.connection.id();
        if let Some((known, at)) = self.available
            && known == connection
        {
            return Some(at);
        }
        let is_available = self.world.is_available(connection);
        self.available = is_available.then_some((connection, self.now));
        self.available.map(|(_, at)| at)
    }

    /// I2: what is committed reaches the app, also if its connection was dropped meanwhile.
    pub(super) fn check_deliveries(&mut self) {
        let is_idle = |phone: &Phone<T>| {
            !phone.is_killed() && phone.has_committed() && !phone.has_unread_deliveries()
        };
        if self.phone.as_ref().is_some_and(is_idle) {
            let phone = self.phone.as_ref();
            let is_held = |id: &str| phone.is_some_and(|phone| phone.is_held(id));
            self.model.check_given(is_held);
        }
    }

    fn is_quiet(&self) -> bool {
        let mut held = self.conns.iter().filter(|conn| conn.client);
        held.next().is_some_and(|conn| conn.path.is_quiet())
    }

    fn give_up(&mut self) {
        let (unsent, unreceived) = (self.model.unsent(), self.model.unreceived());
        let unanswered: Vec<String> = self.model.unanswered().map(str::to_owned).collect();
        let online = self.phone.as_ref().is_some_and(Phone::is_online);
        let given = self.model.is_all_given();
        let caught_up = self.phone.as_ref().is_some_and(Phone::is_caught_up);
        let queued = self.phone.as_mut().map_or(0, Phone::queue_len);
        let is_only_inbound = unsent.is_empty() && unanswered.is_empty() && !unreceived.is_empty();
        let apart = Request::ALL.into_iter();
        let apart: Vec<Request> = apart.filter(|it| self.model.is_set_apart(*it)).collect();
        let rule = if is_only_inbound { "I18" } else { "I16" };
        self.model.broken(rule, || {
            format!(
                "20 min after everything was well again: online {online}, caught up {caught_up}, all given {given}, {queued} queued, not sent: {unsent}, not received: {unreceived}, not answered: {unanswered:?}, apart: {apart:?}"
            )
        });
    }

    /// I15: the remaining session has everything that a session should have.
    fn check_session(&mut self) {
        let Some(phone) = &self.phone else { return };
        let active = phone.is_active();
        // Others may still be attached that were lost in silence.
        let held = self.conns.iter().find(|conn| conn.client);
        let host = held.and_then(|conn| conn.host.as_ref());
        let connection = host.map(|host| host.connection.id());
        let attached = |s: &SessionSnapshot| s.connection.is_some() && s.connection == connection;
        let sessions = self.world.sessions();
        let Some(session) = sessions.iter().find(|s| attached(s)) else {
            return self
                .model
                .broken("I16", || "the server has no session".to_owned());
        };
        let switches = &self.world.switches;
        if switches.carbons && !session.carbons {
            self.model.broken("I15", || "carbons are off".to_owned());
        } else if !session.available {
            self.model
                .broken("I15", || "there is no presence".to_owned());
        } else if session.presences > 1 && !self.model.server_at_fault {
            let times = session.presences;
            self.model.broken("I23", || {
                format!("the presence of the session was sent {times} times")
            });
        } else if switches.push && session.push != self.model.push.at_server() {
            let (has, wanted) = (session.push.clone(), self.model.push.at_server());
            self.model.broken("I22", || {
                format!("the app wants push notifications at {wanted:?}, the session has {has:?}")
            });
        } else if switches.csi && !self.model.server_forgotten && session.inactive == active {
            let said = session.inactive;
            self.model.broken("I15", || {
                format!("the app is active: {active}, the server has inactive: {said}")
            });
        }
    }
}
