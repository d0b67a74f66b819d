//! What a session may have missed (rule I8).

use crate::connection::env::Env;
use crate::connection::output::{Event, Seq};
use crate::connection::remote::Remote;
use crate::knowledge::{ArchiveCursor, Op, OpenSessions};
use crate::time::UnixTime;

/// The archive applies the server's clock, and the client knows only its own. A clock that was set by hand to another time zone
/// is up to 14 hours off; with one that is off by weeks the certificate is not valid.
const CLOCK_MARGIN_SECONDS: i64 = 86_400;

/// What a session may have missed. The record begins with the login, which may find that an earlier session is lost.
#[derive(Debug, Default)]
pub(in crate::connection) struct Missed {
    /// The time that was stored before a first session was requested.
    first_bind: Option<ArchiveCursor>,
    /// The sessions that may be open since before this connection.
    earlier: Option<OpenSessions>,
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
    /// This is stored, by that transaction. Until the server has processed the presence of this session, an earlier session may
    /// receive messages: the app is informed after that.
    Stored(Seq),
    /// The app has been informed.
    Reported,
}

impl Missed {
    /// Records that waiting messages may be missing. Where a cursor is known, the archive is queried first.
    pub(in crate::connection) fn possible_gap(&mut self, remote: &mut Remote) {
        if self.gap == Gap::None {
            self.gap = Gap::Suspected;
        }
        if remote.knowledge.archive.is_none() {
            self.store_suspected_gap(&mut remote.env);
        }
    }

    /// A new session begins. An earlier one may have received messages that this client did not, and may do so again until it
    /// has ended.
    pub(super) fn judge_earlier(&mut self, remote: &mut Remote) {
        if self.earlier(remote).any() {
            self.possible_gap(remote);
        }
    }

    /// The archive is not queried after all. The gap is stored before the changes that follow, after which nothing else would
    /// show it.
    pub(super) fn store_suspected_gap(&mut self, env: &mut Env) {
        if self.gap == Gap::Suspected {
            self.gap = Gap::Stored(env.persist(vec![Op::PossibleGap(true)]));
        }
    }

    /// Returns whether a gap is stored and not reported yet.
    pub(super) fn has_stored_gap(&self) -> bool {
        matches!(self.gap, Gap::Stored(_))
    }

    /// Reports a stored gap to the app: the server has answered something that followed the presence, or the session ends.
    pub(super) fn report_stored_gap(&mut self, env: &mut Env) {
        if let Gap::Stored(seq) = self.gap {
            self.gap = Gap::Reported;
            env.event_after(Some(seq), Event::PossibleGap);
        }
    }

    /// Stores a gap and reports it to the app, once per connection. The archive has answered, so the presence was processed.
    pub(super) fn tell_gap(&mut self, env: &mut Env) {
        if self.gap == Gap::None {
            self.gap = Gap::Suspected;
        }
        self.store_suspected_gap(env);
        self.report_stored_gap(env);
    }

    /// A first session, or another one without an archive, is about to be requested. Until it can be resumed, or is closed in
    /// order, no entity sends again what it missed: the next session reports that.
    ///
    /// For a first session: if the process were killed after that, the archive would contain what was sent to a session that is
    /// not stored. There is no id to begin at yet, so a time is stored. This connection itself has nothing to catch up with.
    pub(in crate::connection) fn note_first_bind(
        &mut self,
        resource: SessionResource,
        remote: &mut Remote,
    ) -> Option<Seq> {
        let sessions = self.with_this(resource, remote);
        if remote.knowledge.archive.is_some() {
            return None;
        }
        let since = remote.env.now.wall.plus_seconds(-CLOCK_MARGIN_SECONDS);
        let cursor = ArchiveCursor::Since(UnixTime(since.0.max(0)));
        self.first_bind = Some(cursor.clone());
        let mut ops = vec![Op::ArchiveCursor(cursor)];
        ops.extend(change_open(sessions, remote));
        Some(remote.env.persist(ops))
    }

    /// Returns the sessions that may be open since before this connection.
    fn earlier(&mut self, remote: &Remote) -> OpenSessions {
        *self.earlier.get_or_insert(remote.knowledge.open_sessions)
    }

    /// Returns the open sessions, if this one is among them.
    pub(super) fn with_this(&mut self, resource: SessionResource, remote: &Remote) -> OpenSessions {
        let earlier = self.earlier(remote);
        OpenSessions {
            own: earlier.own || resource == SessionResource::Own,
            other: earlier.other || resource == SessionResource::Other,
        }
    }

    /// Returns the open sessions without this one. There is only one session under a resource.
    pub(super) fn without_this(
        &mut self,
        resource: SessionResource,
        remote: &Remote,
    ) -> OpenSessions {
        let earlier = self.earlier(remote);
        OpenSessions {
            own: earlier.own && resource != SessionResource::Own,
            ..earlier
        }
    }

    /// Returns the archive's position for a stanza that is sent now. In a first session that is a time, until the end of the
    /// archive is known.
    pub(super) fn place_in_archive(&self, remote: &Remote) -> Option<ArchiveCursor> {
        let known = remote.knowledge.archive.as_ref();
        known.or(self.first_bind.as_ref()).cloned()
    }
}

/// The resource of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::connection) enum SessionResource {
    /// That of this installation.
    Own,
    /// Another one, of the server's choice or random.
    Other,
}

impl SessionResource {
    /// Returns the kind of the resource in this full JID.
    pub(super) fn of(jid: &str, remote: &Remote) -> Self {
        let own = remote.env.config.own_resource();
        match jid.split_once('/') {
            Some((_, resource)) if resource == own => Self::Own,
            _ => Self::Other,
        }
    }
}

/// Returns the change that stores which sessions are open, if that has changed.
pub(super) fn change_open(sessions: OpenSessions, remote: &mut Remote) -> Option<Op> {
    let known = std::mem::replace(&mut remote.knowledge.open_sessions, sessions);
    (known != sessions).then_some(Op::OpenSessions(sessions))
}
