//! A victim that dies at one certain change of its store: at each of them, before and after.
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

/// Whose messages the server brings in.
const PEER: &str = "romeo@localhost";
/// Each way, in each life.
const MESSAGES: usize = 3;
/// For what must come. Nothing here takes longer, unless it is broken.
const TIMEOUT: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(2);

/// Which life ends at a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// The first: it logs in cold.
    First,
    /// One that resumes the session of the life before, with messages waiting on both sides.
    Resuming,
}

/// Runs that die, each at another change, until one lives.
#[derive(Debug)]
pub struct EachChange<'a> {
    /// The victim's program.
    pub program: PathBuf,
    /// The server.
    pub server: &'a ReferenceServer,
    /// Which life is to end.
    pub life: Life,
}

/// What became of one victim.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it came to the change at which it was to die.
    pub died: bool,
    /// Messages out, and in.
    pub verdicts: [Verdict; 2],
    sessions: Sessions,
    folder: Folder,
}

impl Outcome {
    /// Judges.
    ///
    /// # Panics
    ///
    /// If a message was lost or came twice.
    pub fn check(&self, fate: Fate, life: Life) {
        let [out, back] = &self.verdicts;
        // A life that ends before its session is stored leaves one on the server that nobody resumes.
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
    /// One victim, one death, and a life in which everything comes to its end.
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

/// One victim and the server's books about it.
struct Play<'a> {
    server: &'a ReferenceServer,
    user: String,
    victim: Victim,
    /// What the server sent it, as a diary.
    injected: Vec<Entry>,
}

impl Play<'_> {
    /// Messages both ways, until all of them are there; yields whether the victim died of its fate meanwhile. Its next life
    /// has no fate.
    async fn all_there(&mut self) -> bool {
        self.exchange();
        let mut died = false;
        let deadline = tokio::time::Instant::now() + TIMEOUT;
        while tokio::time::Instant::now() < deadline {
            // A victim that has done everything may still die of what it does behind that.
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

    /// Everything came, and this life has done its part: each of its messages is taken and acknowledged, each delivery
    /// confirmed.
    fn is_done(&mut self) -> bool {
        let arrived = self.arrived();
        let diary = self.victim.diary();
        judge::has_arrived(&self.injected, diary)
            && judge::has_arrived(diary, &arrived)
            && judge::promises(judge::last_life(diary)) >= MESSAGES
            && judge::is_settled(judge::last_life(diary))
    }

    /// What the server received, as a diary.
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
