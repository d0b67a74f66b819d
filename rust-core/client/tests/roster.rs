//! Changes of the roster by the app (RFC 6121 section 2).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::pin::pin;
use std::time::Duration;

use snapback_client::{BareJid, Client, Element, Event, IqError, RosterItem, Transport};
use snapback_reference_server::Switches;
use support::Setup;

fn groups(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn contact(client: &Client, jid: &BareJid) -> Option<RosterItem> {
    let roster = client.roster().await.unwrap();
    let jid = jid.to_string();
    roster.items.into_iter().find(|item| item.jid == jid)
}

async fn changed(setup: &Setup) {
    setup
        .event(|event| matches!(event, Event::RosterChanged))
        .await;
}

#[tokio::test]
async fn a_contact_is_added_changed_and_removed() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    let client = &setup.client;
    client.connect();
    setup.online().await;
    changed(&setup).await;
    let nurse: BareJid = "nurse@localhost".parse().unwrap();
    // What XML would change in an attribute, and what would end it.
    let name = "Nurse \"<&'>\"\tof\nVerona";
    let house = groups(&["House & <home>", "Verona"]);
    client
        .set_contact(&nurse, Some(name), &house)
        .await
        .unwrap();
    changed(&setup).await;
    let item = contact(client, &nurse).await.unwrap();
    assert_eq!(item.name.as_deref(), Some(name));
    assert_eq!(item.groups, house);

    client.set_contact(&nurse, None, &[]).await.unwrap();
    changed(&setup).await;
    let item = contact(client, &nurse).await.unwrap();
    assert_eq!((item.name, item.groups), (None, groups(&[])));

    client.remove_contact(&nurse).await.unwrap();
    changed(&setup).await;
    assert_eq!(contact(client, &nurse).await, None);
}

#[tokio::test]
async fn a_change_of_the_roster_that_is_too_big_is_refused_here() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    setup.client.connect();
    setup.online().await;
    let nurse: BareJid = "nurse@localhost".parse().unwrap();
    let name = "x".repeat(300_000);
    let change = setup.client.set_contact(&nurse, Some(&name), &[]);
    let refused = tokio::time::timeout(Duration::from_secs(30), change).await;
    assert_eq!(refused.unwrap(), Err(IqError::TooBig));
    assert_eq!(contact(&setup.client, &nurse).await, None);
}

/// The answer to two requests with one id could not be matched to one of them.
#[tokio::test]
async fn t7_a_request_with_an_id_in_use_is_refused() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    let request = || {
        let query = Element::new("query", "http://jabber.org/protocol/disco#items");
        Element::new("iq", "jabber:client")
            .with_attr("type", "get")
            .with_attr("id", "same")
            .with_attr("to", "localhost")
            .with_child(query)
    };
    let timeout = Duration::from_secs(30);
    // It waits for the connection.
    let mut first = pin!(setup.client.iq(request(), timeout));
    let second = setup.client.iq(request(), timeout);
    tokio::select! {
        biased;
        answer = &mut first => panic!("{answer:?}"),
        answer = second => assert_eq!(answer, Err(IqError::IdInUse)),
    }
    setup.client.connect();
    assert!(first.await.is_ok());
    let third = setup.client.iq(request(), timeout).await;
    assert!(third.is_ok(), "{third:?}");
}

#[tokio::test]
async fn t7_ids_are_long_and_never_the_same() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    let (one, other) = (setup.client.new_id(), setup.client.new_id());
    assert_ne!(one, other);
    // 128 bits in base64.
    assert_eq!((one.len(), other.len()), (22, 22));
}
