//! I18: a possible gap is reported until the app has received the report, whatever ends the process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::{Client, Event};
use snapback_reference_server::{ReferenceServer, Switches};
use support::TIMEOUT;
use support::disk::{self, Folder};

async fn server() -> ReferenceServer {
    let mut switches = Switches::modern();
    switches.sm = false;
    switches.archive = false;
    disk::server(switches).await
}

/// Takes events until one that is wanted.
async fn next(client: &Client, wanted: impl Fn(&Event) -> bool) {
    let wait = async { while !wanted(&client.next_event().await.unwrap()) {} };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
}

fn is_gap(event: &Event) -> bool {
    *event == Event::PossibleGap
}

fn is_online(event: &Event) -> bool {
    matches!(event, Event::Online { .. })
}

#[tokio::test]
async fn i18_a_possible_gap_is_reported_until_the_app_has_received_it() {
    let server = server().await;
    let folder = Folder::new();
    let open = || Client::open(disk::config(&server, folder.store())).unwrap();
    let client = open();
    client.connect();
    next(&client, is_online).await;
    folder.kill(client).await;

    // The killed process left a session behind.
    let client = open();
    client.connect();
    next(&client, is_gap).await;
    folder.kill(client).await;

    // The app had not requested another event, so it may not have noted the gap.
    let client = open();
    next(&client, is_gap).await;
    let more = tokio::time::timeout(Duration::from_millis(300), client.next_event()).await;
    assert!(more.is_err(), "{more:?}");
    folder.kill(client).await;

    let client = open();
    let more = tokio::time::timeout(Duration::from_millis(300), client.next_event()).await;
    assert!(more.is_err(), "{more:?}");
}
