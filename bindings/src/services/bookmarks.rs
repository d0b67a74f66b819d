//! Bookmarks of rooms (XEP-0402).

use std::fmt;

use snapback_client as core;
use snapback_client::Secret;
use snapback_client::service::bookmarks::{self, BookmarkChange as CoreChange};

use crate::client::CoreClient;
use crate::services::{ServiceError, bare, xml};

/// A room that the user keeps.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Bookmark {
    /// The address of the room.
    pub room: String,
    /// A name for the user.
    pub name: Option<String>,
    /// Whether clients join the room by themselves.
    pub auto_join: bool,
    /// The nickname to join with.
    pub nick: Option<String>,
    /// The password of a protected room.
    pub password: Option<String>,
    /// What other clients have added, as XML.
    pub extensions: Vec<String>,
}

/// Without the password.
impl fmt::Debug for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bookmark").field(&self.room).finish()
    }
}

/// A change of the bookmarks, by any client of the account.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum BookmarkChange {
    /// These and no others are added, changed or removed.
    Changed {
        /// Added or changed.
        set: Vec<Bookmark>,
        /// The removed rooms.
        removed: Vec<String>,
    },
    /// All are removed.
    Cleared,
}

#[uniffi::export]
impl CoreClient {
    /// Returns the account's bookmarks.
    pub async fn bookmarks(&self) -> Result<Vec<Bookmark>, ServiceError> {
        self.serve(|client| async move { client.bookmarks().await })
            .await
            .map(list)
    }

    /// Joins all rooms whose bookmarks say so, with this nickname where a bookmark has none; returns their addresses.
    pub async fn join_bookmarked(&self, nick: String) -> Result<Vec<String>, ServiceError> {
        let rooms = self
            .serve(|client| async move { client.join_bookmarked(&nick).await })
            .await?;
        Ok(rooms.iter().map(ToString::to_string).collect())
    }

    /// Returns the change in a received message, given as XML; nothing if there is none.
    pub fn bookmark_change(&self, message: String) -> Option<BookmarkChange> {
        let message = core::parse_received_xml(&message).ok()?;
        Some(match CoreChange::of(&message, self.account())? {
            CoreChange::Changed { set, removed } => BookmarkChange::Changed {
                set: list(set),
                removed: removed.iter().map(ToString::to_string).collect(),
            },
            CoreChange::Cleared => BookmarkChange::Cleared,
        })
    }
}

fn list(bookmarks: bookmarks::Bookmarks) -> Vec<Bookmark> {
    bookmarks.list.into_iter().map(Into::into).collect()
}

impl From<bookmarks::Bookmark> for Bookmark {
    fn from(bookmark: bookmarks::Bookmark) -> Self {
        let extensions = bookmark.extensions.iter();
        Self {
            room: bookmark.room.to_string(),
            name: bookmark.name,
            auto_join: bookmark.auto_join,
            nick: bookmark.nick,
            password: bookmark.password.map(|password| password.expose().clone()),
            extensions: extensions.map(core::Element::to_xml).collect(),
        }
    }
}

impl TryFrom<Bookmark> for bookmarks::Bookmark {
    type Error = ServiceError;

    fn try_from(bookmark: Bookmark) -> Result<Self, ServiceError> {
        let extensions = bookmark.extensions.iter();
        Ok(Self {
            room: bare(&bookmark.room)?,
            name: bookmark.name,
            auto_join: bookmark.auto_join,
            nick: bookmark.nick,
            password: bookmark.password.map(Secret::new),
            extensions: extensions.map(|text| xml(text)).collect::<Result<_, _>>()?,
        })
    }
}
