//! Faulty and forged answers to a query: answers that do not fit, that were forged, that violate the protocol, that
//! lead to other names. Real sockets on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of a test are tests"
)]

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, SOA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use snapback_resolver::{Encryption, Lookup, LookupError, NameServerLookup, SrvAnswer};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const SERVICE: &str = "_xmpp-client._tcp.example.org";
/// The timeout for a broken test; no passing test waits for it.
const LONG: Duration = Duration::from_secs(60);

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn service(owner: &Name, ttl: u32, target: &str) -> Record {
    let srv = SRV::new(1, 0, 5222, name(target));
    Record::from_rdata(owner.clone(), ttl, RData::SRV(srv))
}

fn alias(owner: &str, ttl: u32, target: &str) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
}

/// Returns a reply to this query, without any record.
fn reply(query: &Message) -> Message {
    let mut reply = Message::response(query.metadata.id, OpCode::Query);
    reply.add_query(query.queries[0].clone());
    reply
}

/// Returns the valid reply, which every test except those of failures expects.
fn right(query: &Message) -> Message {
    let mut reply = reply(query);
    reply.add_answer(service(&query.queries[0].name, 60, "x.example.org."));
    reply
}

fn with_code(query: &Message, code: ResponseCode) -> Message {
    let mut reply = reply(query);
    reply.metadata.response_code = code;
    reply
}

fn truncated(query: &Message) -> Message {
    let mut reply = reply(query);
    reply.metadata.truncation = true;
    reply
}

fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap()
}

/// Every query that a server received, and its sender.
type Seen = Arc<Mutex<Vec<(Message, SocketAddr)>>>;

/// Returns the different questions among them: on a slow machine one is sent again.
fn questions(seen: &Seen) -> Vec<Message> {
    let mut questions: Vec<Message> = Vec::new();
    for (query, _) in seen.lock().unwrap().iter() {
        if questions
            .iter()
            .all(|it| it.metadata.id != query.metadata.id)
        {
            questions.push(query.clone());
        }
    }
    questions
}

/// Starts a name server that sends these datagrams for each query.
async fn server(
    mut answers: impl FnMut(&Message) -> Vec<Vec<u8>> + Send + 'static,
) -> (SocketAddr, Seen) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let seen = Seen::default();
    tokio::spawn({
        let seen = Arc::clone(&seen);
        async move {
            let mut buffer = [0; 4096];
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let query = Message::from_vec(&buffer[..len]).unwrap();
                for answer in answers(&query) {
                    socket.send_to(&answer, from).await.unwrap();
                }
                seen.lock().unwrap().push((query, from));
            }
        }
    });
    (addr, seen)
}

/// Starts a name server whose answers never fit a datagram; `serve` handles a connection after the query was read.
async fn tcp_server<F: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream, Message) -> F + Send + 'static,
) -> SocketAddr {
    // Both protocols on one port: another process may have the second one.
    for _ in 0..100 {
        let (addr, _) = server(|query| vec![bytes(&truncated(query))]).await;
        let Ok(listener) = TcpListener::bind(addr).await else {
            continue;
        };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let length = stream.read_u16().await.unwrap();
                let mut query = vec![0; length.into()];
                stream.read_exact(&mut query).await.unwrap();
                serve(stream, Message::from_vec(&query).unwrap()).await;
            }
        });
        return addr;
    }
    panic!("no port is free for both");
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

fn ask(servers: &[SocketAddr]) -> NameServerLookup {
    NameServerLookup::new(servers, &Encryption::None)
}

async fn srv(servers: &[SocketAddr]) -> Result<SrvAnswer, LookupError> {
    let lookup = ask(servers);
    let answer = tokio::time::timeout(LONG, lookup.srv(SERVICE)).await;
    answer.expect("a query ends by itself")
}

fn target(answer: &SrvAnswer) -> &str {
    match answer {
        SrvAnswer::Records { records, .. } => &records[0].target,
        other => panic!("{other:?}"),
    }
}

