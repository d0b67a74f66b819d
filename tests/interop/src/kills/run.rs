//! A run: two victims that exchange messages, and a test that kills them and cuts their links.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test support: what cannot be set up must fail the test, and figures must be seen"
)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snapback_netsim::packets::Rng;
use snapback_netsim::{CutMode, Link, LinkConfig};

use super::judge::{self, Excuse, Sessions, Verdict};
use super::process::{Folder, Person, Victim};
use crate::Credentials;
use crate::phone::Endpoint;

/// Long enough that something is in transit at any moment of a burst.
const RTT: Duration = Duration::from_millis(10);
/// A victim whose moment does not come within this time is killed anyway.
const MOMENT: Duration = Duration::from_secs(10);
/// The timeout for everything to arrive once all faults have ended. A server may resume a session of which it then reads
/// nothing: that costs three timeouts of an acknowledgement, of 20 s each, and the pauses between the attempts.
const TIMEOUT: Duration = Duration::from_secs(150);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);
/// The interval at which the end is checked.
const GLANCE: Duration = Duration::from_millis(20);
/// Without a network, a connection lasts at most this long.
const BROKEN: Duration = Duration::from_millis(5);
/// A victim usually has its session by then: one that is killed sooner is killed while it opens or logs in.
const START_US: u64 = 120_000;
/// A burst has usually ended by then.
const BURST_US: u64 = 60_000;
const BURST: u64 = 16;

/// Which victims are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// Both, in turn.
    Both,
    /// Only the first; the other runs all the time.
    First,
}

/// The parameters of a run.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The name of the run in its output.
    pub name: &'a str,
    /// The victim's program.
    pub program: PathBuf,
    /// The server.
    pub endpoint: Endpoint,
    /// The two accounts.
    pub accounts: [Credentials; 2],
    /// Which victims are killed.
    pub killed: Killed,
    /// The excuse, which applies only if sessions were lost.
    pub excuse: Excuse,
    /// The number of kills.
    pub kills: u32,
    /// The seed of moments, bursts and cuts. Their effects depend on the machine.
    pub seed: u64,
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    name: String,
    seed: u64,
    kills: u32,
    cuts: u32,
    sessions: Sessions,
    excuse: Excuse,
    /// The verdict on each direction.
    pub verdicts: [Verdict; 2],
    /// The paths of the diaries, for analysis.
    pub diaries: [PathBuf; 2],
    folder: Folder,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, seed {}: {} kills, {} cuts; {} sessions resumed, {} bound, at most {} lost",
            self.name,
            self.seed,
            self.kills,
            self.cuts,
            self.sessions.resumed,
            self.sessions.bound,
            self.sessions.lost
        )?;
        writeln!(f, "  there: {}", self.verdicts[0])?;
        write!(f, "  back:  {}", self.verdicts[1])
    }
}

impl Report {
    /// Prints the figures.
    ///
    /// # Panics
    ///
    /// If a message was lost, duplicated, out of order or never sent; the folder with diaries and stores is kept then.
    pub fn check(self) {
        println!("{self}");
        let excuse = match self.sessions.lost {
            0 => Excuse::None,
            _ => self.excuse,
        };
        assert!(
            self.verdicts.iter().all(|verdict| verdict.is_good(excuse)),
            "not each message once; diaries and stores are in {}",
            self.folder.path().display()
        );
    }
}

/// Kills the victims, and checks the diaries.
///
/// # Panics
///
/// If victims cannot be started, or end by themselves.
pub async fn run(plan: Plan<'_>) -> Report {
    let folder = Folder::new(plan.name, plan.seed);
    let mut stage = Stage::set(&plan, folder.path()).await;
    while stage.kills < plan.kills {
        stage.act(plan.killed).await;
    }
    stage.finish().await;
    let diaries = [0, 1].map(|who| stage.victims[who].diary_path());
    let [first, second] = &mut stage.victims;
    let (first, second) = (first.diary(), second.diary());
    Report {
        name: plan.name.to_owned(),
        seed: plan.seed,
        kills: stage.kills,
        cuts: stage.cuts,
        sessions: judge::sessions(first) + judge::sessions(second),
        excuse: plan.excuse,
        verdicts: [judge::judge(first, second), judge::judge(second, first)],
        diaries,
        folder,
    }
}

struct Stage {
    victims: [Victim; 2],
    links: [Link; 2],
    rng: Rng,
    kills: u32,
    cuts: u32,
}

impl Stage {
    async fn set(plan: &Plan<'_>, folder: &Path) -> Self {
        let link = || async {
            let config = LinkConfig::with_rtt(RTT).for_foreign_clients();
            Link::start(config, plan.endpoint.addr)
                .await
                .expect("the link opens a port")
        };
        let links = [link().await, link().await];
        let victims = [0, 1].map(|who: usize| {
            Victim::start(Person {
                program: plan.program.clone(),
                folder: folder.join(["first", "second"][who]),
                jid: plan.accounts[who].jid.clone(),
                password: plan.accounts[who].password.clone(),
                peer: plan.accounts[1 - who].jid.clone(),
                endpoint: Endpoint {
                    addr: links[who].addr(),
                    ..plan.endpoint.clone()
                },
                fate: None,
            })
        });
        Self {
            victims,
            links,
            rng: Rng::new(plan.seed),
            kills: 0,
            cuts: 0,
        }
    }

