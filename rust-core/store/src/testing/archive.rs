//! What is known of the archive and of duplicates, and what became of outbound stanzas of ended sessions.

use snapback_proto::knowledge::{
    ArchiveCursor, ArchiveRecheck, Delivery, Knowledge, Op, OpenSessions, OutboundKind,
    SEEN_MESSAGES, SeenMessage, SeenTag, SenderId, StableId, Way,
};
use snapback_proto::time::UnixTime;
use snapback_proto::xml::Element;

use crate::{Conflict, Store, StoreError};

use super::{apply, enabled, message, server, stanza};

fn load(store: &mut impl Store) -> Knowledge {
    store.load(&server()).unwrap()
}

fn after(id: &str) -> ArchiveCursor {
    ArchiveCursor::After(id.to_owned())
}

fn tag(number: u64) -> SeenTag {
    let mut tag = [0; 16];
    tag.iter_mut()
        .zip(number.to_be_bytes())
        .for_each(|(to, from)| *to = from);
    SeenTag(tag)
}

/// Closes and reopens a store that has files.
fn reopen(store: &mut impl Store) {
    store.close().unwrap();
    store.reopen().unwrap();
}

pub(super) fn the_cursor_moves_with_what_it_covers(store: &mut impl Store) {
    assert_eq!(load(store).archive, None);
    let since = ArchiveCursor::Since(UnixTime(1_795_305_600));
    apply(store, &[Op::ArchiveCursor(since.clone())]);
    reopen(store);
    assert_eq!(load(store).archive, Some(since.clone()));
    apply(store, &[Op::NoArchive]);
    reopen(store);
    assert_eq!(load(store).archive, None);
    // A stanza that is sent before the cursor moves remembers its position.
    apply(store, &[Op::ArchiveCursor(since.clone())]);
    let ops = [Op::Enqueue(message(0, false)), Op::MarkSent(vec![0])];
    apply(store, &ops);
    reopen(store);
    assert_eq!(fate(store, 0).2, Some(since));
    apply(store, &[Op::ArchiveCursor(ArchiveCursor::Start)]);
    assert_eq!(load(store).archive, Some(ArchiveCursor::Start));
    let delivery = Delivery::new("d", Element::new("message", "jabber:client"));
    let ops = [Op::Inbound(delivery), Op::ArchiveCursor(after("a1"))];
    apply(store, &ops);
    assert_eq!(load(store).archive, Some(after("a1")));
    // The second time the delivery is refused, and with it the cursor.
    let again = [Op::ArchiveCursor(after("a2")), ops[0].clone()];
    let refused = store.apply(&server(), &again);
    assert_eq!(refused, Err(StoreError::Conflict(Conflict::DeliveryExists)));
    assert_eq!(load(store).archive, Some(after("a1")));
    // A session begins and ends; the cursor stays.
    apply(store, &[enabled("one", &[]), Op::SmDropped]);
    reopen(store);
    assert_eq!(load(store).archive, Some(after("a1")));
}

pub(super) fn i2_what_was_seen_stays_seen(store: &mut impl Store) {
    let seen = load(store).seen;
    let digest = &seen.digest(b"said");
    let theirs = SenderId::Theirs {
        sender: "romeo@example.net",
        id: "o1",
    };
    let ours = SenderId::Ours {
        recipient: "romeo@example.net",
        id: "m1",
    };
    let (direct, indirect) = (Way::Direct, Way::Indirect);
    let ids = [
        StableId::Archive("a1"),
        StableId::Sender {
            id: theirs,
            way: direct,
        },
        StableId::Payload {
            id: theirs,
            way: direct,
            digest,
        },
        StableId::Sender {
            id: ours,
            way: indirect,
        },
    ];
    let tags = ids.map(|id| seen.tag(id));
    assert!(tags.iter().all(|tag| !seen.contains(*tag)));
    let (first, second) = tags.split_at(3);
    let note = |tags: &[SeenTag], reference: Option<&str>| {
        Op::Seen(SeenMessage {
            tags: tags.to_vec(),
            reference: reference.map(str::to_owned),
        })
    };
    let ops = [note(first, Some("d1")), note(second, None)];
    apply(store, &ops);
    for _ in 0..2 {
        // The key stays the same; otherwise the tags would be useless.
        let seen = load(store).seen;
        assert!(ids.iter().all(|id| seen.contains(seen.tag(*id))));
        assert!(!seen.contains(seen.tag(StableId::Archive("a2"))));
        assert_eq!(seen.reference(tags[1]), Some("d1"));
        assert_eq!(seen.reference(tags[3]), None);
        reopen(store);
    }
}

pub(super) fn the_oldest_messages_are_forgotten(store: &mut impl Store) {
    let note = |numbers: std::ops::Range<u64>| -> Vec<Op> {
        numbers
            .map(|n| {
                Op::Seen(SeenMessage {
                    tags: vec![tag(n)],
                    reference: None,
                })
            })
            .collect()
    };
    apply(store, &note(0..SEEN_MESSAGES));
    let seen = load(store).seen;
    assert!(seen.contains(tag(0)) && seen.contains(tag(SEEN_MESSAGES - 1)));
    apply(store, &note(SEEN_MESSAGES..SEEN_MESSAGES + 3));
    reopen(store);
    apply(store, &note(SEEN_MESSAGES + 3..SEEN_MESSAGES + 4));
    let seen = load(store).seen;
    assert!(!seen.contains(tag(3)) && seen.contains(tag(4)));
    assert!(seen.contains(tag(SEEN_MESSAGES)) && seen.contains(tag(SEEN_MESSAGES + 3)));
}

