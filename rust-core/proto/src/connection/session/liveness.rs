//! Liveness: when bytes were last received, and when the server is probed.

use std::time::Duration;

use crate::connection::remote::Remote;
use crate::connection::session::state::Session;
use crate::connection::timer::Timer;
use crate::error::ConnectionError;
use crate::knowledge::Op;
use crate::time::Instant;

/// The minimum interval: a server with a shorter idle timeout must not make the client send continuously.
const LEAST_IDLE: Duration = Duration::from_secs(10);

/// The precision with which the time of the session's last activity is stored. If the process is killed, the session may appear
/// older by as much; servers keep sessions for minutes.
const ALIVE_STEP_SECONDS: i64 = 30;

impl Session {
    /// When the last bytes were received.
    pub(in crate::connection) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Records received bytes: the path works.
    pub(in crate::connection) fn heard(&mut self, remote: &mut Remote) {
        self.heard_at = remote.env.now.mono;
        self.keep_alive(remote);
        note_alive(ALIVE_STEP_SECONDS, remote);
    }

    /// Schedules the next liveness probe: after a time without inbound bytes; and before the server's idle timeout (XEP-0478),
    /// which counts from what the client sent last.
    pub(super) fn keep_alive(&self, remote: &mut Remote) {
        let Some(interval) = remote.env.config.timeouts.keepalive else {
            return;
        };
        let now = remote.env.now.mono;
        let ours = now + interval;
        let idle = remote.limits().and_then(|limits| limits.idle_seconds);
        let theirs = idle.map(|idle| {
            // A quarter is reserved for the transmission.
            let wait = Duration::from_secs(u64::from(idle)) * 3 / 4;
            remote.env.sent_at() + wait.max(LEAST_IDLE)
        });
        let when = theirs.map_or(ours, |theirs| ours.min(theirs.max(now)));
        remote.env.timers.set(Timer::Keepalive, when);
    }

    /// Processes a deadline that has passed.
    pub(in crate::connection) fn timeout(
        &mut self,
        timer: Timer,
        remote: &mut Remote,
    ) -> Result<(), ConnectionError> {
        match timer {
            Timer::Keepalive => {
                self.probe(remote);
                self.look_again(remote);
            }
            Timer::Ack if self.awaits_session() => self.start_late(remote),
            Timer::Ack if self.ask_anew(remote) || self.is_patient(remote) => {}
            Timer::Archive => self.archive_is_late(remote),
            Timer::Request => self.request_is_late(remote),
            timer => return Err(ConnectionError::Timeout(timer)),
        }
        Ok(())
    }

    /// Records the end of the connection with this error: the server's time to keep the session starts now.
    pub(in crate::connection) fn failed(&self, error: &ConnectionError, remote: &mut Remote) {
        if !matches!(error, ConnectionError::Local(_)) {
            note_alive(1, remote);
        }
    }
}

/// I14: the server counts `max` from the loss of the connection, not from its beginning. Stored with a precision of `step`
/// seconds, so that a busy connection does not write for every read.
fn note_alive(step: i64, remote: &mut Remote) {
    let wall = remote.env.now.wall;
    let session = remote.knowledge.sm.as_mut();
    let Some(session) = session.filter(|session| wall.0.saturating_sub(session.alive_at.0) >= step)
    else {
        return;
    };
    session.alive_at = wall;
    remote.env.persist(vec![Op::SmAlive { at: wall }]);
}
