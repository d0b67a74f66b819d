//! One cut after the other, while messages go both ways.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use snapback_client::Outcome;
use snapback_netsim::packets::tun::{Ongoing, TunError, TunLink};
use snapback_netsim::packets::{Cut, CutKind, Profile, Rng};

use super::party::Seen;
use super::stage::Stage;
use super::tally::{Back, Login, MessageCounts, Recovery};

/// How long cuts last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Cuts last as long as the profile says.
    Real,
    /// Cuts last half a second to six seconds. Only their position in a conversation matters.
    Compressed,
}

impl Pace {
    fn duration(self, cut: &Cut, rng: &mut Rng) -> Duration {
        let [low, high] = match (self, cut.kind) {
            (Self::Real, _) => cut.for_s,
            // Long enough to detect the loss and to meet the portal.
            (Self::Compressed, CutKind::CaptivePortal) => [4.0, 6.0],
            // Longer ones, too: then retransmissions are so far apart that the connection is given up.
            (Self::Compressed, CutKind::Blackhole | CutKind::LinkDown) => [0.5, 6.0],
            (Self::Compressed, _) => [0.5, 2.0],
        };
        Duration::from_secs_f64(rng.between(low, high))
    }
}

/// The plan for the cuts on a stage.
#[derive(Debug, Clone)]
pub struct Cutting {
    /// The network.
    pub profile: Profile,
    /// How often it is cut.
    pub cuts: usize,
    /// How long a cut lasts.
    pub pace: Pace,
    /// The server drops its sessions during every cut with a multiple of this number. 0: never.
    pub lose_sessions_every: usize,
    /// The phone is suspended until its session has expired at every cut with a multiple of this number. 0: never. Has
    /// no effect with a long resume window.
    pub expire_sessions_every: usize,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Cutting {
    /// Returns how the server loses the session at this cut, if it does.
    fn loss(&self, number: usize) -> Option<Loss> {
        let is_turn = |number: usize, every: usize| every > 0 && number.is_multiple_of(every);
        // Offset by half an interval, so that both kinds occur.
        let expires = number + self.expire_sessions_every / 2;
        if is_turn(expires, self.expire_sessions_every) {
            Some(Loss::Expired)
        } else {
            is_turn(number, self.lose_sessions_every).then_some(Loss::Forgotten)
        }
    }
}

/// How a session is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// The server was restarted, or dropped the session on request.
    Forgotten,
    /// The session was not resumed in time.
    Expired,
}

/// Servers check their timers at their own intervals.
const EXPIRY_MARGIN: Duration = Duration::from_secs(3);

/// The maximum number of messages in each direction before a cut, and again during it.
const MAX_MESSAGES: f64 = 8.0;

/// When a session is lost, this many messages of each side are of unknown fate in addition to those that had not
/// arrived: they had arrived, but the server may not know it yet, and may deliver them again.
const UNCERTAIN: usize = 64;

impl Stage {
    /// Cuts the link repeatedly, with messages in transit in both directions, and counts what arrives.
    ///
    /// # Panics
    ///
    /// If the phone does not reconnect, or a message does not arrive.
    pub async fn cut_again_and_again(&mut self, cutting: &Cutting) -> MessageCounts {
        let mut rng = Rng::new(cutting.seed);
        let mut tally = MessageCounts::default();
        let mut uncertain = BTreeSet::new();
        let starts = [&self.juliet, &self.romeo].map(|party| party.sent.len());
        self.set_profile(&cutting.profile);
        for number in 1..=cutting.cuts {
            let Some(cut) = pick(&cutting.profile.cuts, &mut rng) else {
                break;
            };
            let lasts = cutting.pace.duration(cut, &mut rng);
            let loss = cutting.loss(number);
            let sessions = self.juliet.seen(|seen| seen.sessions.len());
            let mended = match loss {
                None => self.cut_once(cut.kind, lasts, &mut rng).await,
                Some(Loss::Forgotten) => self.cut_and_lose_session(cut.kind, lasts, &mut rng).await,
                Some(Loss::Expired) => self.doze_until_expired(&mut rng).await,
            };
            // One more message: the loss of a connection with nothing to send would not be noticed.
            let to = self.jids.romeo.clone();
            self.juliet.send(&to, 1).await;
            self.all_there().await;
            let back = self.back(sessions, mended);
            if loss == Some(Loss::Expired) {
                assert_eq!(back.how, Recovery::NewSession, "it should have run out");
            }
            if loss.is_some() || back.how == Recovery::NewSession {
                for party in [&self.juliet, &self.romeo] {
                    let from = party.settled.saturating_sub(UNCERTAIN);
                    uncertain.extend(party.sent.iter().skip(from).cloned());
                }
            }
            tally.back.push(back);
            for party in [&mut self.juliet, &mut self.romeo] {
                party.settled = party.sent.len();
            }
        }
        let ways = [(&self.juliet, &self.romeo), (&self.romeo, &self.juliet)];
        for ((from, to), start) in ways.into_iter().zip(starts) {
            let sent = from.sent.get(start..).unwrap_or_default();
            to.seen(|seen| tally.enter(sent, seen, &uncertain));
        }
        tally
    }

