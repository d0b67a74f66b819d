//! Queries of the app to archives (XEP-0313): what they return is history, and no message that has just arrived. It is counted,
//! neither stored nor compared with what was received before, and handed over with the answer.

use crate::connection::remote::Remote;
use crate::ns;
use crate::xep::history::HistoryQuery;
use crate::xml::Element;

/// Notes a query that is about to be sent or stored.
pub(super) fn note(iq: &Element, remote: &mut Remote) {
    remote
        .knowledge
        .history_queries
        .extend(HistoryQuery::of(iq));
}

/// What a message has to do with these queries.
pub(super) enum History {
    /// Nothing: it is a message as any other.
    No,
    /// It is a result of the query with this id.
    Result(String),
    /// It is a result of a query that no caller waits for: its process was killed, or it was not in time.
    Abandoned,
}

/// Decides about a message. T7: one with a text of its own is dropped in no case, whatever its sender adds to it.
pub(super) fn judge(message: &Element, remote: &Remote) -> History {
    if !HistoryQuery::is_result(message) {
        return History::No;
    }
    let own = remote.env.config.account.to_string();
    let mut queries = remote.knowledge.history_queries.iter();
    match queries.find(|query| query.has_result(message, &own)) {
        Some(query) => History::Result(query.id.clone()),
        None if message.has_child("body", ns::CLIENT) => History::No,
        None => History::Abandoned,
    }
}

/// A request was answered.
pub(super) fn answered(iq: &Element, remote: &mut Remote) {
    let id = iq.attr("id");
    let queries = &mut remote.knowledge.history_queries;
    queries.retain(|query| Some(query.id.as_str()) != id);
}
