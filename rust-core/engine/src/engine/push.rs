//! Push notifications (XEP-0357): what the app wants is stored, then the server is told, on this connection or the next.

use snapback_proto::connection::Command;
use snapback_proto::knowledge::{Op, PushChange, PushRegistration};
use snapback_store::StoreError;

use crate::link::tls::Tls;

use super::asked::Asked;
use super::{Engine, EngineOutput, Ticket};

impl<T: Tls + Clone> Engine<T> {
    /// Stores what the app wants. Ends in [`EngineOutput::PushSet`].
    pub(super) fn set_push(&mut self, ticket: Ticket, wanted: Option<PushRegistration>) {
        let ops = vec![Op::Push(PushChange::Wanted(wanted.clone()))];
        self.apply(Asked::PushSet { ticket, wanted }, ops);
    }

    /// Continues once it is stored, or could not be. A connection that begins later has loaded it.
    pub(super) fn push_set(
        &mut self,
        ticket: Ticket,
        wanted: Option<PushRegistration>,
        outcome: Result<(), StoreError>,
    ) {
        if outcome.is_ok() {
            self.command(Command::PushChanged(wanted));
        }
        self.outputs
            .push_back(EngineOutput::PushSet { ticket, outcome });
    }
}
