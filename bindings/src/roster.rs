//! The roster (RFC 6121 section 2).

use std::future::Future;
use std::sync::Arc;

use snapback_client as core;
use snapback_client::proto::xep::roster::Subscription as CoreSubscription;

use crate::cancel::Cancellation;
use crate::client::CoreClient;
use crate::error::{CallError, IqError};

/// The roster as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct Roster {
    /// Its version, if the server supports roster versioning.
    pub version: Option<String>,
    /// Its contacts, ordered by JID.
    pub contacts: Vec<Contact>,
}

/// A contact in the roster.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Contact {
    /// The contact's bare JID.
    pub jid: String,
    /// The name that the user assigned.
    pub name: Option<String>,
    /// The direction of the presence subscription.
    pub subscription: Subscription,
    /// Whether a subscription request to the contact is pending (`ask='subscribe'`).
    pub asked: bool,
    /// The groups that the contact is in.
    pub groups: Vec<String>,
}

/// The direction of a presence subscription (RFC 6121 section 2.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Subscription {
    /// No subscription in either direction.
    None,
    /// The user receives the contact's presence.
    To,
    /// The contact receives the user's presence.
    From,
    /// Both receive each other's presence.
    Both,
}

#[uniffi::export]
impl CoreClient {
    /// Adds a contact to the roster or changes one; name and groups are replaced. Returns `true` when the server has
    /// responded, and `false` if the call was cancelled. A cancelled change may have been made nevertheless.
    pub async fn set_contact(
        &self,
        jid: String,
        name: Option<String>,
        groups: Vec<String>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<bool, IqError> {
        let jid = contact(&jid)?;
        let change = self
            .call(|client| async move { client.set_contact(&jid, name.as_deref(), &groups).await });
        answered(change, cancellation).await
    }

    /// Removes a contact from the roster, together with both subscriptions. Returns the same as `set_contact`.
    pub async fn remove_contact(
        &self,
        jid: String,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<bool, IqError> {
        let jid = contact(&jid)?;
        let change = self.call(|client| async move { client.remove_contact(&jid).await });
        answered(change, cancellation).await
    }
}

/// Parses the JID of a contact, which has no resource.
fn contact(text: &str) -> Result<core::BareJid, IqError> {
    let jid = core::Jid::try_from(text).map_err(|error| IqError::Recipient {
        problem: error.into(),
    })?;
    Ok(jid.bare().clone())
}

async fn answered(
    change: impl Future<Output = Result<Result<(), core::IqError>, CallError>>,
    cancellation: Option<Arc<Cancellation>>,
) -> Result<bool, IqError> {
    let change = async { Ok(change.await??) };
    match cancellation {
        Some(cancellation) => Ok(cancellation.or(change).await?.is_some()),
        None => change.await.map(|()| true),
    }
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
                // A removed item is not stored, so this does not occur.
                CoreSubscription::None | CoreSubscription::Remove => Subscription::None,
            },
            asked: item.ask,
            groups: item.groups,
        }
    }
}