    /// Sends some messages, perhaps cuts, kills once or twice, and restarts.
    async fn act(&mut self, killed: Killed) {
        let who = match killed {
            Killed::Both => self.rng.index(2),
            Killed::First => 0,
        };
        if self.rng.below(2) == 0 {
            self.online().await;
        }
        for victim in &mut self.victims {
            victim.order(&format!("send {}", self.rng.below(BURST)));
        }
        let is_down = self.disturb(who).await;
        match self.rng.below(10) {
            0..=2 => {
                self.pause(BURST_US).await;
                self.kill(who);
                // And again, while it opens its store, connects or logs in.
                self.pause(START_US).await;
                self.kill(who);
            }
            3..=5 => {
                self.pause(BURST_US).await;
                self.kill(who);
            }
            _ if is_down => self.kill(who),
            _ => self.kill_at_a_moment(who).await,
        }
        if is_down {
            self.no_network(who).await;
        }
    }

    /// Breaks each connection of the victim for a while.
    async fn no_network(&mut self, who: usize) {
        let until = Duration::from_micros(self.rng.below(START_US));
        let until = tokio::time::Instant::now() + until;
        while tokio::time::Instant::now() < until {
            self.links[who].cut(CutMode::ResetBoth);
            tokio::time::sleep(BROKEN).await;
        }
    }

    /// Waits until both have a session in this process; one that gets none is found at the end.
    async fn online(&mut self) {
        let deadline = tokio::time::Instant::now() + MOMENT;
        while tokio::time::Instant::now() < deadline {
            let mut victims = self.victims.iter_mut();
            if victims.all(|victim| judge::is_online(judge::last_life(victim.diary()))) {
                return;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Sometimes breaks the network at the same time; returns whether it stays down for the victim.
    async fn disturb(&mut self, who: usize) -> bool {
        let whose = self.rng.index(2);
        let mode = match self.rng.below(12) {
            0 | 1 => CutMode::ResetClient,
            2 => CutMode::ResetBoth,
            3 => CutMode::CloseBoth,
            4 => {
                // Neither end is notified of the kill, and the new process has no network at first.
                self.links[who].cut(CutMode::Blackhole);
                self.cuts += 1;
                return true;
            }
            _ => return false,
        };
        self.pause(BURST_US / 2).await;
        self.links[whose].cut(mode);
        self.cuts += 1;
        false
    }

    /// Kills a victim at a moment at which an operation is incomplete.
    async fn kill_at_a_moment(&mut self, who: usize) {
        let count = 1 + self.rng.below(4);
        let moments = [
            "delivered",
            "delivered",
            "confirmed",
            "queued",
            "attempting",
        ];
        let moment = moments[self.rng.index(moments.len())];
        self.victims[who].order(&format!("die {moment} {count}"));
        // Enough messages for the moment to come, whichever side has to send.
        for victim in &mut self.victims {
            victim.order(&format!("send {}", count + self.rng.below(BURST)));
        }
        if self.victims[who].died(MOMENT).await {
            self.kills += 1;
        } else {
            self.kill(who);
        }
    }

    fn kill(&mut self, who: usize) {
        self.victims[who].kill();
        self.kills += 1;
    }

    /// Ends all faults and waits for everything that was promised. A last message each way follows everything else.
    async fn finish(&mut self) {
        self.arrived([0, 0]).await;
        let mut last = [0, 0];
        for (victim, last) in self.victims.iter_mut().zip(&mut last) {
            *last = judge::promises(victim.diary()) + 1;
            victim.order("send 1");
        }
        self.arrived(last).await;
        for victim in &mut self.victims {
            victim.leave(CLOSE_TIMEOUT).await;
        }
    }

    /// Waits until at least this many messages each way are promised, and all promised ones have arrived.
    async fn arrived(&mut self, at_least: [usize; 2]) {
        let deadline = tokio::time::Instant::now() + TIMEOUT;
        while tokio::time::Instant::now() < deadline {
            let [first, second] = &mut self.victims;
            let (first, second) = (first.diary(), second.diary());
            let are_promised =
                judge::promises(first) >= at_least[0] && judge::promises(second) >= at_least[1];
            let have_arrived =
                judge::has_arrived(first, second) && judge::has_arrived(second, first);
            if are_promised && have_arrived {
                return;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    async fn pause(&mut self, at_most_us: u64) {
        let time = Duration::from_micros(self.rng.below(at_most_us));
        tokio::time::sleep(time).await;
    }
}
