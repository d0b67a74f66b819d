//! Subscriptions to presence (RFC 6121 section 3).

use snapback_client as core;
use snapback_client::service::subscription;
pub use snapback_client::service::subscription::SubscriptionStep;

use crate::client::CoreClient;
use crate::error::SendError;

/// What happened to a subscription.
#[uniffi::remote(Enum)]
pub enum SubscriptionStep {
    /// The contact asks for the user's presence.
    Requested,
    /// The contact shares their presence.
    Approved,
    /// The contact does not share their presence, or no more.
    Refused,
    /// The contact no longer wants the user's presence.
    Ended,
}

/// A presence that is about a subscription.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SubscriptionNotice {
    /// The contact's bare JID.
    pub contact: String,
    /// What happened.
    pub step: SubscriptionStep,
    /// The name that the contact claims (XEP-0172).
    pub nick: Option<String>,
}

/// Reads a presence, given as XML; nothing if it is about something else.
#[uniffi::export]
pub fn subscription_notice(presence: String) -> Option<SubscriptionNotice> {
    let presence = core::parse_received_xml(&presence).ok()?;
    let notice = subscription::SubscriptionNotice::of(&presence)?;
    Some(SubscriptionNotice {
        contact: notice.contact.to_string(),
        step: notice.step,
        nick: notice.nick,
    })
}

/// What the user changes about a subscription.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SubscriptionChange {
    /// Asks the contact for their presence.
    Subscribe {
        /// The name that the user wants to be called by.
        nick: Option<String>,
    },
    /// Shares the user's presence with the contact.
    Approve,
    /// Refuses the contact's request, or ends the contact's subscription.
    Refuse,
    /// Ends the subscription to the contact's presence.
    Unsubscribe,
}

#[uniffi::export]
impl CoreClient {
    /// Changes a subscription to presence.
    pub async fn change_subscription(
        &self,
        with: String,
        change: SubscriptionChange,
    ) -> Result<(), SendError> {
        let contact = contact(&with)?;
        let sent = self.sending(|client| async move {
            match change {
                SubscriptionChange::Subscribe { nick } => {
                    client.subscribe(&contact, nick.as_deref()).await
                }
                SubscriptionChange::Approve => client.approve_subscription(&contact).await,
                SubscriptionChange::Refuse => client.refuse_subscription(&contact).await,
                SubscriptionChange::Unsubscribe => client.unsubscribe(&contact).await,
            }
        });
        sent.await.map(drop)
    }
}

fn contact(text: &str) -> Result<core::BareJid, SendError> {
    let jid = core::Jid::try_from(text).map_err(|error| SendError::Recipient {
        problem: error.into(),
    })?;
    Ok(jid.bare().clone())
}
