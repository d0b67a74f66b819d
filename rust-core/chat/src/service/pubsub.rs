//! XEP-0060 and XEP-0163: publish-subscribe, on an account (PEP) or on a service.
//!
//! A client that advertises `NODE+notify` as a feature ([`notify_feature`]) receives what its contacts publish on that node
//! (XEP-0163 section 4).

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::ns;
use snapback_wire::stanza::StanzaError;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xep::forms::{Field, Form};
use snapback_wire::xml::Element;

use super::{bad, missing};
use crate::payload::MAX_ID;

/// The maximum number of items that are read of one result or event, 1000.
pub const MAX_ITEMS: usize = 1000;

const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";

/// Who may read the items of a node (XEP-0060 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessModel {
    /// Any entity.
    Open,
    /// Those that are subscribed to the account's presence: the default of PEP.
    Presence,
    /// Only the account itself.
    Whitelist,
}

impl AccessModel {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Presence => "presence",
            Self::Whitelist => "whitelist",
        }
    }
}

/// The configuration of a node, as far as an app demands it. Default: the service's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeOptions {
    /// Who may read.
    pub access: Option<AccessModel>,
    /// How many items are kept. Services may keep fewer.
    pub max_items: Option<u32>,
    /// Whether items are kept at all.
    pub persist_items: Option<bool>,
    /// Others, as field and value, such as `pubsub#send_last_published_item`.
    pub others: Vec<(String, String)>,
}

/// An item of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id; `None` if the service states none.
    pub id: Option<String>,
    /// Its payload; `None` if only the id was sent.
    pub payload: Option<Element>,
}

/// Items of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items {
    /// The node.
    pub node: String,
    /// The items, in the order of the service.
    pub items: Vec<Item>,
    /// The number of items beyond [`MAX_ITEMS`], and of those with an id of more than 1024 bytes.
    pub unreadable: usize,
}

/// What happened on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvent {
    /// The account or service, as the sender of the message: an event is about no other one (XEP-0163 section 4.3).
    pub service: BareJid,
    /// The node.
    pub node: String,
    /// What happened.
    pub change: NodeChange,
}

/// What happened on a node (XEP-0060 sections 7.1.2, 7.2.2, 8.4.2 and 8.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeChange {
    /// Items were published or removed.
    Items {
        /// The published items.
        published: Vec<Item>,
        /// The ids of the removed ones.
        retracted: Vec<String>,
        /// The number of items that cannot be read.
        unreadable: usize,
    },
    /// All items were removed.
    Purged,
    /// The node was removed.
    Deleted,
}

/// Returns the feature that asks for the events of a node.
pub fn notify_feature(node: &str) -> String {
    format!("{node}+notify")
}

/// Returns the payload of an iq of type `set` that publishes an item (XEP-0060 section 7.1). With options the request fails if the
/// node is configured otherwise ([`is_precondition_not_met`]).
pub fn publish(node: &str, id: Option<&str>, payload: Element, options: &NodeOptions) -> Element {
    let item = item_of(id).with_child(payload);
    let publish = of_node("publish", ns::PUBSUB, node).with_child(item);
    let mut pubsub = Element::new("pubsub", ns::PUBSUB).with_child(publish);
    if let Some(form) = options.form(PUBLISH_OPTIONS) {
        pubsub.push_child(Element::new("publish-options", ns::PUBSUB).with_child(form));
    }
    pubsub
}

/// Returns the payload of an iq of type `set` that removes an item (XEP-0060 section 7.2), and notifies its subscribers.
pub fn retract(node: &str, id: &str) -> Element {
    let retract = of_node("retract", ns::PUBSUB, node)
        .with_attr("notify", "true")
        .with_child(item_of(Some(id)));
    Element::new("pubsub", ns::PUBSUB).with_child(retract)
}

