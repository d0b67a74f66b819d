//! What happens to stanzas when they are acknowledged, and when their session ends.

use crate::connection::output::{Event, Failure, Seq, Stage};
use crate::connection::remote::Remote;
use crate::connection::session::archive::note_unanswered;
use crate::connection::session::missed::{Missed, SessionResource, change_open};
use crate::connection::session::queued::{count_acked, note_sent, stage_event};
use crate::connection::session::state::Session;
use crate::error::ConnectionError;
use crate::knowledge::{Op, OutboundKind, OutboundStanza, SmSession};

/// The server no longer has the session. First, the stanzas that it did handle are acknowledged. The delivery of the rest is
/// unknown (rule I8): messages are queued again and checked against the archive, stanzas that belonged to the session fail.
pub(in crate::connection) fn lost(
    h: Option<u32>,
    missed: &mut Missed,
    remote: &mut Remote,
) -> Result<(), ConnectionError> {
    remote.resumption.settled();
    missed.judge_earlier(remote);
    let session = remote.knowledge.sm.take();
    remote.knowledge.failures.session_ended();
    if session.is_none() && !remote.knowledge.queue.iter().any(|stanza| stanza.sent) {
        return Ok(());
    }
    let unanswered = session
        .as_ref()
        .and_then(|session| session.hand_over.as_ref())
        .filter(|last| last.resumed_at.is_none())
        .map(|last| last.place.clone());
    let mut ops: Vec<Op> = unanswered
        .and_then(|place| note_unanswered(place, remote))
        .into_iter()
        .collect();
    let mut events = Vec::new();
    let outcome = match h.zip(session) {
        Some((h, session)) => take_handled(h, &session, &mut ops, &mut events, remote),
        None => Ok(()),
    };
    let failed: Vec<OutboundStanza> = remote
        .knowledge
        .queue
        .extract_if(.., |stanza| {
            stanza.sent && stanza.kind != OutboundKind::Message
        })
        .collect();
    let stage = Stage::Failed(Failure::SessionLost);
    events.extend(
        failed
            .iter()
            .filter_map(|stanza| stage_event(stanza, stage.clone())),
    );
    ops.push(Op::Failed(failed.iter().map(|stanza| stanza.seq).collect()));
    ops.push(Op::SmDropped);
    missed.possible_gap(remote);
    let seq = remote.env.persist(ops);
    for event in events {
        remote.env.event_after(Some(seq), event);
    }
    for stanza in &mut remote.knowledge.queue {
        stanza.unknown |= stanza.sent;
        stanza.sent = false;
    }
    outcome
}

/// Removes from the queue the stanzas of the session that the server handled.
fn take_handled(
    h: u32,
    session: &SmSession,
    ops: &mut Vec<Op>,
    events: &mut Vec<Event>,
    remote: &mut Remote,
) -> Result<(), ConnectionError> {
    let queue = &mut remote.knowledge.queue;
    let sent = queue.iter().filter(|stanza| stanza.sent).count();
    // An impossible count proves nothing, but the session no longer exists all the same (rule I5).
    let covered = count_acked(h, session.base, sent)?;
    let acked: Vec<OutboundStanza> = queue.drain(..covered).collect();
    events.extend(
        acked
            .iter()
            .filter_map(|stanza| stage_event(stanza, Stage::Acked)),
    );
    ops.push(Op::Acked {
        base: Some(h),
        seqs: acked.iter().map(|stanza| stanza.seq).collect(),
    });
    ops.extend(note_sent(&acked, remote));
    Ok(())
}

/// The server no longer has the session, and states how much of it was handled. Those stanzas leave the queue. The session
/// stays stored, until a connection that binds a new one clears it. An impossible count proves nothing.
pub(in crate::connection) fn handled(h: Option<u32>, remote: &mut Remote) {
    let Some((h, session)) = h.zip(remote.knowledge.sm.as_mut()) else {
        return;
    };
    let queue = &mut remote.knowledge.queue;
    let sent = queue.iter().filter(|stanza| stanza.sent).count();
    let Ok(covered) = count_acked(h, session.base, sent) else {
        return;
    };
    session.base = h;
    let acked: Vec<OutboundStanza> = queue.drain(..covered).collect();
    report_acked(&acked, Some(h), remote);
}

/// Removes acknowledged stanzas from the store, and reports them to the app.
pub(super) fn report_acked(acked: &[OutboundStanza], base: Option<u32>, remote: &mut Remote) {
    if acked.is_empty() {
        return;
    }
    let seqs = acked.iter().map(|stanza| stanza.seq).collect();
    let mut ops = vec![Op::Acked { base, seqs }];
    ops.extend(note_sent(acked, remote));
    let seq = remote.env.persist(ops);
    for event in acked
        .iter()
        .filter_map(|stanza| stage_event(stanza, Stage::Acked))
    {
        remote.env.event_after(Some(seq), event);
    }
}

/// Returns the stanzas that end with their session.
fn session_bound<'a>(stanzas: impl Iterator<Item = &'a OutboundStanza>) -> Vec<u64> {
    stanzas
        .filter(|stanza| stanza.kind != OutboundKind::Message)
        .map(|stanza| stanza.seq)
        .collect()
}

/// Reports to the app its stanzas that end with their session.
fn report_session_bound<'a>(
    stanzas: impl Iterator<Item = &'a OutboundStanza>,
    seq: Seq,
    remote: &mut Remote,
) {
    let stage = Stage::Failed(Failure::SessionLost);
    let is_bound = |kind| matches!(kind, OutboundKind::SessionBound | OutboundKind::Ephemeral);
    let lost = stanzas.filter(|stanza| is_bound(stanza.kind));
    for event in lost.filter_map(|stanza| stage_event(stanza, stage.clone())) {
        remote.env.event_after(Some(seq), event);
    }
}

impl Session {
    /// Records that no entity sends again what this session receives, as long as it is open.
    pub(super) fn note_open(&mut self, remote: &mut Remote) -> Option<Op> {
        let resource = SessionResource::of(self.jid.as_deref()?, remote);
        let sessions = self.missed.with_this(resource, remote);
        change_open(sessions, remote)
    }

    /// Records that this session can be resumed, or that it has ended and everything was received.
    pub(super) fn note_settled(&mut self, remote: &mut Remote) -> Option<Op> {
        let resource = SessionResource::of(self.jid.as_deref()?, remote);
        let sessions = self.missed.without_this(resource, remote);
        change_open(sessions, remote)
    }

    /// Ends any earlier session: the plan did not request it, or the server refused it.
    pub(in crate::connection) fn lose_former(
        &mut self,
        remote: &mut Remote,
    ) -> Result<(), ConnectionError> {
        lost(None, &mut self.missed, remote)
    }

    /// Ends the session: stanzas that belong to it fail, messages stay queued. What the server sent and the client did not
    /// receive is lost, unless there is an archive.
    pub(super) fn give_up(&mut self, remote: &mut Remote) {
        remote.resumption.settled();
        let failed = session_bound(self.unacked.iter());
        let mut ops = vec![Op::Failed(failed), Op::SmDropped];
        if remote.knowledge.archive.is_none() {
            ops.extend(self.note_open(remote));
        }
        let seq = remote.env.persist(ops);
        report_session_bound(self.unacked.iter(), seq, remote);
    }
}
