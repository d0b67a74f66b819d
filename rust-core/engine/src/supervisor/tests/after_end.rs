//! What is reported to the app about the end of a connection is what the supervisor does.

use super::*;

fn verdicts() -> impl Iterator<Item = Option<Verdict>> {
    let waits = [Wait::Normal, Wait::Slow, Wait::Relief];
    let paces = waits.map(|wait| [Pace::AtOnce(wait), Pace::After(wait)]);
    let retries = paces.into_iter().flatten().map(Verdict::Retry);
    let others = [Verdict::NoSession, CREDENTIALS, CONFLICT, REFUSED];
    retries.chain(others).map(Some).chain([None])
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
            bench.put(Input::BeginSync(SyncKind::ResumeOnly));
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
        for verdict in verdicts() {
            let (mut bench, attempt) = make();
            let id = AttemptId(attempt);
            let reported = bench.supervisor.after_end(id, verdict, bench.now);
            bench.put(Input::Ended {
                attempt: id,
                verdict,
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
                other => panic!("{name} {verdict:?} {other:?}"),
            };
            assert_eq!(reported, done, "{name} {verdict:?}");
        }
    }
}
