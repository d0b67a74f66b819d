//! The push notifications that the app wants (XEP-0357).

use snapback_proto::knowledge::{Push, PushChange};

use super::fault::Fault;
use super::tables::{Tables, cell};

impl Tables<'_> {
    pub(super) fn change_push(&self, change: &PushChange) -> Result<(), Fault> {
        let mut push: Push = self.cell(cell::PUSH)?.unwrap_or_default();
        push.apply(change);
        self.put_cell(cell::PUSH, &push)
    }
}
