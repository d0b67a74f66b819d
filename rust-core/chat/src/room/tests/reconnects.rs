//! XEP-0410, and sessions that end: a room is joined again, and what the user wrote is not lost.

use super::*;

const NOT_JOINED: &str = "not-acceptable";

#[test]
fn i15_a_new_session_joins_all_rooms_at_once() {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    for number in 0..200 {
        let room = format!("r{number:03}@chat.shakespeare.lit");
        bench.join(&room, "w");
        bench.out();
        let own = occupant("w", "<status code='110'/>").replace(COVEN, &room);
        bench.presence(&own);
        bench.out();
    }
    bench.offline();
    assert_eq!(bench.out().timer, None);
    bench.online(SessionStart::New);
    let joins = bench.out().sent;
    assert_eq!(joins.len(), 200);
    assert!(
        joins
            .iter()
            .all(|join| join.has_child("x", "http://jabber.org/protocol/muc"))
    );
}

#[test]
fn i15_a_resumed_session_sends_nothing_and_checks_later_and_rarely() {
    let mut bench = Bench::in_coven();
    bench.offline();
    bench.pass(300);
    bench.online(SessionStart::Resumed);
    let out = bench.out();
    assert!(out.sent.is_empty() && out.requests.is_empty());
    assert_eq!(bench.membership(), Some(Membership::Joined));
    assert_eq!(bench.pass(59).pings(), 0);
    let out = bench.pass(1);
    let (ping, xml) = out.request_xml("ping");
    let expected = "<iq type='get' to='coven@chat.shakespeare.lit/thirdwitch'><ping xmlns='urn:xmpp:ping'/></iq>";
    assert_eq!(xml, expected);
    bench.answer(
        ping,
        &format!("<iq type='result' from='{COVEN}/thirdwitch' id='p'/>"),
    );
    // Sessions that end each minute do not make it more.
    let mut pings = 0;
    for _ in 0..14 {
        bench.offline();
        bench.online(SessionStart::Resumed);
        pings += bench.pass(60).pings();
    }
    assert_eq!(pings, 0);
    bench.offline();
    bench.online(SessionStart::Resumed);
    assert_eq!(bench.pass(60).pings(), 1);
}

#[test]
fn a_room_that_sends_something_is_not_checked() {
    let mut bench = Bench::in_coven();
    bench.offline();
    bench.online(SessionStart::Resumed);
    bench.message(&said("firstwitch", "1", "Thrice", ""));
    assert_eq!(bench.pass(14 * 60).pings(), 0);
    // Silence for fifteen minutes is not normal (XEP-0410 section 3).
    assert_eq!(bench.pass(60).pings(), 1);
}

#[test]
fn rooms_that_are_due_soon_are_checked_together() {
    let mut bench = Bench::in_coven();
    bench.pass(50);
    bench.join("heath@chat.shakespeare.lit", "thirdwitch");
    bench.presence(&occupant("thirdwitch", "<status code='110'/>").replace("coven", "heath"));
    bench.out();
    let out = bench.pass(15 * 60 - 50);
    assert_eq!(out.pings(), 2);
}

#[test]
fn the_user_writes_and_a_doubtful_room_is_checked_at_once() {
    let mut bench = Bench::in_coven();
    let message = stanza(&format!(
        "<message to='{COVEN}' type='groupchat' id='m1'><body>Hail</body></message>"
    ));
    bench.rooms.handle_sent(&message, bench.now);
    assert_eq!(bench.out().pings(), 0);
    bench.offline();
    bench.online(SessionStart::Resumed);
    bench.rooms.handle_sent(&message, bench.now);
    assert_eq!(bench.out().pings(), 1);
    bench.rooms.handle_sent(&message, bench.now);
    assert_eq!(bench.out().pings(), 0);
}

/// In the coven, after a check was sent.
fn checked() -> (Bench, RequestId) {
    let mut bench = Bench::in_coven();
    let out = bench.pass(15 * 60);
    (bench, out.request("ping"))
}

