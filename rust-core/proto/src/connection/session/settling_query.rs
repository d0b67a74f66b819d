//! The settling query: a second query to the archive, for messages that it stored at the very moment of a bind or a hand-over
//! (decision 0038). What has to be asked is stored, and outlives the connection (decision 0103).
//!
//! ```text
//!  new session, or a hand-over that was not clean
//!       --> catch-up --complete--> Due(begin, when) --> asked, from where the catch-up ended --answered--> nothing
//!                                     ^       |
//!  resumed before it was answered ----'       | the user looks: at its time
//!                                             '-- inactive: after the next bytes that pass anyhow
//! ```

use std::time::Duration;

use crate::escalation::Request;
use crate::knowledge::{ArchiveCursor, ArchiveRecheck, Op};

use crate::connection::remote::Remote;
use crate::connection::session::archive::{Aim, Archive, catch_up_from, is_time_stale};
use crate::connection::session::state::{Session, SettlingQuery};
use crate::connection::timer::Timer;

/// The delay after the catch-up. Long enough for an archive that writes after it delivers, short enough for a user who waits
/// for the message.
const DELAY: Duration = Duration::from_secs(15);

/// The minimum time between two settling queries.
const REST: Duration = Duration::from_secs(86_400);

impl Session {
    /// Asks the archive for what an earlier connection left to be asked, or plans it.
    pub(super) fn recheck_archive(&mut self, remote: &mut Remote) {
        match (remote.knowledge.archive_recheck.clone(), &self.archive) {
            (None, _) | (_, Archive::Absent) => {
                let until = remote.env.now.mono;
                self.settling_query = SettlingQuery::Done { until };
            }
            (Some(recheck), Archive::Querying(_) | Archive::Learning { .. }) => {
                // A query that is sent alone is begun on this connection.
                let is_asked = self.requests.sets_apart(Request::Archive)
                    && catch_up_from(remote).as_ref() == Some(recheck.place());
                self.settling_query = if is_asked {
                    SettlingQuery::AfterCatchUp
                } else {
                    SettlingQuery::AfterEarlier
                };
            }
            (
                Some(ArchiveRecheck::HandOver(place) | ArchiveRecheck::Asked { place, .. }),
                Archive::Current,
            ) => {
                self.ask_after_hand_over(place, remote);
            }
            (Some(ArchiveRecheck::Settle(place)), Archive::Current) => {
                self.settle_from(place, remote);
            }
        }
    }

    /// Records that a query was answered completely: the archive has been read up to here. Returns the change of what it has to
    /// be asked for again.
    pub(super) fn note_read(
        &mut self,
        reached: Option<ArchiveCursor>,
        remote: &mut Remote,
    ) -> Option<Op> {
        match self.settling_query {
            SettlingQuery::AfterCatchUp => {
                let reached = reached?;
                self.settle_from(reached.clone(), remote);
                recheck(Some(ArchiveRecheck::Settle(reached)), remote)
            }
            SettlingQuery::Done { .. } => recheck(None, remote),
            // The session was handed over since that query was begun, but it covers the hand-overs before. Otherwise a session that
            // is handed over before each answer would read more and more of the archive again.
            SettlingQuery::AfterEarlier => {
                let Some(ArchiveRecheck::Asked { known, .. }) = &remote.knowledge.archive_recheck
                else {
                    return None;
                };
                recheck(Some(ArchiveRecheck::HandOver(known.clone())), remote)
            }
            SettlingQuery::Due { .. } => None,
        }
    }

    /// Plans the settling query.
    fn settle_from(&mut self, begin: ArchiveCursor, remote: &mut Remote) {
        let when = remote.env.now.mono + DELAY;
        self.settling_query = SettlingQuery::Due { begin, when };
        self.await_settling_query(remote);
    }

    /// Records that a live message has moved the cursor from here. Its stamp in the archive is not known, and without one the
    /// time of the cursor gets out of date where sessions are only resumed: after a day the archive is queried for this
    /// message, and returns its stamp.
    pub(super) fn plan_look_for_time(&mut self, begin: Option<ArchiveCursor>, remote: &mut Remote) {
        if let (SettlingQuery::Done { until }, Some(begin)) = (&self.settling_query, begin)
            && *until <= remote.env.now.mono
            && is_time_stale(remote)
        {
            self.settle_from(begin, remote);
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
            self.ask_second_time(begin, Aim::Settle, None, remote);
        }
    }
}

/// Changes what the archive has to be asked for again. The change has to be stored.
pub(in crate::connection) fn recheck(
    recheck: Option<ArchiveRecheck>,
    remote: &mut Remote,
) -> Option<Op> {
    let known = std::mem::replace(&mut remote.knowledge.archive_recheck, recheck.clone());
    (known != recheck).then_some(Op::ArchiveRecheck(recheck))
}
