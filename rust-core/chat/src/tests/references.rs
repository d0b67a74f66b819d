use super::key;
use crate::{
    Certainty, Conversation, MessageKey, Mismatch, Reference, ReferenceKind, RoomFeatures,
};

const NONE: RoomFeatures = RoomFeatures {
    stanza_ids: false,
    occupant_ids: false,
};
const ALL: RoomFeatures = RoomFeatures {
    stanza_ids: true,
    occupant_ids: true,
};

fn about(kind: ReferenceKind, id: &str) -> Reference {
    Reference {
        kind,
        id: id.to_owned(),
    }
}

/// A message of a contact with these addresses and id.
fn direct(from: &str, to: &str, id: &str) -> MessageKey {
    key(&format!(
        "<message from='{from}' to='{to}' id='{id}' type='chat'><body>x</body></message>"
    ))
    .unwrap()
}

/// A message of a room.
fn room(nick: &str, id: &str, children: &str) -> MessageKey {
    key(&format!(
        "<message from='coven@chat.lit{nick}' to='juliet@capulet.lit/b' id='{id}' type='groupchat'>{children}</message>"
    ))
    .unwrap()
}

fn occupant(id: &str) -> String {
    format!("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{id}'/>")
}

const ROMEO: &str = "romeo@montague.lit/orchard";
const JULIET: &str = "juliet@capulet.lit/balcony";

#[test]
fn a_conversation_is_with_the_other_side_of_a_message() {
    let received = direct(ROMEO, JULIET, "m");
    assert_eq!(received.kind, Conversation::Contact);
    assert_eq!(received.conversation, "romeo@montague.lit");
    assert_eq!(received.sender, "romeo@montague.lit");
    let sent = direct("juliet@capulet.lit/garden", "Romeo@Montague.lit", "m");
    assert_eq!(sent.conversation, received.conversation);
    assert_eq!(sent.sender, "juliet@capulet.lit");
    let to_self = direct(JULIET, "juliet@capulet.lit", "m");
    assert_eq!(to_self.conversation, "juliet@capulet.lit");
    let private = key(
        "<message from='coven@chat.lit/hecate' to='juliet@capulet.lit/b' type='chat' id='m'>
           <body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>",
    );
    let private = private.unwrap();
    assert_eq!(private.kind, Conversation::Occupant);
    assert_eq!(private.conversation, "coven@chat.lit/hecate");
    let invitation = key(
        "<message from='coven@chat.lit' to='juliet@capulet.lit'><x xmlns='http://jabber.org/protocol/muc#user'>
           <invite from='romeo@montague.lit'/></x></message>",
    );
    assert_eq!(invitation.unwrap().kind, Conversation::Contact);
}

#[test]
fn w4_nothing_of_an_unreadable_address_or_an_error_is_trusted() {
    assert_eq!(
        key("<message from='@' to='juliet@capulet.lit' id='m'/>"),
        None
    );
    assert_eq!(
        key("<message from='romeo@montague.lit' to='@' id='m'/>"),
        None
    );
    assert_eq!(
        key("<message from='romeo@montague.lit' to='juliet@capulet.lit' id='m' type='error'/>"),
        None
    );
    // Without one it comes from the account itself.
    assert_eq!(
        key("<message id='m'/>").unwrap().sender,
        "juliet@capulet.lit"
    );
}

#[test]
fn t7_only_its_author_corrects_and_retracts_a_message() {
    let original = direct(ROMEO, JULIET, "m");
    for kind in [ReferenceKind::Correction, ReferenceKind::Retraction] {
        let check =
            |change: MessageKey, id: &str| change.refers_to(&about(kind, id), &original, NONE);
        // Another client of the same person, however the address is spelled (rule W3).
        for from in [ROMEO, "Romeo@MONTAGUE.lit/phone", "romeo@montague.lit"] {
            assert_eq!(
                check(direct(from, JULIET, "c"), "m"),
                Ok(Certainty::Proven),
                "{from}"
            );
        }
        // Juliet cannot change what Romeo wrote, from whatever device.
        let own = direct("juliet@capulet.lit/garden", ROMEO, "c");
        assert_eq!(check(own, "m"), Err(Mismatch::OtherSender));
        for from in [
            "tybalt@capulet.lit/x",
            "romeo@montague.lit.evil.lit/x",
            "montague.lit",
        ] {
            let other = check(direct(from, JULIET, "c"), "m");
            assert_eq!(other, Err(Mismatch::OtherConversation), "{from}");
        }
        assert_eq!(
            check(direct(ROMEO, JULIET, "c"), "n"),
            Err(Mismatch::OtherMessage)
        );
        assert_eq!(
            check(direct(ROMEO, JULIET, "c"), ""),
            Err(Mismatch::OtherMessage)
        );
    }
}

