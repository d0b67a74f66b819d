//! Facts that save round trips, and secrets for the login.

use std::sync::Arc;

use snapback_proto::escalation::{Failures, Subject};
use snapback_proto::knowledge::{FastToken, Op, ServerFacts};
use snapback_proto::plan::Transport;
use snapback_proto::sasl::{Floor, Hash, HtBinding, Mechanism, Preparation, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;
use snapback_proto::stream::features::StreamFeatures;
use snapback_types::key_trust::{KeyTrust, KeyTrustChange, Pins};

use crate::{Conflict, Roster, ServerKey, Store, StoreError};

use super::{apply, refused, server};

pub(super) fn an_empty_store_knows_nothing(store: &mut impl Store) {
    let knowledge = store.load(&server()).unwrap();
    assert_eq!(knowledge.server, ServerFacts::default());
    assert!(knowledge.floor.is_none() && knowledge.fast.is_none());
    assert!(knowledge.scram_keys.is_none() && knowledge.sm.is_none());
    assert!(knowledge.roster_version.is_none() && knowledge.queue.is_empty());
    assert!(knowledge.caps.is_empty());
    assert_eq!(store.roster().unwrap(), Roster::default());
    assert_eq!(store.undelivered().unwrap(), Vec::new());
    assert_eq!(store.queue_len().unwrap(), 0);
}

pub(super) fn facts_belong_to_one_server(store: &mut impl Store) {
    let expected = learn_everything(store);
    assert_eq!(store.load(&server()).unwrap().server, expected);
    let others = [
        ServerKey {
            host: "other.example.org".to_owned(),
            ..server()
        },
        ServerKey {
            port: 443,
            ..server()
        },
        ServerKey {
            transport: Transport::DirectTls,
            ..server()
        },
    ];
    for other in others {
        let facts = store.load(&other).unwrap().server;
        assert_eq!(facts, ServerFacts::default(), "{other:?}");
    }
    apply(store, &[Op::LearnSmBeforeSasl(None)]);
    let facts = store.load(&server()).unwrap().server;
    assert_eq!(facts.sm_before_sasl, None);
}

pub(super) fn s2_pipelining_that_failed_outlives_the_other_facts(store: &mut impl Store) {
    learn_everything(store);
    let failed = [Subject::PipelinedStart, Subject::PipelinedBind].map(refused);
    apply(store, &failed.map(Op::Failure));
    apply(store, &[Op::ForgetServer]);
    let knowledge = store.load(&server()).unwrap();
    assert_eq!(knowledge.server, ServerFacts::default());
    assert_eq!(knowledge.failures, Failures::restore(failed));
}

fn learn_everything(store: &mut impl Store) -> ServerFacts {
    let features = |sm| StreamFeatures {
        sm,
        pipelining: true,
        ..StreamFeatures::default()
    };
    apply(
        store,
        &[
            Op::LearnSecured(Arc::new(features(false))),
            Op::LearnAuthenticated(Arc::new(features(true))),
            Op::LearnBindPipelining,
            Op::LearnSmBeforeSasl(Some([7; 32])),
        ],
    );
    ServerFacts {
        secured: Some(Arc::new(features(false))),
        authenticated: Some(Arc::new(features(true))),
        bind_pipelining_proven: true,
        sm_before_sasl: Some([7; 32]),
    }
}

pub(super) fn t13_keys_of_the_server_belong_to_the_account(store: &mut impl Store) {
    let trust = |store: &mut dyn Store| store.load(&server()).unwrap().key_trust;
    assert_eq!(trust(store), KeyTrust::default());
    let changes = [
        KeyTrustChange::Trust([1; 32]),
        KeyTrustChange::Trust([2; 32]),
        KeyTrustChange::Require(vec![[2; 32]]),
    ];
    apply(store, &changes.map(Op::KeyTrust));
    // What a log-out or a reset server removes is something else.
    let others = [Op::ForgetServer, Op::ForgetFloor, Op::ForgetCredentials];
    apply(store, &others);
    apply(store, &[Op::KeyTrust(KeyTrustChange::Forget([1; 32]))]);
    let pins = Pins::restore(vec![[2; 32]], vec![[2; 32]]);
    let expected = KeyTrust {
        proven_by_authority: false,
        pins,
    };
    assert_eq!(trust(store), expected);
    let changes = [
        KeyTrustChange::ProvenByAuthority,
        KeyTrustChange::Require(Vec::new()),
    ];
    apply(store, &changes.map(Op::KeyTrust));
    let expected = KeyTrust {
        proven_by_authority: true,
        pins: Pins::restore(vec![[2; 32]], Vec::new()),
    };
    assert_eq!(trust(store), expected);
}

pub(super) fn t2_t5_floor_and_keys_belong_to_the_account(store: &mut impl Store) {
    let floor = Floor {
        mechanism: Mechanism::Plain,
        channel_binding: None,
    };
    let (id, keys) = scram_keys();
    apply(
        store,
        &[
            Op::RaiseFloor(floor),
            Op::StoreScramKeys(id.clone(), keys),
            Op::ForgetServer,
        ],
    );
    let elsewhere = ServerKey {
        host: "other.example.org".to_owned(),
        ..server()
    };
    let knowledge = store.load(&elsewhere).unwrap();
    assert_eq!(knowledge.floor, Some(floor));
    let (stored, keys) = knowledge.scram_keys.unwrap();
    assert_eq!(stored, id);
    assert_eq!(keys.client_key().expose(), &vec![1; 32]);
    assert_eq!(keys.server_key().expose(), &vec![2; 32]);
}

pub(super) fn s5_an_older_token_stays_in_reserve(store: &mut impl Store) {
    apply(store, &[token("old"), Op::CountFast(3), token("new")]);
    assert_eq!(current(store), Some(("new".to_owned(), 0)));
    apply(store, &[Op::CountFast(1), Op::DropFast]);
    assert_eq!(current(store), Some(("old".to_owned(), 3)));
    apply(store, &[Op::DropFast]);
    assert_eq!(current(store), None);
    apply(store, &[Op::DropFast]);
    assert_eq!(current(store), None);
}

pub(super) fn s5_a_used_token_clears_the_reserve(store: &mut impl Store) {
    apply(store, &[token("old"), token("new"), Op::FastUsed]);
    assert_eq!(current(store), Some(("new".to_owned(), 0)));
    apply(store, &[Op::DropFast]);
    assert_eq!(current(store), None);
}

pub(super) fn s6_a_count_never_falls(store: &mut impl Store) {
    apply(store, &[token("one"), Op::CountFast(5), Op::CountFast(4)]);
    assert_eq!(current(store), Some(("one".to_owned(), 5)));
    apply(store, &[Op::DropFast]);
    let refused = store.apply(&server(), &[Op::CountFast(6)]);
    assert_eq!(refused, Err(StoreError::Conflict(Conflict::NoFastToken)));
}

/// What logs in without the user goes with a log-out, the reserve included; what protects the next login stays.
pub(super) fn s5_a_log_out_forgets_all_credentials(store: &mut impl Store) {
    let (id, keys) = scram_keys();
    let floor = Floor {
        mechanism: Mechanism::Plain,
        channel_binding: None,
    };
    let learned = [Op::StoreScramKeys(id, keys), Op::RaiseFloor(floor)];
    apply(store, &[token("old"), token("new")]);
    apply(store, &learned);
    apply(store, &[Op::ForgetCredentials]);
    let knowledge = store.load(&server()).unwrap();
    assert!(knowledge.scram_keys.is_none() && knowledge.fast.is_none());
    assert_eq!(knowledge.floor, Some(floor));
    apply(store, &[Op::DropFast]);
    assert_eq!(current(store), None);
}

fn scram_keys() -> (ScramKeyId, ScramKeys) {
    let id = ScramKeyId {
        hash: Hash::Sha256,
        user: "juliet".to_owned(),
        salt: vec![0, 1, 255],
        iterations: 4096,
        preparation: Preparation::SaslPrep,
    };
    let secret = |byte| Secret::new(vec![byte; 32]);
    let keys = ScramKeys::restore(Hash::Sha256, secret(1), secret(2)).unwrap();
    (id, keys)
}

fn token(token: &str) -> Op {
    Op::StoreFast(FastToken {
        binding: HtBinding::Exporter,
        token: Secret::from(token),
        expires: None,
        count: 0,
    })
}

fn current(store: &mut impl Store) -> Option<(String, u32)> {
    let token = store.load(&server()).unwrap().fast?;
    Some((token.token.expose().clone(), token.count))
}

pub(super) fn installation_is_kept(store: &mut impl Store) {
    assert_eq!(store.installation().unwrap(), None);
    store
        .set_installation("d4565fa7-4d72-4749-b3d3-740edbf87770")
        .unwrap();
    let kept = store.installation().unwrap();
    assert_eq!(
        kept.as_deref(),
        Some("d4565fa7-4d72-4749-b3d3-740edbf87770")
    );
}
