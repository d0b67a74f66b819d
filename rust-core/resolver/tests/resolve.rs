//! S10: from a domain to endpoints, with fixed answers.
#![allow(clippy::unwrap_used, reason = "the helpers of a test are tests")]

use snapback_resolver::{
    Addresses, Early, Endpoint, EndpointSource, Lookup, LookupError, Preference, QUERY_TIMEOUT,
    Query, Request, Resolution, ResolveError, SrvAnswer, SrvRecord, StaticHosts, Target, Transport,
    order, resolve, resolve_each,
};
use std::net::IpAddr;
use std::time::Duration;

const DIRECT: &str = "_xmpps-client._tcp.example.org";
const STARTTLS: &str = "_xmpp-client._tcp.example.org";
const NO_ANSWER: LookupError = LookupError::NoAnswer(QUERY_TIMEOUT);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn srv(port: u16, target: &str) -> Result<SrvAnswer, LookupError> {
    let record = SrvRecord {
        priority: 1,
        weight: 0,
        port,
        target: target.into(),
    };
    SrvAnswer::from_records(vec![record], Duration::from_secs(600))
}

async fn run(request: &Request, hosts: &impl Lookup) -> Result<Resolution, ResolveError> {
    resolve(request, hosts, &mut || 0).await
}

async fn find(hosts: &impl Lookup) -> Result<Resolution, ResolveError> {
    let request = Request {
        preference: Preference::DirectTlsFirst,
        ..Request::new("Example.org")
    };
    run(&request, hosts).await
}

fn addrs(resolution: &Resolution) -> Vec<String> {
    resolution
        .endpoints
        .iter()
        .map(|e| format!("{:?} {} {:?}", e.transport, e.addr, e.source))
        .collect()
}

