//! A test of the enums of the bindings that correspond to enums of the core but differ in fields or names. The test
//! compares their cases; the differences are listed here. Enums that are equal are described with `#[uniffi::remote]`
//! and have no type of their own.

/// An enum of the bindings, and the corresponding enum of the core.
struct Mirror {
    ours: (&'static str, &'static str),
    core: (&'static str, &'static str),
    /// Cases of the core that differ, each with the cases of the bindings that represent it; none if the case never
    /// reaches the bindings.
    instead: &'static [(&'static str, &'static [&'static str])],
}

const MIRRORS: [Mirror; 10] = [
    Mirror {
        ours: (include_str!("ending.rs"), "CertificateProblem"),
        core: (
            include_str!("../../rust-core/tls/src/error.rs"),
            "CertificateError",
        ),
        // Another case of the end: the certificate was not looked at.
        instead: &[("VerifierUnavailable", &[])],
    },
    Mirror {
        ours: (include_str!("jid.rs"), "JidProblem"),
        core: (include_str!("../../rust-core/types/src/jid.rs"), "JidError"),
        instead: &[],
    },
    Mirror {
        ours: (include_str!("vault.rs"), "VaultError"),
        core: (
            include_str!("../../rust-core/store/src/vault.rs"),
            "VaultError",
        ),
        instead: &[],
    },
    Mirror {
        ours: (include_str!("event.rs"), "Stage"),
        core: (
            include_str!("../../rust-core/proto/src/connection/output.rs"),
            "Stage",
        ),
        instead: &[],
    },
    Mirror {
        ours: (include_str!("event.rs"), "FailureReason"),
        core: (
            include_str!("../../rust-core/proto/src/connection/output.rs"),
            "Failure",
        ),
        instead: &[],
    },
    Mirror {
        ours: (include_str!("state.rs"), "ConnectionState"),
        core: (
            include_str!("../../rust-core/engine/src/supervisor/mod.rs"),
            "ConnectionState",
        ),
        instead: &[],
    },
    Mirror {
        ours: (include_str!("store.rs"), "StoreTrouble"),
        core: (
            include_str!("../../rust-core/store/src/report.rs"),
            "OpenIssue",
        ),
        instead: &[],
    },
    Mirror {
        ours: (include_str!("store.rs"), "StorageProblem"),
        core: (
            include_str!("../../rust-core/store/src/error.rs"),
            "StoreError",
        ),
        instead: &[
            ("Full", &["DeviceFull"]),
            ("Closed", &["Suspended"]),
            ("Vault", &["VaultLocked", "VaultBroken"]),
        ],
    },
    // Only a roster push has `remove`; a removed item is not stored.
    Mirror {
        ours: (include_str!("roster.rs"), "Subscription"),
        core: (
            include_str!("../../rust-core/wire/src/xep/roster.rs"),
            "Subscription",
        ),
        instead: &[("Remove", &[])],
    },
    Mirror {
        ours: (include_str!("ending.rs"), "ResolveProblem"),
        core: (
            include_str!("../../rust-core/resolver/src/error.rs"),
            "ResolveError",
        ),
        instead: &[
            ("Malformed", &["BadAnswer"]),
            ("ServerFailure", &["BadAnswer"]),
            ("Network", &["BadAnswer"]),
        ],
    },
];

/// Returns the names of an enum's cases, sorted.
fn cases<'source>((source, name): (&'source str, &str)) -> Vec<&'source str> {
    let head = format!("pub enum {name} {{");
    let (_, rest) = source
        .split_once(&head)
        .unwrap_or_else(|| panic!("no enum {name}"));
    let body = rest.lines().take_while(|line| *line != "}");
    let mut cases: Vec<&str> = body
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(char::is_uppercase))
        .filter_map(|line| line.split(|c: char| !c.is_alphanumeric()).next())
        .collect();
    cases.sort_unstable();
    cases
}

#[test]
fn mirrored_enums_have_the_cases_of_the_core() {
    for mirror in &MIRRORS {
        let instead = |case| mirror.instead.iter().find(|(core, _)| *core == case);
        let core = cases(mirror.core);
        assert!(core.len() > 1, "{}: {core:?}", mirror.core.1);
        let known = |(case, _): &(&str, _)| core.contains(case);
        assert!(mirror.instead.iter().all(known), "{}", mirror.core.1);
        let mut expected: Vec<&str> = core
            .iter()
            .flat_map(|&case| instead(case).map_or(vec![case], |(_, ours)| ours.to_vec()))
            .collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(cases(mirror.ours), expected, "{}", mirror.ours.1);
    }
}
