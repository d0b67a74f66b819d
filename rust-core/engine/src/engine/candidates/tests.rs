//! Dials, step by step: look-ups, connections and their times.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use snapback_resolver::{
    LookupError, Query, QueryOutcome, QueryReport, Resolution, ResolveError, Source, SourceTarget,
};
use snapback_types::endpoint::{Address, Endpoint, EndpointSource, KnownEndpoints, ServerAddress};
use snapback_types::time::{Instant, Now, UnixTime};
use snapback_types::transport::Transport;

use super::super::{Detour, DetourReason, DialError, EngineOutput};
use super::*;

const FAILURE: ResolveError = ResolveError::ServerFailure {
    query: Query::Addresses,
};
const EPOCH: i64 = 1_800_000_000;

fn endpoint(last: u8, priority: u16) -> Endpoint {
    Endpoint {
        host: "xmpp.example.org".to_owned(),
        addr: ([192, 0, 2, last], 5222).into(),
        transport: Transport::StartTls,
        priority,
        source: EndpointSource::Srv,
    }
}

fn address(last: u8) -> Address {
    endpoint(last, 0).address()
}

fn found(lasts: &[u8]) -> Result<Resolution, ResolveError> {
    Ok(Resolution {
        endpoints: lasts.iter().map(|last| endpoint(*last, 0)).collect(),
        ttl: Duration::from_secs(300),
    })
}

fn known(lasts: &[u8], expires_in: i64) -> KnownEndpoints {
    KnownEndpoints {
        endpoints: lasts.iter().map(|last| endpoint(*last, 0)).collect(),
        stored_at: UnixTime(EPOCH - 3600),
        expires_at: UnixTime(EPOCH + expires_in),
    }
}

fn detour() -> Detour {
    Detour {
        address: ServerAddress::at(address(9).addr, Transport::StartTls),
        why: DetourReason::Location,
    }
}

/// A dial, with its outputs as text.
struct Course {
    candidates: Candidates,
    outputs: VecDeque<EngineOutput>,
    dial: Dial,
    now: Now,
}

impl Course {
    fn new(known: Option<KnownEndpoints>, detour: Option<Detour>, set_back: &[u8]) -> Self {
        let discovery = Discovery {
            known,
            ..Discovery::default()
        };
        let set_back = set_back.iter().map(|last| address(*last)).collect();
        Self {
            candidates: Candidates::new(discovery),
            outputs: VecDeque::new(),
            dial: Dial::new(detour, set_back, Instant::ZERO),
            now: Now {
                mono: Instant::ZERO,
                wall: UnixTime(EPOCH),
            },
        }
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        self.now.mono = Instant::from_epoch(Duration::from_millis(millis));
        self
    }

    /// Returns the outputs that this input causes; the end of the dial is last.
    fn on(&mut self, input: DialInput<'_>) -> String {
        let (candidates, outputs) = (&mut self.candidates, &mut self.outputs);
        let progress = self.dial.handle(input, candidates, outputs, self.now);
        let mut said: Vec<String> = self.outputs.drain(..).map(|output| text(&output)).collect();
        match progress {
            Progress::Going => {}
            Progress::Reached(candidate, endpoint) => {
                assert_eq!(self.dial.deadline(), None);
                said.push(format!("reached {} {}", candidate.0, endpoint.addr));
            }
            Progress::Failed(error) => {
                assert_eq!(self.dial.deadline(), None);
                said.push(format!("{error:?}"));
            }
        }
        said.join(", ")
    }

    fn begins(&mut self) -> String {
        self.on(DialInput::Timeout)
    }

    fn answered(&mut self, id: u64, answer: &Result<Resolution, ResolveError>) -> String {
        self.on(DialInput::LookedUp(LookUpId(id), answer))
    }

    fn found(&mut self, id: u64, lasts: &[u8]) -> String {
        let found: Vec<Endpoint> = lasts.iter().map(|last| endpoint(*last, 0)).collect();
        self.on(DialInput::Found(LookUpId(id), &found))
    }

    /// The answer of a refresh, as the engine passes it on.
    fn refreshed(&mut self, id: u64, lasts: &[u8]) -> String {
        let (now, outputs) = (self.now, &mut self.outputs);
        let answer = found(lasts);
        let candidates = &mut self.candidates;
        assert!(candidates.handle_refresh(LookUpId(id), &answer, now, outputs));
        self.on(DialInput::Refreshed(&answer.unwrap().endpoints))
    }

