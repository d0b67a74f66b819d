use super::*;

#[test]
fn connects_when_asked_and_reports_the_phase() {
    let mut bench = Bench::new();
    assert_eq!(bench.deadline(), None);
    let started = [
        start(0, StartReason::Asked),
        connecting(AttemptPhase::Resolving),
    ];
    assert_eq!(bench.put(Input::Connect), started);
    assert_eq!(bench.put(Input::Connect), []);
    let progress = Input::AttemptProgress {
        attempt: AttemptId(0),
        step: AttemptPhase::Tls,
    };
    assert_eq!(bench.put(progress.clone()), [connecting(AttemptPhase::Tls)]);
    assert_eq!(bench.put(progress), []);
    assert_eq!(bench.put(established(0)), [Output::State(ONLINE)]);
    assert_eq!(bench.deadline(), None);
}

#[test]
fn i9_inputs_of_older_attempts_are_ignored() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    assert_eq!(
        bench.put(NETWORK),
        [stop(0), start(1, StartReason::NetworkChanged)]
    );
    assert_eq!(bench.put(established(0)), []);
    assert_eq!(bench.end(0, REFUSED), []);
    assert_eq!(bench.put(established(1)), [Output::State(ONLINE)]);
}

#[test]
fn i10_after_a_conflict_no_attempt_is_made_without_the_user() {
    let mut bench = Bench::online();
    assert_eq!(bench.end(0, CONFLICT), [offline(OfflineReason::Conflict)]);
    for input in [
        NETWORK,
        NO_NETWORK,
        NETWORK,
        Input::Foreground,
        Input::Suspend,
        Input::Resume,
    ] {
        assert_eq!(bench.put(input.clone()), [], "{input:?}");
        assert_eq!(bench.deadline(), None, "{input:?}");
    }
    assert_eq!(
        bench.put(Input::Connect).first(),
        Some(&start(1, StartReason::Asked))
    );
    // The server reports the conflict to this client's own older connection: this says nothing about the new one.
    assert_eq!(bench.end(0, CONFLICT), []);
}

/// Online, after an attempt that was given up in the middle of its login.
fn overtaken() -> Bench {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    bench.put(Input::AttemptProgress {
        attempt: AttemptId(0),
        step: AttemptPhase::Login,
    });
    bench.put(NETWORK);
    bench.put(established(1));
    bench
}

/// Wi-Fi fails in the middle of a login, and the next login overtakes it on the mobile network. The server processes
/// the first login last, and reports to the second connection that it was replaced.
#[test]
fn i10_a_conflict_with_an_attempt_that_was_given_up_is_no_displacement() {
    let mut bench = overtaken();
    bench.end(1, CONFLICT);
    assert!(matches!(
        bench.deadline(),
        Some((_, SupervisorTimer::Retry))
    ));
    let outputs = bench.expire();
    assert_eq!(outputs.first(), Some(&start(2, StartReason::Retry)));
    // Only once: a client that causes the next conflict is not that attempt.
    bench.put(established(2));
    assert_eq!(bench.end(2, CONFLICT), [offline(OfflineReason::Conflict)]);
}

#[test]
fn i10_an_attempt_that_was_given_up_long_ago_explains_no_conflict() {
    let mut bench = overtaken();
    bench.now = bench.now + super::super::attempt::ECHO;
    assert_eq!(bench.end(1, CONFLICT), [offline(OfflineReason::Conflict)]);
}

#[test]
fn refusals_wait_for_the_app() {
    let table = [
        (REFUSED, OfflineReason::Refused),
        (CREDENTIALS, OfflineReason::NeedsCredentials),
    ];
    for (verdict, reason) in table {
        let mut bench = Bench::new();
        bench.put(Input::Connect);
        assert_eq!(bench.end(0, verdict), [offline(reason)]);
        assert_eq!(bench.deadline(), None);
        assert_eq!(bench.put(NETWORK), []);
        assert_eq!(
            bench.put(Input::Connect).first(),
            Some(&start(1, StartReason::Asked))
        );
        bench.end(1, verdict);
        let stopped = [offline(OfflineReason::NotWanted)];
        assert_eq!(bench.put(Input::Disconnect), stopped);
    }
}

