//! XEP-0402: the rooms that a user keeps, one item of the account's node `urn:xmpp:bookmarks:1` for each.

use std::fmt;

use snapback_types::jid::{BareJid, Jid};
use snapback_types::secret::Secret;
use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::pubsub::{AccessModel, Item, Items, NodeChange, NodeEvent, NodeOptions};
use super::text_of;

/// The maximum number of bytes of a name, nickname or password that is read, 1024. A longer one counts as absent.
pub const MAX_TEXT: usize = 1024;

/// A room that the user keeps.
#[derive(Clone)]
pub struct Bookmark {
    /// The address of the room.
    pub room: BareJid,
    /// A name for the user.
    pub name: Option<String>,
    /// Whether clients join the room by themselves. Default `false`.
    pub auto_join: bool,
    /// The nickname to join with.
    pub nick: Option<String>,
    /// The password of a protected room. The server can read it.
    pub password: Option<Secret<String>>,
    /// What other clients have added. A client that changes a bookmark keeps it (section 3.1).
    pub extensions: Vec<Element>,
}

/// The bookmarks of an account.
#[derive(Clone, Debug, Default)]
pub struct Bookmarks {
    /// The bookmarks, in the order of the server.
    pub list: Vec<Bookmark>,
    /// The number of items that cannot be read.
    pub unreadable: usize,
}

/// A change of the bookmarks, by any client of the account.
#[derive(Clone, Debug)]
pub enum BookmarkChange {
    /// These rooms and no others are added, changed or removed.
    Changed {
        /// Added or changed.
        set: Bookmarks,
        /// Removed.
        removed: Vec<BareJid>,
    },
    /// All are removed.
    Cleared,
}

impl Bookmark {
    /// Returns a bookmark without name, nickname and password, which is not joined automatically.
    pub fn new(room: BareJid) -> Self {
        Self {
            room,
            name: None,
            auto_join: false,
            nick: None,
            password: None,
            extensions: Vec::new(),
        }
    }

    /// Returns `<conference/>`, the payload of an item whose id is the address of the room.
    pub fn to_element(&self) -> Element {
        let mut conference = Element::new("conference", ns::BOOKMARKS);
        if let Some(name) = &self.name {
            conference.set_attr("name", name.clone());
        }
        if self.auto_join {
            conference.set_attr("autojoin", "true");
        }
        let text = |name, text: &str| Element::new(name, ns::BOOKMARKS).with_text(text);
        if let Some(nick) = &self.nick {
            conference.push_child(text("nick", nick));
        }
        if let Some(password) = &self.password {
            conference.push_child(text("password", password.expose()));
        }
        if !self.extensions.is_empty() {
            let mut extensions = Element::new("extensions", ns::BOOKMARKS);
            for extension in &self.extensions {
                extensions.push_child(extension.clone());
            }
            conference.push_child(extensions);
        }
        conference
    }

    /// Reads an item; `None` if its id is no address of a room or its payload is another.
    fn read(item: &Item) -> Option<Self> {
        let room = room_of(item.id.as_deref()?)?;
        let conference = item.payload.as_ref()?;
        if !conference.is("conference", ns::BOOKMARKS) {
            return None;
        }
        let is_read = |text: &str| !text.is_empty() && text.len() <= MAX_TEXT;
        let name = conference.attr("name").filter(|name| is_read(name));
        let extensions = conference.child("extensions", ns::BOOKMARKS);
        Some(Self {
            room,
            name: name.map(str::to_owned),
            auto_join: matches!(conference.attr("autojoin"), Some("true" | "1")),
            nick: text_of(conference, "nick", ns::BOOKMARKS, MAX_TEXT),
            // Not trimmed: a password is taken as it is.
            password: conference
                .child("password", ns::BOOKMARKS)
                .map(Element::text)
                .filter(|password| is_read(password))
                .map(Secret::new),
            extensions: extensions
                .map(|extensions| extensions.children().cloned().collect())
                .unwrap_or_default(),
        })
    }
}

/// Without the password.
impl fmt::Debug for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bookmark")
            .field("room", &self.room)
            .field("name", &self.name)
            .field("auto_join", &self.auto_join)
            .field("nick", &self.nick)
            .finish_non_exhaustive()
    }
}

impl Bookmarks {
    /// Reads the items of the node.
    pub fn among(items: &Items) -> Self {
        let mut bookmarks = Self::of(&items.items);
        bookmarks.unreadable = bookmarks.unreadable.saturating_add(items.unreadable);
        bookmarks
    }

    fn of(items: &[Item]) -> Self {
        let list: Vec<_> = items.iter().filter_map(Bookmark::read).collect();
        let unreadable = items.len().saturating_sub(list.len());
        Self { list, unreadable }
    }
}

impl BookmarkChange {
    /// Reads the change in a message; `None` if there is none, or another entity than the account sent it: any contact could send
    /// one (section 6).
    pub fn of(message: &Element, account: &BareJid) -> Option<Self> {
        let event = NodeEvent::of(message, account)?.ok()?;
        if event.node != ns::BOOKMARKS || event.service != *account {
            return None;
        }
        Some(match event.change {
            NodeChange::Items {
                published,
                retracted,
                unreadable,
            } => {
                let mut set = Bookmarks::of(&published);
                set.unreadable = set.unreadable.saturating_add(unreadable);
                Self::Changed {
                    set,
                    removed: retracted.iter().filter_map(|id| room_of(id)).collect(),
                }
            }
            NodeChange::Purged | NodeChange::Deleted => Self::Cleared,
        })
    }
}

/// Returns how the node is configured (section 3.3): only the account reads it, and all items are kept.
pub fn options() -> NodeOptions {
    let field = |name: &str, value: &str| (format!("pubsub#{name}"), value.to_owned());
    NodeOptions {
        access: Some(AccessModel::Whitelist),
        persist_items: Some(true),
        max_items: None,
        others: vec![
            field("max_items", "max"),
            field("send_last_published_item", "never"),
        ],
    }
}

fn room_of(id: &str) -> Option<BareJid> {
    match Jid::try_from(id) {
        Ok(Jid::Bare(room)) => Some(room),
        Ok(Jid::Full(_)) | Err(_) => None,
    }
}
