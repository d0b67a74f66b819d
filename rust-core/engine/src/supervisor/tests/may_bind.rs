//! I23: background syncs that may bind.

use snapback_proto::plan::Purpose;

use super::*;

fn may_bind(attempt: u64, why: StartReason) -> Output {
    Output::StartAttempt {
        attempt: AttemptId(attempt),
        why,
        purpose: Purpose::CatchUp,
    }
}

const MAY_BIND: Input = Input::BeginSync(SyncKind::MayBind);
const RESUME_ONLY: Input = Input::BeginSync(SyncKind::ResumeOnly);

#[test]
fn i23_a_sync_that_may_bind_goes_on_where_another_has_found_no_session() {
    let mut bench = Bench::new();
    bench.put(RESUME_ONLY);
    bench.end(0, Verdict::NoSession);
    let outputs = bench.put(MAY_BIND);
    assert_eq!(outputs.first(), Some(&may_bind(1, StartReason::Resumed)));
    bench.put(unannounced(1));
    assert_eq!(bench.deadline(), None);
    bench.put(Input::EndSync);
    assert!(bench.supervisor.is_suspended());
}

/// Of several syncs one may bind: an attempt that was begun before it and may not is followed by one that may.
#[test]
fn i23_one_of_several_syncs_may_bind() {
    for order in [[MAY_BIND, RESUME_ONLY], [RESUME_ONLY, MAY_BIND]] {
        let mut bench = Bench::new();
        let mut outputs = Vec::new();
        for input in order {
            outputs.extend(bench.put(input));
        }
        let mut starts = outputs
            .iter()
            .filter(|output| matches!(output, Output::StartAttempt { .. }));
        let last = starts.next_back();
        assert!(matches!(
            last,
            Some(Output::StartAttempt {
                purpose: Purpose::CatchUp,
                ..
            })
        ));
    }
    let mut bench = Bench::new();
    bench.put(MAY_BIND);
    bench.put(Input::EndSync);
    let outputs = bench.put(RESUME_ONLY);
    assert!(
        !outputs.contains(&may_bind(1, StartReason::Resumed)),
        "the next one may not"
    );
}

#[test]
fn i23_an_app_that_wants_to_be_online_leaves_a_session_without_presence() {
    let requests = [
        (Input::Connect, Input::Suspend),
        (Input::Resume, Input::Suspend),
        (Input::Foreground, Input::Suspend),
    ];
    for (request, before) in requests {
        let mut bench = Bench::online();
        bench.put(before);
        bench.put(MAY_BIND);
        bench.put(unannounced(1));
        let outputs = bench.put(request);
        assert_eq!(outputs[..2], [stop(1), start(2, StartReason::Asked)]);
    }
    // It wanted to be before the session was there.
    let mut bench = Bench::new();
    bench.put(MAY_BIND);
    bench.put(Input::Connect);
    let outputs = bench.put(unannounced(0));
    assert_eq!(outputs[..2], [stop(0), start(1, StartReason::Asked)]);
}

/// What the second push is about is in the archive, and may have come after the query of the first one.
#[test]
fn i23_each_push_has_the_archive_read() {
    let mut bench = Bench::new();
    bench.put(MAY_BIND);
    bench.put(unannounced(0));
    let caught_up = |attempt| Input::CaughtUp {
        attempt: AttemptId(attempt),
    };
    bench.put(caught_up(0));
    let outputs = bench.put(MAY_BIND);
    assert_eq!(outputs[..2], [stop(0), may_bind(1, StartReason::Resumed)]);
    bench.put(unannounced(1));
    assert_eq!(bench.put(MAY_BIND), []);
    let outputs = bench.put(caught_up(1));
    assert_eq!(outputs[..2], [stop(1), may_bind(2, StartReason::Resumed)]);
}

#[test]
fn i19_a_sync_whose_attempts_break_is_tried_again_within_the_allowance() {
    let mut bench = Bench::new();
    bench.put(MAY_BIND);
    for attempt in 0..20 {
        bench.end(attempt, BROKEN);
        let outputs = bench.expire();
        assert_eq!(
            outputs.first(),
            Some(&may_bind(attempt + 1, StartReason::Retry))
        );
    }
    assert!(
        bench
            .now
            .since(Instant::from_epoch(Duration::from_secs(1000)))
            > Duration::from_secs(60)
    );
}
