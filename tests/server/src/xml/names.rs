//! Names and namespaces that come with nearly every stanza: those are shared, whatever else comes is copied.

use std::sync::LazyLock;

use super::element::Name;
use crate::ns;

/// A name, shared if it is a frequent one.
pub(crate) fn name(text: &str) -> Name {
    let of_its_length = BY_LENGTH.get(text.len()).map_or(&[][..], Vec::as_slice);
    match of_its_length.iter().find(|frequent| **frequent == text) {
        Some(frequent) => Name::Borrowed(frequent),
        None => Name::Owned(text.to_owned()),
    }
}

static BY_LENGTH: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
    let longest = FREQUENT.iter().map(|name| name.len()).max().unwrap_or(0);
    let of_length = |length| {
        FREQUENT
            .iter()
            .copied()
            .filter(move |name| name.len() == length)
    };
    (0..=longest)
        .map(|length| of_length(length).collect())
        .collect()
});

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
