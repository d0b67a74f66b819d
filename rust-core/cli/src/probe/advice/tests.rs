//! Verdicts on reports that are written by hand, and what hostile names become in each form of output.

use std::collections::BTreeSet;

use snapback_client::Transport;
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::proto::xml::parse_stanza;

use super::*;
use crate::probe::facts::DirectTls;
use crate::probe::report::{
    AccountReport, Dns, EndpointError, Record, Second, Service, StartTls, Tls,
};
use crate::probe::{Verdict, html, text};

const STOCK: &str = "<features xmlns='http://etherx.jabber.org/streams'>\
    <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism>\
    <mechanism>SCRAM-SHA-1</mechanism></mechanisms>\
    <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>\
    <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes></limits></features>";
const SASL2: &str = "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1-PLUS</mechanism><inline>\
    <bind xmlns='urn:xmpp:bind:0'/><sm xmlns='urn:xmpp:sm:3'/>\
    <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism></fast></inline></authentication>";

fn features(xml: &str) -> StreamFeatures {
    StreamFeatures::parse(&parse_stanza(xml).unwrap())
}

fn modern() -> StreamFeatures {
    features(&STOCK.replace("</features>", &format!("{SASL2}</features>")))
}

fn endpoint(transport: Transport, features: StreamFeatures) -> EndpointReport {
    let mut report = EndpointReport::new("xmpp.example", "192.0.2.1:5222".to_owned(), transport);
    report.tcp = Some(Duration::from_millis(50));
    report.starttls = (transport == Transport::StartTls).then_some(StartTls {
        pipelined: true,
        took: Duration::from_millis(51),
    });
    report.tls = Some(Tls {
        version: "TLS 1.3",
        cipher_suite: "TLS13_AES_256_GCM_SHA384",
        group: Some("X25519"),
        retried: false,
        alpn: true,
        took: Duration::from_millis(52),
        verified_in: Duration::ZERO,
        tickets: 2,
    });
    report.second = Some(Second {
        offered: true,
        accepted: true,
        early_data: 16384,
        took: Duration::from_millis(50),
    });
    report.answer_held = Some(false);
    report.features = Some(features.into());
    report
}

fn records(priority: u16) -> Service {
    Service::Records {
        records: vec![Record {
            priority,
            weight: 0,
            port: 5223,
            target: "xmpp.example".to_owned(),
        }],
    }
}

fn report(endpoints: Vec<EndpointReport>, direct_tls: Service) -> Report {
    let mut report = Report {
        domain: "example".to_owned(),
        dns: Some(Dns {
            direct_tls,
            starttls: records(10),
            ipv4: 1,
            ipv6: 1,
            ..Dns::default()
        }),
        endpoints,
        ..Report::default()
    };
    advise(&mut report, false);
    report
}

fn one(endpoint: EndpointReport) -> Report {
    report(vec![endpoint], records(0))
}

fn saved(report: &Report) -> Vec<(&'static str, usize)> {
    report.advice.iter().map(|it| (it.id, it.saves)).collect()
}

#[test]
fn what_is_there_already_is_not_advised() {
    let report = one(endpoint(Transport::DirectTls, modern()));
    assert_eq!(saved(&report), []);
    assert_eq!(report.verdict(), Verdict::Good);
    let login = report.endpoints[0].login.unwrap();
    assert_eq!((login.new, login.resumed), (3, 3));
}

#[test]
fn sasl2_and_fast_save_one_round_trip_each() {
    let report = one(endpoint(Transport::DirectTls, features(STOCK)));
    assert_eq!(saved(&report), [("sasl2", 1), ("fast", 1)]);
    assert_eq!(report.verdict(), Verdict::Improvable);
    assert_eq!(report.advice[0].saves_time, Duration::from_millis(50));
    let login = report.endpoints[0].login.unwrap();
    assert_eq!((login.new, login.resumed), (5, 5));
}

#[test]
fn parts_of_sasl2_are_advised_one_by_one() {
    for (part, id) in [
        ("<bind xmlns='urn:xmpp:bind:0'/>", "bind2"),
        ("<sm xmlns='urn:xmpp:sm:3'/>", "inline-resumption"),
    ] {
        let sasl2 = SASL2.replace(part, "");
        let xml = STOCK.replace("</features>", &format!("{sasl2}</features>"));
        let report = one(endpoint(Transport::DirectTls, features(&xml)));
        assert_eq!(saved(&report), [(id, 1)]);
    }
    let unbound = SASL2.replace("EXPR", "NONE");
    let xml = STOCK.replace("</features>", &format!("{unbound}</features>"));
    let report = one(endpoint(Transport::DirectTls, features(&xml)));
    assert_eq!(saved(&report), [("fast", 1)]);
}

#[test]
fn each_delay_of_a_handshake_is_one_round_trip() {
    type Change = fn(&mut EndpointReport);
    let table: [(&str, Change); 4] = [
        ("nagle", |it| it.answer_held = Some(true)),
        ("tls-1.3", |it| it.tls.as_mut().unwrap().version = "TLS 1.2"),
        ("hello-retry", |it| it.tls.as_mut().unwrap().retried = true),
        ("starttls-pipelining", |it| {
            it.starttls.as_mut().unwrap().pipelined = false;
        }),
    ];
    for (id, change) in table {
        let mut changed = endpoint(Transport::StartTls, modern());
        change(&mut changed);
        let report = one(changed);
        let saves = saved(&report);
        assert!(saves.contains(&(id, 1)), "{id}: {saves:?}");
    }
}

