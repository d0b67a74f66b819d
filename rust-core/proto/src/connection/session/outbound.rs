//! Stanzas on their way out: queued durably before the first byte leaves, removed when acknowledged.

use crate::error::{ConnectionError, PeerError};
use crate::knowledge::{Op, OutboundKind, OutboundStanza, PendingIq, PendingKind, Way};
use crate::mistakes::{Mistake, planted};
use crate::part::Part;
use crate::time::{Instant, UnixTime};
use crate::xep::delay::Delay;
use crate::xep::{ping, serial, sm};
use crate::xml::{Element, parse_stanza};

use super::super::context::Context;
use super::super::{Event, Failure, Stage, Timer};
use super::doubles::SenderTags;
use super::{Asked, Session, Sm};

/// So many times the ordinary wait a server that keeps talking may take to answer.
pub(in super::super) const MOST_ACK_WAITS: u32 = 6;

/// A stanza of the app, while there is no session: it waits in the store (rule I4).
pub(in super::super) fn enqueue(stanza: &Element, kind: OutboundKind, context: &mut Context) {
    let stanza = outbound(stanza, kind, false, context);
    context.knowledge.queue.push(stanza.clone());
    let id = stanza.id.clone();
    let seq = context.persist(vec![Op::Enqueue(stanza)]);
    context.event_after(
        Some(seq),
        Event::Stage {
            id,
            stage: Stage::Queued,
        },
    );
}

/// The server has forgotten the session. First what it did handle is acknowledged, then the rest is unknown (rule I8):
/// messages are queued again and the archive decides about them, what belonged to the session fails.
pub(in super::super) fn lost(h: Option<u32>, context: &mut Context) -> Result<(), ConnectionError> {
    context.resumption.settled();
    if std::mem::take(&mut context.knowledge.open_session) {
        // It broke, and nobody sends again what it missed.
        context.possible_gap();
    }
    let session = context.knowledge.sm.take();
    if session.is_none() && !context.knowledge.queue.iter().any(|stanza| stanza.sent) {
        return Ok(());
    }
    let mut ops = Vec::new();
    let mut events = Vec::new();
    let mut outcome = Ok(());
    if let (Some(h), Some(session)) = (h, &session) {
        let sent = context
            .knowledge
            .queue
            .iter()
            .filter(|stanza| stanza.sent)
            .count();
        // A count that cannot be true proves nothing, but the session is gone all the same (rule I5).
        let covered = count_acked(h, session.base, sent).unwrap_or_else(|error| {
            outcome = Err(error);
            0
        });
        let acked: Vec<OutboundStanza> = context.knowledge.queue.drain(..covered).collect();
        events.extend(
            acked
                .iter()
                .filter_map(|stanza| stage_event(stanza, Stage::Acked)),
        );
        if outcome.is_ok() {
            ops.push(Op::Acked {
                base: Some(h),
                seqs: acked.iter().map(|stanza| stanza.seq).collect(),
            });
            ops.extend(note_sent(&acked, context));
        }
    }
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
    let seq = context.persist(ops);
    for event in events {
        context.event_after(Some(seq), event);
    }
    context.possible_gap();
    if planted(Mistake::UnknownForgotten) {
        context.knowledge.queue.retain(|stanza| !stanza.sent);
    }
    for stanza in &mut context.knowledge.queue {
        stanza.unknown |= stanza.sent;
        stanza.sent = false;
    }
    outcome
}

/// The server has forgotten the session, and says what it had handled of it. That leaves the queue; the session stays, for
/// whoever binds a new one to clear. A count that cannot be true proves nothing.
pub(in super::super) fn handled(h: Option<u32>, context: &mut Context) {
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

/// XEP-0478: what is too big for this server fails, and holds up nothing behind it.
fn fail_too_big(queue: &mut Vec<OutboundStanza>, context: &mut Context) {
    let Some(limit) = context.max_bytes() else {
        return;
    };
    let failed: Vec<OutboundStanza> = queue
        .extract_if(.., |stanza| stanza.xml.len() > limit)
        .collect();
    if failed.is_empty() {
        return;
    }
    let seqs = failed.iter().map(|stanza| stanza.seq).collect();
    let seq = context.persist(vec![Op::Failed(seqs)]);
    for stanza in &failed {
        let size = stanza.xml.len();
        let stage = Stage::Failed(Failure::TooBig { size, limit });
        if let Some(event) = stage_event(stanza, stage) {
            context.event_after(Some(seq), event);
        }
    }
}

/// These stanzas were acknowledged: they leave the store, and the app is told.
fn report_acked(acked: &[OutboundStanza], base: Option<u32>, context: &mut Context) {
    if acked.is_empty() {
        return;
    }
    let seqs = acked.iter().map(|stanza| stanza.seq).collect();
    let mut ops = vec![Op::Acked { base, seqs }];
    ops.extend(note_sent(acked, context));
    let seq = context.persist(ops);
    for event in acked
        .iter()
        .filter_map(|stanza| stage_event(stanza, Stage::Acked))
    {
        context.event_after(Some(seq), event);
    }
}

/// The stanzas that end with their session.
fn session_bound<'a>(stanzas: impl Iterator<Item = &'a OutboundStanza>) -> Vec<u64> {
    stanzas
        .filter(|stanza| stanza.kind != OutboundKind::Message)
        .map(|stanza| stanza.seq)
        .collect()
}

