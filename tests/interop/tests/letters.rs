//! Odd stanzas of a contact through real servers, each followed by a plain message: every plain message arrives once, and
//! no session is ended (rules T6 and W2).
//!
//! `SNAPBACK_LETTERS` sets their number for each server, `SNAPBACK_LETTERS_SEED` the seed.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod contact;
mod odd;
mod raw;
mod shared;

use std::env;

use contact::{Contact, JULIET, blocking, juliet, message, once_each};
use odd::Odd;
use snapback_client::{Assumption, ConnectionError, EndReason, LinkError};
use snapback_interop::phone::Phone;
use snapback_interop::{Account, Flavour, RunningServer};

/// For each server, as long as nothing else is asked for.
const LETTERS: u64 = 60;

on_server!(
    prosody_13_0,
    Flavour::ProsodyStock,
    [t6_odd_stanzas_hide_nothing]
);
on_server!(
    prosody_0_12,
    Flavour::Prosody012,
    [t6_odd_stanzas_hide_nothing]
);
on_server!(
    prosody_0_12_bare,
    Flavour::Prosody012Bare,
    [t6_odd_stanzas_hide_nothing]
);
on_server!(
    ejabberd_24_12,
    Flavour::Ejabberd,
    [t6_odd_stanzas_hide_nothing]
);
on_server!(
    ejabberd_23_01,
    Flavour::Ejabberd2301,
    [t6_odd_stanzas_hide_nothing]
);
on_server!(
    jabberd2_2_7,
    Flavour::Jabberd2,
    [t6_odd_stanzas_hide_nothing]
);

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// What the receiver does while the stanzas are sent.
#[derive(Debug, Clone, Copy)]
enum When {
    Online,
    /// No device of the account is online.
    Offline,
    /// Another device of the account is online: the messages are in the archive alone.
    Elsewhere,
}

async fn t6_odd_stanzas_hide_nothing(server: &mut RunningServer) {
    let (seed, letters) = (
        setting("SNAPBACK_LETTERS_SEED", 1),
        setting("SNAPBACK_LETTERS", LETTERS),
    );
    let mut phone = juliet(server).await;
    let mut stages = vec![When::Online, When::Offline];
    if server.flavour().has_archive() {
        stages.push(When::Elsewhere);
    }
    let each = letters / stages.len() as u64;
    for (stage, when) in stages.into_iter().enumerate() {
        let odd = Odd::new(seed.wrapping_add(stage as u64));
        // What Prosody cannot read from its own archive hides what is behind it, from any client.
        let odd = match when {
            When::Online => odd,
            When::Offline | When::Elsewhere => odd.without_quotes(),
        };
        let odd = match server.flavour() {
            Flavour::Jabberd2 => odd.with_short_ids(),
            _ => odd,
        };
        stage_of(&mut phone, server, when, odd, each).await;
        assert_eq!(
            thrown_out(&phone),
            [""; 0],
            "{when:?}, seed {seed}: {}",
            phone.log
        );
    }
    phone.client.disconnect().await;
}

async fn stage_of(phone: &mut Phone, server: &RunningServer, when: When, odd: Odd, each: u64) {
    let full = phone.log.sessions.last().expect("online").jid.clone();
    if !matches!(when, When::Online) {
        phone.client.disconnect().await;
    }
    let plain = blocking(|| {
        let _device =
            matches!(when, When::Elsewhere).then(|| Contact::available(server, Account::Juliet));
        send(server, when, odd, each, &full)
    });
    if !matches!(when, When::Online) {
        phone.client.connect();
        phone.available().await;
    }
    once_each(phone, &plain).await;
}

/// Sends the letters, each followed by a plain message, and returns the texts of these.
fn send(server: &RunningServer, when: When, mut odd: Odd, each: u64, full: &str) -> Vec<String> {
    let mut romeo = Contact::new(server, Account::Romeo);
    let plain: Vec<String> = (0..each).map(|n| format!("plain, {when:?}, {n}")).collect();
    for body in &plain {
        let stanza = odd.stanza(JULIET, full);
        // Shown if the test fails.
        println!("before {body}: {}", beginning(&stanza));
        romeo.try_saying(&stanza);
        romeo.say(&message(JULIET, body, body));
    }
    plain
}

/// As much of a stanza as fits on a few lines.
fn beginning(stanza: &str) -> String {
    stanza.chars().take(400).collect()
}

/// Why connections ended, without the ends that the test asked for and the one of a server that accepts nothing before
/// the bind is answered.
fn thrown_out(phone: &Phone) -> Vec<String> {
    let expected = |reason: &&EndReason| {
        **reason == EndReason::Closed
            || **reason
                == EndReason::Link(LinkError::Connection(ConnectionError::WrongAssumption(
                    Assumption::PipelinedBind,
                )))
    };
    let ended = phone.log.ended.iter().filter(|reason| !expected(reason));
    ended.map(ToString::to_string).collect()
}
