//! The roster and its versions (RFC 6121 section 2).

use std::collections::BTreeMap;

use super::{SessionId, World};
use crate::jid;
use crate::ns;
use crate::xml::Element;

#[derive(Debug, Default)]
pub(crate) struct Roster {
    version: u64,
    items: BTreeMap<String, Element>,
}

impl World {
    /// Returns the query of a result, or `None` if the client's version is the current one.
    pub(crate) fn roster(&mut self, session: SessionId, version: Option<&str>) -> Option<Element> {
        let state = self.sessions.get_mut(&session)?;
        state.wants_roster = true;
        let roster = &self.accounts.get(&state.account)?.roster;
        let mut query = Element::new(ns::ROSTER, "query");
        if self.switches.roster_versioning {
            let present = roster.version.to_string();
            if version == Some(&present) {
                return None;
            }
            if version.is_some() {
                query.set("ver", present);
            }
        }
        Some(query.children_from(roster.items.values().cloned()))
    }

    /// Handles `<iq type='set'/>` with one item; returns false if it is malformed.
    pub(crate) fn set_roster_item(&mut self, account: &str, item: &Element) -> bool {
        let Some(jid) = item.attribute("jid").map(|jid| jid::bare(jid).to_owned()) else {
            return false;
        };
        if item.attribute("subscription") == Some("remove") {
            self.change_roster(account, &jid, None);
            return true;
        }
        let subscription = self.subscription(account, &jid);
        let mut stored = Element::new(ns::ROSTER, "item")
            .with("jid", jid.clone())
            .with("subscription", subscription);
        if let Some(name) = item.attribute("name") {
            stored.set("name", name);
        }
        let groups = item
            .elements()
            .filter(|child| child.is(ns::ROSTER, "group"));
        let stored = stored.children_from(groups.cloned());
        self.change_roster(account, &jid, Some(stored));
        true
    }

    /// Lets two accounts (local parts) see each other's presence.
    pub fn befriend(&mut self, one: &str, other: &str) {
        for (account, contact) in [(one, other), (other, one)] {
            let contact = self.bare_jid(contact);
            let item = Element::new(ns::ROSTER, "item")
                .with("jid", contact.clone())
                .with("subscription", "both");
            self.change_roster(account, &contact, Some(item));
        }
    }

    fn subscription(&self, account: &str, jid: &str) -> String {
        self.accounts
            .get(account)
            .and_then(|account| account.roster.items.get(jid)?.attribute("subscription"))
            .unwrap_or("none")
            .to_owned()
    }

    fn change_roster(&mut self, account: &str, jid: &str, item: Option<Element>) {
        let Some(state) = self.accounts.get_mut(account) else {
            return;
        };
        let roster = &mut state.roster;
        roster.version += 1;
        let version = roster.version.to_string();
        let pushed = match item {
            Some(item) => {
                roster.items.insert(jid.to_owned(), item.clone());
                item
            }
            None => {
                roster.items.remove(jid);
                Element::new(ns::ROSTER, "item")
                    .with("jid", jid)
                    .with("subscription", "remove")
            }
        };
        self.push_roster(account, &pushed, &version);
    }

    fn push_roster(&mut self, account: &str, item: &Element, version: &str) {
        let interested: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.account == account && session.wants_roster)
            .map(|(id, _)| *id)
            .collect();
        for session in interested {
            let mut query = Element::new(ns::ROSTER, "query");
            if self.switches.roster_versioning {
                query.set("ver", version);
            }
            let push = Element::new(ns::CLIENT, "iq")
                .with("type", "set")
                .with("id", self.rng.token())
                .with("from", self.bare_jid(account))
                .with("to", self.session_jid(session))
                .child(query.child(item.clone()));
            self.deliver(session, push);
        }
    }

    /// Returns the bare JIDs in the roster with one of these subscriptions.
    pub(super) fn contacts_with(&self, account: &str, subscriptions: &[&str]) -> Vec<String> {
        let Some(account) = self.accounts.get(account) else {
            return Vec::new();
        };
        account
            .roster
            .items
            .iter()
            .filter(|(_, item)| {
                item.attribute("subscription")
                    .is_some_and(|subscription| subscriptions.contains(&subscription))
            })
            .map(|(jid, _)| jid.clone())
            .collect()
    }
}
