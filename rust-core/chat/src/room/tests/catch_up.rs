//! What was missed: from the archive of a room, or its history, without a hole and without a duplicate.

use super::*;

const MAM: &str = "urn:xmpp:mam:2";
const SID: &str = "urn:xmpp:sid:0";

/// In the coven, which has an archive, with the message `a1` received.
fn with_archive() -> Bench {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    let ask = bench.out().request("query");
    bench.enter("thirdwitch", "");
    bench.answer(ask, &features(&[MAM, SID]));
    bench.subject();
    bench.message(&said("firstwitch", "1", "Thrice", &stanza_id("a1")));
    bench.out();
    bench
}

fn stanza_id(id: &str) -> String {
    format!("<stanza-id xmlns='{SID}' by='{COVEN}' id='{id}'/>")
}

fn archived(query: &str, id: &str, nick: &str, body: &str) -> String {
    format!(
        "<message from='{COVEN}' to='hag66@shakespeare.lit/pda'><result xmlns='{MAM}' queryid='{query}' id='{id}'>\
         <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:13:20Z'/>\
         <message xmlns='jabber:client' from='{COVEN}/{nick}' type='groupchat' id='{id}-own'><body>{body}</body></message>\
         </forwarded></result></message>"
    )
}

fn fin(complete: bool, last: Option<&str>) -> String {
    let last = last.map(|last| format!("<first>x</first><last>{last}</last>"));
    format!(
        "<iq type='result' from='{COVEN}' id='q'><fin xmlns='{MAM}' complete='{complete}'>\
         <set xmlns='http://jabber.org/protocol/rsm'>{}</set></fin></iq>",
        last.unwrap_or_default()
    )
}

fn held(id: &str) -> MessageVerdict {
    MessageVerdict::Hold {
        room: jid(COVEN),
        archive_id: id.to_owned(),
    }
}

fn duplicate(id: Option<&str>) -> MessageVerdict {
    MessageVerdict::Duplicate {
        room: jid(COVEN),
        archive_id: id.map(str::to_owned),
    }
}

fn place(bench: &Bench) -> Option<String> {
    bench.rooms.info(&jid(COVEN)).unwrap().caught_up_to
}

fn caught_up(is_complete: bool) -> RoomEvent {
    let room = jid(COVEN);
    RoomEvent::CaughtUp { room, is_complete }
}

