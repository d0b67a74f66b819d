//! Queries of the app to archives (XEP-0313): what they return is history, and no message that has just arrived. It is counted,
//! neither stored nor compared with what was received before, and handed over with the answer.

use crate::connection::remote::Remote;
use crate::xep::history::HistoryQuery;
use crate::xml::Element;

/// Notes a query that is about to be sent or stored.
pub(super) fn note(iq: &Element, remote: &mut Remote) {
    remote
        .knowledge
        .history_queries
        .extend(HistoryQuery::of(iq));
}

/// Returns the id of the query that this message is a result of.
pub(super) fn query_of(message: &Element, remote: &Remote) -> Option<String> {
    let queries = &remote.knowledge.history_queries;
    if queries.is_empty() {
        return None;
    }
    let own = remote.env.config.account.to_string();
    let query = queries.iter().find(|query| query.has_result(message, &own));
    query.map(|query| query.id.clone())
}

/// A request was answered.
pub(super) fn answered(iq: &Element, remote: &mut Remote) {
    let id = iq.attr("id");
    let queries = &mut remote.knowledge.history_queries;
    queries.retain(|query| Some(query.id.as_str()) != id);
}
