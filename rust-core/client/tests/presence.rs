//! Presence of the app: its children, our caps, and what a new session begins with.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::sync::Arc;

use snapback_client::{Client, Element, Outcome, OutgoingPresence, Transport};
use snapback_netsim::Link;
use snapback_reference_server::Switches;
use support::Setup;
use support::course::{Course, follow};

const CLIENT: &str = "jabber:client";
const CAPS: &str = "http://jabber.org/protocol/caps";
const MUC: &str = "http://jabber.org/protocol/muc";

/// Juliet is online, and so is Romeo, who is subscribed to her presence.
async fn both() -> (Setup, Client, Arc<Link>) {
    let switches = Switches {
        early_data: None,
        ..Switches::modern()
    };
    let setup = Setup::hasty(switches, Transport::DirectTls).await;
    setup
        .server
        .world(|world| world.befriend("juliet", "romeo"));
    let (romeo, link) = setup.another_online("romeo@localhost", "jul13t").await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    (setup, romeo, link)
}

fn shown(show: &str) -> OutgoingPresence {
    OutgoingPresence {
        show: Some(show.to_owned()),
        ..OutgoingPresence::default()
    }
}

fn unavailable() -> OutgoingPresence {
    OutgoingPresence {
        kind: Some("unavailable".to_owned()),
        ..OutgoingPresence::default()
    }
}

/// Returns Juliet's next presence for which this holds.
async fn seen(romeo: &Client, so: impl Fn(&Element) -> bool, what: &str) -> Element {
    let mut course = Course::default();
    let is_it = |presence: &Element| {
        let from = presence.attr("from").unwrap_or_default();
        from.starts_with("juliet@") && so(presence)
    };
    let mut until = |course: &Course| course.presences.iter().any(|one| is_it(&one.stanza));
    follow(romeo, &mut course, &mut until, what).await;
    let mut presences = course.presences.into_iter().map(|one| one.stanza);
    let found = presences.find(|presence| is_it(presence)).unwrap();
    found.as_ref().clone()
}

fn is_away(presence: &Element) -> bool {
    let show = presence.child("show", CLIENT);
    show.is_some_and(|show| show.text() == "away")
}

#[tokio::test]
async fn each_available_presence_carries_our_caps_and_its_children() {
    let (setup, romeo, _link) = both().await;
    let initial = seen(&romeo, |one| !is_away(one), "the first").await;
    let ver = |presence: &Element| {
        let caps = presence.child("c", CAPS)?;
        Some(caps.attr("ver")?.to_owned())
    };
    assert!(ver(&initial).is_some());
    let custom = Element::new("x", "urn:example:mood").with_text("glad");
    let busy = OutgoingPresence {
        show: Some("away".to_owned()),
        status: Some("tea & <cake>".to_owned()),
        priority: Some(-7),
        children: vec![custom.clone()],
        ..OutgoingPresence::default()
    };
    let client = &setup.client;
    client.send_presence(busy).await.unwrap();
    let away = seen(&romeo, is_away, "away").await;
    let text = |name| away.child(name, CLIENT).map(Element::text);
    assert_eq!(text("status").as_deref(), Some("tea & <cake>"));
    assert_eq!(text("priority").as_deref(), Some("-7"));
    assert_eq!(ver(&away), ver(&initial), "XEP-0115 6.1");
    assert_eq!(away.child("x", "urn:example:mood"), Some(&custom));
    // Joining a room uses the same call; the presence goes to the room only.
    let to = setup.server.sessions();
    let to = to.iter().find(|one| one.jid.starts_with("romeo@")).unwrap();
    let join = OutgoingPresence {
        to: Some(to.jid.parse().unwrap()),
        children: vec![Element::new("x", MUC)],
        ..OutgoingPresence::default()
    };
    client.send_presence(join).await.unwrap();
    let joined = seen(&romeo, |one| one.has_child("x", MUC), "join").await;
    assert!(ver(&joined).is_some());
    // Caps are not sent twice, and not with unavailable presence.
    let own = Element::new("c", CAPS).with_attr("ver", "mine");
    let own = OutgoingPresence {
        children: vec![own],
        ..OutgoingPresence::default()
    };
    client.send_presence(own).await.unwrap();
    let mine = |one: &Element| ver(one).as_deref() == Some("mine");
    let mine = seen(&romeo, mine, "its own caps").await;
    let all = mine.children().filter(|child| child.is("c", CAPS));
    assert_eq!(all.count(), 1);
    client.send_presence(unavailable()).await.unwrap();
    let leaves = |one: &Element| one.attr("type") == Some("unavailable");
    let gone = seen(&romeo, leaves, "gone").await;
    assert!(!gone.has_child("c", CAPS));
}

#[tokio::test]
async fn a_new_session_begins_with_the_presence_that_was_sent_last() {
    let (setup, romeo, _link) = both().await;
    let status = Element::new("x", "urn:example:mood").with_text("glad");
    let away = OutgoingPresence {
        children: vec![status],
        ..shown("away")
    };
    let client = &setup.client;
    client.send_presence(away).await.unwrap();
    // Directed presence is not presence to all subscribers.
    let there = OutgoingPresence {
        to: Some("romeo@localhost".parse().unwrap()),
        ..shown("chat")
    };
    client.send_presence(there).await.unwrap();
    let chats = |one: &Element| {
        let show = one.child("show", CLIENT);
        show.is_some_and(|show| show.text() == "chat")
    };
    seen(&romeo, chats, "to Romeo").await;
    for session in 0..2 {
        setup.lose_session().await;
        let gone = |one: &Element| one.attr("type") == Some("unavailable");
        seen(&romeo, gone, "gone").await;
        client.resume();
        assert_eq!(setup.online().await.outcome, Outcome::Bound);
        let first = seen(&romeo, |one| one.attr("type").is_none(), "back").await;
        assert!(is_away(&first), "session {session}: {}", first.to_xml());
        assert!(first.has_child("x", "urn:example:mood"));
        assert!(first.has_child("c", CAPS));
    }
    // Unavailable presence stays unavailable.
    client.send_presence(unavailable()).await.unwrap();
    setup.settle().await;
    setup.lose_session().await;
    client.resume();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
    setup.settle().await;
    let sessions = setup.server.sessions();
    let juliet = sessions.iter().find(|one| one.jid.starts_with("juliet@"));
    assert!(!juliet.unwrap().available);
}
