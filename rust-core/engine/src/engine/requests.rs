//! Requests of the app and their responses, matched by id and sender (rule T7).

use std::collections::{HashMap, VecDeque};

use snapback_proto::jid::{self, BareJid};
use snapback_proto::stanza::StanzaError;
use snapback_proto::xep::history::HistoryQuery;
use snapback_proto::xml::{Element, Limit, RefusedStanza, XmlError};

use crate::variants::variants;

use super::output::EngineOutput;

/// Why a request has no response.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestError {
    /// The responding entity returned an error.
    Refused(StanzaError),
    /// The session of the request was lost; the request may or may not have been carried out.
    SessionLost,
    /// The request could not be stored for sending.
    NotQueued,
    /// The request exceeds the configured size.
    TooBig,
    /// What an archive returned takes more than 16 MiB of memory. A smaller page may do.
    AnswerTooBig,
    /// The request exceeds this limit, so receivers would refuse it.
    TooComplex(Limit),
    /// The names in the request cannot be written as XML.
    NotXml(XmlError),
}

variants!(RequestError {
    Refused,
    SessionLost,
    NotQueued,
    TooBig,
    AnswerTooBig,
    TooComplex,
    NotXml
});

/// The response to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The iq.
    pub iq: Element,
    /// The messages that carry the results of a query to an archive, in the order of their arrival (XEP-0313); none of another
    /// request.
    pub results: Vec<Element>,
    /// How many results exceeded the limits of what is read, and are not among them.
    pub refused: usize,
}

/// Requests that wait for their response.
#[derive(Debug, Default)]
pub(super) struct Requests(HashMap<String, Waiting>);

#[derive(Debug)]
struct Waiting {
    to: Option<String>,
    /// Whether the server has acknowledged the request, so that it left the queue and only its response is outstanding.
    taken: bool,
    /// Set if the results of the request are collected (XEP-0313).
    history: Option<History>,
}

/// What an archive has returned until now.
#[derive(Debug)]
struct History {
    query: HistoryQuery,
    results: Vec<Element>,
    refused: usize,
    /// How much memory they take, in bytes; what exceeds the limit is counted and dropped.
    memory: usize,
}

/// The maximum memory of the results of one query (rule I20), in bytes: a page of 100 messages of 160 KiB.
const MAX_HISTORY_MEMORY: usize = 16 << 20;

impl Requests {
    pub(super) fn insert(&mut self, id: String, to: Option<String>, query: Option<HistoryQuery>) {
        let history = query.map(|query| History {
            query,
            results: Vec::new(),
            refused: 0,
            memory: 0,
        });
        let waiting = Waiting {
            to,
            taken: false,
            history,
        };
        self.0.insert(id, waiting);
    }

    /// Returns the queries to archives that wait for a response, in a reproducible order.
    pub(super) fn history_queries(&self) -> Vec<HistoryQuery> {
        let histories = self.0.values().flat_map(|waiting| &waiting.history);
        let mut queries: Vec<HistoryQuery> =
            histories.map(|history| history.query.clone()).collect();
        queries.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        queries
    }

    /// Keeps a result until the query is answered.
    pub(super) fn collect(&mut self, id: &str, result: Element) {
        let waiting = self.0.get_mut(id);
        let Some(history) = waiting.and_then(|waiting| waiting.history.as_mut()) else {
            return;
        };
        history.memory = history.memory.saturating_add(result.memory());
        if history.memory <= MAX_HISTORY_MEMORY {
            history.results.push(result);
        }
    }

    /// Counts a message that was refused by the reader, if it is a result of a query. `own`: the account's bare address.
    pub(super) fn count_refused(&mut self, refused: &RefusedStanza, own: &str) {
        let histories = self.0.values_mut();
        let mut histories = histories.flat_map(|waiting| &mut waiting.history);
        if let Some(history) = histories.find(|history| history.query.has_refused(refused, own)) {
            history.refused = history.refused.saturating_add(1);
        }
    }

    pub(super) fn abandon(&mut self, ids: &[String]) {
        for id in ids {
            self.0.remove(id);
        }
    }

    /// Returns the ids of the requests that wait for a response, in a reproducible order.
    pub(super) fn open(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.0.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// Records that the server has acknowledged this stanza.
    pub(super) fn taken(&mut self, id: &str) {
        if let Some(waiting) = self.0.get_mut(id) {
            waiting.taken = true;
        }
    }

    /// Fails the requests that the lost session had acknowledged: they will not be answered. Requests that are still
    /// queued are sent in the next session, or reported by their stage.
    pub(super) fn session_lost(&mut self, outputs: &mut VecDeque<EngineOutput>) {
        let mut lost: Vec<String> = self
            .0
            .extract_if(|_, waiting| waiting.taken)
            .map(|(id, _)| id)
            .collect();
        // A map has no defined order, and a run has to be reproducible.
        lost.sort_unstable();
        outputs.extend(lost.into_iter().map(|id| EngineOutput::Answered {
            id,
            outcome: Err(RequestError::SessionLost),
        }));
    }

    /// Handles a response. A response that is not from the addressed entity is dropped.
    pub(super) fn answer(
        &mut self,
        iq: Element,
        account: &BareJid,
        outputs: &mut VecDeque<EngineOutput>,
    ) {
        let Some((id, waiting)) = iq
            .attr("id")
            .and_then(|id| Some((id.to_owned(), self.0.get(id)?)))
        else {
            return;
        };
        let own = account.to_string();
        let is_own = |from: &str| jid::is_same(from, &own) || jid::is_same(from, account.domain());
        let matches = match (iq.attr("from"), &waiting.to) {
            (Some(from), Some(to)) => jid::is_same(from, to),
            (None, None) => true,
            (Some(from), None) => is_own(from),
            (None, Some(to)) => is_own(to),
        };
        if !matches {
            return;
        }
        let history = self.0.remove(&id).and_then(|waiting| waiting.history);
        let outcome = match (StanzaError::of(&iq), history) {
            (Some(error), _) => Err(RequestError::Refused(error)),
            (None, Some(history)) if history.memory > MAX_HISTORY_MEMORY => {
                Err(RequestError::AnswerTooBig)
            }
            (None, history) => Ok(Answer {
                iq,
                refused: history.as_ref().map_or(0, |history| history.refused),
                results: history.map(|history| history.results).unwrap_or_default(),
            }),
        };
        outputs.push_back(EngineOutput::Answered { id, outcome });
    }

    pub(super) fn fail(
        &mut self,
        id: &str,
        error: RequestError,
        outputs: &mut VecDeque<EngineOutput>,
    ) {
        if let Some((id, _)) = self.0.remove_entry(id) {
            let outcome = Err(error);
            outputs.push_back(EngineOutput::Answered { id, outcome });
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
