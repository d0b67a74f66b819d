//! W9, W10 and I20 for requests that the app answers, and for pushes of the block list (XEP-0191).

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::stanza;
use crate::xep::blocking::BlockListChange;
use crate::xml::Element;

const VERSION: &str = "<query xmlns='jabber:iq:version'/>";
const ROMEO: &str = "romeo@example.net/x";

fn online() -> Peer {
    let requests = ["jabber:iq:version", "urn:xmpp:jingle:1", "jabber:iq:roster"];
    let mut peer = Setup::starttls()
        .knowing(after_sasl2())
        .with(|setup| setup.config.identity.requests = requests.map(str::to_owned).to_vec())
        .start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    peer.sent.clear();
    peer.events();
    peer
}

fn get(id: &str, from: &str, payload: &str) -> String {
    format!("<iq type='get' id='{id}' from='{from}' to='{JID}'>{payload}</iq>")
}

fn requests(peer: &mut Peer) -> Vec<Element> {
    let events = peer.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::Request(iq) => Some(iq),
            _ => None,
        })
        .collect()
}

fn respond(peer: &mut Peer, iq: &Element, text: &str) {
    let payload = Element::new("query", "jabber:iq:version").with_text(text);
    let answer = stanza::result_reply(iq).with_child(payload);
    peer.command(Command::Answer(answer.into()));
}

#[test]
fn w10_the_app_gets_the_requests_that_it_handles_of_those_who_see_us() {
    let jingle = "<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='1'/>";
    for (from, payload, is_given) in [
        (ROMEO, VERSION, true),
        (ROMEO, jingle, true),
        ("Romeo@EXAMPLE.net/x", VERSION, true),
        ("juliet@example.org/elsewhere", VERSION, true),
        ("example.org", VERSION, true),
        ("mallory@example.net/x", VERSION, false),
        ("romeo@example.net.evil/x", VERSION, false),
        (ROMEO, "<query xmlns='jabber:iq:last'/>", false),
        (ROMEO, "<ping xmlns='urn:xmpp:ping'/>", false),
        (
            ROMEO,
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
            false,
        ),
        (
            ROMEO,
            "<a xmlns='urn:x'/><query xmlns='jabber:iq:version'/>",
            false,
        ),
        (
            ROMEO,
            "<query xmlns='jabber:iq:version'/><query xmlns='jabber:iq:version'/>",
            false,
        ),
        (ROMEO, "", false),
    ] {
        let mut peer = online();
        peer.serve(&get("a1", from, payload));
        let is_answered = peer.sent.contains("<iq ");
        assert_eq!(
            requests(&mut peer).len(),
            usize::from(is_given),
            "{from} {payload}"
        );
        assert_eq!(is_answered, !is_given, "{from} {payload}: {}", peer.sent);
    }
    // The core's own: a roster push is not the app's, whatever it names.
    let mut peer = online();
    peer.serve(&format!(
        "<iq type='set' id='p' from='{ROMEO}'><query xmlns='jabber:iq:roster'><item jid='a@b'/></query></iq>"
    ));
    assert!(requests(&mut peer).is_empty() && peer.sent.contains("service-unavailable"));
}

#[test]
fn w10_a_request_is_counted_once_and_answered_to_whom_asked() {
    let mut peer = online();
    peer.serve(&get("a1", ROMEO, VERSION));
    let [iq] = requests(&mut peer).try_into().unwrap();
    assert!(!peer.sent.contains("<iq "));
    let counted = peer.knowledge().sm.unwrap().h;
    respond(&mut peer, &iq, "42");
    assert_eq!(peer.knowledge().sm.unwrap().h, counted);
    assert!(
        peer.sent.contains("to='romeo@example.net/x'"),
        "{}",
        peer.sent
    );
    assert!(peer.sent.contains("type='result'") && peer.sent.contains("id='a1'"));
    assert!(peer.sent.contains(">42</query></iq>"));
    // It is kept for a resumption until the server has it.
    assert_eq!(peer.knowledge().queue.len(), 1);
    peer.serve(&ack(GREETED2 + 1));
    assert!(peer.knowledge().queue.is_empty());
}

#[test]
fn w9_requests_without_a_usable_id_do_not_reach_the_app() {
    let mut peer = online();
    peer.serve(&format!("<iq type='get' from='{ROMEO}'>{VERSION}</iq>"));
    peer.serve(&get(&"x".repeat(1025), ROMEO, VERSION));
    let events = peer.events();
    let faults = [
        Event::PeerFault("request without an id"),
        Event::PeerFault("request with an id that is too long"),
    ];
    assert!(
        faults.iter().all(|fault| events.contains(fault)),
        "{events:?}"
    );
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::Request(_)))
    );
}

#[test]
fn i20_a_flood_does_not_reach_the_app() {
    let mut peer = online();
    for _ in 0..1_000 {
        peer.serve(&get("a1", ROMEO, VERSION));
    }
    assert_eq!(requests(&mut peer).len(), 100);
}

#[test]
fn i20_unacknowledged_answers_of_the_app_are_bounded_in_bytes() {
    let mut peer = online();
    peer.serve(&get("a1", ROMEO, VERSION));
    let [iq] = requests(&mut peer).try_into().unwrap();
    for _ in 0..200 {
        respond(&mut peer, &iq, &"x".repeat(60_000));
    }
    assert!(peer.sent.len() < 5 << 20, "{}", peer.sent.len());
    assert!(
        peer.events()
            .contains(&Event::PeerFault("too many requests to answer"))
    );
}

#[test]
fn w3_pushes_of_the_block_list_are_only_of_the_account() {
    let push = |from: &str| {
        format!(
            "<iq type='set' id='b1'{from}><block xmlns='urn:xmpp:blocking'><item jid='Romeo@example.net'/></block></iq>"
        )
    };
    for from in [
        "",
        " from='juliet@example.org'",
        " from='Juliet@EXAMPLE.org'",
    ] {
        let mut peer = online();
        peer.serve(&push(from));
        let events = peer.events();
        let Some(Event::BlockListChanged(BlockListChange::Blocked(list))) = events.first() else {
            panic!("{from}: {events:?}");
        };
        assert_eq!(list.jids[0].to_string(), "romeo@example.net");
        assert!(peer.sent.contains("type='result'"), "{from}");
    }
    for from in [
        " from='mallory@example.net'",
        " from='example.org'",
        " from='juliet@example.org/elsewhere'",
        " from='romeo@example.net/x'",
    ] {
        let mut peer = online();
        peer.serve(&push(from));
        assert_eq!(
            peer.events(),
            [Event::PeerFault("block list push")],
            "{from}"
        );
        assert!(peer.sent.contains("service-unavailable"), "{from}");
    }
}
