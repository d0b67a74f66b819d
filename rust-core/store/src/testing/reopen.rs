//! Closing and reopening. A store without files does nothing then, and passes.

use std::sync::Arc;

use snapback_proto::escalation::{Failure, Request, Subject};
use snapback_proto::knowledge::{
    ArchiveCursor, ArchiveRecheck, Delivery, FastToken, Greeting, Knowledge, Op, OpenSessions,
    OutboundKind, OutboundStanza, PendingIq, PendingKind, PushChange, PushRegistration, PushTarget,
    SeenMessage, SmSession, StableId,
};
use snapback_proto::sasl::{
    ChannelBindingType, Floor, Hash, HtBinding, Mechanism, Preparation, ScramKeyId, ScramKeys,
};
use snapback_proto::secret::Secret;
use snapback_proto::stream::features::{
    Bind2Features, Caps, ConfigVersion, FastFeatures, Sasl2Features, StreamFeatures, StreamLimits,
};
use snapback_proto::time::UnixTime;
use snapback_proto::xep::roster::{Item, Subscription};
use snapback_proto::xml::Element;
use snapback_types::key_trust::KeyTrustChange;

use crate::{KnownEndpoints, OpenReport, Store};

use super::caches::{endpoints, known};
use super::session::sent_carbon;
use super::{
    QUEUED_AT, apply, enabled, hand_over, message, new_message, queue, refused, server, session,
    stanza,
};

pub(super) fn everything_is_there_again(store: &mut impl Store) {
    fill(store);
    let before = Seen::by(store);
    for _ in 0..2 {
        store.close().unwrap();
        let report = store.reopen().unwrap();
        assert_eq!(report, OpenReport::default());
        assert_eq!(Seen::by(store), before);
    }
    // The reserve token, too.
    apply(store, &[Op::DropFast]);
    let reserve = store.load(&server()).unwrap().fast.unwrap();
    assert_eq!(reserve.token.expose(), "older");
    assert_eq!(reserve.count, 3);
}

pub(super) fn i16_numbers_go_on_where_they_were(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    let counters = [
        Op::CountInbound(u32::MAX),
        Op::Acked {
            base: Some(u32::MAX),
            seqs: Vec::new(),
        },
    ];
    apply(store, &counters);
    apply(store, &[Op::Enqueue(message(6, true))]);
    apply(store, &[Op::Enqueue(message(7, false))]);
    apply(store, &[Op::MarkSent(vec![7]), Op::Failed(vec![6, 7])]);
    store.close().unwrap();
    store.reopen().unwrap();
    let knowledge = store.load(&server()).unwrap();
    assert_eq!(knowledge.next_seq, 8);
    let counters = knowledge.sm.map(|session| (session.h, session.base));
    assert_eq!(counters, Some((u32::MAX, u32::MAX)));
    assert_eq!(store.enqueue(new_message("a")), Ok(8));
    assert_eq!(queue(store), [(8, false)]);
}

/// Everything that a store returns.
#[derive(Debug, PartialEq)]
struct Seen {
    knowledge: String,
    queue: Vec<OutboundStanza>,
    token: Option<(String, u32)>,
    keys: Option<(Vec<u8>, Vec<u8>)>,
    roster: crate::Roster,
    undelivered: Vec<Delivery>,
    installation: Option<String>,
    endpoints: Option<KnownEndpoints>,
    queue_len: usize,
    possible_gap: bool,
}

impl Seen {
    fn by(store: &mut impl Store) -> Self {
        let knowledge: Knowledge = store.load(&server()).unwrap();
        Self {
            token: knowledge
                .fast
                .as_ref()
                .map(|fast| (fast.token.expose().clone(), fast.count)),
            keys: knowledge.scram_keys.as_ref().map(|(_, keys)| {
                let [client, server] = [keys.client_key(), keys.server_key()];
                (client.expose().clone(), server.expose().clone())
            }),
            // Everything else in it is not secret and prints.
            knowledge: format!("{knowledge:?}"),
            queue: knowledge.queue,
            roster: store.roster().unwrap(),
            undelivered: store.undelivered().unwrap(),
            installation: store.installation().unwrap(),
            endpoints: store.endpoints("example.org").unwrap(),
            queue_len: store.queue_len().unwrap(),
            possible_gap: store.possible_gap().unwrap(),
        }
    }
}

