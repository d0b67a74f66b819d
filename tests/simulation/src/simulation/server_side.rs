//! The server's end of connections.

use snapback_engine::link::tls::Tls;
use snapback_reference_server as server;
use snapback_types::endpoint::Address;
use snapback_types::transport::Transport;

use crate::host::Host;
use crate::hosts::Manner;
use crate::network::{Packet, Path};
use crate::random::Random;

use super::{Conn, Simulation};

impl<T: Tls + Clone> Simulation<'_, T> {
    /// Accepts a connection, with its faults.
    pub(super) fn accept(&mut self, address: Address) -> bool {
        self.last_conn += 1;
        let mut random = Random::new(self.script.seed, 1_000 + self.last_conn);
        let transport = match address.transport {
            Transport::DirectTls => server::Transport::DirectTls,
            Transport::StartTls => server::Transport::StartTls,
        };
        let faults = &self.world.faults;
        let in_force = || faults.next_connection.iter().chain(&faults.all);
        // A client that once saw the server without stream management may assume that for one more login.
        let has_faults = in_force().next().is_some();
        let faulty = has_faults || self.sm_was_off || self.world.has_unread_session();
        let impostor = in_force().any(|fault| matches!(fault, server::Fault::Certificate(_)));
        let (at, is_null) = (self.server_time(), !self.is_tls());
        let exporter = random.seed();
        let host = Host::open(&mut self.world, transport, is_null, exporter, impostor, at);
        let mut path = Path::new(self.setup.latency, self.setup.jitter, random);
        path.stall(self.stalled_until);
        self.conns.push(Conn {
            number: self.last_conn,
            path,
            host: Some(host),
            client: true,
            has_faults,
        });
        let number = self.last_conn;
        self.model.note("connection", || number.to_string());
        let index = self.conns.len() - 1;
        self.pump_host(index);
        faulty
    }

    /// Accepts a connection as a server that does not speak XMPP.
    pub(super) fn accept_silently(&mut self, manner: Manner) {
        self.last_conn += 1;
        let random = Random::new(self.script.seed, 1_000 + self.last_conn);
        let mut path = Path::new(self.setup.latency, self.setup.jitter, random);
        path.stall(self.stalled_until);
        if manner == Manner::HangsUp {
            path.end(false, self.now);
        }
        self.conns.push(Conn {
            number: self.last_conn,
            path,
            host: None,
            client: true,
            has_faults: true,
        });
        self.model.note("connection", || format!("{manner:?}"));
    }

    /// Something arrives at the server.
    pub(super) fn up(&mut self, index: usize) {
        let at = self.server_time();
        let conn = &mut self.conns[index];
        let packet = conn.path.take(true);
        let Some(host) = &mut conn.host else { return };
        match packet {
            Some(Packet::Bytes(bytes)) => {
                host.received(&mut self.world, &mut self.tickets, &bytes, at);
                self.pump_host(index);
            }
            Some(Packet::End) => {
                host.connection.handle_closed(&mut self.world, at);
                let number = conn.number;
                conn.host = None;
                conn.path.end(false, self.now);
                self.model
                    .note("server saw the end of", || number.to_string());
                self.pump_dirty();
            }
            None => {}
        }
    }

    /// Sends what a connection has to send, and then what others have to send because of it.
    pub(super) fn pump_host(&mut self, index: usize) {
        self.pump_one(index);
        self.pump_dirty();
    }

    fn pump_one(&mut self, index: usize) {
        let (at, now, snap) = (self.server_time(), self.now, self.is_tls());
        let conn = &mut self.conns[index];
        let Some(host) = &mut conn.host else { return };
        let (bytes, closing) = host.take_output(&mut self.world);
        conn.path.send(false, bytes, snap, now);
        if closing.is_some() {
            host.connection.handle_closed(&mut self.world, at);
            conn.host = None;
            conn.path.end(false, now);
        }
    }

    pub(super) fn pump_dirty(&mut self) {
        loop {
            let dirty = self.world.take_dirty();
            if dirty.is_empty() {
                break;
            }
            let at = self.server_time();
            for id in dirty {
                let is_it =
                    |conn: &Conn| conn.host.as_ref().is_some_and(|h| h.connection.id() == id);
                let Some(index) = self.conns.iter().position(is_it) else {
                    continue;
                };
                if let Some(host) = &mut self.conns[index].host {
                    host.connection.handle_wakeup(&mut self.world, at);
                }
                self.pump_one(index);
            }
        }
        self.model.server_took(self.world.received());
        self.model.server_redirected(self.world.redirected());
        self.model.server_lost(self.world.lost_at_hand_over());
    }
}
