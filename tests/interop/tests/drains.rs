//! Background syncs that may bind (rule I23), at servers that have lost the session: after a restart.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

mod contact;
mod raw;
mod shared;

use std::time::Duration;

use contact::{Contact, JULIET, blocking, juliet, message, once_each};
use snapback_client::{DrainOptions, DrainOutcome, DrainReport, Outcome};
use snapback_interop::phone::{Log, Phone};
use snapback_interop::{Account, RunningServer};
use snapback_netsim::Direction;

on_server!(
    prosody_13_0,
    Flavour::ProsodyModern,
    [i23_a_push_after_the_session_is_lost_brings_what_is_in_the_archive]
);

on_server!(
    prosody_0_12,
    Flavour::Prosody012,
    [i23_a_push_after_the_session_is_lost_brings_what_is_in_the_archive]
);

on_server!(
    ejabberd_24_12,
    Flavour::Ejabberd,
    [i23_a_push_after_the_session_is_lost_brings_what_is_in_the_archive]
);

/// As long as a push gives, and longer than anything here takes.
const SYNC_TIMEOUT: Duration = Duration::from_secs(25);
/// From TCP until everything was received.
const MAX_ROUND_TRIPS: usize = 6;

/// A background sync; the report, and the round trips from TCP to its end.
async fn drain(phone: &Phone) -> (DrainReport, usize) {
    let sync = phone
        .client
        .background_sync_with(DrainOptions { may_bind: true });
    let report = sync.drain(SYNC_TIMEOUT).await.expect("the client");
    let round_trips = round_trips(phone);
    sync.end().await;
    (report, round_trips)
}

/// Returns how often the newest connection has waited for the server: TCP, and each time that the server wrote after the client.
fn round_trips(phone: &Phone) -> usize {
    let trace = phone.link.trace();
    let newest = trace.iter().map(|chunk| chunk.conn).max();
    let directions = trace.iter().filter(|chunk| Some(chunk.conn) == newest);
    let directions: Vec<Direction> = directions.map(|chunk| chunk.direction).collect();
    let is_turn = |pair: &&[Direction]| **pair == [Direction::ToServer, Direction::ToClient];
    1 + directions.windows(2).filter(is_turn).count()
}

async fn i23_a_push_after_the_session_is_lost_brings_what_is_in_the_archive(
    server: &mut RunningServer,
) {
    let mut juliet = juliet(server).await;
    juliet.client.suspend().await;
    server.restart().expect("the server starts again");
    let write = |server: &RunningServer, id: &str| {
        let text = message(JULIET, id, id);
        blocking(|| Contact::new(server, Account::Romeo).say(&text));
    };
    write(server, "d1");
    let (report, round_trips) = drain(&juliet).await;
    println!("{:?}: {round_trips} round trips", server.flavour());
    assert_eq!(report.outcome, DrainOutcome::Complete);
    assert_eq!(report.session, Some(Outcome::Unannounced));
    assert_eq!((report.messages, report.has_gap), (1, false));
    assert!(round_trips <= MAX_ROUND_TRIPS, "{round_trips}");
    // The session has no presence: what comes now is in the archive, for the next push and for the app.
    write(server, "d2");
    let (report, _) = drain(&juliet).await;
    assert_eq!(report.session, Some(Outcome::Unannounced));
    assert_eq!(report.messages, 1);
    write(server, "d3");
    juliet.client.connect();
    let is_bound = |log: &Log| {
        let outcomes = log.sessions.iter().map(|session| session.outcome);
        outcomes
            .collect::<Vec<_>>()
            .ends_with(&[Outcome::Unannounced, Outcome::Bound])
    };
    juliet.until("the session of the app", is_bound).await;
    juliet.settle(JULIET).await;
    write(server, "d4");
    let all = ["d1", "d2", "d3", "d4"].map(str::to_owned);
    once_each(&mut juliet, &all).await;
    juliet.client.disconnect().await;
}
