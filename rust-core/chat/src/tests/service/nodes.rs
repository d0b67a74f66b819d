use snapback_wire::stanza::StanzaError;
use snapback_wire::xml::Element;

use super::super::account;
use super::{element, result, stanza};
use crate::service::pubsub::{self, AccessModel, MAX_ITEMS, NodeChange, NodeEvent, NodeOptions};

#[test]
fn requests_are_as_the_specification_shows() {
    let payload = element("<tune xmlns='http://jabber.org/protocol/tune'/>");
    let options = NodeOptions {
        access: Some(AccessModel::Whitelist),
        max_items: Some(1),
        persist_items: Some(true),
        others: vec![(
            "pubsub#send_last_published_item".to_owned(),
            "never".to_owned(),
        )],
    };
    assert_eq!(
        pubsub::publish("n", None, payload.clone(), &NodeOptions::default()).to_xml(),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item>\
         <tune xmlns='http://jabber.org/protocol/tune'/></item></publish></pubsub>"
    );
    let published = pubsub::publish("n", Some("current"), payload, &options).to_xml();
    for part in [
        "<item id='current'>",
        "</publish><publish-options><x xmlns='jabber:x:data' type='submit'>",
        "<value>http://jabber.org/protocol/pubsub#publish-options</value>",
        "<field var='pubsub#access_model'><value>whitelist</value></field>",
        "<field var='pubsub#max_items'><value>1</value></field>",
        "<field var='pubsub#persist_items'><value>true</value></field>",
        "<field var='pubsub#send_last_published_item'><value>never</value></field>",
    ] {
        assert!(published.contains(part), "{part}: {published}");
    }
    assert_eq!(
        pubsub::retract("n", "i").to_xml(),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='n' notify='true'><item id='i'/></retract></pubsub>"
    );
    assert_eq!(
        pubsub::newest("n", Some(2)).to_xml(),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n' max_items='2'/></pubsub>"
    );
    assert_eq!(
        pubsub::by_id("n", &["a", "b"]).to_xml(),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='a'/><item id='b'/></items></pubsub>"
    );
    assert_eq!(
        pubsub::delete("n").to_xml(),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='n'/></pubsub>"
    );
    let create = pubsub::create("n", &options).to_xml();
    assert!(create.starts_with(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='n'/><configure><x xmlns='jabber:x:data' type='submit'>"
    ));
    let configure = pubsub::configure("n", &options).unwrap().to_xml();
    assert!(configure.contains("<configure node='n'><x xmlns='jabber:x:data' type='submit'>"));
    assert!(
        configure.contains("http://jabber.org/protocol/pubsub#node_config"),
        "{configure}"
    );
    assert_eq!(pubsub::configure("n", &NodeOptions::default()), None);
    assert_eq!(pubsub::notify_feature("urn:x"), "urn:x+notify");
}

#[test]
fn items_are_read_and_bounded_and_of_the_node_that_was_asked_for() {
    let items = |node: &str, inner: &str| {
        let xml = format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items{node}>{inner}</items></pubsub>"
        );
        pubsub::parse_items(&result(&xml), "n")
    };
    let read = items(
        " node='n'",
        "<item id='a' publisher=''><x xmlns='urn:x'/></item><item/><item id=''/><x xmlns='urn:x'/>",
    )
    .unwrap();
    let ids: Vec<_> = read.items.iter().map(|item| item.id.as_deref()).collect();
    assert_eq!(ids, [Some("a"), None, None]);
    assert!(read.items[0].payload.is_some() && read.items[1].payload.is_none());
    let many = items(" node='n'", &"<item id='a'/>".repeat(MAX_ITEMS + 2)).unwrap();
    assert_eq!((many.items.len(), many.unreadable), (MAX_ITEMS, 2));
    let long = items(" node='n'", &format!("<item id='{}'/>", "x".repeat(1025))).unwrap();
    assert_eq!((long.items.len(), long.unreadable), (0, 1));
    for node in ["", " node='other'"] {
        assert!(items(node, "").is_err(), "{node}");
    }
    for xml in [
        "",
        "<pubsub xmlns='urn:x'/>",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'/>",
    ] {
        assert!(pubsub::parse_items(&result(xml), "n").is_err(), "{xml}");
    }
}

