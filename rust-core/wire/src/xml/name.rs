//! Names and namespaces. XMPP uses the same few dozen all the time: those are never copied, the others at most once.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::ns;

/// The name of an element or attribute, or a namespace. Cheap to clone, and as small as a reference to text: a tree
/// consists of names mostly.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Text);

/// What is frequent is never [`Text::Other`], so two names are the same if they are of the same kind and say the same.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    /// Its place in [`FREQUENT`].
    Frequent(u8),
    Other(Arc<str>),
}

impl Name {
    /// No namespace: that of attributes without a prefix.
    pub const NONE: Self = Self(Text::Frequent(0));

    /// Returns how many bytes it takes besides itself. A shared name counts for each of its users.
    pub(super) fn memory(&self) -> usize {
        match &self.0 {
            Text::Frequent(_) => 0,
            Text::Other(text) => text.len(),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Frequent(entry) => FREQUENT.get(usize::from(*entry)).copied().unwrap_or(""),
            Text::Other(text) => text,
        }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        match frequent(text) {
            Some(entry) => Self(Text::Frequent(entry)),
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

/// Returns the index in [`FREQUENT`] of the name with this spelling.
fn frequent(text: &str) -> Option<u8> {
    let (_, from) = TABLE.split_at_checked(place(text.as_bytes()))?;
    from.iter()
        .map_while(|&entry| Some((entry, FREQUENT.get(usize::from(entry))?)))
        .find(|(_, frequent)| **frequent == text)
        .map(|(entry, _)| entry)
}

/// Where in [`TABLE`] names are looked for; after the last there is room for those that found it taken.
const PLACES: usize = 512;
const ROOM: usize = 8;
/// No name.
const NOTHING: u8 = u8::MAX;

/// A hash with few collisions among the frequent names: of the length and of three letters.
const fn place(text: &[u8]) -> usize {
    const fn first(text: &[u8]) -> usize {
        match text.first() {
            Some(letter) => *letter as usize,
            None => 0,
        }
    }
    let last = match text.last() {
        Some(letter) => *letter as usize,
        None => 0,
    };
    let middle = first(text.split_at(text.len() / 2).1);
    // What spreads today's names best; a test notices if new ones no longer are.
    (text.len() * 35 + first(text) * 79 + middle * 53 + last * 55) % PLACES
}

/// All frequent names; the first is [`Name::NONE`].
#[allow(
    clippy::indexing_slicing,
    reason = "computed by the compiler: out of bounds is an error there"
)]
static FREQUENT: [&str; NAMESPACES.len() + NAMES.len()] = {
    let mut all = [""; NAMESPACES.len() + NAMES.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < NAMESPACES.len() {
            NAMESPACES[at]
        } else {
            NAMES[at - NAMESPACES.len()]
        };
        at += 1;
    }
    all
};

/// Where each of [`FREQUENT`] stands: at its place, or in the first gap after it.
#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "computed by the compiler: out of bounds is an error there, and so are too many names"
)]
static TABLE: [u8; PLACES + ROOM] = {
    assert!(FREQUENT.len() < NOTHING as usize);
    let mut table = [NOTHING; PLACES + ROOM];
    let mut entry = 0;
    while entry < FREQUENT.len() {
        let mut at = place(FREQUENT[entry].as_bytes());
        while table[at] != NOTHING {
            at += 1;
        }
        table[at] = entry as u8;
        entry += 1;
    }
    // The search for a name stops at a gap.
    assert!(table[PLACES + ROOM - 1] == NOTHING);
    table
};

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
    fn most_stand_at_their_place_and_the_others_close_after() {
        let way = |name: &&str| {
            let from = &TABLE[place(name.as_bytes())..];
            let at = from
                .iter()
                .position(|&entry| FREQUENT[usize::from(entry)] == *name);
            at.unwrap()
        };
        let ways: Vec<usize> = FREQUENT.iter().map(way).collect();
        assert!(ways.iter().all(|way| *way <= 3), "{ways:?}");
        let first = ways.iter().filter(|way| **way == 0).count();
        assert!(first * 5 >= ways.len() * 4, "{first}");
    }

    #[test]
    fn a_name_is_as_small_as_a_reference_to_text() {
        assert_eq!(size_of::<Name>(), size_of::<&str>());
        assert_eq!((Name::NONE.as_str(), Name::from("")), ("", Name::NONE));
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