pub(super) fn i17_what_a_message_may_repeat_stays_known(store: &mut impl Store) {
    let delivery = Delivery {
        possible_duplicate_of: Some("d1".to_owned()),
        ..Delivery::new("d2", Element::new("message", "jabber:client"))
    };
    apply(store, &[Op::Inbound(delivery.clone())]);
    for _ in 0..2 {
        assert_eq!(
            store.undelivered().unwrap(),
            std::slice::from_ref(&delivery)
        );
        reopen(store);
    }
}

pub(super) fn w5_the_time_of_the_cursor_stays_known(store: &mut impl Store) {
    assert_eq!(load(store).archive_time, None);
    let time = |seconds| Op::ArchiveTime(UnixTime(seconds));
    apply(store, &[Op::ArchiveCursor(after("a1")), time(5), time(-7)]);
    for _ in 0..2 {
        let known = load(store);
        assert_eq!(known.archive_time, Some(UnixTime(-7)));
        assert_eq!(known.archive, Some(after("a1")));
        reopen(store);
    }
    apply(store, &[Op::NoArchive]);
    assert_eq!(load(store).archive_time, None);
}

pub(super) fn i21_what_the_archive_has_to_be_asked_for_stays_known(store: &mut impl Store) {
    assert_eq!(load(store).archive_recheck, None);
    let rechecks = [
        Some(ArchiveRecheck::HandOver(after("a1"))),
        Some(ArchiveRecheck::HandOver(ArchiveCursor::Start)),
        Some(ArchiveRecheck::Settle(after("a2"))),
        Some(ArchiveRecheck::Asked {
            place: after("a1"),
            known: after("a2"),
        }),
        None,
        Some(ArchiveRecheck::Settle(ArchiveCursor::Start)),
    ];
    for recheck in rechecks {
        apply(store, &[Op::ArchiveRecheck(recheck.clone())]);
        reopen(store);
        assert_eq!(load(store).archive_recheck, recheck);
        // It does not belong to a session.
        apply(store, &[enabled("one", &[]), Op::SmDropped]);
        assert_eq!(load(store).archive_recheck, recheck);
    }
    apply(store, &[Op::NoArchive]);
    assert_eq!(load(store).archive_recheck, None);
}

pub(super) fn i8_open_sessions_stay_known(store: &mut impl Store) {
    assert_eq!(load(store).open_sessions, OpenSessions::default());
    for (own, other) in [(true, false), (true, true), (false, true)] {
        let sessions = OpenSessions { own, other };
        apply(store, &[Op::OpenSessions(sessions)]);
        reopen(store);
        assert_eq!(load(store).open_sessions, sessions);
        apply(store, &[enabled("one", &[]), Op::SmDropped]);
        assert_eq!(load(store).open_sessions, sessions);
    }
}

pub(super) fn i8_a_possible_gap_stays_known_until_it_was_received(store: &mut impl Store) {
    assert_eq!(store.possible_gap(), Ok(false));
    for is_untold in [true, false] {
        apply(store, &[Op::PossibleGap(is_untold)]);
        reopen(store);
        assert_eq!(store.possible_gap(), Ok(is_untold));
    }
}

/// Returns a stanza as the next connection finds it: whether it was sent in this session, in an earlier one, and after
/// which position of the archive.
fn fate(store: &mut impl Store, seq: u64) -> (bool, bool, Option<ArchiveCursor>) {
    let queue = load(store).queue;
    let row = queue.into_iter().find(|row| row.seq == seq).unwrap();
    (row.sent, row.unknown, row.sent_after)
}

pub(super) fn i8_a_message_of_a_lost_session_is_unknown(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    apply(store, &[Op::ArchiveCursor(after("a1"))]);
    apply(
        store,
        &[
            Op::Enqueue(message(0, false)),
            Op::Enqueue(message(1, false)),
        ],
    );
    apply(store, &[Op::MarkSent(vec![0])]);
    apply(store, &[Op::ArchiveCursor(after("a2"))]);
    assert_eq!(fate(store, 0), (true, false, Some(after("a1"))));
    assert_eq!(fate(store, 1), (false, false, None));
    apply(store, &[Op::SmDropped]);
    reopen(store);
    assert_eq!(fate(store, 0), (false, true, Some(after("a1"))));
    assert_eq!(fate(store, 1), (false, false, None));
    // Sent again, it is still unknown whether it arrived the first time, and the archive would have it at the first
    // position.
    apply(store, &[enabled("two", &[]), Op::MarkSent(vec![0, 1])]);
    assert_eq!(fate(store, 0), (true, true, Some(after("a1"))));
    assert_eq!(fate(store, 1), (true, false, Some(after("a2"))));
}

pub(super) fn i8_only_messages_note_the_cursor(store: &mut impl Store) {
    apply(
        store,
        &[Op::ArchiveCursor(after("a1")), enabled("one", &[])],
    );
    apply(
        store,
        &[Op::Enqueue(stanza(0, OutboundKind::SessionBound, false))],
    );
    apply(store, &[Op::MarkSent(vec![0])]);
    assert_eq!(fate(store, 0), (true, false, None));
}