#[test]
fn failures_are_followed_by_growing_delays() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    let mut longest = Duration::ZERO;
    for attempt in 0..40 {
        let outputs = bench.end(attempt, BROKEN);
        let (when, why) = bench.deadline().unwrap();
        assert_eq!(why, SupervisorTimer::Retry);
        let state = ConnectionState::Offline {
            reason: OfflineReason::Failed,
            retry_at: Some(when),
        };
        assert_eq!(outputs, [Output::State(state)]);
        if attempt < 19 {
            longest = longest.max(when - bench.now);
        }
        assert_eq!(bench.put(Input::Timeout), [], "too early");
        assert_eq!(
            bench.expire().first(),
            Some(&start(attempt + 1, StartReason::Retry))
        );
    }
    assert!(longest > Duration::from_secs(100) && longest <= Duration::from_secs(300));
}

#[test]
fn a_short_session_does_not_reset_the_backoff() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    let mut longest = Duration::ZERO;
    for attempt in 0..30 {
        bench.put(established(attempt));
        bench.wait(1);
        bench.end(attempt, BROKEN);
        let (when, _) = bench.deadline().unwrap();
        longest = longest.max(when - bench.now);
        bench.expire();
    }
    // The limit on the rate alone never delays an attempt for longer than its window.
    assert!(longest > Timing::default().window, "{longest:?}");
}

#[test]
fn a_session_that_lasted_is_followed_by_an_attempt_at_once_and_a_backoff_from_its_beginning() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    for attempt in 0..9 {
        bench.put(established(2 * attempt));
        bench.wait(31);
        let broken = bench.end(2 * attempt, BROKEN);
        assert_eq!(
            broken.first(),
            Some(&start(2 * attempt + 1, StartReason::Broken))
        );
        bench.end(2 * attempt + 1, BROKEN);
        let (when, why) = bench.deadline().unwrap();
        assert_eq!(why, SupervisorTimer::Retry);
        assert!(when - bench.now <= Timing::default().base);
        bench.expire();
    }
}

#[test]
fn a_user_or_network_event_ends_the_delay() {
    let table = [
        (NETWORK, StartReason::NetworkChanged),
        (Input::Foreground, StartReason::Foreground),
        (Input::Resume, StartReason::Resumed),
        (Input::Connect, StartReason::Asked),
    ];
    for (input, why) in table {
        let mut bench = Bench::new();
        bench.put(Input::Connect);
        bench.end(0, BROKEN);
        assert_eq!(bench.put(input).first(), Some(&start(1, why)));
    }
}

#[test]
fn an_overloaded_server_gets_no_early_attempts() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    bench.end(0, OVERLOADED);
    let (when, _) = bench.deadline().unwrap();
    assert!(when - bench.now >= Timing::default().relief_floor);
    for input in [
        NETWORK,
        Input::Foreground,
        Input::Connect,
        Input::Suspend,
        Input::Resume,
        Input::Disconnect,
        Input::Connect,
    ] {
        let outputs = bench.put(input.clone());
        let starts = outputs
            .iter()
            .any(|output| matches!(output, Output::StartAttempt { .. }));
        assert!(!starts, "{input:?}");
    }
    assert_eq!(bench.deadline(), Some((when, SupervisorTimer::Retry)));
}

#[test]
fn wrong_assumptions_are_corrected_at_once_a_limited_number_of_times() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    for attempt in 0..3 {
        let again = start(attempt + 1, StartReason::WrongAssumption);
        assert_eq!(bench.end(attempt, WRONG_ASSUMPTION).first(), Some(&again));
    }
    bench.end(3, WRONG_ASSUMPTION);
    assert!(matches!(
        bench.deadline(),
        Some((_, SupervisorTimer::Retry))
    ));
}

#[test]
fn a_network_change_probes_the_connection_and_keeps_it() {
    let mut bench = Bench::online();
    let deadline = bench.now + Duration::from_secs(3);
    let probe = |deadline| Output::Probe {
        attempt: AttemptId(0),
        deadline,
    };
    assert_eq!(bench.put(NO_NETWORK), []);
    assert_eq!(bench.put(NETWORK), [probe(deadline)]);
    // Further changes cause one more probe, later.
    assert_eq!(bench.put(NETWORK), []);
    assert_eq!(bench.put(Input::Foreground), []);
    let again = bench.expire();
    assert_eq!(again, [probe(bench.now + Duration::from_secs(3))]);
    bench.wait(10);
    assert_eq!(bench.deadline(), None);
    assert_eq!(bench.supervisor.state(), ONLINE);
}