#[test]
fn direct_tls_is_advised_where_clients_do_not_come_to_it() {
    let starttls = || vec![endpoint(Transport::StartTls, modern())];
    let absent = report(starttls(), Service::Absent);
    assert_eq!(saved(&absent), [("direct-tls", 1)]);
    let later = report(starttls(), records(20));
    assert_eq!(saved(&later), [("direct-tls-priority", 1)]);
    // Then what is left to save at the other endpoint has no setting.
    let first = report(starttls(), records(0));
    assert_eq!(saved(&first), [("pipelining", 1)]);
    assert_eq!(first.verdict(), Verdict::Good);
    let error = "no answer".to_owned();
    let unknown = report(starttls(), Service::Failed { error });
    assert_eq!(saved(&unknown), [("pipelining", 1)]);
}

#[test]
fn an_endpoint_in_front_that_accepts_nothing_costs_a_round_trip() {
    let failed = |error| {
        let mut failed = endpoint(Transport::DirectTls, modern());
        (failed.features, failed.error) = (None, Some(error));
        vec![failed, endpoint(Transport::DirectTls, modern())]
    };
    let refused = report(failed(EndpointError::NoAnswer), records(0));
    assert_eq!(saved(&refused), [("unreachable-endpoint", 1)]);
    // Not the server's fault.
    let no_route = report(failed(EndpointError::NoRoute), records(0));
    assert_eq!(saved(&no_route), []);
}

#[test]
fn the_exit_code_is_the_worst_that_was_found() {
    let error = || Some("not-authorized".to_owned());
    let mut unusable = one(endpoint(Transport::DirectTls, features(STOCK)));
    unusable.account = Some(AccountReport {
        error: error(),
        ..AccountReport::default()
    });
    assert_eq!(unusable.verdict(), Verdict::Unusable);

    let mut refused = endpoint(Transport::StartTls, modern());
    refused.features = None;
    refused.error = Some(EndpointError::Certificate {
        error: "expired".to_owned(),
    });
    let good = endpoint(Transport::DirectTls, modern());
    assert_eq!(
        report(vec![good, refused], records(0)).verdict(),
        Verdict::Unreachable
    );
    assert_eq!(
        report(vec![], Service::Absent).verdict(),
        Verdict::Unreachable
    );
}

#[test]
fn an_account_shows_what_is_missing() {
    let mut report = one(endpoint(Transport::DirectTls, modern()));
    report.account = Some(AccountReport {
        stream_management: true,
        max: Some(300),
        resumed: Some(false),
        archive: true,
        ..AccountReport::default()
    });
    advise(&mut report, false);
    let ids: Vec<&str> = report.advice.iter().map(|it| it.id).collect();
    assert_eq!(
        ids,
        [
            "resumption",
            "session-time",
            "client-state",
            "carbons",
            "push",
            "blocking"
        ]
    );
}

/// Everything that can be wrong, with the given transport.
fn worst(transport: Transport, direct_tls: DirectTls, features: StreamFeatures) -> Facts {
    Facts {
        transport,
        direct_tls,
        ipv6: false,
        unreachable_first: true,
        starttls_pipelined: false,
        tls13: false,
        retried: true,
        ticket_accepted: Some(false),
        early_data: false,
        answer_held: true,
        features,
        allow_plain: false,
        account: Some(AccountReport {
            max: Some(1),
            pipelined_bind: Some(false),
            ..AccountReport::default()
        }),
    }
}

#[test]
fn what_is_followed_is_not_advised_again() {
    let bare = SASL2.replace(
        "<bind xmlns='urn:xmpp:bind:0'/><sm xmlns='urn:xmpp:sm:3'/>",
        "",
    );
    let bare = features(&STOCK.replace("</features>", &format!("{bare}</features>")));
    let mut managed = worst(Transport::StartTls, DirectTls::Later, bare);
    if let Some(account) = &mut managed.account {
        (account.stream_management, account.resumed) = (true, Some(false));
    }
    let nothing = worst(
        Transport::StartTls,
        DirectTls::Absent,
        StreamFeatures::default(),
    );
    let unknown = worst(Transport::StartTls, DirectTls::Unknown, modern());
    let mut seen = BTreeSet::new();
    for mut facts in [managed, nothing, unknown] {
        for advice in &TABLE {
            if (advice.applies)(&facts) {
                seen.insert(advice.id);
                (advice.follow)(&mut facts);
                assert!(!(advice.applies)(&facts), "{}", advice.id);
            }
        }
    }
    let all: BTreeSet<&str> = TABLE.iter().map(|advice| advice.id).collect();
    assert_eq!(seen, all);
    assert_eq!(all.len(), TABLE.len(), "two rows of one name");
}

#[test]
fn hostile_names_remain_names() {
    let script = "&lt;script&gt;alert(1)&lt;/script&gt;&#x9b;31m\"'";
    let xml = STOCK.replace("SCRAM-SHA-1-PLUS", script);
    let mut hostile = endpoint(Transport::DirectTls, features(&xml));
    hostile.host = crate::probe::report::name("<script src=x>");
    hostile.priority = Some(0);
    let mut report = one(hostile);
    report.dns.as_mut().unwrap().direct_tls = Service::Records {
        records: vec![Record {
            priority: 0,
            weight: 0,
            port: 1,
            target: "\"><script>".to_owned(),
        }],
    };
    report.account = Some(AccountReport {
        error: Some("<img src=x onerror=alert(1)>".to_owned()),
        ..AccountReport::default()
    });
    let page = html::page(&report);
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{page}"
    );
    let body = page.split("</style>").nth(1).unwrap();
    assert!(
        !body.contains("<script") && !body.contains("<img"),
        "{body}"
    );
    assert!(!page.contains('\u{9b}') && !text::text(&report).contains('\u{9b}'));
    let json = crate::probe::json(&report).unwrap();
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    let name = &read["endpoints"][0]["features"]["mechanisms"][0];
    assert_eq!(name, "<script>alert(1)</script> 31m\"'");
}
