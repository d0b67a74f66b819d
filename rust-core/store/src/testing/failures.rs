//! What failed (rule W1).

use snapback_proto::escalation::{Failure, Failures, MAX_FAILURES, Request, Subject};
use snapback_proto::knowledge::Op;
use snapback_proto::time::UnixTime;

use crate::{ServerKey, Store};

use super::{apply, enabled, message, refused, server};

fn known(store: &mut impl Store) -> Failures {
    store.load(&server()).unwrap().failures
}

fn fail(store: &mut impl Store, subjects: &[Subject]) {
    let failed = subjects
        .iter()
        .map(|subject| Op::Failure(refused(*subject)));
    apply(store, &failed.collect::<Vec<_>>());
}

pub(super) fn w1_failures_stay_known(store: &mut impl Store) {
    apply(store, &[enabled("one", &[])]);
    let twice = Failure {
        refusals: 2,
        silences: 255,
        until: UnixTime(1_700_000_100),
        ..refused(Subject::Resume)
    };
    fail(
        store,
        &[Subject::Resume, Subject::Request(Request::Carbons)],
    );
    apply(store, &[Op::Failure(twice)]);
    store.close().unwrap();
    store.reopen().unwrap();
    let expected = [refused(Subject::Request(Request::Carbons)), twice];
    let expected = Failures::restore(expected);
    assert_eq!(known(store), expected);
    assert_eq!(store.session().unwrap().unwrap().failures, expected);
    apply(store, &[Op::FailureForgotten(Subject::Resume)]);
    apply(store, &[Op::FailureForgotten(Subject::FastToken)]);
    store.close().unwrap();
    store.reopen().unwrap();
    let left: Vec<Subject> = known(store).iter().map(|failure| failure.subject).collect();
    assert_eq!(left, [Subject::Request(Request::Carbons)]);
}

pub(super) fn w1_failures_end_with_what_they_belong_to(store: &mut impl Store) {
    let of_session = [Subject::Resume, Subject::Input(7)];
    let of_account = [Subject::StreamManagement, Subject::ArchivePage];
    let all = |store: &mut _| {
        fail(store, &of_session);
        fail(store, &of_account);
    };
    let is_left = |store: &mut _, expected: bool| {
        let known = known(store);
        let is_known = |subject: &Subject| known.get(*subject).is_some();
        assert_eq!(of_session.iter().any(is_known), expected);
        assert!(of_account.iter().all(is_known));
    };
    apply(store, &[enabled("one", &[])]);
    all(store);
    is_left(store, true);
    apply(store, &[enabled("two", &[])]);
    is_left(store, false);
    all(store);
    apply(store, &[Op::SmDropped]);
    is_left(store, false);
    // One of a stanza is kept when its session ends, and not when the stanza leaves the queue.
    let queued = [0, 1, 2].map(|seq| Op::Enqueue(message(seq, true)));
    apply(store, &queued);
    fail(store, &[0, 1, 2].map(Subject::Stanza));
    apply(store, &[enabled("three", &[message(2, true)])]);
    let left =
        |store: &mut _| [0, 1, 2].map(|seq| known(store).get(Subject::Stanza(seq)).is_some());
    assert_eq!(left(store), [true, true, true]);
    let acked = Op::Acked {
        base: None,
        seqs: vec![0],
    };
    apply(store, &[acked, Op::Failed(vec![1])]);
    assert_eq!(left(store), [false, false, true]);
}

pub(super) fn w1_failures_belong_to_their_server(store: &mut impl Store) {
    let other = ServerKey {
        port: 5299,
        ..server()
    };
    fail(store, &[Subject::PipelinedBind, Subject::StreamManagement]);
    let failures = store.load(&other).unwrap().failures;
    assert_eq!(failures.get(Subject::PipelinedBind), None);
    assert!(failures.get(Subject::StreamManagement).is_some());
    let forgotten = [Op::FailureForgotten(Subject::PipelinedBind)];
    store.apply(&other, &forgotten).unwrap();
    assert!(known(store).get(Subject::PipelinedBind).is_some());
    apply(store, &forgotten);
    assert_eq!(known(store).get(Subject::PipelinedBind), None);
}

pub(super) fn i20_failures_are_bounded(store: &mut impl Store) {
    for seq in 0..100 {
        let failure = Failure {
            until: UnixTime(1_700_000_000 + i64::try_from(seq).unwrap()),
            ..refused(Subject::Stanza(seq))
        };
        apply(store, &[Op::Failure(failure)]);
    }
    let before = known(store);
    assert_eq!(before.iter().count(), MAX_FAILURES);
    assert!(before.get(Subject::Stanza(99)).is_some());
    store.close().unwrap();
    store.reopen().unwrap();
    assert_eq!(known(store), before);
}
