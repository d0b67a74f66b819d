//! The app scrolls back: pages of its archive, from the newest message backwards.

use snapback_engine::EngineInput;
use snapback_engine::engine::{Answer, RequestError};
use snapback_engine::link::tls::Tls;
use snapback_proto::xep::history::HistoryQuery;
use snapback_proto::xep::mam::{Fin, ResultError};

use crate::coverage::Coverage;
use crate::model::{HistoryPage, Model};
use crate::network::Time;

use super::Phone;

/// The number of messages of a page.
const PAGE: u32 = 10;

impl<T: Tls + Clone> Phone<T> {
    /// The app asks for the page before the one that it has, or for the newest one.
    pub(crate) fn ask_history(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let id = format!("ask-history-{:x}", self.random.next());
        let stanza =
            HistoryQuery::new(&id, None).request(None, self.history_before.as_deref(), PAGE);
        let room = self.room();
        self.history_asked.insert(id, self.history_before.clone());
        let request = EngineInput::Request { stanza, room };
        self.sends(request, model, coverage, now);
    }

    /// A request was answered; the model compares a page of history.
    pub(super) fn history_answered(
        &mut self,
        id: &str,
        outcome: &Result<Answer, RequestError>,
        model: &mut Model,
        coverage: &mut Coverage,
    ) {
        let Some(before) = self.history_asked.remove(id) else {
            return;
        };
        let Ok(answer) = outcome else {
            self.history_before = None;
            return;
        };
        let Ok(fin) = Fin::parse(&answer.iq) else {
            return;
        };
        coverage.event("page of history");
        let query = HistoryQuery::new(id, None);
        let read = answer.results.iter().map(|result| query.read(result));
        let read: Result<Vec<String>, _> = read
            .map(|read| Ok(read?.id))
            .collect::<Result<_, ResultError>>();
        // One that cannot be read is counted, and left out (rule T6).
        let Some(ids) = read.ok().filter(|_| answer.refused == 0) else {
            self.history_before = fin.first.filter(|_| !fin.complete);
            return;
        };
        self.history_before = ids.first().cloned().filter(|_| !fin.complete);
        model.history.push(HistoryPage {
            ids,
            before,
            is_complete: fin.complete,
        });
    }
}
