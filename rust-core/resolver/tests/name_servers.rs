//! Real DNS messages against a name server of this test's own, on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of a test are tests"
)]

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, SOA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use snapback_resolver::{
    Encryption, Lookup, LookupError, NameServerLookup, NameServers, Preference, QUERY_TIMEOUT,
    Request, ResolveError, SrvAnswer, SystemHosts, resolve,
};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn record(owner: &str, ttl: u32, data: RData) -> Record {
    Record::from_rdata(name(owner), ttl, data)
}

fn srv(owner: &str, ttl: u32, priority: u16, port: u16, target: &str) -> Record {
    record(
        owner,
        ttl,
        RData::SRV(SRV::new(priority, 0, port, name(target))),
    )
}

/// Returns the zone of this name server: one domain of each kind.
fn zone(owner: &str, kind: RecordType) -> Option<Vec<Record>> {
    let (a, aaaa) = (
        A::new(192, 0, 2, 1),
        AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    );
    let records = match (owner, kind) {
        ("_xmpps-client._tcp.example.org.", RecordType::SRV) => {
            vec![srv(owner, 900, 1, 443, "x.example.org.")]
        }
        ("_xmpp-client._tcp.example.org.", RecordType::SRV) => {
            vec![
                srv(owner, 800, 5, 5222, "x.example.org."),
                srv(owner, 700, 9, 5222, "alias.example.org."),
            ]
        }
        ("x.example.org.", RecordType::A) => vec![record(owner, 600, RData::A(a))],
        ("x.example.org.", RecordType::AAAA) => vec![record(owner, 500, RData::AAAA(aaaa))],
        ("alias.example.org.", RecordType::A) => vec![
            record(owner, 100, RData::CNAME(CNAME(name("y.example.org.")))),
            record("y.example.org.", 3600, RData::A(A::new(192, 0, 2, 2))),
        ],
        ("alias.example.org.", RecordType::AAAA) => vec![],
        ("_xmpps-client._tcp.none.example.", RecordType::SRV) => vec![srv(owner, 60, 0, 0, ".")],
        ("_xmpp-client._tcp.none.example.", RecordType::SRV) => vec![srv(owner, 60, 0, 0, ".")],
        ("plain.example.", RecordType::A) => vec![record(owner, 60, RData::A(a))],
        ("plain.example.", _) => vec![],
        _ => return None,
    };
    Some(records)
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Helpful,
    LosesTheFirstOfEach,
    SilentOnAaaa,
    Fails,
    Babbles,
    Silent,
    DeniesWithZone,
}

async fn name_server(mood: Mood) -> (SocketAddr, Arc<AtomicUsize>) {
    name_server_at(mood, "127.0.0.1:0".parse().unwrap()).await
}

/// Starts a name server that runs until the test's runtime ends.
async fn name_server_at(mood: Mood, addr: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind(addr).await.unwrap();
    let addr = socket.local_addr().unwrap();
    let queries = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&queries);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        let mut seen = Vec::new();
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::SeqCst);
            let query = Message::from_vec(&buffer[..len]).unwrap();
            let question = (
                query.queries[0].name.to_ascii(),
                query.queries[0].query_type,
            );
            let is_new = !seen.contains(&question);
            let is_aaaa = question.1 == RecordType::AAAA;
            seen.push(question);
            if mood == Mood::Silent
                || (mood == Mood::LosesTheFirstOfEach && is_new)
                || (mood == Mood::SilentOnAaaa && is_aaaa)
            {
                continue;
            }
            let answer = if mood == Mood::Babbles {
                b"\xff\xff nonsense".to_vec()
            } else {
                answer(&query, mood)
            };
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    (addr, queries)
}

fn answer(query: &Message, mood: Mood) -> Vec<u8> {
    let question = query.queries[0].clone();
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.metadata.recursion_available = true;
    match zone(
        &question.name.to_ascii().to_ascii_lowercase(),
        question.query_type,
    ) {
        _ if mood == Mood::Fails => answer.metadata.response_code = ResponseCode::ServFail,
        Some(records) => {
            answer.add_answers(records);
        }
        None => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            if mood == Mood::DeniesWithZone {
                let soa = SOA::new(name("ns.example."), name("a.example."), 1, 2, 3, 4, 600);
                answer.add_authority(record("example.", 600, RData::SOA(soa)));
            }
        }
    }
    answer.add_query(question);
    answer.to_vec().unwrap()
}

async fn lookup(mood: Mood) -> NameServerLookup {
    NameServerLookup::new(&[name_server(mood).await.0], &Encryption::None)
}

async fn find(domain: &str, lookup: &impl Lookup) -> Result<Vec<String>, ResolveError> {
    let request = Request {
        preference: Preference::DirectTlsFirst,
        ..Request::new(domain)
    };
    let found = resolve(&request, lookup, &mut || 0).await?;
    Ok(found
        .endpoints
        .iter()
        .map(|e| format!("{:?} {}", e.transport, e.addr))
        .collect())
}

#[tokio::test]
async fn s10_srv_and_addresses_over_the_wire() {
    let lookup = lookup(Mood::Helpful).await;
    assert_eq!(
        find("example.org", &lookup).await.unwrap(),
        [
            "DirectTls [2001:db8::1]:443",
            "DirectTls 192.0.2.1:443",
            "StartTls [2001:db8::1]:5222",
            "StartTls 192.0.2.1:5222",
            "StartTls 192.0.2.2:5222",
        ]
    );
    let found = resolve(&Request::new("example.org"), &lookup, &mut || 0)
        .await
        .unwrap();
    assert_eq!(
        found.ttl,
        Duration::from_secs(100),
        "the shortest, that of the alias"
    );
}

