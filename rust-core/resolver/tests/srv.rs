//! S10: two SRV answers become one list (RFC 2782, XEP-0368).
#![allow(clippy::unwrap_used, reason = "the helpers of a test are tests")]

use snapback_resolver::Transport::{DirectTls, StartTls};
use snapback_resolver::{LookupError, Preference, SrvAnswer, SrvRecord, Target, Transport, merge};
use std::collections::BTreeMap;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(60);

fn records(list: &[(u16, u16, &str)]) -> SrvAnswer {
    let records = list.iter().map(|&(priority, weight, target)| SrvRecord {
        priority,
        weight,
        port: 5222,
        target: target.to_owned(),
    });
    SrvAnswer::from_records(records.collect(), TTL).unwrap()
}

fn hosts(targets: &[Target]) -> Vec<(&str, Transport)> {
    targets
        .iter()
        .map(|t| (t.host.as_str(), t.transport))
        .collect()
}

/// A full-period generator: every value occurs, none is random.
fn lcg() -> impl FnMut() -> u32 + Send {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    }
}

#[test]
fn s10_both_services_are_merged_by_priority() {
    let direct = records(&[(5, 0, "a.example"), (20, 0, "b.example")]);
    let starttls = records(&[(10, 0, "c.example"), (0, 0, "d.example")]);
    let merged = merge(&direct, &starttls, Preference::DirectTlsFirst, &mut || 0);
    assert_eq!(
        hosts(&merged),
        [
            ("d.example", StartTls),
            ("a.example", DirectTls),
            ("c.example", StartTls),
            ("b.example", DirectTls)
        ]
    );
}

#[test]
fn s10_direct_tls_goes_first_at_equal_priority_if_preferred() {
    let direct = records(&[(1, 1, "a.example")]);
    let starttls = records(&[(1, 65535, "b.example")]);
    for draw in [0, u32::MAX / 2, u32::MAX] {
        let merged = merge(&direct, &starttls, Preference::DirectTlsFirst, &mut || draw);
        assert_eq!(
            hosts(&merged),
            [("a.example", DirectTls), ("b.example", StartTls)]
        );
    }
    let merged = merge(&direct, &starttls, Preference::AsPublished, &mut || {
        u32::MAX
    });
    assert_eq!(
        hosts(&merged),
        [("b.example", StartTls), ("a.example", DirectTls)]
    );
}

#[test]
fn s10_weights_are_shares() {
    let answer = records(&[
        (0, 10, "ten.example"),
        (0, 30, "thirty.example"),
        (0, 0, "zero.example"),
    ]);
    let mut random = lcg();
    let mut first: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..41_000 {
        let merged = merge(
            &answer,
            &SrvAnswer::Absent,
            Preference::AsPublished,
            &mut random,
        );
        assert_eq!(merged.len(), 3);
        *first.entry(merged[0].host.clone()).or_default() += 1;
    }
    // 41 numbers are drawn: 0 selects the record of weight zero, 1 to 10 the next, 11 to 40 the last.
    for (host, expected) in [
        ("zero.example", 1_000),
        ("ten.example", 10_000),
        ("thirty.example", 30_000),
    ] {
        let times = first[host];
        assert!(
            times.abs_diff(expected) < expected / 5,
            "{host}: {times} instead of about {expected}"
        );
    }
}

#[test]
fn the_extreme_draws_stay_inside() {
    let answer = records(&[
        (0, 65535, "a.example"),
        (0, 65535, "b.example"),
        (0, 0, "c.example"),
    ]);
    let first = |draw| {
        merge(
            &answer,
            &SrvAnswer::Absent,
            Preference::AsPublished,
            &mut || draw,
        )[0]
        .host
        .clone()
    };
    assert_eq!(first(0), "c.example");
    assert_eq!(first(u32::MAX), "b.example");
}

#[test]
fn s10_a_dot_is_a_refusal_and_nothing_is_absence() {
    let dot = SrvRecord {
        priority: 0,
        weight: 0,
        port: 0,
        target: ".".into(),
    };
    assert_eq!(
        SrvAnswer::from_records(vec![dot.clone()], TTL),
        Ok(SrvAnswer::NotOffered { ttl: TTL })
    );
    assert_eq!(
        SrvAnswer::from_records(vec![dot.clone(), dot.clone()], TTL),
        Ok(SrvAnswer::NotOffered { ttl: TTL }),
        "said twice it means the same"
    );
    assert_eq!(SrvAnswer::from_records(vec![], TTL), Ok(SrvAnswer::Absent));
    // Beside another record it is ignored.
    let real = SrvRecord {
        port: 5222,
        target: "a.example.".into(),
        ..dot.clone()
    };
    let SrvAnswer::Records { records, .. } = SrvAnswer::from_records(vec![dot, real], TTL).unwrap()
    else {
        panic!("no records");
    };
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].target, "a.example");
}

#[test]
fn records_that_lead_nowhere_are_malformed() {
    for (port, target) in [
        (0, "a.example"),
        (5222, ""),
        (5222, "a b"),
        (5222, "a..example"),
        (5222, "\\000.example"),
    ] {
        let record = SrvRecord {
            priority: 0,
            weight: 0,
            port,
            target: target.into(),
        };
        assert_eq!(
            SrvAnswer::from_records(vec![record], TTL),
            Err(LookupError::Malformed),
            "{target:?}"
        );
    }
}

#[test]
fn an_answer_of_a_thousand_targets_is_cut_to_sixteen_of_the_best() {
    let many: Vec<(u16, u16, String)> = (0..1000u16)
        .rev()
        .map(|i| (i, 0, format!("h{i}.example")))
        .collect();
    let many: Vec<(u16, u16, &str)> = many.iter().map(|(p, w, h)| (*p, *w, h.as_str())).collect();
    let answer = records(&many);
    let merged = merge(&answer, &answer, Preference::DirectTlsFirst, &mut || 0);
    assert_eq!(merged.len(), 16);
    assert_eq!(
        hosts(&merged)[..3],
        [
            ("h0.example", DirectTls),
            ("h0.example", StartTls),
            ("h1.example", DirectTls)
        ]
    );
}
