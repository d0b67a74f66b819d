//! What the app asks its server or another service to change, and what is answered with success or an error only. One exported
//! function for all of them: each has a future of its own, of several kilobytes.

use std::sync::Arc;

use snapback_client::Client;

use crate::client::CoreClient;
use crate::password::Password;
use crate::services::bookmarks::Bookmark;
use crate::services::nodes::NodeOptions;
use crate::services::{ServiceError, bare, jids, optional};

/// A change at the server or at another service.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ServiceChange {
    /// Deletes the account at the server, then logs out (XEP-0077).
    DeleteAccount,
    /// Blocks these addresses (XEP-0191).
    Block {
        /// The addresses.
        jids: Vec<String>,
    },
    /// Unblocks these addresses.
    Unblock {
        /// The addresses.
        jids: Vec<String>,
    },
    /// Unblocks all addresses.
    UnblockAll,
    /// Removes an item of a node (XEP-0060).
    Retract {
        /// The service; the own account if there is none.
        service: Option<String>,
        /// The node.
        node: String,
        /// The item.
        id: String,
    },
    /// Configures a node.
    ConfigureNode {
        /// The service; the own account if there is none.
        service: Option<String>,
        /// The node.
        node: String,
        /// What is changed.
        options: NodeOptions,
    },
    /// Removes a node with its items.
    DeleteNode {
        /// The service; the own account if there is none.
        service: Option<String>,
        /// The node.
        node: String,
    },
    /// Adds a bookmark, or replaces the one of the same room (XEP-0402).
    SetBookmark {
        /// The bookmark.
        bookmark: Bookmark,
    },
    /// Removes the bookmark of a room.
    RemoveBookmark {
        /// The room.
        room: String,
    },
    /// Publishes that the user has no avatar (XEP-0084).
    DisableAvatar,
    /// Publishes the name that the user wants to be called by; an empty one removes it (XEP-0172).
    Nick {
        /// The name.
        name: String,
    },
}

#[uniffi::export]
impl CoreClient {
    /// Makes a change at the server or at another service.
    pub async fn change(&self, change: ServiceChange) -> Result<(), ServiceError> {
        self.serve(|client| make(client, change)).await
    }

    /// Changes the account's password at the server, and logs in with it from then on (XEP-0077). It is an argument, and not part of
    /// a change, because secrets are wiped (rule T9).
    pub async fn change_password(&self, password: Password) -> Result<(), ServiceError> {
        let password = password.into_secret();
        self.serve(|client| async move { client.change_password(password).await })
            .await
    }
}

async fn make(client: Arc<Client>, change: ServiceChange) -> Result<(), ServiceError> {
    match change {
        ServiceChange::DeleteAccount => client.delete_account().await?,
        ServiceChange::Block { jids: list } => client.block(&jids(&list)?).await?,
        ServiceChange::Unblock { jids: list } => client.unblock(&jids(&list)?).await?,
        ServiceChange::UnblockAll => client.unblock_all().await?,
        ServiceChange::Retract { service, node, id } => {
            let service = optional(service)?;
            client.retract(service.as_ref(), &node, &id).await?;
        }
        ServiceChange::ConfigureNode {
            service,
            node,
            options,
        } => {
            let service = optional(service)?;
            let options = options.into();
            client
                .configure_node(service.as_ref(), &node, &options)
                .await?;
        }
        ServiceChange::DeleteNode { service, node } => {
            let service = optional(service)?;
            client.delete_node(service.as_ref(), &node).await?;
        }
        ServiceChange::SetBookmark { bookmark } => {
            client.set_bookmark(&bookmark.try_into()?).await?;
        }
        ServiceChange::RemoveBookmark { room } => client.remove_bookmark(&bare(&room)?).await?,
        ServiceChange::DisableAvatar => client.disable_avatar().await?,
        ServiceChange::Nick { name } => client.publish_nick(&name).await?,
    }
    Ok(())
}