#[test]
fn a_failed_probe_reconnects_at_once() {
    let mut bench = Bench::online();
    bench.put(NETWORK);
    bench.wait(3);
    let again = [
        start(1, StartReason::ProbeFailed),
        connecting(AttemptPhase::Resolving),
    ];
    assert_eq!(bench.end(0, BROKEN), again);
}

#[test]
fn without_a_network_nothing_is_started() {
    let mut bench = Bench::new();
    bench.put(NO_NETWORK);
    let waiting = [offline(OfflineReason::NoNetwork)];
    assert_eq!(bench.put(Input::Connect), waiting);
    assert_eq!(bench.deadline(), None);
    assert_eq!(
        bench.put(NETWORK).first(),
        Some(&start(0, StartReason::NetworkChanged))
    );
    let stopped = [stop(0), offline(OfflineReason::NoNetwork)];
    assert_eq!(bench.put(NO_NETWORK), stopped);
    bench.put(NETWORK);
    bench.put(established(1));
    assert_eq!(bench.put(NO_NETWORK), []);
    assert_eq!(bench.end(1, BROKEN), waiting);
}

#[test]
fn repeated_network_changes_restart_a_limited_number_of_times() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    for attempt in 1..6 {
        let restarted = [
            stop(attempt - 1),
            start(attempt, StartReason::NetworkChanged),
        ];
        assert_eq!(bench.put(NETWORK), restarted);
    }
    assert_eq!(bench.put(NETWORK), []);
    let when = bench.now + Duration::from_secs(30);
    assert_eq!(bench.deadline(), Some((when, SupervisorTimer::Restart)));
    let restarted = [stop(5), start(6, StartReason::NetworkChanged)];
    assert_eq!(bench.expire(), restarted);
    // The window has moved on.
    assert_eq!(
        bench.put(NETWORK),
        [stop(6), start(7, StartReason::NetworkChanged)]
    );
}

#[test]
fn an_attempt_that_makes_progress_is_not_restarted_later() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    for _ in 0..6 {
        bench.put(NETWORK);
    }
    assert!(matches!(
        bench.deadline(),
        Some((_, SupervisorTimer::Restart))
    ));
    bench.put(Input::AttemptProgress {
        attempt: AttemptId(5),
        step: AttemptPhase::Tls,
    });
    assert!(matches!(
        bench.deadline(),
        Some((_, SupervisorTimer::Attempt))
    ));
}

#[test]
fn an_attempt_that_hangs_is_given_up() {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    assert_eq!(bench.expire().first(), Some(&stop(0)));
    assert!(matches!(
        bench.deadline(),
        Some((_, SupervisorTimer::Retry))
    ));
}

#[test]
fn i14_suspending_does_not_close_the_stream() {
    let suspended = [stop(0), offline(OfflineReason::Suspended)];
    let mut bench = Bench::online();
    assert_eq!(bench.put(Input::Suspend), suspended);
    assert_eq!(bench.deadline(), None);
    for input in [NETWORK, Input::Background, Input::EndSync] {
        assert_eq!(bench.put(input), []);
    }
    assert_eq!(
        bench.put(Input::Resume).first(),
        Some(&start(1, StartReason::Resumed))
    );
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    assert_eq!(bench.put(Input::Suspend), suspended);
    bench.put(Input::Disconnect);
    assert_eq!(bench.put(Input::Resume), []);
}

