//! RFC 6121 section 2: the roster, with versions (2.6).

use std::fmt;

use crate::jid::{self, BareJid};
use crate::ns;
use crate::stanza;
use crate::xml::Element;

use super::error::CodecError;

/// `subscription` of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// Neither side sees the other's presence.
    #[default]
    None,
    /// The user sees the contact's presence.
    To,
    /// The contact sees the user's presence.
    From,
    /// Each side sees the other's presence.
    Both,
    /// The item was removed. Only in a push.
    Remove,
}

impl Subscription {
    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::To => "to",
            Self::From => "from",
            Self::Both => "both",
            Self::Remove => "remove",
        }
    }

    /// Undefined values are ignored (RFC 6121 section 2.1.2.5), which leaves `none`.
    fn parse(name: Option<&str>) -> Self {
        match name {
            Some("to") => Self::To,
            Some("from") => Self::From,
            Some("both") => Self::Both,
            Some("remove") => Self::Remove,
            _ => Self::None,
        }
    }
}

/// `<item/>`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The contact's JID.
    pub jid: String,
    /// The name that the user gave.
    pub name: Option<String>,
    /// The direction of the presence subscription.
    pub subscription: Subscription,
    /// A subscription to the contact was requested and is not answered yet.
    pub ask: bool,
    /// The groups it is in.
    pub groups: Vec<String>,
}

impl Item {
    fn parse(element: &Element) -> Result<Self, CodecError> {
        let jid = element
            .attr("jid")
            .filter(|jid| !jid.is_empty())
            .ok_or(CodecError::Missing {
                element: "item",
                part: "jid",
            })?;
        Ok(Self {
            jid: jid::prepared(jid).into_owned(),
            name: element.attr("name").map(str::to_owned),
            subscription: Subscription::parse(element.attr("subscription")),
            ask: element.attr("ask") == Some("subscribe"),
            groups: element
                .children()
                .filter(|group| group.is("group", ns::ROSTER))
                .map(Element::text)
                .collect(),
        })
    }
}

/// The result of a roster query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterResult {
    /// The cached roster is up to date; changes arrive as pushes.
    UpToDate,
    /// The roster replaces the cache.
    Full {
        /// Its version.
        ver: Option<String>,
        /// All items that can be read.
        items: Vec<Item>,
        /// The number of items that cannot be read.
        unreadable: usize,
    },
}

/// Returns the iq that requests the roster. `ver` only where the server advertised it (S8); empty to start.
pub fn request(id: &str, ver: Option<&str>) -> Element {
    let mut query = Element::new("query", ns::ROSTER);
    if let Some(ver) = ver {
        query.set_attr("ver", ver);
    }
    stanza::iq("get", id, None).with_child(query)
}

/// Returns the iq that adds a contact or changes one (RFC 6121 sections 2.3 and 2.4). Name and groups are replaced: omitted
/// ones are removed.
pub fn set_request(id: &str, jid: &BareJid, name: Option<&str>, groups: &[String]) -> Element {
    let mut item = Element::new("item", ns::ROSTER).with_attr("jid", jid.to_string());
    if let Some(name) = name {
        item.set_attr("name", name);
    }
    for group in groups {
        item.push_child(Element::new("group", ns::ROSTER).with_text(group.as_str()));
    }
    change(id, item)
}

/// Returns the iq that removes a contact (RFC 6121 section 2.5), and with it both subscriptions.
pub fn remove_request(id: &str, jid: &BareJid) -> Element {
    let item = Element::new("item", ns::ROSTER)
        .with_attr("jid", jid.to_string())
        .with_attr("subscription", Subscription::Remove.name());
    change(id, item)
}

fn change(id: &str, item: Element) -> Element {
    let query = Element::new("query", ns::ROSTER).with_child(item);
    stanza::iq("set", id, None).with_child(query)
}

