//! The flight recorder: what the last connections did, failed ones too, and how good the connection is.
//!
//! It holds what [`EngineEvent::Online`] and [`EngineEvent::Ended`] report: names of protocol messages, times, addresses of servers.
//! No content of stanzas, no address of a contact, no secret. In memory, and bounded.

use std::collections::VecDeque;
use std::time::Duration;

use snapback_proto::connection::Outcome;
use snapback_proto::time::{Instant, Now, UnixTime};

use crate::engine::{DialReport, EndReason, EngineEvent};
use crate::link::Timeline;
use crate::supervisor::{ConnectionState, OfflineReason};

/// The number of attempts that are kept: at the pace of a phone that loses its network all day, about a day.
pub const MAX_ATTEMPTS: usize = 256;
/// The number of times to be back that are kept, the newest.
const MAX_SAMPLES: usize = 1024;
/// The period that [`ConnectionQuality`] is about.
pub const PERIOD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An attempt to connect, and the connection that came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// Counts from 1 since the client was opened.
    pub number: u64,
    /// When its result was known, by the clock of the device.
    pub at: UnixTime,
    /// How the server was found and reached.
    pub dial: DialReport,
    /// What each flight carried, if there was a transport.
    pub timeline: Option<Timeline>,
    /// The session that was established; `None` if there was none.
    pub outcome: Option<Outcome>,
    /// Why the connection or the attempt ended; `None` for the connection that exists.
    pub ended: Option<EndReason>,
    /// How long the session lasted, if it has ended.
    pub lasted: Option<Duration>,
}

/// How good the connection was in the last seven days, as far as this process knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionQuality {
    /// Attempts to connect.
    pub attempts: u64,
    /// Sessions that were resumed (XEP-0198).
    pub resumed: u64,
    /// New sessions.
    pub bound: u64,
    /// The time from when a session was wanted and possible to the session: the network was there, and the process awake.
    pub time_to_online: Option<Percentiles>,
    /// The time from the first packet of a connection to the session.
    pub login: Option<Percentiles>,
    /// The time of the last TCP handshake: a round trip, or a little more.
    pub round_trip: Option<Duration>,
    /// Bytes written by logins, until the session was established.
    pub login_bytes_sent: u64,
    /// Bytes read by logins, until the session was established.
    pub login_bytes_received: u64,
}

/// Two percentiles of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of them took at most this long.
    pub p50: Duration,
    /// All but one in a hundred took at most this long.
    pub p99: Duration,
}

impl Percentiles {
    /// Returns the percentiles of these times (the nearest rank); `None` if there are none.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<Duration> = times.into_iter().collect();
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100);
            times.get(rank.saturating_sub(1)).copied()
        };
        Some(Self {
            p50: at(50)?,
            p99: at(99)?,
        })
    }
}

/// A session, as far as the quality needs it.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    outcome: Option<Outcome>,
    time_to_online: Option<Duration>,
    login: Option<Duration>,
    sent: u64,
    received: u64,
}

/// Records the events of an engine.
#[derive(Debug)]
pub struct Recorder {
    attempts: VecDeque<AttemptRecord>,
    samples: VecDeque<Sample>,
    last_number: u64,
    round_trip: Option<Duration>,
    /// Since when a session is wanted and possible, and there is none.
    waiting: Option<Instant>,
    /// Since when there is one.
    online: Option<Instant>,
    /// When the last event was noted.
    last: Instant,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            attempts: VecDeque::new(),
            samples: VecDeque::new(),
            last_number: 0,
            round_trip: None,
            waiting: None,
            online: None,
            last: Instant::ZERO,
        }
    }
}

impl Recorder {
    /// Takes an event. Others than those about connections are ignored.
    pub fn note(&mut self, event: &EngineEvent, now: Now) {
        self.last = now.mono;
        match event {
            EngineEvent::State(state) => self.state(state, now.mono),
            EngineEvent::Online {
                outcome,
                timeline,
                dial,
                ..
            } => self.session(*outcome, timeline, dial, now),
            EngineEvent::Ended {
                reason,
                timeline,
                dial,
                ..
            } => self.ended(reason, timeline.as_deref(), dial, now),
            _ => {}
        }
    }

