//! XEP-0030: the items of an entity; XEP-0115: whether its features are those that its presence shows.

use snapback_types::jid::Jid;
use snapback_wire::ns;
use snapback_wire::xep::caps::{Caps, CapsCheck};
use snapback_wire::xep::disco::Info;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::missing;

/// The maximum number of items that are read, 1000: a server has a handful of services, and a room service lists its rooms in pages.
pub const MAX_ITEMS: usize = 1000;

/// An item of an entity, such as a service of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its address.
    pub jid: Jid,
    /// Which part of that address it is.
    pub node: Option<String>,
    /// Its name, for people.
    pub name: Option<String>,
}

/// The items of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// The items, in order.
    pub items: Vec<Item>,
    /// The number of items without a readable address, and of those beyond [`MAX_ITEMS`].
    pub unreadable: usize,
}

/// Returns the payload of an iq of type `get` that asks for items.
pub fn items_request(node: Option<&str>) -> Element {
    with_node(ns::DISCO_ITEMS, node)
}

/// Returns the payload of an iq of type `get` that asks for identities and features.
pub fn info_request(node: Option<&str>) -> Element {
    with_node(ns::DISCO_INFO, node)
}

/// Reads the items.
///
/// # Errors
///
/// If it is no answer to [`items_request`].
pub fn parse_items(iq: &Element) -> Result<Items, CodecError> {
    let query = iq
        .child("query", ns::DISCO_ITEMS)
        .ok_or(missing("iq", "query"))?;
    let mut read = Items::default();
    for item in query
        .children()
        .filter(|item| item.is("item", ns::DISCO_ITEMS))
    {
        match item.attr("jid").map(Jid::try_from) {
            Some(Ok(jid)) if read.items.len() < MAX_ITEMS => read.items.push(Item {
                jid,
                node: item.attr("node").map(str::to_owned),
                name: item.attr("name").map(str::to_owned),
            }),
            _ => read.unreadable = read.unreadable.saturating_add(1),
        }
    }
    Ok(read)
}

/// Returns the caps (XEP-0115) that a presence shows. Ask that entity for [`Caps::disco_node`].
pub fn caps_of(presence: &Element) -> Option<Caps> {
    presence.child("c", ns::CAPS).and_then(Caps::parse)
}

/// Returns whether this answer holds for every entity that shows these caps: it is about them, and has their hash (rule S9). An
/// answer that does not may be used for the entity that gave it, and for no other one.
pub fn is_valid_for(info: &Info, caps: &Caps) -> bool {
    let is_about = info
        .node
        .as_deref()
        .is_none_or(|node| node == caps.disco_node());
    is_about && caps.check(info) == CapsCheck::Valid
}

fn with_node(namespace: &'static str, node: Option<&str>) -> Element {
    let query = Element::new("query", namespace);
    match node {
        Some(node) => query.with_attr("node", node),
        None => query,
    }
}
