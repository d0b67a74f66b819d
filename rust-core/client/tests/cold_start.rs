//! A new process with the store of the previous one needs no more round trips than a running one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use snapback_client::{Client, ClientConfig, Outcome, ServerAddress, Transport, Trust, danger};
use snapback_reference_server::Switches;
use support::disk::Folder;
use support::{LinkDial, Setup};

const RTT: Duration = Duration::from_millis(5);

#[tokio::test]
async fn a_new_process_resumes_in_three_round_trips_and_sends_what_waited() {
    let folder = Folder::new();
    let mut setup = Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        config.store = Box::new(folder.store());
    })
    .await;
    setup.client.connect();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
    setup.settle().await;
    setup.cut();
    setup.client.suspend().await;

    let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(setup.server.ca_pem().as_bytes()).unwrap());
    config.network.servers = vec![ServerAddress::at(setup.link.addr(), Transport::DirectTls)];
    config.network.dial = Arc::new(LinkDial(Arc::clone(&setup.link)));
    config.store = Box::new(folder.store());
    setup.client = Client::open(config).unwrap();
    let waiting = setup
        .client
        .send_message("romeo@localhost", "from the new process")
        .await
        .unwrap();
    setup.client.connect();
    let session = setup.online().await;
    assert_eq!(session.outcome, Outcome::Resumed);
    assert_eq!(session.timeline.round_trips(), 3, "{}", session.plan);
    setup.settle().await;
    let sent = setup.server.messages_from("juliet");
    let times = sent
        .iter()
        .filter(|message| message.id.as_deref() == Some(&waiting))
        .count();
    assert_eq!(times, 1);
}
