//! The ranking and the floor, as tables.

use super::*;

const SHA_1: Mechanism = Mechanism::Scram {
    hash: Hash::Sha1,
    plus: false,
};
const SHA_256: Mechanism = Mechanism::Scram {
    hash: Hash::Sha256,
    plus: false,
};
const SHA_512: Mechanism = Mechanism::Scram {
    hash: Hash::Sha512,
    plus: false,
};
const SHA_1_PLUS: Mechanism = Mechanism::Scram {
    hash: Hash::Sha1,
    plus: true,
};
const SHA_256_PLUS: Mechanism = Mechanism::Scram {
    hash: Hash::Sha256,
    plus: true,
};
const SHA_512_PLUS: Mechanism = Mechanism::Scram {
    hash: Hash::Sha512,
    plus: true,
};
const EXPORTER: Option<ChannelBindingType> = Some(ChannelBindingType::TlsExporter);
const END_POINT: Option<ChannelBindingType> = Some(ChannelBindingType::TlsServerEndPoint);

/// Words apart by spaces; the mechanism names without their `SCRAM-SHA-`, as `256+` for `-PLUS`.
fn offer(profile: Profile, mechanisms: &str, types: Option<&str>) -> Offer {
    let long = |word: &str| match word.strip_suffix('+') {
        Some(hash) => format!("SCRAM-SHA-{hash}-PLUS"),
        None if word.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("SCRAM-SHA-{word}")
        }
        None => word.to_owned(),
    };
    Offer {
        profile,
        mechanisms: mechanisms.split_whitespace().map(long).collect(),
        channel_bindings: types.map(|types| types.split_whitespace().map(str::to_owned).collect()),
    }
}

fn both() -> ChannelBindings {
    ChannelBindings {
        tls_exporter: Some(vec![1]),
        tls_server_end_point: Some(vec![2]),
    }
}

fn only_end_point() -> ChannelBindings {
    ChannelBindings {
        tls_exporter: None,
        tls_server_end_point: Some(vec![2]),
    }
}

fn only_exporter() -> ChannelBindings {
    ChannelBindings {
        tls_exporter: Some(vec![1]),
        tls_server_end_point: None,
    }
}

fn exporter() -> Gs2 {
    Gs2::Bound(ChannelBindingType::TlsExporter, vec![1])
}

fn end_point() -> Gs2 {
    Gs2::Bound(ChannelBindingType::TlsServerEndPoint, vec![2])
}

