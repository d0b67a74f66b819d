//! Deadlines, and why each exists.

use std::fmt;

use crate::time::Instant;

/// So many times the ordinary wait a server that keeps talking may take to answer.
pub(super) const MAX_ACK_WAITS: u32 = 6;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The session must be there: a server that accepts and says nothing must not hold us.
    Login,
    /// The answer to an acknowledgement request, or to `<enable/>`: a dead path looks like silence. While bytes come, the wait
    /// is longer.
    Ack,
    /// The answer to a probe after a network change or a wake-up: the path is probably dead, so do not wait long.
    Probe,
    /// Silence for so long that a NAT may have forgotten us: ask.
    Keepalive,
    /// The archive's answer: what is written now waits for it if something before it may have arrived already, and nobody
    /// should wait long for that. When it has passed the server is asked for a sign of life, whose answer decides. Later, when the
    /// archive is asked once more.
    Archive,
    /// The server's end of stream after ours.
    Close,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Ack => "acknowledgement",
            Self::Probe => "probe",
            Self::Keepalive => "keepalive",
            Self::Archive => "archive",
            Self::Close => "end of stream",
        })
    }
}

/// The deadlines that are set; at most one of each kind.
#[derive(Debug, Default)]
pub(crate) struct Timers(Vec<(Timer, Instant)>);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, when: Instant) {
        self.stop(timer);
        self.0.push((timer, when));
    }

    /// Sets a deadline, unless an earlier one stands: who asks twice does not wait longer.
    pub(crate) fn hasten(&mut self, timer: Timer, when: Instant) {
        let is_sooner = |&(other, standing): &(Timer, Instant)| other == timer && standing <= when;
        if !self.0.iter().any(is_sooner) {
            self.set(timer, when);
        }
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0.iter().any(|(other, _)| *other == timer)
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0.retain(|(other, _)| *other != timer);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes a deadline that has passed.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let (timer, _) = *self.0.iter().find(|(_, when)| *when <= now)?;
        self.stop(timer);
        Some(timer)
    }

    /// The next deadline, and what it is for.
    pub(crate) fn next(&self) -> Option<(Timer, Instant)> {
        self.0.iter().copied().min_by_key(|(_, when)| *when)
    }
}
