//! What a contact sends through a real server, accidentally or deliberately, neither keeps a client offline nor hides a
//! message.
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

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use contact::{Contact, JULIET, RTT, blocking, count, juliet, juliet_as, message, once_each};
use snapback_client::proto::knowledge::Op;
use snapback_client::proto::time::UnixTime;
use snapback_client::store::ServerKey;
use snapback_client::{
    Assumption, ConnectionError, EndReason, FileVault, LinkError, Outcome, SqliteStore, Store as _,
    Transport,
};
use snapback_interop::phone::{Endpoint, Log, Phone};
use snapback_interop::{Account, Credentials, Flavour, RunningServer};

const ROMEO: &str = "romeo@snapback.test";

on_server!(
    prosody_13_0,
    Flavour::ProsodyStock,
    [
        t6_a_stanza_that_cannot_be_read_hides_nothing,
        w9_a_request_with_a_very_long_id_ends_no_session,
        w2_a_refused_message_ends_no_page,
        i17_equal_ids_with_other_texts_are_other_messages,
        t7_another_spelling_of_the_account_is_the_account,
        i8_an_empty_page_after_a_week_hides_nothing,
    ]
);

on_server!(
    prosody_13_0_with_sasl2,
    Flavour::ProsodyModern,
    [
        t6_a_stanza_that_cannot_be_read_hides_nothing,
        w9_a_request_with_a_very_long_id_ends_no_session,
    ]
);

on_server!(
    prosody_0_12,
    Flavour::Prosody012,
    [
        t6_a_stanza_that_cannot_be_read_hides_nothing,
        w9_a_request_with_a_very_long_id_ends_no_session,
        w2_a_refused_message_ends_no_page,
        i17_equal_ids_with_other_texts_are_other_messages,
        t7_another_spelling_of_the_account_is_the_account,
        i8_an_archive_that_forgot_the_last_known_message_is_read,
        i8_an_empty_page_after_a_week_hides_nothing,
    ]
);

on_server!(
    prosody_0_12_with_tls_1_2,
    Flavour::Prosody012Tls12,
    [t6_a_stanza_that_cannot_be_read_hides_nothing]
);

on_server!(
    prosody_0_12_bare,
    Flavour::Prosody012Bare,
    [
        t6_a_stanza_that_cannot_be_read_hides_nothing,
        w9_a_request_with_a_very_long_id_ends_no_session,
        t7_another_spelling_of_the_account_is_the_account,
    ]
);

on_server!(
    ejabberd_24_12,
    Flavour::Ejabberd,
    [
        t6_a_stanza_that_cannot_be_read_hides_nothing,
        w9_a_request_with_a_very_long_id_ends_no_session,
        w2_a_refused_message_ends_no_page,
        i17_equal_ids_with_other_texts_are_other_messages,
        t7_another_spelling_of_the_account_is_the_account,
    ]
);

on_server!(
    ejabberd_23_01,
    Flavour::Ejabberd2301,
    [
        t6_a_stanza_that_cannot_be_read_hides_nothing,
        w9_a_request_with_a_very_long_id_ends_no_session,
        w2_a_refused_message_ends_no_page,
        i17_equal_ids_with_other_texts_are_other_messages,
        t7_another_spelling_of_the_account_is_the_account,
    ]
);

on_server!(
    jabberd2_2_7,
    Flavour::Jabberd2,
    [
        t6_a_stanza_that_cannot_be_read_hides_nothing,
        w9_a_request_with_a_very_long_id_ends_no_session,
        t7_another_spelling_of_the_account_is_the_account,
    ]
);

