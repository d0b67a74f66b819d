//! Places in the archive: up to where we hold it.

use crate::knowledge::{ArchiveCursor, Op};
use crate::time::UnixTime;

use super::super::super::context::{CLOCK_MARGIN_SECONDS, Context};
use super::super::unknown;

/// We hold all that there is. What comes from here on comes at this time or later, by a clock that may be off.
pub(in super::super) fn held_until_now(context: &mut Context) -> Option<Op> {
    let now = context.now.wall.plus_seconds(-CLOCK_MARGIN_SECONDS);
    let time = UnixTime(now.0.max(0));
    let known = context.knowledge.archive_time;
    if known.is_some_and(|known| known.0.abs_diff(time.0) < TIME_STEP_SECONDS) {
        return None;
    }
    context.knowledge.archive_time = Some(time);
    Some(Op::ArchiveTime(time))
}

/// How exactly the time of the cursor is kept. It is asked for with a margin that is much larger, and a message should not cost
/// a change of it.
const TIME_STEP_SECONDS: u64 = 3_600;

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
