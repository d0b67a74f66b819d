//! XEP-0313 and I8: what the archive is queried for after a new session, and how its answers are processed.

use super::peer::{EXPORTER, Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Event, Outcome, Stage};
use crate::knowledge::{ArchiveCursor, Knowledge, PendingKind};
use crate::xep::carbons;
use crate::xep::delay::Delay;
use crate::xep::stanza_id;

pub(super) const OWN: &str = "juliet@example.org";
const STAMP: &str = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T10:00:00Z'/>";

pub(super) fn after(id: &str) -> Option<ArchiveCursor> {
    Some(ArchiveCursor::After(id.to_owned()))
}

/// An account whose archive has been read up to `a0`, without a session.
pub(super) fn away() -> Knowledge {
    gone(after_sasl2())
}

/// A new session by a token; its initial stanzas, which were one flight.
#[track_caller]
pub(super) fn bind(knowledge: Knowledge, inner: &str, parts: &str) -> (Peer, String) {
    let mut peer = Setup::direct().knowing(knowledge).start();
    let flight = bind_as(&mut peer, inner, parts);
    (peer, flight)
}

#[track_caller]
pub(super) fn bind_as(peer: &mut Peer, inner: &str, parts: &str) -> String {
    open_direct(peer);
    let proof = fast(peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, &bound2(&format!("{ENABLED}{inner}")));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    peer.is_online();
    peer.sends(parts)
}

pub(super) fn message(id: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='romeo@example.net/x' to='{OWN}' type='chat' id='{id}'>\
         <body>{id}</body><origin-id xmlns='urn:xmpp:sid:0' id='{id}'/></message>"
    )
}

/// A message of the account, as the archive has it.
pub(super) fn ours(id: &str, resource: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='{OWN}/{resource}' to='romeo@example.net' type='chat' id='{id}'>\
         <body>{id}</body><origin-id xmlns='urn:xmpp:sid:0' id='{id}'/></message>"
    )
}

/// The same message live, with this id in the account's archive.
pub(super) fn live(id: &str, archived: &str) -> String {
    message(id).replace(
        "</message>",
        &format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}' id='{archived}'/></message>"),
    )
}

pub(super) fn result(flight: &str, archived: &str, message: &str) -> String {
    result_of(&id_before(flight, "urn:xmpp:mam:2"), OWN, archived, message)
}

fn result_of(query: &str, from: &str, archived: &str, message: &str) -> String {
    format!(
        "<message from='{from}' to='{JID}'><result xmlns='urn:xmpp:mam:2' queryid='{query}' id='{archived}'>\
         <forwarded xmlns='urn:xmpp:forward:0'>{STAMP}{message}</forwarded></result></message>"
    )
}

