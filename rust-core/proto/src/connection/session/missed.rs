//! What a session may have missed (rule I8).

use crate::connection::context::Context;
use crate::connection::env::Env;
use crate::connection::output::{Event, Seq};
use crate::knowledge::{ArchiveCursor, Op};
use crate::time::UnixTime;

/// The server's clock decides what came since then, and we know only ours. A clock that was set by hand to another time zone
/// is up to 14 hours off; one that is off by weeks does not find the certificate valid.
const CLOCK_MARGIN_SECONDS: i64 = 86_400;

/// What a session may have missed. It begins with the login, which may find that an earlier session is lost.
#[derive(Debug, Default)]
pub(in crate::connection) struct Missed {
    /// What was noted before a first session was asked for.
    first_bind: Option<ArchiveCursor>,
    gap: Gap,
}

/// Whether something may have been missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gap {
    /// Nothing says so.
    #[default]
    None,
    /// It may: the archive is asked first.
    Suspected,
    /// The app knows that it may.
    Told,
}

impl Missed {
    /// What waited for us may be missing. Where we know how far we hold the archive, it is asked first.
    pub(in crate::connection) fn possible_gap(&mut self, context: &mut Context) {
        if self.gap == Gap::None {
            self.gap = Gap::Suspected;
        }
        if context.knowledge.archive.is_none() {
            self.tell_gap(&mut context.env);
        }
    }

    /// The archive is not asked after all.
    pub(super) fn tell_suspected_gap(&mut self, env: &mut Env) {
        if self.gap == Gap::Suspected {
            self.tell_gap(env);
        }
    }

    /// Told once for a connection.
    pub(super) fn tell_gap(&mut self, env: &mut Env) {
        if std::mem::replace(&mut self.gap, Gap::Told) != Gap::Told {
            env.event(Event::PossibleGap);
        }
    }

    /// A first session, or another one without an archive, is about to be asked for. Until it can be resumed, or is closed in
    /// order, nobody would send again what it missed: the next one says so.
    ///
    /// For a first session: Were the process killed behind that, the archive would have what came to a
    /// session that nobody remembers. There is no id to begin at yet, so it is a time; for this connection itself there is
    /// nothing to catch up with.
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

    /// Where the archive has what is sent now. In a first session that is a time, until its end is learnt.
    pub(super) fn place_in_archive(&self, context: &Context) -> Option<ArchiveCursor> {
        let known = context.knowledge.archive.as_ref();
        known.or(self.first_bind.as_ref()).cloned()
    }
}