#[test]
fn t3_ranking() {
    use Profile::{Sasl1, Sasl2};
    const TYPES: Option<&str> = Some("tls-server-end-point tls-exporter");
    let all = "1 1+ 256 256+ 512 512+ PLAIN";
    let none = ChannelBindings::default();
    let ok = |mechanism, gs2| {
        Ok(Choice {
            mechanism,
            gs2,
            must_confirm: false,
        })
    };
    let table = [
        // Channel binding first, then the hash, whatever the order on the wire.
        (
            offer(Sasl2, all, TYPES),
            both(),
            ok(SHA_512_PLUS, exporter()),
        ),
        (
            offer(Sasl1, all, TYPES),
            only_end_point(),
            ok(SHA_512_PLUS, end_point()),
        ),
        (
            offer(Sasl2, all, Some("tls-server-end-point tls-unique")),
            both(),
            ok(SHA_512_PLUS, end_point()),
        ),
        (
            offer(Sasl2, "512 1+ 1", TYPES),
            both(),
            ok(SHA_1_PLUS, exporter()),
        ),
        (
            offer(Sasl2, "PLAIN 256+ 1+ X-NEW", TYPES),
            both(),
            ok(SHA_256_PLUS, exporter()),
        ),
        // Rule 2: a client that cannot bind says n, whatever is offered.
        (
            offer(Sasl2, "1 256 256+", TYPES),
            none.clone(),
            ok(SHA_256, Gs2::Unsupported),
        ),
        (
            offer(Sasl2, "256+ 1", None),
            none.clone(),
            ok(SHA_1, Gs2::Unsupported),
        ),
        (
            offer(Sasl2, "256+", TYPES),
            none.clone(),
            Err(NoMechanism::NothingInCommon),
        ),
        // Rule 3: nothing offered, so y.
        (
            offer(Sasl1, "1 256", None),
            both(),
            ok(SHA_256, Gs2::NotOffered),
        ),
        (
            offer(Sasl2, "1 256", None),
            both(),
            ok(SHA_256, Gs2::NotOffered),
        ),
        // Rule 4: -PLUS without types. SASL1 does not guess one.
        (
            offer(Sasl2, "1 1+", None),
            both(),
            Err(NoMechanism::BindingTypesMissing),
        ),
        (
            offer(Sasl1, "1 1+", None),
            both(),
            ok(SHA_1, Gs2::Unsupported),
        ),
        (
            offer(Sasl1, "1 1+ 256 256+ 512 512+", None),
            only_end_point(),
            ok(SHA_512, Gs2::Unsupported),
        ),
        (
            offer(Sasl1, "1+ PLAIN", None),
            both(),
            Err(NoMechanism::NothingInCommon),
        ),
        // Rule 5: types without -PLUS.
        (
            offer(Sasl2, "1 256", TYPES),
            both(),
            Err(NoMechanism::PlusMissing),
        ),
        (
            offer(Sasl1, "1 256 PLAIN", TYPES),
            both(),
            Err(NoMechanism::PlusMissing),
        ),
        (
            offer(Sasl1, "1", Some("")),
            both(),
            Err(NoMechanism::PlusMissing),
        ),
        // Rule 6 as of XEP-0474: go on with n, but only if the server confirms its lists.
        (
            offer(Sasl2, "1 1+", Some("tls-unique")),
            both(),
            ok(SHA_1, Gs2::NothingInCommon),
        ),
        (
            offer(Sasl2, "1 1+", Some("")),
            both(),
            ok(SHA_1, Gs2::NothingInCommon),
        ),
        (
            offer(Sasl2, "1 1+", Some("tls-server-end-point")),
            only_exporter(),
            ok(SHA_1, Gs2::NothingInCommon),
        ),
        (
            offer(Sasl2, "1 3-512+", TYPES),
            both(),
            ok(SHA_1, Gs2::NothingInCommon),
        ),
        (
            offer(Sasl1, "1 3-512+", None),
            both(),
            ok(SHA_1, Gs2::Unsupported),
        ),
        // PLAIN is not allowed here, and tokens are never chosen.
        (
            offer(Sasl1, "PLAIN", None),
            both(),
            Err(NoMechanism::OnlyPlain),
        ),
        (
            offer(Sasl2, "HT-SHA-256-EXPR EXTERNAL", TYPES),
            both(),
            Err(NoMechanism::NothingInCommon),
        ),
        (
            offer(Sasl2, "", None),
            both(),
            Err(NoMechanism::NothingInCommon),
        ),
    ];
    for (offer, bindings, expected) in table {
        assert_eq!(
            choose(&offer, &bindings, &SaslPolicy::default()),
            expected,
            "{offer:?} {bindings:?}"
        );
    }
}

