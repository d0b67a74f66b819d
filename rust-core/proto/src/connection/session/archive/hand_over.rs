//! The archive after a hand-over that was not clean (decision 0110): a session that two connections resume at nearly the same
//! time may miss messages which the server has delivered to neither. Then the archive is queried as in a new session, from the
//! position before the hand-over. Messages that came nevertheless are dropped as duplicates (rule I17).

use crate::knowledge::{ArchiveCursor, Op};

use super::place::{first_unknown, is_place, move_cursor, time_before_cursor};
use super::{Aim, Archive};
use crate::connection::remote::Remote;
use crate::connection::session::state::{Session, SettlingQuery};

/// Moves the cursor back, if a position is known, and one is known to go back to. The change has to be stored.
pub(in crate::connection::session) fn go_back(
    place: Option<&ArchiveCursor>,
    remote: &mut Remote,
) -> Vec<Op> {
    let place = place.filter(|place| is_place(Some(place)));
    if !is_place(remote.knowledge.archive.as_ref()) {
        return Vec::new();
    }
    let mut ops = move_cursor(place.cloned(), remote);
    if !ops.is_empty() {
        ops.extend(time_before_cursor(remote));
    }
    ops
}

impl Session {
    /// Queries the archive from before the hand-over. The cursor is stored there first, so that the next connection continues if
    /// this one breaks.
    pub(in crate::connection::session) fn check_hand_over(
        &mut self,
        place: ArchiveCursor,
        remote: &mut Remote,
    ) {
        if !is_place(remote.knowledge.archive.as_ref()) || !is_place(Some(&place)) {
            return;
        }
        self.settling_query = SettlingQuery::AfterCatchUp;
        let mut ops = go_back(Some(&place), remote);
        if ops.is_empty() && self.archive != Archive::Current {
            // The pending query begins there, and is sent again.
            return;
        }
        self.plan_catch_up(None, remote);
        if let Archive::Querying(asking) = &mut self.archive
            && first_unknown(remote).is_none()
        {
            // No stanza waits for it without need.
            asking.aim = Aim::CatchUp;
        }
        let Some(stanza) = self.archive_query(remote) else {
            return;
        };
        self.expect_archive(remote);
        ops.push(Op::Enqueue(stanza.clone()));
        ops.push(Op::SmPending(self.pending.clone()));
        let seq = remote.env.persist(ops);
        self.put_question(stanza, seq, remote);
    }
}
