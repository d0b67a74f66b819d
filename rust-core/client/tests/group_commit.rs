//! Requests made at the same time share a transaction, and a full queue returns an error.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::sync::Arc;

use snapback_client::proto::knowledge::{Op, OutboundKind};
use snapback_client::{Client, MemoryStore, SendError, StoreError};
use snapback_reference_server::Switches;
use support::course::{Course, follow};
use support::disk::{self, ACCOUNT, settled};
use support::watched::{Seen, Watch};
use tokio::task::JoinSet;

const BURST: usize = 1000;

/// Returns how many transactions contain such a change, and how many changes there are.
fn count(seen: &Seen, is_it: impl Fn(&Op) -> bool) -> (usize, usize) {
    let changes = |ops: &Vec<Op>| ops.iter().filter(|op| is_it(op)).count();
    let with = seen
        .transactions
        .iter()
        .map(changes)
        .filter(|found| *found > 0);
    (with.clone().count(), with.sum())
}

fn is_message(op: &Op) -> bool {
    matches!(op, Op::Enqueue(stanza) if stanza.kind == OutboundKind::Message)
}

async fn send_all(client: &Arc<Client>, count: usize) -> Vec<Result<String, SendError>> {
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let client = Arc::clone(client);
        tasks.spawn(async move {
            let body = number.to_string();
            client.send_message("romeo@example.org", &body).await
        });
    }
    tasks.join_all().await
}

#[tokio::test]
async fn i12_a_burst_from_many_tasks_takes_few_transactions() {
    let server = disk::server(Switches::modern()).await;
    let (store, seen) = Watch::over(MemoryStore::with_queue_limit(2 * BURST));
    let client = Arc::new(Client::open(disk::config(&server, store)).unwrap());
    client.connect();
    settled(&client).await;
    seen.lock().unwrap().transactions.clear();
    let sent = send_all(&client, BURST).await;
    let ids: Vec<String> = sent.into_iter().map(Result::unwrap).collect();
    let (transactions, messages) = count(&seen.lock().unwrap(), is_message);
    assert_eq!(messages, BURST);
    assert!(transactions <= BURST / 20, "{transactions} transactions");
    let mut course = Course::default();
    let acked = |course: &Course| course.has_acked(&ids);
    follow(&client, &mut course, &mut { acked }, "acked").await;
    let all = seen.lock().unwrap().transactions.len();
    assert!(
        all <= BURST / 4,
        "{all} transactions, acknowledgements and all"
    );
    assert_eq!(server.messages_from("juliet").len(), BURST + 1, "each once");
}

#[tokio::test]
async fn i1_what_one_read_brings_is_one_transaction() {
    let server = disk::server(Switches {
        sm_queue_limit: 2 * BURST,
        ..Switches::modern()
    })
    .await;
    let (store, seen) = Watch::over(MemoryStore::new());
    let client = Arc::new(Client::open(disk::config(&server, store)).unwrap());
    client.connect();
    settled(&client).await;
    client.suspend().await;
    for number in 0..BURST {
        server.inject_message("romeo@example.org/x", ACCOUNT, &number.to_string());
    }
    seen.lock().unwrap().transactions.clear();
    client.resume();
    let mut course = Course::default();
    let all = |course: &Course| course.messages.len() == BURST;
    follow(&client, &mut course, &mut { all }, "the burst").await;
    let expected: Vec<String> = (0..BURST).map(|number| number.to_string()).collect();
    assert_eq!(course.bodies(), expected, "I2");
    let (transactions, messages) = count(&seen.lock().unwrap(), |op| matches!(op, Op::Inbound(_)));
    assert_eq!(messages, BURST);
    assert!(transactions <= BURST / 4, "{transactions} transactions");

    seen.lock().unwrap().transactions.clear();
    for delivery in &course.messages {
        client.confirm(&delivery.id);
    }
    client.roster().await.unwrap();
    let (transactions, confirmed) = count(&seen.lock().unwrap(), |op| matches!(op, Op::Confirm(_)));
    assert_eq!(confirmed, BURST);
    assert!(transactions <= BURST / 100, "{transactions} transactions");
}

#[tokio::test]
async fn i12_a_burst_that_does_not_fit_is_refused_by_name() {
    const LIMIT: usize = 50;
    let server = disk::server(Switches::modern()).await;
    let (store, seen) = Watch::over(MemoryStore::with_queue_limit(LIMIT));
    let client = Arc::new(Client::open(disk::config(&server, store)).unwrap());
    client.connect();
    settled(&client).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = send_all(&client, BURST)
        .await
        .into_iter()
        .partition(Result::is_ok);
    let full = SendError::Store(StoreError::QueueFull { limit: LIMIT });
    assert!(!refused.is_empty() && !accepted.is_empty());
    assert!(refused.iter().all(|outcome| *outcome == Err(full)));
    assert!(seen.lock().unwrap().longest_queue <= LIMIT, "I12");
    let ids: Vec<String> = accepted.into_iter().map(Result::unwrap).collect();
    let mut course = Course::default();
    let acked = |course: &Course| course.has_acked(&ids);
    follow(&client, &mut course, &mut { acked }, "acked").await;
    // There is room again.
    client
        .send_message("romeo@example.org", "once more")
        .await
        .unwrap();
    assert_eq!(
        server.messages_from("juliet").len(),
        ids.len() + 1,
        "each once"
    );
}
