//! XEP-0184: which messages get a delivery receipt, and when.

use std::collections::VecDeque;

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::xml::Element;

use crate::draft::Draft;
use crate::message::{ChatMessage, MessageKind};

/// Who gets a receipt when asking for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiptPolicy {
    /// No entity.
    Never,
    /// Those who may see the user's presence. A receipt shows that the user is online, so that others could learn it from receipts alone
    /// (XEP-0184 section 8).
    #[default]
    Contacts,
    /// Every entity.
    Everyone,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// To this client.
    Live,
    /// From the archive (XEP-0313).
    Archive,
    /// As a copy of one that another client of the account sent or received (XEP-0280).
    Carbon,
}

/// The receipts that are due when the app has taken the message: then it is on the device, and not before. A message that is delivered
/// again after a restart gets its receipt then.
#[derive(Debug, Default)]
pub struct Receipts {
    policy: ReceiptPolicy,
    due: VecDeque<(String, Element)>,
}

/// The maximum number of receipts that wait for the app, 1024: as many as deliveries wait. The oldest is dropped first, since receipts
/// are not reliable anyway (XEP-0184 section 4).
const MAX_DUE: usize = 1024;

impl Receipts {
    /// Returns an empty list.
    pub fn new(policy: ReceiptPolicy) -> Self {
        Self {
            policy,
            due: VecDeque::new(),
        }
    }

    /// Notes a delivery. `may_see_us` returns whether a contact or room may see the user's presence; it is not asked without need.
    pub fn delivered(
        &mut self,
        delivery_id: &str,
        message: &ChatMessage,
        arrival: Arrival,
        account: &BareJid,
        may_see_us: impl FnOnce(&BareJid) -> bool,
    ) {
        let Some((to, receipt)) = receipt(message, arrival, account) else {
            return;
        };
        let is_wanted = match self.policy {
            ReceiptPolicy::Never => false,
            ReceiptPolicy::Contacts => may_see_us(to.bare()),
            ReceiptPolicy::Everyone => true,
        };
        if !is_wanted || self.due.iter().any(|(id, _)| id == delivery_id) {
            return;
        }
        if self.due.len() == MAX_DUE {
            self.due.pop_front();
        }
        self.due.push_back((delivery_id.to_owned(), receipt));
    }

    /// Returns the receipt to send now that the app has confirmed this delivery.
    pub fn confirmed(&mut self, delivery_id: &str) -> Option<Element> {
        let at = self.due.iter().position(|(id, _)| id == delivery_id)?;
        self.due.remove(at).map(|(_, receipt)| receipt)
    }
}

/// Returns the receipt that this message asks for, and its recipient.
fn receipt(message: &ChatMessage, arrival: Arrival, account: &BareJid) -> Option<(Jid, Element)> {
    let is_content = matches!(
        message.kind,
        MessageKind::Normal | MessageKind::Chat | MessageKind::Headline
    );
    // A receipt that asks for a receipt would never end (XEP-0184 section 5.4).
    let asks = message.requests_receipt && message.receipt_of.is_none();
    if !is_content || !asks || arrival != Arrival::Live {
        return None;
    }
    let to = message.from.jid()?.clone();
    if to.bare() == account {
        return None;
    }
    // With the type of the message, so that it reaches the same clients: carbons and archives go by it.
    let draft = Draft {
        kind: message.kind,
        receipt_of: Some(message.id.clone()?),
        ..Draft::to(to.clone())
    };
    Some((to, draft.into_element().ok()?))
}
