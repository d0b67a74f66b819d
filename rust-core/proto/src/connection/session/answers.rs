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
/// Maximum size of an `id` that is echoed, in bytes. 1 KiB: the requesting entity chooses ids, and a server that escapes each
/// character makes six of one.
const MAX_ID_BYTES: usize = 1024;
/// Maximum size of an answer in bytes where the server states no limit (XEP-0478). 64 KiB: what common servers let any client
/// send.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
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
        } else if !std::mem::replace(&mut self.answers.is_reported, true) {
            remote
                .env
                .event(Event::PeerFault("too many requests to answer"));
        }
    }

    fn may_answer(&mut self, request: &Element, remote: &Remote) -> bool {
        let core = self.unacked.iter();
        let core = core.filter(|stanza| stanza.kind == OutboundKind::Core);
        let (mut count, mut bytes) = (0_usize, 0_usize);
        for stanza in core {
            count = count.saturating_add(1);
            bytes = bytes.saturating_add(stanza.xml.len());
        }
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
    let Some(id) = request.attr("id") else {
        return Some("request without an id");
    };
    if id.len() > MAX_ID_BYTES {
        return Some("request with an id that is too long");
    }
    let is_too_long = answer.xml().len() > remote.max_bytes().unwrap_or(MAX_ANSWER_BYTES);
    is_too_long.then_some("request whose answer is too long")
}