#[test]
fn i21_a_new_session_asks_the_archive_for_what_follows_the_last_message() {
    let mut bench = with_archive();
    bench.offline();
    bench.online(SessionStart::New);
    let out = bench.out();
    assert!(out.sent[0].to_xml().contains("<history maxstanzas='0'/>"));
    bench.enter("thirdwitch", "");
    let (page, xml) = bench.out().request_xml("query");
    assert!(
        xml.contains(&format!("to='{COVEN}'")) && xml.contains("<after>a1</after>"),
        "{xml}"
    );
    let query = xml
        .split("queryid='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned();
    // A live message overtakes the page, which has it as well, and another one, which comes after it.
    for id in ["a3", "a4"] {
        let live = said("firstwitch", &format!("{id}-own"), "live", &stanza_id(id));
        assert_eq!(bench.message(&live), held(id));
    }
    let typing = said("firstwitch", "t", "no id of the room", "");
    assert_eq!(bench.message(&typing), MessageVerdict::Deliver);
    let MessageVerdict::Replace(missed) =
        bench.message(&archived(&query, "a2", "firstwitch", "missed"))
    else {
        panic!("not taken out");
    };
    let expected = "<message from='coven@chat.shakespeare.lit/firstwitch' type='groupchat' id='a2-own'><body>missed</body>\
                    <stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.shakespeare.lit' id='a2'/>\
                    <delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:13:20Z'/></message>";
    assert_eq!(missed.to_xml(), expected);
    let again = archived(&query, "a3", "firstwitch", "live");
    assert_eq!(bench.message(&again), duplicate(Some("a3")));
    assert_eq!(place(&bench).as_deref(), Some("a3"));
    bench.answer(page, &fin(true, Some("a3")));
    let out = bench.out();
    assert_eq!(out.events.last(), Some(&caught_up(true)));
    assert_eq!(out.released, 1);
    assert_eq!(place(&bench).as_deref(), Some("a4"));
    // The next session begins after the newest.
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let (_, xml) = bench.out().request_xml("query");
    assert!(xml.contains("<after>a4</after>"), "{xml}");
}

#[test]
fn i21_an_archive_that_has_nothing_after_a_day_is_asked_for_its_newest_message() {
    let ask = |hours: u64| {
        let mut bench = with_archive();
        bench.offline();
        bench.pass(hours * 60 * 60);
        bench.online(SessionStart::New);
        bench.out();
        bench.enter("thirdwitch", "");
        let page = bench.out().request("query");
        bench.answer(page, &fin(true, None));
        bench
    };
    assert_eq!(ask(23).out().events, [caught_up(true)]);
    for (newest, is_complete) in [("a1", true), ("a8", false)] {
        let mut bench = ask(25);
        let out = bench.out();
        assert_eq!(out.events, []);
        let (newest_one, xml) = out.request_xml("query");
        assert!(xml.contains("<max>1</max><before/>"), "{xml}");
        let result = archived("room-catch-up-newest", newest, "firstwitch", "x");
        assert_eq!(bench.message(&result), duplicate(None));
        bench.answer(newest_one, &fin(true, Some(newest)));
        assert_eq!(bench.out().events, [caught_up(is_complete)]);
    }
    // An empty archive has forgotten the message, or what was in it was removed: nothing is missing that it could have.
    let mut bench = ask(25);
    let newest_one = bench.out().request("query");
    bench.answer(newest_one, &fin(true, None));
    assert_eq!(bench.out().events, [caught_up(true)]);
}

#[test]
fn i21_a_self_ping_stands_for_presence_that_the_server_holds_back() {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    bench.out();
    let ping = bench.pass(10).request("ping");
    let result = format!("<iq type='result' from='{COVEN}/thirdwitch' id='q'/>");
    bench.answer(ping, &result);
    assert!(matches!(bench.out().events[0], RoomEvent::Joined { .. }));
    // The join was lost with its connection: it is sent again.
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    bench.out();
    let ping = bench.pass(10).request("ping");
    let refused = format!(
        "<iq type='error' from='{COVEN}/thirdwitch' id='q'>{}</iq>",
        error("not-acceptable", "cancel")
    );
    bench.answer(ping, &refused);
    assert_eq!(bench.out().sent.len(), 1);
}

#[test]
fn i21_what_comes_before_the_room_has_answered_does_not_hide_what_was_missed() {
    // The room did not see the session end, and sends on to its address while it is joined again.
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.out();
    let live = said("firstwitch", "9", "live", &stanza_id("a9"));
    assert_eq!(bench.message(&live), held("a9"));
    bench.enter("thirdwitch", "");
    let (page, xml) = bench.out().request_xml("query");
    assert!(xml.contains("<after>a1</after>"), "{xml}");
    bench.answer(page, &fin(true, Some("a9")));
    assert_eq!(bench.out().released, 1);

    // The join is not answered in time, and tried again.
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.pass(61);
    assert_eq!(
        bench.message(&said("firstwitch", "9", "live", &stanza_id("a9"))),
        held("a9")
    );
    bench.pass(60);
    bench.enter("thirdwitch", "");
    let (_, xml) = bench.out().request_xml("query");
    assert!(xml.contains("<after>a1</after>"), "{xml}");
    // What is held is delivered when the room is left.
    bench.rooms.leave(&jid(COVEN), bench.now);
    bench.presence(&gone("thirdwitch", "<status code='110'/>"));
    assert_eq!(bench.out().released, 1);
}

#[test]
fn i21_a_page_that_could_not_be_asked_for_is_asked_for_again() {
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let page = bench.out().request("query");
    // The queue is full: the session lives on.
    let lost = Err(RequestFailure::Lost);
    bench.rooms.handle_answer(page, lost, bench.now);
    let live = said("firstwitch", "9", "live", &stanza_id("a9"));
    assert_eq!(bench.message(&live), held("a9"));
    let (_, xml) = bench.pass(60).request_xml("query");
    assert!(xml.contains("<after>a1</after>"), "{xml}");
}

#[test]
fn i2_a_stored_message_that_comes_before_its_room_is_joined_is_known() {
    // The app of a new process has received a1 to a2, and had confirmed a1 alone.
    let mut bench = Bench::new();
    let stored = said("firstwitch", "2", "stored", &stanza_id("a2"));
    assert_eq!(bench.message(&stored), MessageVerdict::Deliver);
    bench.online(SessionStart::New);
    let options = RoomOptions {
        history: History::After("a1".to_owned()),
        ..RoomOptions::new("thirdwitch")
    };
    bench.rooms.join(jid(COVEN), options, bench.now);
    let ask = bench.out().request("query");
    bench.enter("thirdwitch", "");
    bench.answer(ask, &features(&[MAM, SID]));
    let (_, xml) = bench.out().request_xml("query");
    let query = xml.split("queryid='").nth(1).unwrap();
    let query = query.split('\'').next().unwrap().to_owned();
    let again = archived(&query, "a2", "firstwitch", "stored");
    assert_eq!(bench.message(&again), duplicate(Some("a2")));
}

#[test]
fn i21_a_session_that_ends_within_the_catch_up_leaves_no_hole() {
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let (page, _) = bench.out().request_xml("query");
    bench.message(&said("firstwitch", "9", "live", &stanza_id("a9")));
    bench.answer(page, &fin(false, Some("a5")));
    // The second page is lost with its session.
    let (page, xml) = bench.out().request_xml("query");
    assert!(xml.contains("<after>a5</after>"), "{xml}");
    bench
        .rooms
        .handle_answer(page, Err(RequestFailure::Lost), bench.now);
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let (_, xml) = bench.out().request_xml("query");
    assert!(xml.contains("<after>a5</after>"), "{xml}");
}

#[test]
fn i21_an_archive_that_does_not_help_leaves_a_gap_that_is_reported() {
    let item_not_found = format!(
        "<iq type='error' from='{COVEN}' id='q'>{}</iq>",
        error("item-not-found", "cancel")
    );
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let page = bench.out().request("query");
    bench.answer(page, &item_not_found);
    assert_eq!(bench.out().events, [caught_up(false)]);

    // No answer, and one that cannot be read.
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    bench.out();
    assert_eq!(bench.pass(60).events, [caught_up(false)]);
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let page = bench.out().request("query");
    bench.answer(page, &format!("<iq type='result' from='{COVEN}' id='q'/>"));
    let events = bench.out().events;
    assert!(matches!(events[0], RoomEvent::Fault { .. }));
    assert_eq!(events[1], caught_up(false));
}

#[test]
fn i20_an_endless_archive_ends() {
    let mut bench = with_archive();
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let mut out = bench.out();
    let mut pages = 0;
    while !out.requests.is_empty() {
        pages += 1;
        assert!(pages < 100);
        let page = out.request("query");
        bench.answer(page, &fin(false, Some(&format!("p{pages}"))));
        out = bench.out();
    }
    assert_eq!(pages, 40);
    assert_eq!(out.events, [caught_up(false)]);
}

#[test]
fn an_app_that_knows_its_last_message_begins_after_it() {
    let options = RoomOptions {
        history: History::After("a7".to_owned()),
        ..RoomOptions::new("thirdwitch")
    };
    for has_archive in [true, false] {
        let mut bench = Bench::new();
        // A session of an earlier process is resumed: the room may still have the user, and a join does no harm.
        bench.online(SessionStart::Resumed);
        bench.rooms.join(jid(COVEN), options.clone(), bench.now);
        let ask = bench.out().request("query");
        bench.enter("thirdwitch", "");
        bench.out();
        bench.answer(ask, &features(if has_archive { &[MAM] } else { &[] }));
        let out = bench.out();
        if has_archive {
            assert!(out.request_xml("query").1.contains("<after>a7</after>"));
        } else {
            assert_eq!(out.events, [caught_up(false)]);
        }
    }
}

#[test]
fn i21_a_room_without_an_archive_is_asked_for_its_history_since_the_last_message() {
    let delay = "<delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:13:20Z'/>";
    let mut bench = Bench::in_coven();
    bench.message(&said("firstwitch", "h1", "Thrice", ""));
    bench.offline();
    bench.pass(600);
    bench.online(SessionStart::New);
    let join = bench.out().sent[0].to_xml();
    assert!(join.contains("<history seconds='660'/>"), "{join}");
    bench.enter("thirdwitch", "");
    // The history reaches back to a message that was received.
    let known = said("firstwitch", "h1", "Thrice", delay);
    assert_eq!(bench.message(&known), duplicate(None));
    let missed = said("firstwitch", "h2", "Double", delay);
    assert_eq!(bench.message(&missed), MessageVerdict::Deliver);
    // An equal id of another occupant is another message.
    let other = said("secondwitch", "h1", "Thrice", delay);
    assert_eq!(bench.message(&other), MessageVerdict::Deliver);
    bench.subject();
    assert!(bench.out().events.contains(&caught_up(true)));

    // It does not.
    bench.pass(600);
    bench.online(SessionStart::New);
    bench.out();
    bench.enter("thirdwitch", "");
    let missed = said("firstwitch", "h9", "Toil", delay);
    assert_eq!(bench.message(&missed), MessageVerdict::Deliver);
    bench.subject();
    assert!(bench.out().events.contains(&caught_up(false)));
}

#[test]
fn i2_a_live_message_is_never_a_duplicate() {
    let mut bench = Bench::in_coven();
    for _ in 0..2 {
        let verdict = bench.message(&said("firstwitch", "1", "again", ""));
        assert_eq!(verdict, MessageVerdict::Deliver);
    }
}

#[test]
fn the_subject_of_the_room_is_known_after_the_join() {
    let mut bench = Bench::in_coven();
    let subject = bench.rooms.info(&jid(COVEN)).unwrap().subject.unwrap();
    assert_eq!(subject.text.unwrap().as_str(), "Fire Burn");
    assert_eq!(subject.by.as_deref(), Some("crone1"));
    // A message with a body is no subject (XEP-0045 section 8.1).
    bench.message(&said("firstwitch", "1", "body", "<subject>no</subject>"));
    assert!(bench.out().events.is_empty());
    let removed = format!("<message from='{COVEN}/crone1' type='groupchat'><subject/></message>");
    bench.message(&removed);
    let events = bench.out().events;
    assert!(
        matches!(&events[..], [RoomEvent::SubjectChanged { subject, .. }] if subject.text.is_none())
    );
}
