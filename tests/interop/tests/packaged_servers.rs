//! The servers of Debian 12's own archive, in the versions that are deployed: login, cut, resumption or a new session
//! work with each, and a wrong password is reported as such.
#![allow(
    clippy::print_stderr,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

mod shared;

use std::time::Duration;

use snapback_client::{ConnectionError, EndReason, LinkError, OfflineReason, Outcome, Transport};
use snapback_interop::phone::{Endpoint, Log, Phone};
use snapback_interop::{Account, Credentials, RunningServer};
use snapback_netsim::{CutMode, DownMode};

const RTT: Duration = Duration::from_millis(20);
const JULIET: &str = "juliet@snapback.test";
const ROMEO: &str = "romeo@snapback.test";

on_server!(
    prosody_0_12,
    Flavour::Prosody012,
    [
        i4_a_conversation_survives_cuts,
        i8_a_restarted_server_is_bound_to_anew,
        t2_a_wrong_password_asks_for_credentials,
        i10_two_devices_of_an_account_stay_online,
    ]
);

on_server!(
    prosody_0_12_with_tls_1_2,
    Flavour::Prosody012Tls12,
    [
        i4_a_conversation_survives_cuts,
        t2_a_wrong_password_asks_for_credentials,
        i10_two_devices_of_an_account_stay_online,
    ]
);

on_server!(
    prosody_0_12_bare,
    Flavour::Prosody012Bare,
    [
        i4_a_conversation_survives_cuts,
        i8_a_connection_that_breaks_without_a_session_to_resume_is_a_gap,
        i8_a_restarted_server_is_bound_to_anew,
        t2_a_wrong_password_asks_for_credentials,
        i10_two_devices_of_an_account_stay_online,
    ]
);

on_server!(
    ejabberd_23_01,
    Flavour::Ejabberd2301,
    [
        i4_a_conversation_survives_cuts,
        i8_a_restarted_server_is_bound_to_anew,
        t2_a_wrong_password_asks_for_credentials,
        i10_two_devices_of_an_account_stay_online,
    ]
);

on_server!(
    jabberd2_2_7,
    Flavour::Jabberd2,
    [
        i4_a_conversation_survives_cuts,
        i8_a_connection_that_breaks_without_a_session_to_resume_is_a_gap,
        i8_a_restarted_server_is_bound_to_anew,
        t2_a_wrong_password_asks_for_credentials,
        i10_two_devices_of_an_account_stay_online,
    ]
);

/// Opens a client of this account that the server treats as available.
async fn available(server: &RunningServer, account: Account, transport: Transport) -> Phone {
    let endpoint = Endpoint::of(server, transport);
    let mut phone = Phone::open(&endpoint, server.account(account), RTT, |_| {}).await;
    phone.client.connect();
    assert_eq!(phone.available().await.outcome, Outcome::Bound);
    phone
}

async fn pair(server: &RunningServer, transport: Transport) -> [Phone; 2] {
    [
        available(server, Account::Juliet, transport).await,
        available(server, Account::Romeo, transport).await,
    ]
}

/// Sends a message from one to the other, and waits for it at both ends.
async fn say(from: &mut Phone, to: &mut Phone, jid: &str, body: &str) {
    let id = from.send(jid, body).await;
    to.until(body, |log| {
        log.messages.iter().any(|message| message.id == id)
    })
    .await;
    from.until("an acknowledgement", |log| log.acked.contains(&id))
        .await;
}

/// Asserts that each message of this kind arrived once.
fn assert_each_once(log: &Log, body: &str) {
    let mut ids: Vec<&String> = log
        .messages
        .iter()
        .filter(|message| message.body == body)
        .map(|message| &message.id)
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "{body}: one of them came twice: {log}");
}

/// Messages both ways, before and after each of three cuts that both ends notice.
async fn i4_a_conversation_survives_cuts(server: &mut RunningServer) {
    let is_resumable = server.flavour().has_stream_management();
    for transport in [Transport::StartTls, Transport::DirectTls] {
        let [mut juliet, mut romeo] = pair(server, transport).await;
        for _ in 0..3 {
            say(&mut juliet, &mut romeo, ROMEO, "to Romeo").await;
            say(&mut romeo, &mut juliet, JULIET, "to Juliet").await;
            juliet.link.cut(CutMode::ResetBoth);
            let outcome = juliet.available().await.outcome;
            let expected = match is_resumable {
                true => Outcome::Resumed,
                false => Outcome::Bound,
            };
            assert_eq!(outcome, expected, "{}", juliet.log);
        }
        say(&mut juliet, &mut romeo, ROMEO, "to Romeo").await;
        say(&mut romeo, &mut juliet, JULIET, "to Juliet").await;
        assert_each_once(&juliet.log, "to Juliet");
        assert_each_once(&romeo.log, "to Romeo");
        assert_eq!(juliet.log.violations(), [""; 0]);
        juliet.client.disconnect().await;
        romeo.client.disconnect().await;
    }
}

