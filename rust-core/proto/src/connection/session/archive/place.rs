//! Positions in the archive: how far it has been read, by an id and by the server's clock.

use crate::knowledge::{ArchiveCursor, Op};
use crate::time::UnixTime;

use crate::connection::remote::Remote;

/// The precision of the cursor's time, in seconds. A message should not cost a change of it, and an earlier time is valid, too.
const TIME_STEP_SECONDS: i64 = 3_600;

/// The margin by which a query begins before the cursor's time, in seconds: the nodes of a server do not share one clock.
pub(super) const MARGIN_SECONDS: i64 = 3_600;

/// The age in seconds after which the cursor's time is out of date. It is measured by the device's clock, which may be wrong:
/// then the archive is queried once more than needed.
const STALE_SECONDS: u64 = 86_400;

/// An empty archive: any message is newer.
pub(super) const EMPTY: Option<UnixTime> = Some(UnixTime(0));

/// Records that everything archived up to this time has been read. It is a stamp of the server: the device's clock, which may
/// be wrong by years, is not used.
pub(super) fn held_until(stamp: Option<UnixTime>, remote: &mut Remote) -> Option<Op> {
    let time = stamp?;
    let is_newer_by = |known: UnixTime| time.0.saturating_sub(known.0);
    let known = remote.knowledge.archive_time;
    if known.is_some_and(|known| (0..TIME_STEP_SECONDS).contains(&is_newer_by(known))) {
        return None;
    }
    remote.knowledge.archive_time = Some(time);
    Some(Op::ArchiveTime(time))
}

/// Returns the time from which the archive is queried if it no longer has the cursor's message.
pub(super) fn start(remote: &Remote) -> Option<UnixTime> {
    let time = remote.knowledge.archive_time?;
    Some(UnixTime(time.plus_seconds(-MARGIN_SECONDS).0.max(0)))
}

/// Returns the time from which the archive is queried if it no longer has the message before a hand-over. That is older than the
/// cursor's, by no more than the time for which connections broke before the archive had answered.
pub(super) fn start_before_hand_over(remote: &Remote) -> Option<UnixTime> {
    let stale = i64::try_from(STALE_SECONDS).unwrap_or(i64::MAX);
    Some(UnixTime(start(remote)?.plus_seconds(-stale).0.max(0)))
}

/// Returns the time before which messages need not be read in a backward query.
pub(super) fn limit(remote: &Remote) -> Option<UnixTime> {
    match remote.knowledge.archive {
        Some(ArchiveCursor::Since(time)) => Some(time),
        _ => start(remote),
    }
}

/// Returns whether the cursor's time is out of date.
pub(in crate::connection::session) fn is_time_stale(remote: &Remote) -> bool {
    let known = remote.knowledge.archive_time;
    known.is_some_and(|time| time.0.abs_diff(remote.env.now.wall.0) >= STALE_SECONDS)
}

/// Returns where the first message whose delivery is unknown was sent, if any can be decided.
pub(super) fn first_unknown(remote: &Remote) -> Option<ArchiveCursor> {
    remote.knowledge.archive.as_ref()?;
    let mut unknown = remote
        .knowledge
        .queue
        .iter()
        .filter(|stanza| stanza.sent || stanza.unknown)
        .filter(|stanza| stanza.is_archived());
    unknown.find_map(|stanza| stanza.sent_after.clone())
}

/// Returns whether it is an id of the archive, not only a time.
pub(in crate::connection::session) fn is_place(cursor: Option<&ArchiveCursor>) -> bool {
    matches!(cursor, Some(ArchiveCursor::Start | ArchiveCursor::After(_)))
}

pub(super) fn move_cursor(cursor: Option<ArchiveCursor>, remote: &mut Remote) -> Vec<Op> {
    let Some(cursor) = cursor else {
        return Vec::new();
    };
    if remote.knowledge.archive.as_ref() == Some(&cursor) {
        return Vec::new();
    }
    remote.knowledge.archive = Some(cursor.clone());
    vec![Op::ArchiveCursor(cursor)]
}
