use std::path::Path;

use snapback_types::endpoint::Address;
use snapback_types::transport::Transport;

use super::*;
use crate::time::UnixTime;

const REFUSAL: Evidence = Evidence::Refusal;
const SILENCE: Evidence = Evidence::Silence;

fn at(seconds: i64) -> UnixTime {
    UnixTime(1_800_000_000 + seconds)
}

fn address(last: u8) -> Address {
    Address {
        addr: ([192, 0, 2, last], 5222).into(),
        transport: Transport::StartTls,
    }
}

/// Failures of one subject, one each `pause` seconds.
fn after(subject: Subject, evidence: Evidence, count: i64, pause: i64) -> Failures {
    let mut failures = Failures::default();
    for number in 0..count {
        failures.note(subject, evidence, true, at(number * pause));
    }
    failures
}

/// All subjects that the policy knows.
fn subjects() -> Vec<Subject> {
    vec![
        Subject::NewAddress(address(1)),
        Subject::Address(address(1)),
        Subject::PipelinedStart,
        Subject::PipelinedBind,
        Subject::FastToken,
        Subject::Resume,
        Subject::ResumedSession,
        Subject::Input(7),
        Subject::Stanza(7),
        Subject::StreamManagement,
        Subject::Request(Request::Archive),
        Subject::ArchivePage,
    ]
}

fn row(step: &EscalationStep) -> String {
    let evidence = match step.counted {
        Counted::Only(Evidence::Refusal) => "refusal",
        Counted::Only(Evidence::Silence) => "silence",
        Counted::All => "any",
    };
    let over = match step.span {
        0 => String::new(),
        seconds => format!(" over {seconds} s"),
    };
    let lasts = match step.lasts {
        Lasts::UntilSuccess => "until success".to_owned(),
        Lasts::ForGood => "for good".to_owned(),
        Lasts::Seconds(seconds) => format!("{seconds} s"),
    };
    let kept = step.about.scope().name();
    let proof = if step.needs_proof { "yes" } else { "" };
    let (about, count) = (step.about.name(), step.count);
    let gives_up = step.gives_up.name();
    format!("| {about} | {evidence} | {count}{over} | {gives_up} | {lasts} | {kept} | {proof} |")
}

#[test]
fn w1_the_rules_contain_the_policy() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let rules = std::fs::read_to_string(rules).unwrap();
    let (_, section) = rules.split_once("## The escalation policy").unwrap();
    let table = section.lines().skip_while(|line| !line.starts_with("|---"));
    let table = table.skip(1).take_while(|line| line.starts_with('|'));
    let policy: Vec<String> = POLICY.iter().map(row).collect();
    assert_eq!(table.collect::<Vec<_>>(), policy, "{}", policy.join("\n"));
}

#[test]
fn w1_every_subject_has_steps_and_each_gives_up_something_else() {
    for subject in subjects() {
        let steps: Vec<_> = POLICY
            .iter()
            .filter(|step| step.about == subject.kind())
            .collect();
        assert!(!steps.is_empty(), "{subject:?}");
        for evidence in [REFUSAL, SILENCE] {
            let counts = steps.iter().filter(|step| {
                step.counted == Counted::Only(evidence) || step.counted == Counted::All
            });
            let counts: Vec<u8> = counts.map(|step| step.count).collect();
            assert!(counts.is_sorted_by(|a, b| a < b), "{subject:?} {counts:?}");
        }
    }
}

/// The third attempt is never made in the same way.
#[test]
fn w1_two_refusals_bring_a_step_about_for_every_subject() {
    // A missing acknowledgement is always a silence.
    let is_refused = |subject: &Subject| *subject != Subject::ResumedSession;
    for subject in subjects().into_iter().filter(is_refused) {
        let failures = after(subject, REFUSAL, 3, 1);
        assert!(failures.step(subject, at(2)).is_some(), "{subject:?}");
    }
}

#[test]
fn w1_a_step_is_told_once_and_success_forgets() {
    let mut failures = Failures::default();
    let mut note = |evidence| {
        let noted = failures.note(Subject::Resume, evidence, true, at(0));
        noted.step.map(|step| step.gives_up)
    };
    assert_eq!(note(SILENCE), None);
    assert_eq!(note(SILENCE), Some(Remedy::ResumeAlone));
    assert_eq!(note(SILENCE), None);
    assert_eq!(note(REFUSAL), None, "it goes alone already");
    assert_eq!(note(REFUSAL), Some(Remedy::NewSession));
    assert!(failures.gives_up(Subject::Resume, Remedy::ResumeAlone, at(0)));
    assert!(failures.succeeded(Subject::Resume));
    assert!(failures.is_empty() && !failures.succeeded(Subject::Resume));
}

