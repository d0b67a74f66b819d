//! RFC 6121 section 3: subscriptions to presence. Requests of contacts arrive as presence
//! ([`SubscriptionNotice::of`](crate::service::subscription::SubscriptionNotice::of)).

use snapback_chat::service::nick;
use snapback_proto::jid::{BareJid, Jid};

use crate::client::Client;
use crate::driver::SendError;
use crate::outgoing::OutgoingPresence;

impl Client {
    /// Asks a contact for their presence (section 3.1), with the name that the user wants to be called by (XEP-0172). Returns the
    /// id of the presence once it is stored. The roster shows the request (`ask`) until it is answered.
    ///
    /// # Errors
    ///
    /// As [`Client::send_presence`].
    pub async fn subscribe(&self, to: &BareJid, nick: Option<&str>) -> Result<String, SendError> {
        self.subscription("subscribe", to, nick).await
    }

    /// Shares the user's presence with a contact who has asked for it (section 3.1.4) or, where the server supports it, who will
    /// ask for it (pre-approval, section 3.4).
    ///
    /// # Errors
    ///
    /// As [`Client::send_presence`].
    pub async fn approve_subscription(&self, of: &BareJid) -> Result<String, SendError> {
        self.subscription("subscribed", of, None).await
    }

    /// Refuses a contact's request, ends the contact's subscription, or takes an approval in advance back (sections 3.1.4, 3.2 and
    /// 3.4).
    ///
    /// # Errors
    ///
    /// As [`Client::send_presence`].
    pub async fn refuse_subscription(&self, of: &BareJid) -> Result<String, SendError> {
        self.subscription("unsubscribed", of, None).await
    }

    /// Ends the subscription to a contact's presence (section 3.3). The contact stays in the roster.
    ///
    /// # Errors
    ///
    /// As [`Client::send_presence`].
    pub async fn unsubscribe(&self, from: &BareJid) -> Result<String, SendError> {
        self.subscription("unsubscribe", from, None).await
    }

    async fn subscription(
        &self,
        kind: &str,
        to: &BareJid,
        nick: Option<&str>,
    ) -> Result<String, SendError> {
        self.send_presence(OutgoingPresence {
            to: Some(Jid::from(to.clone())),
            kind: Some(kind.to_owned()),
            children: nick.map(nick::to_element).into_iter().collect(),
            ..OutgoingPresence::default()
        })
        .await
    }
}