/// Returns the payload of an iq of type `get` that asks for the newest items, at most this number of them (XEP-0060 section 6.5).
pub fn newest(node: &str, max: Option<u32>) -> Element {
    let mut items = of_node("items", ns::PUBSUB, node);
    if let Some(max) = max {
        items.set_attr("max_items", max.to_string());
    }
    Element::new("pubsub", ns::PUBSUB).with_child(items)
}

/// Returns the payload of an iq of type `get` that asks for these items (XEP-0060 section 6.5.8).
pub fn by_id(node: &str, ids: &[&str]) -> Element {
    let mut items = of_node("items", ns::PUBSUB, node);
    for id in ids {
        items.push_child(item_of(Some(id)));
    }
    Element::new("pubsub", ns::PUBSUB).with_child(items)
}

/// Returns the payload of an iq of type `set` that creates a node with this configuration (XEP-0060 section 8.1.3).
pub fn create(node: &str, options: &NodeOptions) -> Element {
    let mut pubsub =
        Element::new("pubsub", ns::PUBSUB).with_child(of_node("create", ns::PUBSUB, node));
    if let Some(form) = options.form(NODE_CONFIG) {
        pubsub.push_child(Element::new("configure", ns::PUBSUB).with_child(form));
    }
    pubsub
}

/// Returns the payload of an iq of type `set` that configures a node (XEP-0060 section 8.2); `None` if there is nothing to configure.
pub fn configure(node: &str, options: &NodeOptions) -> Option<Element> {
    let form = options.form(NODE_CONFIG)?;
    let configure = of_node("configure", ns::PUBSUB_OWNER, node).with_child(form);
    Some(Element::new("pubsub", ns::PUBSUB_OWNER).with_child(configure))
}

/// Returns the payload of an iq of type `set` that removes a node with its items (XEP-0060 section 8.4).
pub fn delete(node: &str) -> Element {
    let delete = of_node("delete", ns::PUBSUB_OWNER, node);
    Element::new("pubsub", ns::PUBSUB_OWNER).with_child(delete)
}

/// Reads items.
///
/// # Errors
///
/// If it is no answer to [`newest`] or [`by_id`] with this node.
pub fn parse_items(iq: &Element, node: &str) -> Result<Items, CodecError> {
    let pubsub = iq
        .child("pubsub", ns::PUBSUB)
        .ok_or(missing("iq", "pubsub"))?;
    let items = pubsub
        .child("items", ns::PUBSUB)
        .ok_or(missing("pubsub", "items"))?;
    if items.attr("node") != Some(node) {
        return Err(bad("items", "node"));
    }
    let (items, unreadable) = read_items(items, ns::PUBSUB);
    Ok(Items {
        node: node.to_owned(),
        items,
        unreadable,
    })
}

/// Reads the id that the service gave to a published item, if it states it (XEP-0060 section 7.1.2).
pub fn parse_published(iq: &Element) -> Option<String> {
    let publish = iq
        .child("pubsub", ns::PUBSUB)?
        .child("publish", ns::PUBSUB)?;
    let id = publish.child("item", ns::PUBSUB)?.attr("id")?;
    (!id.is_empty() && id.len() <= MAX_ID).then(|| id.to_owned())
}

/// Returns whether a request to publish failed because the node is configured otherwise (XEP-0060 section 7.1.5). The app configures
/// the node and publishes again, or does without.
pub fn is_precondition_not_met(error: &StanzaError) -> bool {
    error
        .detail("precondition-not-met", ns::PUBSUB_ERRORS)
        .is_some()
}

impl NodeEvent {
    /// Reads the event in a message; `None` if there is none. `account` is the client's own: the sender of a message without `from`.
    ///
    /// # Errors
    ///
    /// If it violates its specification: the sender is not a bare JID, or no node is named.
    pub fn of(message: &Element, account: &BareJid) -> Option<Result<Self, CodecError>> {
        if !message.is("message", ns::CLIENT) || message.attr("type") == Some("error") {
            return None;
        }
        let event = message.child("event", ns::PUBSUB_EVENT)?;
        Some(Self::read(message.attr("from"), event, account))
    }

