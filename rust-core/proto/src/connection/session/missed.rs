//! What a session may have missed (rule I8).

use crate::connection::context::Context;
use crate::connection::env::Env;
use crate::connection::output::{Event, Seq};
use crate::knowledge::{ArchiveCursor, Op};
use crate::time::UnixTime;

/// The archive applies the server's clock, and the client knows only its own. A clock that was set by hand to another time zone
/// is up to 14 hours off; with one that is off by weeks the certificate is not valid.
const CLOCK_MARGIN_SECONDS: i64 = 86_400;

/// What a session may have missed. The record begins with the login, which may find that an earlier session is lost.
#[derive(Debug, Default)]
pub(in crate::connection) struct Missed {
    /// The time that was stored before a first session was requested.
    first_bind: Option<ArchiveCursor>,
    gap: Gap,
}

/// Whether messages may have been missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gap {
    /// There is no sign of it.
    #[default]
    None,
    /// They may: the archive is queried first.
    Suspected,
    /// The app has been informed.
    Reported,
}

impl Missed {
    /// Records that waiting messages may be missing. Where a cursor is known, the archive is queried first.
    pub(in crate::connection) fn possible_gap(&mut self, context: &mut Context) {
        if self.gap == Gap::None {
            self.gap = Gap::Suspected;
        }
        if context.knowledge.archive.is_none() {
            self.tell_gap(&mut context.env);
        }
    }

    /// The archive is not queried after all.
    pub(super) fn tell_suspected_gap(&mut self, env: &mut Env) {
        if self.gap == Gap::Suspected {
            self.tell_gap(env);
        }
    }

    /// Reports it to the app, once per connection.
    pub(super) fn tell_gap(&mut self, env: &mut Env) {
        let was = std::mem::replace(&mut self.gap, Gap::Reported);
        if was != Gap::Reported {
            env.event(Event::PossibleGap);
        }
    }

    /// A first session, or another one without an archive, is about to be requested. Until it can be resumed, or is closed in
    /// order, no entity sends again what it missed: the next session reports that.
    ///
    /// For a first session: if the process were killed after that, the archive would contain what was sent to a session that is
    /// not stored. There is no id to begin at yet, so a time is stored. This connection itself has nothing to catch up with.
    pub(in crate::connection) fn note_first_bind(&mut self, context: &mut Context) -> Option<Seq> {
        if context.knowledge.archive.is_some() {
            return None;
        }
        let since = context.env.now.wall.plus_seconds(-CLOCK_MARGIN_SECONDS);
        let cursor = ArchiveCursor::Since(UnixTime(since.0.max(0)));
        self.first_bind = Some(cursor.clone());
        let ops = vec![Op::ArchiveCursor(cursor), Op::OpenSession(true)];
        Some(context.env.persist(ops))
    }

    /// Returns the archive's position for a stanza that is sent now. In a first session that is a time, until the end of the
    /// archive is known.
    pub(super) fn place_in_archive(&self, context: &Context) -> Option<ArchiveCursor> {
        let known = context.knowledge.archive.as_ref();
        known.or(self.first_bind.as_ref()).cloned()
    }
}
