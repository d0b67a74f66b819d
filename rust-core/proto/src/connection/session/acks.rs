//! Requests acknowledgements, and processes them (rules I5, I12).

use crate::connection::remote::Remote;
use crate::connection::session::lost::report_acked;
use crate::connection::session::queued::count_acked;
use crate::connection::session::state::{AckRequests, Asked, Session, SessionStage, Sm};
use crate::connection::timer::{MAX_ACK_WAITS, Timer};
use crate::error::ConnectionError;
use crate::escalation::{Evidence, Subject};
use crate::knowledge::{OutboundKind, OutboundStanza};
use crate::protocol_message::ProtocolMessage;
use crate::time::Instant;
use crate::xep::{ping, serial, sm};
use crate::xml::Element;

impl Session {
    /// Processes an acknowledged count (rule I5).
    pub(super) fn acknowledge(
        &mut self,
        h: u32,
        remote: &mut Remote,
    ) -> Result<(), ConnectionError> {
        let outstanding = self.unacked.len().saturating_sub(self.not_resent);
        let covered = match count_acked(h, self.base, outstanding) {
            Ok(covered) => covered,
            Err(error) => {
                remote.note_failure(Subject::StreamManagement, Evidence::Refusal);
                self.give_up(remote);
                return Err(error);
            }
        };
        self.base = h;
        self.remove_acked(covered, Some(h), remote);
        Ok(())
    }

    /// Processes an acknowledged count after the client's stream close.
    pub(super) fn acknowledge_late(&mut self, h: u32, remote: &mut Remote) {
        let Ok(covered) = count_acked(h, self.base, self.unacked.len()) else {
            return;
        };
        self.base = h;
        self.remove_acked(covered, None, remote);
    }

    fn remove_acked(&mut self, covered: usize, base: Option<u32>, remote: &mut Remote) {
        let mut acked: Vec<OutboundStanza> = self.unacked.drain(..covered).collect();
        if self.stage == SessionStage::Ending {
            // The session is cleared, and the stanzas that belonged to it were reported; only messages still wait (rule I14).
            acked.retain(OutboundStanza::outlives_session);
        }
        report_acked(&acked, base, remote);
    }

    /// Requests an acknowledgement, if a stanza is unacknowledged and no request is pending (rule I12).
    pub(super) fn request_ack(&mut self, remote: &mut Remote) {
        let only_core = self
            .unacked
            .iter()
            .all(|stanza| stanza.kind == OutboundKind::Core);
        if self.stage != SessionStage::Online
            || self.unacked.is_empty()
            || self.asked.is_some()
            || (self.sm == Sm::Off && only_core)
        {
            return;
        }
        self.ask(remote);
    }

    /// Sends a liveness probe; this is always allowed (rule I12).
    pub(in crate::connection) fn probe(&mut self, remote: &mut Remote) {
        self.ask(remote);
    }

    fn ask(&mut self, remote: &mut Remote) {
        // Two timers may expire at once, for example after a jump of the clock: one request serves both.
        if self.asked_at() == Some(remote.env.now.mono) || self.awaits_start.is_some() {
            return;
        }
        match self.sm {
            // No request can be sent yet, but the answer to `<enable/>` is due, and also shows that the server is responsive.
            Sm::Enabling => {}
            Sm::On => {
                remote
                    .env
                    .transmit_element(ProtocolMessage::AckRequest, &sm::request());
                let unanswered = match self.asked {
                    Some(Asked::Acks(requests)) => requests.unanswered,
                    _ => 0,
                };
                let sent = self.unacked.len().saturating_sub(self.not_resent);
                self.asked = Some(Asked::Acks(AckRequests {
                    at: remote.env.now.mono,
                    unanswered: unanswered.saturating_add(1),
                    is_answering: false,
                    expected: serial::count_after(self.base, sent),
                }));
            }
            Sm::Off => {
                let id = remote.env.entropy.token();
                let covers = self.unacked.len();
                remote.env.transmit_element(
                    ProtocolMessage::Iq,
                    &ping::request(&id, Some(remote.env.config.account.domain())),
                );
                let at = remote.env.now.mono;
                self.asked = Some(Asked::Ping { id, covers, at });
            }
        }
        self.requests.asked();
        let when = remote.env.now.mono + remote.env.config.timeouts.ack;
        remote.env.timers.hasten(Timer::Ack, when);
    }

    /// Processes the count of an `<a/>`. A server that counts differently may seem to be right once, if it had not processed
    /// everything yet.
    pub(super) fn check_count(&mut self, h: u32, remote: &mut Remote) {
        if matches!(&self.asked, Some(Asked::Acks(requests)) if requests.expected == h) {
            self.exact_acks = self.exact_acks.saturating_add(1);
        }
        if self.exact_acks > 1 {
            remote.note_success(Subject::StreamManagement);
        }
    }

    fn asked_at(&self) -> Option<Instant> {
        match self.asked {
            Some(Asked::Acks(AckRequests { at, .. }) | Asked::Ping { at, .. }) => Some(at),
            None => None,
        }
    }

    /// Processes an answer, which shows that the server is responsive. If several requests are pending, the others are still to
    /// be answered: until then no other one is sent (rule I12).
    pub(super) fn answered(&mut self, remote: &mut Remote) {
        remote.env.timers.stop(Timer::Probe);
        let requests = match self.asked.take() {
            Some(Asked::Acks(requests)) if requests.unanswered > 1 => requests,
            asked => {
                if asked.is_some() {
                    self.ask_is_answered(remote);
                }
                return remote.env.timers.stop(Timer::Ack);
            }
        };
        self.asked = Some(Asked::Acks(AckRequests {
            unanswered: requests.unanswered.saturating_sub(1),
            is_answering: true,
            ..requests
        }));
        let when = remote.env.now.mono + remote.env.config.timeouts.ack;
        remote.env.timers.set(Timer::Ack, when);
    }

    /// The server has answered a request, and not those that were sent before that answer: it may answer several at once. They
    /// are replaced by a new one, whose answer decides.
    pub(in crate::connection) fn ask_anew(&mut self, remote: &mut Remote) -> bool {
        let is_answering =
            matches!(&self.asked, Some(Asked::Acks(requests)) if requests.is_answering);
        if is_answering {
            self.asked = None;
            self.ask(remote);
        }
        is_answering
    }

    /// The answer is late, but bytes arrive: it may be queued after a large roster on a slow path, and closing the connection
    /// would only make the server send that again. The extension is limited: a server that keeps sending and never answers is
    /// broken in another way.
    pub(in crate::connection) fn is_patient(&self, remote: &mut Remote) -> bool {
        let wait = remote.env.config.timeouts.ack;
        let Some(asked) = self.asked_at() else {
            return false;
        };
        let now = remote.env.now.mono;
        let until = self.heard_at + wait;
        if until <= now || now.since(asked) >= wait * MAX_ACK_WAITS {
            return false;
        }
        remote.env.timers.set(Timer::Ack, until);
        true
    }

    /// Returns whether this answers the ping that is used instead of `<r/>`. Whatever the answer is, the stanzas before the
    /// ping have arrived.
    pub(super) fn ping_answered(&mut self, iq: &Element, remote: &mut Remote) -> bool {
        let Some(Asked::Ping { id, covers, .. }) = &self.asked else {
            return false;
        };
        if iq.attr("id") != Some(id) {
            return false;
        }
        let covers = (*covers).min(self.unacked.len());
        self.answered(remote);
        self.queue_received();
        self.remove_acked(covers, None, remote);
        self.doubt_archive(remote);
        self.go_on(remote);
        true
    }
}