async fn assert_right(servers: &[SocketAddr]) {
    let answer = srv(servers).await.unwrap();
    assert_eq!(target(&answer), "x.example.org");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_comes_over_tcp() {
    let addr = tcp_server(|mut stream, query| async move {
        let mut answer = reply(&query);
        for _ in 0..600 {
            answer.add_answer(service(&query.queries[0].name, 60, "x.example.org."));
        }
        let answer = bytes(&answer);
        assert!(answer.len() > 15_000);
        stream.write_all(&framed(&answer)).await.unwrap();
    })
    .await;
    let SrvAnswer::Records { records, .. } = srv(&[addr]).await.unwrap() else {
        panic!("no records");
    };
    assert_eq!(records.len(), 16, "no more are kept");
}

#[tokio::test]
async fn tcp_may_bring_single_bytes() {
    let addr = tcp_server(|mut stream, query| async move {
        stream.set_nodelay(true).unwrap();
        for byte in framed(&bytes(&right(&query))) {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_right(&[addr]).await;
}

#[tokio::test]
async fn a_connection_that_ends_too_early_is_a_failure() {
    let addr = tcp_server(|mut stream, query| async move {
        let answer = framed(&bytes(&right(&query)));
        stream.write_all(&answer[..answer.len() / 2]).await.unwrap();
    })
    .await;
    let error = srv(&[addr]).await.unwrap_err();
    let is_typed = matches!(error, LookupError::Network(_) | LookupError::Malformed);
    assert!(is_typed, "{error}");
    let (helpful, _) = server(|query| vec![bytes(&right(query))]).await;
    assert_right(&[addr, helpful]).await;
}

#[tokio::test]
async fn an_announced_length_is_not_waited_for_forever() {
    let addr = tcp_server(|mut stream, query| async move {
        let answer = bytes(&right(&query));
        stream.write_all(&[0xff, 0xff]).await.unwrap();
        stream.write_all(&answer).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let error = srv(&[addr]).await.unwrap_err();
    assert!(matches!(error, LookupError::NoAnswer(_)), "{error}");
    let (helpful, _) = server(|query| vec![bytes(&right(query))]).await;
    assert_right(&[addr, helpful]).await;
}

#[tokio::test]
async fn over_tcp_too_an_answer_is_to_what_was_asked() {
    let wrong: [fn(&Message) -> Vec<u8>; 5] = [
        |_| Vec::new(),
        |_| vec![0xff; 100],
        |query| {
            let mut other = right(query);
            other.metadata.id = !other.metadata.id;
            bytes(&other)
        },
        |query| {
            let mut other = right(query);
            other.queries[0].name = name("example.net.");
            bytes(&other)
        },
        |query| bytes(&truncated(query)),
    ];
    for wrong in wrong {
        let addr = tcp_server(move |mut stream, query| async move {
            stream.write_all(&framed(&wrong(&query))).await.unwrap();
        })
        .await;
        assert_eq!(srv(&[addr]).await, Err(LookupError::Malformed));
    }
}

#[tokio::test]
async fn what_does_not_belong_to_the_question_is_ignored() {
    let (addr, _) = server(|query| {
        let forged = || {
            let mut forged = reply(query);
            forged.add_answer(service(&query.queries[0].name, 60, "evil.example."));
            forged
        };
        let mut id = forged();
        id.metadata.id ^= 1;
        let mut question = forged();
        question.queries[0].name = name("_xmpp-client._tcp.example.net.");
        let mut kind = forged();
        kind.queries[0].query_type = hickory_resolver::proto::rr::RecordType::A;
        let mut none = forged();
        none.queries.clear();
        let mut two = forged();
        two.add_query(query.queries[0].clone());
        // The question itself, sent back.
        let mut echo = query.clone();
        echo.add_answer(service(&query.queries[0].name, 60, "evil.example."));
        let mut datagrams: Vec<Vec<u8>> = [id, question, kind, none, two, echo]
            .iter()
            .map(bytes)
            .collect();
        datagrams.push(Vec::new());
        datagrams.push(vec![0xff; 7]);
        datagrams.push(bytes(&right(query)));
        datagrams
    })
    .await;
    assert_right(&[addr]).await;
}

#[tokio::test]
async fn an_answer_from_another_port_is_dropped() {
    let other = Arc::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            let query = Message::from_vec(&buffer[..len]).unwrap();
            let mut forged = reply(&query);
            forged.add_answer(service(&query.queries[0].name, 60, "evil.example."));
            other.send_to(&bytes(&forged), from).unwrap();
            socket.send_to(&bytes(&right(&query)), from).await.unwrap();
        }
    });
    assert_right(&[addr]).await;
}

#[tokio::test]
async fn who_guesses_is_answered_with_tcp() {
    // The valid answer arrives as well, but after more guesses than are examined.
    let (answers, mut tcp_seen) = tokio::sync::mpsc::unbounded_channel();
    let mut found = None;
    for _ in 0..100 {
        let (addr, _) = server(|query| {
            let mut guess = reply(query);
            guess.add_answer(service(&query.queries[0].name, 60, "evil.example."));
            let mut datagrams = Vec::new();
            for wrong in 1..=64 {
                guess.metadata.id = query.metadata.id ^ wrong;
                datagrams.push(bytes(&guess));
            }
            guess.metadata.id = query.metadata.id;
            datagrams.push(bytes(&guess));
            datagrams
        })
        .await;
        if let Ok(listener) = TcpListener::bind(addr).await {
            found = Some((addr, listener));
            break;
        }
    }
    let (addr, listener) = found.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut query = vec![0; length.into()];
            stream.read_exact(&mut query).await.unwrap();
            let answer = right(&Message::from_vec(&query).unwrap());
            stream.write_all(&framed(&bytes(&answer))).await.unwrap();
            answers.send(()).unwrap();
        }
    });
    assert_right(&[addr]).await;
    assert!(tcp_seen.try_recv().is_ok() || tcp_seen.recv().await.is_some());
}