#[test]
fn t3_without_types_only_what_was_proven_is_bound() {
    let refused = Err(NoMechanism::BelowFloor);
    let offered = offer(Profile::Sasl1, "1 1+", None);
    let ok = |gs2| {
        Ok(Choice {
            mechanism: SHA_1_PLUS,
            gs2,
            must_confirm: false,
        })
    };
    let table = [
        (EXPORTER, both(), ok(exporter())),
        (EXPORTER, only_exporter(), ok(exporter())),
        (END_POINT, both(), ok(end_point())),
        (END_POINT, only_end_point(), ok(end_point())),
        // The floor holds where this connection cannot do what was proven (TLS 1.2 without extended master secret).
        (EXPORTER, only_end_point(), refused.clone()),
        (EXPORTER, ChannelBindings::default(), refused.clone()),
        // A stronger type was never proven here.
        (END_POINT, only_exporter(), refused.clone()),
    ];
    let policy = |channel_binding| SaslPolicy {
        floor: Some(Floor {
            mechanism: SHA_1,
            channel_binding,
        }),
        ..SaslPolicy::default()
    };
    for (proven, bindings, expected) in table {
        let chosen = choose(&offered, &bindings, &policy(proven));
        assert_eq!(chosen, expected, "{proven:?} {bindings:?}");
    }
    // Nothing was bound before, the offer is without -PLUS, or the app demands what was not proven.
    let unbound = choose(&offered, &both(), &policy(None));
    assert_eq!(unbound.map(|choice| choice.gs2), Ok(Gs2::Unsupported));
    let stripped = offer(Profile::Sasl1, "1", None);
    assert_eq!(choose(&stripped, &both(), &policy(EXPORTER)), refused);
    let demanding = SaslPolicy {
        require_channel_binding: true,
        ..SaslPolicy::default()
    };
    assert_eq!(
        choose(&offered, &both(), &demanding),
        Err(NoMechanism::ChannelBindingRequired)
    );
    // SASL2 without types is a contradiction, whatever was proven (XEP-0440, rule 4).
    let sasl2 = offer(Profile::Sasl2, "1 1+", None);
    for proven in [None, EXPORTER] {
        assert_eq!(
            choose(&sasl2, &both(), &policy(proven)),
            Err(NoMechanism::BindingTypesMissing)
        );
    }
}

#[test]
fn t2_plain_is_opt_in_and_last() {
    let allowed = SaslPolicy {
        allow_plain: true,
        ..SaslPolicy::default()
    };
    let plain = Choice {
        mechanism: Mechanism::Plain,
        gs2: Gs2::Unsupported,
        must_confirm: false,
    };
    let only_plain = offer(Profile::Sasl1, "PLAIN X-OAUTH2", None);
    assert_eq!(choose(&only_plain, &both(), &allowed), Ok(plain.clone()));
    let with_types = offer(Profile::Sasl2, "PLAIN", Some("tls-exporter"));
    assert_eq!(choose(&with_types, &both(), &allowed), Ok(plain));
    let better = choose(&offer(Profile::Sasl1, "PLAIN 1", None), &both(), &allowed);
    assert_eq!(better.map(|choice| choice.mechanism), Ok(SHA_1));
    // A contradiction among SCRAM is never answered with the password.
    let stripped = offer(Profile::Sasl2, "PLAIN 1", Some("tls-exporter"));
    assert_eq!(
        choose(&stripped, &both(), &allowed),
        Err(NoMechanism::PlusMissing)
    );
}

#[test]
fn t3_required_channel_binding_is_required() {
    let required = SaslPolicy {
        require_channel_binding: true,
        allow_plain: true,
        floor: None,
        only: None,
    };
    for (mechanisms, types) in [("1", None), ("PLAIN", None), ("1 1+", Some("tls-unique"))] {
        let refused = choose(
            &offer(Profile::Sasl2, mechanisms, types),
            &both(),
            &required,
        );
        assert_eq!(
            refused,
            Err(NoMechanism::ChannelBindingRequired),
            "{mechanisms}"
        );
    }
    let bound = choose(
        &offer(Profile::Sasl2, "1+", Some("tls-exporter")),
        &both(),
        &required,
    );
    assert_eq!(bound.map(|choice| choice.gs2), Ok(exporter()));
}