    fn state(&mut self, state: &ConnectionState, now: Instant) {
        match state {
            // The session follows, or has come.
            ConnectionState::Online { .. } => {}
            ConnectionState::Connecting { .. }
            | ConnectionState::Offline {
                reason: OfflineReason::Failed,
                ..
            } => {
                self.waiting.get_or_insert(now);
            }
            // No session is wanted, or none is possible.
            ConnectionState::Offline { .. } => self.waiting = None,
        }
    }

    fn session(&mut self, outcome: Outcome, timeline: &Timeline, dial: &DialReport, now: Now) {
        let first = timeline.flights.first();
        self.round_trip = first.and_then(|flight| flight.took()).or(self.round_trip);
        self.online = Some(now.mono);
        let waited = self.waiting.take().map(|since| now.mono.since(since));
        self.sample(Some(outcome), waited, Some(timeline), now);
        self.push(dial, Some(timeline), Some(outcome), now);
    }

    fn ended(
        &mut self,
        reason: &EndReason,
        timeline: Option<&Timeline>,
        dial: &DialReport,
        now: Now,
    ) {
        if let Some(since) = self.online.take() {
            if let Some(last) = self.attempts.back_mut().filter(|last| last.ended.is_none()) {
                last.ended = Some(reason.clone());
                last.lasted = Some(now.mono.since(since));
            }
            return;
        }
        self.sample(None, None, timeline, now);
        self.push(dial, timeline, None, now);
        if let Some(last) = self.attempts.back_mut() {
            last.ended = Some(reason.clone());
        }
    }

