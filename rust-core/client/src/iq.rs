//! Requests of the app and their answers, matched by id and sender (rule T7).

use std::collections::HashMap;
use std::fmt;

use snapback_proto::jid;
use snapback_proto::stanza::StanzaError;
use snapback_proto::xml::Element;
use tokio::sync::oneshot;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum IqError {
    /// The other side refused.
    Refused(StanzaError),
    /// The session that the request belonged to is gone; it may or may not have been carried out.
    SessionLost,
    /// No answer came in time; it may or may not have been carried out.
    TimedOut,
    /// It is not an iq of type `get` or `set`: nobody would answer.
    NotARequest,
    /// It could not be stored for sending.
    NotQueued,
    /// It has more bytes than the configuration allows.
    TooBig,
    /// The client is closed.
    Closed,
}

impl fmt::Display for IqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {}", error.condition),
            Self::SessionLost => f.write_str("the session was lost"),
            Self::TimedOut => f.write_str("no answer came in time"),
            Self::NotARequest => f.write_str("it is not a request"),
            Self::TooBig => f.write_str("it is too big"),
            Self::NotQueued => f.write_str("it could not be queued"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for IqError {}

pub(crate) type IqReply = oneshot::Sender<Result<Element, IqError>>;

/// Requests that wait for their answer.
#[derive(Debug, Default)]
pub(crate) struct Pending(HashMap<String, Waiting>);

#[derive(Debug)]
struct Waiting {
    to: Option<String>,
    reply: IqReply,
    /// The server has counted it, so it left the queue, and only the answer is still owed.
    taken: bool,
}

impl Pending {
    pub(crate) fn insert(&mut self, id: String, to: Option<String>, reply: IqReply) {
        self.0.retain(|_, waiting| !waiting.reply.is_closed());
        let taken = false;
        self.0.insert(id, Waiting { to, reply, taken });
    }

    /// The server has counted this stanza.
    pub(crate) fn taken(&mut self, id: &str) {
        if let Some(waiting) = self.0.get_mut(id) {
            waiting.taken = true;
        }
    }

    /// The session is gone: what was taken in it will not be answered. What is still queued goes out in the next one, or is
    /// reported by its stage.
    pub(crate) fn session_lost(&mut self) {
        for (_, waiting) in self.0.extract_if(|_, waiting| waiting.taken) {
            // Nobody may wait any more; that is theirs to decide.
            let _ = waiting.reply.send(Err(IqError::SessionLost));
        }
    }

    /// Gives an answer to whoever asked. `is_own` says whether a sender speaks for our account.
    pub(crate) fn answer(&mut self, iq: Element, is_own: impl Fn(&str) -> bool) {
        let Some(id) = iq.attr("id") else { return };
        let Some(waiting) = self.0.get(id) else {
            return;
        };
        let matches = match (iq.attr("from"), &waiting.to) {
            (Some(from), Some(to)) => jid::is_same(from, to),
            (None, None) => true,
            (Some(from), None) => is_own(from),
            (None, Some(to)) => is_own(to),
        };
        if !matches {
            return;
        }
        if let Some(waiting) = self.0.remove(id) {
            let answer = match StanzaError::of(&iq) {
                Some(error) => Err(IqError::Refused(error)),
                None => Ok(iq),
            };
            let _ = waiting.reply.send(answer);
        }
    }

    pub(crate) fn fail(&mut self, id: &str, error: IqError) {
        if let Some(waiting) = self.0.remove(id) {
            let _ = waiting.reply.send(Err(error));
        }
    }

    pub(crate) fn fail_all(&mut self, error: &IqError) {
        for (_, waiting) in self.0.drain() {
            let _ = waiting.reply.send(Err(error.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t7_an_answer_comes_from_whom_was_asked_however_the_app_wrote_it() {
        let table = [
            ("romeo@example.net", "Romeo@Example.NET", true),
            ("romeo@example.net/x", "romeo@example.net/X", false),
            ("mallory@example.net", "romeo@example.net", false),
            ("", "romeo@example.net", false),
        ];
        for (from, to, expected) in table {
            assert_eq!(jid::is_same(from, to), expected, "{from} {to}");
        }
    }
}