#[test]
fn t2_floor() {
    let types = Some("tls-exporter tls-server-end-point");
    let weak_types = Some("tls-server-end-point");
    let floor = |mechanism, channel_binding| Floor {
        mechanism,
        channel_binding,
    };
    let refused = Err(NoMechanism::BelowFloor);
    let as_before = |mechanism| Ok((mechanism, false));
    let if_confirmed = |mechanism| Ok((mechanism, true));
    let table = [
        (
            floor(SHA_256_PLUS, EXPORTER),
            offer(Profile::Sasl2, "256+", types),
            as_before(SHA_256_PLUS),
        ),
        (
            floor(SHA_256_PLUS, EXPORTER),
            offer(Profile::Sasl2, "512+", types),
            as_before(SHA_512_PLUS),
        ),
        (
            floor(SHA_256_PLUS, END_POINT),
            offer(Profile::Sasl2, "256+", types),
            as_before(SHA_256_PLUS),
        ),
        (
            floor(SHA_256, None),
            offer(Profile::Sasl2, "256+", types),
            as_before(SHA_256_PLUS),
        ),
        (
            floor(Mechanism::Plain, None),
            offer(Profile::Sasl1, "PLAIN", None),
            as_before(Mechanism::Plain),
        ),
        (
            floor(Mechanism::Plain, None),
            offer(Profile::Sasl1, "1", None),
            as_before(SHA_1),
        ),
        // Another hash or type, even if the other got stronger: XEP-0474 has to vouch for the list.
        (
            floor(SHA_256_PLUS, EXPORTER),
            offer(Profile::Sasl2, "1+", types),
            if_confirmed(SHA_1_PLUS),
        ),
        (
            floor(SHA_256_PLUS, EXPORTER),
            offer(Profile::Sasl2, "512+", weak_types),
            if_confirmed(SHA_512_PLUS),
        ),
        (
            floor(SHA_256_PLUS, END_POINT),
            offer(Profile::Sasl2, "1+", types),
            if_confirmed(SHA_1_PLUS),
        ),
        (
            floor(SHA_256, None),
            offer(Profile::Sasl1, "1", None),
            if_confirmed(SHA_1),
        ),
        // The use of channel binding and the SCRAM family are not given up.
        (
            floor(SHA_1_PLUS, END_POINT),
            offer(Profile::Sasl2, "512", None),
            refused,
        ),
        (
            floor(SHA_256_PLUS, EXPORTER),
            offer(Profile::Sasl2, "256 256+", Some("tls-unique")),
            refused,
        ),
        (
            floor(SHA_1, None),
            offer(Profile::Sasl1, "PLAIN", None),
            refused,
        ),
        (
            floor(Mechanism::Ht(HtBinding::Exporter), EXPORTER),
            offer(Profile::Sasl1, "PLAIN", None),
            refused,
        ),
    ];
    for (floor, offer, expected) in table {
        let policy = SaslPolicy {
            allow_plain: true,
            require_channel_binding: false,
            floor: Some(floor),
            only: None,
        };
        let chosen = choose(&offer, &both(), &policy);
        let chosen = chosen.map(|choice| (choice.mechanism, choice.must_confirm));
        assert_eq!(chosen, expected, "{floor:?} {offer:?}");
    }
}

#[test]
fn t2_floor_and_tokens() {
    let bound = Floor {
        mechanism: SHA_256_PLUS,
        channel_binding: EXPORTER,
    };
    let unbound = Floor {
        mechanism: SHA_256,
        channel_binding: None,
    };
    for binding in [HtBinding::None, HtBinding::Exporter, HtBinding::EndPoint] {
        let mechanism = Mechanism::Ht(binding);
        assert_eq!(
            bound.allows(mechanism, binding.channel_binding()),
            binding != HtBinding::None
        );
        assert!(unbound.allows(mechanism, binding.channel_binding()));
    }
}

#[test]
fn t2_floor_only_rises() {
    let login = |mechanism, gs2| Choice {
        mechanism,
        gs2,
        must_confirm: false,
    };
    let first = Floor::raised_by(None, &login(SHA_1_PLUS, exporter()));
    assert_eq!(
        first,
        Floor {
            mechanism: SHA_1_PLUS,
            channel_binding: EXPORTER
        }
    );
    let second = Floor::raised_by(Some(first), &login(SHA_256, Gs2::Unsupported));
    assert_eq!(
        second,
        Floor {
            mechanism: SHA_256,
            channel_binding: EXPORTER
        }
    );
    let third = Floor::raised_by(Some(second), &login(Mechanism::Plain, Gs2::Unsupported));
    assert_eq!(third, second);
}
