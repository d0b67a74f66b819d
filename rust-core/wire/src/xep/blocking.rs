//! XEP-0191: the block list, which the server keeps and enforces.

use crate::jid::{self, Jid};
use crate::ns;
use crate::stanza;
use crate::xml::Element;

use super::error::CodecError;

/// The maximum number of entries that are read of a list or of a push. 10,000: a user blocks tens, a shared list of spammers has
/// thousands.
pub const MAX_BLOCKED: usize = 10_000;

/// The entries of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockList {
    /// The blocked addresses: of an account, of a domain, or of one resource.
    pub jids: Vec<Jid>,
    /// The number of entries that are not addresses, or that exceed [`MAX_BLOCKED`]. They are blocked all the same.
    pub unreadable: usize,
}

/// A change of the block list, by any client of the account (section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockListChange {
    /// These are blocked from now on.
    Blocked(BlockList),
    /// These are blocked no more.
    Unblocked(BlockList),
    /// No address is blocked any more.
    AllUnblocked,
}

/// A push that must not be trusted, or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockPushError {
    /// It has a `from` that is neither the account's bare JID nor this session's full JID.
    Forged,
    /// It violates its specification.
    Malformed(CodecError),
}

/// Returns the payload of an iq of type `get` that asks for the list (section 3.2). From then on the server pushes each change to
/// this session.
pub fn list_request() -> Element {
    Element::new("blocklist", ns::BLOCKING)
}

/// Returns the payload of an iq of type `set` that blocks these addresses (section 3.3). There must be at least one.
pub fn block_request(jids: &[Jid]) -> Element {
    with_items("block", jids)
}

/// Returns the payload of an iq of type `set` that unblocks these addresses; without an address, all of them (sections 3.4
/// and 3.5).
pub fn unblock_request(jids: &[Jid]) -> Element {
    with_items("unblock", jids)
}

/// Reads the list. The caller has matched the iq, and it is no error (rule T7).
pub fn parse_list(iq: &Element) -> Result<BlockList, CodecError> {
    let list = iq
        .child("blocklist", ns::BLOCKING)
        .ok_or(CodecError::Missing {
            element: "iq",
            part: "blocklist",
        })?;
    Ok(items(list))
}

impl BlockListChange {
    /// Reads a push. `None` if the iq is none. Only the account itself pushes its list: `own_bare` is its bare JID, and `own_full`
    /// this session's full JID, which ejabberd before 18.03 names.
    pub fn parse(
        iq: &Element,
        own_bare: &str,
        own_full: Option<&str>,
    ) -> Option<Result<Self, BlockPushError>> {
        if !stanza::is_request(iq) || iq.attr("type") != Some("set") {
            return None;
        }
        let is_push =
            |child: &&Element| child.is("block", ns::BLOCKING) || child.is("unblock", ns::BLOCKING);
        let change = iq.children().find(is_push)?;
        let is_own = |from: &str| {
            jid::is_same(from, own_bare) || own_full.is_some_and(|own| jid::is_same(from, own))
        };
        if iq.attr("from").is_some_and(|from| !is_own(from)) {
            return Some(Err(BlockPushError::Forged));
        }
        let has_items = change.has_child("item", ns::BLOCKING);
        let list = items(change);
        Some(match (change.name(), has_items) {
            ("block", true) => Ok(Self::Blocked(list)),
            ("block", false) => Err(BlockPushError::Malformed(CodecError::Missing {
                element: "block",
                part: "item",
            })),
            (_, true) => Ok(Self::Unblocked(list)),
            (_, false) => Ok(Self::AllUnblocked),
        })
    }
}

fn with_items(name: &'static str, jids: &[Jid]) -> Element {
    let mut list = Element::new(name, ns::BLOCKING);
    for jid in jids {
        list.push_child(Element::new("item", ns::BLOCKING).with_attr("jid", jid.to_string()));
    }
    list
}