#[test]
fn what_the_answers_to_a_check_mean() {
    // XEP-0410 section 3.
    let joined = [
        "service-unavailable",
        "feature-not-implemented",
        "item-not-found",
    ];
    let unknown = ["remote-server-not-found", "remote-server-timeout"];
    let lost = [
        NOT_JOINED,
        "not-allowed",
        "bad-request",
        "forbidden",
        "undefined-condition",
    ];
    for condition in joined.into_iter().chain(unknown).chain(lost) {
        let (mut bench, ping) = checked();
        let error = error(condition, "cancel");
        bench.answer(
            ping,
            &format!("<iq type='error' from='{COVEN}/thirdwitch' id='p'>{error}</iq>"),
        );
        let out = bench.out();
        let is_lost = lost.contains(&condition);
        assert_eq!(out.sent.len(), usize::from(is_lost), "{condition}");
        let room = jid(COVEN);
        let loss = Loss::NotJoined;
        let expected = is_lost.then_some(RoomEvent::Lost { room, loss });
        assert_eq!(out.events.first(), expected.as_ref(), "{condition}");
        if !is_lost {
            assert_eq!(bench.pass(14 * 60).pings(), 0);
            assert_eq!(bench.pass(60).pings(), 1, "{condition}");
        }
    }
}

#[test]
fn a_check_without_an_answer_says_nothing() {
    let (mut bench, ping) = checked();
    let out = bench.pass(60);
    assert_eq!((out.abandoned, out.events.len()), (1, 0));
    assert_eq!(bench.membership(), Some(Membership::Joined));
    // Nor does one that comes late.
    bench.answer(
        ping,
        &format!(
            "<iq type='error' from='{COVEN}' id='p'>{}</iq>",
            error(NOT_JOINED, "cancel")
        ),
    );
    assert_eq!(bench.membership(), Some(Membership::Joined));
    assert_eq!(bench.pass(14 * 60).pings(), 1);
}

#[test]
fn a_room_that_removes_everyone_is_joined_again_after_a_while() {
    let table = [
        ("<status code='332'/>", Loss::Shutdown),
        ("<status code='307'/><status code='333'/>", Loss::Technical),
        ("<status code='110'/>", Loss::Removed),
    ];
    for (codes, loss) in table {
        let mut bench = Bench::in_coven();
        bench.presence(&gone("thirdwitch", &format!("<item role='none'/>{codes}")));
        let out = bench.out();
        let room = jid(COVEN);
        assert_eq!(out.events, [RoomEvent::Lost { room, loss }]);
        assert!(out.sent.is_empty());
        assert_eq!(bench.membership(), Some(Membership::Waiting));
        assert!(bench.pass(29).sent.is_empty());
        assert_eq!(bench.pass(16).sent.len(), 1);
    }
}

#[test]
fn a_join_that_fails_for_now_is_repeated_ever_more_slowly() {
    let mut bench = Bench::in_coven();
    bench.online(SessionStart::New);
    bench.out();
    let mut waits = Vec::new();
    for _ in 0..12 {
        bench.presence(&presence_error(
            "thirdwitch",
            "remote-server-timeout",
            "wait",
        ));
        let begin = bench.now.mono;
        let out = bench.out();
        assert!(matches!(
            out.events.as_slice(),
            [RoomEvent::Lost {
                loss: Loss::NotYet(JoinError::Unreachable),
                ..
            }]
        ));
        let timer = out.timer.unwrap();
        waits.push(timer.since(begin).as_secs());
        bench.until(timer);
        bench.rooms.handle_timeout(bench.now);
        assert_eq!(bench.out().sent.len(), 1);
    }
    assert!((30..=45).contains(&waits[0]), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 30 * 60), "{waits:?}");
    assert!(waits[11] >= 20 * 60, "{waits:?}");
}

#[test]
fn the_nickname_of_an_old_session_is_asked_for_again_and_that_of_others_given_up() {
    let mut bench = Bench::in_coven();
    bench.online(SessionStart::New);
    bench.out();
    let mut attempts = 0;
    loop {
        bench.presence(&presence_error("thirdwitch", "conflict", "cancel"));
        let out = bench.out();
        match out.events.as_slice() {
            [RoomEvent::Lost { .. }] => attempts += 1,
            [RoomEvent::Left { reason, .. }] => {
                assert_eq!(*reason, LeaveReason::Refused(JoinError::NickConflict));
                break;
            }
            other => panic!("{other:?}"),
        }
        bench.until(out.timer.unwrap());
        bench.rooms.handle_timeout(bench.now);
        bench.out();
    }
    assert_eq!(attempts, 5);
}

