//! What strangers send: reported, and not followed.

use super::*;

fn fault(bench: &mut Bench) -> RoomFault {
    let events = bench.out().events;
    match events.as_slice() {
        [RoomEvent::Fault { fault, .. }] => *fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn i18_a_presence_that_cannot_be_read_is_reported() {
    for xml in [
        format!("<presence from='{COVEN}/firstwitch'/>"),
        presence("firstwitch", "", ""),
        presence("firstwitch", "type='subscribe'", "<item role='visitor'/>"),
        presence("firstwitch", "", "<item role='king'/>"),
        presence("firstwitch", "", "<item affiliation='king'/>"),
    ] {
        let mut bench = Bench::in_coven();
        bench.presence(&xml);
        assert!(
            matches!(fault(&mut bench), RoomFault::Malformed(_)),
            "{xml}"
        );
        assert_eq!(bench.membership(), Some(Membership::Joined));
    }
}

#[test]
fn presence_of_other_senders_changes_nothing() {
    for from in [
        "crone1@shakespeare.lit/desktop",
        "coven@chat.example.net/thirdwitch",
        COVEN,
    ] {
        let mut bench = Bench::in_coven();
        bench.presence(&format!(
            "<presence from='{from}' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>\
             <item role='none'/><status code='110'/><status code='301'/></x></presence>"
        ));
        assert!(bench.out().events.is_empty(), "{from}");
        assert_eq!(bench.membership(), Some(Membership::Joined));
    }
}

#[test]
fn t7_status_codes_of_an_occupant_are_not_the_rooms() {
    let status = "<x xmlns='http://jabber.org/protocol/muc#user'><status code='172'/></x>";
    let mut bench = Bench::in_coven();
    bench.message(&said("firstwitch", "1", "all see you now", status));
    assert_eq!(fault(&mut bench), RoomFault::Forged("status"));
    bench.message(&format!(
        "<message from='{COVEN}' type='groupchat'>{status}</message>"
    ));
    let changed = RoomEvent::Reconfigured {
        room: jid(COVEN),
        change: RoomChange::Addresses(true),
    };
    assert_eq!(bench.out().events, [changed]);
}

#[test]
fn t7_an_archive_result_has_messages_of_its_own_room_only() {
    let query = "room-catch-up-0";
    let result = |from: &str, inner: &str, kind: &str| {
        format!(
            "<message from='{from}'><result xmlns='urn:xmpp:mam:2' queryid='{query}' id='a1'>\
             <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{inner}' type='{kind}'>\
             <body>x</body></message></forwarded></result></message>"
        )
    };
    let table = [
        (COVEN, "romeo@montague.lit/orchard", "chat", false),
        (
            COVEN,
            "heath@chat.shakespeare.lit/firstwitch",
            "groupchat",
            false,
        ),
        (
            COVEN,
            "coven@chat.shakespeare.lit/firstwitch",
            "chat",
            false,
        ),
        (
            "romeo@montague.lit",
            "coven@chat.shakespeare.lit/firstwitch",
            "groupchat",
            false,
        ),
        (
            COVEN,
            "coven@chat.shakespeare.lit/firstwitch",
            "groupchat",
            true,
        ),
    ];
    for (from, inner, kind, is_taken) in table {
        let mut bench = Bench::in_coven();
        let verdict = bench.message(&result(from, inner, kind));
        assert_eq!(
            matches!(verdict, MessageVerdict::Replace(_)),
            is_taken,
            "{from} {inner}"
        );
        if !is_taken {
            assert_eq!(fault(&mut bench), RoomFault::Forged("archive result"));
        }
    }
    // The results of the app's own queries are the app's.
    let mut bench = Bench::in_coven();
    let own = result(COVEN, "coven@chat.shakespeare.lit/firstwitch", "groupchat");
    let verdict = bench.message(&own.replace(query, "of-the-app"));
    assert_eq!(verdict, MessageVerdict::Deliver);
}

#[test]
fn invitations_name_who_invites() {
    let direct = "<message from='crone1@shakespeare.lit/desktop'>\
                  <x xmlns='jabber:x:conference' jid='darkcave@macbeth.shakespeare.lit' password='cauldronburn' reason='Hey Hecate'/></message>";
    let mediated = "<message from='darkcave@macbeth.shakespeare.lit'><x xmlns='http://jabber.org/protocol/muc#user'>\
                    <invite from='crone1@shakespeare.lit/desktop'><reason>Hey Hecate</reason></invite>\
                    <password>cauldronburn</password></x></message>";
    for (xml, is_direct) in [(direct, true), (mediated, false)] {
        let mut bench = Bench::new();
        bench.online(SessionStart::New);
        assert_eq!(bench.message(xml), MessageVerdict::Deliver);
        let events = bench.out().events;
        let [RoomEvent::Invited(invitation)] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(invitation.room, jid("darkcave@macbeth.shakespeare.lit"));
        assert_eq!(
            invitation.by,
            Some("crone1@shakespeare.lit/desktop".parse().unwrap())
        );
        assert_eq!(invitation.is_direct, is_direct);
        assert_eq!(invitation.password.as_deref(), Some("cauldronburn"));
        assert!(!format!("{invitation:?}").contains("cauldron"));
        // Nothing is joined by that.
        assert_eq!(bench.rooms.rooms().count(), 0);
        assert_eq!(invitation.decline(Some("Sorry")).is_none(), is_direct);
    }
    // An error repeats what the user has sent.
    let mut bench = Bench::new();
    bench.online(SessionStart::New);
    bench.message(&direct.replace("'>", "' type='error'>"));
    assert!(bench.out().events.is_empty());
}

#[test]
fn t7_an_occupant_cannot_invite_in_the_rooms_name() {
    let mut bench = Bench::in_coven();
    bench.message(&format!(
        "<message from='{COVEN}/firstwitch'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <invite from='crone1@shakespeare.lit'/></x></message>"
    ));
    assert_eq!(fault(&mut bench), RoomFault::Forged("invitation"));
}

#[test]
fn requests_of_owners_are_those_of_the_specification() {
    use super::super::requests;
    use snapback_wire::xep::forms::Field;
    let room = jid(COVEN);
    let user = jid("wiccarocks@shakespeare.lit");
    let table = [
        (
            requests::affiliated(&room, Affiliation::Member),
            "<iq type='get' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>",
        ),
        (
            requests::set_affiliation(&room, &user, Affiliation::Outcast, Some("Treason")),
            "<iq type='set' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='wiccarocks@shakespeare.lit' affiliation='outcast'><reason>Treason</reason></item></query></iq>",
        ),
        (
            requests::set_role(&room, "pistol", Role::None, None),
            "<iq type='set' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='pistol' role='none'/></query></iq>",
        ),
        (
            requests::configure(
                &room,
                vec![Field::single("muc#roomconfig_roomname", "Dark")],
            ),
            "<iq type='set' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_roomname'><value>Dark</value></field></x></query></iq>",
        ),
        (
            requests::destroy(&room, Some(&jid("heath@chat.shakespeare.lit")), None),
            "<iq type='set' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='heath@chat.shakespeare.lit'/></query></iq>",
        ),
    ];
    for (request, expected) in table {
        assert_eq!(request.to_xml(), expected);
    }
    let list = stanza(
        "<iq type='result' id='1'><query xmlns='http://jabber.org/protocol/muc#admin'>\
         <item affiliation='member' jid='hag66@shakespeare.lit' nick='thirdwitch' role='participant'/>\
         <item affiliation='member' jid='@'/><item affiliation='king' jid='a@b'/></query></iq>",
    );
    let (members, unreadable) = requests::read_affiliated(&list).unwrap();
    assert_eq!((members.len(), unreadable), (1, 2));
    assert_eq!(members[0].nick.as_deref(), Some("thirdwitch"));
}
