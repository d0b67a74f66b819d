//! Liveness: when bytes last came, and when the server is probed.

use std::time::Duration;

use crate::connection::context::Context;
use crate::connection::session::state::Session;
use crate::connection::timer::Timer;
use crate::error::ConnectionError;
use crate::knowledge::Op;
use crate::time::Instant;

/// A server that calls us idle sooner must not make us talk without a pause.
const LEAST_IDLE: Duration = Duration::from_secs(10);

/// How exactly it is stored when the session was last alive. A kill may add as much to its age; servers keep sessions for
/// minutes.
const ALIVE_STEP_SECONDS: i64 = 30;

impl Session {
    /// When the last bytes came.
    pub(in crate::connection) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Bytes came: the path is alive.
    pub(in crate::connection) fn heard(&mut self, context: &mut Context) {
        self.heard_at = context.env.now.mono;
        self.keep_alive(context);
        note_alive(ALIVE_STEP_SECONDS, context);
    }

    /// When we ask whether the server is still there: after a silence of its own; and before it takes us for idle (XEP-0478), which
    /// counts from what we said last.
    pub(super) fn keep_alive(&self, context: &mut Context) {
        let Some(interval) = context.env.config.timeouts.keepalive else {
            return;
        };
        let now = context.env.now.mono;
        let ours = now + interval;
        let idle = context.limits().and_then(|limits| limits.idle_seconds);
        let theirs = idle.map(|idle| {
            // A quarter is left for the way.
            let wait = Duration::from_secs(u64::from(idle)) * 3 / 4;
            context.env.sent_at() + wait.max(LEAST_IDLE)
        });
        let when = theirs.map_or(ours, |theirs| ours.min(theirs.max(now)));
        context.env.timers.set(Timer::Keepalive, when);
    }

    /// A deadline has passed.
    pub(in crate::connection) fn timeout(
        &mut self,
        timer: Timer,
        context: &mut Context,
    ) -> Result<(), ConnectionError> {
        match timer {
            Timer::Keepalive => {
                self.probe(context);
                self.look_again(context);
            }
            Timer::Ack if self.awaits_start.is_some() => self.start_late(context),
            Timer::Ack if self.is_patient(context) => {}
            Timer::Archive => self.archive_is_late(context),
            timer => return Err(ConnectionError::Timeout(timer)),
        }
        Ok(())
    }

    /// The connection ends with this error: the server counts from now on.
    pub(in crate::connection) fn failed(&self, error: &ConnectionError, context: &mut Context) {
        if !matches!(error, ConnectionError::Local(_)) {
            note_alive(1, context);
        }
    }
}

/// I14: the server counts `max` from the loss of the connection, not from its beginning. Kept to within `step`
/// seconds, so that a busy connection does not write for every read.
fn note_alive(step: i64, context: &mut Context) {
    let wall = context.env.now.wall;
    let session = context.knowledge.sm.as_mut();
    let Some(session) = session.filter(|session| wall.0.saturating_sub(session.alive_at.0) >= step)
    else {
        return;
    };
    session.alive_at = wall;
    context.env.persist(vec![Op::SmAlive { at: wall }]);
}
