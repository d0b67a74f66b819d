//! The one place of a run that fails besides what its script breaks.

use snapback_engine::link::tls::Tls;

use crate::null_tls::{ALERT, frame};
use crate::script::Cut;
use crate::turns::{Failing, Place};

use super::{Phone, Simulation};

impl<T: Tls + Clone> Simulation<'_, T> {
    /// The place may fail after the last fault of the script, and is a fault itself (I16).
    pub(super) fn look_at_turn(&mut self) {
        let has_failed = self.turns.passed().has_failed;
        if has_failed && !std::mem::replace(&mut self.has_failed, true) {
            self.model.note("--", || "the place fails".to_owned());
            self.healed_at = self.healed_at.map(|_| self.now);
        }
    }

    pub(super) fn write(&mut self, mut bytes: Vec<u8>) {
        let (snap, now) = (self.is_tls(), self.now);
        let failing = self.turns.pass(Place::Write);
        let Some(conn) = self.conns.iter_mut().find(|conn| conn.client) else {
            return;
        };
        match failing {
            Some(Failing::WriteFails | Failing::WriteLost) => bytes.clear(),
            Some(_) => bytes.truncate(bytes.len() / 2),
            None => {}
        }
        conn.path.send(true, bytes, snap, now);
        match failing {
            Some(Failing::WriteLost) => conn.path.cut(Cut::Silent, now),
            Some(_) => conn.path.cut(Cut::Reset, now),
            None => {}
        }
    }

    /// The phone reads the end of the connection; what it would have read is lost.
    pub(super) fn read_fails(&mut self, index: usize, failing: Failing) {
        if failing == Failing::ReadEnds {
            self.ends_in_order(index);
        }
        self.with_phone(Phone::transport_closed);
        self.pump_dirty();
    }

    /// The server ends the connection, and TLS if it has begun. No network can do that (rule I19).
    fn ends_in_order(&mut self, index: usize) {
        let at = self.server_time();
        let Some(mut host) = self.conns[index].host.take() else {
            return;
        };
        let is_clear = host.is_clear();
        host.connection.handle_closed(&mut self.world, at);
        self.model.server_at_fault = true;
        if let Some(phone) = &mut self.phone {
            phone.excuse(&mut self.model);
        }
        if !is_clear {
            let mut alert = Vec::new();
            frame(ALERT, &[], &mut alert);
            self.with_phone(|phone, model, coverage, now| {
                phone.received(&alert, model, coverage, now);
            });
        }
    }
}
