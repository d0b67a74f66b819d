//! The archive after a hand-over that was not clean (decision 0110): a session that two connections resume at nearly the same
//! time may miss messages which the server has delivered to neither. Then the archive is queried as in a new session, from the
//! position before the hand-over. Messages that came nevertheless are dropped as duplicates (rule I17).
//!
//! That this has to be asked is stored together with the resumption, until a query that was begun after it is answered (decision
//! 0103). The cursor stays where it is: it shows whether the archive has removed messages.

use crate::escalation::Request;
use crate::knowledge::{ArchiveCursor, ArchiveRecheck, Op};

use super::Aim;
use super::place::is_place;
use crate::connection::remote::Remote;
use crate::connection::session::settling_query::recheck;
use crate::connection::session::state::{Session, SettlingQuery};

/// Records that a hand-over from this position was not clean. If something has to be asked already, everything before that
/// position has been read, and nothing after it is known to have been.
pub(in crate::connection) fn note_unclean(place: ArchiveCursor, remote: &mut Remote) -> Option<Op> {
    let place = match &remote.knowledge.archive_recheck {
        // That query covers what was lost before it was begun.
        Some(ArchiveRecheck::Asked { .. }) => return None,
        Some(known) => known.place().clone(),
        None => place,
    };
    let is_known = is_place(Some(&place)) && is_place(remote.knowledge.archive.as_ref());
    is_known.then(|| recheck(Some(ArchiveRecheck::HandOver(place)), remote))?
}

/// Records that the session was lost after a resumption from this position that the server may have processed. The new session
/// catches up from the cursor; what is before it has to be asked for.
pub(in crate::connection::session) fn note_unanswered(
    place: ArchiveCursor,
    remote: &mut Remote,
) -> Option<Op> {
    let is_covered = remote.knowledge.archive.as_ref() == Some(&place);
    (!is_covered).then(|| note_unclean(place, remote))?
}

impl Session {
    /// Queries the archive from before the hand-over.
    pub(in crate::connection::session) fn ask_after_hand_over(
        &mut self,
        place: ArchiveCursor,
        remote: &mut Remote,
    ) {
        if self.requests.sets_apart(Request::Archive) {
            // The query that is sent alone comes first.
            self.settling_query = SettlingQuery::AfterEarlier;
            return;
        }
        self.settling_query = SettlingQuery::AfterCatchUp;
        let known = remote.knowledge.archive.clone().unwrap_or(place.clone());
        let asked = ArchiveRecheck::Asked {
            place: place.clone(),
            known,
        };
        let asked = recheck(Some(asked), remote);
        self.ask_second_time(place, Aim::CatchUp, asked, remote);
    }
}