pub(super) fn archive_error(flight: &str, condition: &str) -> String {
    let id = id_before(flight, "urn:xmpp:mam:2");
    format!(
        "<iq type='error' id='{id}'><error type='cancel'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

/// Ids of the messages that were delivered to the app since the last call.
pub(super) fn reported(peer: &mut Peer) -> Vec<String> {
    let events = peer.events();
    let id = |event: &Event| match event {
        Event::Stanza(delivery) => Some(delivery.stanza.attr("id").unwrap_or("?").to_owned()),
        _ => None,
    };
    events.iter().filter_map(id).collect()
}

pub(super) fn gaps(peer: &Peer) -> usize {
    let gap = |entry: &&String| entry.as_str() == "PossibleGap";
    peer.history.iter().filter(gap).count()
}

#[test]
fn the_first_session_learns_where_the_archive_ends_and_reads_nothing() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    assert_eq!(peer.knowledge().archive, after("a0"));
    assert_eq!(reported(&mut peer), [""; 0]);
    assert!(peer.sent.contains("<after>a0</after>") && !peer.sent.contains("<before/>"));
    let mut peer = Setup::direct().start();
    cold_sasl1_direct(&mut peer);
    assert_eq!(peer.knowledge().archive, after("a0"));
    assert!(peer.sent.contains("<max>1</max><before/>"));
}

/// A first session of which nothing is known; its initial stanzas.
fn first() -> (Peer, String) {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    let proof = scram2(&mut peer, AUTHENTICATE, "");
    let inner = format!("{}{}", bound2(ENABLED), token());
    peer.serve(&success2(&proof, JID, &inner));
    let flight = peer.sends(GREETING2);
    peer.serve(&ack(GREETED2));
    (peer, flight)
}

/// A message that arrived between the bind and the presence follows the known end, and may be in the archive only.
#[test]
fn what_comes_while_the_end_is_being_asked_for_is_after_it() {
    let (mut peer, flight) = first();
    peer.serve(&live("in2", "a2"));
    let cursor = peer.knowledge().archive;
    assert!(
        matches!(cursor, Some(ArchiveCursor::Since(_))),
        "{cursor:?}"
    );
    peer.serve(&fin(&flight, true, "a0"));
    assert_eq!(peer.knowledge().archive, after("a0"));
    let page = peer.sends("archive + r");
    assert!(page.contains("<after>a0</after>"));
    peer.serve(&format!(
        "{}{}",
        result(&page, "a1", &message("in1")),
        fin(&page, true, "a1")
    ));
    assert_eq!(reported(&mut peer), ["in2", "in1"]);
    assert_eq!(peer.knowledge().archive, after("a2"));
}

#[test]
fn an_empty_archive_is_read_from_its_beginning_later() {
    let (mut peer, flight) = first();
    peer.serve(&fin(&flight, true, ""));
    let page = peer.sends("archive + r");
    peer.serve(&fin(&page, true, ""));
    let knowledge = peer.knowledge();
    assert_eq!(knowledge.archive, Some(ArchiveCursor::Start));
    let (mut peer, flight) = bind(gone(knowledge), "", GREETING2);
    assert!(flight.contains("<max>100</max></set>"), "{flight}");
    peer.serve(&format!(
        "{}{}",
        result(&flight, "a1", &message("in1")),
        fin(&flight, true, "a1")
    ));
    assert_eq!(reported(&mut peer), ["in1"]);
    assert_eq!(peer.knowledge().archive, after("a1"));
}

#[test]
fn bind_2_may_say_where_the_archive_ends() {
    let end = |id: &str| METADATA.replace("'a0'", &format!("'{id}'"));
    let unknown = Knowledge {
        archive: None,
        ..away()
    };
    let (peer, flight) = bind(unknown.clone(), &end("a7"), GREETING2);
    assert_eq!(peer.knowledge().archive, after("a7"));
    // What came between the bind and our presence may be in the archive only.
    assert!(flight.contains("<after>a7</after>"));
    let (peer, flight) = bind(unknown, "<metadata xmlns='urn:xmpp:mam:2'/>", GREETING2);
    assert_eq!(peer.knowledge().archive, Some(ArchiveCursor::Start));
    assert!(flight.contains("<max>100</max></set>"));
    // Where we know how far we are, that is what counts.
    let (_, flight) = bind(away(), &end("a7"), GREETING2);
    assert!(flight.contains("<after>a0</after>"));
}

#[test]
fn i1_a_live_message_moves_the_cursor_in_its_own_transaction() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.ops();
    peer.serve(&live("in1", "a1"));
    assert_eq!(
        peer.ops(),
        ["Seen", "ArchiveCursor", "Inbound", "CountInbound"]
    );
    assert_eq!(peer.knowledge().archive, after("a1"));
    // One that was kept somewhere may be older than others.
    peer.serve(&live("in2", "a2").replace("<body>", &format!("{STAMP}<body>")));
    assert_eq!(peer.knowledge().archive, after("a1"));
    assert_eq!(reported(&mut peer), ["in1", "in2"]);
}

#[test]
fn t7_an_id_in_the_archives_name_is_believed_only_where_there_is_one() {
    let knowledge = Knowledge {
        archive: None,
        ..away()
    };
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&archive_error(&flight, "service-unavailable"));
    // Anybody could have written these.
    let forged = |id: &str| {
        live(id, "a1").replace(
            &format!("<origin-id xmlns='urn:xmpp:sid:0' id='{id}'/>"),
            "",
        )
    };
    peer.serve(&format!("{}{}", forged("in1"), forged("in2")));
    assert_eq!(reported(&mut peer), ["in1", "in2"]);
    assert_eq!(peer.knowledge().archive, None);
    assert_eq!(
        gaps(&peer),
        1,
        "and what Bind 2 left to an archive is missing"
    );
}