#[test]
fn i14_disconnecting_closes_the_stream() {
    let close = Output::CloseCleanly {
        attempt: AttemptId(0),
    };
    let closed = Input::Ended {
        attempt: AttemptId(0),
        verdict: None,
    };
    let stopped = offline(OfflineReason::NotWanted);
    let mut bench = Bench::online();
    assert_eq!(bench.put(Input::Disconnect), std::slice::from_ref(&close));
    assert_eq!(bench.put(closed.clone()), std::slice::from_ref(&stopped));
    let mut bench = Bench::online();
    bench.put(Input::Disconnect);
    assert_eq!(bench.expire(), [stop(0), stopped.clone()]);
    // Connect while the stream is being closed: the attempt follows the close.
    let mut bench = Bench::online();
    bench.put(Input::Disconnect);
    assert_eq!(bench.put(Input::Connect), []);
    assert_eq!(
        bench.put(closed).first(),
        Some(&start(1, StartReason::Asked))
    );
    // Nothing to close yet.
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    assert_eq!(bench.put(Input::Disconnect), [stop(0), stopped]);
}

const GONE: Verdict = Verdict::NoSession;

fn may_only_resume(attempt: u64, why: StartReason) -> Output {
    Output::StartAttempt {
        attempt: AttemptId(attempt),
        why,
        purpose: Purpose::ResumeOnly,
    }
}

#[test]
fn a_background_sync_may_only_resume_and_ends_if_it_cannot() {
    let mut bench = Bench::new();
    let outputs = bench.put(Input::BeginSync(SyncKind::ResumeOnly));
    assert_eq!(
        outputs.first(),
        Some(&may_only_resume(0, StartReason::Resumed))
    );
    assert_eq!(bench.end(0, GONE), [offline(OfflineReason::NoSession)]);
    assert_eq!(bench.deadline(), None);
    assert_eq!(bench.put(NETWORK), []);
    assert_eq!(
        bench.put(Input::BeginSync(SyncKind::ResumeOnly)).first(),
        Some(&may_only_resume(1, StartReason::Resumed)),
        "the next push"
    );
    bench.end(1, BROKEN);
    assert_eq!(
        bench.expire().first(),
        Some(&may_only_resume(2, StartReason::Retry)),
        "a broken path is tried again"
    );
    bench.end(2, GONE);
    assert_eq!(
        bench.put(Input::Connect).first(),
        Some(&start(3, StartReason::Asked))
    );
}

#[test]
fn a_background_sync_ends_when_the_process_is_suspended_again() {
    let mut bench = Bench::online();
    bench.put(Input::Suspend);
    assert_eq!(
        bench.put(Input::BeginSync(SyncKind::ResumeOnly)).first(),
        Some(&may_only_resume(1, StartReason::Resumed))
    );
    bench.end(1, GONE);
    assert_eq!(
        bench.put(Input::Suspend),
        [offline(OfflineReason::Suspended)]
    );
    assert_eq!(
        bench.put(Input::Resume).first(),
        Some(&start(2, StartReason::Resumed))
    );
}

#[test]
fn the_user_ends_a_background_sync_that_found_nothing() {
    for input in [Input::Resume, Input::Foreground, Input::Connect] {
        let mut bench = Bench::online();
        bench.put(Input::Suspend);
        bench.put(Input::BeginSync(SyncKind::ResumeOnly));
        bench.end(1, GONE);
        assert_eq!(
            bench.put(input).first(),
            Some(&start(2, StartReason::Asked))
        );
    }
}

/// An app that makes a request or is in the foreground is awake; no separate `Resume` is required.
#[test]
fn every_request_of_the_app_wakes_it() {
    for (input, why) in [
        (Input::Resume, StartReason::Resumed),
        (Input::Connect, StartReason::Asked),
        (Input::Foreground, StartReason::Foreground),
    ] {
        let mut bench = Bench::online();
        bench.put(Input::Foreground);
        bench.put(Input::Suspend);
        assert_eq!(bench.put(input).first(), Some(&start(1, why)));
    }
}

#[test]
fn a_process_that_was_woken_for_a_background_sync_is_suspended_after_it() {
    let mut cold = Bench::new();
    let mut asleep = Bench::online();
    asleep.put(Input::Suspend);
    for bench in [&mut cold, &mut asleep] {
        for _ in 0..2 {
            bench.put(Input::BeginSync(SyncKind::ResumeOnly));
            assert!(!bench.supervisor.is_suspended());
            bench.put(Input::EndSync);
            assert!(bench.supervisor.is_suspended());
            assert_eq!(bench.deadline(), None);
        }
    }
}