/// Tells the app of its stanzas that end with their session.
fn report_session_bound<'a>(
    stanzas: impl Iterator<Item = &'a OutboundStanza>,
    seq: super::super::Seq,
    context: &mut Context,
) {
    let stage = Stage::Failed(Failure::SessionLost);
    let lost = stanzas.filter(|stanza| stanza.kind == OutboundKind::SessionBound);
    for event in lost.filter_map(|stanza| stage_event(stanza, stage.clone())) {
        context.event_after(Some(seq), event);
    }
}

impl Session {
    /// Sends a stanza of the app: stored, then written.
    pub(in super::super) fn send(
        &mut self,
        stanza: &Element,
        kind: OutboundKind,
        context: &mut Context,
    ) {
        self.note_directed(stanza);
        if self.is_held(context) {
            // I4: what is before it waits, too.
            return enqueue(stanza, kind, context);
        }
        let stanza = outbound(stanza, kind, true, context);
        let seq = context.persist(vec![Op::Enqueue(stanza.clone())]);
        context.event_after(
            Some(seq),
            Event::Stage {
                id: stanza.id.clone(),
                stage: Stage::Queued,
            },
        );
        self.write(stanza, Some(seq), context);
        self.request_ack(context);
    }

    /// Sends a stanza of the core's own. Where the session can be resumed it is stored like any other, so that the
    /// count stays right across a kill.
    pub(super) fn send_core(
        &mut self,
        part: Part,
        stanza: &Element,
        kind: Option<PendingKind>,
        context: &mut Context,
    ) {
        let stanza = core(stanza, context);
        if let Some(kind) = kind {
            context.reader.expect_result(&stanza.id);
            self.pending.push(PendingIq {
                id: stanza.id.clone(),
                kind,
            });
        }
        self.transmit_core(part, stanza, context);
    }

    pub(super) fn transmit_core(
        &mut self,
        part: Part,
        stanza: OutboundStanza,
        context: &mut Context,
    ) {
        let after = (self.sm == Sm::On).then(|| context.persist(vec![Op::Enqueue(stanza.clone())]));
        context.transmit_after(after, part, stanza.xml.clone());
        // Without stream management nobody counts, and of the core's own nothing is sent again.
        if self.sm != Sm::Off {
            self.unacked.push_back(stanza);
        }
    }

    fn write(
        &mut self,
        stanza: OutboundStanza,
        after: Option<super::super::Seq>,
        context: &mut Context,
    ) {
        let part = part_of(&stanza.xml);
        if part == Part::Iq {
            context.reader.expect_result(&stanza.id);
        }
        let text = wire(&stanza, context.max_bytes());
        context.transmit_after(after, part, text);
        if stanza.kind != OutboundKind::Core {
            context.event_after(
                after,
                Event::Stage {
                    id: stanza.id.clone(),
                    stage: Stage::Sent,
                },
            );
        }
        self.unacked.push_back(stanza);
    }

    /// After a resumption: what the server has not seen, in its original order with its original ids (rule I4).
    pub(super) fn resend_unacked(&mut self, context: &mut Context) {
        if planted(Mistake::UnackedNotResent) {
            return;
        }
        // The server has not counted them, so it need not see them.
        let mut unacked: Vec<OutboundStanza> = std::mem::take(&mut self.unacked).into();
        fail_too_big(&mut unacked, context);
        self.unacked = unacked.into();
        for stanza in &self.unacked {
            let text = wire(stanza, context.max_bytes());
            context.transmit(part_of(&stanza.xml), text);
        }
    }

    /// Then, and only then, what was queued meanwhile; of that, what does not have to wait.
    pub(super) fn flush_queue(&mut self, context: &mut Context) {
        let ready = self.ready(context);
        let mut queue: Vec<OutboundStanza> = context.knowledge.queue.drain(..ready).collect();
        fail_too_big(&mut queue, context);
        if queue.is_empty() {
            return;
        }
        let seqs = queue.iter().map(|stanza| stanza.seq).collect();
        let seq = context.persist(vec![Op::MarkSent(seqs)]);
        for stanza in &mut queue {
            stanza.sent = true;
            if stanza.sent_behind.is_none() && super::is_message(stanza) {
                stanza.sent_behind = context.place_in_archive();
            }
        }
        for stanza in queue {
            self.write(stanza, Some(seq), context);
        }
    }

