//! The settling query: a second query to the archive, for messages that it stored at the very moment of a bind (decision 0038).
//!
//! ```text
//!  new session --> catch-up --complete--> Due(begin, when) --> asked, from where the catch-up ended
//!        resumed session --> nothing          |
//!                                             | the user looks: at its time
//!                                             '-- inactive: after the next bytes that pass anyhow
//! ```

use std::time::Duration;

use crate::knowledge::ArchiveCursor;

use crate::connection::remote::Remote;
use crate::connection::session::archive::{Archive, is_time_stale};
use crate::connection::session::state::{Session, SettlingQuery};
use crate::connection::timer::Timer;

/// The delay after the catch-up. Long enough for an archive that writes after it delivers, short enough for a user who waits
/// for the message.
const DELAY: Duration = Duration::from_secs(15);

/// The minimum time between two settling queries.
const REST: Duration = Duration::from_secs(86_400);

impl Session {
    /// Records that the first catch-up of a new session is complete, up to here.
    pub(super) fn plan_settling_query(
        &mut self,
        begin: Option<ArchiveCursor>,
        remote: &mut Remote,
    ) {
        if let (SettlingQuery::AfterCatchUp, Some(begin)) = (&self.settling_query, begin) {
            let when = remote.env.now.mono + DELAY;
            self.settling_query = SettlingQuery::Due { begin, when };
            self.await_settling_query(remote);
        }
    }

    /// Records that a live message has moved the cursor from here. Its stamp in the archive is not known, and without one the
    /// time of the cursor gets out of date where sessions are only resumed: after a day the archive is queried for this
    /// message, and returns its stamp.
    pub(super) fn plan_look_for_time(&mut self, begin: Option<ArchiveCursor>, remote: &mut Remote) {
        if let (SettlingQuery::Done { until }, Some(begin)) = (&self.settling_query, begin)
            && *until <= remote.env.now.mono
            && is_time_stale(remote)
        {
            let when = remote.env.now.mono + DELAY;
            self.settling_query = SettlingQuery::Due { begin, when };
            self.await_settling_query(remote);
        }
    }

    /// A timer is set only in the foreground: it would wake the radio for a rare case.
    pub(super) fn await_settling_query(&self, remote: &mut Remote) {
        if let SettlingQuery::Due { when, .. } = self.settling_query
            && self.archive == Archive::Current
            && remote.env.active
        {
            remote.env.timers.set(Timer::Archive, when);
        }
    }

    /// Queries the archive if that is due: when bytes are transferred, or the time has come.
    pub(in crate::connection) fn look_again(&mut self, remote: &mut Remote) {
        let is_due = matches!(self.settling_query, SettlingQuery::Due { when, .. } if when <= remote.env.now.mono);
        if !is_due || self.archive != Archive::Current {
            return;
        }
        let until = remote.env.now.mono + REST;
        let look = std::mem::replace(&mut self.settling_query, SettlingQuery::Done { until });
        if let SettlingQuery::Due { begin, .. } = look {
            self.ask_second_time(begin, remote);
        }
    }
}