/// A stanza that some servers relay although no XML parser with namespaces accepts it, or that becomes malformed by the
/// server's own serialisation: attributes of its sender's stream header, and the content of the message.
const UNREADABLE: [(&str, &str, &str); 9] = [
    ("", "", "<body xml:foo='1'>x</body>"),
    ("", "", "<body>x</body><xml:a/>"),
    (
        "",
        "",
        "<body>x</body><a xmlns='u' xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:b=''/>",
    ),
    ("", "xmlns:p='u'", "<body>x</body><y xmlns='v' p:a=''/>"),
    ("xmlns:p='u'", "", "<body>x</body><y xmlns='v' p:a=''/>"),
    (
        "",
        "xmlns:p='u' xmlns:q='u'",
        "<body>x</body><y xmlns='v' p:a='' q:a=''/>",
    ),
    ("", "", "<body>x&#x1A;</body>"),
    ("", "", "<body>x\u{FFFE}</body>"),
    ("", "", "<body>x&nbsp;</body>"),
];

/// Sends each of these through the server, followed by a plain message.
fn send_unreadable(server: &RunningServer, when: &str) -> Vec<String> {
    let mut romeo = Contact::new(server, Account::Romeo);
    let mut plain = Vec::new();
    for (number, (header, attributes, content)) in UNREADABLE.into_iter().enumerate() {
        let id = format!("unreadable-{when}-{number}");
        let stanza = format!(
            "<message {attributes} to='{JULIET}' type='chat' id='{id}'>{content}</message>"
        );
        romeo.say_with(header, &stanza);
        let body = format!("plain, {when}, {number}");
        romeo.say(&message(JULIET, &format!("plain-{when}-{number}"), &body));
        plain.push(body);
    }
    plain
}

/// Live, from the server's offline storage, and from the archive alone.
async fn t6_a_stanza_that_cannot_be_read_hides_nothing(server: &mut RunningServer) {
    let mut phone = juliet(server).await;
    let plain = blocking(|| send_unreadable(server, "live"));
    once_each(&mut phone, &plain).await;
    assert!(phone.log.ended.is_empty(), "{}", phone.log);

    phone.client.disconnect().await;
    let plain = blocking(|| send_unreadable(server, "offline"));
    phone.client.connect();
    phone.available().await;
    once_each(&mut phone, &plain).await;

    if server.flavour().has_archive() {
        phone.client.disconnect().await;
        let plain = blocking(|| {
            let _device = Contact::available(server, Account::Juliet);
            send_unreadable(server, "archived")
        });
        phone.client.connect();
        phone.available().await;
        once_each(&mut phone, &plain).await;
    }
    // One end for each time that this test requested it, and one where a server accepts nothing before the bind is
    // answered, which is tried once.
    let pipelined = EndReason::Link(LinkError::Connection(ConnectionError::WrongAssumption(
        Assumption::PipelinedBind,
    )));
    let (tried, ended): (Vec<_>, Vec<_>) = phone
        .log
        .ended
        .iter()
        .partition(|reason| **reason == pipelined);
    let asked = if server.flavour().has_archive() { 2 } else { 1 };
    assert_eq!(ended.len(), asked, "{}", phone.log);
    let refused = usize::from(server.flavour() == Flavour::Jabberd2);
    assert_eq!(tried.len(), refused, "{}", phone.log);
    phone.client.disconnect().await;
}

/// The server writes an apostrophe of the id as six bytes, and so would the answer: it would exceed the server's limit.
async fn w9_a_request_with_a_very_long_id_ends_no_session(server: &mut RunningServer) {
    let mut phone = juliet(server).await;
    let jid = phone.log.sessions.last().expect("online").jid.clone();
    let id = "'".repeat(43_665);
    blocking(|| {
        let mut romeo = Contact::new(server, Account::Romeo);
        for query in [
            "<ping xmlns='urn:xmpp:ping'/>",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        ] {
            romeo.say(&format!(
                "<iq to='{jid}' type='get' id=\"{id}\">{query}</iq>"
            ));
        }
        romeo.say(&message(JULIET, "after-the-long-id", "after"));
    });
    once_each(&mut phone, &["after".to_owned()]).await;
    assert!(phone.log.ended.is_empty(), "{}", phone.log);
    phone.client.disconnect().await;
}