    fn connected(&mut self, candidate: u64) -> String {
        self.on(DialInput::Connected(CandidateId(candidate), false))
    }

    fn refused(&mut self, candidate: u64) -> String {
        let refused = ErrorKind::ConnectionRefused;
        self.failed(candidate, ConnectFailure::Network(refused))
    }

    fn failed(&mut self, candidate: u64, failure: ConnectFailure) -> String {
        self.on(DialInput::ConnectFailed(CandidateId(candidate), failure))
    }

    fn due(&self) -> Option<u128> {
        Some(self.dial.deadline()?.since_epoch().as_millis())
    }
}

/// The addresses that were dialed, with their times and what became of them.
fn dialed(report: &DialReport) -> Vec<(u8, u128, Option<u128>, DialFate)> {
    let millis = |time: Instant| time.since_epoch().as_millis();
    let addresses = report.addresses.iter().map(|dialed| {
        let last = dialed.endpoint.addr.to_string();
        let last = last.trim_start_matches("192.0.2.").split(':').next();
        let last = last.unwrap().parse().unwrap();
        let ended = dialed.ended.map(millis);
        (last, millis(dialed.started), ended, dialed.fate)
    });
    addresses.collect()
}

fn query(source: Source, outcome: QueryOutcome) -> QueryReport {
    QueryReport {
        name: "_xmpp-client._tcp.example.org".to_owned(),
        target: SourceTarget::Service,
        source,
        took: Duration::from_millis(40),
        outcome,
    }
}

fn text(output: &EngineOutput) -> String {
    match output {
        EngineOutput::LookUp { id, servers } => match servers.first() {
            Some(server) => format!("look up {} {}", id.0, server.host),
            None => format!("look up {}", id.0),
        },
        EngineOutput::AbandonLookUp(id) => format!("forget look-up {}", id.0),
        EngineOutput::Connect {
            candidate,
            address,
            name,
            fast_open,
        } => match name {
            Some(name) => format!("connect {} {name}:{}", candidate.0, address.addr.port()),
            None => format!(
                "connect {} {}{}",
                candidate.0,
                address.addr.ip(),
                with(*fast_open)
            ),
        },
        EngineOutput::AbandonConnect { candidate, why } => {
            format!("abandon {} {why:?}", candidate.0)
        }
        EngineOutput::StoreAnswer(known) => format!("store {}", known.endpoints.len()),
        other => format!("{other:?}"),
    }
}

fn with(fast_open: bool) -> &'static str {
    if fast_open { " with fast open" } else { "" }
}

#[test]
fn s13_only_the_first_transport_of_a_race_is_opened_with_fast_open() {
    let mut course = Course::new(None, None, &[]);
    course.dial = Dial::new(None, Vec::new(), course.now.mono).with_fast_open(true);
    assert_eq!(course.begins(), "look up 0");
    let first = course.answered(0, &found(&[1, 2]));
    assert!(
        first.contains("connect 0 192.0.2.1 with fast open"),
        "{first}"
    );
    let second = course.refused(0);
    assert!(second.contains("connect 1 192.0.2.2"), "{second}");
    assert!(!second.contains("fast open"), "{second}");
}

/// A deferred handshake says nothing about the path.
#[test]
fn s13_a_deferred_handshake_is_no_round_trip() {
    let mut course = Course::new(None, None, &[]);
    course.dial = Dial::new(None, Vec::new(), course.now.mono).with_fast_open(true);
    course.begins();
    course.answered(0, &found(&[1]));
    let before = course.candidates.response_timeout();
    course.on(DialInput::Connected(CandidateId(0), true));
    assert_eq!(course.candidates.response_timeout(), before);
}

#[test]
fn s10_without_an_answer_the_domain_is_looked_up_and_the_answer_kept() {
    let mut course = Course::new(None, None, &[]);
    assert_eq!(course.begins(), "look up 0");
    assert_eq!(course.due(), None, "the host limits a look-up");
    assert_eq!(
        course.answered(0, &found(&[1, 2])),
        "store 2, connect 0 192.0.2.1"
    );
    assert_eq!(course.due(), Some(250));
    assert_eq!(course.at(250).begins(), "connect 1 192.0.2.2");
    assert_eq!(
        course.at(300).connected(1),
        "abandon 0 RaceLost, reached 1 192.0.2.2:5222",
        "S6: no other transport is being opened when the login begins"
    );
}

