//! What is reported to the app about the end of a connection is what the supervisor does.

use super::*;

/// Returns every combination of flags, sensible or not.
fn endings() -> impl Iterator<Item = Option<Ending>> {
    let flags = (0..128_u32).map(|bits| {
        let has = |bit: u32| bits & (1 << bit) != 0;
        Some(Ending {
            retryable: has(0),
            at_once: has(1),
            needs_credentials: has(2),
            conflict: has(3),
            overloaded: has(4),
            no_session: has(5),
            passing: has(6),
        })
    });
    flags.chain([None])
}

/// Attempt 0 opens a transport, after which attempt 1 is the current one: the server may process the first one late.
fn with_echo() -> Bench {
    let mut bench = Bench::new();
    bench.put(Input::Connect);
    bench.put(Input::AttemptProgress {
        attempt: AttemptId(0),
        step: AttemptPhase::Login,
    });
    bench.end(0, BROKEN);
    bench.expire();
    bench
}

#[test]
fn i19_what_is_reported_about_an_end_is_what_is_done() {
    type Make = fn() -> (Bench, u64);
    let states: [(&str, Make); 6] = [
        ("connecting", || {
            let mut bench = Bench::new();
            bench.put(Input::Connect);
            (bench, 0)
        }),
        ("online", || (Bench::online(), 0)),
        ("background sync", || {
            let mut bench = Bench::new();
            bench.put(Input::BeginSync);
            (bench, 0)
        }),
        ("after another attempt", || (with_echo(), 1)),
        ("closing", || {
            let mut bench = Bench::online();
            bench.put(Input::Disconnect);
            (bench, 0)
        }),
        ("closing, and wanted again", || {
            let mut bench = Bench::online();
            bench.put(Input::Disconnect);
            bench.put(Input::Connect);
            (bench, 0)
        }),
    ];
    for (name, make) in states {
        for ending in endings() {
            let (mut bench, attempt) = make();
            let id = AttemptId(attempt);
            let reported = bench.supervisor.after_end(id, ending, bench.now);
            bench.put(Input::Ended {
                attempt: id,
                ending,
            });
            let done = match bench.supervisor.state() {
                ConnectionState::Offline {
                    reason: OfflineReason::Failed,
                    retry_at: Some(_),
                }
                | ConnectionState::Connecting { .. } => AfterEnd::Retries,
                ConnectionState::Offline {
                    reason,
                    retry_at: None,
                } => AfterEnd::Halts(reason),
                other => panic!("{name} {ending:?} {other:?}"),
            };
            assert_eq!(reported, done, "{name} {ending:?}");
        }
    }
}