#[test]
fn a_member_who_was_banned_meanwhile_has_left() {
    let mut bench = Bench::in_coven();
    bench.online(SessionStart::New);
    bench.out();
    bench.presence(&presence_error("thirdwitch", "forbidden", "auth"));
    let left = RoomEvent::Left {
        room: jid(COVEN),
        reason: LeaveReason::Refused(JoinError::Banned),
    };
    assert_eq!(bench.out().events, [left]);
}

// -- what the user wrote

fn write(bench: &mut Bench, id: &str) {
    let message = stanza(&format!(
        "<message to='{COVEN}' type='groupchat' id='{id}'><body>Hail {id}</body></message>"
    ));
    bench.rooms.handle_sent(&message, bench.now);
}

fn bounce(bench: &mut Bench, id: &str, condition: &str) -> BounceVerdict {
    let error = StanzaError::of(&stanza(&format!(
        "<message from='{COVEN}' type='error' id='{id}'>{}</message>",
        error(condition, "cancel")
    )));
    bench.rooms.handle_bounce(id, &error.unwrap(), bench.now)
}

#[test]
fn i2_a_message_to_a_room_that_was_lost_is_sent_once_more_after_the_join() {
    let mut bench = Bench::in_coven();
    write(&mut bench, "m1");
    write(&mut bench, "m2");
    assert_eq!(bounce(&mut bench, "m1", NOT_JOINED), BounceVerdict::Held);
    assert_eq!(bounce(&mut bench, "m2", NOT_JOINED), BounceVerdict::Held);
    let out = bench.out();
    assert_eq!(out.sent.len(), 1, "one join: {out:?}");
    bench.enter("thirdwitch", "");
    // What was missed comes first: it may show that an earlier copy had arrived.
    assert!(bench.out().sent.is_empty());
    let delay = "<delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:13:20Z'/>";
    bench.message(&said("thirdwitch", "m1", "Hail m1", delay));
    bench.subject();
    let out = bench.out();
    assert_eq!(out.sent.len(), 1);
    assert_eq!(out.sent[0].attr("id"), Some("m2"));
    // The second refusal is final.
    assert_eq!(bounce(&mut bench, "m2", NOT_JOINED), BounceVerdict::Failed);
}

#[test]
fn i2_a_held_message_fails_with_the_room() {
    let mut bench = Bench::in_coven();
    write(&mut bench, "m1");
    assert_eq!(bounce(&mut bench, "m1", NOT_JOINED), BounceVerdict::Held);
    bench.presence(&presence_error("thirdwitch", "forbidden", "auth"));
    let out = bench.out();
    assert_eq!(out.failed, ["m1"]);
}

#[test]
fn other_errors_concern_the_message() {
    for condition in [
        "forbidden",
        "not-allowed",
        "remote-server-timeout",
        "policy-violation",
    ] {
        let mut bench = Bench::in_coven();
        write(&mut bench, "m1");
        assert_eq!(bounce(&mut bench, "m1", condition), BounceVerdict::Failed);
        assert_eq!(bench.membership(), Some(Membership::Joined));
        assert!(bench.out().sent.is_empty());
    }
}

#[test]
fn t7_an_error_for_a_message_that_the_room_has_accepted_is_not_followed() {
    // Each occupant has seen its id by then.
    let mut bench = Bench::in_coven();
    write(&mut bench, "m1");
    bench.message(&said("thirdwitch", "m1", "Hail m1", ""));
    assert_eq!(bounce(&mut bench, "m1", NOT_JOINED), BounceVerdict::Failed);
    assert_eq!(bench.membership(), Some(Membership::Joined));
    assert!(bench.out().sent.is_empty());
}

#[test]
fn i20_messages_that_the_room_does_not_send_back_are_bounded() {
    let mut bench = Bench::in_coven();
    for number in 0..100 {
        write(&mut bench, &format!("m{number}"));
    }
    assert_eq!(bounce(&mut bench, "m0", NOT_JOINED), BounceVerdict::Failed);
    assert_eq!(bounce(&mut bench, "m99", NOT_JOINED), BounceVerdict::Held);
}