#[test]
fn s10_the_first_address_does_not_wait_for_the_whole_answer() {
    let mut course = Course::new(None, None, &[]);
    course.begins();
    assert_eq!(course.at(40).found(0, &[2]), "connect 0 192.0.2.2");
    assert_eq!(course.at(60).found(0, &[1, 2]), "");
    assert_eq!(course.due(), Some(290));
    assert_eq!(course.at(290).begins(), "connect 1 192.0.2.1");
    assert_eq!(course.answered(0, &found(&[1, 2, 3])), "store 3");
    assert_eq!(course.at(540).begins(), "connect 2 192.0.2.3");
    assert_eq!(course.due(), Some(15_040));
    assert_eq!(
        course.connected(2),
        "abandon 0 RaceLost, abandon 1 RaceLost, reached 2 192.0.2.3:5222"
    );
}

#[test]
fn s10_a_race_whose_addresses_have_failed_waits_for_the_rest_of_the_answer() {
    let mut course = Course::new(None, None, &[]);
    course.begins();
    course.found(0, &[1]);
    assert_eq!(course.refused(0), "", "more may be found");
    assert_eq!(
        course.at(90).answered(0, &found(&[1, 2])),
        "store 2, connect 1 192.0.2.2"
    );
    assert_eq!(
        course.refused(1),
        "Connect([ConnectionRefused, ConnectionRefused])"
    );
    let mut course = Course::new(None, None, &[]);
    course.begins();
    course.found(0, &[1]);
    course.refused(0);
    assert_eq!(
        course.answered(0, &Err(FAILURE)),
        "Connect([ConnectionRefused])"
    );
}

#[test]
fn s10_a_look_up_whose_race_is_won_goes_on_and_its_answer_is_kept() {
    let mut course = Course::new(None, None, &[]);
    course.begins();
    course.found(0, &[1]);
    assert_eq!(course.connected(0), "reached 0 192.0.2.1:5222");
    let (now, mut outputs) = (course.now, VecDeque::new());
    let answer = found(&[1, 2]);
    let candidates = &mut course.candidates;
    assert!(candidates.handle_refresh(LookUpId(0), &answer, now, &mut outputs));
    assert!(candidates.cached(now.wall).is_some());
    // T8: the answer for another address is not kept.
    let mut course = Course::new(None, Some(detour()), &[]);
    course.begins();
    course.found(0, &[9]);
    assert_eq!(
        course.connected(0),
        "forget look-up 0, reached 0 192.0.2.9:5222"
    );
}

#[test]
fn w1_what_is_found_first_and_is_set_back_waits_for_the_rest() {
    let mut course = Course::new(None, None, &[1]);
    course.begins();
    assert_eq!(course.found(0, &[1]), "");
    assert_eq!(course.found(0, &[1, 2]), "connect 0 192.0.2.2");
    assert_eq!(course.answered(0, &found(&[1, 2])), "store 2");
    assert_eq!(course.due(), Some(5_000));
}

#[test]
fn s10_known_addresses_without_a_response_are_raced_against_a_new_look_up() {
    let mut course = Course::new(Some(known(&[1, 2], 60)), None, &[]);
    course.begins();
    course.at(250).begins();
    assert_eq!(course.due(), Some(1_000));
    assert_eq!(course.at(1_000).begins(), "look up 0");
    assert_eq!(course.due(), Some(15_000));
    assert_eq!(
        course.at(1_080).refreshed(0, &[3, 1]),
        "store 2, connect 2 192.0.2.3"
    );
    assert_eq!(course.refused(2), "");
    assert_eq!(course.refused(1), "");
    assert_eq!(
        course.refused(0),
        "Connect([ConnectionRefused, ConnectionRefused, ConnectionRefused])",
        "they are not looked up once more"
    );
}

/// A round trip and a half, within bounds.
#[test]
fn s10_how_long_known_addresses_may_take_depends_on_the_network() {
    for (round_trip, expected) in [(20, 250), (400, 600), (3_000, 1_000)] {
        let mut course = Course::new(Some(known(&[1], 60)), None, &[]);
        course.begins();
        course.at(round_trip).connected(0);
        course.dial = Dial::new(None, Vec::new(), course.now.mono);
        course.begins();
        assert_eq!(course.due(), Some(u128::from(round_trip) + expected));
        course.candidates.network_changed(&mut VecDeque::new());
        course.dial = Dial::new(None, Vec::new(), course.now.mono);
        assert_eq!(
            course.begins(),
            "look up 0, connect 2 192.0.2.1",
            "an answer of another network is looked up again meanwhile"
        );
        assert_eq!(course.due(), Some(u128::from(round_trip) + 1_000));
    }
}