/// A client that numbers its ids from the same start after each restart.
async fn i17_equal_ids_with_other_texts_are_other_messages(server: &mut RunningServer) {
    let mut phone = juliet(server).await;
    for when in ["live", "archived"] {
        let texts: Vec<String> = ["one", "two", "three"]
            .map(|text| format!("{text}, {when}"))
            .into();
        if when == "archived" {
            phone.client.disconnect().await;
        }
        blocking(|| {
            let mut device = Contact::available(server, Account::Juliet);
            let mut romeo = Contact::new(server, Account::Romeo);
            for text in &texts {
                device.say(&message(ROMEO, "aaaa1", text));
                romeo.say(&message(JULIET, "aaaa1", text));
            }
        });
        if when == "archived" {
            phone.client.connect();
            phone.available().await;
        }
        once_each(&mut phone, &texts).await;
        let copies =
            |log: &Log, text: &String| log.copies.iter().filter(|copy| copy.body == *text).count();
        phone
            .until("all copies", |log| {
                texts.iter().all(|text| copies(log, text) > 0)
            })
            .await;
        for text in &texts {
            assert_eq!(copies(&phone.log, text), 1, "{text}: {}", phone.log);
        }
    }
    phone.client.disconnect().await;
}

/// The account as typed by a user: copies and archived messages of `juliet@` are its own, and so is what a server
/// without archive stores for it.
async fn t7_another_spelling_of_the_account_is_the_account(server: &mut RunningServer) {
    let account = Credentials {
        jid: "Juliet@SNAPBACK.Test".to_owned(),
        ..server.account(Account::Juliet).clone()
    };
    let mut phone = juliet_as(server, &account).await;
    for when in ["live", "later"] {
        if when == "later" {
            phone.client.disconnect().await;
        }
        let text = format!("spelt, {when}");
        blocking(|| {
            let mut device = Contact::available(server, Account::Juliet);
            device.say(&message(ROMEO, &format!("copied-{when}"), &text));
            if !server.flavour().has_archive() {
                // Otherwise the message is for this device only.
                device.say("<presence type='unavailable'/>");
            }
            let mut romeo = Contact::new(server, Account::Romeo);
            romeo.say(&message(
                "JULIET@snapback.TEST",
                &format!("spelt-{when}"),
                &text,
            ));
        });
        if when == "later" {
            phone.client.connect();
            phone.available().await;
        }
        once_each(&mut phone, std::slice::from_ref(&text)).await;
        if server.flavour().has_carbons() {
            let copied = |log: &Log| log.copies.iter().any(|copy| copy.body == text);
            phone.until("a copy", copied).await;
        }
    }
    assert_eq!(phone.log.violations(), [""; 0]);
    phone.client.disconnect().await;
}

/// A page of the archive that ends with a refused message is still a page, and the next one is requested.
async fn w2_a_refused_message_ends_no_page(server: &mut RunningServer) {
    const PAGE: u32 = 10;
    let endpoint = Endpoint::of(server, Transport::DirectTls);
    let account = server.account(Account::Juliet);
    let mut phone = Phone::open(&endpoint, account, RTT, |config| {
        config.catch_up.page = PAGE;
    })
    .await;
    phone.client.connect();
    phone.available().await;
    // The cursor of the archive ends here.
    blocking(|| Contact::new(server, Account::Romeo).say(&message(JULIET, "last", "last")));
    once_each(&mut phone, &["last".to_owned()]).await;
    phone.client.disconnect().await;
    let nested = format!("{}{}", "<a>".repeat(80), "</a>".repeat(80));
    let texts = blocking(|| {
        let _device = Contact::available(server, Account::Juliet);
        let mut romeo = Contact::new(server, Account::Romeo);
        let mut texts = Vec::new();
        for number in 1..=PAGE * 3 {
            let text = format!("page, {number}");
            if number % PAGE == 0 {
                romeo.say(&format!(
                    "<message to='{JULIET}' type='chat' id='nested-{number}'><body>x</body>\
                     <x xmlns='u'>{nested}</x></message>"
                ));
            } else {
                romeo.say(&message(JULIET, &format!("page-{number}"), &text));
                texts.push(text);
            }
        }
        texts
    });
    let gaps = phone.log.possible_gaps;
    phone.client.connect();
    phone.available().await;
    once_each(&mut phone, &texts).await;
    assert_eq!(phone.log.possible_gaps, gaps, "{}", phone.log);
    phone.client.disconnect().await;
}