/// Without stream management and archive, what the server wrote to a dead connection is lost without notice: a possible
/// gap is reported to the app after each such end, even if nothing of its own was unacknowledged.
async fn i8_a_connection_that_breaks_without_a_session_to_resume_is_a_gap(
    server: &mut RunningServer,
) {
    let [mut juliet, mut romeo] = pair(server, Transport::DirectTls).await;
    for broken in 1..=3 {
        say(&mut romeo, &mut juliet, JULIET, "before").await;
        let gaps = juliet.log.possible_gaps;
        juliet
            .link
            .down(DownMode::Blackhole)
            .await
            .expect("the link obeys");
        // The server notices nothing, and writes this one to a dead connection.
        juliet.link.cut(CutMode::ResetClient);
        romeo.send(JULIET, "into the void").await;
        romeo.settle(ROMEO).await;
        juliet.link.up().await.expect("the link obeys");
        assert_eq!(juliet.available().await.outcome, Outcome::Bound);
        juliet
            .until("word of a possible gap", |log| log.possible_gaps > gaps)
            .await;
        assert_eq!(juliet.log.possible_gaps, gaps + 1, "break {broken}");
    }
    say(&mut romeo, &mut juliet, JULIET, "after").await;
    juliet.client.disconnect().await;
    romeo.client.disconnect().await;
}

/// The server has dropped all sessions while Juliet had no network: there is nothing to resume, and what she queued is
/// sent.
async fn i8_a_restarted_server_is_bound_to_anew(server: &mut RunningServer) {
    let [mut juliet, mut romeo] = pair(server, Transport::StartTls).await;
    juliet
        .link
        .down(DownMode::Blackhole)
        .await
        .expect("the link obeys");
    juliet.link.cut(CutMode::ResetClient);
    let queued = juliet.send(ROMEO, "queued").await;
    tokio::task::block_in_place(|| server.restart()).expect("the server restarts");
    romeo.available().await;
    juliet.link.up().await.expect("the link obeys");
    assert_eq!(juliet.available().await.outcome, Outcome::Bound);
    let is_there = |log: &Log| log.messages.iter().any(|message| message.id == queued);
    romeo.until("what was queued", is_there).await;
    say(&mut romeo, &mut juliet, JULIET, "to Juliet").await;
    assert_each_once(&romeo.log, "queued");
    assert!(!juliet.log.failed.contains(&queued), "{}", juliet.log);
    juliet.client.disconnect().await;
    romeo.client.disconnect().await;
}

/// One attempt, one reason, and no further attempt until the user enters another password.
async fn t2_a_wrong_password_asks_for_credentials(server: &mut RunningServer) {
    let account = Credentials {
        password: "not it".to_owned(),
        ..server.account(Account::Juliet).clone()
    };
    for transport in [Transport::StartTls, Transport::DirectTls] {
        let endpoint = Endpoint::of(server, transport);
        let mut phone = Phone::open(&endpoint, &account, RTT, |_| {}).await;
        phone.client.connect();
        phone
            .until("a refusal", |log| {
                log.offline.contains(&OfflineReason::NeedsCredentials)
            })
            .await;
        let [EndReason::Link(LinkError::Connection(error))] = phone.log.ended.as_slice() else {
            panic!("one attempt, one reason: {:?}", phone.log.ended);
        };
        assert!(matches!(error, ConnectionError::Sasl(_)), "{error:?}");
        assert!(error.needs_credentials());
        assert_eq!(phone.link.stats().connections, 1);
    }
}

/// With the resource that each installation has by default.
async fn i10_two_devices_of_an_account_stay_online(server: &mut RunningServer) {
    let [mut first, mut romeo] = pair(server, Transport::DirectTls).await;
    let mut second = available(server, Account::Juliet, Transport::DirectTls).await;
    for _ in 0..2 {
        for device in [&mut first, &mut second] {
            let jid = device.log.sessions.last().expect("online").jid.clone();
            say(&mut romeo, device, &jid, "to one device").await;
            say(device, &mut romeo, ROMEO, "from one device").await;
        }
    }
    for device in [&first, &second] {
        assert_eq!(device.log.sessions.len(), 1, "{}", device.log);
        assert!(device.log.ended.is_empty(), "{}", device.log);
    }
    for phone in [first, second, romeo] {
        phone.client.disconnect().await;
    }
}