#[test]
fn s10_an_answer_is_used_without_a_look_up_and_an_expired_one_is_refreshed_meanwhile() {
    let mut course = Course::new(Some(known(&[1], 60)), None, &[]);
    assert_eq!(course.begins(), "connect 0 192.0.2.1");
    let mut course = Course::new(Some(known(&[1], -60)), None, &[]);
    assert_eq!(course.begins(), "look up 0, connect 0 192.0.2.1");
    assert_eq!(course.connected(0), "reached 0 192.0.2.1:5222");
    let (now, mut outputs) = (course.now, VecDeque::new());
    let answer = found(&[2]);
    let mut is_refresh = |id, candidates: &mut Candidates| {
        candidates.handle_refresh(LookUpId(id), &answer, now, &mut outputs)
    };
    assert!(!is_refresh(7, &mut course.candidates), "not asked");
    assert!(is_refresh(0, &mut course.candidates));
    assert!(!is_refresh(0, &mut course.candidates), "once");
    assert_eq!(outputs.len(), 1, "it is stored");
    let cached = course.candidates.cached(now.wall);
    assert!(cached.is_some_and(|cached| cached.fresh && cached.endpoints == [endpoint(2, 0)]));
}

#[test]
fn s10_a_refresh_is_requested_once_and_abandoned_with_the_network() {
    let mut course = Course::new(Some(known(&[1], -60)), None, &[]);
    course.begins();
    course.dial = Dial::new(None, Vec::new(), Instant::ZERO);
    assert_eq!(course.begins(), "connect 1 192.0.2.1");
    let mut outputs = VecDeque::new();
    course.candidates.network_changed(&mut outputs);
    course.candidates.network_changed(&mut outputs);
    let said: Vec<String> = outputs.iter().map(text).collect();
    assert_eq!(said, ["forget look-up 0"]);
}

#[test]
fn s10_an_answer_with_a_failed_address_is_refreshed_while_the_rest_is_used() {
    let mut course = Course::new(Some(known(&[1, 2], 60)), None, &[1]);
    course.candidates.doubt(address(7));
    assert_eq!(
        course.begins(),
        "connect 0 192.0.2.2",
        "it named no such one"
    );
    course.candidates.doubt(address(1));
    let again = |course: &mut Course| {
        course.dial = Dial::new(None, vec![address(1)], Instant::ZERO);
        course.begins()
    };
    assert_eq!(again(&mut course), "look up 0, connect 1 192.0.2.2");
    let mut refresh = |answer| {
        let (now, outputs) = (course.now, &mut course.outputs);
        course
            .candidates
            .handle_refresh(LookUpId(0), &answer, now, outputs)
    };
    assert!(refresh(Err(FAILURE)));
    assert_eq!(
        again(&mut course),
        "look up 1, connect 2 192.0.2.2",
        "still not known"
    );
    assert_eq!(again(&mut course), "connect 3 192.0.2.2", "once at a time");
}

#[test]
fn s10_an_answer_whose_addresses_all_fail_is_replaced() {
    let mut course = Course::new(Some(known(&[1, 2], 60)), None, &[]);
    course.begins();
    assert_eq!(course.refused(0), "connect 1 192.0.2.2");
    assert_eq!(course.refused(1), "look up 0");
    assert_eq!(
        course.answered(0, &found(&[3])),
        "store 1, connect 2 192.0.2.3"
    );
    assert_eq!(course.refused(2), "Connect([ConnectionRefused])");
    // If the DNS does not answer either, that error is reported.
    let mut course = Course::new(Some(known(&[1], 60)), None, &[]);
    course.begins();
    course.refused(0);
    let end = format!("{:?}", DialError::Resolve(FAILURE));
    assert_eq!(course.answered(0, &Err(FAILURE)), end);
}

