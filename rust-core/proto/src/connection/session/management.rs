//! XEP-0198: the nonzas of stream management, and the orderly end of a session.

use crate::connection::context::Context;
use crate::connection::output::Event;
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
        context: &mut Context,
    ) -> Result<(), ConnectionError> {
        if element.is_stanza() {
            self.check_pipelined_bind(element, context)?;
            self.stanza(element, context);
            return Ok(());
        }
        let nonza = Nonza::parse(element).transpose().map_err(|_| {
            ConnectionError::Peer(PeerError::Malformed("stream management element"))
        })?;
        match nonza {
            Some(nonza) => self.nonza(nonza, context),
            // Nonzas of other namespaces are ignored; they never count (rule I1).
            None => Ok(()),
        }
    }

    fn nonza(&mut self, nonza: Nonza, context: &mut Context) -> Result<(), ConnectionError> {
        match (nonza, self.sm) {
            (Nonza::Enabled(enabled), Sm::Enabling) => {
                context.env.understood(ProtocolMessage::Enabled);
                context.assumption_held(Assumption::Features);
                context.bind_pipelining_held();
                self.enabled(&enabled, context);
                Ok(())
            }
            (Nonza::Failed(_), Sm::Enabling) => {
                context.env.understood(ProtocolMessage::SmFailed);
                context.assumption_held(Assumption::Features);
                context.bind_pipelining_held();
                self.sm = Sm::Off;
                // The server no longer counts them, and a stanza that must be sent alone would wait for them without end (W8).
                self.unacked
                    .retain(|stanza| stanza.kind != OutboundKind::Core);
                self.enable_answered(context);
                self.go_on(context);
                Ok(())
            }
            (Nonza::Enabled(_), _) => Err(ConnectionError::Peer(PeerError::SecondEnabled)),
            (Nonza::Request, Sm::On) => {
                context.env.understood(ProtocolMessage::AckRequest);
                self.send_ack(context);
                Ok(())
            }
            (Nonza::Ack { h }, Sm::On) => {
                context.env.understood(ProtocolMessage::Ack);
                self.answered(context);
                let before = self.base;
                self.acknowledge(h, context)?;
                // Prosody closes the stream with an `<a/>`: only one that acknowledges something new shows that the stanza
                // could be parsed.
                if self.base != before {
                    context.assumption_held(Assumption::Resumption);
                    context.resumption_proven();
                }
                self.doubt_archive(context);
                self.go_on(context);
                Ok(())
            }
            // I7: not while stream management is off.
            (Nonza::Request | Nonza::Ack { .. } | Nonza::Resumed(_) | Nonza::Failed(_), _) => {
                context
                    .env
                    .event(Event::PeerFault("stream management element out of place"));
                Ok(())
            }
        }
    }

    /// Processes `<enabled/>`: inbound counting starts here, and the session can be stored.
    pub(super) fn enabled(&mut self, enabled: &Enabled, context: &mut Context) {
        self.sm = Sm::On;
        self.h = 0;
        if let Some(jid) = self.jid.clone()
            && let Some(session) = self.resumable(enabled, jid, context)
        {
            let sent = self.unacked.iter().cloned().collect();
            let mut ops = vec![Op::SmEnabled { session, sent }];
            ops.extend(self.note_settled(context));
            context.env.persist(ops);
        }
        self.enable_answered(context);
    }

    /// Sends the requests that could not be sent while `<enable/>` was pending.
    pub(super) fn enable_answered(&mut self, context: &mut Context) {
        context.env.timers.stop(Timer::Ack);
        if context.env.timers.is_set(Timer::Probe) {
            self.probe(context);
        }
        self.request_ack(context);
    }

    /// Sends `<a/>`, which carries only a committed count (rule I3).
    pub(super) fn send_ack(&mut self, context: &mut Context) {
        let after = self.last_inbound;
        context
            .env
            .transmit_after(after, ProtocolMessage::Ack, sm::ack(self.h).to_xml());
    }

    /// Records that the server is responsive: every pending acknowledgement request is answered.
    pub(super) fn answered(&mut self, context: &mut Context) {
        self.asked = None;
        context.env.timers.stop(Timer::Ack);
        context.env.timers.stop(Timer::Probe);
    }

    /// Closes the stream in order: `<a/>`, then the end of the stream; the session is cleared (rule I14).
    pub(in crate::connection) fn end(&mut self, context: &mut Context) {
        if self.sm == Sm::On {
            if self.unacked.iter().any(OutboundStanza::outlives_session) {
                // The answer to a pending request may not cover all of them, and stanzas that are not acknowledged are sent
                // again.
                context
                    .env
                    .transmit_element(ProtocolMessage::AckRequest, &sm::request());
            }
            self.send_ack(context);
        }
        let after = self.last_inbound;
        context
            .env
            .transmit_after(after, ProtocolMessage::Close, header::CLOSE.to_owned());
        self.give_up(context);
        self.missed.report_stored_gap(&mut context.env);
        self.stage = SessionStage::Ending;
    }

    /// Processes what the server sends after the client's stream close. Stanzas and acknowledgements are processed as before,
    /// although nothing can be answered (RFC 6120 section 4.4).
    pub(in crate::connection) fn element_while_ending(
        &mut self,
        element: &Element,
        context: &mut Context,
    ) {
        if element.is_stanza() {
            self.stanza(element, context);
        } else if self.sm == Sm::On
            && let Some(Ok(Nonza::Ack { h })) = Nonza::parse(element)
        {
            self.acknowledge_late(h, context);
        }
    }

    /// The server has closed its stream, too: everything that it sent in this session was received.
    pub(in crate::connection) fn ended_in_order(&mut self, context: &mut Context) {
        if let Some(op) = self.note_settled(context) {
            context.env.persist(vec![op]);
        }
    }

    /// T6: processes XML that is not well-formed. The first time the session is resumed; at the same place again it is not.
    pub(in crate::connection) fn malformed_input(&mut self, context: &mut Context) {
        if context.knowledge.sm.is_none() {
            return;
        }
        let place = Subject::Input(self.h);
        context.note_failure(place, Evidence::Refusal);
        if context.gives_up(place, Remedy::NewSession) {
            self.give_up(context);
        }
    }
}
