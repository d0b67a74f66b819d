//! The outbound half of a link: what is written together, and what is reported after it.

use snapback_proto::connection::Event;
use snapback_proto::plan::Login;
use snapback_proto::protocol_message::ProtocolMessage;
use snapback_proto::time::Now;

use super::state::Outbound;
use super::tls::{Session, Tls};
use super::wire::{Item, Write};
use super::{Input, Link, LinkOutput};

impl<T: Tls> Link<T> {
    /// Queues the ClientHello in the flight. If it can carry early data, the login follows it (rule S6).
    pub(super) fn start_tls(&mut self, now: Now) {
        self.wire.push(Item::ClientHello);
        self.params.early_data = matches!(
            self.plan().login,
            Login::Fast {
                early_data: true,
                ..
            }
        );
        match self.tls.session(self.params.clone()) {
            Ok(session) => {
                let can_early = self.params.early_data && session.early_data_capacity() > 0;
                let end_point = session
                    .ticket()
                    .and_then(|ticket| ticket.origin.end_point.clone());
                self.session = Some(session);
                if can_early {
                    self.tell(Input::EarlyDataReady { end_point }, now);
                }
            }
            Err(error) => self.tls_failed(error, now),
        }
    }

    /// Sends what may be sent, in one write, and reports the events that may be reported.
    pub(super) fn flush(&mut self, now: Now) {
        self.drain_wire(now);
        while let Some((after, _)) = self.events.front() {
            if !self.wire.is_committed(*after) {
                break;
            }
            if let Some((_, event)) = self.events.pop_front() {
                self.announce(event);
            }
        }
    }

    fn drain_wire(&mut self, now: Now) {
        if self.wire.is_blocked() {
            // A flight is one write: its first bytes wait for the commit that its last bytes wait for.
            return;
        }
        let mut write = Write::default();
        let mut close = false;
        while let Some(item) = self.wire.pop() {
            match item {
                Item::Bytes { bytes, parts, .. } => {
                    write.parts.extend(parts);
                    self.put(&bytes, &mut write, now);
                }
                Item::ClientHello => {
                    self.outbound.hello_sent();
                    write.parts.push(ProtocolMessage::ClientHello);
                }
                Item::Finished => write.parts.push(ProtocolMessage::Finished),
                Item::Close => {
                    close = true;
                    if let Some(session) = self.session.as_mut() {
                        session.close();
                    }
                }
            }
            self.collect(&mut write);
        }
        self.collect(&mut write);
        if !write.bytes.is_empty() {
            self.note_retry(&mut write, now);
            let is_established = self.outbound.is_established();
            self.timeline
                .sent(&write.parts, write.bytes.len(), is_established, now.mono);
            self.outputs.push_back(LinkOutput::Transmit(write.bytes));
        }
        if close {
            self.outputs.push_back(LinkOutput::CloseTransport);
        }
    }

    /// Counts a ClientHello that the server requested anew as a flight of its own, although rustls wrote it by itself.
    fn note_retry(&mut self, write: &mut Write, now: Now) {
        let was_retried = self.session.as_ref().is_some_and(Session::was_retried);
        if was_retried && self.outbound.hello_repeated() {
            self.timeline
                .received(ProtocolMessage::ServerHello, now.mono);
            write.parts.push(ProtocolMessage::ClientHello);
        }
    }

    fn put(&mut self, bytes: &[u8], write: &mut Write, now: Now) {
        match (&mut self.outbound, self.session.as_mut()) {
            (Outbound::Plain, _) => write.bytes.extend_from_slice(bytes),
            (Outbound::Tls, Some(session)) => {
                if let Err(error) = session.write(bytes) {
                    self.tls_failed(error, now);
                }
            }
            (Outbound::Handshake { early_rest, .. }, Some(session)) => {
                let taken = if early_rest.is_empty() {
                    session.write_early(bytes)
                } else {
                    0
                };
                early_rest.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            }
            // Without a session nothing can be sent: what follows a ClientHello is never sent in the clear.
            (Outbound::Handshake { .. } | Outbound::Tls, None) => {}
        }
    }

    fn collect(&mut self, write: &mut Write) {
        if let Some(session) = self.session.as_mut().filter(|_| self.outbound.is_tls()) {
            write.bytes.extend(session.take_output());
        }
    }

    fn announce(&mut self, event: Event) {
        let output = match event {
            Event::Closed(error) => LinkOutput::Closed(self.end.report(error)),
            event => LinkOutput::Event(event),
        };
        self.outputs.push_back(output);
    }
}
