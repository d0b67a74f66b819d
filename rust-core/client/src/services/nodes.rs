//! XEP-0060 and XEP-0163: publish-subscribe.

use std::num::NonZeroU32;

use snapback_chat::service::pubsub::{self, Items, NodeOptions};
use snapback_proto::jid::Jid;
use snapback_proto::stanza::StanzaCondition;
use snapback_proto::xml::Element;

use super::ServiceError;
use crate::client::Client;
use crate::iq::IqError;

impl Client {
    /// Publishes an item on a node of the account (PEP) or, with `service`, of a service. Returns the item's id, if the service
    /// states it. The node is created if need be.
    ///
    /// Contacts that advertise [`notify_feature`](crate::service::pubsub::notify_feature) of the node receive the item. The client
    /// receives those of its contacts as messages, if the app has added that feature to
    /// [`Identity::features`](crate::Identity); [`NodeEvent::of`](crate::service::pubsub::NodeEvent::of) reads them.
    ///
    /// # Errors
    ///
    /// [`ServiceError::PreconditionNotMet`] if the node exists and is configured otherwise than `options` demand:
    /// [`Client::configure_node`] changes that. [`ServiceError::Request`] for other errors.
    pub async fn publish(
        &self,
        service: Option<&Jid>,
        node: &str,
        id: Option<&str>,
        payload: Element,
        options: &NodeOptions,
    ) -> Result<Option<String>, ServiceError> {
        let request = pubsub::publish(node, id, payload, options);
        match self.set(service, request).await {
            Ok(answer) => Ok(pubsub::parse_published(&answer).or(id.map(str::to_owned))),
            Err(IqError::Refused(error)) if pubsub::is_precondition_not_met(&error) => {
                Err(ServiceError::PreconditionNotMet)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an item from a node, and notifies its subscribers.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`].
    pub async fn retract(
        &self,
        service: Option<&Jid>,
        node: &str,
        id: &str,
    ) -> Result<(), ServiceError> {
        self.set(service, pubsub::retract(node, id)).await?;
        Ok(())
    }

    /// Returns the newest items of a node, at most `max` of them; without `max`, all that the service sends at once.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`], with `item-not-found` for a node that does not exist, and [`ServiceError::Unreadable`].
    pub async fn node_items(
        &self,
        service: Option<&Jid>,
        node: &str,
        max: Option<NonZeroU32>,
    ) -> Result<Items, ServiceError> {
        let request = pubsub::newest(node, max.map(NonZeroU32::get));
        let answer = self.get(service, request).await?;
        Ok(pubsub::parse_items(&answer, node)?)
    }

    /// Returns the newest items of a node; `None` where there is no such node.
    pub(super) async fn items_if_any(
        &self,
        service: Option<&Jid>,
        node: &str,
        max: Option<NonZeroU32>,
    ) -> Result<Option<Items>, ServiceError> {
        match self.node_items(service, node, max).await {
            Ok(items) => Ok(Some(items)),
            Err(ServiceError::Request(IqError::Refused(error)))
                if error.condition == StanzaCondition::ItemNotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the item of a node with this id, if it is there.
    ///
    /// # Errors
    ///
    /// As [`Client::node_items`].
    pub async fn node_item(
        &self,
        service: Option<&Jid>,
        node: &str,
        id: &str,
    ) -> Result<Items, ServiceError> {
        let answer = self.get(service, pubsub::by_id(node, &[id])).await?;
        Ok(pubsub::parse_items(&answer, node)?)
    }

    /// Configures a node of the account or of a service. Does nothing without an option.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`].
    pub async fn configure_node(
        &self,
        service: Option<&Jid>,
        node: &str,
        options: &NodeOptions,
    ) -> Result<(), ServiceError> {
        if let Some(request) = pubsub::configure(node, options) {
            self.set(service, request).await?;
        }
        Ok(())
    }

    /// Removes a node of the account or of a service, with its items.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`].
    pub async fn delete_node(&self, service: Option<&Jid>, node: &str) -> Result<(), ServiceError> {
        self.set(service, pubsub::delete(node)).await?;
        Ok(())
    }
}
