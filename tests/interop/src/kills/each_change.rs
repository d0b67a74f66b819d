//! A victim that is killed at a given change of its store: at each of them, before and after.
#![allow(
    clippy::expect_used,
    reason = "test support: what cannot be set up must fail the test"
)]

use std::path::PathBuf;
use std::time::Duration;

use snapback_client::Transport;
use snapback_reference_server::ReferenceServer;

use super::diary::Entry;
use super::fate::{Fate, When};
use super::judge::{self, Excuse, Sessions, Verdict};
use super::process::{Folder, Person, Victim};
use crate::phone::Endpoint;

/// The sender of the messages from the server.
const PEER: &str = "romeo@localhost";
/// The number of messages in each direction, for each process.
const MESSAGES: usize = 3;
/// The timeout of all waits: anything that takes longer is broken.
const TIMEOUT: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(2);

/// Which process is killed at a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// The first one: it logs in cold.
    First,
    /// One that resumes the session of the previous process, with messages waiting on both sides.
    Resuming,
}

/// Runs that are killed, each at another change, until one survives.
#[derive(Debug)]
pub struct EachChange<'a> {
    /// The victim's program.
    pub program: PathBuf,
    /// The server.
    pub server: &'a ReferenceServer,
    /// Which process is killed.
    pub life: Life,
}

/// The result for one victim.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it reached the change at which it was to be killed.
    pub died: bool,
    /// The verdicts on outbound and inbound messages.
    pub verdicts: [Verdict; 2],
    sessions: Sessions,
    folder: Folder,
}

impl Outcome {
    /// Checks the verdicts.
    ///
    /// # Panics
    ///
    /// If a message was lost or duplicated.
    pub fn check(&self, fate: Fate, life: Life) {
        let [out, back] = &self.verdicts;
        // A process that is killed before its session is stored leaves one on the server that is never resumed.
        let excuse = if self.sessions.lost > 0 {
            Excuse::Order
        } else {
            Excuse::None
        };
        assert!(
            out.is_good(excuse) && back.is_good(excuse),
            "killed {fate}, {life:?} life: out {out}; in {back}; see {}",
            self.folder.path().display()
        );
    }
}

impl EachChange<'_> {
    /// Runs one victim, kills it once, and lets its next process finish everything.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or ends by itself.
    pub async fn dies(&self, fate: Fate) -> Outcome {
        let when = match fate.when {
            When::Before => "before",
            When::After => "after",
        };
        let life = match self.life {
            Life::First => "first",
            Life::Resuming => "resuming",
        };
        let user = format!("{life}-{when}-{}", fate.change);
        self.server.add_account(&user, "secret");
        let folder = Folder::new(&user, 0);
        let mut play = Play {
            server: self.server,
            injected: Vec::new(),
            victim: Victim::start(self.person(
                &user,
                &folder,
                (self.life == Life::First).then_some(fate),
            )),
            user,
        };
        if self.life == Life::Resuming {
            play.all_there().await;
            play.victim.fated(fate);
            play.victim.kill();
        }
        let died = play.all_there().await;
        play.victim.leave(TIMEOUT).await;
        let verdicts = play.verdicts();
        let sessions = judge::sessions(play.victim.diary());
        Outcome {
            died,
            sessions,
            verdicts,
            folder,
        }
    }

    fn person(&self, user: &str, folder: &Folder, fate: Option<Fate>) -> Person {
        Person {
            program: self.program.clone(),
            folder: folder.path().to_owned(),
            jid: format!("{user}@localhost"),
            password: "secret".to_owned(),
            peer: PEER.to_owned(),
            endpoint: Endpoint {
                addr: self.server.direct_addr(),
                transport: Transport::DirectTls,
                ca_pem: self.server.ca_pem(),
            },
            fate,
        }
    }
}

/// One victim and the server's records of it.
struct Play<'a> {
    server: &'a ReferenceServer,
    user: String,
    victim: Victim,
    /// What the server sent to it, as a diary.
    injected: Vec<Entry>,
}

impl Play<'_> {
    /// Sends messages both ways until all of them have arrived; returns whether the victim was killed meanwhile. Its
    /// next process is not killed.
    async fn all_there(&mut self) -> bool {
        self.exchange();
        let mut died = false;
        let deadline = tokio::time::Instant::now() + TIMEOUT;
        while tokio::time::Instant::now() < deadline {
            // A victim that has done everything may still be killed by a later change.
            let is_done = self.is_done();
            if self.victim.died(GLANCE).await {
                died = true;
                self.exchange();
            } else if is_done {
                break;
            }
        }
        died
    }

    fn exchange(&mut self) {
        self.victim.order(&format!("send {MESSAGES}"));
        for _ in 0..MESSAGES {
            let number = self.injected.len() as u64 / 2;
            let to = format!("{}@localhost", self.user);
            let id = self.server.inject_message(PEER, &to, &number.to_string());
            self.injected.push(Entry::Attempting(number));
            self.injected.push(Entry::Queued { number, id });
        }
    }

    /// Returns whether everything arrived and this process has finished: each of its messages is accepted and
    /// acknowledged, each delivery confirmed.
    fn is_done(&mut self) -> bool {
        let arrived = self.arrived();
        let diary = self.victim.diary();
        judge::has_arrived(&self.injected, diary)
            && judge::has_arrived(diary, &arrived)
            && judge::promises(judge::last_life(diary)) >= MESSAGES
            && judge::is_settled(judge::last_life(diary))
    }

    /// Returns what the server received, as a diary.
    fn arrived(&self) -> Vec<Entry> {
        let messages = self.server.messages_from(&self.user);
        let entries = messages
            .into_iter()
            .enumerate()
            .map(|(index, message)| Entry::Delivered {
                delivery: index.to_string(),
                id: message.id.unwrap_or_default(),
                number: message
                    .body
                    .and_then(|body| body.parse().ok())
                    .expect("a number"),
            });
        entries.collect()
    }

    fn verdicts(&mut self) -> [Verdict; 2] {
        let arrived = self.arrived();
        let diary = self.victim.diary();
        [
            judge::judge(diary, &arrived),
            judge::judge(&self.injected, diary),
        ]
    }
}
