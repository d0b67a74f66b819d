//! RFC 6121 section 3: subscriptions to presence.

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::nick;

/// A presence that is about a subscription, and not about availability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionNotice {
    /// The contact.
    pub contact: BareJid,
    /// What happened.
    pub step: SubscriptionStep,
    /// The name that the contact claims (XEP-0172).
    pub nick: Option<String>,
}

/// What happened to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionStep {
    /// The contact asks for the user's presence (`subscribe`).
    Requested,
    /// The contact shares their presence (`subscribed`).
    Approved,
    /// The contact does not share their presence, or no more (`unsubscribed`).
    Refused,
    /// The contact no longer wants the user's presence (`unsubscribe`).
    Ended,
}

impl SubscriptionNotice {
    /// Reads a presence; `None` if it is about something else, or has no sender.
    pub fn of(presence: &Element) -> Option<Self> {
        if !presence.is("presence", ns::CLIENT) {
            return None;
        }
        let step = match presence.attr("type")? {
            "subscribe" => SubscriptionStep::Requested,
            "subscribed" => SubscriptionStep::Approved,
            "unsubscribed" => SubscriptionStep::Refused,
            "unsubscribe" => SubscriptionStep::Ended,
            _ => return None,
        };
        let from = Jid::try_from(presence.attr("from")?).ok()?;
        Some(Self {
            contact: from.bare().clone(),
            step,
            nick: nick::of(presence),
        })
    }
}
