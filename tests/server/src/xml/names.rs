//! Names and namespaces of nearly every stanza: these are shared, all others are copied.

use std::sync::LazyLock;

use super::element::Name;
use crate::ns;

/// Returns a name, shared if it is a frequent one.
pub(crate) fn name(text: &str) -> Name {
    let like_it = BY_SHAPE.get(shape(text)).map_or(&[][..], Vec::as_slice);
    match like_it.iter().find(|frequent| **frequent == text) {
        Some(frequent) => Name::Borrowed(frequent),
        None => Name::Owned(text.to_owned()),
    }
}

static BY_SHAPE: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
    let mut shapes = vec![Vec::new(); SHAPES];
    for name in FREQUENT {
        if let Some(alike) = shapes.get_mut(shape(name)) {
            alike.push(*name);
        }
    }
    shapes
});

const SHAPES: usize = 256;

/// Returns length and last letter, which differ for nearly all frequent names.
fn shape(text: &str) -> usize {
    let last = text.bytes().next_back().map_or(0, usize::from);
    (text.len() * 31 + last) % SHAPES
}

const FREQUENT: &[&str] = &[
    "",
    ns::CLIENT,
    ns::STREAM,
    ns::SASL,
    ns::SASL2,
    ns::BIND,
    ns::BIND2,
    ns::SM,
    ns::FAST,
    ns::CARBONS,
    ns::PUSH,
    ns::CSI,
    ns::ROSTER,
    ns::CAPS,
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::STANZA_ID,
    ns::MAM,
    ns::RSM,
    ns::FORMS,
    "id",
    "to",
    "from",
    "type",
    "h",
    "a",
    "r",
    "iq",
    "message",
    "presence",
    "body",
    "query",
    "version",
    "ver",
    "node",
    "hash",
    "stamp",
    "previd",
    "count",
    "mechanism",
    "authenticate",
    "initial-response",
    "user-agent",
    "response",
    "resume",
    "bind",
    "enable",
    "stream",
    "lang",
    "c",
    "tag",
    "x",
    "field",
    "value",
    "var",
    "set",
    "max",
    "after",
    "before",
    "enabled",
    "resumed",
    "stanza-id",
    "origin-id",
    "fast",
    "inactive",
    "active",
];