    /// Cuts once, with messages in transit in both directions.
    async fn cut_once(&mut self, kind: CutKind, lasts: Duration, rng: &mut Rng) -> Instant {
        self.burst(rng).await;
        self.some_time(rng).await;
        let cut = self.begin(kind).await;
        self.burst(rng).await;
        tokio::time::sleep(lasts).await;
        self.mend(cut).await
    }

    /// Cuts once, and the server drops all sessions meanwhile. Romeo reconnects at once, and sends to a client that is
    /// offline: his messages wait in the archive.
    async fn cut_and_lose_session(
        &mut self,
        kind: CutKind,
        lasts: Duration,
        rng: &mut Rng,
    ) -> Instant {
        let kind = match kind {
            // She could reconnect at once.
            CutKind::NewAddress | CutKind::NatForgets => CutKind::Blackhole,
            CutKind::Blackhole
            | CutKind::LinkDown
            | CutKind::LinkDownNewAddress
            | CutKind::CaptivePortal => kind,
        };
        let is_careful = self.host.is_careful();
        if is_careful {
            self.burst(rng).await;
            self.some_time(rng).await;
        }
        let cut = self.begin(kind).await;
        if is_careful {
            self.burst(rng).await;
        } else {
            self.juliet_sends(rng).await;
        }
        self.lose_sessions().await;
        self.burst(rng).await;
        self.let_it_be_taken().await;
        tokio::time::sleep(lasts).await;
        self.mend(cut).await
    }

    /// Suspends the app in the middle of a burst, and resumes it when the server has dropped its session. Romeo sends
    /// to the session while it waits, and to an offline account when it has expired.
    async fn doze_until_expired(&mut self, rng: &mut Rng) -> Instant {
        self.burst(rng).await;
        self.some_time(rng).await;
        self.juliet.client.suspend().await;
        self.burst(rng).await;
        let window = Duration::from_secs(self.setting.resume_window_s.into());
        tokio::time::sleep(window + EXPIRY_MARGIN).await;
        self.burst(rng).await;
        self.let_it_be_taken().await;
        self.juliet.seen(|seen| seen.first_response = None);
        self.juliet.client.resume();
        Instant::now()
    }

    /// Waits until the server has handled what Romeo sent, since it might not notice a client that reconnects before
    /// that.
    async fn let_it_be_taken(&self) {
        if self.host.is_careful() {
            return;
        }
        let romeo = &self.romeo;
        let open = romeo.sent.get(romeo.settled..).unwrap_or_default();
        romeo
            .until("the server's word", |seen| seen.has_acked(open))
            .await;
    }

    async fn burst(&mut self, rng: &mut Rng) {
        self.juliet_sends(rng).await;
        let juliet = self.jids.juliet.clone();
        self.romeo.send(&juliet, messages(rng)).await;
    }

    async fn juliet_sends(&mut self, rng: &mut Rng) {
        let romeo = self.jids.romeo.clone();
        self.juliet.send(&romeo, messages(rng)).await;
    }

    /// Waits for a random part of the first round trips of a burst.
    async fn some_time(&self, rng: &mut Rng) {
        let depth = rng.between(0.0, 2.0);
        tokio::time::sleep(self.rtt.mul_f64(depth)).await;
    }

