//! Push notifications that the app wants (XEP-0357).

use std::fmt;

/// The maximum number of nodes that wait to be disabled. Of more, the oldest are dropped: their push services refuse what they no
/// longer expect, and the server then disables them itself (XEP-0357 section 6).
const MAX_WITHDRAWN: usize = 8;

/// Where the server publishes notifications. `Debug` does not print the options, which may be credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct PushRegistration {
    /// The push service.
    pub target: PushTarget,
    /// The options that the push service demands with each notification, by the names of their fields.
    pub options: Vec<(String, String)>,
}

/// What a server knows a registration by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTarget {
    /// The address of the push service.
    pub service: String,
    /// The node of this installation at the push service.
    pub node: Option<String>,
}

/// What the app wants, and what the server has still to be told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Where notifications are wanted; `None` if they are not.
    pub wanted: Option<PushRegistration>,
    /// Where they were wanted. The server has not confirmed that they are disabled there.
    pub withdrawn: Vec<PushTarget>,
    /// Whether the session that may be resumed was told all of this. A new session is told in any case.
    pub is_told: bool,
}

/// A change of [`Push`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushChange {
    /// The app wants notifications there, or none.
    Wanted(Option<PushRegistration>),
    /// The session has been told, or the new session has not been told yet.
    Told(bool),
    /// The server has answered the request to disable this target.
    Disabled(PushTarget),
}

impl Push {
    /// Applies a change.
    pub fn apply(&mut self, change: &PushChange) {
        match change {
            PushChange::Wanted(wanted) if self.wanted == *wanted => {}
            PushChange::Wanted(wanted) => self.want(wanted.clone()),
            PushChange::Told(is_told) => self.is_told = *is_told,
            PushChange::Disabled(target) => self.withdrawn.retain(|other| other != target),
        }
    }

    /// Returns whether there is anything to tell the server.
    pub fn concerns_server(&self) -> bool {
        self.wanted.is_some() || !self.withdrawn.is_empty()
    }

    fn want(&mut self, wanted: Option<PushRegistration>) {
        self.is_told = false;
        if let Some(before) = std::mem::replace(&mut self.wanted, wanted) {
            self.withdrawn.push(before.target);
        }
        if let Some(wanted) = &self.wanted {
            self.withdrawn.retain(|target| *target != wanted.target);
        }
        let excess = self.withdrawn.len().saturating_sub(MAX_WITHDRAWN);
        self.withdrawn.drain(..excess);
    }
}

impl fmt::Debug for PushRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushRegistration")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(node: &str) -> PushRegistration {
        PushRegistration {
            target: target(node),
            options: vec![("secret".to_owned(), "planted".to_owned())],
        }
    }

    fn target(node: &str) -> PushTarget {
        PushTarget {
            service: "push.example.org".to_owned(),
            node: Some(node.to_owned()),
        }
    }

    #[test]
    fn what_is_no_longer_wanted_is_withdrawn_until_it_is_disabled_or_wanted_again() {
        let mut push = Push::default();
        push.apply(&PushChange::Wanted(Some(registration("a"))));
        push.apply(&PushChange::Told(true));
        push.apply(&PushChange::Wanted(Some(registration("a"))));
        assert!(
            push.is_told && push.withdrawn.is_empty(),
            "the same again is no change"
        );
        push.apply(&PushChange::Wanted(Some(registration("b"))));
        assert_eq!(push.withdrawn, [target("a")]);
        assert!(!push.is_told);
        push.apply(&PushChange::Wanted(None));
        assert_eq!(push.withdrawn, [target("a"), target("b")]);
        push.apply(&PushChange::Disabled(target("a")));
        push.apply(&PushChange::Wanted(Some(registration("b"))));
        assert!(push.withdrawn.is_empty());
    }

    #[test]
    fn new_options_of_the_same_node_withdraw_nothing() {
        let mut push = Push::default();
        push.apply(&PushChange::Wanted(Some(registration("a"))));
        push.apply(&PushChange::Told(true));
        let other = PushRegistration {
            options: Vec::new(),
            ..registration("a")
        };
        push.apply(&PushChange::Wanted(Some(other.clone())));
        assert_eq!(push.wanted, Some(other));
        assert!(push.withdrawn.is_empty() && !push.is_told);
    }

    #[test]
    fn i20_withdrawn_nodes_are_bounded() {
        let mut push = Push::default();
        for number in 0..100 {
            push.apply(&PushChange::Wanted(Some(registration(&number.to_string()))));
        }
        assert_eq!(push.withdrawn.len(), MAX_WITHDRAWN);
        assert_eq!(push.withdrawn.last(), Some(&target("98")));
    }

    #[test]
    fn t9_options_are_not_printed() {
        let push = Push {
            wanted: Some(registration("a")),
            ..Push::default()
        };
        assert!(!format!("{push:?}").contains("planted"));
    }
}
