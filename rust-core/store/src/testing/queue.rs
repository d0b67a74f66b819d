//! The outbound queue.

use snapback_proto::escalation::Subject;
use snapback_proto::knowledge::{Op, OutboundKind, StanzaHead};
use snapback_proto::time::UnixTime;
use snapback_proto::xml::Element;

use crate::{Conflict, NewStanza, Store, StoreError};

use super::{apply, enabled, message, new_message, queue, refused, server, sm, stanza};

pub(super) fn sent_first_then_by_number(store: &mut impl Store) {
    for seq in 0..4 {
        apply(store, &[Op::Enqueue(message(seq, false))]);
    }
    apply(store, &[Op::MarkSent(vec![2])]);
    assert_eq!(
        queue(store),
        [(2, true), (0, false), (1, false), (3, false)]
    );
    let stored = store.load(&server()).unwrap().queue;
    assert_eq!(stored.first(), Some(&message(2, true)));
}

/// A message that is sent again follows the new session's presence, though its number is lower. If the two were
/// swapped, the server's count would acknowledge the wrong one, and the message would be lost.
pub(super) fn i5_sent_stanzas_keep_the_order_of_sending(store: &mut impl Store) {
    apply(store, &[enabled("old", &[])]);
    apply(store, &[Op::Enqueue(message(0, true))]);
    apply(store, &[Op::SmDropped]);
    apply(store, &[enabled("new", &[])]);
    let greeting = stanza(1, OutboundKind::Core, true);
    apply(store, &[Op::Enqueue(greeting)]);
    apply(store, &[Op::MarkSent(vec![0])]);
    apply(store, &[Op::Enqueue(message(2, true))]);
    assert_eq!(queue(store), [(1, true), (0, true), (2, true)]);
}

pub(super) fn numbers_are_never_used_twice(store: &mut impl Store) {
    assert_eq!(store.enqueue(new_message("a")), Ok(0));
    assert_eq!(store.enqueue(new_message("b")), Ok(1));
    apply(store, &[Op::Failed(vec![0, 1])]);
    assert_eq!(store.load(&server()).unwrap().next_seq, 2);
    let reused = store.apply(&server(), &[Op::Enqueue(message(1, false))]);
    assert_eq!(reused, Err(StoreError::Conflict(Conflict::SeqTaken(1))));
    apply(store, &[Op::Enqueue(message(7, false))]);
    assert_eq!(store.enqueue(new_message("c")), Ok(8));
    apply(store, &[enabled("one", &[message(20, true)])]);
    assert_eq!(store.load(&server()).unwrap().next_seq, 21);
}

pub(super) fn i8_only_messages_outlive_a_session(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    let kinds = [
        OutboundKind::Message,
        OutboundKind::Core,
        OutboundKind::SessionBound,
    ];
    for (seq, kind) in (0..).zip(kinds) {
        apply(store, &[Op::Enqueue(stanza(seq, kind, true))]);
    }
    for (seq, kind) in (3..).zip(kinds) {
        apply(store, &[Op::Enqueue(stanza(seq, kind, false))]);
    }
    apply(store, &[Op::Failed(vec![2]), Op::SmDropped]);
    // The core's own unsent stanza is dropped, too: it has no session any more.
    assert_eq!(queue(store), [(0, false), (3, false), (5, false)]);
}

pub(super) fn a_new_session_takes_its_stanzas_over(store: &mut impl Store) {
    apply(store, &[enabled("old", &[])]);
    for seq in 0..3 {
        apply(store, &[Op::Enqueue(message(seq, true))]);
    }
    apply(store, &[Op::Enqueue(stanza(3, OutboundKind::Core, true))]);
    let roster = stanza(4, OutboundKind::Core, false);
    apply(
        store,
        &[enabled(
            "new",
            &[roster, message(2, true), message(1, true)],
        )],
    );
    assert_eq!(queue(store), [(4, true), (2, true), (1, true), (0, false)]);
}

pub(super) fn core_stanzas_are_not_loaded_without_a_session(store: &mut impl Store) {
    apply(
        store,
        &[
            Op::Enqueue(stanza(0, OutboundKind::Core, true)),
            Op::Enqueue(message(1, true)),
        ],
    );
    assert_eq!(queue(store), [(1, true)]);
    assert_eq!(store.queue_len(), Ok(1));
}

pub(super) fn acked_and_failed_leave(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    for seq in 0..4 {
        apply(store, &[Op::Enqueue(message(seq, true))]);
    }
    let acked = |base, seqs| Op::Acked { base, seqs };
    apply(store, &[acked(Some(2), vec![0, 1, 99])]);
    assert_eq!(queue(store), [(2, true), (3, true)]);
    assert_eq!(sm(store).map(|session| session.base), Some(2));
    apply(store, &[acked(None, vec![2])]);
    assert_eq!(sm(store).map(|session| session.base), Some(2));
    apply(store, &[Op::Failed(vec![3, 99])]);
    assert_eq!(queue(store), []);
}