#[test]
fn t7_in_a_room_the_occupant_counts_and_not_the_nickname() {
    let correct = about(ReferenceKind::Correction, "m");
    let original = room("/hecate", "m", &occupant("1"));
    let same = room("/hecate", "c", &occupant("1"));
    assert_eq!(
        same.refers_to(&correct, &original, ALL),
        Ok(Certainty::Proven)
    );
    // The occupant has another nickname now.
    let renamed = room("/witch", "c", &occupant("1"));
    assert_eq!(
        renamed.refers_to(&correct, &original, ALL),
        Ok(Certainty::Proven)
    );
    // Another person has the nickname now, or the id is missing, or was missing.
    let stolen = room("/hecate", "c", &occupant("2"));
    assert_eq!(
        stolen.refers_to(&correct, &original, ALL),
        Err(Mismatch::OtherSender)
    );
    let unnamed = room("/hecate", "c", "");
    assert_eq!(
        unnamed.refers_to(&correct, &original, ALL),
        Err(Mismatch::OtherSender)
    );
    let unknown = room("/hecate", "m", "");
    assert_eq!(
        same.refers_to(&correct, &unknown, ALL),
        Err(Mismatch::OtherSender)
    );
    // A room that does not announce the ids does not remove forged ones: only the nickname is known.
    assert_eq!(
        stolen.refers_to(&correct, &original, NONE),
        Ok(Certainty::SameNickname)
    );
    assert_eq!(
        renamed.refers_to(&correct, &original, NONE),
        Err(Mismatch::OtherSender)
    );
    let elsewhere = key("<message from='other@chat.lit/hecate' id='c' type='groupchat'/>").unwrap();
    assert_eq!(
        elsewhere.refers_to(&correct, &original, NONE),
        Err(Mismatch::OtherConversation)
    );
}

#[test]
fn t7_others_refer_to_a_message_of_a_room_by_the_id_of_the_room() {
    let by_room = "<stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.lit' id='forged'/><stanza-id xmlns='urn:xmpp:sid:0' by='Coven@chat.lit' id='s'/>";
    let original = room("/hecate", "m", by_room);
    assert_eq!(original.room_id.as_deref(), Some("s"));
    let other = room("/witch", "r", "");
    for kind in [
        ReferenceKind::Reactions,
        ReferenceKind::Reply,
        ReferenceKind::Displayed,
    ] {
        assert_eq!(
            other.refers_to(&about(kind, "s"), &original, ALL),
            Ok(Certainty::Proven)
        );
        for id in ["m", "forged"] {
            let forged = other.refers_to(&about(kind, id), &original, ALL);
            assert_eq!(forged, Err(Mismatch::OtherMessage), "{kind:?}");
        }
    }
    // Where the room assigns none, there is nothing that the occupants could not choose.
    let reaction = about(ReferenceKind::Reactions, "s");
    assert_eq!(
        other.refers_to(&reaction, &original, NONE),
        Err(Mismatch::OtherMessage)
    );
    // The id in another room's name is no id of this room.
    let foreign = room(
        "/hecate",
        "m",
        "<stanza-id xmlns='urn:xmpp:sid:0' by='x@chat.lit' id='s'/>",
    );
    assert_eq!(foreign.room_id, None);
}

#[test]
fn t7_only_the_room_itself_moderates() {
    let original = room(
        "/hecate",
        "m",
        "<stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.lit' id='s'/>",
    );
    let moderate = about(ReferenceKind::Moderation, "s");
    let of_room = room("", "c", "");
    assert_eq!(
        of_room.refers_to(&moderate, &original, ALL),
        Ok(Certainty::Proven)
    );
    for nick in ["/hecate", "/witch"] {
        let of_occupant = room(nick, "c", "");
        assert_eq!(
            of_occupant.refers_to(&moderate, &original, ALL),
            Err(Mismatch::OtherSender)
        );
    }
    let direct_original = direct(ROMEO, JULIET, "m");
    let in_direct = direct(ROMEO, JULIET, "c");
    let moderate = about(ReferenceKind::Moderation, "m");
    assert_eq!(
        in_direct.refers_to(&moderate, &direct_original, ALL),
        Err(Mismatch::OtherSender)
    );
}

#[test]
fn both_sides_react_reply_and_mark() {
    let original = direct(ROMEO, JULIET, "m");
    for kind in [
        ReferenceKind::Reactions,
        ReferenceKind::Reply,
        ReferenceKind::Displayed,
        ReferenceKind::Receipt,
    ] {
        let own = direct("juliet@capulet.lit/garden", ROMEO, "r");
        assert_eq!(
            own.refers_to(&about(kind, "m"), &original, NONE),
            Ok(Certainty::Proven)
        );
        let theirs = direct(ROMEO, JULIET, "r");
        assert_eq!(
            theirs.refers_to(&about(kind, "m"), &original, NONE),
            Ok(Certainty::Proven)
        );
        let tybalt = direct("tybalt@capulet.lit", JULIET, "r");
        assert_eq!(
            tybalt.refers_to(&about(kind, "m"), &original, NONE),
            Err(Mismatch::OtherConversation)
        );
    }
}

#[test]
fn a_correction_may_use_the_senders_own_id() {
    // Some rooms and gateways change the attribute `id`.
    let original = room(
        "/hecate",
        "rewritten",
        &format!(
            "{}<origin-id xmlns='urn:xmpp:sid:0' id='o'/>",
            occupant("1")
        ),
    );
    let change = room("/hecate", "c", &occupant("1"));
    let correct =
        |id: &str| change.refers_to(&about(ReferenceKind::Correction, id), &original, ALL);
    assert_eq!(correct("o"), Ok(Certainty::Proven));
    assert_eq!(correct("rewritten"), Ok(Certainty::Proven));
    assert_eq!(correct("x"), Err(Mismatch::OtherMessage));
}