/// Puts something into every table, every field of it set.
pub(crate) fn fill(store: &mut impl Store) {
    fill_schema_1(store);
    fill_schema_2(store);
    fill_schema_3(store);
    fill_schema_4(store);
    fill_schema_5(store);
    fill_schema_6(store);
    fill_schema_7(store);
    fill_schema_8(store);
    fill_schema_9(store);
    fill_schema_10(store);
    fill_schema_11(store);
    fill_schema_12(store);
    fill_schema_13(store);
}

/// What schema 13 added.
pub(crate) fn fill_schema_13(store: &mut impl Store) {
    apply(store, &[Op::SmGreeting(Greeting::Owed)]);
}

/// What schema 12 added.
pub(crate) fn fill_schema_12(store: &mut impl Store) {
    let registration = |node: &str| PushRegistration {
        target: PushTarget {
            service: "push.example.org".to_owned(),
            node: Some(node.to_owned()),
        },
        options: vec![("secret".to_owned(), "planted option".to_owned())],
    };
    let changes = [
        PushChange::Wanted(Some(registration("n1"))),
        PushChange::Wanted(Some(registration("n2"))),
        PushChange::Told(true),
    ];
    let mut pending = store.load(&server()).unwrap().sm.unwrap().pending;
    pending.extend([
        PendingIq {
            id: "p1".to_owned(),
            kind: PendingKind::PushEnable,
        },
        PendingIq {
            id: "p2".to_owned(),
            kind: PendingKind::PushDisable,
        },
    ]);
    let mut ops = vec![Op::SmPending(pending)];
    ops.extend(changes.map(Op::Push));
    apply(store, &ops);
}

/// What schema 11 added.
pub(crate) fn fill_schema_11(store: &mut impl Store) {
    let recheck = ArchiveRecheck::Settle(ArchiveCursor::After("a4".to_owned()));
    let body = Element::new("body", "jabber:client").with_text("planted result");
    let delivery = Delivery {
        is_archived: true,
        ..Delivery::new(
            "d",
            Element::new("message", "jabber:client").with_child(body),
        )
    };
    let changes = [
        KeyTrustChange::ProvenByAuthority,
        KeyTrustChange::Trust([3; 32]),
        KeyTrustChange::Require(vec![[3; 32], [4; 32]]),
    ];
    let mut ops = vec![Op::ArchiveRecheck(Some(recheck)), Op::Inbound(delivery)];
    ops.extend(changes.map(Op::KeyTrust));
    apply(store, &ops);
}

/// What schema 10 added.
pub(crate) fn fill_schema_10(store: &mut impl Store) {
    let roster = Subject::Request(Request::Roster);
    let failed = [Subject::PipelinedBind, roster, Subject::StreamManagement];
    apply(store, &failed.map(|subject| Op::Failure(refused(subject))));
}

/// What schema 9 added.
pub(crate) fn fill_schema_9(store: &mut impl Store) {
    let keys = store_keys(Preparation::SaslPrep);
    apply(store, &[Op::SmHandOver(Some(hand_over())), keys]);
}

/// What schema 8 added.
pub(crate) fn fill_schema_8(store: &mut impl Store) {
    let sessions = OpenSessions {
        own: true,
        other: true,
    };
    apply(store, &[Op::OpenSessions(sessions), Op::PossibleGap(true)]);
}

/// What schema 7 added.
pub(crate) fn fill_schema_7(store: &mut impl Store) {
    let body = Element::new("body", "jabber:client").with_text("planted copy");
    let copied = Element::new("message", "jabber:client").with_child(body);
    let delivery = Delivery {
        carbon: Some(sent_carbon()),
        ..Delivery::new("c", copied)
    };
    apply(store, &[Op::Inbound(delivery)]);
}