#[test]
fn w1_a_step_for_a_time_ends_and_the_next_failure_renews_it() {
    let subject = Subject::Request(Request::Roster);
    let mut failures = after(subject, REFUSAL, 2, 0);
    let is_left_out =
        |failures: &Failures, seconds| failures.gives_up(subject, Remedy::NoRequest, at(seconds));
    assert!(is_left_out(&failures, 0) && is_left_out(&failures, 239));
    assert!(!is_left_out(&failures, 240));
    assert!(failures.gives_up(subject, Remedy::RequestAlone, at(240)));
    let noted = failures.note(subject, REFUSAL, true, at(300));
    assert_eq!(noted.step.unwrap().gives_up, Remedy::NoRequest);
    assert!(is_left_out(&failures, 301) && is_left_out(&failures, 3_899));
    // A clock that was set back does not extend it.
    assert!(!is_left_out(&failures, 200));
    failures.note(subject, REFUSAL, true, at(4_000));
    assert!(is_left_out(&failures, 90_399) && !is_left_out(&failures, 90_400));
}

#[test]
fn w1_no_step_is_passed_over_because_its_time_is_not_over() {
    // Ends that come fast at first: the session is given up before the message, whenever the minute is over.
    for fast in 1..12 {
        let mut failures = after(Subject::Stanza(7), SILENCE, fast, 5);
        let mut gave_up = Vec::new();
        for number in 0..8 {
            let noted = failures.note(Subject::Stanza(7), SILENCE, true, at(56 + 10 * number));
            gave_up.extend(noted.step.map(|step| step.gives_up));
        }
        let session = gave_up.iter().position(|one| *one == Remedy::NewSession);
        let stanza = gave_up.iter().position(|one| *one == Remedy::FailStanza);
        assert!(session.is_some() && session < stanza, "{fast}: {gave_up:?}");
    }
}

#[test]
fn i19_silences_count_over_a_minute() {
    let is_over = |pause, count| {
        let failures = after(Subject::Resume, SILENCE, count, pause);
        failures.gives_up(Subject::Resume, Remedy::NewSession, at(count * pause))
    };
    assert!(!is_over(15, 4));
    assert!(is_over(15, 5));
    assert!(!is_over(14, 5) && is_over(14, 6));
    assert!(!is_over(0, 255) && !is_over(0, 300));
    let mut set_back = after(Subject::Resume, SILENCE, 4, 15);
    set_back.note(Subject::Resume, SILENCE, true, at(-1_000));
    assert!(!set_back.gives_up(Subject::Resume, Remedy::NewSession, at(0)));
}

#[test]
fn t4_who_is_not_authenticated_takes_away_no_more_than_a_flight() {
    let is_a_flight = |step: &EscalationStep| {
        matches!(
            step.gives_up,
            Remedy::AddressLast
                | Remedy::SequentialStart
                | Remedy::SequentialBind
                | Remedy::NoToken
                | Remedy::ResumeAlone
        )
    };
    for subject in subjects() {
        let mut failures = Failures::default();
        for number in 0..300 {
            for evidence in [REFUSAL, SILENCE] {
                failures.note(subject, evidence, false, at(number));
            }
        }
        let step = failures.step(subject, at(300));
        assert!(step.is_none_or(is_a_flight), "{step:?}");
        if subject == Subject::Resume {
            let noted = failures.note(subject, REFUSAL, true, at(300));
            assert_eq!(noted.step.unwrap().gives_up, Remedy::NewSession);
            failures.note(subject, REFUSAL, false, at(300));
            let is_over = failures.gives_up(subject, Remedy::NewSession, at(300));
            assert!(is_over, "what is counted stays counted");
        }
    }
}

#[test]
fn w1_what_ends_takes_its_failures_along() {
    let mut failures = Failures::default();
    for subject in subjects() {
        failures.note(subject, REFUSAL, true, at(0));
    }
    failures.session_ended();
    assert_eq!(failures.get(Subject::Resume), None);
    assert_eq!(failures.get(Subject::ResumedSession), None);
    assert_eq!(failures.get(Subject::Input(7)), None);
    failures.stanzas_left(&[6, 8]);
    assert!(failures.get(Subject::Stanza(7)).is_some());
    failures.stanzas_left(&[6, 7]);
    assert_eq!(failures.get(Subject::Stanza(7)), None);
    assert!(failures.get(Subject::PipelinedBind).is_some());
}

#[test]
fn w1_what_is_stored_is_found_under_its_name() {
    for subject in subjects() {
        let name = subject.stored_name();
        assert_eq!(name.is_none(), subject.scope() == Scope::Memory);
        if let Some(name) = name {
            assert_eq!(Subject::by_stored_name(&name), Some(subject));
        }
    }
    for name in [
        "",
        "resumed",
        "input",
        "input -1",
        "input 4294967296",
        "request x",
    ] {
        assert_eq!(Subject::by_stored_name(name), None, "{name}");
    }
}

#[test]
fn i20_many_failures_do_not_fill_memory() {
    let mut failures = Failures::default();
    for seq in 0..10_000 {
        failures.note(Subject::Stanza(seq), SILENCE, true, at(0));
    }
    assert_eq!(failures.iter().count(), MAX_FAILURES);
    assert!(failures.get(Subject::Stanza(9_999)).is_some(), "the latest");
    let restored = Failures::restore(failures.iter().copied());
    assert_eq!(restored, failures);
}
