//! Answers to requests of other entities (RFC 6120 section 8.2.3), with a limit and a rate of their own (rules I12, I20): any
//! entity that knows the client's address can send requests, and an answer is kept until the server acknowledges it.

use crate::knowledge::{OutboundKind, WrittenStanza};
use crate::protocol_message::ProtocolMessage;
use crate::stream::error::StreamCondition;
use crate::xml::Element;

use crate::connection::output::Event;
use crate::connection::remote::Remote;
use crate::connection::session::state::{Session, SessionStage};

/// The maximum number of unacknowledged stanzas of the core itself when a request of another entity is answered.
const MAX_FOR_OTHERS: usize = 128;
/// The same for requests of the client's server, which pushes a roster item by item.
const MAX_FOR_SERVER: usize = 1024;
/// Their maximum size as XML, in bytes, for requests of any entity.
const MAX_BYTES: usize = 256 * 1024;
/// The same for answers of the app, 4 MiB: the engine passes at most 64 requests at a time, and an answer has at most 64 KiB or
/// what the server accepts.
const MAX_APP_BYTES: usize = 4 * 1024 * 1024;
/// Maximum size of an `id` that is echoed, in bytes. 1 KiB: the requesting entity chooses ids, and a server that escapes each
/// character makes six of one.
const MAX_ID_BYTES: usize = 1024;
/// Maximum size of an answer in bytes where the server states no limit (XEP-0478). 64 KiB: what common servers let any client
/// send.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

impl Session {
    /// Sends the answer to this request, unless there are too many unacknowledged ones: an entity that floods the client gets
    /// no answer. No answer is sent either if the request has no `id`, since no entity could match it, or if the answer would
    /// exceed the server's limit. It would end the stream, after each reconnection, for any entity that sends such a request.
    pub(super) fn answer(&mut self, request: &Element, answer: Element, remote: &mut Remote) {
        if self.stage == SessionStage::Ending {
            return;
        }
        let answer = WrittenStanza::from(answer);
        if let Some(fault) = unanswerable(request, &answer, remote) {
            remote.env.event(Event::PeerFault(fault));
        } else if self.may_answer(request, remote) {
            self.answered_at = Some(remote.env.now.mono);
            self.send_core(ProtocolMessage::Iq, answer, None, remote);
        } else {
            self.report_flood(remote);
        }
    }

    /// Returns whether this request may be passed to the app, whose answer then counts as sent within the rate.
    pub(super) fn takes_request(&mut self, request: &Element, remote: &mut Remote) -> bool {
        if let Some(fault) = without_usable_id(request) {
            remote.env.event(Event::PeerFault(fault));
            return false;
        }
        let is_taken = self.may_answer(request, remote);
        if !is_taken {
            self.report_flood(remote);
        }
        is_taken
    }

    /// Returns whether an answer of the app may be kept until the server acknowledges it.
    pub(super) fn has_room_for(&self, answer: &WrittenStanza) -> bool {
        let (_, bytes) = self.unacked_of_core();
        bytes.saturating_add(answer.xml().len()) <= MAX_APP_BYTES
    }

    pub(super) fn report_flood(&mut self, remote: &mut Remote) {
        if !std::mem::replace(&mut self.answers.is_reported, true) {
            remote
                .env
                .event(Event::PeerFault("too many requests to answer"));
        }
    }

    /// Returns the number and the size of the unacknowledged stanzas of the core itself.
    fn unacked_of_core(&self) -> (usize, usize) {
        let core = self.unacked.iter();
        let core = core.filter(|stanza| stanza.kind == OutboundKind::Core);
        core.fold((0, 0), |(count, bytes): (usize, usize), stanza| {
            (
                count.saturating_add(1),
                bytes.saturating_add(stanza.xml.len()),
            )
        })
    }

    fn may_answer(&mut self, request: &Element, remote: &Remote) -> bool {
        let (count, bytes) = self.unacked_of_core();
        if bytes >= MAX_BYTES {
            return false;
        }
        if self.is_from_account(request, remote) {
            return count < MAX_FOR_SERVER;
        }
        count < MAX_FOR_OTHERS && self.answers.take(remote.env.now.mono)
    }

    /// Returns whether this error may be the server's reaction to an answer of the client, and says nothing about the server's
    /// load.
    pub(in crate::connection) fn is_after_answer(
        &self,
        condition: StreamCondition,
        remote: &Remote,
    ) -> bool {
        let wait = remote.env.config.timeouts.ack;
        condition == StreamCondition::PolicyViolation
            && self
                .answered_at
                .is_some_and(|at| remote.env.now.mono.since(at) <= wait)
    }
}

/// Returns why this request is not answered, for any sender.
fn unanswerable(
    request: &Element,
    answer: &WrittenStanza,
    remote: &Remote,
) -> Option<&'static str> {
    let fault = without_usable_id(request);
    if fault.is_some() {
        return fault;
    }
    let is_too_long = answer.xml().len() > remote.max_bytes().unwrap_or(MAX_ANSWER_BYTES);
    is_too_long.then_some("request whose answer is too long")
}

fn without_usable_id(request: &Element) -> Option<&'static str> {
    match request.attr("id") {
        None => Some("request without an id"),
        Some(id) if id.len() > MAX_ID_BYTES => Some("request with an id that is too long"),
        Some(_) => None,
    }
}
