//! Subscriptions to presence (RFC 6121 section 3).

use std::future::Future;
use std::sync::Arc;

use snapback_client as core;
use snapback_client::Client;
use snapback_client::service::subscription;
pub use snapback_client::service::subscription::SubscriptionStep;

use crate::client::CoreClient;
use crate::error::{CallError, SendError};

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

#[uniffi::export]
impl CoreClient {
    /// Asks a contact for their presence.
    pub async fn subscribe(&self, to: String, nick: Option<String>) -> Result<(), SendError> {
        let to = contact(&to)?;
        self.send_subscription(|client| async move { client.subscribe(&to, nick.as_deref()).await })
            .await
    }

    /// Shares the user's presence with a contact.
    pub async fn approve_subscription(&self, of: String) -> Result<(), SendError> {
        let of = contact(&of)?;
        self.send_subscription(|client| async move { client.approve_subscription(&of).await })
            .await
    }

    /// Refuses a contact's request, or ends the contact's subscription.
    pub async fn refuse_subscription(&self, of: String) -> Result<(), SendError> {
        let of = contact(&of)?;
        self.send_subscription(|client| async move { client.refuse_subscription(&of).await })
            .await
    }

    /// Ends the subscription to a contact's presence.
    pub async fn unsubscribe(&self, from: String) -> Result<(), SendError> {
        let from = contact(&from)?;
        self.send_subscription(|client| async move { client.unsubscribe(&from).await })
            .await
    }
}

impl CoreClient {
    async fn send_subscription<W, F>(&self, work: W) -> Result<(), SendError>
    where
        W: FnOnce(Arc<Client>) -> F,
        F: Future<Output = Result<String, core::SendError>> + Send + 'static,
    {
        match self.call(work).await {
            Ok(sent) => Ok(sent.map(drop)?),
            Err(CallError::Closed) => Err(SendError::Closed),
            Err(_) => Err(SendError::Internal),
        }
    }
}

fn contact(text: &str) -> Result<core::BareJid, SendError> {
    let jid = core::Jid::try_from(text).map_err(|error| SendError::Recipient {
        problem: error.into(),
    })?;
    Ok(jid.bare().clone())
}
