//! Publish-subscribe (XEP-0060, XEP-0163).

use std::num::NonZeroU32;

pub use snapback_client::service::pubsub::AccessModel;
use snapback_client::service::pubsub::{self, Item, Items, NodeChange as CoreChange};

use crate::client::CoreClient;
use crate::services::{ServiceError, optional, xml};

/// Who may read the items of a node (XEP-0060 section 4.5).
#[uniffi::remote(Enum)]
pub enum AccessModel {
    /// Any entity.
    Open,
    /// Those that are subscribed to the account's presence.
    Presence,
    /// Only the account itself.
    Whitelist,
}

/// The configuration of a node, as far as an app demands it.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct NodeOptions {
    /// Who may read.
    #[uniffi(default = None)]
    pub access: Option<AccessModel>,
    /// How many items are kept.
    #[uniffi(default = None)]
    pub max_items: Option<u32>,
    /// Whether items are kept at all.
    #[uniffi(default = None)]
    pub persist_items: Option<bool>,
    /// Others, by field, such as `pubsub#send_last_published_item`.
    #[uniffi(default = [])]
    pub others: Vec<NodeOption>,
}

/// A field of a node's configuration.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NodeOption {
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
}

/// An item of a node.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NodeItem {
    /// Its id.
    pub id: Option<String>,
    /// Its payload as XML.
    pub payload: Option<String>,
}

/// What happened on a node.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NodeEvent {
    /// The account or service: the sender of the message.
    pub service: String,
    /// The node.
    pub node: String,
    /// What happened.
    pub change: NodeChange,
}

/// What happened on a node.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum NodeChange {
    /// Items were published or removed.
    Items {
        /// The published items.
        published: Vec<NodeItem>,
        /// The ids of the removed ones.
        retracted: Vec<String>,
    },
    /// All items were removed.
    Purged,
    /// The node was removed.
    Deleted,
}

/// Returns the feature that asks for the events of a node.
#[uniffi::export]
pub fn notify_feature(node: String) -> String {
    pubsub::notify_feature(&node)
}

#[uniffi::export]
impl CoreClient {
    /// Publishes an item; returns its id, if the service states it.
    pub async fn publish(
        &self,
        service: Option<String>,
        node: String,
        id: Option<String>,
        payload: String,
        options: NodeOptions,
    ) -> Result<Option<String>, ServiceError> {
        let (service, payload) = (optional(service)?, xml(&payload)?);
        let options = options.into();
        self.serve(|client| async move {
            client
                .publish(service.as_ref(), &node, id.as_deref(), payload, &options)
                .await
        })
        .await
    }

    /// Returns the newest items of a node.
    pub async fn node_items(
        &self,
        service: Option<String>,
        node: String,
        max: Option<u32>,
    ) -> Result<Vec<NodeItem>, ServiceError> {
        let service = optional(service)?;
        let max = max.and_then(NonZeroU32::new);
        self.serve(|client| async move { client.node_items(service.as_ref(), &node, max).await })
            .await
            .map(items)
    }

    /// Returns the item with this id, if it is there.
    pub async fn node_item(
        &self,
        service: Option<String>,
        node: String,
        id: String,
    ) -> Result<Option<NodeItem>, ServiceError> {
        let service = optional(service)?;
        let wanted = id.clone();
        let found = self
            .serve(|client| async move { client.node_item(service.as_ref(), &node, &id).await })
            .await?;
        let mut found = items(found).into_iter();
        Ok(found.find(|item| item.id.as_ref() == Some(&wanted)))
    }

    /// Returns the event in a received message, given as XML; nothing if there is none, or it cannot be read.
    pub fn node_event(&self, message: String) -> Option<NodeEvent> {
        let message = snapback_client::parse_received_xml(&message).ok()?;
        let event = pubsub::NodeEvent::of(&message, self.account())?.ok()?;
        Some(NodeEvent {
            service: event.service.to_string(),
            node: event.node,
            change: match event.change {
                CoreChange::Items {
                    published,
                    retracted,
                    ..
                } => NodeChange::Items {
                    published: published.into_iter().map(item).collect(),
                    retracted,
                },
                CoreChange::Purged => NodeChange::Purged,
                CoreChange::Deleted => NodeChange::Deleted,
            },
        })
    }
}

fn items(items: Items) -> Vec<NodeItem> {
    items.items.into_iter().map(item).collect()
}

fn item(item: Item) -> NodeItem {
    let payload = item.payload.map(|payload| {
        let mut text = String::new();
        payload.write(&mut text, "");
        text
    });
    NodeItem {
        id: item.id,
        payload,
    }
}

impl From<NodeOptions> for pubsub::NodeOptions {
    fn from(options: NodeOptions) -> Self {
        let others = options.others.into_iter();
        Self {
            access: options.access,
            max_items: options.max_items,
            persist_items: options.persist_items,
            others: others.map(|other| (other.field, other.value)).collect(),
        }
    }
}
