//! The roster (RFC 6121 section 2).

use snapback_client as core;
use snapback_client::proto::xep::roster::Subscription as CoreSubscription;

/// The roster as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct Roster {
    /// Its version, if the server does versions.
    pub version: Option<String>,
    /// Its contacts, ordered by JID.
    pub contacts: Vec<Contact>,
}

/// Somebody in the roster.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Contact {
    /// Whose it is.
    pub jid: String,
    /// The name that the user gave.
    pub name: Option<String>,
    /// Who sees whom.
    pub subscription: Subscription,
    /// We asked to see the contact and have no answer.
    pub asked: bool,
    /// The groups that the contact is in.
    pub groups: Vec<String>,
}

/// Who sees whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Subscription {
    /// Neither sees the other.
    None,
    /// We see the contact.
    To,
    /// The contact sees us.
    From,
    /// Each sees the other.
    Both,
}

impl From<core::Roster> for Roster {
    fn from(roster: core::Roster) -> Self {
        Self {
            version: roster.version,
            contacts: roster.items.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<core::RosterItem> for Contact {
    fn from(item: core::RosterItem) -> Self {
        Self {
            jid: item.jid,
            name: item.name,
            subscription: match item.subscription {
                CoreSubscription::To => Subscription::To,
                CoreSubscription::From => Subscription::From,
                CoreSubscription::Both => Subscription::Both,
                // A removed item is not stored; it would be nobody's.
                CoreSubscription::None | CoreSubscription::Remove => Subscription::None,
            },
            asked: item.ask,
            groups: item.groups,
        }
    }
}
