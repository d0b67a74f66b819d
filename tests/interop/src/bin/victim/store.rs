//! A store that kills its process before or after a certain change.

use rustix::process::{Signal, getpid, kill_process};
use snapback_client::{Store, StoreError};
use snapback_interop::kills::fate::{Fate, When};
use snapback_store::testing::{Call, Interceptor};

/// Counts the changes, and kills the process at one of them.
#[derive(Debug)]
pub(crate) struct Doom {
    fate: Option<Fate>,
    changes: u64,
}

impl Doom {
    pub(crate) fn new(fate: Option<Fate>) -> Self {
        Self { fate, changes: 0 }
    }

    fn meet(&self, when: When) {
        let here = Fate {
            when,
            change: self.changes,
        };
        if self.fate == Some(here) {
            kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
        }
    }
}

impl Interceptor for Doom {
    fn before(&mut self, _: Call<'_>) -> Result<(), StoreError> {
        self.changes += 1;
        self.meet(When::Before);
        Ok(())
    }

    fn after(&mut self, _: Call<'_>, _: &mut dyn Store) {
        self.meet(When::After);
    }
}
