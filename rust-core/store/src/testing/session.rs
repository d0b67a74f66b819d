//! The session, what came in, and the roster.

use snapback_proto::knowledge::{Delivery, Greeting, Op, PendingIq, PendingKind, SmSession};
use snapback_proto::time::UnixTime;
use snapback_proto::xep::carbons::{Carbon, Direction};
use snapback_proto::xep::delay::Delay;
use snapback_proto::xep::roster::{Item, Subscription};
use snapback_proto::xml::Element;

use crate::{Conflict, DeliveryPage, Roster, Store, StoreError};

use super::{apply, enabled, hand_over, server, session, sm};

pub(super) fn i13_a_session_is_replaced_as_a_whole(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    apply(
        store,
        &[Op::CountInbound(4), Op::SmHandOver(Some(hand_over()))],
    );
    apply(store, &[enabled("two", &[])]);
    assert_eq!(sm(store), Some(session("two")));
    apply(store, &[Op::SmDropped]);
    assert_eq!(sm(store), None);
}

pub(super) fn i3_resuming_keeps_the_counters(store: &mut impl Store) {
    let pending = vec![PendingIq {
        id: "r1".to_owned(),
        kind: PendingKind::Roster,
    }];
    apply(
        store,
        &[enabled("one", &[]), Op::SmPending(pending.clone())],
    );
    apply(
        store,
        &[Op::CountInbound(7), Op::SmHandOver(Some(hand_over()))],
    );
    apply(store, &[acked(Some(3))]);
    let at = UnixTime(1_800_000_000);
    apply(store, &[Op::SmAlive { at }]);
    let expected = SmSession {
        h: 7,
        base: 3,
        alive_at: at,
        pending,
        hand_over: Some(hand_over()),
        ..session("one")
    };
    assert_eq!(sm(store), Some(expected));
}

pub(super) fn i23_what_a_session_owes_is_stored_with_it(store: &mut impl Store) {
    apply(
        store,
        &[enabled("one", &[]), Op::SmGreeting(Greeting::Owed)],
    );
    let expected = SmSession {
        greeting: Greeting::Owed,
        ..session("one")
    };
    assert_eq!(sm(store), Some(expected));
    apply(store, &[Op::SmGreeting(Greeting::Sent)]);
    assert_eq!(sm(store), Some(session("one")));
}

pub(super) fn i16_counters_wrap(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    for count in [u32::MAX - 2, u32::MAX - 1, u32::MAX, 0, 1] {
        apply(store, &[Op::CountInbound(count), acked(Some(count))]);
        let stored = sm(store).map(|session| (session.h, session.base));
        assert_eq!(stored, Some((count, count)));
    }
}

pub(super) fn without_a_session_its_changes_do_nothing(store: &mut impl Store) {
    let changes = [
        Op::CountInbound(1),
        Op::SmAlive { at: UnixTime(1) },
        Op::SmPending(Vec::new()),
        Op::SmDropped,
        acked(Some(1)),
    ];
    apply(store, &changes);
    assert_eq!(sm(store), None);
}

pub(super) fn i1_deliveries_stay_until_confirmed(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    for (h, id) in [(1, "b"), (2, "a"), (3, "c")] {
        apply(store, &[Op::Inbound(delivery(id)), Op::CountInbound(h)]);
    }
    let again = store.apply(
        &server(),
        &[Op::CountInbound(4), Op::Inbound(delivery("a"))],
    );
    assert_eq!(again, Err(StoreError::Conflict(Conflict::DeliveryExists)));
    assert_eq!(sm(store).map(|session| session.h), Some(3));
    assert_eq!(
        store.undelivered().unwrap(),
        ["b", "a", "c"].map(delivery).to_vec()
    );
    apply(store, &[Op::Confirm("a".to_owned()), Op::SmDropped]);
    apply(store, &[Op::Confirm("a".to_owned())]);
    assert_eq!(
        store.undelivered().unwrap(),
        ["b", "c"].map(delivery).to_vec()
    );
}

pub(super) fn i20_deliveries_come_in_pages(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    assert_eq!(store.undelivered_from(None), Ok(DeliveryPage::default()));
    let ids: Vec<String> = (0..600_u32).map(|n| format!("{:x}", n ^ 0x155)).collect();
    let inbound: Vec<Op> = ids.iter().map(|id| Op::Inbound(delivery(id))).collect();
    apply(store, &inbound);
    let all = paged(store, None);
    assert!(all.iter().eq(&ids), "in the order in which they came");
    let id = |place: usize| ids.get(place).cloned().unwrap();
    apply(store, &[Op::Confirm(id(300))]);
    assert_eq!(paged(store, Some(&id(299))).len(), 300, "one is confirmed");
    let last = store.undelivered_from(Some(&id(599))).unwrap();
    assert_eq!((last.deliveries.len(), last.next), (1, None));
    let gone = store.undelivered_from(Some(&id(300))).unwrap();
    let first = gone.deliveries.first().map(|delivery| delivery.id.clone());
    assert_eq!(first, Some(id(0)), "lost is worse than twice");
}

