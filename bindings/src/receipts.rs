//! XEP-0184: sends the delivery receipts that the app's confirmations make due. What is due is decided by
//! [`snapback_chat::Receipts`].

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use snapback_chat::ReceiptPolicy;
use snapback_chat::{Arrival, ChatMessage, Receipts};
use snapback_client as core;
use snapback_client::proto::ns;
use snapback_client::proto::xep::roster::Subscription;
use snapback_client::{BareJid, Client, Element};

/// Who gets a delivery receipt when asking for one (XEP-0184).
#[uniffi::remote(Enum)]
pub enum ReceiptPolicy {
    /// No entity.
    Never,
    /// The contacts that may see the user's presence.
    Contacts,
    /// Every entity.
    Everyone,
}

/// The maximum number of receipts whose stages are kept from the app, 1024: more are not unacknowledged at the same time.
const MAX_SENT: usize = 1024;

/// The receipts of an account.
#[derive(Debug)]
pub(crate) struct DueReceipts {
    account: BareJid,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    due: Receipts,
    /// The contacts that may see the user's presence; `None` if the roster has to be read.
    watchers: Option<HashSet<BareJid>>,
    /// The ids of receipts on their way.
    sent: VecDeque<String>,
}

impl DueReceipts {
    pub(crate) fn new(policy: ReceiptPolicy, account: BareJid) -> Self {
        let state = State {
            due: Receipts::new(policy),
            watchers: None,
            sent: VecDeque::new(),
        };
        Self {
            account,
            state: Mutex::new(state),
        }
    }

    /// Notes the deliveries among these events, and returns those events that are for the app.
    pub(crate) async fn note(&self, events: Vec<core::Event>, client: &Client) -> Vec<core::Event> {
        if events
            .iter()
            .any(|event| matches!(event, core::Event::RosterChanged))
        {
            self.state().watchers = None;
        }
        if events.iter().any(|event| asks(event).is_some()) && self.state().watchers.is_none() {
            let watchers = watchers(client).await;
            self.state().watchers = watchers;
        }
        let mut state = self.state();
        for delivery in events.iter().filter_map(asks) {
            let State { due, watchers, .. } = &mut *state;
            let arrival = match delivery.is_archived {
                true => Arrival::Archive,
                false => Arrival::Live,
            };
            let message = ChatMessage::read(&delivery.stanza);
            let may_see_us = |who: &BareJid| {
                watchers
                    .as_ref()
                    .is_some_and(|watchers| watchers.contains(who))
            };
            due.delivered(&delivery.id, &message, arrival, &self.account, may_see_us);
        }
        let mut events = events;
        events.retain(|event| !state.is_of_receipt(event));
        events
    }

    /// Returns the receipt that is due now that the app has confirmed this delivery.
    pub(crate) fn confirmed(
        &self,
        delivery_id: &str,
        id: impl FnOnce() -> String,
    ) -> Option<Element> {
        let mut state = self.state();
        let receipt = state.due.confirmed(delivery_id)?;
        let id = id();
        if state.sent.len() == MAX_SENT {
            state.sent.pop_front();
        }
        state.sent.push_back(id.clone());
        Some(receipt.with_attr("id", id))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether this is a stage of a receipt, which the app did not send.
    fn is_of_receipt(&mut self, event: &core::Event) -> bool {
        let core::Event::Stage { id, stage } = event else {
            return false;
        };
        let Some(at) = self.sent.iter().position(|sent| sent == id) else {
            return false;
        };
        if matches!(stage, core::Stage::Acked | core::Stage::Failed(_)) {
            self.sent.remove(at);
        }
        true
    }
}

/// Returns the delivery of a message that asks for a receipt.
fn asks(event: &core::Event) -> Option<&core::Delivery> {
    match event {
        core::Event::Message { delivery } if delivery.stanza.has_child("request", ns::RECEIPTS) => {
            Some(delivery)
        }
        _ => None,
    }
}

/// Returns the contacts that may see the user's presence; `None` if the store cannot be read.
async fn watchers(client: &Client) -> Option<HashSet<BareJid>> {
    let roster = client.roster().await.ok()?;
    let sees_us = |item: &&core::RosterItem| {
        matches!(item.subscription, Subscription::From | Subscription::Both)
    };
    let watchers = roster.items.iter().filter(sees_us);
    Some(
        watchers
            .filter_map(|item| BareJid::try_from(item.jid.as_str()).ok())
            .collect(),
    )
}
