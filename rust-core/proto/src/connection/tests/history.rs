//! XEP-0313: what an app asks an archive for is handed over with the answer, and is no message that has just arrived.

use super::archive::{away, bind, result};
use super::peer::Peer;
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::knowledge::OutboundKind;
use crate::xep::history::HistoryQuery;

fn ask(peer: &mut Peer, id: &str) {
    peer.command(Command::Send {
        stanza: HistoryQuery::new(id, None).request(None, None, 20).into(),
        kind: OutboundKind::SessionBound,
    });
}

/// A result of the query with this id, from this entity.
fn of_query(id: &str, from: &str, archived: &str) -> String {
    format!(
        "<message from='{from}' to='{JID}'><result xmlns='urn:xmpp:mam:2' queryid='history-{id}' id='{archived}'>\
         <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='romeo@example.net/x' id='{archived}'>\
         <body>{archived}</body></message></forwarded></result></message>"
    )
}

fn answer(id: &str) -> String {
    format!("<iq type='result' id='{id}'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>")
}

/// Results with the ids of their queries, and answers, in order.
fn history(peer: &mut Peer) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::HistoryResult { id, message } => {
            let result = message.child("result", "urn:xmpp:mam:2")?;
            Some(format!("{id} {}", result.attr("id")?))
        }
        Event::IqAnswer(iq) => Some(format!("answer {}", iq.attr("id")?)),
        Event::Stanza(_) => Some("delivered".to_owned()),
        _ => None,
    };
    peer.events().iter().filter_map(name).collect()
}

const OWN: &str = "juliet@example.org";

#[test]
fn history_is_counted_and_neither_stored_nor_delivered() {
    let (mut peer, greeting) = bind(away(), "", GREETING2);
    ask(&mut peer, "h1");
    peer.sends("iq");
    peer.ops();
    peer.serve(&(of_query("h1", OWN, "a1") + &of_query("h1", OWN, "a2")));
    // The catch-up goes on beside it.
    peer.serve(&result(&greeting, "a7", "<message xmlns='jabber:client' from='romeo@example.net/x' id='m7'><body>x</body></message>"));
    assert_eq!(peer.ops().iter().filter(|op| *op == "Inbound").count(), 1);
    peer.serve(&answer("h1"));
    let seen = history(&mut peer);
    assert_eq!(seen, ["h1 a1", "h1 a2", "delivered", "answer h1"]);
    assert_eq!(peer.knowledge().sm.unwrap().h, 4);
    // It is over. A result that comes now, or to the process after this one, is counted and nothing else.
    peer.serve(&of_query("h1", OWN, "a3"));
    assert_eq!(history(&mut peer), [""; 0]);
    assert_eq!(peer.knowledge().sm.unwrap().h, 5);
}

#[test]
fn t7_a_contact_adds_nothing_to_history() {
    let (mut peer, _) = bind(away(), "", GREETING2);
    ask(&mut peer, "h1");
    for from in [
        "romeo@example.net",
        "juliet@example.org/other",
        "example.org",
    ] {
        let forged = of_query("h1", from, "a1");
        peer.serve(&forged);
        assert_eq!(history(&mut peer), [""; 0], "{from}");
        // What it says itself reaches the app.
        peer.serve(&forged.replace("<result", "<body>thou</body><result"));
        assert_eq!(history(&mut peer), ["delivered"], "{from}");
    }
}

/// What was acknowledged is not repeated; the rest follows on the next connection.
#[test]
fn a_page_continues_over_a_connection_that_breaks() {
    let (mut peer, _) = bind(away(), "", GREETING2);
    ask(&mut peer, "h1");
    peer.serve(&of_query("h1", OWN, "a1"));
    assert_eq!(history(&mut peer), ["h1 a1"]);
    let mut knowledge = settled(peer.knowledge());
    knowledge
        .history_queries
        .push(HistoryQuery::new("h1", None));
    let mut peer = resumed_with(knowledge, GREETED2 + 1);
    peer.serve(&(of_query("h1", OWN, "a2") + &answer("h1")));
    assert_eq!(history(&mut peer), ["h1 a2", "answer h1"]);
}