fn paged(store: &mut impl Store, first: Option<&str>) -> Vec<String> {
    let (mut ids, mut next) = (Vec::new(), first.map(str::to_owned));
    loop {
        let page = store.undelivered_from(next.as_deref()).unwrap();
        assert!((1..=256).contains(&page.deliveries.len()));
        ids.extend(page.deliveries.into_iter().map(|delivery| delivery.id));
        if page.next.is_none() {
            return ids;
        }
        next = page.next;
    }
}

pub(super) fn s8_items_and_version_change_together(store: &mut impl Store) {
    let both = Subscription::Both;
    let replace = Op::ReplaceRoster {
        version: Some("v1".to_owned()),
        items: vec![item("romeo", both), item("nurse", Subscription::To)],
    };
    let push = |version: Option<&str>, item| Op::PushRoster {
        version: version.map(str::to_owned),
        item,
    };
    let steps = [
        (
            replace,
            Some("v1"),
            vec![("nurse", Subscription::To), ("romeo", both)],
        ),
        (
            push(Some("v2"), item("nurse", Subscription::Both)),
            Some("v2"),
            vec![("nurse", both), ("romeo", both)],
        ),
        (
            push(Some("v3"), item("abram", Subscription::None)),
            Some("v3"),
            vec![
                ("abram", Subscription::None),
                ("nurse", both),
                ("romeo", both),
            ],
        ),
        (
            push(Some("v4"), item("nurse", Subscription::Remove)),
            Some("v4"),
            vec![("abram", Subscription::None), ("romeo", both)],
        ),
        (
            push(None, item("romeo", Subscription::Remove)),
            None,
            vec![("abram", Subscription::None)],
        ),
        (
            Op::ReplaceRoster {
                version: None,
                items: Vec::new(),
            },
            None,
            Vec::new(),
        ),
    ];
    for (op, version, items) in steps {
        apply(store, std::slice::from_ref(&op));
        let version = version.map(str::to_owned);
        let items = items
            .into_iter()
            .map(|(name, state)| item(name, state))
            .collect();
        let loaded = store.load(&server()).unwrap().roster_version;
        assert_eq!(loaded, version, "{op:?}");
        assert_eq!(store.roster().unwrap(), Roster { version, items }, "{op:?}");
    }
}

pub(super) fn w3_a_contact_is_one_contact_however_it_is_spelled(store: &mut impl Store) {
    let item = |jid: &str, subscription| Item {
        jid: jid.to_owned(),
        subscription,
        ..Item::default()
    };
    let push = |item| Op::PushRoster {
        version: None,
        item,
    };
    let items = vec![
        item("Romeo@Example.NET", Subscription::None),
        item("nurse@xn--mller-kva.example", Subscription::Both),
    ];
    let version = None;
    apply(store, &[Op::ReplaceRoster { version, items }]);
    apply(
        store,
        &[push(item("romeo@example.net", Subscription::Both))],
    );
    let count = |store: &mut _| Store::roster(store).unwrap().items.len();
    assert_eq!(count(store), 2);
    let removed = item("Nurse@MÜLLER.example", Subscription::Remove);
    apply(store, &[push(removed)]);
    let expected = vec![item("romeo@example.net", Subscription::Both)];
    assert_eq!(store.roster().unwrap().items, expected);
}

fn acked(base: Option<u32>) -> Op {
    Op::Acked {
        base,
        seqs: Vec::new(),
    }
}

/// T7: a carbon is judged before it is stored, and a head is computed once: both are read back, and not found out again.
pub(super) fn i2_what_a_delivery_is_stays_known(store: &mut impl Store) {
    let chat = Element::new("message", "jabber:client").with_attr("type", "chat");
    let state = Element::new("paused", "http://jabber.org/protocol/chatstates");
    let received = Carbon {
        direction: Direction::Received,
        delay: None,
    };
    let deliveries = [
        Delivery::new("presence", Element::new("presence", "jabber:client")),
        Delivery::new("state", chat.clone().with_child(state)),
        Delivery {
            carbon: Some(received),
            ..Delivery::new("received", chat.clone())
        },
        Delivery {
            carbon: Some(sent_carbon()),
            ..Delivery::new("sent", chat.clone())
        },
        Delivery {
            is_archived: true,
            ..Delivery::new("archived", chat)
        },
    ];
    for delivery in &deliveries {
        apply(store, &[Op::Inbound(delivery.clone())]);
    }
    for _ in 0..2 {
        assert_eq!(store.undelivered().unwrap(), deliveries);
        let page = store.undelivered_from(Some("received")).unwrap();
        assert_eq!(page.deliveries, deliveries[2..]);
        store.close().unwrap();
        store.reopen().unwrap();
    }
}

/// Returns what is known of a message that another device sent, with everything set.
pub(super) fn sent_carbon() -> Carbon {
    Carbon {
        direction: Direction::Sent,
        delay: Some(Delay {
            stamp: UnixTime(1_795_305_600),
            from: Some("example.org".to_owned()),
        }),
    }
}

fn delivery(id: &str) -> Delivery {
    let message = Element::new("message", "jabber:client").with_attr("id", id);
    Delivery::new(id, message)
}

fn item(name: &str, subscription: Subscription) -> Item {
    Item {
        jid: format!("{name}@example.org"),
        subscription,
        groups: vec!["Verona".to_owned()],
        ..Item::default()
    }
}