#[test]
fn what_came_meanwhile_is_read_page_by_page() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    assert!(flight.contains("<max>100</max><after>a0</after>"));
    peer.ops();
    let page = format!(
        "{}{}",
        result(&flight, "a1", &message("in1")),
        result(&flight, "a2", &message("in2"))
    );
    peer.serve(&page);
    assert_eq!(
        peer.knowledge().archive,
        after("a0"),
        "not before the page is whole"
    );
    peer.ops();
    peer.serve(&fin(&flight, false, "a2"));
    // A kill between the cursor and the next question would end the reading for good.
    assert_eq!(
        peer.ops(),
        ["ArchiveCursor", "Enqueue", "SmPending", "CountInbound"]
    );
    let next = peer.sends("archive");
    assert!(next.contains("<max>100</max><after>a2</after>"));
    peer.serve(&format!(
        "{}{}",
        result(&next, "a3", &message("in3")),
        fin(&next, true, "a3")
    ));
    let knowledge = peer.knowledge();
    assert_eq!(knowledge.archive, after("a3"));
    let owed = knowledge.sm.unwrap().pending;
    assert!(
        owed.iter()
            .all(|owed| owed.kind != PendingKind::ArchivePage)
    );
    let deliveries: Vec<_> = (peer.events().into_iter())
        .filter_map(|event| match event {
            Event::Stanza(delivery) => Some(delivery.stanza),
            _ => None,
        })
        .collect();
    assert_eq!(deliveries.len(), 3);
    for (stanza, number) in deliveries.iter().zip(1..) {
        let id = format!("a{number}");
        assert_eq!(stanza_id::stanza_id(stanza, OWN), Some(id.as_str()));
        assert_eq!(Delay::of(stanza).unwrap().stamp.0, 1_795_255_200);
        assert_eq!(stanza.attr("from"), Some("romeo@example.net/x"));
    }
    assert_eq!(gaps(&peer), 0);
    peer.sends("");
    peer.serve(&live("in4", "a4"));
    assert_eq!(peer.knowledge().archive, after("a4"));
}

/// Messages between the cursor and a live message have not been received yet.
#[test]
fn a_live_message_does_not_move_the_cursor_past_what_is_missing() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&live("in2", "a2"));
    assert_eq!(peer.knowledge().archive, after("a0"));
    peer.serve(&format!(
        "{}{}",
        result(&flight, "a1", &message("in1")),
        fin(&flight, false, "a1")
    ));
    let next = peer.sends("archive");
    assert_eq!(peer.knowledge().archive, after("a1"));
    // The page was made before `a3` came, and after `a2`.
    peer.serve(&live("in3", "a3"));
    peer.serve(&format!(
        "{}{}",
        result(&next, "a2", &message("in2")),
        fin(&next, true, "a2")
    ));
    assert_eq!(peer.knowledge().archive, after("a3"));
    assert_eq!(reported(&mut peer), ["in2", "in1", "in3"]);
}

#[test]
fn i8_an_archive_that_cannot_help_is_a_gap_and_its_end_is_learnt_anew() {
    for condition in ["feature-not-implemented", "internal-server-error"] {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        assert_eq!(gaps(&peer), 0);
        peer.serve(&archive_error(&flight, condition));
        assert_eq!(gaps(&peer), 1);
        let end = peer.sends("archive");
        assert!(end.contains("<max>1</max><before/>"));
        peer.serve(&fin(&end, true, "a9"));
        assert_eq!(peer.knowledge().archive, after("a9"));
        assert_eq!(gaps(&peer), 1);
    }
}

#[test]
fn an_archive_that_is_gone_leaves_the_cursor_where_it_was() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&archive_error(&flight, "service-unavailable"));
    let end = peer.sends("archive");
    peer.serve(&archive_error(&end, "service-unavailable"));
    peer.serve(&live("in1", "a1"));
    assert_eq!(peer.knowledge().archive, after("a0"));
    assert_eq!(reported(&mut peer), ["in1"]);
}

#[test]
fn t7_only_results_of_our_own_archive_to_our_own_question_are_believed() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    let query = id_before(&flight, "urn:xmpp:mam:2");
    peer.serve(&result_of(
        &query,
        "mallory@example.net",
        "a1",
        &message("forged"),
    ));
    peer.serve(&result_of("snapback-other", OWN, "a1", &message("stale")));
    let faults = peer.events().into_iter();
    let faults = faults.filter(|event| matches!(event, Event::PeerFault(_)));
    assert_eq!(faults.count(), 1);
    // A page without the results that it claims is no page.
    peer.serve(&fin(&flight, true, "a1"));
    assert_eq!(gaps(&peer), 1);
    peer.sends("archive");
    assert_eq!(reported(&mut peer), [""; 0]);
    assert_eq!(peer.knowledge().archive, after("a0"));
    assert_eq!(peer.knowledge().sm.unwrap().h, 3, "all of it is counted");
}