/// What schema 6 added.
pub(crate) fn fill_schema_6(store: &mut impl Store) {
    let failed = Failure {
        refusals: 1,
        silences: 4,
        since: UnixTime(1_800_000_000),
        until: UnixTime(1_800_000_090),
        ..refused(Subject::Resume)
    };
    apply(store, &[Op::Failure(failed)]);
}

/// What schema 5 added.
pub(crate) fn fill_schema_5(store: &mut impl Store) {
    let seen = store.load(&server()).unwrap().seen;
    let message = SeenMessage {
        tags: vec![seen.tag(StableId::Archive("b"))],
        reference: Some("b".to_owned()),
    };
    let body = Element::new("body", "jabber:client").with_text("planted inbound repetition");
    let delivery = Delivery {
        possible_duplicate_of: Some("a".to_owned()),
        ..Delivery::new(
            "b",
            Element::new("message", "jabber:client").with_child(body),
        )
    };
    apply(
        store,
        &[
            Op::Seen(message),
            Op::Inbound(delivery),
            Op::ArchiveTime(UnixTime(1_795_219_200)),
            Op::OpenSessions(OpenSessions {
                own: true,
                other: false,
            }),
        ],
    );
}

/// What schema 4 added.
pub(crate) fn fill_schema_4(store: &mut impl Store) {
    let cursor = ArchiveCursor::Since(UnixTime(1_795_305_600));
    apply(store, &[Op::ArchiveCursor(cursor)]);
}

/// What schema 3 added.
pub(crate) fn fill_schema_3(store: &mut impl Store) {
    let cursor = ArchiveCursor::After("planted-cursor".to_owned());
    let seen = store.load(&server()).unwrap().seen;
    let tags = [StableId::Archive("a"), StableId::Ours("o")].map(|id| seen.tag(id));
    apply(
        store,
        &[
            Op::ArchiveCursor(cursor),
            Op::MarkSent(vec![5]),
            Op::Failure(refused(Subject::Stanza(5))),
            Op::Seen(SeenMessage {
                tags: tags.to_vec(),
                reference: None,
            }),
        ],
    );
}

/// What schema 2 added.
pub(crate) fn fill_schema_2(store: &mut impl Store) {
    store.set_endpoints("example.org", &endpoints(5)).unwrap();
    let features = ["urn:xmpp:mam:2", "<&'\">"];
    let verified = known("ItBTI0XLDFvVxZ72NQElAzKS9sU=", None, &features);
    let theirs = known("planted", Some("example.org"), &[]);
    apply(store, &[verified, theirs].map(Op::LearnCaps));
}

fn fill_schema_1(store: &mut impl Store) {
    store.set_installation("d4565fa7").unwrap();
    let token = |token: &str| FastToken {
        binding: HtBinding::EndPoint,
        token: Secret::from(token),
        expires: Some(UnixTime(1_900_000_000)),
        count: 0,
    };
    apply(
        store,
        &[
            Op::LearnSecured(Arc::new(features())),
            Op::LearnAuthenticated(Arc::new(features())),
            Op::Failure(Failure {
                refusals: 0,
                silences: 1,
                since: UnixTime(-86_401),
                until: UnixTime(-86_401),
                ..refused(Subject::PipelinedStart)
            }),
            Op::LearnSmBeforeSasl(Some([9; 32])),
            Op::RaiseFloor(Floor {
                mechanism: Mechanism::Scram {
                    hash: Hash::Sha512,
                    plus: true,
                },
                channel_binding: Some(ChannelBindingType::TlsExporter),
            }),
            Op::StoreFast(token("older")),
            Op::CountFast(3),
            Op::StoreFast(token("planted-token")),
            Op::CountFast(u32::MAX),
            store_keys(Preparation::OpaqueString),
        ],
    );
    fill_session(store);
}