fn items(list: &Element) -> BlockList {
    let mut read = BlockList::default();
    for item in list.children().filter(|item| item.is("item", ns::BLOCKING)) {
        match item.attr("jid").map(Jid::try_from) {
            Some(Ok(jid)) if read.jids.len() < MAX_BLOCKED => read.jids.push(jid),
            _ => read.unreadable = read.unreadable.saturating_add(1),
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    const OWN: &str = "juliet@capulet.com";
    const FULL: Option<&str> = Some("juliet@capulet.com/chamber");

    fn jids(list: &[&str]) -> Vec<Jid> {
        list.iter()
            .map(|jid| Jid::try_from(*jid).unwrap())
            .collect()
    }

    #[test]
    fn the_examples_of_the_specification_are_read_and_written() {
        let list = element(
            "<iq xmlns='jabber:client' type='result' id='blocklist1'><blocklist xmlns='urn:xmpp:blocking'>
               <item jid='romeo@montague.net'/><item jid='iago@shakespeare.lit'/></blocklist></iq>",
        );
        let read = parse_list(&list).unwrap();
        assert_eq!(
            read.jids,
            jids(&["romeo@montague.net", "iago@shakespeare.lit"])
        );
        assert_eq!(read.unreadable, 0);
        assert_eq!(
            block_request(&jids(&["romeo@montague.net"])).to_xml(),
            "<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.net'/></block>"
        );
        assert_eq!(
            unblock_request(&[]).to_xml(),
            "<unblock xmlns='urn:xmpp:blocking'/>"
        );
        assert_eq!(
            list_request().to_xml(),
            "<blocklist xmlns='urn:xmpp:blocking'/>"
        );
        let push = |inside: &str| {
            let push = format!(
                "<iq xmlns='jabber:client' to='juliet@capulet.com/chamber' type='set' id='push1'>{inside}</iq>"
            );
            BlockListChange::parse(&element(&push), OWN, FULL)
                .unwrap()
                .unwrap()
        };
        let romeo = BlockList {
            jids: jids(&["romeo@montague.net"]),
            unreadable: 0,
        };
        assert_eq!(
            push("<block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.net'/></block>"),
            BlockListChange::Blocked(romeo.clone())
        );
        assert_eq!(
            push("<unblock xmlns='urn:xmpp:blocking'><item jid='romeo@montague.net'/></unblock>"),
            BlockListChange::Unblocked(romeo)
        );
        assert_eq!(
            push("<unblock xmlns='urn:xmpp:blocking'/>"),
            BlockListChange::AllUnblocked
        );
    }

    #[test]
    fn w3_a_push_is_only_of_the_account_however_it_is_spelled() {
        for (from, is_ours) in [
            ("", true),
            (" from='juliet@capulet.com'", true),
            (" from='Juliet@Capulet.COM'", true),
            (" from='juliet@capulet.com/chamber'", true),
            (" from='juliet@capulet.com/Chamber'", false),
            (" from='juliet@capulet.com/balcony'", false),
            (" from='capulet.com'", false),
            (" from='mallory@capulet.com'", false),
            (" from='juliet@capulet.com.evil'", false),
        ] {
            let push = format!(
                "<iq xmlns='jabber:client' type='set' id='1'{from}><unblock xmlns='urn:xmpp:blocking'/></iq>"
            );
            let read = BlockListChange::parse(&element(&push), OWN, FULL).unwrap();
            assert_eq!(read.is_ok(), is_ours, "{from}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_what_is_no_push_is_none() {
        let list = element(
            "<iq xmlns='jabber:client' type='result'><blocklist xmlns='urn:xmpp:blocking'>
               <item jid='@'/><item/><item jid=''/><x/><item jid='a@b.example'/></blocklist></iq>",
        );
        let read = parse_list(&list).unwrap();
        assert_eq!((read.jids.len(), read.unreadable), (1, 3));
        let many = "<item jid='a@b.example'/>".repeat(MAX_BLOCKED + 5);
        let many = element(&format!(
            "<iq xmlns='jabber:client' type='result'><blocklist xmlns='urn:xmpp:blocking'>{many}</blocklist></iq>"
        ));
        let read = parse_list(&many).unwrap();
        assert_eq!((read.jids.len(), read.unreadable), (MAX_BLOCKED, 5));
        for (kind, inside) in [
            ("get", "<block xmlns='urn:xmpp:blocking'/>"),
            ("set", "<blocklist xmlns='urn:xmpp:blocking'/>"),
            ("set", "<block xmlns='urn:x'/>"),
            ("result", "<block xmlns='urn:xmpp:blocking'/>"),
            ("set", ""),
        ] {
            let iq = format!("<iq xmlns='jabber:client' type='{kind}' id='1'>{inside}</iq>");
            assert_eq!(
                BlockListChange::parse(&element(&iq), OWN, FULL),
                None,
                "{iq}"
            );
        }
        let empty = element(
            "<iq xmlns='jabber:client' type='set' id='1'><block xmlns='urn:xmpp:blocking'/></iq>",
        );
        assert!(matches!(
            BlockListChange::parse(&empty, OWN, FULL),
            Some(Err(BlockPushError::Malformed(_)))
        ));
        assert!(parse_list(&empty).is_err());
    }
}
