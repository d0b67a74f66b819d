//! Joining a room, and why it fails.

use snapback_wire::stanza::StanzaCondition;

use super::*;

#[test]
fn a_join_without_a_session_waits_for_one() {
    let mut bench = Bench::new();
    bench.join(COVEN, "thirdwitch");
    let out = bench.out();
    assert!(out.sent.is_empty() && out.timer.is_none());
    assert_eq!(bench.membership(), Some(Membership::Offline));
    bench.online(SessionStart::New);
    let out = bench.out();
    let join = "<presence to='coven@chat.shakespeare.lit/thirdwitch'><x xmlns='http://jabber.org/protocol/muc'/></presence>";
    assert_eq!(out.sent[0].to_xml(), join);
    assert_eq!(bench.membership(), Some(Membership::Joining));
}

#[test]
fn password_and_history_are_part_of_the_join() {
    let table = [
        (History::Default, ""),
        (History::None, "<history maxstanzas='0'/>"),
        (History::Last(7), "<history maxstanzas='7'/>"),
        (History::Seconds(180), "<history seconds='180'/>"),
        (
            History::Since(UnixTime(0)),
            "<history since='1970-01-01T00:00:00Z'/>",
        ),
        (
            History::After("28482-98726-73623".to_owned()),
            "<history maxstanzas='0'/>",
        ),
    ];
    for (history, expected) in table {
        let mut bench = Bench::new();
        bench.online(SessionStart::New);
        let options = RoomOptions {
            password: Some("cauldronburn".into()),
            history,
            ..RoomOptions::new("thirdwitch")
        };
        assert!(!format!("{options:?}").contains("cauldron"));
        bench.rooms.join(jid(COVEN), options, bench.now);
        let join = bench.out().sent[0].to_xml();
        let x = format!("<password>cauldronburn</password>{expected}</x>");
        assert!(join.contains(&x), "{join}");
    }
}

#[test]
fn the_users_own_presence_ends_the_join() {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    bench.out();
    bench.presence(&occupant("firstwitch", ""));
    assert!(bench.out().events.is_empty());
    bench.enter("thirdwitch", "");
    let joined = RoomEvent::Joined {
        room: jid(COVEN),
        nick: "thirdwitch".to_owned(),
        is_created: false,
        is_again: false,
    };
    assert_eq!(bench.out().events, [joined]);
    let info = bench.rooms.info(&jid(COVEN)).unwrap();
    let nicks: Vec<_> = info.occupants.iter().map(|one| one.nick.as_str()).collect();
    assert_eq!(nicks, ["firstwitch", "thirdwitch"]);
    assert_eq!(info.membership, Membership::Joined);
}

#[test]
fn the_room_decides_on_the_nickname() {
    // Status 210; and another occupant has the requested one.
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "anna");
    bench.out();
    bench.presence(&occupant("anna", ""));
    assert!(bench.out().events.is_empty());
    bench.enter("kousu", "<status code='210'/>");
    let events = bench.out().events;
    assert!(matches!(&events[0], RoomEvent::Joined { nick, .. } if nick == "kousu"));
    assert_eq!(bench.rooms.info(&jid(COVEN)).unwrap().nick, "kousu");
    // The check names the assigned one.
    let out = bench.pass(15 * 60);
    assert!(out.request_xml("ping").1.contains("/kousu'"));
}

#[test]
fn a_service_without_status_110_is_known_by_the_address() {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    bench.presence(&presence(
        "thirdwitch",
        "",
        "<item affiliation='none' role='participant' jid='Hag66@Shakespeare.lit/pda'/>",
    ));
    assert_eq!(bench.membership(), Some(Membership::Joined));
}

#[test]
fn a_refused_join_says_why() {
    use StanzaCondition::{InternalServerError, PolicyViolation};
    let table = [
        ("not-authorized", "auth", "PasswordNeeded"),
        ("registration-required", "auth", "MembersOnly"),
        ("forbidden", "auth", "Banned"),
        ("conflict", "cancel", "NickConflict"),
        ("not-acceptable", "cancel", "NickLocked"),
        ("not-allowed", "cancel", "CreationRestricted"),
        ("item-not-found", "cancel", "NotFound"),
        ("service-unavailable", "wait", "Full"),
        ("service-unavailable", "cancel", "Unreachable"),
        ("remote-server-not-found", "cancel", "Unreachable"),
        ("gone", "cancel", "Gone { alternative: None }"),
        (InternalServerError.name(), "wait", "Refused"),
        (PolicyViolation.name(), "cancel", "Refused"),
    ];
    for (condition, kind, expected) in table {
        let mut bench = Bench::new();
        bench.online(SessionStart::New);
        bench.join(COVEN, "thirdwitch");
        bench.out();
        bench.presence(&presence_error("thirdwitch", condition, kind));
        let out = bench.out();
        let [RoomEvent::JoinFailed { error, .. }] = out.events.as_slice() else {
            panic!("{out:?}");
        };
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert_eq!(bench.membership(), None);
        // Nothing of it comes later.
        assert!(out.timer.is_none() && out.abandoned == 1);
    }
}

#[test]
fn a_room_that_has_moved_says_where() {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    bench.out();
    bench.presence(&format!(
        "<presence from='{COVEN}' type='error'><error type='cancel' by='{COVEN}'>\
         <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:heath@chat.shakespeare.lit?join</gone></error></presence>"
    ));
    let alternative = Some(jid("heath@chat.shakespeare.lit"));
    let failed = RoomEvent::JoinFailed {
        room: jid(COVEN),
        error: JoinError::Gone { alternative },
    };
    assert_eq!(bench.out().events, [failed]);
}

