//! The contacts that see this account's presence (RFC 6121 section 3), and so may learn that it is online.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::jid::BareJid;
use crate::xep::roster::{Item, Subscription};

/// The accounts with a subscription to this account's presence, by their prepared addresses. A clone shares them. `Debug` shows
/// only their number, since contacts are personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Watchers(Arc<BTreeSet<BareJid>>);

impl Watchers {
    /// Collects those of a whole roster.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        let watchers = items.into_iter().filter(|item| watches(item));
        Self(Arc::new(watchers.filter_map(address).collect()))
    }

    /// Applies one changed item.
    pub fn note(&mut self, item: &Item) {
        let Some(address) = address(item) else { return };
        if watches(item) == self.0.contains(&address) {
            return;
        }
        let set = Arc::make_mut(&mut self.0);
        if watches(item) {
            set.insert(address);
        } else {
            set.remove(&address);
        }
    }

    /// Returns whether `jid` has a subscription to this account's presence.
    pub fn contains(&self, account: &BareJid) -> bool {
        self.0.contains(account)
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} watchers", self.0.len())
    }
}

fn watches(item: &Item) -> bool {
    matches!(item.subscription, Subscription::From | Subscription::Both)
}

fn address(item: &Item) -> Option<BareJid> {
    BareJid::try_from(item.jid.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(jid: &str, subscription: Subscription) -> Item {
        Item {
            jid: jid.to_owned(),
            subscription,
            ..Item::default()
        }
    }

    #[test]
    fn w10_only_a_subscription_to_us_counts_however_the_address_is_written() {
        let items = [
            item("Romeo@example.net", Subscription::Both),
            item("nurse@example.org", Subscription::From),
            item("tybalt@example.net", Subscription::To),
            item("paris@example.net", Subscription::None),
            item("@", Subscription::Both),
        ];
        let mut watchers = Watchers::of(&items);
        let has =
            |watchers: &Watchers, jid: &str| watchers.contains(&BareJid::try_from(jid).unwrap());
        for (jid, expected) in [
            ("romeo@example.net", true),
            ("nurse@EXAMPLE.org", true),
            ("tybalt@example.net", false),
            ("paris@example.net", false),
        ] {
            assert_eq!(has(&watchers, jid), expected, "{jid}");
        }
        let copy = watchers.clone();
        watchers.note(&item("tybalt@example.net", Subscription::From));
        watchers.note(&item("ROMEO@example.net", Subscription::Remove));
        assert!(has(&watchers, "tybalt@example.net") && !has(&watchers, "romeo@example.net"));
        assert!(has(&copy, "romeo@example.net"), "a copy is a copy");
        assert_eq!(format!("{watchers:?}"), "2 watchers");
    }
}