#[test]
fn s10_an_answer_that_led_nowhere_is_looked_up_first_and_still_used() {
    for answer in [found(&[1]), Err(FAILURE)] {
        let mut course = Course::new(Some(known(&[1, 2], 60)), None, &[2, 1]);
        assert_eq!(course.begins(), "look up 0");
        let said = course.answered(0, &answer);
        match answer {
            Ok(_) => assert_eq!(said, "store 1, connect 0 192.0.2.1"),
            Err(_) => assert_eq!(said, "connect 0 192.0.2.2", "the latest failure is last"),
        }
    }
}

#[test]
fn w1_an_address_that_is_set_back_waits_until_the_others_failed_or_did_not_respond() {
    let mut course = Course::new(Some(known(&[1, 2, 3], 60)), None, &[1]);
    assert_eq!(course.begins(), "connect 0 192.0.2.2");
    assert_eq!(course.at(250).begins(), "connect 1 192.0.2.3");
    assert_eq!(course.at(1_000).begins(), "look up 0");
    assert_eq!(course.due(), Some(5_250));
    assert_eq!(course.refused(0), "", "one is still on its way");
    assert_eq!(course.refused(1), "connect 2 192.0.2.1");
    let mut course = Course::new(Some(known(&[1, 2], 60)), None, &[1]);
    course.begins();
    course.at(1_000).begins();
    assert_eq!(course.at(5_000).begins(), "connect 1 192.0.2.1");
}

#[test]
fn a_network_without_a_response_is_given_up_after_fifteen_seconds() {
    let mut course = Course::new(None, None, &[]);
    course.begins();
    course.answered(0, &found(&[1]));
    assert_eq!(course.due(), Some(15_000));
    assert_eq!(course.at(14_999).begins(), "");
    assert_eq!(course.at(15_000).begins(), "abandon 0 TimedOut, TimedOut");
    assert_eq!(course.connected(0), "", "too late");
}

#[test]
fn t8_another_address_is_tried_once_and_before_the_own_ones() {
    for is_found in [true, false] {
        let mut course = Course::new(Some(known(&[1], 60)), Some(detour()), &[]);
        assert_eq!(course.begins(), "look up 0 192.0.2.9");
        if is_found {
            assert_eq!(course.answered(0, &found(&[9])), "connect 0 192.0.2.9");
            assert_eq!(course.refused(0), "connect 1 192.0.2.1");
        } else {
            assert_eq!(course.answered(0, &Err(FAILURE)), "connect 0 192.0.2.1");
        }
        let kept = course.candidates.cached(course.now.wall);
        let kept = kept.map(|cached| cached.endpoints);
        assert_eq!(kept, Some(vec![endpoint(1, 0)]), "T8: never kept");
    }
}

#[test]
fn what_is_abandoned_reports_nothing_any_more() {
    let mut course = Course::new(None, None, &[]);
    course.begins();
    let mut outputs = VecDeque::new();
    let now = course.now.mono;
    course
        .dial
        .abandon(Abandonment::AttemptOver, &mut outputs, now);
    assert_eq!(course.answered(0, &found(&[1])), "");
    let mut course = Course::new(Some(known(&[1, 2], 60)), None, &[]);
    course.begins();
    course.at(250).begins();
    course
        .dial
        .abandon(Abandonment::NetworkChanged, &mut outputs, now);
    let said: Vec<String> = outputs.iter().map(text).collect();
    assert_eq!(
        said,
        [
            "forget look-up 0",
            "abandon 0 NetworkChanged",
            "abandon 1 NetworkChanged"
        ]
    );
    assert_eq!(course.connected(1), "");
    assert_eq!(course.at(60_000).begins(), "");
    assert_eq!(course.due(), None);
}

#[test]
fn a_dial_that_is_to_begin_later_begins_later() {
    let mut course = Course::new(Some(known(&[1], 60)), None, &[]);
    let begins = Instant::from_epoch(Duration::from_millis(250));
    course.dial = Dial::new(None, Vec::new(), begins);
    assert_eq!(course.due(), Some(250));
    assert_eq!(course.at(249).begins(), "");
    assert_eq!(course.at(250).begins(), "connect 0 192.0.2.1");
}

#[test]
fn an_answer_that_is_not_to_be_stored_is_kept_for_the_process() {
    let discovery = Discovery {
        known: Some(known(&[1], 60)),
        memory: AnswerMemory::Process,
        ..Discovery::default()
    };
    let mut course = Course::new(None, None, &[]);
    course.candidates = Candidates::new(discovery);
    assert_eq!(
        course.begins(),
        "look up 0",
        "what is stored is not believed"
    );
    assert_eq!(course.answered(0, &found(&[2])), "connect 0 192.0.2.2");
    assert!(course.candidates.cached(course.now.wall).is_some());
}