#[tokio::test]
async fn s10_srv_targets_become_endpoints_interleaved_by_family() {
    let hosts = StaticHosts::new()
        .with_srv(DIRECT, srv(443, "x.example.org."))
        .with_srv(STARTTLS, srv(5222, "x.example.org"))
        .with_host(
            "x.example.org",
            [ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")],
        );
    let found = find(&hosts).await.unwrap();
    assert_eq!(
        addrs(&found),
        [
            "DirectTls [2001:db8::1]:443 Srv",
            "DirectTls 192.0.2.1:443 Srv",
            "DirectTls 192.0.2.2:443 Srv",
            "StartTls [2001:db8::1]:5222 Srv",
            "StartTls 192.0.2.1:5222 Srv",
            "StartTls 192.0.2.2:5222 Srv",
        ]
    );
    assert_eq!(
        found.ttl,
        Duration::from_secs(300),
        "the hosts' TTL is not known, a usual one is assumed"
    );
}

#[tokio::test]
async fn s10_without_srv_the_domain_itself_on_5222_with_starttls() {
    let hosts = StaticHosts::new().with_host("example.org", [ip("192.0.2.1")]);
    assert_eq!(
        addrs(&find(&hosts).await.unwrap()),
        ["StartTls 192.0.2.1:5222 Fallback"]
    );
}

#[tokio::test]
async fn s10_a_dot_for_one_service_leaves_the_other() {
    let both = StaticHosts::new()
        .with_host("x.example.org", [ip("192.0.2.1")])
        .with_host("example.org", [ip("192.0.2.9")]);
    let no_direct = both
        .clone()
        .with_srv(DIRECT, srv(0, "."))
        .with_srv(STARTTLS, srv(5222, "x.example.org"));
    assert_eq!(
        addrs(&find(&no_direct).await.unwrap()),
        ["StartTls 192.0.2.1:5222 Srv"]
    );
    let no_starttls = both
        .clone()
        .with_srv(STARTTLS, srv(0, "."))
        .with_srv(DIRECT, srv(443, "x.example.org"));
    assert_eq!(
        addrs(&find(&no_starttls).await.unwrap()),
        ["DirectTls 192.0.2.1:443 Srv"]
    );
}

/// XEP-0368 section 5: a domain with the target `.` uses SRV, so a service without records does not exist.
#[tokio::test]
async fn s10_a_dot_for_either_service_rules_the_fallback_out() {
    let hosts = StaticHosts::new().with_host("example.org", [ip("192.0.2.9")]);
    let dot = || srv(0, ".");
    let offers = [
        hosts.clone().with_srv(DIRECT, dot()),
        hosts.clone().with_srv(STARTTLS, dot()),
        hosts
            .clone()
            .with_srv(DIRECT, dot())
            .with_srv(STARTTLS, dot()),
    ];
    for hosts in offers {
        let error = find(&hosts).await.unwrap_err();
        assert_eq!(error, ResolveError::NotOffered);
        assert!(!error.is_retryable());
    }
    // If the other query failed, its records may exist: a later attempt can succeed.
    for (dotted, failed) in [(DIRECT, STARTTLS), (STARTTLS, DIRECT)] {
        let hosts = hosts.clone().with_srv(dotted, dot());
        let hosts = hosts.with_srv(failed, Err(LookupError::ServerFailure));
        let error = find(&hosts).await.unwrap_err();
        assert!(
            matches!(error, ResolveError::ServerFailure { .. }),
            "{error}"
        );
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_failed_srv_query_falls_back_and_is_blamed_if_that_fails_too() {
    let failed = StaticHosts::new()
        .with_srv(DIRECT, Err(LookupError::ServerFailure))
        .with_srv(STARTTLS, Err(NO_ANSWER));
    let no_answer = ResolveError::NoAnswer {
        query: Query::StartTlsSrv,
        waited: QUERY_TIMEOUT,
    };
    assert_eq!(find(&failed).await, Err(no_answer));
    assert!(no_answer.is_retryable());
    let fallback = failed.with_host("example.org", [ip("192.0.2.1")]);
    assert_eq!(
        addrs(&find(&fallback).await.unwrap()),
        ["StartTls 192.0.2.1:5222 Fallback"]
    );
}

#[tokio::test]
async fn one_failed_srv_query_does_not_hide_the_other_answer() {
    let hosts = StaticHosts::new()
        .with_srv(DIRECT, Err(NO_ANSWER))
        .with_srv(STARTTLS, srv(5222, "x.example.org"))
        .with_host("x.example.org", [ip("192.0.2.1")]);
    assert_eq!(
        addrs(&find(&hosts).await.unwrap()),
        ["StartTls 192.0.2.1:5222 Srv"]
    );
}

#[tokio::test]
async fn what_does_not_exist_has_a_name() {
    assert_eq!(
        find(&StaticHosts::new()).await,
        Err(ResolveError::NoSuchDomain)
    );
    let no_target = StaticHosts::new().with_srv(STARTTLS, srv(5222, "x.example.org"));
    assert_eq!(find(&no_target).await, Err(ResolveError::NoAddresses));
    let failing = no_target.with_host_answer(
        "x.example.org",
        Err(LookupError::Network(std::io::ErrorKind::NetworkUnreachable)),
    );
    let network = ResolveError::Network {
        query: Query::Addresses,
        kind: std::io::ErrorKind::NetworkUnreachable,
    };
    assert_eq!(find(&failing).await, Err(network));
    for bad in ["", ".", "a b", "user@example.org", "[::1", "[192.0.2.1]"] {
        assert_eq!(
            run(&Request::new(bad), &StaticHosts::new()).await,
            Err(ResolveError::InvalidDomain),
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn error_texts_do_not_say_the_domain() {
    let errors = [
        find(&StaticHosts::new()).await.unwrap_err(),
        find(&StaticHosts::new().with_srv(STARTTLS, Err(NO_ANSWER)))
            .await
            .unwrap_err(),
        run(&Request::new("user@example.org"), &StaticHosts::new())
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(!format!("{error} {error:?}").contains("example"), "{error}");
    }
}

#[tokio::test]
async fn one_dead_target_does_not_hide_the_living() {
    let records = ["dead.example.org", "live.example.org"].map(|t| SrvRecord {
        priority: 0,
        weight: 0,
        port: 5222,
        target: t.into(),
    });
    let hosts = StaticHosts::new()
        .with_srv(
            STARTTLS,
            SrvAnswer::from_records(records.into(), Duration::from_secs(60)),
        )
        .with_host_answer("dead.example.org", Err(NO_ANSWER))
        .with_host("live.example.org", [ip("192.0.2.1")]);
    assert_eq!(
        addrs(&find(&hosts).await.unwrap()),
        ["StartTls 192.0.2.1:5222 Srv"]
    );
}

#[tokio::test]
async fn overrides_replace_srv() {
    let hosts = StaticHosts::new()
        .with_srv(STARTTLS, srv(5222, "x.example.org"))
        .with_host("x.example.org", [ip("192.0.2.1")])
        .with_host("other.example", [ip("192.0.2.7")]);
    let target = |host: &str, port| Target {
        host: host.into(),
        port,
        transport: Transport::DirectTls,
        priority: 0,
        weight: 0,
    };
    let overrides = vec![target("[::1]", 7443), target("other.example", 443)];
    let request = Request {
        overrides,
        ..Request::new("example.org")
    };
    assert_eq!(
        addrs(&run(&request, &hosts).await.unwrap()),
        [
            "DirectTls [::1]:7443 Override",
            "DirectTls 192.0.2.7:443 Override"
        ]
    );
}

#[tokio::test]
async fn an_address_as_domain_needs_no_look_up() {
    for (domain, expected) in [("127.0.0.1", "127.0.0.1:5222"), ("[::1]", "[::1]:5222")] {
        let found = run(&Request::new(domain), &StaticHosts::new())
            .await
            .unwrap();
        assert_eq!(addrs(&found), [format!("StartTls {expected} Fallback")]);
    }
}

#[tokio::test]
async fn a_host_with_a_thousand_addresses_is_cut_to_sixteen() {
    let many = (0..1000u32).map(|i| IpAddr::from((0x0a00_0000 + i).to_be_bytes()));
    let hosts = StaticHosts::new().with_host("example.org", many);
    assert_eq!(find(&hosts).await.unwrap().endpoints.len(), 16);
}

/// Never answers.
struct Silent;

impl Lookup for Silent {
    async fn srv(&self, _name: &str) -> Result<SrvAnswer, LookupError> {
        std::future::pending().await
    }

    async fn addresses(&self, _host: &str) -> Result<Addresses, LookupError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolve_ends_within_two_query_timeouts() {
    let start = tokio::time::Instant::now();
    let error = find(&Silent).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoAnswer { .. }), "{error}");
    assert_eq!(start.elapsed(), QUERY_TIMEOUT * 2);
}

/// Answers each query after its time in milliseconds.
struct Slow(StaticHosts, fn(&str) -> u64);

impl Slow {
    async fn wait(&self, name: &str) {
        tokio::time::sleep(Duration::from_millis((self.1)(name))).await;
    }
}

impl Lookup for Slow {
    async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        self.wait(name).await;
        self.0.srv(name).await
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        self.wait(host).await;
        self.0.addresses(host).await
    }

    /// The first address is early.
    async fn addresses_early(
        &self,
        host: &str,
        early: Early<'_>,
    ) -> Result<Addresses, LookupError> {
        self.wait(host).await;
        let mut found = self.0.addresses(host).await?;
        let all = found.addresses.clone();
        found.addresses.truncate(1);
        early(&found);
        tokio::time::sleep(Duration::from_millis(300)).await;
        found.addresses = all;
        Ok(found)
    }
}

/// RFC 8305 section 3: the first address of the first answer is there before anything else.
#[tokio::test(start_paused = true)]
async fn s10_what_is_found_is_reported_at_once() {
    let hosts = StaticHosts::new()
        .with_srv(DIRECT, srv(443, "slow.example.org"))
        .with_srv(STARTTLS, srv(5222, "fast.example.org"))
        .with_host("slow.example.org", [ip("192.0.2.1")])
        .with_host("fast.example.org", [ip("192.0.2.2"), ip("2001:db8::2")]);
    let slow = Slow(hosts, |name| match name {
        DIRECT => 1000,
        STARTTLS => 20,
        "fast.example.org" => 30,
        _ => 400,
    });
    let request = Request {
        preference: Preference::DirectTlsFirst,
        ..Request::new("example.org")
    };
    let start = tokio::time::Instant::now();
    let mut reports = Vec::new();
    let mut found = |endpoints: Vec<Endpoint>| {
        let addrs: Vec<String> = endpoints.iter().map(|it| it.addr.to_string()).collect();
        reports.push((start.elapsed().as_millis(), addrs.join(" ")));
    };
    let whole = resolve_each(&request, &slow, &mut || 0, &mut found).await;
    let (fast4, fast6) = ("192.0.2.2:5222", "[2001:db8::2]:5222");
    let expected = [
        (50, fast4.to_owned()),
        (350, format!("{fast6} {fast4}")),
        (1400, format!("192.0.2.1:443 {fast6} {fast4}")),
    ];
    assert_eq!(reports, expected);
    assert_eq!(start.elapsed().as_millis(), 1700);
    assert_eq!(whole.unwrap().endpoints.len(), 3);
}

#[test]
fn s10_addresses_alternate_within_each_target_only_and_come_once() {
    let endpoint = |host: &str, addr: &str| Endpoint {
        host: host.into(),
        addr: addr.parse().unwrap(),
        transport: Transport::StartTls,
        priority: 0,
        source: EndpointSource::Srv,
    };
    let ordered = order(vec![
        endpoint("a", "192.0.2.1:1"),
        endpoint("a", "192.0.2.2:1"),
        endpoint("a", "192.0.2.1:1"),
        endpoint("a", "[2001:db8::1]:1"),
        endpoint("a", "[2001:db8::2]:1"),
        endpoint("b", "192.0.2.1:1"),
        endpoint("b", "[2001:db8::3]:1"),
    ]);
    let addrs: Vec<String> = ordered.iter().map(|e| e.addr.to_string()).collect();
    assert_eq!(
        addrs,
        [
            "[2001:db8::1]:1",
            "192.0.2.1:1",
            "[2001:db8::2]:1",
            "192.0.2.2:1",
            "[2001:db8::3]:1"
        ]
    );
    assert_eq!(order(vec![]), []);
}

#[tokio::test]
async fn a_resolve_can_run_in_a_task_of_its_own() {
    let found = tokio::spawn(async {
        let hosts = StaticHosts::new().with_host("example.org", [ip("192.0.2.1")]);
        find(&hosts).await
    });
    assert_eq!(found.await.unwrap().unwrap().endpoints.len(), 1);
}