/// Reads the result. The caller has matched the iq, and it is no error (T7). An item that cannot be read does not spoil the
/// others.
pub fn parse_result(iq: &Element) -> RosterResult {
    let Some(query) = iq.child("query", ns::ROSTER) else {
        return RosterResult::UpToDate;
    };
    let mut readable = Vec::new();
    let mut unreadable = 0;
    for item in items(query) {
        match item {
            // Only a push may remove (RFC 6121 section 2.1.2.5).
            Ok(item) if item.subscription == Subscription::Remove => readable.push(Item {
                subscription: Subscription::None,
                ..item
            }),
            Ok(item) => readable.push(item),
            Err(_) => unreadable += 1,
        }
    }
    RosterResult::Full {
        ver: query.attr("ver").map(str::to_owned),
        items: readable,
        unreadable,
    }
}

/// A change of the roster. Item and version are committed together (S8), then the iq is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The version of the roster with this change.
    pub ver: Option<String>,
    /// The item after the change.
    pub item: Item,
}

/// A push that must not be trusted, or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// It has a `from` that is not the account's bare JID (S8). To be ignored (RFC 6121 section 2.1.6).
    Forged,
    /// It violates its specification.
    Malformed(CodecError),
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged => f.write_str("a roster push that is not from our own account"),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PushError {}

impl Push {
    /// Reads a push. None if the iq is none. `own_bare` is the account's bare JID, prepared.
    pub fn parse(iq: &Element, own_bare: &str) -> Option<Result<Self, PushError>> {
        if !stanza::is_request(iq) || iq.attr("type") != Some("set") {
            return None;
        }
        let query = iq.child("query", ns::ROSTER)?;
        if iq
            .attr("from")
            .is_some_and(|from| !jid::is_same(from, own_bare))
        {
            return Some(Err(PushError::Forged));
        }
        Some(Self::read(query).map_err(PushError::Malformed))
    }

    fn read(query: &Element) -> Result<Self, CodecError> {
        let items: Result<Vec<_>, _> = items(query).collect();
        let mut items = items?.into_iter();
        let item = items.next().ok_or(CodecError::Missing {
            element: "query",
            part: "item",
        })?;
        if items.next().is_some() {
            return Err(CodecError::Malformed {
                element: "query",
                part: "item: more than one",
            });
        }
        Ok(Self {
            ver: query.attr("ver").map(str::to_owned),
            item,
        })
    }
}