#[test]
fn the_report_of_a_dial_has_each_address_and_what_became_of_it() {
    let lost = DialFate::Abandoned(Abandonment::RaceLost);
    let refused = DialFate::Failed(ConnectFailure::Network(ErrorKind::ConnectionRefused));
    let mut course = Course::new(Some(known(&[1, 2], 60)), Some(detour()), &[]);
    course.begins();
    course.answered(0, &found(&[9]));
    course.at(30).refused(0);
    course.at(280).begins();
    course.at(300).refused(1);
    course.at(530).begins();
    course.at(560).connected(2);
    let report = course.dial.take_report();
    assert_eq!(
        dialed(&report),
        [
            (9, 0, Some(30), refused),
            (1, 30, Some(300), refused),
            (2, 280, Some(560), DialFate::Used),
        ]
    );
    assert_eq!(course.dial.take_report(), DialReport::default());
    let mut course = Course::new(None, None, &[]);
    course.begins();
    course.answered(0, &found(&[1, 2]));
    course.at(250).begins();
    course.at(300).connected(1);
    let report = course.dial.take_report();
    let expected = [(1, 0, Some(300), lost), (2, 250, Some(300), DialFate::Used)];
    assert_eq!(dialed(&report), expected);
}

#[test]
fn the_report_of_a_dial_has_the_queries_of_its_own_look_ups() {
    let failed = query(
        Source::Platform,
        QueryOutcome::Failed(LookupError::ServerFailure),
    );
    let answered = query(Source::Cleartext, QueryOutcome::Found(2));
    let mut course = Course::new(None, None, &[]);
    course.begins();
    let queried = |course: &mut Course, id, query: &QueryReport| {
        let (queries, now) = (std::slice::from_ref(query), course.now.mono);
        let candidates = &course.candidates;
        course.dial.queried(LookUpId(id), queries, candidates, now);
    };
    queried(course.at(50), 0, &failed);
    queried(&mut course, 7, &failed);
    course.found(0, &[1]);
    queried(course.at(90), 0, &answered);
    course.refused(0);
    course.at(100).answered(0, &Err(FAILURE));
    let report = course.dial.take_report();
    let ended = |query: &QueryReport, millis| EndedQuery {
        query: query.clone(),
        ended: Instant::from_epoch(Duration::from_millis(millis)),
    };
    assert_eq!(report.queries, [ended(&failed, 50), ended(&answered, 90)]);
}

/// The network reaches no IPv4 address; translator: `2001:db8:64::/96`.
impl Course {
    fn unreachable(&mut self, candidate: u64) -> String {
        let kind = ErrorKind::NetworkUnreachable;
        self.failed(candidate, ConnectFailure::Network(kind))
    }

    fn prefix_answered(&mut self, id: u64, records: Option<&[&str]>) -> String {
        let records: Option<Vec<std::net::Ipv6Addr>> = records.map(|records| {
            records
                .iter()
                .map(|record| record.parse().unwrap())
                .collect()
        });
        let prefixes = self
            .candidates
            .prefix_looked_up(LookUpId(id), records.as_deref())
            .unwrap();
        self.on(DialInput::Translated(&prefixes))
    }
}

const RECORD: &str = "2001:db8:64::192.0.0.170";

#[test]
fn s10_an_ipv4_address_without_a_way_is_tried_through_the_translator() {
    let mut course = Course::new(Some(known(&[1, 2], 300)), None, &[]);
    assert_eq!(course.begins(), "connect 0 192.0.2.1");
    assert_eq!(
        course.at(1).unreachable(0),
        "LookUpPrefix { id: LookUpId(0) }, connect 1 192.0.2.2"
    );
    assert_eq!(
        course.at(2).unreachable(1),
        "",
        "one look-up for all; its answer is awaited"
    );
    assert_eq!(
        course.at(40).prefix_answered(0, Some(&[RECORD])),
        "connect 2 2001:db8:64::c000:201"
    );
    assert_eq!(course.at(290).begins(), "connect 3 2001:db8:64::c000:202");
    assert_eq!(
        course.at(300).connected(2),
        "abandon 3 RaceLost, reached 2 [2001:db8:64::c000:201]:5222"
    );
    // The prefix is known until the network changes.
    course.dial = Dial::new(None, Vec::new(), course.now.mono);
    assert_eq!(course.begins(), "connect 4 192.0.2.1");
    assert_eq!(course.unreachable(4), "connect 5 2001:db8:64::c000:201");
    let (candidates, outputs) = (&mut course.candidates, &mut course.outputs);
    candidates.network_changed(outputs);
    course.dial = Dial::new(None, Vec::new(), course.now.mono);
    assert_eq!(course.begins(), "look up 1, connect 6 192.0.2.1");
    assert_eq!(
        course.unreachable(6),
        "LookUpPrefix { id: LookUpId(2) }, connect 7 192.0.2.2"
    );
    assert_eq!(course.unreachable(7), "", "the prefix is awaited");
    course.candidates.network_changed(&mut course.outputs);
    assert_eq!(
        course.on(DialInput::Translated(&[])),
        "forget look-up 2, forget look-up 1, look up 3",
        "the prefix of another network is not awaited"
    );
}

