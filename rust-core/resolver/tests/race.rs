//! S10: racing endpoints (RFC 8305 section 5, XEP-0495), without sockets and without waiting.
#![allow(clippy::unwrap_used, reason = "the helpers of a test are tests")]

use snapback_resolver::{
    CONNECTION_ATTEMPT_DELAY, Endpoint, EndpointSource, HappyEyeballs, Input, Output,
    PRIORITY_TIMEOUT, RacePlan, Transport, Turn,
};
use std::time::Duration;

type Race = HappyEyeballs<&'static str>;

/// Returns a plan with one attempt for each given priority.
fn plan(priorities: &[u16]) -> RacePlan {
    RacePlan::new(priorities.iter().map(|&priority| Endpoint {
        host: "x.example.org".into(),
        addr: "192.0.2.1:5222".parse().unwrap(),
        transport: Transport::StartTls,
        priority,
        source: EndpointSource::Srv,
    }))
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns everything that the machine requests at this time.
fn drain(race: &mut Race, now: Duration) -> Vec<Output<&'static str>> {
    let mut outputs = vec![race.poll_output(now)];
    while matches!(outputs.last(), Some(Output::Start(_))) {
        outputs.push(race.poll_output(now));
    }
    outputs
}

#[test]
fn a_plan_is_data() {
    let plan = plan(&[1, 1, 2, 2]);
    let delays: Vec<_> = plan.attempts.iter().map(|a| (a.delay, a.turn)).collect();
    assert_eq!(
        delays,
        [
            (Duration::ZERO, Turn::Staggered),
            (CONNECTION_ATTEMPT_DELAY, Turn::Staggered),
            (PRIORITY_TIMEOUT, Turn::NextPriority),
            (CONNECTION_ATTEMPT_DELAY, Turn::Staggered),
        ]
    );
}

#[test]
fn s10_attempts_start_a_quarter_of_a_second_apart_and_the_first_to_connect_wins() {
    let mut race = Race::new(&plan(&[0, 0, 0]));
    assert_eq!(
        drain(&mut race, ms(0)),
        [Output::Start(0), Output::Wait(Some(ms(250)))]
    );
    assert_eq!(drain(&mut race, ms(249)), [Output::Wait(Some(ms(250)))]);
    race.handle_input(Input::Timeout, ms(250));
    assert_eq!(
        drain(&mut race, ms(250)),
        [Output::Start(1), Output::Wait(Some(ms(500)))]
    );
    race.handle_input(Input::Connected(0), ms(300));
    assert_eq!(drain(&mut race, ms(300)), [Output::Won(0)]);
    assert_eq!(
        race.in_flight().collect::<Vec<_>>(),
        [1],
        "what is to be dropped"
    );
    race.handle_input(Input::Connected(1), ms(301));
    race.handle_input(Input::Failed(1, "late"), ms(302));
    assert_eq!(drain(&mut race, ms(900)), [Output::Won(0)]);
}

#[test]
fn s10_a_failure_starts_the_next_at_once() {
    let mut race = Race::new(&plan(&[0, 0]));
    drain(&mut race, ms(0));
    race.handle_input(Input::Failed(0, "refused"), ms(10));
    assert_eq!(
        drain(&mut race, ms(10)),
        [Output::Start(1), Output::Wait(None)]
    );
    race.handle_input(Input::Failed(1, "unreachable"), ms(20));
    assert_eq!(
        drain(&mut race, ms(20)),
        [Output::AllFailed(vec![(0, "refused"), (1, "unreachable")])]
    );
}

#[test]
fn the_delay_counts_from_the_dial_that_really_began() {
    let mut race = Race::new(&plan(&[0, 0]));
    drain(&mut race, ms(0));
    race.handle_input(Input::Started(0), ms(100));
    assert_eq!(drain(&mut race, ms(250)), [Output::Wait(Some(ms(350)))]);
}