fn items(query: &Element) -> impl Iterator<Item = Result<Item, CodecError>> {
    query
        .children()
        .filter(|item| item.is("item", ns::ROSTER))
        .map(Item::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    const OWN: &str = "juliet@example.com";

    fn result(inner: &str) -> RosterResult {
        parse_result(&element(&format!(
            "<iq xmlns='jabber:client' type='result' id='r1'>{inner}</iq>"
        )))
    }

    fn push(from: &str, inner: &str) -> Option<Result<Push, PushError>> {
        let iq = element(&format!(
            "<iq xmlns='jabber:client' type='set' id='p1' {from}><query xmlns='jabber:iq:roster' ver='ver34'>{inner}</query></iq>"
        ));
        Push::parse(&iq, OWN)
    }

    #[test]
    fn s8_ver_only_where_given_and_empty_to_start() {
        let roster = |ver| request("r1", ver).to_xml();
        assert_eq!(
            roster(None),
            "<iq type='get' id='r1'><query xmlns='jabber:iq:roster'/></iq>"
        );
        assert_eq!(
            roster(Some("")),
            "<iq type='get' id='r1'><query xmlns='jabber:iq:roster' ver=''/></iq>"
        );
    }

    #[test]
    fn a_change_has_one_item_with_all_that_it_shall_have() {
        let nurse: BareJid = "nurse@example.com".parse().unwrap();
        assert_eq!(
            set_request("ph1xaz53", &nurse, Some("Nurse"), &["Servants".to_owned()]).to_xml(),
            "<iq type='set' id='ph1xaz53'><query xmlns='jabber:iq:roster'>\
             <item jid='nurse@example.com' name='Nurse'><group>Servants</group></item></query></iq>",
            "RFC 6121 section 2.3.1"
        );
        assert_eq!(
            remove_request("hm4hs97y", &nurse).to_xml(),
            "<iq type='set' id='hm4hs97y'><query xmlns='jabber:iq:roster'>\
             <item jid='nurse@example.com' subscription='remove'/></query></iq>",
            "RFC 6121 section 2.5.1"
        );
    }

    #[test]
    fn s8_an_empty_result_means_the_cache_is_right() {
        assert_eq!(result(""), RosterResult::UpToDate);
        assert_eq!(
            result("<query xmlns='jabber:iq:roster' ver='1'/>"),
            RosterResult::Full {
                ver: Some("1".to_owned()),
                items: Vec::new(),
                unreadable: 0,
            }
        );
    }

    #[test]
    fn reads_items() {
        let roster = result(
            "<query xmlns='jabber:iq:roster' ver='ver11'>
               <item jid='romeo@example.net' name='Romeo' subscription='both'><group>Friends</group><group>Lovers</group></item>
               <item jid='mercutio@example.com' subscription='from' ask='subscribe'/>
               <item jid='tybalt@example.com' subscription='remove'/>
               <item jid='paris@example.com' subscription='odd'/></query>",
        );
        let item = |jid: &str, subscription| Item {
            jid: jid::prepared(jid).into_owned(),
            subscription,
            ..Item::default()
        };
        assert_eq!(
            roster,
            RosterResult::Full {
                ver: Some("ver11".to_owned()),
                items: vec![
                    Item {
                        name: Some("Romeo".to_owned()),
                        groups: vec!["Friends".to_owned(), "Lovers".to_owned()],
                        ..item("romeo@example.net", Subscription::Both)
                    },
                    Item {
                        ask: true,
                        ..item("mercutio@example.com", Subscription::From)
                    },
                    item("tybalt@example.com", Subscription::None),
                    item("paris@example.com", Subscription::None),
                ],
                unreadable: 0,
            }
        );
    }

    #[test]
    fn an_item_that_cannot_be_read_does_not_spoil_the_others() {
        let roster = result(
            "<query xmlns='jabber:iq:roster'>
               <item jid='romeo@example.net'/><item jid=''/><item/><item jid='paris@example.com'/></query>",
        );
        let RosterResult::Full {
            items, unreadable, ..
        } = roster
        else {
            panic!("{roster:?}");
        };
        let jids: Vec<_> = items.iter().map(|item| item.jid.as_str()).collect();
        assert_eq!(jids, ["romeo@example.net", "paris@example.com"]);
        assert_eq!(unreadable, 2);
    }

    #[test]
    fn s8_pushes_only_without_from_or_from_our_own_bare_jid() {
        let item = "<item jid='nurse@example.com' subscription='remove'/>";
        for from in ["", "from='juliet@example.com'"] {
            let push = push(from, item).unwrap().unwrap();
            assert_eq!(push.ver.as_deref(), Some("ver34"));
            assert_eq!(push.item.subscription, Subscription::Remove);
        }
        for from in [
            "from=''",
            "from='example.com'",
            "from='juliet@example.com/balcony'",
            "from='tybalt@example.com'",
        ] {
            assert_eq!(push(from, item), Some(Err(PushError::Forged)), "{from}");
        }
    }

    #[test]
    fn a_push_holds_exactly_one_item() {
        for inner in [
            "",
            "<item/>",
            "<item jid='a@b.example'/><item jid='c@d.example'/>",
        ] {
            assert!(
                matches!(push("", inner), Some(Err(PushError::Malformed(_)))),
                "{inner}"
            );
        }
        let result = element(
            "<iq xmlns='jabber:client' type='result' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        );
        assert_eq!(Push::parse(&result, OWN), None);
    }
}