/// The last known message has been removed from the archive, and newer ones are there.
async fn i8_an_archive_that_forgot_the_last_known_message_is_read(server: &mut RunningServer) {
    let mut phone = juliet(server).await;
    blocking(|| Contact::new(server, Account::Romeo).say(&message(JULIET, "known", "known")));
    once_each(&mut phone, &["known".to_owned()]).await;
    phone.client.disconnect().await;
    blocking(|| server.restart_with_empty_archive()).expect("the server restarts");
    let texts: Vec<String> = (1..=5).map(|number| format!("newer, {number}")).collect();
    blocking(|| {
        let _device = Contact::available(server, Account::Juliet);
        let mut romeo = Contact::new(server, Account::Romeo);
        for text in &texts {
            romeo.say(&message(JULIET, text, text));
        }
    });
    phone.client.connect();
    phone.available().await;
    once_each(&mut phone, &texts).await;
    assert_eq!(count(&phone.log, "known"), 1, "{}", phone.log);
    phone.client.disconnect().await;
}

/// The same after a week: Prosody 13.0 then reports that nothing follows a message that it does not have.
async fn i8_an_empty_page_after_a_week_hides_nothing(server: &mut RunningServer) {
    let folder = Folder::new();
    let endpoint = Endpoint::of(server, Transport::DirectTls);
    let account = server.account(Account::Juliet);
    let mut phone = Phone::open(&endpoint, account, RTT, |config| {
        config.store = Box::new(folder.store());
    })
    .await;
    phone.client.connect();
    phone.available().await;
    blocking(|| Contact::new(server, Account::Romeo).say(&message(JULIET, "old", "old")));
    once_each(&mut phone, &["old".to_owned()]).await;
    phone.client.suspend().await;
    folder.let_a_week_pass();
    blocking(|| server.restart_with_empty_archive()).expect("the server restarts");
    let texts: Vec<String> = (1..=5).map(|number| format!("young, {number}")).collect();
    blocking(|| {
        let _device = Contact::available(server, Account::Juliet);
        let mut romeo = Contact::new(server, Account::Romeo);
        for text in &texts {
            romeo.say(&message(JULIET, text, text));
        }
    });
    phone.client.resume();
    assert_eq!(phone.available().await.outcome, Outcome::Bound);
    once_each(&mut phone, &texts).await;
    phone.client.disconnect().await;
}

/// The folder of a store; removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("snapback-contacts-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn store(&self) -> SqliteStore {
        let vault = FileVault::new(self.0.join("keys")).expect("a folder for the keys");
        let path = self.0.join("juliet.db");
        let (store, report) = SqliteStore::open(path, JULIET, vault).expect("the store opens");
        assert!(report.is_clean(), "{report:?}");
        store
    }

    /// Ages the store by a week. The client must be suspended.
    fn let_a_week_pass(&self) {
        const DAYS: u64 = 8;
        let nowhere = ServerKey {
            host: String::new(),
            port: 0,
            transport: Transport::DirectTls,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let then = now.expect("it is later").as_secs() - DAYS * 86_400;
        let then = UnixTime(i64::try_from(then).expect("a time"));
        let mut store = self.store();
        store
            .apply(&nowhere, &[Op::ArchiveTime(then), Op::SmDropped])
            .expect("it is stored");
        store.close().expect("the store closes");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left for the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
