//! The cost table, and everything that a plan must not assume.

use std::sync::Arc;

use super::*;
use crate::config::Policy;
use crate::escalation::{Evidence, Subject};
use crate::knowledge::{FastToken, Greeting, Knowledge, SmSession};
use crate::sasl::{ChannelBindings, Floor, Hash};
use crate::secret::Secret;
use crate::stream::features::{Bind2Features, FastFeatures, Sasl2Features, StreamFeatures};
use crate::time::UnixTime;

const WALL: UnixTime = UnixTime(1_000_000);
const KEY: [u8; 32] = [5; 32];
const SHA_256: Mechanism = scram(false);
const SHA_256_PLUS: Mechanism = scram(true);

const fn scram(plus: bool) -> Mechanism {
    let hash = Hash::Sha256;
    Mechanism::Scram { hash, plus }
}

fn strings(list: &[&str]) -> Option<Vec<String>> {
    Some(list.iter().map(|&name| name.to_owned()).collect())
}

fn sasl1() -> StreamFeatures {
    StreamFeatures {
        sasl1: strings(&["SCRAM-SHA-256"]),
        ..StreamFeatures::default()
    }
}

fn sasl2() -> StreamFeatures {
    StreamFeatures {
        channel_bindings: strings(&["tls-exporter", "tls-server-end-point"]),
        sasl2: Some(Sasl2Features {
            mechanisms: strings(&["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]).unwrap_or_default(),
            bind2: Some(Bind2Features::default()),
            sm: true,
            fast: Some(FastFeatures {
                mechanisms: strings(&["HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-NONE"])
                    .unwrap_or_default(),
                tls_0rtt: false,
            }),
        }),
        ..StreamFeatures::default()
    }
}

fn pipelining(mut features: StreamFeatures) -> StreamFeatures {
    features.pipelining = true;
    features.sm = true;
    features
}

fn early(mut features: StreamFeatures) -> StreamFeatures {
    if let Some(fast) = features
        .sasl2
        .as_mut()
        .and_then(|sasl2| sasl2.fast.as_mut())
    {
        fast.tls_0rtt = true;
    }
    features
}

fn token(binding: HtBinding) -> Option<FastToken> {
    Some(FastToken {
        binding,
        token: Secret::from("token"),
        expires: None,
        count: 0,
    })
}

fn session() -> Option<SmSession> {
    Some(SmSession {
        id: "sm-1".to_owned(),
        jid: "juliet@example.org/balcony".to_owned(),
        h: 0,
        base: 0,
        max: Some(600),
        location: None,
        alive_at: WALL,
        pending: Vec::new(),
        hand_over: None,
        greeting: Greeting::Sent,
    })
}

type Change = fn(&mut Case);

/// All that a plan is made from, with everything allowed to be resumed.
struct Case {
    transport: Transport,
    policy: Policy,
    knowledge: Knowledge,
    tls: TlsOutlook,
    wall: UnixTime,
}

fn secured_mut(case: &mut Case) -> &mut StreamFeatures {
    Arc::make_mut(case.knowledge.server.secured.as_mut().unwrap())
}

impl Case {
    fn new(transport: Transport, secured: StreamFeatures) -> Self {
        let mut knowledge = Knowledge {
            sm: session(),
            ..Knowledge::default()
        };
        let authenticated = StreamFeatures {
            bind: true,
            sm: true,
            ..StreamFeatures::default()
        };
        knowledge.server.authenticated = Some(Arc::new(authenticated));
        knowledge.server.sm_before_sasl = secured.sm.then_some(KEY);
        knowledge.server.secured = Some(Arc::new(secured));
        Self {
            transport,
            policy: Policy::default(),
            knowledge,
            tls: TlsOutlook::Expected { early_data: false },
            wall: WALL,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn with_token(self, binding: HtBinding) -> Self {
        self.with(|case| case.knowledge.fast = token(binding))
    }

    fn early(self) -> Self {
        self.with_token(HtBinding::EndPoint).with(|case| {
            case.policy.early_data = true;
            case.tls = TlsOutlook::Expected { early_data: true };
        })
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            transport: self.transport,
            policy: &self.policy,
            only: None,
            knowledge: &self.knowledge,
            tls: &self.tls,
            purpose: Purpose::Session,
            wall: self.wall,
        }
    }

    fn plan(&self) -> Plan {
        plan(self.inputs())
    }
}

fn established(resumes_proven: bool, key: [u8; 32]) -> TlsOutlook {
    TlsOutlook::Established {
        bindings: ChannelBindings {
            tls_exporter: Some(vec![1; 32]),
            tls_server_end_point: Some(vec![2; 32]),
        },
        resumes_proven,
        key,
    }
}

#[test]
fn cost_table_of_the_design() {
    use Transport::{DirectTls, StartTls};
    let fast = HtBinding::Exporter;
    let table = [
        ("SASL1, STARTTLS", Case::new(StartTls, sasl1()), 6, 6),
        ("SASL1, direct", Case::new(DirectTls, sasl1()), 5, 5),
        (
            "SASL2, STARTTLS",
            Case::new(StartTls, sasl2()).with_token(fast),
            4,
            4,
        ),
        (
            "SASL2, direct",
            Case::new(DirectTls, sasl2()).with_token(fast),
            3,
            3,
        ),
        (
            "XEP-0305, SCRAM",
            Case::new(StartTls, pipelining(sasl1())),
            4,
            3,
        ),
        (
            "XEP-0305, FAST",
            Case::new(StartTls, pipelining(sasl2())).with_token(fast),
            3,
            3,
        ),
        (
            "early data, direct",
            Case::new(DirectTls, early(sasl2())).early(),
            2,
            2,
        ),
        (
            "early data, XEP-0305",
            Case::new(StartTls, pipelining(early(sasl2()))).early(),
            2,
            2,
        ),
    ];
    for (name, case, bound, resumed) in table {
        let plan = case.plan();
        assert_eq!(plan.goal, Goal::Resume, "{name}");
        assert!(plan.is_complete(), "{name}: {plan}");
        assert_eq!(plan.round_trips(), resumed, "{name}: {plan}");
        let plan = case.with(|case| case.knowledge.sm = None).plan();
        assert_eq!(plan.goal, Goal::Bind, "{name}");
        assert!(plan.is_complete(), "{name}: {plan}");
        assert_eq!(plan.round_trips(), bound, "{name}: {plan}");
    }
}

#[test]
fn a_plan_prints_as_a_list_of_flights() {
    let direct = |secured| Case::new(Transport::DirectTls, secured);
    let resume = direct(pipelining(sasl1())).plan();
    assert_eq!(
        resume.to_string(),
        "3 round trips: TCP | ClientHello | header + resume"
    );
    let bind = direct(sasl1()).with(|case| case.knowledge.sm = None).plan();
    assert_eq!(
        bind.to_string(),
        "5 round trips: TCP | ClientHello | header + auth SCRAM-SHA-256 | response | header + bind"
    );
    let early = direct(early(sasl2())).early().plan();
    assert_eq!(
        early.to_string(),
        "2 round trips: TCP | ClientHello + header + authenticate HT-SHA-256-ENDP + resume"
    );
    let cold = Case::new(Transport::StartTls, sasl1())
        .with(|case| case.knowledge = Knowledge::default())
        .plan();
    assert_eq!(
        cold.to_string(),
        "4 round trips: TCP | header + starttls | ClientHello | header, then what the server offers"
    );
}

#[test]
fn nothing_is_pipelined_that_was_not_advertised() {
    let plan = Case::new(Transport::StartTls, sasl1()).plan();
    assert!(!plan.combined_starttls);
    assert_eq!(plan.restart, Restart::Separate);
    let nothing = Case::new(Transport::StartTls, sasl1())
        .with(|case| case.knowledge.server = Default::default())
        .plan();
    assert!(!nothing.combined_starttls);
    assert_eq!(nothing.login, Login::Discover);
    // Features after SASL1 that are not remembered are waited for.
    let unseen = Case::new(Transport::StartTls, sasl1())
        .with(|case| case.knowledge.server.authenticated = None)
        .plan();
    assert_eq!(unseen.restart, Restart::Discover);
    assert!(!unseen.is_complete());
    // What goes inline must have been listed there.
    let mut bare = sasl2();
    if let Some(sasl2) = &mut bare.sasl2 {
        *sasl2 = Sasl2Features {
            mechanisms: sasl2.mechanisms.clone(),
            ..Sasl2Features::default()
        };
    }
    let plan = Case::new(Transport::DirectTls, bare)
        .with_token(HtBinding::Exporter)
        .plan();
    assert_eq!(
        plan.login,
        Login::Sasl2(SHA_256_PLUS),
        "no <fast/>, no token"
    );
    assert!(!plan.inline);
}

#[test]
fn s2_pipelining_that_failed_is_not_tried_again() {
    let case = Case::new(Transport::StartTls, pipelining(sasl1()))
        .with(|case| case.knowledge.server.sm_before_sasl = None);
    assert!(case.plan().combined_starttls);
    assert_eq!(case.plan().restart, Restart::Pipelined);
    let plan = case
        .with(|case| {
            let failures = &mut case.knowledge.failures;
            failures.note(
                Subject::PipelinedStart,
                Evidence::Refusal,
                false,
                UnixTime(0),
            );
        })
        .plan();
    assert!(!plan.combined_starttls);
    assert_eq!(plan.restart, Restart::Separate);
    // Resumption after the restart must have been advertised there.
    let plan = Case::new(Transport::StartTls, pipelining(sasl1()))
        .with(|case| case.knowledge.server.sm_before_sasl = None)
        .with(|case| case.knowledge.server.authenticated = None)
        .plan();
    assert_eq!(plan.restart, Restart::Discover);
}

#[test]
fn s3_each_missing_condition_leads_to_sasl() {
    let case = || {
        Case::new(Transport::DirectTls, pipelining(sasl1()))
            .with(|case| case.tls = established(false, KEY))
    };
    assert_eq!(case().plan().login, Login::ResumeBeforeSasl);
    let by_ticket = case().with(|case| case.tls = established(true, [6; 32]));
    assert_eq!(by_ticket.plan().login, Login::ResumeBeforeSasl);
    let missing: [(&str, Change); 6] = [
        ("another key and no ticket", |case| {
            case.tls = established(false, [6; 32]);
        }),
        ("never seen on a proven login", |case| {
            case.knowledge.server.sm_before_sasl = None;
        }),
        ("not advertised any more", |case| {
            secured_mut(case).sm = false;
        }),
        ("channel binding is required", |case| {
            case.policy.require_channel_binding = true;
        }),
        ("no session", |case| case.knowledge.sm = None),
        ("the session has expired", |case| {
            case.wall = UnixTime(WALL.0 + 601);
        }),
    ];
    for (name, remove) in missing {
        let plan = case().with(remove).plan();
        assert_ne!(plan.login, Login::ResumeBeforeSasl, "{name}");
    }
}

#[test]
fn s6_each_missing_condition_means_no_early_data() {
    let case = || Case::new(Transport::DirectTls, early(sasl2())).early();
    let is_early = |case: Case| {
        matches!(
            case.plan().login,
            Login::Fast {
                early_data: true,
                ..
            }
        )
    };
    assert!(is_early(case()));
    let missing: [(&str, Change); 6] = [
        ("not advertised", |case| {
            case.knowledge.server.secured = Some(Arc::new(sasl2()));
        }),
        ("not allowed by the app", |case| {
            case.policy.early_data = false
        }),
        ("no ticket for it", |case| {
            case.tls = TlsOutlook::Expected { early_data: false };
        }),
        ("TLS is established already", |case| {
            case.tls = established(true, KEY);
        }),
        ("an exporter does not exist there", |case| {
            case.knowledge.fast = token(HtBinding::Exporter);
        }),
        ("no token", |case| case.knowledge.fast = None),
    ];
    for (name, remove) in missing {
        assert!(!is_early(case().with(remove)), "{name}");
    }
}

#[test]
fn s5_an_expired_token_is_not_used() {
    let case = |expires| {
        Case::new(Transport::DirectTls, sasl2())
            .with_token(HtBinding::Exporter)
            .with(|case| {
                case.knowledge.fast.as_mut().unwrap().expires = Some(expires);
            })
    };
    let fresh = case(UnixTime(WALL.0 + 1)).plan();
    assert!(matches!(fresh.login, Login::Fast { .. }));
    assert_eq!(case(WALL).plan().login, Login::Sasl2(SHA_256_PLUS));
}

#[test]
fn s5_a_token_belongs_to_its_mechanism_and_channel() {
    let case = |binding| Case::new(Transport::DirectTls, sasl2()).with_token(binding);
    let not_offered = case(HtBinding::EndPoint).with(|case| {
        let sasl2 = secured_mut(case).sasl2.as_mut();
        if let Some(fast) = sasl2.and_then(|sasl2| sasl2.fast.as_mut()) {
            fast.mechanisms.retain(|name| name != "HT-SHA-256-ENDP");
        }
    });
    assert_eq!(not_offered.plan().login, Login::Sasl2(SHA_256_PLUS));
    let no_exporter = case(HtBinding::Exporter).with(|case| {
        case.tls = TlsOutlook::Established {
            bindings: ChannelBindings {
                tls_exporter: None,
                tls_server_end_point: Some(vec![2; 32]),
            },
            resumes_proven: false,
            key: KEY,
        };
    });
    assert_eq!(no_exporter.plan().login, Login::Sasl2(SHA_256_PLUS));
}

#[test]
fn i14_an_expired_session_is_not_resumed() {
    let at = |wall| {
        Case::new(Transport::DirectTls, sasl1())
            .with(|case| case.wall = UnixTime(wall))
            .plan()
            .goal
    };
    assert_eq!(at(WALL.0 + 600), Goal::Resume);
    assert_eq!(at(WALL.0 + 601), Goal::Bind);
    // A wall clock that went back is no reason to give the session up.
    assert_eq!(at(WALL.0 - 86_400), Goal::Resume);
    let for_ever = Case::new(Transport::DirectTls, sasl1()).with(|case| {
        case.wall = UnixTime(i64::MAX);
        case.knowledge.sm.as_mut().unwrap().max = None;
    });
    assert_eq!(for_ever.plan().goal, Goal::Resume);
}

#[test]
fn t2_plain_is_opt_in() {
    let plain = || StreamFeatures {
        sasl1: strings(&["PLAIN"]),
        ..StreamFeatures::default()
    };
    let case = Case::new(Transport::DirectTls, plain());
    assert_eq!(case.plan().login, Login::Discover);
    let allowed = case.with(|case| case.policy.allow_plain = true).plan();
    assert_eq!(allowed.login, Login::Sasl1(Mechanism::Plain));
    assert_eq!(
        allowed.round_trips(),
        4,
        "one less than SCRAM, and no reason"
    );
    let both = Case::new(Transport::DirectTls, sasl1())
        .with(|case| {
            case.policy.allow_plain = true;
            secured_mut(case).sasl1 = strings(&["PLAIN", "SCRAM-SHA-256"]);
        })
        .plan();
    assert_eq!(both.login, Login::Sasl1(SHA_256));
}

#[test]
fn t2_tokens_without_channel_binding_are_opt_in() {
    let case = || Case::new(Transport::DirectTls, sasl2()).with_token(HtBinding::None);
    assert_eq!(case().plan().login, Login::Sasl2(SHA_256_PLUS));
    let allowed = case().with(|case| case.policy.allow_unbound_tokens = true);
    assert!(matches!(allowed.plan().login, Login::Fast { .. }));
    let both = allowed.with(|case| case.policy.require_channel_binding = true);
    assert_eq!(both.plan().login, Login::Sasl2(SHA_256_PLUS));
}

#[test]
fn t2_required_channel_binding_rules_out_what_cannot_bind() {
    let unbound = Case::new(Transport::DirectTls, sasl1())
        .with(|case| case.policy.require_channel_binding = true)
        .plan();
    assert_eq!(unbound.login, Login::Discover);
    let bound = Case::new(Transport::DirectTls, sasl2())
        .with(|case| case.policy.require_channel_binding = true)
        .plan();
    assert_eq!(bound.login, Login::Sasl2(SHA_256_PLUS));
}

#[test]
fn t2_the_floor_holds_against_remembered_features() {
    let floor = Some(Floor {
        mechanism: SHA_256_PLUS,
        channel_binding: Some(crate::sasl::ChannelBindingType::TlsExporter),
    });
    let weaker = Case::new(Transport::DirectTls, sasl1())
        .with(|case| case.knowledge.floor = floor)
        .plan();
    assert_eq!(weaker.login, Login::Discover);
    let equal = Case::new(Transport::DirectTls, sasl2())
        .with(|case| case.knowledge.floor = floor)
        .plan();
    assert_eq!(equal.login, Login::Sasl2(SHA_256_PLUS));
}

#[test]
fn a_revision_that_fails_leaves_the_plan_alone() {
    let case = Case::new(Transport::DirectTls, sasl1());
    let mut plan = case.plan();
    let before = plan.clone();
    let nothing = plan.revise(&StreamFeatures::default(), case.inputs());
    assert_eq!(nothing, Err(crate::sasl::NoMechanism::NothingInCommon));
    assert_eq!(plan, before);
}