#[test]
fn the_id_of_a_published_item_is_read_if_the_service_states_it() {
    let published = result(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item id='ae89'/></publish></pubsub>",
    );
    assert_eq!(pubsub::parse_published(&published).as_deref(), Some("ae89"));
    assert_eq!(pubsub::parse_published(&result("")), None);
}

#[test]
fn a_precondition_that_is_not_met_is_known_among_other_errors() {
    let error = |detail: &str| {
        let stanza = stanza(&format!(
            "<iq type='error' id='1'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{detail}</error></iq>"
        ));
        StanzaError::of(&stanza).unwrap()
    };
    let not_met = "<precondition-not-met xmlns='http://jabber.org/protocol/pubsub#errors'/>";
    assert!(pubsub::is_precondition_not_met(&error(not_met)));
    assert!(!pubsub::is_precondition_not_met(&error("")));
    assert!(!pubsub::is_precondition_not_met(&error(
        "<precondition-not-met xmlns='urn:x'/>"
    )));
}

fn event(attributes: &str, inner: &str) -> Element {
    stanza(&format!(
        "<message{attributes}><event xmlns='http://jabber.org/protocol/pubsub#event'>{inner}</event></message>"
    ))
}

#[test]
fn an_event_is_about_its_sender_and_no_other_account() {
    let inner =
        "<items node='n'><item id='a'><x xmlns='urn:x'/></item><retract id='b'/><retract/></items>";
    for (from, service) in [
        ("", Some("juliet@capulet.lit")),
        (" from='Romeo@Montague.lit'", Some("romeo@montague.lit")),
        (" from='pubsub.montague.lit'", Some("pubsub.montague.lit")),
        (" from='romeo@montague.lit/orchard'", None),
        (" from='@'", None),
        (" from=''", None),
    ] {
        let read = NodeEvent::of(&event(from, inner), &account()).unwrap();
        assert_eq!(
            read.as_ref()
                .ok()
                .map(|event| event.service.to_string())
                .as_deref(),
            service,
            "{from}"
        );
        let Ok(read) = read else { continue };
        assert_eq!(read.node, "n");
        let NodeChange::Items {
            published,
            retracted,
            unreadable,
        } = read.change
        else {
            panic!("{from}");
        };
        assert_eq!((published.len(), unreadable), (1, 1));
        assert_eq!(retracted, ["b"]);
    }
}

#[test]
fn other_changes_and_no_events() {
    let from = " from='romeo@montague.lit'";
    let of = |inner: &str| NodeEvent::of(&event(from, inner), &account()).unwrap();
    assert_eq!(of("<purge node='n'/>").unwrap().change, NodeChange::Purged);
    assert_eq!(
        of("<delete node='n'/>").unwrap().change,
        NodeChange::Deleted
    );
    for inner in [
        "",
        "<items/>",
        "<items node=''/>",
        "<configuration node='n'/>",
        "<items xmlns='urn:x' node='n'/>",
    ] {
        assert!(of(inner).is_err(), "{inner}");
    }
    let long = format!("<items node='{}'/>", "x".repeat(1025));
    assert!(of(&long).is_err());
    for message in [
        event(" from='romeo@montague.lit' type='error'", "<items node='n'/>"),
        stanza("<message from='romeo@montague.lit'><body>x</body></message>"),
        stanza("<presence><event xmlns='http://jabber.org/protocol/pubsub#event'/></presence>"),
        // Only the message itself: not one that is forwarded in it.
        stanza(
            "<message from='mallory@example.net'><forwarded xmlns='urn:xmpp:forward:0'><message from='romeo@montague.lit'>
               <event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'/></event></message></forwarded></message>",
        ),
    ] {
        assert_eq!(NodeEvent::of(&message, &account()), None);
    }
}
