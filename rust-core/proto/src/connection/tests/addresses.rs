//! W3: an address is compared prepared (RFC 7622 section 3), however the server spells it.

use super::archive::*;
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;
use crate::error::{ConnectionError, PeerError};
use crate::jid::BareJid;

/// Our own address, in four ways that are not ours.
const SPELLINGS: [&str; 4] = [
    "Juliet@example.org",
    "juliet@EXAMPLE.org",
    "JULIET@Example.Org",
    "juliet@example.org.",
];

fn online() -> Peer {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer.ops();
    peer
}

fn carbon(from: &str, id: &str) -> String {
    format!(
        "<message from='{from}' to='{JID}' id='{id}'><received xmlns='urn:xmpp:carbons:2'>\
         <forwarded xmlns='urn:xmpp:forward:0'>{}</forwarded></received></message>",
        message(id)
    )
}

#[test]
fn w3_a_carbon_of_our_account_is_ours_however_it_is_spelled() {
    for from in SPELLINGS {
        let mut peer = online();
        peer.serve(&carbon(from, "in1"));
        let events = peer.events();
        let [Event::Stanza(delivery)] = events.as_slice() else {
            panic!("{from}: {events:?}");
        };
        assert!(delivery.carbon.is_some(), "{from}");
        // Its ids are believed, too.
        peer.serve(&message("in1"));
        assert_eq!(reported(&mut peer), [""; 0], "{from}");
    }
}

#[test]
fn w3_an_archive_result_of_our_account_is_ours_however_it_is_spelled() {
    for from in SPELLINGS {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        let result = result(&flight, "a1", &message("in1"));
        let result = result.replacen(OWN, from, 1);
        peer.serve(&format!("{result}{}", fin(&flight, true, "a1")));
        assert_eq!(reported(&mut peer), ["in1"], "{from}");
        assert_eq!(gaps(&peer), 0, "{from}");
        assert_eq!(peer.knowledge().archive, after("a1"), "{from}");
    }
}

/// What another device sent is reported from what came by its sender.
#[test]
fn w3_what_we_sent_is_ours_however_the_archive_spells_it() {
    for from in SPELLINGS {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        let sent = ours("m1", "kitchen").replacen(OWN, from, 1);
        peer.serve(&format!(
            "{}{}",
            result(&flight, "a1", &sent),
            fin(&flight, true, "a1")
        ));
        let events = peer.events();
        let is_carbon = events.iter().any(|event| match event {
            Event::Stanza(delivery) => delivery.carbon.is_some(),
            _ => false,
        });
        assert!(is_carbon, "{from}: {events:?}");
    }
}

#[test]
fn w3_a_stanza_id_of_our_account_is_ours_however_it_is_spelled() {
    for by in SPELLINGS {
        let mut peer = online();
        peer.serve(&live("in1", "a1").replace(&format!("by='{OWN}'"), &format!("by='{by}'")));
        assert_eq!(peer.knowledge().archive, after("a1"), "{by}");
    }
}

#[test]
fn w3_s8_a_push_of_our_account_is_ours_however_it_is_spelled() {
    for from in SPELLINGS {
        let mut peer = online();
        peer.serve(&format!(
            "<iq type='set' id='p1' from='{from}'><query xmlns='jabber:iq:roster'>\
             <item jid='Romeo@Example.NET'/></query></iq>"
        ));
        assert_eq!(peer.events(), [Event::RosterChanged], "{from}");
    }
}

#[test]
fn w3_t7_an_answer_of_our_account_is_ours_however_it_is_spelled() {
    let spellings = ["EXAMPLE.org", "example.org.", "Juliet@EXAMPLE.org/balcony"];
    for from in SPELLINGS.into_iter().chain(spellings) {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        peer.events();
        let id = id_before(&flight, "jabber:iq:roster");
        peer.serve(&format!(
            "<iq type='result' id='{id}' from='{from}'><query xmlns='jabber:iq:roster' ver='v9'/></iq>"
        ));
        assert_eq!(peer.events(), [Event::RosterChanged], "{from}");
    }
}

/// An account with an internationalised domain, and a server that writes it as DNS does.
fn abroad() -> Setup {
    Setup::direct().with(|setup| {
        setup.config.account = BareJid::try_from("juliet@müller.example").unwrap();
    })
}

#[test]
fn w3_a_header_may_spell_our_domain_with_a_labels() {
    for from in [
        "xn--mller-kva.example",
        "XN--MLLER-KVA.Example",
        "MÜLLER.example",
    ] {
        let mut peer = abroad().start();
        open_direct(&mut peer);
        peer.serve(&HEADER.replace("from='example.org'", &format!("from='{from}'")));
        assert_eq!(peer.closed, None, "{from}");
    }
    for from in [
        "mueller.example",
        "müller.example.evil.example",
        "juliet@müller.example",
    ] {
        let mut peer = abroad().start();
        open_direct(&mut peer);
        peer.serve(&HEADER.replace("from='example.org'", &format!("from='{from}'")));
        let expected = ConnectionError::Peer(PeerError::WrongDomain);
        assert_eq!(peer.closed, Some(Some(expected)), "{from}");
    }
}

/// What was forged before is forged still.
#[test]
fn w3_t7_addresses_that_only_look_like_ours_are_not() {
    for from in [
        "mallory@example.org",
        "juliet@example.org/balcony",
        "juliet@example.org.evil.example",
        "example.org",
        "",
    ] {
        let mut peer = online();
        peer.serve(&format!("{}{}", carbon(from, "in1"), message("in1")));
        assert_eq!(
            reported(&mut peer),
            ["in1"],
            "it is forged, and its ids prove nothing: {from}"
        );
    }
}