    fn sample(
        &mut self,
        outcome: Option<Outcome>,
        time_to_online: Option<Duration>,
        timeline: Option<&Timeline>,
        now: Now,
    ) {
        if self.samples.len() >= MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            at: now.mono,
            outcome,
            time_to_online,
            login: timeline.and_then(Timeline::took),
            sent: timeline.map_or(0, |timeline| timeline.bytes_sent),
            received: timeline.map_or(0, |timeline| timeline.bytes_received),
        });
    }

    fn push(
        &mut self,
        dial: &DialReport,
        timeline: Option<&Timeline>,
        outcome: Option<Outcome>,
        now: Now,
    ) {
        if self.attempts.len() >= MAX_ATTEMPTS {
            self.attempts.pop_front();
        }
        self.last_number = self.last_number.saturating_add(1);
        self.attempts.push_back(AttemptRecord {
            number: self.last_number,
            at: now.wall,
            dial: dial.clone(),
            timeline: timeline.cloned(),
            outcome,
            ended: None,
            lasted: None,
        });
    }

    /// Returns the last attempts, the newest last.
    pub fn attempts(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.attempts.iter()
    }

    /// Returns how good the connection was, up to the last event.
    pub fn quality(&self) -> ConnectionQuality {
        let now = self.last;
        let recent = || {
            let samples = self.samples.iter();
            samples.filter(|sample| now.since(sample.at) <= PERIOD)
        };
        let count = |outcome: Outcome| {
            let sessions = recent().filter(|sample| sample.outcome == Some(outcome));
            sessions.count() as u64
        };
        ConnectionQuality {
            attempts: recent().count() as u64,
            resumed: count(Outcome::Resumed),
            bound: count(Outcome::Bound).saturating_add(count(Outcome::Unannounced)),
            time_to_online: Percentiles::of(recent().filter_map(|sample| sample.time_to_online)),
            login: Percentiles::of(recent().filter_map(|sample| sample.login)),
            round_trip: self.round_trip,
            login_bytes_sent: recent().map(|sample| sample.sent).sum(),
            login_bytes_received: recent().map(|sample| sample.received).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::FlightReport;
    use crate::supervisor::AfterEnd;

    fn at(seconds: u64) -> Now {
        Now {
            mono: Instant::ZERO + Duration::from_secs(seconds),
            wall: UnixTime(1_795_000_000),
        }
    }

    /// A login that began then, took a second, and had a first answer after a tenth of that.
    fn login(seconds: u64) -> Timeline {
        let started = at(seconds).mono;
        let answered = started + Duration::from_millis(100);
        Timeline {
            online: Some(at(seconds + 1).mono),
            flights: vec![FlightReport {
                sent: Vec::new(),
                received: Vec::new(),
                started,
                answered: Some(answered),
            }],
            started,
            local: Vec::new(),
            escalated: Vec::new(),
            tls: None,
            fast_open: false,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    fn connecting(recorder: &mut Recorder, now: Now) {
        let step = crate::supervisor::AttemptPhase::Transport;
        recorder.note(
            &EngineEvent::State(ConnectionState::Connecting { step }),
            now,
        );
    }

    fn offline(recorder: &mut Recorder, reason: OfflineReason, now: Now) {
        let retry_at = None;
        let state = ConnectionState::Offline { reason, retry_at };
        recorder.note(&EngineEvent::State(state), now);
    }

    fn end(recorder: &mut Recorder, reason: EndReason, now: Now) {
        let event = EngineEvent::Ended {
            reason,
            then: AfterEnd::Retries,
            plan: None,
            timeline: None,
            dial: Box::default(),
        };
        recorder.note(&event, now);
    }

    #[test]
    fn an_attempt_in_vain_and_a_session_are_recorded_with_their_ends() {
        let mut recorder = Recorder::default();
        let dial = DialReport::default();
        connecting(&mut recorder, at(0));
        end(&mut recorder, EndReason::Driver, at(5));
        offline(&mut recorder, OfflineReason::Failed, at(5));
        recorder.session(Outcome::Bound, &login(9), &dial, at(10));
        end(&mut recorder, EndReason::Closed, at(40));
        let recorded: Vec<_> = recorder.attempts().cloned().collect();
        let brief = |record: &AttemptRecord| {
            (
                record.number,
                record.outcome,
                record.ended.clone(),
                record.lasted,
            )
        };
        let lasted = Some(Duration::from_secs(30));
        let expected = [
            (1, None, Some(EndReason::Driver), None),
            (2, Some(Outcome::Bound), Some(EndReason::Closed), lasted),
        ];
        assert_eq!(recorded.iter().map(brief).collect::<Vec<_>>(), expected);
        let quality = recorder.quality();
        assert_eq!(
            (quality.attempts, quality.bound, quality.resumed),
            (2, 1, 0)
        );
        // Wanted since the first attempt.
        let p50 = |percentiles: Option<Percentiles>| percentiles.map(|both| both.p50);
        assert_eq!(p50(quality.time_to_online), Some(Duration::from_secs(10)));
        assert_eq!(p50(quality.login), Some(Duration::from_secs(1)));
        assert_eq!(quality.round_trip, Some(Duration::from_millis(100)));
    }

    #[test]
    fn time_without_a_wanted_session_is_not_waiting() {
        let mut recorder = Recorder::default();
        connecting(&mut recorder, at(0));
        offline(&mut recorder, OfflineReason::Suspended, at(1));
        connecting(&mut recorder, at(100));
        let dial = DialReport::default();
        recorder.session(Outcome::Resumed, &login(101), &dial, at(102));
        let waited = recorder.quality().time_to_online.map(|both| both.p99);
        assert_eq!(waited, Some(Duration::from_secs(2)));
    }

    #[test]
    fn what_is_old_is_not_counted_and_what_is_too_much_is_dropped() {
        let mut recorder = Recorder::default();
        end(&mut recorder, EndReason::Driver, at(0));
        for second in 1..=MAX_SAMPLES as u64 {
            end(&mut recorder, EndReason::Driver, at(second));
        }
        assert_eq!(recorder.attempts().count(), MAX_ATTEMPTS);
        let last = recorder.attempts().last().map(|record| record.number);
        assert_eq!(last, Some(MAX_SAMPLES as u64 + 1));
        assert_eq!(recorder.quality().attempts, MAX_SAMPLES as u64);
        offline(
            &mut recorder,
            OfflineReason::NotWanted,
            at(PERIOD.as_secs() + 1_000),
        );
        assert_eq!(recorder.quality().attempts, 25);
    }

    fn times(count: u64) -> Option<Percentiles> {
        Percentiles::of((1..=count).map(Duration::from_millis))
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let of = |p50, p99| {
            Some(Percentiles {
                p50: Duration::from_millis(p50),
                p99: Duration::from_millis(p99),
            })
        };
        assert_eq!(times(0), None);
        assert_eq!(times(1), of(1, 1));
        assert_eq!(times(2), of(1, 2));
        assert_eq!(times(100), of(50, 99));
        assert_eq!(times(1000), of(500, 990));
    }
}
