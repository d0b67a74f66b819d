//! XEP-0198: the nonzas of stream management, and the clean end.

use crate::connection::context::Context;
use crate::connection::output::Event;
use crate::connection::session::queued::is_message;
use crate::connection::session::state::{Session, Sm};
use crate::connection::timer::Timer;
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::{Op, OutboundKind};
use crate::mistakes::{Mistake, planted};
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
            // Nonzas that are not ours are none of our business; they never count (rule I1).
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
                // Nobody counts them any more, and what must go alone would wait for them for ever (W8).
                self.unacked
                    .retain(|stanza| stanza.kind != OutboundKind::Core);
                self.enable_answered(context);
                self.go_on(context);
                Ok(())
            }
            (Nonza::Enabled(_), _) => Err(ConnectionError::Peer(PeerError::SecondEnabled)),
            (Nonza::Request, Sm::On) => {
                context.env.understood(ProtocolMessage::AckRequest);
                if planted(Mistake::NonzaCounted) {
                    self.count();
                }
                self.send_ack(context);
                Ok(())
            }
            (Nonza::Ack { h }, Sm::On) => {
                context.env.understood(ProtocolMessage::Ack);
                self.answered(context);
                let before = self.base;
                self.acknowledge(h, context)?;
                // Prosody says goodbye with an `<a/>`: only one that takes something in shows that it could be read.
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

    /// `<enabled/>` came: inbound counting starts here, and the session can be stored.
    pub(super) fn enabled(&mut self, enabled: &Enabled, context: &mut Context) {
        self.sm = Sm::On;
        self.h = 0;
        if planted(Mistake::CountedFromEnabled) {
            self.unacked.clear();
        }
        if let Some(jid) = self.jid.clone()
            && let Some(session) = self.resumable(enabled, jid, context)
        {
            let sent = self.unacked.iter().cloned().collect();
            context.env.persist(vec![Op::SmEnabled { session, sent }]);
        }
        self.enable_answered(context);
    }

    /// What could not be asked while `<enable/>` was under way is asked now.
    pub(super) fn enable_answered(&mut self, context: &mut Context) {
        context.env.timers.stop(Timer::Ack);
        if context.env.timers.is_set(Timer::Probe) {
            self.probe(context);
        }
        self.request_ack(context);
    }

    /// `<a/>` carries only a committed count (rule I3).
    pub(super) fn send_ack(&mut self, context: &mut Context) {
        let after = self.last_inbound;
        context
            .env
            .transmit_after(after, ProtocolMessage::Ack, sm::ack(self.h).to_xml());
    }

    /// The server is there: whatever was asked is answered.
    pub(super) fn answered(&mut self, context: &mut Context) {
        self.asked = None;
        context.env.timers.stop(Timer::Ack);
        context.env.timers.stop(Timer::Probe);
    }

    /// A clean end: `<a/>`, then the end of the stream; the session is cleared (rule I14).
    pub(in crate::connection) fn end(&mut self, context: &mut Context) {
        if self.sm == Sm::On {
            if self.unacked.iter().any(is_message) {
                // The answer to one under way may not cover all of them, and what it leaves open is sent again.
                context
                    .env
                    .transmit_element(ProtocolMessage::AckRequest, &sm::request());
            }
            if !planted(Mistake::NoAckBeforeClose) {
                self.send_ack(context);
            }
        }
        let after = self.last_inbound;
        context
            .env
            .transmit_after(after, ProtocolMessage::Close, header::CLOSE.to_owned());
        self.give_up(context);
    }

    /// Behind our goodbye only an acknowledgement is of interest: what it covers is not sent again in the next session.
    pub(in crate::connection) fn last_word(&mut self, element: &Element, context: &mut Context) {
        if self.sm == Sm::On
            && let Some(Ok(Nonza::Ack { h })) = Nonza::parse(element)
        {
            self.acknowledge_late(h, context);
        }
    }

    /// T6: ill-formed XML. The first time the session is worth another try; at the same place again it is not.
    pub(in crate::connection) fn poisoned(&mut self, context: &mut Context) {
        let Some(session) = &context.knowledge.sm else {
            return;
        };
        if session.poisoned_at != Some(self.h) {
            context.env.persist(vec![Op::SmPoisoned(self.h)]);
            return;
        }
        self.give_up(context);
    }
}