fn store_keys(preparation: Preparation) -> Op {
    let id = ScramKeyId {
        hash: Hash::Sha512,
        user: "jülia".to_owned(),
        salt: vec![0, 255],
        iterations: 600_000,
        preparation,
    };
    let keys = |byte| Secret::new(vec![byte; 64]);
    let keys = ScramKeys::restore(Hash::Sha512, keys(0x5a), keys(0xa5)).unwrap();
    Op::StoreScramKeys(id, keys)
}

/// Returns a session that has every field.
fn full_session() -> SmSession {
    let kinds = [
        PendingKind::Roster,
        PendingKind::Carbons,
        PendingKind::ServerDisco,
    ];
    let pending = kinds.map(|kind| PendingIq {
        id: format!("{kind:?}"),
        kind,
    });
    SmSession {
        h: 5,
        base: 4,
        location: Some("[2001:db8::1]:9999".to_owned()),
        pending: pending.to_vec(),
        ..session("planted-sm-id")
    }
}

fn fill_session(store: &mut impl Store) {
    apply(
        store,
        &[
            Op::SmEnabled {
                session: full_session(),
                sent: vec![stanza(3, OutboundKind::Core, true), message(1, true)],
            },
            Op::Failure(refused(Subject::Input(5))),
            Op::Enqueue(stanza(4, OutboundKind::SessionBound, true)),
            Op::Enqueue(message(5, false)),
        ],
    );
    let body = Element::new("body", "jabber:client").with_text("planted outbound body");
    let message = Element::new("message", "jabber:client").with_child(body);
    let outbound = OutboundStanza {
        id: "o".to_owned(),
        ..OutboundStanza::new(6, OutboundKind::Message, message.into(), QUEUED_AT)
    };
    apply(store, &[Op::Enqueue(outbound)]);
    for id in ["z", "a"] {
        let body =
            Element::new("body", "jabber:client").with_text(format!("planted inbound body {id}"));
        apply(
            store,
            &[Op::Inbound(Delivery::new(
                id,
                Element::new("message", "jabber:client").with_child(body),
            ))],
        );
    }
    let items = vec![
        Item {
            jid: "romeo@example.net".to_owned(),
            name: Some(String::new()),
            subscription: Subscription::From,
            ask: true,
            groups: vec!["Friends".to_owned(), String::new()],
        },
        Item {
            jid: "nurse@example.com".to_owned(),
            ..Item::default()
        },
    ];
    let version = Some(String::new());
    apply(store, &[Op::ReplaceRoster { version, items }]);
}

fn caps() -> Caps {
    Caps {
        hash: "sha-1".to_owned(),
        node: "http://example.org/server".to_owned(),
        ver: "ItBTI0XLDFvVxZ72NQElAzKS9sU=".to_owned(),
    }
}

fn features() -> StreamFeatures {
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    StreamFeatures {
        starttls: true,
        sasl1: Some(strings(&["SCRAM-SHA-1", "PLAIN"])),
        channel_bindings: Some(strings(&["tls-exporter"])),
        sasl2: Some(Sasl2Features {
            mechanisms: strings(&["SCRAM-SHA-1-PLUS"]),
            bind2: Some(Bind2Features {
                inline: strings(&["urn:xmpp:sm:3"]),
            }),
            sm: true,
            fast: Some(FastFeatures {
                mechanisms: strings(&["HT-SHA-256-ENDP"]),
                tls_0rtt: true,
            }),
        }),
        bind: true,
        session_required: true,
        sm: true,
        roster_version: true,
        csi: true,
        pipelining: true,
        caps: Some(caps()),
        config_version: Some(ConfigVersion {
            scheme: Some("opaque".to_owned()),
            value: "1".to_owned(),
        }),
        limits: Some(StreamLimits {
            max_bytes: Some(10_000),
            idle_seconds: Some(1800),
        }),
    }
}
