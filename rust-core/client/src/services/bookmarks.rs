//! XEP-0402: the rooms that a user keeps.

use snapback_chat::room::RoomOptions;
use snapback_chat::service::bookmarks::{self, Bookmark, Bookmarks};
use snapback_chat::service::pubsub::{self, NodeOptions};
use snapback_proto::jid::BareJid;
use snapback_proto::ns;
use snapback_proto::stanza::StanzaCondition;

use super::ServiceError;
use crate::client::Client;
use crate::iq::IqError;

impl Client {
    /// Returns the account's bookmarks; none where there has never been one. Those that cannot be read are counted.
    ///
    /// Changes by other clients arrive as messages, if the app has added `urn:xmpp:bookmarks:1+notify` to
    /// [`Identity::features`](crate::Identity): [`BookmarkChange::of`](crate::service::bookmarks::BookmarkChange::of) reads them.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`] and [`ServiceError::Unreadable`].
    pub async fn bookmarks(&self) -> Result<Bookmarks, ServiceError> {
        let items = self.items_if_any(None, ns::BOOKMARKS, None).await?;
        Ok(items.map_or_else(Bookmarks::default, |items| Bookmarks::among(&items)))
    }

    /// Adds a bookmark, or replaces the one of the same room. To change one, start from what [`Client::bookmarks`] returns, so that
    /// the extensions of other clients are kept.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`].
    pub async fn set_bookmark(&self, bookmark: &Bookmark) -> Result<(), ServiceError> {
        match self.publish_bookmark(bookmark, &bookmarks::options()).await {
            // Another client has created the node, perhaps for all contacts to read; or the server knows these options for the
            // node, but not with a published item (ejabberd 23.01).
            Err(ServiceError::PreconditionNotMet | ServiceError::Request(IqError::Refused(_))) => {
                self.prepare_bookmarks(&bookmarks::options()).await?;
                self.publish_bookmark(bookmark, &NodeOptions::default())
                    .await
            }
            done => done,
        }
    }

    async fn publish_bookmark(
        &self,
        bookmark: &Bookmark,
        options: &NodeOptions,
    ) -> Result<(), ServiceError> {
        let id = bookmark.room.to_string();
        let payload = bookmark.to_element();
        self.publish(None, ns::BOOKMARKS, Some(&id), payload, options)
            .await
            .map(drop)
    }

    /// Creates the node before anything is published there, so that nothing can be read by contacts, or configures it.
    async fn prepare_bookmarks(&self, options: &NodeOptions) -> Result<(), ServiceError> {
        match self.set(None, pubsub::create(ns::BOOKMARKS, options)).await {
            Ok(_) => Ok(()),
            Err(IqError::Refused(error)) if error.condition == StanzaCondition::Conflict => {
                self.configure_node(None, ns::BOOKMARKS, options).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the bookmark of a room. The room is not left.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`], with `item-not-found` where there is none.
    pub async fn remove_bookmark(&self, room: &BareJid) -> Result<(), ServiceError> {
        self.retract(None, ns::BOOKMARKS, &room.to_string()).await
    }

    /// Joins all rooms whose bookmarks say so, at once, and returns their addresses: the server is asked for the bookmarks, and the
    /// joins follow its answer in one flight, without waiting for the rooms. What becomes of each is told by
    /// [`Rooms::next_event`](crate::Rooms::next_event). Rooms that are joined already are left as they are; `nick` is for bookmarks
    /// without a nickname.
    ///
    /// A process joins its rooms again in each session by itself, so that one call after the first login of a process is enough.
    ///
    /// # Errors
    ///
    /// As [`Client::bookmarks`].
    pub async fn join_bookmarked(&self, nick: &str) -> Result<Vec<BareJid>, ServiceError> {
        let bookmarks = self.bookmarks().await?;
        let wanted = bookmarks.list.into_iter().filter(|room| room.auto_join);
        let mut rooms = Vec::new();
        for bookmark in wanted {
            let mut options = RoomOptions::new(bookmark.nick.as_deref().unwrap_or(nick));
            options.password = bookmark.password;
            self.begin_join(bookmark.room.clone(), options);
            rooms.push(bookmark.room);
        }
        Ok(rooms)
    }
}
