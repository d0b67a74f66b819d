//! The steps of a script, carried out.

use snapback_engine::EngineInput;
use snapback_engine::engine::Ticket;
use snapback_engine::link::tls::Tls;
use snapback_proto::knowledge::Op;
use snapback_reference_server as server;

use crate::faults::FAULTS;
use crate::model::{ANY, Message};
use crate::network::Time;
use crate::phone::Kill;
use crate::script::{Action, Cut};
use crate::setup;

use super::Simulation;

impl<T: Tls + Clone> Simulation<'_, T> {
    pub(super) fn action(&mut self, action: Action) {
        match action {
            Action::Send(_)
            | Action::Request
            | Action::History
            | Action::Active(_)
            | Action::Confirm
            | Action::Suspend
            | Action::Resume
            | Action::BeginSync(_)
            | Action::EndSync
            | Action::SetPush(_)
            | Action::LogOut
            | Action::Disconnect
            | Action::Connect => self.app(action),
            Action::Receive(count) => self.romeo_writes(count),
            Action::Hostile(index) => self.romeo_harms(index),
            Action::Flood(count) => self.romeo_asks(count),
            Action::Reuse(count) => self.ids_are_reused(count),
            Action::Twin => self.another_client_sends(),
            Action::Room { room, event } => self.in_room(room, event),
            Action::Days(days) => self.days_pass(days),
            Action::Expire(keep) => self.archive_forgets(keep),
            Action::Kill(_)
            | Action::KillAtStore { .. }
            | Action::KillAfterBytes { .. }
            | Action::StoreFails(_)
            | Action::ReadFails(_)
            | Action::Freeze(_)
            | Action::WallJump(_)
            | Action::MonoJump(_) => self.device(action),
            Action::Cut(_)
            | Action::CutAfter { .. }
            | Action::Stall(_)
            | Action::Network(_)
            | Action::Handover(_)
            | Action::Refuse(_)
            | Action::Addresses(_)
            | Action::Dns { .. } => self.path(action),
            Action::Age(count) => self.age(count),
            Action::Forget
            | Action::Restart(_)
            | Action::Reconfigure(_)
            | Action::Conflict
            | Action::Fault { .. } => self.server(action),
        }
    }

    fn app(&mut self, action: Action) {
        if let Action::Active(active) = action {
            self.wants_active = active;
        }
        if self.now < self.stopped_until {
            return;
        }
        match action {
            Action::Send(_) | Action::Request | Action::History | Action::Confirm
                if self.suspended => {}
            Action::Send(count) => {
                for _ in 0..count {
                    self.with_phone(super::Phone::send_message);
                }
            }
            Action::Request => self.with_phone(super::Phone::send_request),
            Action::History => self.with_phone(super::Phone::ask_history),
            Action::Active(active) => {
                if active {
                    self.suspended = false;
                }
                self.app_says(EngineInput::SetActive(active));
            }
            Action::Confirm => self.with_phone(super::Phone::confirm_all),
            Action::Suspend if !self.suspended => {
                self.suspended = self.phone.is_some();
                self.app_says(EngineInput::Suspend);
            }
            Action::Resume => self.wake(EngineInput::Resume),
            Action::BeginSync(kind) => self.wake(EngineInput::BeginSync(kind)),
            Action::SetPush(node) => {
                self.model.push.want(node);
                self.set_push();
            }
            Action::LogOut if !self.suspended => self.app_says(EngineInput::LogOut),
            Action::Disconnect => self.app_says(EngineInput::Disconnect),
            Action::EndSync => self.leave(),
            Action::Connect => self.wake(EngineInput::Connect),
            _ => {}
        }
    }

    /// The app states what it wants, unless that is stored.
    pub(super) fn set_push(&mut self) {
        if !self.model.push.is_stored() && !self.suspended {
            let wanted = self.model.push.wanted();
            let ticket = Ticket(self.model.push.asked());
            self.app_says(EngineInput::SetPush { ticket, wanted });
        }
    }

    pub(super) fn wake(&mut self, input: EngineInput<'_>) {
        self.suspended = false;
        self.app_says(input);
    }

    fn leave(&mut self) {
        self.app_says(EngineInput::EndSync);
        self.suspended |= self.phone.as_ref().is_some_and(super::Phone::is_suspended);
    }

    pub(super) fn app_says(&mut self, input: EngineInput<'_>) {
        self.with_phone(|phone, model, coverage, now| phone.app_says(input, model, coverage, now));
    }

    fn romeo_writes(&mut self, count: u32) {
        let at = self.server_time();
        for _ in 0..count {
            let id = self
                .world
                .inject_message("romeo@localhost/x", "juliet@localhost", "thou", at);
            let message = Message::new(id, "thou");
            self.model
                .written(message, if self.doubling { ANY } else { 1 });
        }
        self.pump_dirty();
    }

    /// The result is not recorded: the stanza counts, and nothing else may break because of it.
    fn romeo_harms(&mut self, index: usize) {
        let Some((name, id, inside)) = crate::hostile::stanza(index) else {
            return;
        };
        let to = match name {
            "message" => Some("juliet@localhost".to_owned()),
            _ => self.full_jid_of_juliet(),
        };
        if let Some(to) = to {
            let at = self.server_time();
            self.world
                .inject_stanza(name, ("romeo@localhost/x", &to, &id), &inside, at);
            self.pump_dirty();
        }
    }

    /// W9: the answers to these wait for an acknowledgement, and must not fill the memory.
    fn romeo_asks(&mut self, count: u32) {
        let Some(to) = self.full_jid_of_juliet() else {
            return;
        };
        let at = self.server_time();
        let ping = "<ping xmlns='urn:xmpp:ping'/>";
        for number in 0..count {
            let id = format!("flood-{number}");
            self.world
                .inject_stanza("iq", ("romeo@localhost/x", &to, &id), ping, at);
        }
        self.pump_dirty();
    }

    fn full_jid_of_juliet(&self) -> Option<String> {
        let mut sessions = self.world.sessions().into_iter().map(|session| session.jid);
        sessions.find(|jid| jid.starts_with("juliet@localhost/"))
    }

    fn device(&mut self, action: Action) {
        let millis = |ms: u32| Time::from(ms) * 1_000;
        match action {
            Action::Kill(down) => {
                self.down = millis(down);
                self.with_phone(|phone, _, _, _| phone.arm(Kill::Now));
            }
            Action::KillAtStore {
                transaction,
                committed,
                down,
            } => {
                self.down = millis(down);
                self.with_phone(|phone, _, _, _| {
                    phone.arm(Kill::AtStore {
                        transaction,
                        committed,
                    });
                });
            }
            Action::KillAfterBytes { bytes, down } => {
                self.down = millis(down);
                self.with_phone(|phone, _, _, _| phone.arm(Kill::AfterBytes(bytes as usize)));
            }
            Action::StoreFails(transaction) => {
                self.with_phone(|phone, _, _, _| phone.fail_commit(transaction));
            }
            Action::ReadFails(call) => self.turns.fail_read(call),
            Action::Freeze(ms) => self.stopped_until = self.now + millis(ms),
            Action::WallJump(seconds) => {
                self.clock.wall += i64::from(seconds);
                self.model.clock_was_set();
            }
            Action::MonoJump(seconds) => self.clock.mono += u64::from(seconds) * 1_000_000,
            _ => {}
        }
        let clock = self.clock;
        if let Some(phone) = &mut self.phone {
            phone.clock = clock;
        }
    }

    fn path(&mut self, action: Action) {
        let now = self.now;
        let millis = |ms: u32| Time::from(ms) * 1_000;
        let conn = self.conns.iter_mut().find(|conn| conn.client);
        match action {
            Action::Cut(cut) => {
                if let Some(conn) = conn {
                    conn.path.cut(cut, now);
                }
            }
            Action::CutAfter { up, bytes, cut } => {
                if let Some(conn) = conn {
                    conn.path.limit(up, u64::from(bytes), cut);
                }
            }
            Action::Stall(ms) => {
                self.stalled_until = now + millis(ms);
                for conn in &mut self.conns {
                    conn.path.stall(now + millis(ms));
                }
            }
            Action::Network(available) => {
                if let Some(conn) = conn.filter(|_| !available) {
                    conn.path.cut(Cut::Silent, now);
                }
                self.network = available;
                self.app_says(EngineInput::NetworkChanged { available });
            }
            Action::Handover(stays) => {
                if let Some(conn) = conn {
                    conn.path.cut(Cut::Silent, now);
                    conn.path.end_late(now + millis(stays));
                }
                self.app_says(EngineInput::NetworkChanged { available: true });
            }
            Action::Refuse(ms) => self.refused_until = now + millis(ms),
            Action::Addresses(number) => self.hosts.draw(number),
            Action::Dns { fault, lasts } => self.hosts.break_dns(fault, now + millis(lasts)),
            _ => {}
        }
    }

    /// I16: counters wrap at 2^32, which no run would reach by itself. Only while both sides are idle.
    fn age(&mut self, target: u32) {
        let Some(phone) = &mut self.phone else { return };
        if phone.has_attempt() || !self.conns.is_empty() || self.suspended {
            return;
        }
        let server = phone.server();
        let Some(session) = phone.store().load(&server).ok().and_then(|known| known.sm) else {
            return;
        };
        let waits = |s: &server::SessionSnapshot| s.sm_id.as_deref() == Some(&session.id);
        if !self.world.sessions().iter().any(waits) {
            return;
        }
        let stanzas = target.wrapping_sub(session.h);
        let h = session.h.wrapping_add(stanzas);
        let aged = [
            Op::CountInbound(h),
            Op::Acked {
                base: Some(session.base.wrapping_add(stanzas)),
                seqs: Vec::new(),
            },
        ];
        phone.store().apply(&server, &aged).expect("it is stored");
        self.world.age_sessions("juliet", stanzas);
        self.model.committed_h = Some(h);
    }

    fn server(&mut self, action: Action) {
        let at = self.server_time();
        match action {
            Action::Forget => self.world.forget_sessions("juliet", at),
            Action::Restart(forgetting) => {
                self.world.cut_all();
                self.pump_dirty();
                if forgetting {
                    self.world.forget_sessions("juliet", at);
                }
            }
            Action::Reconfigure(variation) => {
                self.world.switches = setup::vary(&self.setup.switches, variation);
                if !self.world.switches.sm || self.world.switches.sm_refused {
                    self.sm_was_off = true;
                    if let Some(phone) = &mut self.phone {
                        phone.excuse(&mut self.model);
                    }
                }
            }
            Action::Conflict => self.world.conflict("juliet"),
            Action::Fault { fault, lasts } => self.fault(fault, lasts),
            _ => {}
        }
        self.pump_dirty();
    }

    fn fault(&mut self, index: usize, lasts: u32) {
        let named = &FAULTS[index];
        let fault = (named.make)();
        self.coverage.fault(named.name);
        self.model.server_at_fault = true;
        if fault == server::Fault::DuplicateDelivery && !std::mem::replace(&mut self.doubling, true)
        {
            self.model.server_duplicates();
        }
        if lasts == 0 {
            self.world.faults.next_connection.push(fault);
        } else {
            let until = self.now + Time::from(lasts) * 1_000;
            self.world.faults.all.push(fault.clone());
            self.fault_ends.push((until, fault));
            for conn in &mut self.conns {
                conn.has_faults = true;
            }
            if let Some(phone) = &mut self.phone {
                phone.excuse(&mut self.model);
            }
        }
    }
}
