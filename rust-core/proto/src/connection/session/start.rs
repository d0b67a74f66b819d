//! What follows the bind request where it was delayed until the answer, and RFC 3921 section 3: `<session/>`, which some
//! servers require to be answered before anything else is sent (jabberd2).

use std::sync::Arc;

use crate::error::{Assumption, ConnectionError};
use crate::escalation::{Evidence, Subject};
use crate::ns;
use crate::protocol_message::ProtocolMessage;
use crate::stanza::{self, StanzaCondition, StanzaError};
use crate::stream::features::StreamFeatures;
use crate::xml::Element;

use crate::connection::remote::Remote;
use crate::connection::session::state::{AwaitedStart, Inline, Session, SessionStage};
use crate::connection::timer::Timer;

/// Sends `<session/>`; returns the id of the request.
pub(in crate::connection) fn request_start(remote: &mut Remote) -> String {
    let id = remote.env.entropy.token();
    let request = stanza::iq("set", &id, None).with_child(Element::new("session", ns::SESSION));
    remote.env.transmit_element(ProtocolMessage::Iq, &request);
    id
}

impl Session {
    /// Processes the answer to the bind request: sends the initial stanzas of a new session one after the other.
    pub(in crate::connection) fn greet_in_order(
        &mut self,
        features: Arc<StreamFeatures>,
        remote: &mut Remote,
    ) {
        if features.session_required {
            let id = request_start(remote);
            self.awaits_start = Some(AwaitedStart {
                id: Some(id),
                features,
                inline: Inline::default(),
            });
        } else {
            self.greet(&features, Inline::default(), remote);
        }
    }

    /// Sets the timeout for the answer to `<session/>`, or to `<enable/>`.
    pub(super) fn expect_start(&self, remote: &mut Remote) {
        let when = remote.env.now.mono + remote.env.config.timeouts.ack;
        remote.env.timers.set(Timer::Ack, when);
    }

    /// Returns whether this answers `<session/>`. Its content is ignored: a server that refuses it may still work without, and
    /// if not, it returns an error later.
    pub(super) fn start_answered(&mut self, iq: &Element, remote: &mut Remote) -> bool {
        let awaited = self.awaits_start.as_ref();
        let awaited = awaited.and_then(|awaited| awaited.id.as_deref());
        if awaited.is_none_or(|id| iq.attr("id") != Some(id)) {
            return false;
        }
        self.commit(Vec::new(), remote);
        self.started(remote);
        true
    }

    /// Returns whether the server requires `<session/>` and has not answered it.
    pub(in crate::connection) fn awaits_session(&self) -> bool {
        let awaited = self.awaits_start.as_ref();
        awaited.is_some_and(|awaited| awaited.id.is_some())
    }

    /// The server requires `<session/>` and does not answer it: continues without.
    pub(in crate::connection) fn start_late(&mut self, remote: &mut Remote) {
        self.started(remote);
    }

    /// Sends what waited for the answer to `<session/>`, or to `<enable/>`.
    pub(super) fn started(&mut self, remote: &mut Remote) {
        let Some(awaited) = self.awaits_start.take() else {
            return;
        };
        self.answered(remote);
        self.greet(&awaited.features, awaited.inline, remote);
        if self.stage != SessionStage::Online {
            return;
        }
        if self.awaits_start.is_some() {
            return self.expect_start(remote);
        }
        self.expect_archive(remote);
        self.go_on(remote);
    }

    /// S2: processes answers to what followed the bind request before its own answer. A server that accepts it only after that
    /// answer may refuse each request instead of ending the stream; the session has then begun without the requested features.
    pub(super) fn check_pipelined_bind(
        &mut self,
        stanza: &Element,
        remote: &mut Remote,
    ) -> Result<(), ConnectionError> {
        let is_answer = remote.at_risk == Some(Assumption::PipelinedBind)
            && self
                .pending
                .iter()
                .any(|pending| stanza.name() == "iq" && stanza.attr("id") == Some(&pending.id));
        if !is_answer {
            return Ok(());
        }
        match StanzaError::of(stanza).map(|error| error.condition) {
            None => remote.bind_pipelining_held(),
            Some(StanzaCondition::NotAuthorized | StanzaCondition::UnexpectedRequest) => {
                remote.note_failure(Subject::PipelinedBind, Evidence::Refusal);
                remote.at_risk = None;
                return Err(ConnectionError::WrongAssumption(Assumption::PipelinedBind));
            }
            // This says nothing about the order.
            Some(_) => {}
        }
        Ok(())
    }
}
