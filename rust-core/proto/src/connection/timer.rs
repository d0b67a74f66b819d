//! Deadlines, and the reason of each.

use std::fmt;

use crate::time::Instant;

/// The factor by which the timeout is extended for a server that keeps sending other data.
pub(super) const MAX_ACK_WAITS: u32 = 6;

/// The purpose of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The session must be established: a server that accepts the connection and sends nothing must not block the client.
    Login,
    /// The answer to an acknowledgement request, or to `<enable/>`: a dead path looks like silence. While bytes arrive, the
    /// timeout is longer.
    Ack,
    /// The response to a probe after a network change or a wake-up: the path is probably dead, so the timeout is short.
    Probe,
    /// Idle time after which a NAT may have dropped the mapping: send a probe.
    Keepalive,
    /// The archive's answer: new stanzas wait for it if a message before them may have arrived already, and that wait must be
    /// short. When it has passed, a liveness probe is sent, and its response decides. Later: when the archive is queried again.
    Archive,
    /// The app's answer to the request for a bearer token: a provider that hangs must not block the client.
    Token,
    /// The answer to what is sent alone: the stream has continued, so it goes on with the next.
    Request,
    /// The server's end of stream after the client's.
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
            Self::Token => "token of the app",
            Self::Request => "request",
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

    /// Sets a deadline, unless an earlier one is set: a repeated request does not extend the wait.
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

    /// Removes and returns a deadline that has passed.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let (timer, _) = *self.0.iter().find(|(_, when)| *when <= now)?;
        self.stop(timer);
        Some(timer)
    }

    /// Returns the next deadline, and its purpose.
    pub(crate) fn next(&self) -> Option<(Timer, Instant)> {
        self.0.iter().copied().min_by_key(|(_, when)| *when)
    }
}