#[test]
fn s10_the_next_priority_waits_until_the_one_before_is_exhausted() {
    let mut race = Race::new(&plan(&[1, 1, 2]));
    drain(&mut race, ms(0));
    drain(&mut race, ms(250));
    race.handle_input(Input::Failed(0, "refused"), ms(300));
    assert_eq!(drain(&mut race, ms(300)), [Output::Wait(Some(ms(2250)))]);
    race.handle_input(Input::Failed(1, "refused"), ms(400));
    assert_eq!(
        drain(&mut race, ms(400)),
        [Output::Start(2), Output::Wait(None)]
    );
}

#[test]
fn a_silent_priority_is_not_waited_for_forever() {
    let mut race = Race::new(&plan(&[1, 2]));
    drain(&mut race, ms(0));
    assert_eq!(drain(&mut race, ms(1999)), [Output::Wait(Some(ms(2000)))]);
    assert_eq!(
        drain(&mut race, ms(2000)),
        [Output::Start(1), Output::Wait(None)]
    );
    race.handle_input(Input::Connected(0), ms(2001));
    assert_eq!(
        drain(&mut race, ms(2001)),
        [Output::Won(0)],
        "the old attempt may still win"
    );
}

#[test]
fn nonsense_changes_nothing() {
    let mut race = Race::new(&plan(&[0, 0]));
    drain(&mut race, ms(0));
    for input in [
        Input::Connected(1),
        Input::Connected(9),
        Input::Failed(1, "x"),
        Input::Started(9),
        Input::Started(usize::MAX),
        Input::Failed(usize::MAX, "x"),
    ] {
        race.handle_input(input, ms(1));
    }
    assert_eq!(drain(&mut race, ms(1)), [Output::Wait(Some(ms(250)))]);
    race.handle_input(Input::Failed(0, "once"), ms(2));
    race.handle_input(Input::Failed(0, "twice"), ms(2));
    drain(&mut race, ms(2));
    race.handle_input(Input::Failed(1, "last"), ms(3));
    assert_eq!(
        drain(&mut race, ms(3)),
        [Output::AllFailed(vec![(0, "once"), (1, "last")])]
    );
}

#[test]
fn a_race_without_attempts_fails_at_once() {
    assert_eq!(
        drain(&mut Race::new(&plan(&[])), ms(0)),
        [Output::AllFailed(vec![])]
    );
}

/// Every order of events for three attempts: a race always ends, and a failed attempt never wins.
#[test]
fn every_race_ends() {
    for outcome in 0..4usize.pow(3) {
        let mut race = Race::new(&plan(&[0, 0, 1]));
        // Each attempt fails at once, fails late, connects, or gets no answer.
        let fate = |i: usize| (outcome / 4usize.pow(i as u32)) % 4;
        let mut ended = None;
        for step in 0..100 {
            let now = ms(step * 100);
            for output in drain(&mut race, now) {
                match output {
                    Output::Start(i) if fate(i) == 0 => {
                        race.handle_input(Input::Failed(i, "at once"), now)
                    }
                    Output::Start(i) if fate(i) == 2 => race.handle_input(Input::Connected(i), now),
                    Output::Won(_) | Output::AllFailed(_) => ended = ended.or(Some(output)),
                    Output::Start(_) | Output::Wait(_) => {}
                }
            }
            let late: Vec<usize> = race
                .in_flight()
                .filter(|&i| fate(i) == 1 && step > 50)
                .collect();
            late.into_iter()
                .for_each(|i| race.handle_input(Input::Failed(i, "late"), now));
        }
        let fates = [fate(0), fate(1), fate(2)];
        match ended {
            Some(Output::Won(winner)) => assert_eq!(fates[winner], 2, "{fates:?}"),
            Some(Output::AllFailed(_)) => assert!(fates.iter().all(|&f| f < 2), "{fates:?}"),
            _ => assert!(
                fates.contains(&3) && !fates.contains(&2),
                "{fates:?} did not end"
            ),
        }
    }
}
