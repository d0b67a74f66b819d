//! A page of the archive at which the stream has to be closed (rule W1): an archived message is not well-formed in a way that
//! hides where it ends. The page is requested once more in halves, or is sent again in the resumed session. After the second
//! failure the archive is continued after that message, which is a reported gap.

use crate::escalation::{Evidence, Remedy, Subject};
use crate::knowledge::{ArchiveCursor, Op};
use crate::ns;

use super::place::move_cursor;
use super::{Aim, Archive, ArchiveQuery, Origin, Reading};
use crate::connection::remote::Remote;
use crate::connection::session::state::Session;

/// Returns the size of the pages that are requested.
pub(super) fn page_size(remote: &Remote) -> u32 {
    let page = remote.env.config.catch_up.page;
    if remote.gives_up(Subject::ArchivePage, Remedy::HalfPages) {
        page.div_ceil(2)
    } else {
        page
    }
}

impl ArchiveQuery {
    /// Returns the size of the page that was requested.
    pub(super) fn page_size(&self, remote: &Remote) -> u32 {
        // An earlier connection may have requested it before pages were halved.
        match self.origin {
            Origin::Interrupted => remote.env.config.catch_up.page,
            _ => page_size(remote),
        }
    }
}

impl Session {
    /// The stream has to be closed because of what the server sent. If that may be a result of the pending page, the page has
    /// failed.
    pub(in crate::connection::session) fn page_is_malformed(&mut self, remote: &mut Remote) {
        let Archive::Querying(asking) = &self.archive else {
            return;
        };
        let child = remote.stream.reader.broken_child();
        let is_result = child.map_or(remote.stream.reader.breaks_stanza(), |child| {
            child.is("result", ns::MAM) && child.attr("queryid") == Some(&asking.query)
        });
        if !is_result {
            return;
        }
        let id = child.and_then(|child| child.attr("id"));
        let place = id.map(|id| ArchiveCursor::After(id.to_owned()));
        let is_settling = asking.aim == Aim::Settle;
        let is_forward = !matches!(asking.reading, Reading::Back(_));
        remote.note_failure(Subject::ArchivePage, Evidence::Refusal);
        if !remote.gives_up(Subject::ArchivePage, Remedy::SkipPage) {
            return;
        }
        if !is_settling {
            let ops = match place.filter(|_| is_forward) {
                Some(place) => move_cursor(Some(place), remote),
                None => {
                    remote.knowledge.archive = None;
                    vec![Op::NoArchive]
                }
            };
            remote.env.persist(ops);
        }
        self.missed.tell_gap(&mut remote.env);
    }
}
