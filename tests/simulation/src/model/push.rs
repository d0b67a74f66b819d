//! The push notifications that the app wants (rule I22).

use snapback_proto::knowledge::{PushRegistration, PushTarget};

const SERVICE: &str = "push.example.org";

/// What the app wants, and whether it was told that this is stored.
#[derive(Debug, Default)]
pub(crate) struct Push {
    /// The number of the node; 0 for none.
    node: u32,
    /// The number of the newest request, and of the newest one that succeeded.
    asked: u64,
    stored: u64,
}

impl Push {
    /// The app wants something else.
    pub(crate) fn want(&mut self, node: u32) {
        self.node = node;
        self.asked += 1;
    }

    /// Returns the ticket of the newest request.
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    /// The engine has answered a request.
    pub(crate) fn answered(&mut self, ticket: u64, is_stored: bool) {
        if is_stored {
            self.stored = self.stored.max(ticket);
        }
    }

    /// Returns whether the app knows that what it wants is stored. If not, it asks again.
    pub(crate) fn is_stored(&self) -> bool {
        self.stored == self.asked
    }

    /// Returns what it asks for.
    pub(crate) fn wanted(&self) -> Option<PushRegistration> {
        (self.node > 0).then(|| PushRegistration {
            target: PushTarget {
                service: SERVICE.to_owned(),
                node: Some(self.node.to_string()),
            },
            options: Vec::new(),
        })
    }

    /// Returns what the server must have for the session, in its own words.
    pub(crate) fn at_server(&self) -> Vec<String> {
        let node = (self.node > 0).then(|| format!("{SERVICE}#{}", self.node));
        node.into_iter().collect()
    }
}