#[tokio::test]
async fn a_server_that_fails_is_followed_by_the_next() {
    for code in [
        ResponseCode::ServFail,
        ResponseCode::Refused,
        ResponseCode::NotAuth,
        ResponseCode::FormErr,
        ResponseCode::NotImp,
    ] {
        let (failing, _) = server(move |query| vec![bytes(&with_code(query, code))]).await;
        let (broken, _) = server(|query| {
            let mut cut = bytes(&right(query));
            cut.truncate(cut.len() - 3);
            vec![cut]
        })
        .await;
        let (helpful, _) = server(|query| vec![bytes(&right(query))]).await;
        assert_right(&[failing, broken, helpful]).await;
        assert_eq!(srv(&[failing]).await, Err(LookupError::ServerFailure));
        assert_eq!(srv(&[broken]).await, Err(LookupError::Malformed));
        // The error of the first one is reported.
        assert_eq!(
            srv(&[failing, broken]).await,
            Err(LookupError::ServerFailure)
        );
    }
}

#[tokio::test]
async fn silence_says_less_than_a_failure() {
    let (silent, _) = server(|_| vec![]).await;
    let (failing, _) = server(|query| vec![bytes(&with_code(query, ResponseCode::ServFail))]).await;
    assert_eq!(
        srv(&[silent, failing]).await,
        Err(LookupError::ServerFailure)
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_needs_no_second_opinion() {
    let (silent, _) = server(|_| vec![]).await;
    for code in [ResponseCode::NXDomain, ResponseCode::NoError] {
        let (denying, _) = server(move |query| vec![bytes(&with_code(query, code))]).await;
        assert_eq!(srv(&[denying, silent]).await, Ok(SrvAnswer::Absent));
    }
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without() {
    for with_question in [true, false] {
        for code in [ResponseCode::FormErr, ResponseCode::NotImp] {
            let (addr, seen) = server(move |query| {
                if query.edns.is_none() {
                    return vec![bytes(&right(query))];
                }
                let mut refusal = with_code(query, code);
                if !with_question {
                    refusal.queries.clear();
                }
                vec![bytes(&refusal)]
            })
            .await;
            assert_right(&[addr]).await;
            let asked = questions(&seen);
            let payloads: Vec<Option<u16>> = asked
                .iter()
                .map(|query| query.edns.as_ref().map(|edns| edns.max_payload()))
                .collect();
            assert_eq!(payloads, [Some(1232), None]);
            assert!(asked.iter().all(|query| query.metadata.recursion_desired));
        }
    }
}

#[tokio::test]
async fn every_question_has_a_port_and_an_id_of_its_own() {
    let (addr, seen) = server(|query| vec![bytes(&right(query))]).await;
    for _ in 0..8 {
        assert_right(&[addr]).await;
    }
    let seen = seen.lock().unwrap();
    let distinct = |mut values: Vec<u16>| {
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    // Two of eight may be equal by chance; four never are.
    assert!(distinct(seen.iter().map(|(_, from)| from.port()).collect()) > 4);
    assert!(distinct(seen.iter().map(|(query, _)| query.metadata.id).collect()) > 4);
}

#[tokio::test]
async fn aliases_are_followed_within_an_answer_whatever_its_order() {
    let (addr, seen) = server(|query| {
        let mut answer = reply(query);
        answer.add_answer(service(&name("B.example."), 300, "x.example.org."));
        answer.add_answer(service(&name("unrelated.example."), 1, "evil.example."));
        answer.add_answer(alias("a.example.", 20, "b.example."));
        answer.add_answer(alias(&format!("{SERVICE}."), 30, "A.example."));
        vec![bytes(&answer)]
    })
    .await;
    let answer = srv(&[addr]).await.unwrap();
    assert_eq!(target(&answer), "x.example.org");
    let SrvAnswer::Records { records, .. } = &answer else {
        panic!("{answer:?}");
    };
    assert_eq!(records.len(), 1);
    assert_eq!(answer.ttl(), Some(Duration::from_secs(20)));
    assert_eq!(questions(&seen).len(), 1);
}

#[tokio::test]
async fn an_alias_that_leads_out_of_the_answer_is_asked_for() {
    let (addr, seen) = server(|query| {
        let mut answer = reply(query);
        let asked = &query.queries[0].name;
        answer.add_answer(match asked.to_ascii().as_str() {
            "elsewhere.example." => service(asked, 300, "x.example.org."),
            _ => alias(&asked.to_ascii(), 30, "elsewhere.example."),
        });
        vec![bytes(&answer)]
    })
    .await;
    let answer = srv(&[addr]).await.unwrap();
    assert_eq!(target(&answer), "x.example.org");
    assert_eq!(answer.ttl(), Some(Duration::from_secs(30)));
    assert_eq!(questions(&seen).len(), 2);
}

#[tokio::test]
async fn an_alias_of_nothing_is_not_asked_for_again() {
    let (addr, seen) = server(|query| {
        let mut answer = reply(query);
        let asked = &query.queries[0].name;
        answer.add_answer(alias(&asked.to_ascii(), 30, "elsewhere.example."));
        let soa = SOA::new(name("ns.example."), name("admin.example."), 1, 2, 3, 4, 5);
        answer.add_authority(Record::from_rdata(name("example."), 60, RData::SOA(soa)));
        vec![bytes(&answer)]
    })
    .await;
    assert_eq!(srv(&[addr]).await, Ok(SrvAnswer::Absent));
    assert_eq!(questions(&seen).len(), 1);
}

#[tokio::test]
async fn aliases_that_never_end_do() {
    let (circle, seen) = server(|query| {
        let mut answer = reply(query);
        answer.add_answer(alias(&format!("{SERVICE}."), 30, "a.example."));
        answer.add_answer(alias("a.example.", 30, "b.example."));
        answer.add_answer(alias("b.example.", 30, "a.example."));
        vec![bytes(&answer)]
    })
    .await;
    assert_eq!(srv(&[circle]).await, Err(LookupError::Malformed));
    assert_eq!(questions(&seen).len(), 1);
    let mut number = 0;
    let (endless, seen) = server(move |query| {
        number += 1;
        let mut answer = reply(query);
        let asked = query.queries[0].name.to_ascii();
        answer.add_answer(alias(&asked, 30, &format!("a{number}.example.")));
        vec![bytes(&answer)]
    })
    .await;
    assert_eq!(srv(&[endless]).await, Err(LookupError::Malformed));
    assert!(questions(&seen).len() < 10);
}

#[tokio::test]
async fn only_records_of_the_internet_and_of_the_name_count() {
    let (addr, _) = server(|query| {
        let mut answer = reply(query);
        let asked = &query.queries[0].name;
        let a = |owner: &Name, last| {
            Record::from_rdata(owner.clone(), 60, RData::A(A::new(192, 0, 2, last)))
        };
        let mut chaos = a(asked, 1);
        chaos.dns_class = hickory_resolver::proto::rr::DNSClass::CH;
        answer.add_answers([chaos, a(&name("other.example."), 2), a(asked, 3)]);
        vec![bytes(&answer)]
    })
    .await;
    let found = ask(&[addr]).addresses("x.example.org").await.unwrap();
    assert_eq!(found.addresses, [IpAddr::from([192, 0, 2, 3])]);
}

#[tokio::test]
async fn a_ttl_with_the_highest_bit_is_none() {
    let (addr, _) = server(|query| {
        let mut answer = reply(query);
        answer.add_answer(service(&query.queries[0].name, 1 << 31, "x.example.org."));
        vec![bytes(&answer)]
    })
    .await;
    assert_eq!(srv(&[addr]).await.unwrap().ttl(), Some(Duration::ZERO));
}

/// A message that ends in these bytes after its header and question.
fn raw(query: &Message, answers: u8, rest: &[u8]) -> Vec<u8> {
    let mut message = bytes(&reply(query));
    message[7] = answers;
    message.extend(rest);
    message
}

#[tokio::test]
async fn names_that_no_message_may_have_are_errors_and_the_next_server_is_asked() {
    let broken: [&[u8]; 5] = [
        // A pointer to itself, at the end of header and question; and one that leads forward.
        &[0xc0, 47, 0, 33, 0, 1, 0, 0, 0, 9, 0, 0],
        &[0xc0, 60, 0, 33, 0, 1, 0, 0, 0, 9, 0, 0],
        // A label of a kind that does not exist, and one that is longer than the message.
        &[0x80, 1, 0, 33, 0, 1],
        &[63, b'a'],
        // Data that is longer than the message.
        &[0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0],
    ];
    for rest in broken {
        let (addr, _) = server(move |query| vec![raw(query, 1, rest)]).await;
        assert_eq!(srv(&[addr]).await, Err(LookupError::Malformed), "{rest:?}");
        let (helpful, _) = server(|query| vec![bytes(&right(query))]).await;
        assert_right(&[addr, helpful]).await;
    }
}

#[tokio::test]
async fn targets_that_are_no_hosts_are_left_out() {
    let (addr, _) = server(|query| {
        let mut answer = reply(query);
        let asked = &query.queries[0].name;
        let label = |label: &[u8]| Name::from_labels([label, b"example".as_slice()]).unwrap();
        let odd = [
            label(b"a b"),
            label(b"\0"),
            label(b"x.y"),
            name("good.example."),
        ];
        for target in odd {
            let srv = RData::SRV(SRV::new(1, 0, 5222, target));
            answer.add_answer(Record::from_rdata(asked.clone(), 60, srv));
        }
        let no_port = RData::SRV(SRV::new(0, 0, 0, name("no-port.example.")));
        answer.add_answer(Record::from_rdata(asked.clone(), 60, no_port));
        vec![bytes(&answer)]
    })
    .await;
    let answer = srv(&[addr]).await.unwrap();
    assert_eq!(target(&answer), "good.example");
    let SrvAnswer::Records { records, .. } = answer else {
        panic!("no records");
    };
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn an_answer_after_nineteen_forged_ones_is_used() {
    let (addr, _) = server(|query| {
        let mut forged = reply(query);
        forged.add_answer(service(&query.queries[0].name, 60, "evil.example."));
        let forge = |wrong| {
            let mut forged = forged.clone();
            forged.metadata.id = query.metadata.id ^ wrong;
            bytes(&forged)
        };
        (1..20).map(forge).chain([bytes(&right(query))]).collect()
    })
    .await;
    assert_right(&[addr]).await;
}

#[tokio::test]
async fn special_names_are_not_sent_to_a_server() {
    let (addr, seen) = server(|query| vec![bytes(&right(query))]).await;
    let lookup = ask(&[addr]);
    for domain in ["x.onion", "x.INVALID", "localhost", "x.localhost."] {
        let answer = lookup.srv(&format!("_xmpp-client._tcp.{domain}")).await;
        assert_eq!(answer, Ok(SrvAnswer::Absent), "{domain}");
    }
    let found = lookup.addresses("localhost").await.unwrap();
    assert!(found.addresses.iter().all(IpAddr::is_loopback));
    assert_eq!(
        lookup.addresses("x.onion").await,
        Err(LookupError::NoSuchName)
    );
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_host_names_are_asked_for() {
    let (addr, seen) = server(|query| vec![bytes(&right(query))]).await;
    let lookup = ask(&[addr]);
    let long = "a".repeat(64);
    for name in ["", ".", "a..b", "b\u{fc}cher.example", "a b", long.as_str()] {
        assert_eq!(
            lookup.srv(name).await,
            Err(LookupError::InvalidName),
            "{name:?}"
        );
    }
    assert!(seen.lock().unwrap().is_empty());
}
