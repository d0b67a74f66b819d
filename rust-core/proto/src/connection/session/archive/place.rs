//! Places in the archive: up to where we hold it, by an id and by the server's clock.

use crate::knowledge::{ArchiveCursor, Op};
use crate::time::UnixTime;

use crate::connection::context::Context;
use crate::connection::session::unknown;

/// How exactly the time of the cursor is kept, in seconds. A message should not cost a change of it, and an older time is true, too.
const TIME_STEP_SECONDS: i64 = 3_600;

/// So much earlier than the time of the cursor the archive is asked from, in seconds: the nodes of a server do not have one clock.
pub(super) const MARGIN_SECONDS: i64 = 3_600;

/// Behind by so much, in seconds, the time of the cursor is old. By the device's clock, which may be wrong: then the archive is asked
/// once more than need be.
const STALE_SECONDS: u64 = 86_400;

/// An empty archive: whatever comes is newer.
pub(super) const EMPTY: Option<UnixTime> = Some(UnixTime(0));

/// We hold all that was archived up to this time. It is a stamp of the server's: the device's clock may be wrong by years, and is not
/// asked.
pub(super) fn held_until(stamp: Option<UnixTime>, context: &mut Context) -> Option<Op> {
    let time = stamp?;
    let is_newer_by = |known: UnixTime| time.0.saturating_sub(known.0);
    let known = context.knowledge.archive_time;
    if known.is_some_and(|known| (0..TIME_STEP_SECONDS).contains(&is_newer_by(known))) {
        return None;
    }
    context.knowledge.archive_time = Some(time);
    Some(Op::ArchiveTime(time))
}

/// The time from which the archive is asked if it has forgotten the cursor's message.
pub(super) fn start(context: &Context) -> Option<UnixTime> {
    let time = context.knowledge.archive_time?;
    Some(UnixTime(time.plus_seconds(-MARGIN_SECONDS).0.max(0)))
}

/// On the way back, what is older than this need not be read.
pub(super) fn limit(context: &Context) -> Option<UnixTime> {
    match context.knowledge.archive {
        Some(ArchiveCursor::Since(time)) => Some(time),
        _ => start(context),
    }
}

/// Whether the time of the cursor says little about where the cursor is.
pub(in crate::connection::session) fn is_time_stale(context: &Context) -> bool {
    let known = context.knowledge.archive_time;
    known.is_some_and(|time| time.0.abs_diff(context.env.now.wall.0) >= STALE_SECONDS)
}

/// Where the first message of unknown fate was sent, if any can be decided.
pub(super) fn first_unknown(context: &Context) -> Option<ArchiveCursor> {
    context.knowledge.archive.as_ref()?;
    let mut unknown = context
        .knowledge
        .queue
        .iter()
        .filter(|stanza| stanza.sent || stanza.unknown)
        .filter(|stanza| unknown::is_archived(stanza));
    unknown.find_map(|stanza| stanza.sent_behind.clone())
}

/// Whether it is a place that the archive knows, not only a time.
pub(super) fn is_place(cursor: Option<&ArchiveCursor>) -> bool {
    matches!(cursor, Some(ArchiveCursor::Start | ArchiveCursor::After(_)))
}

pub(super) fn move_cursor(cursor: Option<ArchiveCursor>, context: &mut Context) -> Vec<Op> {
    let Some(cursor) = cursor else {
        return Vec::new();
    };
    if context.knowledge.archive.as_ref() == Some(&cursor) {
        return Vec::new();
    }
    context.knowledge.archive = Some(cursor.clone());
    vec![Op::ArchiveCursor(cursor)]
}