#[test]
fn s10_without_a_translator_the_failure_is_that_of_the_addresses() {
    for records in [Some(&[] as &[&str]), Some(&["2001:db8::1"]), None] {
        let mut course = Course::new(None, None, &[]);
        course.begins();
        course.answered(0, &found(&[1]));
        assert_eq!(course.unreachable(0), "LookUpPrefix { id: LookUpId(1) }");
        assert_eq!(
            course.prefix_answered(1, records),
            "Connect([NetworkUnreachable])"
        );
        // Without an answer it is asked again, for the next dial.
        course.dial = Dial::new(None, Vec::new(), course.now.mono);
        course.begins();
        let again = course.unreachable(1);
        assert_eq!(again.contains("LookUpPrefix"), records.is_none(), "{again}");
    }
}

#[test]
fn s10_an_address_that_refuses_has_a_way() {
    let mut course = Course::new(None, None, &[]);
    course.begins();
    course.answered(0, &found(&[1]));
    assert_eq!(course.refused(0), "Connect([ConnectionRefused])");
}

#[test]
fn s10_a_prefix_that_never_comes_is_not_awaited_longer_than_a_race() {
    let mut course = Course::new(None, None, &[]);
    course.begins();
    course.answered(0, &found(&[1]));
    course.unreachable(0);
    assert_eq!(course.due(), Some(15_000));
    assert_eq!(course.at(15_000).begins(), "TimedOut");
}

impl Course {
    /// A dial through a proxy that looks names up.
    fn by_proxy(servers: Vec<ServerAddress>, detour: Option<Detour>) -> Self {
        let discovery = Discovery {
            servers,
            // An answer from before the proxy is not used.
            known: Some(known(&[1], 300)),
            names: Names::Remote,
            domain: "example.org".to_owned(),
            ..Discovery::default()
        };
        let mut course = Self::new(None, detour, &[]);
        course.candidates = Candidates::new(discovery);
        course
    }

    fn refused_by_proxy(&mut self, candidate: u64) -> String {
        self.failed(candidate, ConnectFailure::Proxy(ProxyError::Closed))
    }
}

#[test]
fn through_a_proxy_the_domain_is_tried_without_a_look_up() {
    let mut course = Course::by_proxy(Vec::new(), None);
    assert_eq!(course.begins(), "connect 0 example.org:5223");
    assert_eq!(
        course.due(),
        Some(2000),
        "the other port is a lower priority"
    );
    assert_eq!(course.refused_by_proxy(0), "connect 1 example.org:5222");
    assert_eq!(course.refused_by_proxy(1), "Proxy(Closed)");
}

#[test]
fn through_a_proxy_the_configured_servers_are_tried_by_name() {
    let server = |host: &str| ServerAddress {
        host: host.to_owned(),
        port: 7000,
        transport: Transport::DirectTls,
    };
    let servers = vec![
        server("b.example"),
        server("a.example"),
        server("192.0.2.9"),
    ];
    let mut course = Course::by_proxy(servers, Some(detour()));
    assert_eq!(course.begins(), "connect 0 192.0.2.9");
    // No prefix is looked up either.
    let unreachable = course.unreachable(0);
    assert_eq!(unreachable, "connect 1 b.example:7000");
    assert_eq!(course.at(250).begins(), "connect 2 a.example:7000");
    assert_eq!(
        course.connected(2),
        "abandon 1 RaceLost, reached 2 [100::1]:7000"
    );
}
