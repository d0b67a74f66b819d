//! Carries out what the engine wants of the store.

use snapback_engine::engine::{CommitId, Opened};
use snapback_engine::{EngineInput, EngineOutput};
use snapback_proto::knowledge::Op;
use snapback_resolver::StoredAnswer;
use snapback_store::{ServerKey, StoreError};

use super::Driver;

impl Driver {
    /// Asks the store, and reports its answer.
    pub(super) fn ask_store(&mut self, output: EngineOutput) {
        let answer = match output {
            EngineOutput::OpenStore { undelivered } => {
                EngineInput::StoreOpened(self.open_store(undelivered))
            }
            EngineOutput::CloseStore => EngineInput::StoreClosed(self.close_store()),
            EngineOutput::ReadSession => EngineInput::SessionRead(self.store.session()),
            EngineOutput::Load { server, .. } => EngineInput::Loaded(self.store.load(&server)),
            EngineOutput::Enqueue(stanza) => {
                EngineInput::Enqueued(self.store.enqueue(stanza).map(drop))
            }
            EngineOutput::Apply { server, ops } => {
                EngineInput::Applied(self.store.apply(&server, &ops))
            }
            _ => return,
        };
        self.input(answer);
    }

    pub(super) fn commit(&mut self, id: CommitId, server: &ServerKey, ops: &[Op]) {
        let report = match self.store.apply(server, ops) {
            Ok(()) => EngineInput::Committed(id),
            Err(error) => EngineInput::CommitFailed(id, error),
        };
        self.input(report);
    }

    fn open_store(&mut self, undelivered: bool) -> Result<Opened, StoreError> {
        let report = self.store.reopen()?;
        Ok(Opened {
            may_have_lost_stanzas: report.may_have_lost_stanzas(),
            undelivered: if undelivered {
                self.store.undelivered()?
            } else {
                Vec::new()
            },
        })
    }

    fn close_store(&mut self) -> Vec<String> {
        let undelivered = self.store.undelivered().unwrap_or_default();
        // What could not be written stays unsaid to the server, too, so it comes again.
        let _ = self.store.close();
        undelivered
            .into_iter()
            .map(|delivery| delivery.id)
            .collect()
    }

    /// S10: where the next process need not ask.
    pub(super) fn looked_up(&mut self, answer: &StoredAnswer) {
        let known = crate::endpoints::remember(answer);
        // What is not stored is looked up again.
        let _ = self.store.set_endpoints(&self.domain, &known);
    }
}