#[tokio::test]
async fn s10_refusal_absence_and_nothing_over_the_wire() {
    let lookup = lookup(Mood::Helpful).await;
    assert_eq!(
        find("none.example", &lookup).await,
        Err(ResolveError::NotOffered)
    );
    assert_eq!(
        find("plain.example", &lookup).await.unwrap(),
        ["StartTls 192.0.2.1:5222"]
    );
    assert_eq!(
        find("nowhere.example", &lookup).await,
        Err(ResolveError::NoSuchDomain)
    );
    assert_eq!(
        lookup.srv("_xmpp-client._tcp.plain.example").await,
        Ok(SrvAnswer::Absent)
    );
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again_within_the_time_of_a_query() {
    let start = Instant::now();
    let lookup = lookup(Mood::LosesTheFirstOfEach).await;
    assert!(lookup.srv("_xmpps-client._tcp.example.org").await.is_ok());
    assert!(start.elapsed() < QUERY_TIMEOUT);
}

#[tokio::test]
async fn one_silent_address_family_does_not_hold_up_the_other() {
    let start = Instant::now();
    let found = lookup(Mood::SilentOnAaaa)
        .await
        .addresses("x.example.org")
        .await
        .unwrap();
    assert_eq!(found.addresses, [IpAddr::from([192, 0, 2, 1])]);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn silence_ends_with_no_answer() {
    let start = Instant::now();
    let error = find("example.org", &lookup(Mood::Silent).await)
        .await
        .unwrap_err();
    assert!(matches!(error, ResolveError::NoAnswer { .. }), "{error}");
    assert!(start.elapsed() < QUERY_TIMEOUT * 2 + Duration::from_secs(1));
}

#[tokio::test]
async fn a_failing_server_is_named() {
    let error = find("example.org", &lookup(Mood::Fails).await)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ResolveError::ServerFailure { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn nonsense_is_an_error_in_bounded_time() {
    let start = Instant::now();
    let error = find("example.org", &lookup(Mood::Babbles).await)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ResolveError::NoAnswer { .. } | ResolveError::Malformed { .. }
        ),
        "{error}"
    );
    assert!(start.elapsed() < QUERY_TIMEOUT * 2 + Duration::from_secs(1));
}

#[tokio::test]
async fn a_second_server_helps_when_the_first_is_not_there() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let (helpful, _) = name_server(Mood::Helpful).await;
    let lookup = NameServerLookup::new(&[gone, helpful], &Encryption::None);
    assert_eq!(
        find("plain.example", &lookup).await.unwrap(),
        ["StartTls 192.0.2.1:5222"]
    );
}

/// Addresses are kept by the engine, and asked for again when one of them is in doubt.
#[tokio::test]
async fn what_was_found_is_asked_for_again() {
    let (addr, queries) = name_server(Mood::Helpful).await;
    let lookup = NameServerLookup::new(&[addr], &Encryption::None);
    for _ in 0..3 {
        lookup.srv("_xmpps-client._tcp.example.org").await.unwrap();
    }
    assert_eq!(queries.load(Ordering::SeqCst), 3);
}

/// RFC 2308: for as long as the zone says. A new network has a new look-up.
#[tokio::test]
async fn a_denial_is_kept_and_one_without_a_zone_is_not() {
    for (mood, expected) in [(Mood::DeniesWithZone, 1), (Mood::Helpful, 3)] {
        let (addr, queries) = name_server(mood).await;
        let lookup = NameServerLookup::new(&[addr], &Encryption::None);
        for _ in 0..3 {
            let answer = lookup.srv("_xmpp-client._tcp.nowhere.example").await;
            assert_eq!(answer, Ok(SrvAnswer::Absent));
        }
        assert_eq!(queries.load(Ordering::SeqCst), expected);
        let other = NameServerLookup::new(&[addr], &Encryption::None);
        other
            .srv("_xmpp-client._tcp.nowhere.example")
            .await
            .unwrap();
        assert_eq!(queries.load(Ordering::SeqCst), expected + 1);
    }
}

/// Returns a link-local address of this machine, with its scope.
fn link_local() -> Option<SocketAddr> {
    let interfaces = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    let line = interfaces.lines().find(|line| line.starts_with("fe80"))?;
    let mut words = line.split_ascii_whitespace();
    let address = u128::from_str_radix(words.next()?, 16).ok()?;
    let scope = u32::from_str_radix(words.next()?, 16).ok()?;
    Some(std::net::SocketAddrV6::new(address.into(), 0, 0, scope).into())
}

/// Where this machine has such an address.
#[tokio::test]
async fn a_server_of_the_link_is_asked_through_its_interface() {
    let Some(link_local) = link_local() else {
        return;
    };
    let (addr, _) = name_server_at(Mood::Helpful, link_local).await;
    let lookup = NameServerLookup::new(&[addr], &Encryption::None);
    let answer = lookup.srv("_xmpps-client._tcp.example.org").await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn the_system_knows_localhost_and_no_srv() {
    let found = SystemHosts::default().addresses("localhost").await.unwrap();
    assert!(found.addresses.iter().all(IpAddr::is_loopback));
    assert!(!found.addresses.is_empty());
    assert_eq!(
        SystemHosts::default()
            .srv("_xmpp-client._tcp.localhost")
            .await,
        Ok(SrvAnswer::Absent)
    );
}

#[test]
fn without_name_servers_a_query_fails() {
    let none = NameServers::Given(vec![]);
    assert_eq!(none.addresses(), Err(LookupError::NoNameServers));
}