pub(super) fn i12_the_queue_is_bounded(store: &mut impl Store) {
    let limit = store.queue_limit();
    for n in 0..limit {
        store.enqueue(new_message(&format!("m{n}"))).unwrap();
    }
    let refused = store.enqueue(new_message("one too many"));
    assert_eq!(refused, Err(StoreError::QueueFull { limit }));
    assert!(refused.is_err_and(StoreError::is_retryable));
    apply(store, &[Op::Failed(vec![0])]);
    assert_eq!(store.queue_len(), Ok(limit - 1));
    assert!(store.enqueue(new_message("now it fits")).is_ok());
    let seq = store.load(&server()).unwrap().next_seq;
    apply(store, &[Op::Enqueue(message(seq, true))]);
    assert_eq!(store.queue_len(), Ok(limit + 1));
}

pub(super) fn i20_the_cores_own_stanzas_take_no_room_of_the_apps(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    let limit = store.queue_limit();
    let core = |seq| Op::Enqueue(stanza(seq, OutboundKind::Core, true));
    let answers: Vec<Op> = (0..20).map(core).collect();
    apply(store, &answers);
    for n in 0..limit {
        assert_eq!(store.has_room(0), Ok(true), "{n}");
        store.enqueue(new_message(&format!("m{n}"))).unwrap();
        assert_eq!(store.has_room(limit - n - 1), Ok(false), "{n}");
    }
    assert_eq!(store.has_room(0), Ok(false));
    let refused = store.enqueue(new_message("one too many"));
    assert_eq!(refused, Err(StoreError::QueueFull { limit }));
    assert_eq!(store.queue_len(), Ok(limit + 20));
}

pub(super) fn i13_a_change_that_cannot_be_applied_changes_nothing(store: &mut impl Store) {
    apply(store, &[enabled("one", &[]), Op::Enqueue(message(0, true))]);
    let changes = [
        Op::Failure(refused(Subject::Resume)),
        Op::CountInbound(5),
        Op::Acked {
            base: Some(1),
            seqs: vec![0],
        },
        Op::SmDropped,
        Op::Enqueue(message(1, true)),
    ];
    let failing = [
        (Op::Enqueue(message(0, true)), Conflict::SeqTaken(0)),
        (Op::MarkSent(vec![1, 9]), Conflict::NotQueued(9)),
        (Op::CountFast(1), Conflict::NoFastToken),
    ];
    for (op, conflict) in failing {
        let mut batch = changes.to_vec();
        batch.push(op);
        let result = store.apply(&server(), &batch);
        assert_eq!(result, Err(StoreError::Conflict(conflict)));
        let knowledge = store.load(&server()).unwrap();
        assert!(knowledge.failures.is_empty());
        let counters = knowledge.sm.map(|session| (session.h, session.base));
        assert_eq!(counters, Some((0, 0)));
        assert_eq!(knowledge.next_seq, 1);
        assert_eq!(queue(store), [(0, true)]);
    }
    // A single change is not applied in part either.
    apply(store, &[Op::Enqueue(message(1, false))]);
    assert!(store.apply(&server(), &[Op::MarkSent(vec![1, 9])]).is_err());
    assert_eq!(queue(store), [(0, true), (1, false)]);
}

/// Every change of a row keeps its head.
pub(super) fn i8_the_head_of_a_stanza_stays_known(store: &mut impl Store) {
    let chat = Element::new("message", "jabber:client").with_attr("type", "chat");
    let body = Element::new("body", "jabber:client").with_text("hi");
    let state = Element::new("paused", "http://jabber.org/protocol/chatstates");
    let room = Element::new("presence", "jabber:client").with_attr("type", "unavailable");
    let stanzas = [chat.clone().with_child(body), chat.with_child(state), room];
    let heads = stanzas.each_ref().map(StanzaHead::of);
    apply(store, &[enabled("one", &[])]);
    for stanza in stanzas {
        let kind = OutboundKind::Message;
        let new = NewStanza::new(kind, stanza.into(), UnixTime(0));
        store.enqueue(new).unwrap();
    }
    let changes = [Op::MarkSent(vec![0, 1, 2]), Op::SmDropped];
    for change in changes {
        apply(store, &[change]);
        store.close().unwrap();
        store.reopen().unwrap();
        let queue = store.load(&server()).unwrap().queue;
        assert_eq!(queue.iter().map(|row| row.head).collect::<Vec<_>>(), heads);
    }
}