    /// Sends what may leave now, and asks how far the server is.
    pub(super) fn go_on(&mut self, context: &mut Context) {
        if self.is_online {
            self.flush_queue(context);
            self.request_ack(context);
        }
    }

    /// Takes in an acknowledged count (rule I5).
    pub(super) fn acknowledge(
        &mut self,
        h: u32,
        context: &mut Context,
    ) -> Result<(), ConnectionError> {
        let covered = match count_acked(h, self.base, self.unacked.len()) {
            Ok(covered) => covered,
            Err(error) => {
                self.give_up(context);
                return Err(error);
            }
        };
        self.base = h;
        self.remove_acked(covered, Some(h), context);
        Ok(())
    }

    /// The session is over: what was bound to it fails, messages stay queued. What the server sent and we did not read is lost,
    /// unless there is an archive.
    pub(super) fn give_up(&mut self, context: &mut Context) {
        context.resumption.settled();
        let failed = session_bound(self.unacked.iter());
        let mut ops = vec![Op::Failed(failed), Op::SmDropped];
        if context.knowledge.archive.is_none() {
            ops.push(Op::OpenSession(true));
        }
        let seq = context.persist(ops);
        report_session_bound(self.unacked.iter(), seq, context);
    }

    /// The session is cleared already, and what was bound to it reported; only messages still wait (rule I14).
    pub(super) fn acknowledge_late(&mut self, h: u32, context: &mut Context) {
        let Ok(covered) = count_acked(h, self.base, self.unacked.len()) else {
            return;
        };
        self.base = h;
        let acked: Vec<OutboundStanza> = self.unacked.drain(..covered).collect();
        let messages: Vec<&OutboundStanza> =
            acked.iter().filter(|s| super::is_message(s)).collect();
        if messages.is_empty() {
            return;
        }
        let seqs = messages.iter().map(|stanza| stanza.seq).collect();
        let mut ops = vec![Op::Acked { base: None, seqs }];
        ops.extend(note_sent(messages.iter().copied(), context));
        let seq = context.persist(ops);
        for event in messages
            .into_iter()
            .filter_map(|stanza| stage_event(stanza, Stage::Acked))
        {
            context.event_after(Some(seq), event);
        }
    }

    fn remove_acked(&mut self, covered: usize, base: Option<u32>, context: &mut Context) {
        let acked: Vec<OutboundStanza> = self.unacked.drain(..covered).collect();
        report_acked(&acked, base, context);
    }

    /// Asks how far the server is, if something is unacknowledged and nothing was asked yet (rule I12).
    pub(super) fn request_ack(&mut self, context: &mut Context) {
        let only_core = self
            .unacked
            .iter()
            .all(|stanza| stanza.kind == OutboundKind::Core);
        if !self.is_online
            || (self.unacked.is_empty() && !planted(Mistake::RequestsAboutNothing))
            || (self.asked.is_some() && !planted(Mistake::RequestsPileUp))
            || (self.sm == Sm::Off && only_core)
        {
            return;
        }
        self.ask(context);
    }

    /// Asks whether the server is there at all; this may always be asked (rule I12).
    pub(in super::super) fn probe(&mut self, context: &mut Context) {
        self.ask(context);
    }

    fn ask(&mut self, context: &mut Context) {
        // Two timers may run out at once, behind a jump of the clock for example: one question answers both.
        if self.asked_at() == Some(context.now.mono) || self.awaits_start.is_some() {
            return;
        }
        match self.sm {
            // Nothing can be asked yet, but the answer to `<enable/>` is due, and shows as well that the server is there.
            Sm::Enabling => {}
            Sm::On => {
                context.transmit_element(Part::AckRequest, &sm::request());
                self.asked = Some(Asked::Ack(context.now.mono));
            }
            Sm::Off => {
                let id = context.entropy.token();
                let covers = self.unacked.len();
                context.transmit_element(
                    Part::Iq,
                    &ping::request(&id, Some(context.config.account.domain())),
                );
                let at = context.now.mono;
                self.asked = Some(Asked::Ping { id, covers, at });
            }
        }
        let when = context.now.mono + context.config.timeouts.ack;
        context.timers.hasten(Timer::Ack, when);
    }

    fn asked_at(&self) -> Option<Instant> {
        match self.asked {
            Some(Asked::Ack(at) | Asked::Ping { at, .. }) => Some(at),
            None => None,
        }
    }

