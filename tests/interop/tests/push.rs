//! Push notifications of real servers (XEP-0357): the push service is an account that a raw stream is logged in to.
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

use contact::{JULIET, blocking, juliet, message, once_each};
use raw::{Secure, attribute};
use snapback_client::{Client, Jid, Outcome, PushService};
use snapback_interop::phone::Phone;
use snapback_interop::{Account, RunningServer};

on_server!(
    prosody_13_0,
    Flavour::ProsodyStock,
    [i22_the_server_pushes_for_each_session_until_the_user_logs_out]
);

on_server!(
    ejabberd_24_12,
    Flavour::Ejabberd,
    [i22_the_server_pushes_for_each_session_until_the_user_logs_out]
);

on_server!(
    ejabberd_23_01,
    Flavour::Ejabberd2301,
    [i22_the_server_pushes_for_each_session_until_the_user_logs_out]
);

// Without a module for it.
on_server!(
    prosody_0_12,
    Flavour::Prosody012,
    [a_server_without_push_refuses_and_that_is_told_in_each_session]
);

/// The push service, and the contact whose messages cause notifications.
struct Romeo(Secure);

impl Romeo {
    fn join(server: &RunningServer) -> (Self, Jid) {
        let (mut stream, jid) = Secure::join(server, Account::Romeo, "");
        stream.hear("</iq>");
        (
            Self(stream),
            Jid::try_from(jid.as_str()).expect("an address"),
        )
    }

    /// Writes to Juliet; returns the notification at this node that follows, which is answered. A server may repeat an earlier one
    /// before it.
    fn writes(&mut self, id: &str, node: &str) -> String {
        self.0.say(&message(JULIET, id, id));
        let published = self.0.hear(&format!("node='{node}'")) + &self.0.hear("</iq>");
        let (from, iq) = (
            attribute(&published, "<iq", "from"),
            attribute(&published, "<iq", "id"),
        );
        self.0
            .say(&format!("<iq type='result' id='{iq}' to='{from}'/>"));
        published
    }

    /// Writes to Juliet; returns what comes up to the answer to a later request.
    fn writes_unnoticed(&mut self, id: &str) -> String {
        self.0.say(&message(JULIET, id, id));
        self.0.say(&format!("<iq type='get' id='after-{id}' to='romeo@snapback.test'><ping xmlns='urn:xmpp:ping'/></iq>"));
        self.0.hear(&format!("after-{id}"))
    }
}

fn is_notification(published: &str, node: &str) -> bool {
    published.contains("<notification xmlns='urn:xmpp:push:0'")
        && published.contains(&format!("node='{node}'"))
        && published.contains("planted")
}

async fn enabled(phone: &mut Phone, times: usize) {
    let what = format!("push enabled {times} times");
    phone.until(&what, |log| log.push_enabled == times).await;
    assert_eq!(phone.log.push_refused, 0);
}

async fn enable(client: &Client, service: &Jid, node: &str) {
    let service = PushService::new(service.clone()).with_node(node);
    let enabled = client
        .enable_push(service.with_option("secret", "planted"))
        .await;
    enabled.expect("it is stored");
}

async fn i22_the_server_pushes_for_each_session_until_the_user_logs_out(
    server: &mut RunningServer,
) {
    let (mut romeo, service) = blocking(|| Romeo::join(server));
    let mut juliet = juliet(server).await;
    enable(&juliet.client, &service, "n1").await;
    enabled(&mut juliet, 1).await;
    juliet.client.suspend().await;
    let published = blocking(|| romeo.writes("p1", "n1"));
    assert!(is_notification(&published, "n1"), "{published}");
    // A session that is resumed has it.
    juliet.client.resume();
    assert_eq!(juliet.available().await.outcome, Outcome::Resumed);
    once_each(&mut juliet, &["p1".to_owned()]).await;
    juliet.client.suspend().await;
    let published = blocking(|| romeo.writes("p2", "n1"));
    assert!(is_notification(&published, "n1"), "{published}");
    juliet.client.resume();
    assert_eq!(juliet.available().await.outcome, Outcome::Resumed);
    // A new one is told, and here of another node.
    juliet.client.disconnect().await;
    enable(&juliet.client, &service, "n2").await;
    juliet.client.connect();
    assert_eq!(juliet.available().await.outcome, Outcome::Bound);
    enabled(&mut juliet, 2).await;
    juliet.client.suspend().await;
    let published = blocking(|| romeo.writes("p3", "n2"));
    assert!(is_notification(&published, "n2"), "{published}");
    juliet.client.resume();
    assert_eq!(juliet.available().await.outcome, Outcome::Resumed);
    once_each(
        &mut juliet,
        &["p1".to_owned(), "p2".to_owned(), "p3".to_owned()],
    )
    .await;
    juliet.client.log_out().await;
    let heard = blocking(|| romeo.writes_unnoticed("p4"));
    assert!(!heard.contains("urn:xmpp:push:0"), "{heard}");
}

async fn a_server_without_push_refuses_and_that_is_told_in_each_session(
    server: &mut RunningServer,
) {
    let mut juliet = juliet(server).await;
    let service = Jid::try_from("push.example.org").expect("an address");
    for times in 1..=2 {
        enable(&juliet.client, &service, "n1").await;
        juliet
            .until("push refused", |log| log.push_refused == times)
            .await;
        juliet.client.disconnect().await;
        juliet.client.connect();
        juliet.available().await;
    }
    juliet
        .until("push refused", |log| log.push_refused == 3)
        .await;
    assert_eq!(juliet.log.push_enabled, 0);
}