    /// Begins a cut, and reports what a platform would report.
    async fn begin(&self, kind: CutKind) -> Ongoing {
        let cut = self.on_link(move |link| link.cut(kind)).await;
        match kind {
            CutKind::LinkDown | CutKind::LinkDownNewAddress => {
                self.juliet.client.network_changed(false);
            }
            CutKind::NewAddress => self.juliet.client.network_changed(true),
            CutKind::Blackhole | CutKind::NatForgets | CutKind::CaptivePortal => {}
        }
        cut
    }

    /// Ends a cut, and reports what a platform would report. Returns when the network worked again.
    async fn mend(&self, cut: Ongoing) -> Instant {
        self.juliet.seen(|seen| seen.first_response = None);
        self.on_link(move |link| link.mend(cut)).await;
        let mended = Instant::now();
        // A network is back, a portal was left, or the user opens the app: a phone always notices it in some way.
        self.juliet.client.network_changed(true);
        mended
    }

    /// Returns how the phone reconnected; `sessions` is the number of sessions before the cut.
    fn back(&self, sessions: usize, mended: Instant) -> Back {
        self.juliet.seen(|seen| {
            let sign = seen.first_response.unwrap_or(mended);
            let new = seen.sessions.get(sessions..).unwrap_or_default();
            Back {
                how: match new.last() {
                    None => Recovery::Survived,
                    Some(_) if new.iter().all(|new| new.outcome == Outcome::Resumed) => {
                        Recovery::Resumed
                    }
                    Some(_) => Recovery::NewSession,
                },
                after: sign.saturating_duration_since(mended),
                login: new.last().map(|session| Login {
                    fast_open: session.fast_open,
                    planned: session.planned,
                    flights: session.flights,
                    took: session.took,
                }),
            }
        })
    }

    async fn on_link<T: Send + 'static>(
        &self,
        change: impl FnOnce(&TunLink) -> Result<T, TunError> + Send + 'static,
    ) -> T {
        let link = Arc::clone(&self.link);
        let done = tokio::task::spawn_blocking(move || change(&link)).await;
        done.expect("no panic").expect("the link obeys")
    }

    /// Waits until everything has arrived and is acknowledged.
    async fn all_there(&self) {
        for (from, to) in [(&self.juliet, &self.romeo), (&self.romeo, &self.juliet)] {
            let open = from.sent.get(from.settled..).unwrap_or_default();
            let there = to.in_time(|seen| open.iter().all(|id| seen.has_received(id)));
            if !there.await {
                let (theirs, ours) = (from.archived().await, to.archived().await);
                let sender = from.seen(|seen| seen.to_string());
                let found = to.seen(|seen| missing(open, seen, &theirs, &ours));
                panic!("{found}; the sender: {sender}");
            }
            from.until("all acknowledgements", |seen| seen.has_acked(open))
                .await;
        }
    }
}

/// Describes what did not arrive, by its position among the messages since the last cut but one, and which archive has
/// it: what is in its sender's archive and not in the other's was lost by the server.
fn missing(
    open: &[String],
    seen: &Seen,
    senders: &BTreeSet<String>,
    others: &BTreeSet<String>,
) -> String {
    let places = open.iter().enumerate();
    let missing: Vec<_> = places.filter(|(_, id)| !seen.has_received(id)).collect();
    let found = |archive: &BTreeSet<String>| {
        let found = missing.iter().filter(|(_, id)| archive.contains(*id));
        format!("{} (of {} seen)", found.count(), archive.len())
    };
    format!(
        "of {} messages these never came: {missing:?}; in the sender's archive {}, in the other's {}; so far: {seen}",
        open.len(),
        found(senders),
        found(others),
    )
}

fn pick<'a>(cuts: &'a [Cut], rng: &mut Rng) -> Option<&'a Cut> {
    let count = u64::try_from(cuts.len()).unwrap_or(u64::MAX).max(1);
    cuts.get(usize::try_from(rng.number() % count).unwrap_or_default())
}

fn messages(rng: &mut Rng) -> usize {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and 9"
    )]
    let count = rng.between(1.0, MAX_MESSAGES + 1.0) as usize;
    count
}