#[test]
fn an_app_that_needs_the_client_during_a_background_sync_keeps_it() {
    for input in [Input::Resume, Input::Foreground, Input::Connect] {
        let mut bench = Bench::online();
        bench.put(Input::Suspend);
        bench.put(Input::BeginSync(SyncKind::ResumeOnly));
        bench.put(established(1));
        bench.put(input);
        assert_eq!(bench.put(Input::EndSync), []);
        assert!(!bench.supervisor.is_suspended());
        assert!(matches!(
            bench.supervisor.state(),
            ConnectionState::Online { .. }
        ));
    }
}

#[test]
fn a_background_sync_in_an_app_that_is_awake_leaves_it_awake() {
    let mut bench = Bench::online();
    bench.put(Input::BeginSync(SyncKind::ResumeOnly));
    assert_eq!(bench.put(Input::EndSync), []);
    assert!(!bench.supervisor.is_suspended());
}

/// The user looks at an app that does not want to be online: the connection of the background sync ends, the app stays
/// awake.
#[test]
fn a_background_sync_in_the_foreground_ends_only_its_connection() {
    let mut bench = Bench::new();
    bench.put(Input::Foreground);
    bench.put(Input::BeginSync(SyncKind::ResumeOnly));
    bench.put(established(0));
    let stopped = [stop(0), offline(OfflineReason::NotWanted)];
    assert_eq!(bench.put(Input::EndSync), stopped);
    assert!(!bench.supervisor.is_suspended());
}

/// An attempt that may only resume can be in progress. If it finds no session, the app gets a new one.
#[test]
fn connect_during_a_background_sync_asks_for_any_session() {
    let mut bench = Bench::new();
    bench.put(Input::BeginSync(SyncKind::ResumeOnly));
    bench.put(Input::Connect);
    assert_eq!(
        bench.end(0, GONE).first(),
        Some(&start(1, StartReason::WrongAssumption))
    );
}

#[test]
fn a_background_sync_in_an_app_that_is_awake_probes_the_connection() {
    let mut bench = Bench::online();
    assert!(matches!(
        bench.put(Input::BeginSync(SyncKind::ResumeOnly))[..],
        [Output::Probe { .. }]
    ));
    let outputs = bench.end(0, BROKEN);
    assert_eq!(outputs.first(), Some(&start(1, StartReason::ProbeFailed)));
}

#[test]
fn i10_a_push_is_not_an_action_of_the_user() {
    let mut bench = Bench::online();
    bench.end(0, CONFLICT);
    assert_eq!(bench.put(Input::BeginSync(SyncKind::ResumeOnly)), []);
    // A `Disconnect` in between does not change that.
    bench.put(Input::Disconnect);
    assert_eq!(bench.put(Input::BeginSync(SyncKind::ResumeOnly)), []);
    bench.put(Input::Connect);
    bench.put(Input::Disconnect);
    assert!(!bench.put(Input::BeginSync(SyncKind::ResumeOnly)).is_empty());
}

/// Otherwise a second change, and phones report most changes more than once, would not be probed before the first
/// probe's deadline.
#[test]
fn after_a_probe_response_the_next_probe_is_sent_at_once() {
    let mut bench = Bench::online();
    let alive = Input::Alive {
        attempt: AttemptId(0),
    };
    let is_probe = |outputs: &[Output]| matches!(outputs, [Output::Probe { .. }]);
    assert!(is_probe(&bench.put(NETWORK)));
    assert_eq!(bench.put(alive.clone()), []);
    assert_eq!(bench.deadline(), None);
    assert!(is_probe(&bench.put(NETWORK)), "asked at once");
    assert_eq!(bench.put(NETWORK), [], "one is under way");
    assert!(
        is_probe(&bench.put(alive.clone())),
        "the response does not cover the last change"
    );
    assert_eq!(bench.put(alive.clone()), []);
    let other = Input::Alive {
        attempt: AttemptId(7),
    };
    assert!(is_probe(&bench.put(NETWORK)));
    assert_eq!(bench.put(other), [], "I9");
    assert_eq!(
        bench.end(0, BROKEN).first(),
        Some(&start(1, StartReason::ProbeFailed))
    );
}
