//! History of real servers (XEP-0313): an app scrolls back, in a conversation and in a room, while the connection breaks.
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

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contact::{JULIET, juliet, once_each, romeo};
use snapback_client::proto::stanza::StanzaCondition;
use snapback_client::room::RoomOptions;
use snapback_client::{
    BareJid, HistoryMessage, HistoryRequest, IqError, Jid, Outcome, ServiceError,
};
use snapback_interop::RunningServer;
use snapback_interop::phone::{Phone, Received};
use snapback_netsim::CutMode;

const ROMEO: &str = "romeo@snapback.test";
/// In pages of 20: two whole ones, and a part of a third.
const MESSAGES: usize = 45;
const PAGE: u32 = 20;

on_server!(
    prosody_13_0,
    Flavour::ProsodyStock,
    [
        a_conversation_is_read_backwards_over_a_broken_connection,
        a_room_is_read_backwards,
    ]
);

on_server!(
    prosody_0_12,
    Flavour::Prosody012,
    [
        a_conversation_is_read_backwards_over_a_broken_connection,
        a_room_is_read_backwards,
    ]
);

on_server!(
    ejabberd_24_12,
    Flavour::Ejabberd,
    [
        a_conversation_is_read_backwards_over_a_broken_connection,
        a_room_is_read_backwards,
    ]
);

on_server!(
    ejabberd_23_01,
    Flavour::Ejabberd2301,
    [
        a_conversation_is_read_backwards_over_a_broken_connection,
        a_room_is_read_backwards,
    ]
);

on_server!(
    prosody_0_12_bare,
    Flavour::Prosody012Bare,
    [without_an_archive_there_is_an_error]
);

fn unique() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("the clock is set").as_nanos()
}

fn body(message: &HistoryMessage) -> String {
    let body = message.stanza.child("body", "jabber:client");
    body.map(|body| body.text().to_owned()).unwrap_or_default()
}

/// Reads back until this many bodies with this prefix were found; returns them in the order of the pages.
async fn back(phone: &Phone, ask: HistoryRequest, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut ids = Vec::new();
    let mut ask = ask.limit(PAGE);
    while found.len() < MESSAGES {
        let request = phone.client.history(ask.clone());
        // The request is on its way, and the connection breaks.
        let (page, ()) = tokio::join!(request, async { phone.link.cut(CutMode::ResetClient) });
        let page = page.expect("a page");
        assert_eq!(page.unreadable, 0);
        assert!(page.messages.len() <= PAGE as usize);
        for message in &page.messages {
            assert!(message.archived_at.is_some());
            assert!(message.stanza.has_child("stanza-id", "urn:xmpp:sid:0"));
            ids.push(message.archive_id.clone());
        }
        let bodies = page.messages.iter().map(body);
        found.extend(bodies.filter(|body| body.starts_with(prefix)));
        match page.next {
            Some(next) => ask = ask.before(next),
            None => break,
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "a message came twice");
    found
}

fn numbered(prefix: &str) -> Vec<String> {
    (0..MESSAGES)
        .map(|number| format!("{prefix} {number}"))
        .collect()
}

async fn a_conversation_is_read_backwards_over_a_broken_connection(server: &mut RunningServer) {
    let mut juliet = juliet(server).await;
    let romeo = romeo(server).await;
    let prefix = format!("talk {}", unique());
    let bodies = numbered(&prefix);
    for (number, body) in bodies.iter().enumerate() {
        // Both of them speak, and both sides are in the archive.
        let (from, to) = match number % 3 {
            0 => (&juliet.client, ROMEO),
            _ => (&romeo.client, JULIET),
        };
        from.send_message(to, body).await.expect("it is queued");
        if number % 3 == 0 {
            juliet.settle(JULIET).await;
        } else {
            juliet
                .until(body, |log| log.messages.iter().any(|one| one.body == *body))
                .await;
        }
    }
    let is_said = |one: &&Received| one.body.starts_with(&prefix);
    let delivered = juliet.log.messages.iter().filter(is_said).count();
    let contact = Jid::try_from(ROMEO).expect("an address");
    let ask = HistoryRequest::account().with(contact);
    let found = back(&juliet, ask, &prefix).await;
    let newest_first: Vec<String> = bodies.iter().rev().cloned().collect();
    assert_eq!(found, newest_first);
    assert_eq!(juliet.available().await.outcome, Outcome::Resumed);
    juliet.settle(JULIET).await;
    let again = juliet.log.messages.iter().filter(is_said).count();
    assert_eq!(again, delivered, "events of history");
    // What arrives live still does.
    let live = format!("live {}", unique());
    romeo
        .client
        .send_message(JULIET, &live)
        .await
        .expect("it is queued");
    once_each(&mut juliet, &[live]).await;
}

async fn a_room_is_read_backwards(server: &mut RunningServer) {
    let mut juliet = juliet(server).await;
    let room: BareJid = format!("heath-{}@conference.snapback.test", unique())
        .parse()
        .expect("an address");
    let joined = juliet
        .client
        .rooms()
        .join(&room, RoomOptions::new("juliet"))
        .await;
    joined.expect("the room is joined");
    let info = async {
        let is_archived = async || {
            let info = juliet.client.rooms().get(&room).info().await;
            info.is_some_and(|info| info.has_archive)
        };
        while !is_archived().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), info)
        .await
        .expect("the room has an archive");
    let prefix = format!("thunder {}", unique());
    let bodies = numbered(&prefix);
    for body in &bodies {
        let sent = juliet.client.rooms().get(&room).send_message(body).await;
        sent.expect("it is queued");
    }
    let last = bodies.last().expect("not empty").clone();
    juliet
        .until("the last message", |log| {
            log.messages.iter().any(|one| one.body == last)
        })
        .await;
    let found = back(&juliet, HistoryRequest::room(room), &prefix).await;
    let newest_first: Vec<String> = bodies.iter().rev().cloned().collect();
    assert_eq!(found, newest_first);
}

async fn without_an_archive_there_is_an_error(server: &mut RunningServer) {
    let juliet = juliet(server).await;
    let page = juliet.client.history(HistoryRequest::account()).await;
    let Err(ServiceError::Request(IqError::Refused(error))) = page else {
        panic!("{page:?}");
    };
    assert_eq!(error.condition, StanzaCondition::ServiceUnavailable);
}