#[test]
fn what_the_app_asked_an_archive_for_is_the_apps() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&fin(&flight, true, ""));
    peer.serve(&result_of(
        "app-1",
        "room@muc.example.net",
        "r1",
        &message("old"),
    ));
    assert_eq!(reported(&mut peer), ["?"]);
}

#[test]
fn pages_without_end_are_given_up() {
    let mut setup = Setup::direct().knowing(away());
    setup.config.catch_up.pages = 3;
    let mut peer = setup.start();
    let mut flight = bind_as(&mut peer, "", GREETING2);
    for number in 1..=3 {
        assert_eq!(gaps(&peer), 0);
        let id = format!("a{number}");
        let one = result(&flight, &id, &message(&id));
        peer.serve(&format!("{one}{}", fin(&flight, false, &id)));
        flight = peer.sends("archive");
    }
    assert_eq!(gaps(&peer), 1);
    assert!(flight.contains("<before/>"));
    assert_eq!(reported(&mut peer), ["a1", "a2", "a3"]);
    assert_eq!(peer.knowledge().archive, after("a3"), "what came is held");
}

#[test]
fn a_page_that_leads_nowhere_or_is_too_long_is_given_up() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&fin(&flight, false, ""));
    assert!(peer.sends("archive").contains("<before/>"));
    assert_eq!(gaps(&peer), 1);
    let mut setup = Setup::direct().knowing(away());
    setup.config.catch_up.page = 1;
    let mut peer = setup.start();
    let flight = bind_as(&mut peer, "", GREETING2);
    for id in ["a1", "a2"] {
        peer.serve(&result(&flight, id, &message(id)));
    }
    peer.serve(&fin(&flight, true, "a2"));
    assert_eq!(
        (gaps(&peer), reported(&mut peer)),
        (1, vec!["a1".to_owned()])
    );
}

#[test]
fn an_archive_that_says_nothing_is_not_waited_for_for_ever() {
    let mut peer = Setup::direct().knowing(away()).start();
    bind_as(&mut peer, "", GREETING2);
    peer.serve(&ack(GREETED2));
    let timeout = crate::config::CatchUp::default().timeout;
    let late = |peer: &mut Peer, time, acked| {
        peer.pass(time);
        peer.sends("r");
        peer.ops();
        peer.serve(&ack(acked));
    };
    late(&mut peer, timeout, GREETED2);
    assert_eq!(gaps(&peer), 0);
    late(&mut peer, timeout * 6, GREETED2);
    assert_eq!(
        peer.ops(),
        ["PossibleGap", "Enqueue", "SmPending"],
        "nothing was counted"
    );
    assert_eq!(gaps(&peer), 1);
    assert!(peer.sends("archive + r").contains("<before/>"));
    peer.serve(&ack(GREETED2 + 1));
    late(&mut peer, timeout * 6, GREETED2 + 1);
    assert_eq!(peer.closed, None);
    peer.serve(&live("in1", "a1"));
    assert_eq!(peer.knowledge().archive, after("a0"));
}

#[test]
fn what_another_device_sent_comes_like_a_carbon() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    let sent = result(&flight, "a1", &ours("theirs", "kitchen"));
    peer.serve(&format!("{sent}{}", fin(&flight, true, "a1")));
    let events = peer.events();
    let Some(Event::Stanza(delivery)) = events.iter().find(|e| matches!(e, Event::Stanza(_)))
    else {
        panic!("{events:?}");
    };
    let carbon = delivery.carbon.as_ref().unwrap();
    assert_eq!(carbon.direction, carbons::Direction::Sent);
    assert_eq!(delivery.stanza.attr("id"), Some("theirs"));
    assert!(carbon.delay.is_some());
    // Live it comes as one, too.
    peer.serve(&format!(
        "<message from='{OWN}' to='{JID}'><sent xmlns='urn:xmpp:carbons:2'>\
         <forwarded xmlns='urn:xmpp:forward:0'>{}</forwarded></sent></message>",
        ours("theirs", "kitchen")
    ));
    assert_eq!(reported(&mut peer), [""; 0]);
}