    fn read(from: Option<&str>, event: &Element, account: &BareJid) -> Result<Self, CodecError> {
        let service = match from.map(Jid::try_from) {
            None => account.clone(),
            Some(Ok(Jid::Bare(bare))) => bare,
            // A client of a contact speaks for itself, and not for the account.
            Some(Ok(Jid::Full(_)) | Err(_)) => return Err(bad("message", "from")),
        };
        let is_known = |child: &&Element| {
            child.ns() == ns::PUBSUB_EVENT && matches!(child.name(), "items" | "purge" | "delete")
        };
        let change = event
            .children()
            .find(is_known)
            .ok_or(missing("event", "items"))?;
        let node = change.attr("node").filter(|node| !node.is_empty());
        let node = node.ok_or(missing("event", "node"))?;
        if node.len() > MAX_ID {
            return Err(bad("event", "node"));
        }
        let change = match change.name() {
            "purge" => NodeChange::Purged,
            "delete" => NodeChange::Deleted,
            _ => {
                let (published, unreadable) = read_items(change, ns::PUBSUB_EVENT);
                let (retracted, more) = read_retracted(change);
                NodeChange::Items {
                    published,
                    retracted,
                    unreadable: unreadable.saturating_add(more),
                }
            }
        };
        Ok(Self {
            service,
            node: node.to_owned(),
            change,
        })
    }
}

impl NodeOptions {
    /// Returns the options with this access model alone.
    pub fn with_access(access: AccessModel) -> Self {
        Self {
            access: Some(access),
            ..Self::default()
        }
    }

    fn form(&self, form_type: &str) -> Option<Element> {
        let flag = |value: bool| if value { "true" } else { "false" };
        let mut fields = Vec::new();
        let mut push = |var: &str, value: &str| fields.push(Field::single(var, value));
        if let Some(access) = self.access {
            push("pubsub#access_model", access.name());
        }
        if let Some(max) = self.max_items {
            push("pubsub#max_items", &max.to_string());
        }
        if let Some(persist) = self.persist_items {
            push("pubsub#persist_items", flag(persist));
        }
        for (var, value) in &self.others {
            push(var, value);
        }
        (!fields.is_empty()).then(|| Form::submit(form_type, fields).to_element())
    }
}

fn of_node(name: &'static str, namespace: &'static str, node: &str) -> Element {
    Element::new(name, namespace).with_attr("node", node)
}

fn item_of(id: Option<&str>) -> Element {
    let item = Element::new("item", ns::PUBSUB);
    match id {
        Some(id) => item.with_attr("id", id),
        None => item,
    }
}

fn read_items(list: &Element, namespace: &str) -> (Vec<Item>, usize) {
    let (mut items, mut unreadable) = (Vec::new(), 0_usize);
    for item in list.children().filter(|item| item.is("item", namespace)) {
        let id = item.attr("id").filter(|id| !id.is_empty());
        if items.len() == MAX_ITEMS || id.is_some_and(|id| id.len() > MAX_ID) {
            unreadable = unreadable.saturating_add(1);
            continue;
        }
        items.push(Item {
            id: id.map(str::to_owned),
            payload: item.children().next().cloned(),
        });
    }
    (items, unreadable)
}

fn read_retracted(list: &Element) -> (Vec<String>, usize) {
    let (mut ids, mut unreadable) = (Vec::new(), 0_usize);
    let is_retract = |child: &&Element| child.is("retract", ns::PUBSUB_EVENT);
    for retract in list.children().filter(is_retract) {
        match retract.attr("id") {
            Some(id) if !id.is_empty() && id.len() <= MAX_ID && ids.len() < MAX_ITEMS => {
                ids.push(id.to_owned());
            }
            _ => unreadable = unreadable.saturating_add(1),
        }
    }
    (ids, unreadable)
}
