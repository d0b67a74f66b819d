//! Rule I19: servers refuse to resume a session in many ways, and the account returns with a new session. What a server
//! refuses temporarily is tried again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use snapback_client::{Client, OfflineReason, Outcome, ServerAddress, Transport};
use snapback_netsim::CutMode;
use snapback_reference_server::{
    Action, Fault, FeaturesOf, Flood, Point, ReferenceServer, ResumeFault, Switches,
};
use support::Setup;
use support::course::{Course, follow, wait_for};
use support::disk::{self, Folder};

fn wrong_answers() -> Vec<ResumeFault> {
    vec![
        ResumeFault::FailedWithH("-1"),
        ResumeFault::FailedWithH(""),
        ResumeFault::FailedWithH("4294967296"),
        ResumeFault::FailedWithH("six"),
        ResumeFault::WithoutPrevid,
        ResumeFault::WithH(None),
        ResumeFault::WithH(Some("0x6")),
        ResumeFault::Nonza("enabled"),
        ResumeFault::Nonza("a"),
        ResumeFault::Nonza("made-up"),
        ResumeFault::Stanza,
        ResumeFault::StreamError,
        ResumeFault::EndOfStream,
        ResumeFault::ErrorAfter,
        ResumeFault::EndAfter,
    ]
}

/// Connects, then cuts the connection; the server answers each `<resume/>` like this. Returns what happened up to a new
/// session.
async fn cut(switches: Switches, transport: Transport, fault: ResumeFault) -> Course {
    let setup = Setup::hasty(switches, transport).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup
        .server
        .faults(|faults| faults.all = vec![Fault::Resume(fault)]);
    let before = setup.connections().len();
    setup.link.cut(CutMode::ResetBoth);
    let mut course = Course::default();
    let bound = |course: &Course| course.online.contains(&Outcome::Bound);
    setup.follow(&mut course, bound, "a new session").await;
    // The attempt that asked as usual, the one that only asked to resume, the one that bound; and one more where a
    // remembered fact was the suspected cause.
    let attempts = setup.connections().len() - before;
    assert!((2..=4).contains(&attempts), "{attempts}\n{}", course.log);
    let ids = setup.send_some(1).await;
    let acked = |course: &Course| course.has_acked(&ids);
    setup.follow(&mut course, acked, "acknowledged").await;
    course
}

#[tokio::test]
async fn i19_a_wrong_answer_to_resume_costs_two_connections() {
    for fault in wrong_answers() {
        for transport in [Transport::DirectTls, Transport::StartTls] {
            cut(Switches::modern(), transport, fault.clone()).await;
        }
    }
}

#[tokio::test]
async fn i19_a_wrong_answer_to_resume_after_sasl1_costs_two_connections() {
    for fault in wrong_answers() {
        cut(
            Switches::stock_prosody(),
            Transport::StartTls,
            fault.clone(),
        )
        .await;
    }
}

/// An undeliverable message is reported under its own id, and never as a message with our own text.
#[tokio::test]
async fn rfc6121_a_bounce_belongs_to_its_message() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    setup.client.connect();
    let id = setup
        .client
        .send_message("absent@localhost", "are you there?")
        .await
        .unwrap();
    let mut course = Course::default();
    let failed = |course: &Course| !course.failed.is_empty();
    setup.follow(&mut course, failed, "the bounce").await;
    assert_eq!(course.failed[0].0, id);
    assert!(course.bodies().is_empty(), "{}", course.log);
    // It is finished: nothing waits for a confirmation.
    setup.client.suspend().await;
    setup.client.resume();
    let mut course = Course::default();
    let back = |course: &Course| !course.online.is_empty();
    setup.follow(&mut course, back, "back").await;
    assert!(course.bodies().is_empty() && course.failed.is_empty());
}

/// W6: a server that is being set up again claims for a while to be another one, or offers nothing. Where a login had
/// succeeded, this is tried again without limit, and costs no token.
#[tokio::test]
async fn w6_a_passing_refusal_halts_nothing_and_costs_no_token() {
    let error = |condition: &str| {
        format!(
            "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
        )
    };
    let refusals = [
        error("host-unknown"),
        error("host-gone"),
        error("unsupported-version"),
    ];
    for text in refusals {
        let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
        setup.client.connect();
        setup.online().await;
        setup.settle().await;
        let flood = Flood {
            text: text.clone(),
            times: 1,
            stops_reading: true,
        };
        let refusal = Fault::At(Point::EncryptedFeatures, Action::Flood(flood));
        setup.server.faults(|faults| faults.all = vec![refusal]);
        let before = setup.connections().len();
        setup.link.cut(CutMode::ResetBoth);
        // The client continues: three refusals are more than one that may be temporary.
        let refused = || setup.connections().len() >= before + 3;
        wait_for(refused, "three refused attempts").await;
        setup.server.faults(|faults| faults.all.clear());
        let mut course = Course::default();
        let back = |course: &Course| !course.online.is_empty();
        setup.follow(&mut course, back, &text).await;
        let login = course.plans.last().map(|plan| plan.login.clone());
        assert!(
            matches!(login, Some(snapback_client::Login::Fast { .. })),
            "{text}: {login:?}"
        );
    }
}

