//! The engine's requests to the store that are answered at once.

use std::collections::HashSet;

use snapback_engine::engine::{NotGiven, Opened};
use snapback_engine::link::tls::Tls;
use snapback_engine::{EngineInput, EngineOutput};
use snapback_store::StoreError;

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;

use super::Phone;

impl<T: Tls + Clone> Phone<T> {
    /// Calls the store, and reports its answer; a process that dies during it reports none.
    pub(super) fn ask_store(
        &mut self,
        output: EngineOutput,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let answer = match output {
            EngineOutput::OpenStore => EngineInput::StoreOpened(self.open_store(model)),
            EngineOutput::CloseStore { not_given } => {
                EngineInput::StoreClosed(self.close_store(&not_given))
            }
            EngineOutput::ReadDeliveries { from } => {
                let page = self.storage.read();
                let page = page.and_then(|store| store.undelivered_from(from.as_deref()));
                EngineInput::DeliveriesRead(page)
            }
            EngineOutput::ReadSession => {
                let session = self.storage.read();
                EngineInput::SessionRead(session.and_then(|store| store.session()))
            }
            EngineOutput::Load { server, begins } => {
                let knowledge = self.storage.read();
                let knowledge = knowledge.and_then(|store| store.load(&server));
                if let (Some(purpose), Ok(knowledge)) = (begins, &knowledge) {
                    self.reached(server, model, coverage);
                    self.begins(knowledge, purpose, model, coverage, now);
                }
                EngineInput::Loaded(knowledge.map(Box::new))
            }
            EngineOutput::Enqueue(stanza) => match self.enqueue(stanza, model) {
                Some(outcome) => EngineInput::Enqueued(outcome),
                None => return,
            },
            EngineOutput::Apply { server, ops } => {
                match self.apply(&server, &ops, model, coverage) {
                    Some(outcome) => EngineInput::Applied(outcome),
                    None => return,
                }
            }
            output => return self.report_to_app(output, model, coverage, now),
        };
        self.input(answer, model, now);
    }

    fn open_store(&mut self, model: &mut Model) -> Result<Opened, StoreError> {
        if !self.app.has_started {
            let store = self.storage.store();
            store.reopen().expect("the store opens");
            model.restarted(&store.undelivered().expect("the store can be read"));
        }
        let store = match self.storage.read() {
            Ok(store) => store,
            Err(error) => {
                self.is_store_unread = true;
                self.app.could_not_open();
                return Err(error);
            }
        };
        self.is_store_unread = false;
        let report = store.reopen().expect("the store opens");
        Ok(Opened {
            possible_gap: report.may_have_lost_stanzas()
                || store.possible_gap().expect("the store can be read"),
        })
    }

    /// Returns the deliveries that the app was given. It takes all events at once: without those that could not be read.
    fn close_store(&mut self, not_given: &NotGiven) -> HashSet<String> {
        let store = self.storage.store();
        let undelivered = store.undelivered().expect("the store can be read");
        let ids = undelivered.into_iter().map(|delivery| delivery.id);
        let given = match not_given {
            NotGiven::All => HashSet::new(),
            NotGiven::From(first) => ids.take_while(|id| id != first).collect(),
            NotGiven::None => ids.collect(),
        };
        // One that does not close is opened again all the same.
        if let Ok(store) = self.storage.read() {
            store.close().expect("the store closes");
        }
        given
    }
}
