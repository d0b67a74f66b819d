//! XEP-0198: the nonzas of stream management, and the orderly end of a session.

use crate::connection::output::Event;
use crate::connection::remote::Remote;
use crate::connection::session::state::{Session, SessionStage, Sm};
use crate::connection::timer::Timer;
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::escalation::{Evidence, Remedy, Subject};
use crate::knowledge::{Op, OutboundKind, OutboundStanza};
use crate::protocol_message::ProtocolMessage;
use crate::stream::header;
use crate::xep::sm::{self, Enabled, Nonza};
use crate::xml::Element;

impl Session {
    pub(in crate::connection) fn element(
        &mut self,
        element: &Element,
        remote: &mut Remote,
    ) -> Result<(), ConnectionError> {
        if element.is_stanza() {
            self.check_pipelined_bind(element, remote)?;
            self.stanza(element, remote);
            return Ok(());
        }
        let nonza = Nonza::parse(element).transpose().map_err(|_| {
            ConnectionError::Peer(PeerError::Malformed("stream management element"))
        })?;
        match nonza {
            Some(nonza) => self.nonza(nonza, remote),
            // Nonzas of other namespaces are ignored; they never count (rule I1).
            None => Ok(()),
        }
    }

    fn nonza(&mut self, nonza: Nonza, remote: &mut Remote) -> Result<(), ConnectionError> {
        match (nonza, self.sm) {
            (Nonza::Enabled(enabled), Sm::Enabling) => {
                remote.env.understood(ProtocolMessage::Enabled);
                remote.assumption_held(Assumption::Features);
                remote.bind_pipelining_held();
                self.enable_is_answered(remote);
                // Stored with the session: a resumed one does not repeat them.
                self.started(remote);
                self.enabled(&enabled, remote);
                Ok(())
            }
            (Nonza::Failed(_), Sm::Enabling) => {
                remote.env.understood(ProtocolMessage::SmFailed);
                remote.assumption_held(Assumption::Features);
                remote.bind_pipelining_held();
                self.sm = Sm::Off;
                // The server no longer counts them, and a stanza that must be sent alone would wait for them without end (W8).
                self.unacked
                    .retain(|stanza| stanza.kind != OutboundKind::Core);
                self.enable_is_answered(remote);
                self.started(remote);
                self.enable_answered(remote);
                self.go_on(remote);
                Ok(())
            }
            (Nonza::Enabled(_), _) => Err(ConnectionError::Peer(PeerError::SecondEnabled)),
            (Nonza::Request, Sm::On) => {
                remote.env.understood(ProtocolMessage::AckRequest);
                self.send_ack(remote);
                Ok(())
            }
            (Nonza::Ack { h }, Sm::On) => {
                remote.env.understood(ProtocolMessage::Ack);
                self.check_count(h, remote);
                self.answered(remote);
                self.queue_received();
                let before = self.base;
                self.acknowledge(h, remote)?;
                // Prosody closes the stream with an `<a/>`: only one that acknowledges something new shows that the stanza
                // could be parsed.
                if self.base != before {
                    remote.assumption_held(Assumption::Resumption);
                    remote.resumption_proven();
                }
                self.doubt_archive(remote);
                self.go_on(remote);
                Ok(())
            }
            // I7: not while stream management is off.
            (Nonza::Request | Nonza::Ack { .. } | Nonza::Resumed(_) | Nonza::Failed(_), _) => {
                remote
                    .env
                    .event(Event::PeerFault("stream management element out of place"));
                Ok(())
            }
        }
    }

    /// Processes `<enabled/>`: inbound counting starts here, and the session can be stored.
    pub(super) fn enabled(&mut self, enabled: &Enabled, remote: &mut Remote) {
        self.sm = Sm::On;
        self.h = 0;
        if let Some(jid) = self.jid.clone()
            && let Some(session) = self.resumable(enabled, jid, remote)
        {
            let sent = self.unacked.iter().cloned().collect();
            let mut ops = vec![Op::SmEnabled { session, sent }];
            ops.extend(self.note_settled(remote));
            remote.env.persist(ops);
        }
        self.enable_answered(remote);
    }

    /// Sends the requests that could not be sent while `<enable/>` was pending.
    pub(super) fn enable_answered(&mut self, remote: &mut Remote) {
        remote.env.timers.stop(Timer::Ack);
        if remote.env.timers.is_set(Timer::Probe) {
            self.probe(remote);
        }
        self.request_ack(remote);
    }

    /// Sends `<a/>`, which carries only a committed count (rule I3).
    pub(super) fn send_ack(&mut self, remote: &mut Remote) {
        let after = self.last_inbound;
        remote
            .env
            .transmit_after(after, ProtocolMessage::Ack, sm::ack(self.h).to_xml());
    }

    /// Closes the stream in order: `<a/>`, then the end of the stream; the session is cleared (rule I14).
    pub(in crate::connection) fn end(&mut self, remote: &mut Remote) {
        if self.sm == Sm::On {
            if self.unacked.iter().any(OutboundStanza::outlives_session) {
                // The answer to a pending request may not cover all of them, and stanzas that are not acknowledged are sent
                // again.
                remote
                    .env
                    .transmit_element(ProtocolMessage::AckRequest, &sm::request());
            }
            self.send_ack(remote);
        }
        let after = self.last_inbound;
        remote
            .env
            .transmit_after(after, ProtocolMessage::Close, header::CLOSE.to_owned());
        self.give_up(remote);
        self.missed.report_stored_gap(&mut remote.env);
        self.stage = SessionStage::Ending;
    }

    /// Processes what the server sends after the client's stream close. Stanzas and acknowledgements are processed as before,
    /// although nothing can be answered (RFC 6120 section 4.4).
    pub(in crate::connection) fn element_while_ending(
        &mut self,
        element: &Element,
        remote: &mut Remote,
    ) {
        if element.is_stanza() {
            self.stanza(element, remote);
        } else if self.sm == Sm::On
            && let Some(Ok(Nonza::Ack { h })) = Nonza::parse(element)
        {
            self.acknowledge_late(h, remote);
        }
    }

    /// The server has closed its stream, too: everything that it sent in this session was received.
    pub(in crate::connection) fn ended_in_order(&mut self, remote: &mut Remote) {
        if let Some(op) = self.note_settled(remote) {
            remote.env.persist(vec![op]);
        }
    }

    /// T6: processes XML that is not well-formed. The first time the session is resumed; at the same place again it is not.
    pub(in crate::connection) fn malformed_input(&mut self, remote: &mut Remote) {
        self.page_is_malformed(remote);
        if remote.knowledge.sm.is_none() {
            return;
        }
        let place = Subject::Input(self.h);
        remote.note_failure(place, Evidence::Refusal);
        if remote.gives_up(place, Remedy::NewSession) {
            self.give_up(remote);
        }
    }
}
