//! What happens to stanzas when they are acknowledged, and when their session ends.

use crate::connection::context::Context;
use crate::connection::output::{Event, Failure, Seq, Stage};
use crate::connection::session::archive::go_back;
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
    context: &mut Context,
) -> Result<(), ConnectionError> {
    context.resumption.settled();
    missed.judge_earlier(context);
    let session = context.knowledge.sm.take();
    context.knowledge.failures.session_ended();
    if session.is_none() && !context.knowledge.queue.iter().any(|stanza| stanza.sent) {
        return Ok(());
    }
    let unanswered = session
        .as_ref()
        .and_then(|session| session.hand_over.as_ref())
        .filter(|last| last.resumed_at.is_none());
    // The new session catches up from before a resumption that the server may have processed.
    let mut ops = go_back(unanswered.map(|last| &last.place), context);
    let mut events = Vec::new();
    let outcome = match h.zip(session) {
        Some((h, session)) => take_handled(h, &session, &mut ops, &mut events, context),
        None => Ok(()),
    };
    let failed: Vec<OutboundStanza> = context
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
    missed.possible_gap(context);
    let seq = context.env.persist(ops);
    for event in events {
        context.env.event_after(Some(seq), event);
    }
    for stanza in &mut context.knowledge.queue {
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
    context: &mut Context,
) -> Result<(), ConnectionError> {
    let queue = &mut context.knowledge.queue;
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
    ops.extend(note_sent(&acked, context));
    Ok(())
}

/// The server no longer has the session, and states how much of it was handled. Those stanzas leave the queue. The session
/// stays stored, until a connection that binds a new one clears it. An impossible count proves nothing.
pub(in crate::connection) fn handled(h: Option<u32>, context: &mut Context) {
    let Some((h, session)) = h.zip(context.knowledge.sm.as_mut()) else {
        return;
    };
    let queue = &mut context.knowledge.queue;
    let sent = queue.iter().filter(|stanza| stanza.sent).count();
    let Ok(covered) = count_acked(h, session.base, sent) else {
        return;
    };
    session.base = h;
    let acked: Vec<OutboundStanza> = queue.drain(..covered).collect();
    report_acked(&acked, Some(h), context);
}

/// Removes acknowledged stanzas from the store, and reports them to the app.
pub(super) fn report_acked(acked: &[OutboundStanza], base: Option<u32>, context: &mut Context) {
    if acked.is_empty() {
        return;
    }
    let seqs = acked.iter().map(|stanza| stanza.seq).collect();
    let mut ops = vec![Op::Acked { base, seqs }];
    ops.extend(note_sent(acked, context));
    let seq = context.env.persist(ops);
    for event in acked
        .iter()
        .filter_map(|stanza| stage_event(stanza, Stage::Acked))
    {
        context.env.event_after(Some(seq), event);
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
    context: &mut Context,
) {
    let stage = Stage::Failed(Failure::SessionLost);
    let lost = stanzas.filter(|stanza| stanza.kind == OutboundKind::SessionBound);
    for event in lost.filter_map(|stanza| stage_event(stanza, stage.clone())) {
        context.env.event_after(Some(seq), event);
    }
}

impl Session {
    /// Records that no entity sends again what this session receives, as long as it is open.
    pub(super) fn note_open(&mut self, context: &mut Context) -> Option<Op> {
        let resource = SessionResource::of(self.jid.as_deref()?, context);
        let sessions = self.missed.with_this(resource, context);
        change_open(sessions, context)
    }

    /// Records that this session can be resumed, or that it has ended and everything was received.
    pub(super) fn note_settled(&mut self, context: &mut Context) -> Option<Op> {
        let resource = SessionResource::of(self.jid.as_deref()?, context);
        let sessions = self.missed.without_this(resource, context);
        change_open(sessions, context)
    }

    /// Ends any earlier session: the plan did not request it, or the server refused it.
    pub(in crate::connection) fn lose_former(
        &mut self,
        context: &mut Context,
    ) -> Result<(), ConnectionError> {
        lost(None, &mut self.missed, context)
    }

    /// Ends the session: stanzas that belong to it fail, messages stay queued. What the server sent and the client did not
    /// receive is lost, unless there is an archive.
    pub(super) fn give_up(&mut self, context: &mut Context) {
        context.resumption.settled();
        let failed = session_bound(self.unacked.iter());
        let mut ops = vec![Op::Failed(failed), Op::SmDropped];
        if context.knowledge.archive.is_none() {
            ops.extend(self.note_open(context));
        }
        let seq = context.env.persist(ops);
        report_session_bound(self.unacked.iter(), seq, context);
    }
}
