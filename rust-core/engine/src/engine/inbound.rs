//! Requests of other entities that the app answers (decision 0123): which of them are open, and until when.
//!
//! They outlive a connection: an answer that comes while there is none waits for the resumption of the session, and ends with the
//! session. They do not outlive the process; the requesting entity then waits until its own timeout.

use std::collections::BTreeMap;
use std::fmt;

use snapback_proto::connection::{Command, MAX_ANSWER_BYTES};
use snapback_proto::jid;
use snapback_proto::knowledge::WrittenStanza;
use snapback_proto::stanza::{self, ErrorType, StanzaCondition, StanzaError};
use snapback_proto::time::Instant;
use snapback_proto::xml::Element;

use crate::link::tls::Tls;

use super::{Engine, EngineOutput, Refusal};

/// The maximum number of requests that the app has not answered. 64: a contact's client sends a few at a time.
const MAX_OPEN: usize = 64;
/// The maximum number of these from one entity, so that one contact does not take the place of all others. Requests of the account's
/// own server and clients are not limited beyond [`MAX_OPEN`].
const MAX_OPEN_OF_ONE: usize = 16;
/// Their maximum size in bytes of memory, 2 MiB.
const MAX_MEMORY: usize = 2 * 1024 * 1024;

/// The engine's identifier for a request of another entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundRequestId(pub u64);

/// Why an answer was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RespondError {
    /// The request is no longer open: its time is over ([`Timeouts::answer`](snapback_proto::config::Timeouts)), so that an error
    /// was sent, or its session is lost.
    Expired,
    /// The answer cannot be sent, for this reason. An error was sent instead (`internal-server-error`).
    Unsendable(Refusal),
}

impl fmt::Display for RespondError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the request is no longer open"),
            Self::Unsendable(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for RespondError {}

/// The requests that have no answer on the way.
#[derive(Debug, Default)]
pub(super) struct InboundRequests {
    next: u64,
    open: BTreeMap<InboundRequestId, Open>,
}

#[derive(Debug)]
struct Open {
    /// The iq without its payload.
    head: Element,
    /// The bare address of the requesting entity, prepared (rule W3); `None` for the account and its server.
    sender: Option<String>,
    memory: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The app has to answer until then.
    Unanswered { until: Instant },
    /// The answer waits for the session to be resumed.
    Held(WrittenStanza),
}

impl InboundRequests {
    /// Takes a request, unless there are too many.
    fn take(
        &mut self,
        iq: &Element,
        sender: Option<String>,
        until: Instant,
    ) -> Option<InboundRequestId> {
        let memory = iq.memory();
        let of_all = self.open.values().map(|open| open.memory);
        let of_all = of_all.fold(memory, usize::saturating_add);
        let of_one = self.open.values().filter(|open| open.sender == sender);
        let is_crowded = sender.is_some() && of_one.count() >= MAX_OPEN_OF_ONE;
        if is_crowded || self.open.len() >= MAX_OPEN || of_all > MAX_MEMORY {
            return None;
        }
        let id = InboundRequestId(self.next);
        self.next = self.next.wrapping_add(1);
        let open = Open {
            head: head(iq),
            sender,
            memory,
            stage: Stage::Unanswered { until },
        };
        self.open.insert(id, open);
        Some(id)
    }

    /// Returns when the next request has to be answered.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let until = |open: &Open| match open.stage {
            Stage::Unanswered { until } => Some(until),
            Stage::Held(_) => None,
        };
        self.open.values().filter_map(until).min()
    }

    fn unanswered(&self, id: InboundRequestId) -> Option<&Open> {
        let open = self.open.get(&id)?;
        matches!(open.stage, Stage::Unanswered { .. }).then_some(open)
    }

    fn expired(&self, now: Instant) -> Vec<InboundRequestId> {
        let is_over =
            |open: &Open| matches!(open.stage, Stage::Unanswered { until } if until <= now);
        let over = self.open.iter().filter(|(_, open)| is_over(open));
        over.map(|(id, _)| *id).collect()
    }

    fn hold(&mut self, id: InboundRequestId, answer: WrittenStanza) {
        if let Some(open) = self.open.get_mut(&id) {
            open.memory = answer.xml().len();
            open.stage = Stage::Held(answer);
        }
    }

    /// Returns the answers that waited for the session, in the order of their requests.
    fn take_held(&mut self) -> Vec<WrittenStanza> {
        let mut held = Vec::new();
        for (id, open) in std::mem::take(&mut self.open) {
            match open.stage {
                Stage::Held(answer) => held.push(answer),
                Stage::Unanswered { .. } => {
                    self.open.insert(id, open);
                }
            }
        }
        held
    }

    /// Forgets all of them: answers belong to the session.
    pub(super) fn session_lost(&mut self) {
        self.open.clear();
    }
}

impl<T: Tls + Clone> Engine<T> {
    /// Passes a request to the app, or answers it with an error if the app has too many.
    pub(super) fn requested(&mut self, iq: Element) {
        let sender = self.sender_of(&iq);
        let until = self.now.mono + self.core.timeouts.answer;
        match self.inbound.take(&iq, sender, until) {
            Some(id) => self.outputs.push_back(EngineOutput::Request { id, iq }),
            None => {
                let busy = StanzaError::new(ErrorType::Wait, StanzaCondition::ResourceConstraint);
                let answer = stanza::error_reply(&iq, &busy).into();
                self.command(Command::Answer(answer));
            }
        }
    }