#[test]
fn what_we_sent_ourselves_is_no_news() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    peer.serve(&ack(GREETED2 + 1));
    let (mut peer, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.say("m2");
    let page = format!(
        "{}{}{}",
        result(&flight, "a1", &ours("m1", "balcony")),
        result(&flight, "a2", &ours("m2", "balcony")),
        fin(&flight, true, "a2")
    );
    peer.serve(&page);
    assert_eq!(reported(&mut peer), [""; 0]);
    assert_eq!(peer.knowledge().archive, after("a2"));
    peer.sends("message + r");
}

#[test]
fn i15_a_resumed_session_goes_on_reading_where_it_was() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&result(&flight, "a1", &message("in1")));
    let mut next = resumed_from(&peer, 3);
    // The query may not have arrived; it is sent again as it was.
    assert!(next.sends("iq + r").contains("<after>a0</after>"));
    next.serve(&live("in3", "a3"));
    assert_eq!(next.knowledge().archive, after("a0"));
    next.serve(&format!(
        "{}{}",
        result(&flight, "a2", &message("in2")),
        fin(&flight, true, "a2")
    ));
    assert_eq!(reported(&mut next), ["in3", "in2"]);
    assert_eq!(next.knowledge().archive, after("a3"));
    assert_eq!(gaps(&next), 0);
}

/// The end of the page is all that is missing.
#[test]
fn i15_a_page_that_came_before_the_cut_is_not_doubted() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&result(&flight, "a1", &message("in1")));
    let mut next = resumed_from(&peer, GREETED2);
    next.serve(&fin(&flight, false, "a1"));
    assert!(next.sends("archive + r").contains("<after>a1</after>"));
    assert_eq!(gaps(&next), 0);
}

#[test]
fn i15_a_resumed_session_that_held_everything_asks_nothing() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    warm_fast_resume(&mut peer);
    peer.sends_nothing();
    peer.serve(&live("in1", "a1"));
    assert_eq!(peer.knowledge().archive, after("a1"));
}

/// The process is killed immediately after the commit of the session: the query is part of it, so it is sent after the
/// resumption.
#[test]
fn the_question_is_stored_together_with_the_session() {
    let mut peer = Setup::direct().knowing(away()).start();
    peer.auto_commit = false;
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, &bound2(ENABLED));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    while peer.knowledge().sm.is_none() {
        peer.commit();
    }
    let knowledge = peer.knowledge();
    assert_eq!(knowledge.queue.len(), GREETED2 as usize);
    let mut next = Setup::starttls().knowing(knowledge).start();
    open_starttls(&mut next);
    finish_fast_resume(&mut next, 0);
    let flight = next.sends("iq + iq + presence + iq + r");
    next.serve(&live("in2", "a2"));
    assert_eq!(next.knowledge().archive, after("a0"));
    next.serve(&format!(
        "{}{}",
        result(&flight, "a1", &message("in1")),
        fin(&flight, true, "a1")
    ));
    assert_eq!(next.knowledge().archive, after("a2"));
}

#[test]
fn i8_by_sasl1_the_archive_is_asked_after_the_bind() {
    let mut knowledge = after_sasl1();
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    let mut peer = Setup::starttls().knowing(knowledge).start();
    open_starttls(&mut peer);
    let shown = format!("{HEADER}{}", features(SASL1));
    let (success, _) = scram1(&mut peer, &format!("header + {AUTH}"), &shown, "response");
    peer.serve(&success);
    let flight = peer.sends(&format!("header + {GREETING}"));
    assert!(flight.contains("<after>a0</after>"));
    peer.serve(&format!(
        "{HEADER}{}{}",
        features(AUTHENTICATED),
        bound(&flight)
    ));
    peer.is_online();
    let events = peer.events();
    let outcome = |event: &Event| {
        matches!(
            event,
            Event::Online {
                outcome: Outcome::Bound,
                ..
            }
        )
    };
    assert!(events.iter().any(outcome));
    peer.serve(&format!(
        "{ENABLED}{}{}",
        result(&flight, "a1", &message("in1")),
        fin(&flight, true, "a1")
    ));
    assert_eq!(reported(&mut peer), ["in1"]);
    assert_eq!((gaps(&peer), peer.knowledge().archive), (0, after("a1")));
    let acked = |event: &Event| {
        matches!(
            event,
            Event::Stage {
                stage: Stage::Acked,
                ..
            }
        )
    };
    assert!(!events.iter().any(acked));
}
