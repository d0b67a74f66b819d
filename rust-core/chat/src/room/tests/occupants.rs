//! Who is in a room: nicknames, roles, exits.

use super::*;

#[test]
fn another_occupant_enters_changes_and_leaves() {
    let mut bench = Bench::in_coven();
    bench.presence(&occupant("firstwitch", ""));
    bench.presence(&occupant("firstwitch", ""));
    bench.presence(&presence(
        "firstwitch",
        "",
        "<item affiliation='owner' role='moderator' jid='crone1@shakespeare.lit/desktop'/>",
    ));
    bench.presence(&gone(
        "firstwitch",
        "<item affiliation='owner' role='none'/>",
    ));
    let events = bench.out().events;
    let [
        RoomEvent::Entered { .. },
        RoomEvent::OccupantChanged { occupant, .. },
        RoomEvent::Exited {
            exit: Exit::Left, ..
        },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(occupant.affiliation, Affiliation::Owner);
    assert_eq!(occupant.role, Role::Moderator);
}

#[test]
fn how_another_occupant_left() {
    let table = [
        ("<status code='307'/>", Exit::Kicked(None)),
        ("<status code='301'/>", Exit::Banned(None)),
        ("<status code='321'/>", Exit::MembersOnly),
        ("<status code='307'/><status code='333'/>", Exit::Technical),
    ];
    for (codes, expected) in table {
        let mut bench = Bench::in_coven();
        bench.presence(&occupant("firstwitch", ""));
        bench.out();
        bench.presence(&gone("firstwitch", &format!("<item role='none'/>{codes}")));
        let events = bench.out().events;
        assert!(
            matches!(&events[..], [RoomEvent::Exited { exit, .. }] if *exit == expected),
            "{events:?}"
        );
    }
}

#[test]
fn a_changed_nickname_is_one_event() {
    let mut bench = Bench::in_coven();
    bench.presence(&occupant("firstwitch", ""));
    bench.out();
    bench.presence(&gone(
        "firstwitch",
        "<item affiliation='member' role='participant' nick='oldhag'/><status code='303'/>",
    ));
    bench.presence(&occupant("oldhag", ""));
    let renamed = RoomEvent::Renamed {
        room: jid(COVEN),
        from: "firstwitch".to_owned(),
        to: "oldhag".to_owned(),
    };
    assert_eq!(bench.out().events, [renamed]);
}

#[test]
fn the_users_nickname_changes_or_not() {
    let nick = "oldhag".to_owned();
    let room = jid(COVEN);
    let changed = RoomEvent::NickChanged { room, nick };
    let mut bench = Bench::in_coven();
    bench.rooms.change_nick(&jid(COVEN), "oldhag", bench.now);
    let out = bench.out();
    assert_eq!(
        out.sent[0].to_xml(),
        "<presence to='coven@chat.shakespeare.lit/oldhag'/>"
    );
    bench.presence(&gone(
        "thirdwitch",
        "<item role='participant' nick='oldhag'/><status code='303'/><status code='110'/>",
    ));
    bench.enter("oldhag", "");
    assert_eq!(bench.out().events.first(), Some(&changed));
    // The next session asks for it.
    bench.online(SessionStart::New);
    let join = bench.out().sent[0].to_xml();
    assert!(join.contains("/oldhag'"), "{join}");

    // Another session of the user keeps the old nickname: there is no status 303.
    let mut bench = Bench::in_coven();
    bench.rooms.change_nick(&jid(COVEN), "oldhag", bench.now);
    bench.enter("oldhag", "");
    assert!(bench.out().events.contains(&changed));

    // .. and some services do not answer at all then: a message shows it, or nothing does.
    let mut bench = Bench::in_coven();
    bench.rooms.change_nick(&jid(COVEN), "oldhag", bench.now);
    let message = stanza(&format!(
        "<message to='{COVEN}' type='groupchat' id='m1'><body>Hail</body></message>"
    ));
    bench.rooms.handle_sent(&message, bench.now);
    bench.message(&said("oldhag", "m1", "Hail", ""));
    assert!(bench.out().events.contains(&changed));
    let mut bench = Bench::in_coven();
    bench.rooms.change_nick(&jid(COVEN), "oldhag", bench.now);
    let error = JoinError::TimedOut;
    let room = jid(COVEN);
    assert_eq!(
        bench.pass(30).events,
        [RoomEvent::NickRefused { room, error }]
    );

    let mut bench = Bench::in_coven();
    bench.rooms.change_nick(&jid(COVEN), "oldhag", bench.now);
    bench.presence(&presence_error("oldhag", "conflict", "cancel"));
    let error = JoinError::NickConflict;
    let room = jid(COVEN);
    assert_eq!(bench.out().events, [RoomEvent::NickRefused { room, error }]);
    assert_eq!(bench.rooms.info(&jid(COVEN)).unwrap().nick, "thirdwitch");
    assert_eq!(bench.membership(), Some(Membership::Joined));
}

#[test]
fn the_user_is_removed_for_good() {
    let table = [
        (
            "<item role='none'><actor nick='Fluellen'/><reason>Avaunt!</reason></item><status code='307'/>",
            "Kicked { actor: Some(text of 8 bytes), reason: Some(text of 7 bytes) }",
        ),
        (
            "<item affiliation='outcast' role='none'/><status code='301'/>",
            "Banned { actor: None, reason: None }",
        ),
        ("<item role='none'/><status code='321'/>", "MembersOnly"),
        ("<item role='none'/><status code='322'/>", "MembersOnly"),
        (
            "<item role='none'/><destroy jid='heath@chat.shakespeare.lit'><reason>Macbeth doth come.</reason></destroy>",
            "Destroyed { alternative: Some(BareJid { node: Some(\"heath\"), domain: \"chat.shakespeare.lit\" }), reason: Some(text of 18 bytes) }",
        ),
    ];
    for (x, expected) in table {
        let mut bench = Bench::in_coven();
        bench.presence(&gone("thirdwitch", x));
        let out = bench.out();
        let [RoomEvent::Left { reason, .. }] = out.events.as_slice() else {
            panic!("{out:?}");
        };
        assert_eq!(format!("{reason:?}"), expected);
        assert_eq!(bench.membership(), None);
        assert!(out.sent.is_empty());
        bench.online(SessionStart::New);
        assert!(bench.out().sent.is_empty());
    }
}

#[test]
fn i20_occupants_are_bounded_and_those_that_are_not_listed_are_counted() {
    let mut bench = Bench::in_coven();
    for number in 0..MAX_OCCUPANTS + 10 {
        bench.presence(&occupant(&format!("witch{number}"), ""));
    }
    let info = bench.rooms.info(&jid(COVEN)).unwrap();
    assert_eq!(info.occupants.len(), MAX_OCCUPANTS);
    assert_eq!(info.unlisted, 11);
    let events = bench.out().events;
    let faults = events
        .iter()
        .filter(|event| matches!(event, RoomEvent::Fault { .. }));
    assert_eq!(faults.count(), 1);
}