    /// Handles the app's answer: the payload of a result, or an error.
    pub(super) fn respond(
        &mut self,
        id: InboundRequestId,
        answer: Result<Option<Element>, StanzaError>,
    ) {
        let outcome = match self.inbound.unanswered(id) {
            None => Err(RespondError::Expired),
            Some(open) => {
                let built = build(&open.head, answer);
                let failed = || {
                    error_to(
                        &open.head,
                        ErrorType::Cancel,
                        StanzaCondition::InternalServerError,
                    )
                };
                let (answer, outcome) = match self.answerable(built) {
                    Ok(answer) => (answer, Ok(())),
                    Err(refusal) => (failed(), Err(RespondError::Unsendable(refusal))),
                };
                self.send_answer(id, answer);
                outcome
            }
        };
        self.outputs
            .push_back(EngineOutput::Responded { id, outcome });
    }

    /// Answers the requests that the app has not answered in time: they get an error.
    pub(super) fn expire_requests(&mut self) {
        for id in self.inbound.expired(self.now.mono) {
            let open = self.inbound.unanswered(id);
            let late = open.map(|open| {
                error_to(
                    &open.head,
                    ErrorType::Wait,
                    StanzaCondition::ResourceConstraint,
                )
            });
            if let Some(late) = late {
                self.send_answer(id, late);
            }
        }
    }

    /// Sends the answers that the app gave while there was no connection, since the session is resumed.
    pub(super) fn send_held_answers(&mut self) {
        for answer in self.inbound.take_held() {
            self.command(Command::Answer(answer));
        }
    }

    fn send_answer(&mut self, id: InboundRequestId, answer: WrittenStanza) {
        if self.is_online() {
            self.inbound.open.remove(&id);
            self.command(Command::Answer(answer));
        } else {
            self.inbound.hold(id, answer);
        }
    }

    /// Checks an answer as other stanzas of the app are checked, and against the limit of answers (rule W9).
    fn answerable(&self, answer: Element) -> Result<WrittenStanza, Refusal> {
        let answer = self.acceptable(answer)?;
        let attempt = self.attempt.as_ref();
        let of_server = attempt.and_then(|attempt| attempt.link.max_bytes());
        let (size, limit) = (answer.xml().len(), of_server.unwrap_or(MAX_ANSWER_BYTES));
        if size > limit {
            return Err(Refusal::TooBig { size, limit });
        }
        Ok(answer)
    }

    /// Returns the requesting entity, unless it is the account or its server.
    fn sender_of(&self, iq: &Element) -> Option<String> {
        let from = jid::prepared_bare(iq.attr("from")?).into_owned();
        let account = &self.core.account;
        let is_own = from == account.to_string() || jid::is_same(&from, account.domain());
        (!is_own).then_some(from)
    }
}

fn head(iq: &Element) -> Element {
    let mut head = Element::new(iq.name(), iq.ns());
    for name in ["type", "id", "from", "to"] {
        if let Some(value) = iq.attr(name) {
            head.set_attr(name, value);
        }
    }
    head
}

fn build(head: &Element, answer: Result<Option<Element>, StanzaError>) -> Element {
    match answer {
        Ok(None) => stanza::result_reply(head),
        Ok(Some(payload)) => stanza::result_reply(head).with_child(payload),
        Err(error) => stanza::error_reply(head, &error),
    }
}

fn error_to(head: &Element, kind: ErrorType, condition: StanzaCondition) -> WrittenStanza {
    stanza::error_reply(head, &StanzaError::new(kind, condition)).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ask(requests: &mut InboundRequests, sender: Option<&str>, size: usize) -> bool {
        let until = Instant::ZERO + Duration::from_secs(30);
        let payload = Element::new("q", "urn:x").with_text("x".repeat(size));
        let iq = stanza::iq("get", "1", None).with_child(payload);
        let taken = requests.take(&iq, sender.map(str::to_owned), until);
        taken.is_some()
    }

    #[test]
    fn i20_open_requests_are_bounded_in_number_for_each_sender_and_in_memory() {
        let mut requests = InboundRequests::default();
        for place in 0..100 {
            let is_taken = ask(&mut requests, Some("eve@example.net"), 1);
            assert_eq!(is_taken, place < MAX_OPEN_OF_ONE, "{place}");
        }
        assert!(ask(&mut requests, Some("romeo@example.net"), 1));
        let taken = (0..100).filter(|_| ask(&mut requests, None, 1)).count();
        assert_eq!(taken, MAX_OPEN - MAX_OPEN_OF_ONE - 1);
        let mut requests = InboundRequests::default();
        let taken = (0..100).filter(|_| ask(&mut requests, None, 100_000));
        assert!((15..=20).contains(&taken.count()));
        requests.session_lost();
        assert!(ask(&mut requests, None, 100_000));
    }

    #[test]
    fn i20_an_answer_that_waits_for_the_session_has_no_deadline() {
        let mut requests = InboundRequests::default();
        assert!(ask(&mut requests, None, 1) && ask(&mut requests, None, 1));
        let due = Instant::ZERO + Duration::from_secs(30);
        assert_eq!(requests.deadline(), Some(due));
        assert!(requests.expired(Instant::ZERO).is_empty());
        assert_eq!(requests.expired(due).len(), 2);
        for id in [0, 1].map(InboundRequestId) {
            requests.hold(id, stanza::iq("result", "1", None).into());
            assert!(requests.unanswered(id).is_none());
        }
        assert_eq!(requests.deadline(), None);
        assert_eq!(requests.take_held().len(), 2);
        assert!(requests.open.is_empty());
    }
}
