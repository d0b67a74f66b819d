//! Juliet's client, and a contact of hers that sends what a test requests.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "a module of several tests, each of which needs some of it"
)]

use std::time::Duration;

use snapback_client::{Outcome, Transport};
use snapback_interop::phone::{Endpoint, Log, Phone};
use snapback_interop::{Account, Credentials, RunningServer};

use crate::raw::Secure;

pub const RTT: Duration = Duration::from_millis(20);
pub const JULIET: &str = "juliet@snapback.test";

/// Opens a client of Juliet's that the server treats as available.
pub async fn juliet(server: &RunningServer) -> Phone {
    let account = server.account(Account::Juliet);
    juliet_as(server, account).await
}

/// Opens a client of Romeo's that the server treats as available.
pub async fn romeo(server: &RunningServer) -> Phone {
    let endpoint = Endpoint::of(server, Transport::DirectTls);
    let account = server.account(Account::Romeo);
    let mut phone = Phone::open(&endpoint, account, RTT, |_| {}).await;
    phone.client.connect();
    phone.available().await;
    phone
}

pub async fn juliet_as(server: &RunningServer, account: &Credentials) -> Phone {
    let endpoint = Endpoint::of(server, Transport::DirectTls);
    let mut phone = Phone::open(&endpoint, account, RTT, |_| {}).await;
    phone.client.connect();
    assert_eq!(phone.available().await.outcome, Outcome::Bound);
    phone
}

/// Raw streams block the thread that they are used on.
pub fn blocking<T>(act: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(act)
}

/// A session of an account that sends what a test requests, and sends it again on a new stream if the server closed the
/// last.
pub struct Contact<'a> {
    server: &'a RunningServer,
    account: Account,
    stream: Option<Secure>,
}

impl<'a> Contact<'a> {
    pub fn new(server: &'a RunningServer, account: Account) -> Self {
        Self {
            server,
            account,
            stream: None,
        }
    }

    /// Another device, which takes what is sent to the account.
    pub fn available(server: &'a RunningServer, account: Account) -> Self {
        let mut contact = Self::new(server, account);
        contact.say("<presence/>");
        contact
    }

    /// Sends this and waits until the server has handled it, or has closed the stream over it.
    pub fn say(&mut self, stanza: &str) {
        self.say_with("", stanza);
    }

    /// The same with a stanza at which some server stops answering.
    pub fn try_saying(&mut self, stanza: &str) {
        let mut stream = self.stream.take().unwrap_or_else(|| self.join(""));
        if stream.done_or_stuck(stanza) {
            self.stream = Some(stream);
        }
    }

    /// Like [`Self::say`], on a stream whose header has these attributes.
    pub fn say_with(&mut self, attributes: &str, stanza: &str) {
        let kept = self.stream.take().filter(|_| attributes.is_empty());
        let mut stream = kept.unwrap_or_else(|| self.join(attributes));
        if stream.done(stanza) && attributes.is_empty() {
            self.stream = Some(stream);
        }
    }

    fn join(&self, attributes: &str) -> Secure {
        Secure::join(self.server, self.account, attributes).0
    }
}

pub fn message(to: &str, id: &str, body: &str) -> String {
    format!("<message to='{to}' type='chat' id='{id}'><body>{body}</body></message>")
}

pub fn count(log: &Log, body: &str) -> usize {
    log.messages
        .iter()
        .filter(|message| message.body == body)
        .count()
}

/// Waits until all of these have arrived; each arrived once.
pub async fn once_each(phone: &mut Phone, bodies: &[String]) {
    let all = |log: &Log| bodies.iter().all(|body| count(log, body) > 0);
    phone.until("all messages", all).await;
    // Any duplicate has arrived before the answer to this request.
    phone.settle(JULIET).await;
    for body in bodies {
        assert_eq!(count(&phone.log, body), 1, "{body}: {}", phone.log);
    }
}
