//! Names and namespaces. XMPP uses the same few dozen all the time: those are never copied, the others at most once.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use crate::ns;

/// The name of an element or attribute, or a namespace. Cheap to clone.
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    Frequent(&'static str),
    Other(Arc<str>),
}

impl Name {
    /// No namespace: what attributes without a prefix have.
    pub const NONE: Self = Self(Text::Frequent(""));

    /// The name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Frequent(text) => text,
            Text::Other(text) => text,
        }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        let like_it = FREQUENT.get(place(text)).map_or(&[][..], Vec::as_slice);
        match like_it.iter().find(|frequent| **frequent == text) {
            Some(frequent) => Self(Text::Frequent(frequent)),
            None => Self(Text::Other(Arc::from(text))),
        }
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Name {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The frequent ones, by their place.
static FREQUENT: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
    let mut places = vec![Vec::new(); PLACES];
    for name in NAMESPACES.iter().chain(NAMES) {
        if let Some(place) = places.get_mut(place(name)) {
            place.push(*name);
        }
    }
    places
});

const PLACES: usize = 512;

/// A hash that few frequent names share: of the length and of three letters.
fn place(text: &str) -> usize {
    let letter = |at: usize| text.as_bytes().get(at).copied().map_or(0, usize::from);
    let (length, last) = (text.len(), text.len().wrapping_sub(1));
    let [first, middle, last] = [0, length / 2, last].map(letter);
    // What spreads today's names best; a test notices if new ones no longer are.
    (length * 35 + first * 79 + middle * 53 + last * 55) % PLACES
}

const NAMESPACES: &[&str] = &[
    "",
    ns::CLIENT,
    ns::STREAM,
    ns::STREAM_ERRORS,
    ns::STANZA_ERRORS,
    ns::TLS,
    ns::SASL,
    ns::BIND,
    ns::SESSION,
    ns::XML,
    ns::ROSTER,
    ns::ROSTER_VERSION,
    ns::SASL2,
    ns::BIND2,
    ns::FAST,
    ns::CHANNEL_BINDING,
    ns::SM,
    ns::PIPELINING,
    ns::CSI,
    ns::CARBONS,
    ns::FORWARD,
    ns::CAPS,
    ns::DISCO_INFO,
    ns::PING,
    ns::DELAY,
    ns::MAM,
    ns::STANZA_ID,
    ns::DATA_FORMS,
    ns::IAP,
    ns::LIMITS,
    ns::RSM,
];

/// Of RFC 6120 and 6121, and of what a login and a conversation consist of today.
const NAMES: &[&str] = &[
    "a",
    "c",
    "h",
    "r",
    "x",
    "by",
    "id",
    "iq",
    "sm",
    "to",
    "ask",
    "csi",
    "fin",
    "jid",
    "max",
    "set",
    "ver",
    "var",
    "bind",
    "body",
    "fast",
    "from",
    "hash",
    "item",
    "lang",
    "last",
    "name",
    "node",
    "show",
    "type",
    "after",
    "bound",
    "count",
    "delay",
    "error",
    "field",
    "first",
    "group",
    "index",
    "query",
    "stamp",
    "token",
    "value",
    "active",
    "before",
    "enable",
    "expiry",
    "failed",
    "inline",
    "limits",
    "result",
    "resume",
    "scheme",
    "status",
    "stream",
    "thread",
    "tls-0rtt",
    "enabled",
    "feature",
    "message",
    "previd",
    "queryid",
    "resumed",
    "session",
    "subject",
    "success",
    "version",
    "category",
    "complete",
    "features",
    "identity",
    "inactive",
    "location",
    "presence",
    "required",
    "response",
    "starttls",
    "challenge",
    "forwarded",
    "max-bytes",
    "mechanism",
    "origin-id",
    "stanza-id",
    "mechanisms",
    "pipelining",
    "user-agent",
    "authenticate",
    "subscription",
    "authentication",
    "config-version",
    "channel-binding",
    "additional-data",
    "initial-response",
    "sasl-channel-binding",
    "authorization-identifier",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_names_are_shared_and_others_stay_what_they_are() {
        for text in ["message", ns::SM, "", "messagf", "urn:xmpp:sm:4", "\u{e9}"] {
            let name = Name::from(text);
            assert_eq!(name, text);
            let is_frequent = matches!(name.0, Text::Frequent(_));
            assert_eq!(
                is_frequent,
                NAMES.contains(&text) || NAMESPACES.contains(&text)
            );
        }
    }

    #[test]
    fn few_share_a_place() {
        assert!(FREQUENT.iter().all(|place| place.len() <= 3));
        let alone = FREQUENT.iter().filter(|place| place.len() == 1).count();
        assert!(alone * 4 >= (NAMES.len() + NAMESPACES.len()) * 3, "{alone}");
    }

    #[test]
    fn no_name_is_listed_twice() {
        let mut all: Vec<&str> = NAMESPACES.iter().chain(NAMES).copied().collect();
        let listed = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), listed);
    }
}
