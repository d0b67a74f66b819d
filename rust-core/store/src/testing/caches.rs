//! Caches that save a request: endpoints and capabilities.

use snapback_proto::knowledge::{KnownCaps, Op};
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;

use crate::{Endpoint, EndpointSource, KnownEndpoints, ServerKey, Store};

use super::{apply, server};

pub(super) fn s10_endpoints_are_kept_by_domain(store: &mut impl Store) {
    assert_eq!(store.endpoints("example.org").unwrap(), None);
    for at in [1, 2] {
        store.set_endpoints("example.org", &endpoints(at)).unwrap();
    }
    store.set_endpoints("example.net", &endpoints(3)).unwrap();
    let known = |store: &mut _, domain| Store::endpoints(store, domain).unwrap();
    assert_eq!(known(store, "example.org"), Some(endpoints(2)));
    assert_eq!(known(store, "example.net"), Some(endpoints(3)));
    assert_eq!(known(store, "example.com"), None);
}

pub(super) fn s10_endpoints_written_first_make_room(store: &mut impl Store) {
    for at in 0..9 {
        let domain = format!("{at}.example.org");
        store.set_endpoints(&domain, &endpoints(at)).unwrap();
        // This one is looked up repeatedly.
        store.set_endpoints("example.org", &endpoints(at)).unwrap();
    }
    let kept = (0..9).filter(|at| {
        let domain = format!("{at}.example.org");
        store.endpoints(&domain).unwrap().is_some()
    });
    assert_eq!(kept.collect::<Vec<_>>(), (2..9).collect::<Vec<_>>());
    assert_eq!(store.endpoints("example.org").unwrap(), Some(endpoints(8)));
}

pub(super) fn s9_caps_belong_to_no_jid_or_to_one(store: &mut impl Store) {
    let verified = known("one", None, &["urn:xmpp:ping"]);
    let theirs = known("one", Some("example.net"), &["urn:xmpp:mam:2"]);
    let learn = [verified.clone(), theirs.clone()].map(Op::LearnCaps);
    apply(store, &learn);
    apply(store, &[Op::ForgetServer]);
    let elsewhere = ServerKey {
        host: "other.example.org".to_owned(),
        ..server()
    };
    for server in [server(), elsewhere] {
        let caps = store.load(&server).unwrap().caps;
        assert_eq!(caps, [verified.clone(), theirs.clone()]);
    }
    let again = known("one", None, &[]);
    apply(store, &[Op::LearnCaps(again.clone())]);
    assert_eq!(store.load(&server()).unwrap().caps, [theirs, again]);
}

pub(super) fn s9_caps_learnt_first_make_room(store: &mut impl Store) {
    let all = (0..20).map(|number| known(&number.to_string(), None, &[]));
    apply(store, &all.clone().map(Op::LearnCaps).collect::<Vec<_>>());
    let kept = store.load(&server()).unwrap().caps;
    assert_eq!(kept, all.skip(4).collect::<Vec<_>>());
}

pub(super) fn known(ver: &str, only: Option<&str>, features: &[&str]) -> KnownCaps {
    KnownCaps {
        hash: "sha-1".to_owned(),
        ver: ver.to_owned(),
        only: only.map(str::to_owned),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
    }
}

pub(super) fn endpoints(stored_at: i64) -> KnownEndpoints {
    let endpoint = |addr: &str, transport, priority, source| Endpoint {
        host: "xmpp.example.org".to_owned(),
        addr: addr.parse().unwrap(),
        transport,
        priority,
        source,
    };
    KnownEndpoints {
        endpoints: vec![
            endpoint(
                "[2001:db8::5]:5223",
                Transport::DirectTls,
                0,
                EndpointSource::Srv,
            ),
            endpoint(
                "192.0.2.222:443",
                Transport::StartTls,
                u16::MAX,
                EndpointSource::Override,
            ),
            endpoint(
                "192.0.2.222:5222",
                Transport::StartTls,
                1,
                EndpointSource::Fallback,
            ),
        ],
        stored_at: UnixTime(stored_at),
        expires_at: UnixTime(stored_at + 300),
    }
}
