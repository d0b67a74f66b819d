//! Where push notifications are wanted (XEP-0357), without the options of the push service, which may be credentials.

use std::fmt;

use serde::Serialize;
use snapback_client::proto::knowledge::{self, PushTarget};

#[derive(Serialize)]
pub(super) struct Push {
    /// Service and node; missing if none are wanted.
    wanted: Option<String>,
    /// The same of what the server has not confirmed to be disabled.
    to_disable: Vec<String>,
    /// Whether the stored session was told.
    session_knows: bool,
}

impl Push {
    /// Returns nothing if there is nothing to tell a server.
    pub(super) fn of(push: knowledge::Push) -> Option<Self> {
        push.concerns_server().then(|| Self {
            wanted: push.wanted.map(|wanted| name(&wanted.target)),
            to_disable: push.withdrawn.iter().map(name).collect(),
            session_knows: push.is_told,
        })
    }
}

fn name(target: &PushTarget) -> String {
    match &target.node {
        Some(node) => format!("{} node {node:?}", target.service),
        None => target.service.clone(),
    }
}

impl fmt::Display for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wanted.as_deref().unwrap_or("not wanted"))?;
        if !self.to_disable.is_empty() {
            write!(f, "; to be disabled: {}", self.to_disable.join(", "))?;
        }
        if !self.session_knows {
            f.write_str("; the session does not know")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use snapback_client::proto::knowledge::{PushChange, PushRegistration};

    use super::*;

    #[test]
    fn t9_the_options_are_not_shown() {
        let registration = |node: &str| PushRegistration {
            target: PushTarget {
                service: "push.example.org".to_owned(),
                node: Some(node.to_owned()),
            },
            options: vec![("secret".to_owned(), "planted".to_owned())],
        };
        let mut push = knowledge::Push::default();
        assert!(Push::of(push.clone()).is_none());
        push.apply(&PushChange::Wanted(Some(registration("a"))));
        push.apply(&PushChange::Wanted(Some(registration("b"))));
        let shown = Push::of(push).unwrap();
        assert_eq!(
            shown.to_string(),
            "push.example.org node \"b\"; to be disabled: push.example.org node \"a\"; the session does not know"
        );
        assert!(!serde_json::to_string(&shown).unwrap().contains("planted"));
    }
}
