//! The table of round trips on real packets: the time of each kind of login, beside the flights that were planned.

use std::time::{Duration, Instant};

use snapback_client::Outcome;
use snapback_netsim::packets::{CutKind, Profile};

use super::party::{Party, Session};
use super::stage::{Running, Setting, Stage};
use super::tally::Login;

/// One measurement of each kind of login.
#[derive(Debug, Clone)]
pub struct RoundTrips {
    /// Without stored facts.
    pub cold: Vec<Login>,
    /// A new session of a client with stored facts.
    pub warm: Vec<Login>,
    /// The interrupted session.
    pub resumed: Vec<Login>,
}

/// A cell of the table.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Flights that the client counted.
    pub flights: usize,
    /// Time from the first packet to the session, in round trips: the median.
    pub wall: f64,
}

impl Cell {
    /// Returns the cell for these logins, on a link of this round trip time; `None` if there are none.
    #[must_use]
    pub fn of(logins: &[Login], rtt: Duration) -> Option<Self> {
        let mut sorted: Vec<&Login> = logins.iter().collect();
        sorted.sort_by_key(|login| login.took);
        let median = sorted.get(sorted.len() / 2)?;
        Some(Self {
            flights: median.flights,
            wall: median.took.as_secs_f64() / rtt.as_secs_f64(),
        })
    }
}

/// Logs in cold, resumes after a cut, and logs in warm after a close of the stream, `runs` times, each time with a new
/// client. `None` where no stage is available.
///
/// # Panics
///
/// If a login fails, or is of another kind.
pub async fn logins(setting: &Setting, runs: usize) -> Option<RoundTrips> {
    let mut stage = Stage::set(setting).await?;
    let mut all = RoundTrips {
        cold: Vec::new(),
        warm: Vec::new(),
        resumed: Vec::new(),
    };
    for _ in 0..runs {
        stage.new_juliet().await;
        all.cold
            .push(stage.next_login(Outcome::Bound, Start::Connect).await);
        all.resumed
            .push(stage.next_login(Outcome::Resumed, Start::Cut).await);
        stage.juliet.client.disconnect().await;
        all.warm
            .push(stage.next_login(Outcome::Bound, Start::Connect).await);
    }
    Some(all)
}

/// Resumes on a network that carries data in the TCP handshake, then on one that drops it: after a change of the network, which
/// shows that it does, and after the server has cut the connection. Returns the times from each cause to the session; `None`
/// where no stage is available.
///
/// # Panics
///
/// If a login fails, or the server is not the reference server.
pub async fn resumptions_without_syn_data(setting: &Setting) -> Option<[Duration; 2]> {
    let mut stage = Stage::set(setting).await?;
    stage.new_juliet().await;
    stage.next_login(Outcome::Bound, Start::Connect).await;
    stage.next_login(Outcome::Resumed, Start::Cut).await;
    stage.set_profile(&Profile {
        drops_syn_data: true,
        ..setting.profile.clone()
    });
    let mut took = [Duration::ZERO; 2];
    for (took, start) in took.iter_mut().zip([Start::Cut, Start::ServerCuts]) {
        let started = Instant::now();
        stage.next_login(Outcome::Resumed, start).await;
        // Without the message that is waited for after each session.
        *took = started.elapsed().saturating_sub(stage.rtt);
    }
    Some(took)
}

/// What makes the client log in.
enum Start {
    Connect,
    Cut,
    ServerCuts,
}

impl Stage {
    async fn next_login(&mut self, expected: Outcome, start: Start) -> Login {
        let before = self.juliet.seen(|seen| seen.sessions.len());
        match start {
            Start::Connect => self.juliet.client.connect(),
            Start::ServerCuts => match &self.host {
                Running::Reference(server) => server.cut_all(),
                Running::Real(_) => panic!("only the reference server does that when told"),
            },
            Start::Cut => {
                self.link
                    .cut(CutKind::NatForgets)
                    .and_then(|cut| self.link.mend(cut))
                    .expect("the link obeys");
                self.juliet.client.network_changed(true);
            }
        }
        self.juliet
            .until("a session", |seen| seen.sessions.len() > before)
            .await;
        let session = self.juliet.seen(|seen| seen.sessions.last().cloned());
        let Session {
            outcome,
            planned,
            flights,
            fast_open,
            took,
        } = session.expect("just waited for");
        assert_eq!(outcome, expected);
        let to = self.jids.romeo.clone();
        settle(&mut self.juliet, &to).await;
        Login {
            planned,
            flights,
            fast_open,
            took,
        }
    }
}

/// Sends a message and waits until the server has it, so that everything learned before is stored.
async fn settle(party: &mut Party, to: &str) {
    party.send(to, 1).await;
    let last = party.sent.last().cloned().unwrap_or_default();
    party
        .until("an acknowledgement", |seen| seen.acked.contains(&last))
        .await;
}