    /// The answer is late, but bytes come: it may stand behind a roster on a slow path, and hanging up would only make the
    /// server send that again. Not for ever, though: whoever talks and never answers is broken in another way.
    pub(in super::super) fn is_patient(&self, context: &mut Context) -> bool {
        let wait = context.config.timeouts.ack;
        let Some(asked) = self.asked_at() else {
            return false;
        };
        let now = context.now.mono;
        let until = context.heard_at + wait;
        if until <= now || now.since(asked) >= wait * MOST_ACK_WAITS {
            return false;
        }
        context.timers.set(Timer::Ack, until);
        true
    }

    /// Whether this answers the ping that stands in for `<r/>`; whatever the answer says, what came before has arrived.
    pub(super) fn ping_answered(&mut self, iq: &Element, context: &mut Context) -> bool {
        let Some(Asked::Ping { id, covers, .. }) = &self.asked else {
            return false;
        };
        if iq.attr("id") != Some(id) {
            return false;
        }
        let covers = (*covers).min(self.unacked.len());
        self.answered(context);
        self.remove_acked(covers, None, context);
        self.doubt_archive(context);
        self.go_on(context);
        true
    }
}

/// A stanza of the core's own.
pub(super) fn core(stanza: &Element, context: &mut Context) -> OutboundStanza {
    outbound(stanza, OutboundKind::Core, true, context)
}

fn outbound(
    stanza: &Element,
    kind: OutboundKind,
    sent: bool,
    context: &mut Context,
) -> OutboundStanza {
    let seq = context.knowledge.next_seq;
    context.knowledge.next_seq = seq.saturating_add(1);
    let is_sent_message = sent && kind == OutboundKind::Message;
    OutboundStanza {
        seq,
        id: stanza.attr("id").unwrap_or_default().to_owned(),
        kind,
        sent,
        unknown: false,
        sent_behind: is_sent_message
            .then(|| context.place_in_archive())
            .flatten(),
        strikes: 0,
        queued_at: context.now.wall,
        xml: stanza.to_xml(),
    }
}

fn count_acked(h: u32, base: u32, outstanding: usize) -> Result<usize, ConnectionError> {
    if planted(Mistake::AckDeltaUnchecked) {
        return Ok(outstanding.min(h.wrapping_sub(base) as usize));
    }
    let h = if planted(Mistake::WrapAt31) {
        h & 0x7fff_ffff
    } else {
        h
    };
    serial::acked(h, base, outstanding).map_err(|_| {
        let sent = serial::count_after(base, outstanding);
        ConnectionError::Peer(PeerError::AckTooHigh { h, sent })
    })
}

/// The archive will bring them back as ours: they are no news.
pub(super) fn note_sent<'a>(
    stanzas: impl IntoIterator<Item = &'a OutboundStanza>,
    context: &mut Context,
) -> Vec<Op> {
    let messages = stanzas
        .into_iter()
        .filter(|stanza| super::is_message(stanza));
    let note = |stanza: &OutboundStanza| {
        let seen = &mut context.knowledge.seen;
        let sent = parse_stanza(&stanza.xml)?;
        let tags = SenderTags::of_ours(&sent, Way::Indirect, seen)?;
        let message = tags.into_message(&stanza.id);
        seen.insert(&message);
        Some(Op::Seen(message))
    };
    messages.filter_map(note).collect()
}

pub(super) fn stage_event(stanza: &OutboundStanza, stage: Stage) -> Option<Event> {
    (stanza.kind != OutboundKind::Core).then(|| Event::Stage {
        id: stanza.id.clone(),
        stage,
    })
}

/// What leaves: sent a second time, a message says when it was first meant to be sent (rule I8), if the server's limit has room
/// for that.
fn wire(stanza: &OutboundStanza, limit: Option<usize>) -> String {
    if stanza.unknown {
        let stamped = stamped(&stanza.xml, stanza.queued_at);
        if limit.is_none_or(|limit| stamped.len() <= limit) {
            return stamped;
        }
    }
    stanza.xml.clone()
}

/// XEP-0203: says when the stanza was first meant to be sent. The text is our own writer's, so its end is known.
fn stamped(xml: &str, at: UnixTime) -> String {
    let stamp = Delay {
        stamp: at,
        from: None,
    }
    .to_element()
    .to_xml();
    match xml.strip_suffix("</message>") {
        Some(open) if !open.contains("urn:xmpp:delay") => format!("{open}{stamp}</message>"),
        _ => xml.to_owned(),
    }
}

fn part_of(xml: &str) -> Part {
    if xml.starts_with("<message") {
        Part::Message
    } else if xml.starts_with("<presence") {
        Part::Presence
    } else {
        Part::Iq
    }
}
