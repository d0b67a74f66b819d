//! Rule I19: the number of attempts is limited, whatever fails, and two attempts are never more than 20 minutes apart.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// The result of each attempt: a session of the given milliseconds, or none, and how it ends.
struct FailureKind {
    name: &'static str,
    session: Option<u64>,
    verdict: Verdict,
}

fn troubles() -> Vec<FailureKind> {
    let sessions = [
        None,
        Some(0),
        Some(1_000),
        Some(5_100),
        Some(31_000),
        Some(61_000),
        Some(120_000),
    ];
    let verdicts = [
        ("broken", BROKEN),
        ("wrong assumption", WRONG_ASSUMPTION),
        ("overloaded", OVERLOADED),
        ("passing", PASSING),
    ];
    let all = sessions.iter().flat_map(|session| {
        verdicts.map(|(name, verdict)| FailureKind {
            name,
            session: *session,
            verdict,
        })
    });
    all.collect()
}

/// Returns when attempts started during two days, and the delay before each.
fn two_days(trouble: &FailureKind, seed: u64) -> (Vec<Instant>, Vec<Duration>) {
    let mut bench = Bench::new();
    bench.supervisor = Supervisor::new(Timing::default(), seed);
    let begin = bench.now;
    let (mut starts, mut waits) = (vec![bench.now], Vec::new());
    bench.put(Input::Connect);
    let mut attempt = 0;
    while bench.now - begin < 2 * DAY {
        if let Some(lasts) = trouble.session {
            bench.put(established(attempt));
            bench.now = bench.now + Duration::from_millis(lasts);
        }
        let ended = bench.now;
        let mut outputs = bench.end(attempt, trouble.verdict);
        while !outputs
            .iter()
            .any(|output| matches!(output, Output::StartAttempt { .. }))
        {
            outputs = bench.expire();
        }
        starts.push(bench.now);
        waits.push(bench.now - ended);
        attempt += 1;
    }
    (starts, waits)
}

/// Returns the maximum number of starts in any span of this length.
fn most(starts: &[Instant], span: Duration) -> usize {
    let within = |(first, start): (usize, &Instant)| {
        let rest = &starts[first..];
        rest.iter()
            .take_while(|other| **other - *start < span)
            .count()
    };
    starts.iter().enumerate().map(within).max().unwrap_or(0)
}

#[test]
fn i19_attempts_are_bounded_whatever_fails() {
    for trouble in troubles() {
        for seed in 1..6 {
            let (starts, waits) = two_days(&trouble, seed);
            let context = format!("{} after {:?}, seed {seed}", trouble.name, trouble.session);
            let settled = starts[0] + 10 * MINUTE;
            let later: Vec<Instant> = starts.iter().copied().filter(|at| *at > settled).collect();
            let counts = [
                most(&starts, Duration::from_secs(30)),
                most(&later, 60 * MINUTE),
                most(&starts, DAY),
            ];
            assert!(counts[0] <= 6, "{context}: {counts:?}");
            assert!(counts[1] <= 30, "{context}: {counts:?}");
            assert!(counts[2] <= 150, "{context}: {counts:?}");
            let longest = waits.iter().max().unwrap();
            assert!(*longest <= 20 * MINUTE, "{context}: {longest:?}");
        }
    }
}

/// A session that breaks before it is proven is followed by an attempt at once like any other session, but only the
/// first time.
#[test]
fn i19_a_young_session_is_forgiven_once() {
    let mut bench = Bench::online();
    bench.wait(6);
    assert_eq!(
        bench.end(0, BROKEN).first(),
        Some(&start(1, StartReason::Broken))
    );
    bench.put(established(1));
    bench.wait(6);
    bench.end(1, BROKEN);
    assert!(matches!(
        bench.deadline(),
        Some((_, SupervisorTimer::Retry))
    ));
    bench.expire();
    // A session that lasts resets this.
    bench.put(established(2));
    bench.wait(31);
    assert_eq!(
        bench.end(2, BROKEN).first(),
        Some(&start(3, StartReason::Broken))
    );
    bench.put(established(3));
    bench.wait(6);
    assert_eq!(
        bench.end(3, BROKEN).first(),
        Some(&start(4, StartReason::Broken))
    );
}

/// A user who returns to the app must not experience the delays of the first day.
#[test]
fn i19_the_user_and_the_network_end_every_delay() {
    let inputs = [NETWORK, Input::Foreground, Input::Resume, Input::Connect];
    for input in inputs {
        let mut bench = Bench::new();
        bench.put(Input::Connect);
        for attempt in 0..60 {
            bench.end(attempt, BROKEN);
            bench.expire();
        }
        bench.end(60, BROKEN);
        let outputs = bench.put(input.clone());
        assert!(
            matches!(outputs.first(), Some(Output::StartAttempt { .. })),
            "{input:?}: {outputs:?}"
        );
        // What follows is as quick as in the beginning.
        bench.end(61, BROKEN);
        let (when, _) = bench.deadline().unwrap();
        assert!(when - bench.now <= Timing::default().cap, "{input:?}");
    }
}

/// I19: after the account was logged in once, only errors that require action by a person halt.
#[test]
fn i19_a_passing_refusal_is_retried_slowly_and_without_end() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    for attempt in 0..200 {
        bench.end(attempt, PASSING);
        let (when, why) = bench.deadline().expect("another attempt");
        assert_eq!(why, SupervisorTimer::Retry);
        assert!(when - bench.now >= Timing::default().relief_floor);
        bench.expire();
    }
    // The user may request an attempt at any time.
    bench.end(200, PASSING);
    let outputs = bench.put(Input::Connect);
    assert_eq!(outputs.first(), Some(&start(201, StartReason::Asked)));
}