/// The same for empty features of any stream: the session is resumed afterwards, and nothing is lost or learned.
#[tokio::test]
async fn w6_empty_features_are_waited_out_and_the_session_goes_on() {
    let everywhere = [
        FeaturesOf::Cleartext,
        FeaturesOf::Encrypted,
        FeaturesOf::Authenticated,
    ];
    for (switches, transport) in [
        (Switches::modern(), Transport::DirectTls),
        (Switches::modern(), Transport::StartTls),
        (Switches::stock_prosody(), Transport::StartTls),
        (Switches::rfc6120_2012(), Transport::StartTls),
    ] {
        for of in everywhere {
            let setup = Setup::hasty(switches.clone(), transport).await;
            setup.client.connect();
            setup.online().await;
            setup.settle().await;
            let ids = setup.send_some(2).await;
            let fault = Fault::EmptyFeatures(of);
            setup.server.faults(|faults| faults.all = vec![fault]);
            setup.link.cut(CutMode::ResetBoth);
            let mut course = Course::default();
            let tried = |course: &Course| course.offline.len() >= 3 || !course.online.is_empty();
            setup.follow(&mut course, tried, "some attempts").await;
            setup.server.faults(|faults| faults.all.clear());
            let done = |course: &Course| course.has_acked(&ids) && !course.online.is_empty();
            setup.follow(&mut course, done, "back").await;
            assert_eq!(course.online, [Outcome::Resumed], "{of:?} {}", course.log);
            assert_eq!((course.gaps, course.halted), (0, None), "{}", course.log);
            // After the one that the session settled with.
            assert_eq!(setup.received().get(1..), Some(&ids[..]), "{of:?}");
            let mut course = Course::default();
            setup.link.cut(CutMode::ResetBoth);
            let back = |course: &Course| !course.online.is_empty();
            setup.follow(&mut course, back, "once more").await;
            assert_eq!(course.online, [Outcome::Resumed], "{of:?} {}", course.log);
        }
    }
}

/// An account without an earlier login may be mistyped: the client halts. With an earlier login it continues, at any address.
#[tokio::test]
async fn w6_empty_features_halt_only_where_no_login_was_ever_proven() {
    for is_known in [false, true] {
        let server = disk::server(Switches::modern()).await;
        let device = Folder::new();
        if is_known {
            logs_in_once(&server, &device).await;
        }
        let fault = Fault::EmptyFeatures(FeaturesOf::Encrypted);
        server.faults(|faults| faults.all = vec![fault]);
        // Nothing is sent before the features.
        let client = connects_elsewhere(&server, &device);
        let mut course = Course::default();
        let tried = |course: &Course| course.halted.is_some() || course.offline.len() >= 3;
        follow(&client, &mut course, &mut { tried }, "some attempts").await;
        if !is_known {
            assert_eq!(
                course.halted,
                Some(OfflineReason::Refused),
                "{}",
                course.log
            );
            continue;
        }
        resumes_without_faults(&server, &client, &mut course).await;
    }
}

/// Empty features after the login: no resource is bound, so the session is still there to be resumed when they are over.
#[tokio::test]
async fn w6_empty_features_after_the_login_cost_no_session() {
    let server = disk::server(Switches::stock_prosody()).await;
    let device = Folder::new();
    logs_in_once(&server, &device).await;
    let fault = Fault::EmptyFeatures(FeaturesOf::Authenticated);
    server.faults(|faults| faults.all = vec![fault]);
    // The resumption waits for the features.
    let client = connects_elsewhere(&server, &device);
    let mut course = Course::default();
    let tried = |course: &Course| course.offline.len() >= 3 || !course.online.is_empty();
    follow(&client, &mut course, &mut { tried }, "some attempts").await;
    resumes_without_faults(&server, &client, &mut course).await;
}

/// A process of this device logs in and is killed.
async fn logs_in_once(server: &ReferenceServer, device: &Folder) {
    let client = Client::open(disk::config(server, device.store())).unwrap();
    client.connect();
    disk::settled(&client).await;
    device.kill(client).await;
}

/// The next process connects to an address about which nothing is stored.
fn connects_elsewhere(server: &ReferenceServer, device: &Folder) -> Client {
    let mut config = disk::config(server, device.store());
    let address = ServerAddress::at(server.starttls_addr(), Transport::StartTls);
    config.network.servers = vec![address];
    let client = Client::open(config).unwrap();
    client.connect();
    client
}

/// The faults end, and the client resumes the session without a gap.
async fn resumes_without_faults(server: &ReferenceServer, client: &Client, course: &mut Course) {
    server.faults(|faults| faults.all.clear());
    let back = |course: &Course| !course.online.is_empty();
    follow(client, course, &mut { back }, "back").await;
    assert_eq!((course.halted, course.gaps), (None, 0), "{}", course.log);
    assert_eq!(course.online, [Outcome::Resumed], "{}", course.log);
}