#[test]
fn a_room_that_does_not_answer_fails_the_first_join() {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    let out = bench.pass(59);
    assert!(out.events.is_empty());
    let out = bench.pass(1);
    let error = JoinError::TimedOut;
    let room = jid(COVEN);
    assert_eq!(out.events, [RoomEvent::JoinFailed { room, error }]);
}

#[test]
fn an_answer_that_the_server_holds_back_is_fetched() {
    // XEP-0352: presence waits on the server while the user does not use the client, until something else is sent.
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    assert_eq!(bench.pass(9).pings(), 0);
    let out = bench.pass(1);
    assert_eq!(out.pings(), 1);
    bench.enter("thirdwitch", "");
    let result = format!("<iq type='result' from='{COVEN}/thirdwitch' id='p'/>");
    bench.answer(out.request("ping"), &result);
    assert_eq!(bench.membership(), Some(Membership::Joined));
    assert_eq!(bench.pass(14 * 60).pings(), 0);
}

#[test]
fn what_cannot_be_joined_is_not_asked_for() {
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "");
    let events = bench.out().events;
    let is_invalid = |event: &RoomEvent| {
        matches!(
            event,
            RoomEvent::JoinFailed {
                error: JoinError::NickInvalid(_),
                ..
            }
        )
    };
    assert!(is_invalid(&events[0]));
    for room in 0..MAX_ROOMS {
        bench.join(&format!("r{room}@chat.shakespeare.lit"), "w");
    }
    assert!(bench.out().events.is_empty());
    bench.join(COVEN, "w");
    let error = JoinError::TooManyRooms;
    let room = jid(COVEN);
    assert_eq!(bench.out().events, [RoomEvent::JoinFailed { room, error }]);
}

#[test]
fn a_new_room_is_opened_kept_locked_or_discarded() {
    for creation in [Creation::Instant, Creation::Reserved, Creation::Never] {
        let mut bench = Bench::new();
        bench.online(SessionStart::New);
        let options = RoomOptions {
            creation,
            ..RoomOptions::new("thirdwitch")
        };
        bench.rooms.join(jid(COVEN), options, bench.now);
        bench.out();
        bench.enter("thirdwitch", "<status code='201'/>");
        let out = bench.out();
        let opens = out.requests.iter().filter(|(_, iq)| {
            iq.to_xml().contains(
                "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>",
            )
        });
        assert_eq!(opens.count(), usize::from(creation == Creation::Instant));
        match creation {
            Creation::Never => {
                assert_eq!(out.sent[0].attr("type"), Some("unavailable"));
                let error = JoinError::NotFound;
                let room = jid(COVEN);
                assert_eq!(out.events, [RoomEvent::JoinFailed { room, error }]);
            }
            _ => assert!(is_created(&out)),
        }
    }
}

fn is_created(out: &Out) -> bool {
    let created = RoomEvent::Joined {
        room: jid(COVEN),
        nick: "thirdwitch".to_owned(),
        is_created: true,
        is_again: false,
    };
    out.events == [created]
}

/// Before, it is locked: a user who follows an invitation that was sent at once would not find it.
#[test]
fn it_is_told_when_others_can_join_a_new_room() {
    let refused = "<iq type='error'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    for answer in [Some("<iq type='result'/>"), Some(refused), None] {
        let mut bench = Bench::new();
        bench.online(SessionStart::New);
        bench.join(COVEN, "thirdwitch");
        bench.out();
        bench.enter("thirdwitch", "<status code='201'/>");
        let out = bench.out();
        assert!(is_created(&out) && out.opened.is_empty());
        assert!(bench.rooms.is_opening(&jid(COVEN)));
        let open = out.request("query");
        let out = match answer {
            Some(answer) => {
                bench.answer(open, answer);
                bench.out()
            }
            None => bench.pass(60),
        };
        assert_eq!(out.opened, [jid(COVEN)], "{answer:?}");
        assert!(!bench.rooms.is_opening(&jid(COVEN)));
        bench.answer(open, "<iq type='result'/>");
        assert!(bench.out().opened.is_empty());
    }
}

#[test]
fn a_room_is_left_when_it_confirms_it_or_after_a_while() {
    let left = [RoomEvent::Left {
        room: jid(COVEN),
        reason: LeaveReason::Requested,
    }];
    let mut bench = Bench::in_coven();
    bench.rooms.leave(&jid(COVEN), bench.now);
    let out = bench.out();
    let leave = "<presence to='coven@chat.shakespeare.lit/thirdwitch' type='unavailable'/>";
    assert_eq!(out.sent[0].to_xml(), leave);
    bench.presence(&gone(
        "thirdwitch",
        "<item role='none'/><status code='110'/>",
    ));
    assert_eq!(bench.out().events, left);
    assert_eq!(bench.membership(), None);

    let mut bench = Bench::in_coven();
    bench.rooms.leave(&jid(COVEN), bench.now);
    assert_eq!(bench.pass(30).events, left);

    // Left before it was joined.
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.join(COVEN, "thirdwitch");
    bench.rooms.leave(&jid(COVEN), bench.now);
    let out = bench.out();
    assert_eq!(out.sent.len(), 2);
    let error = JoinError::Cancelled;
    let room = jid(COVEN);
    assert_eq!(out.events, [RoomEvent::JoinFailed { room, error }]);
}

#[test]
fn a_room_that_was_left_and_joined_at_once_is_joined() {
    let mut bench = Bench::in_coven();
    bench.rooms.leave(&jid(COVEN), bench.now);
    bench.join(COVEN, "thirdwitch");
    bench.out();
    // The answers come in order.
    bench.presence(&gone(
        "thirdwitch",
        "<item role='none'/><status code='110'/>",
    ));
    assert_eq!(bench.membership(), Some(Membership::Joining));
    bench.enter("thirdwitch", "");
    assert_eq!(bench.membership(), Some(Membership::Joined));
}
