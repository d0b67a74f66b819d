//! Carries out the engine's requests to the store.

use std::collections::HashSet;

use snapback_engine::engine::{CommitId, NotGiven, Opened};
use snapback_engine::{EngineInput, EngineOutput};
use snapback_proto::knowledge::Op;
use snapback_store::StoreError;
use snapback_types::endpoint::ServerKey;

use super::Driver;

impl Driver {
    /// Calls the store, and reports its answer.
    pub(super) fn ask_store(&mut self, output: EngineOutput) {
        let answer = match output {
            EngineOutput::OpenStore => EngineInput::StoreOpened(self.open_store()),
            EngineOutput::CloseStore { not_given } => {
                EngineInput::StoreClosed(self.close_store(&not_given))
            }
            EngineOutput::ReadDeliveries { from } => {
                EngineInput::DeliveriesRead(self.store.undelivered_from(from.as_deref()))
            }
            EngineOutput::ReadSession => EngineInput::SessionRead(self.store.session()),
            EngineOutput::Load { server, .. } => {
                EngineInput::Loaded(self.store.load(&server).map(Box::new))
            }
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

    fn open_store(&mut self) -> Result<Opened, StoreError> {
        let report = self.store.reopen()?;
        Ok(Opened {
            possible_gap: report.may_have_lost_stanzas() || self.store.possible_gap()?,
        })
    }

    /// Closes the store. A phone kills a suspended app that holds a file lock.
    fn close_store(&mut self, not_given: &NotGiven) -> HashSet<String> {
        let given = self.given(not_given);
        // What could not be written is not acknowledged to the server either, so the server sends it again.
        let _ = self.store.close();
        given
    }

    /// Returns the ids of the stored deliveries before those that the app was not given.
    fn given(&mut self, not_given: &NotGiven) -> HashSet<String> {
        let mut given = HashSet::new();
        let until = match not_given {
            NotGiven::All => return given,
            NotGiven::From(id) => Some(id),
            NotGiven::None => None,
        };
        let mut next: Option<String> = None;
        // What cannot be read now is delivered twice.
        while let Ok(page) = self.store.undelivered_from(next.as_deref()) {
            for delivery in page.deliveries {
                if Some(&delivery.id) == until {
                    return given;
                }
                given.insert(delivery.id);
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        given
    }
}
