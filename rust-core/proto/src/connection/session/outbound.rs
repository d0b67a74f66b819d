//! Outbound stanzas: stored in the queue before the first byte is sent, removed when acknowledged.

use crate::connection::output::{Event, Failure, Seq, Stage};
use crate::connection::remote::Remote;
use crate::connection::session::history;
use crate::connection::session::queued::{core, enqueue, outbound, part_of, stage_event, wire};
use crate::connection::session::state::{Session, SessionStage, Sm};
use crate::connection::session::suspects::is_suspect;
use crate::knowledge::{Op, OutboundKind, OutboundStanza, PendingIq, PendingKind, WrittenStanza};
use crate::protocol_message::ProtocolMessage;

impl Session {
    /// Sends a stanza of the app: stored, then written.
    pub(in crate::connection) fn send(
        &mut self,
        stanza: WrittenStanza,
        kind: OutboundKind,
        remote: &mut Remote,
    ) {
        self.note_directed(stanza.element());
        if self.is_held(remote) {
            // I4: stanzas before it wait, too.
            return enqueue(stanza, kind, remote);
        }
        history::note(stanza.element(), remote);
        let mut stanza = outbound(stanza, kind, remote);
        stanza.note_sent(self.missed.place_in_archive(remote).as_ref());
        let seq = remote.env.persist(vec![Op::Enqueue(stanza.clone())]);
        remote.env.event_after(
            Some(seq),
            Event::Stage {
                id: stanza.id.clone(),
                stage: Stage::Queued,
            },
        );
        self.write(stanza, Some(seq), remote);
        self.request_ack(remote);
    }

    /// Sends a stanza of the core itself. Where the session can be resumed it is stored like any other, so that the count stays
    /// right if the process is killed.
    pub(super) fn send_core(
        &mut self,
        part: ProtocolMessage,
        stanza: impl Into<WrittenStanza>,
        kind: Option<PendingKind>,
        remote: &mut Remote,
    ) {
        let stanza = core(stanza.into(), remote);
        if let Some(kind) = kind {
            remote.stream.reader.expect_result(&stanza.id);
            self.note_request(kind, &stanza.id, remote);
            self.pending.push(PendingIq {
                id: stanza.id.clone(),
                kind,
            });
        }
        self.transmit_core(part, stanza, kind.is_some(), remote);
    }

    pub(super) fn transmit_core(
        &mut self,
        part: ProtocolMessage,
        stanza: OutboundStanza,
        is_request: bool,
        remote: &mut Remote,
    ) {
        let after = self.store_core(&stanza, is_request, remote);
        if self.not_resent > 0 {
            return self.wait_behind(stanza, after);
        }
        remote.env.transmit_after(after, part, stanza.xml.clone());
        // Without stream management the server does not count, and stanzas of the core itself are not sent again.
        if self.sm != Sm::Off {
            self.unacked.push_back(stanza);
        }
    }

    fn write(&mut self, stanza: OutboundStanza, after: Option<Seq>, remote: &mut Remote) {
        let part = part_of(stanza.head.name);
        if part == ProtocolMessage::Iq {
            remote.stream.reader.expect_result(&stanza.id);
        }
        let text = wire(&stanza, remote.max_bytes());
        remote.env.transmit_after(after, part, text);
        if stanza.kind != OutboundKind::Core {
            remote.env.event_after(
                after,
                Event::Stage {
                    id: stanza.id.clone(),
                    stage: Stage::Sent,
                },
            );
        }
        self.unacked.push_back(stanza);
    }

    /// Sends, after a resumption, what the server has not acknowledged, in its original order with its original ids (rule I4).
    pub(super) fn resend_unacked(&mut self, remote: &mut Remote) {
        // The server has not counted them, so they need not be sent.
        let mut unacked: Vec<OutboundStanza> = std::mem::take(&mut self.unacked).into();
        let too_big = fail_too_big(&mut unacked, remote);
        let ephemeral = fail_ephemeral(&mut unacked, remote);
        // The server's count refers to what is stored: another process would take a later stanza for the removed one.
        self.resend_after = self.resend_after.max(too_big).max(ephemeral);
        self.not_resent = unacked.len();
        self.unacked = unacked.into();
        self.go_on_resending(remote);
    }

    /// Puts a stanza of the core behind those that are not sent again yet: the server's count refers to that order.
    pub(super) fn wait_behind(&mut self, stanza: OutboundStanza, stored: Option<Seq>) {
        self.unacked.push_back(stanza);
        self.not_resent = self.not_resent.saturating_add(1);
        self.resend_after = self.resend_after.max(stored);
    }

    /// Sends again what may be sent now. A stanza that is sent alone is the last one until it is acknowledged.
    fn go_on_resending(&mut self, remote: &mut Remote) {
        let sent = self.unacked.len().saturating_sub(self.not_resent);
        if self
            .unacked
            .iter()
            .take(sent)
            .any(|stanza| is_suspect(stanza, remote))
        {
            return;
        }
        for (index, stanza) in self.unacked.iter().enumerate().skip(sent) {
            let is_suspect = is_suspect(stanza, remote);
            if is_suspect && index > 0 {
                return;
            }
            let text = wire(stanza, remote.max_bytes());
            let part = part_of(stanza.head.name);
            remote.env.transmit_after(self.resend_after, part, text);
            self.not_resent = self.not_resent.saturating_sub(1);
            if is_suspect {
                return;
            }
        }
    }

    /// Sends what was queued meanwhile, only after that; stanzas that have to wait are not sent.
    pub(super) fn flush_queue(&mut self, remote: &mut Remote) {
        let ready = self.ready(remote);
        let mut queue: Vec<OutboundStanza> = remote.knowledge.queue.drain(..ready).collect();
        fail_too_big(&mut queue, remote);
        if queue.is_empty() {
            return;
        }
        let seqs = queue.iter().map(|stanza| stanza.seq).collect();
        let seq = remote.env.persist(vec![Op::MarkSent(seqs)]);
        for stanza in &mut queue {
            stanza.note_sent(self.missed.place_in_archive(remote).as_ref());
        }
        for stanza in queue {
            self.write(stanza, Some(seq), remote);
        }
    }

    /// Sends the stanzas that may be sent now, and requests an acknowledgement.
    pub(super) fn go_on(&mut self, remote: &mut Remote) {
        if self.stage == SessionStage::Online {
            self.go_on_resending(remote);
            self.flush_queue(remote);
            self.request_ack(remote);
        }
    }
}

/// XEP-0478: a stanza that is too large for this server fails, and does not block the stanzas after it.
fn fail_too_big(queue: &mut Vec<OutboundStanza>, remote: &mut Remote) -> Option<Seq> {
    let limit = remote.max_bytes()?;
    let is_too_big = |stanza: &OutboundStanza| stanza.xml.len() > limit;
    fail(queue, remote, is_too_big, |stanza| Failure::TooBig {
        size: stanza.xml.len(),
        limit,
    })
}

/// What has no meaning later is not sent again: the connection broke before the server had it.
fn fail_ephemeral(unacked: &mut Vec<OutboundStanza>, remote: &mut Remote) -> Option<Seq> {
    let is_ephemeral = |stanza: &OutboundStanza| stanza.kind == OutboundKind::Ephemeral;
    fail(unacked, remote, is_ephemeral, |_| Failure::NotOnline)
}

/// Removes these stanzas, and reports why they are not sent. Returns the transaction that removes them.
fn fail(
    stanzas: &mut Vec<OutboundStanza>,
    remote: &mut Remote,
    is_one: impl Fn(&OutboundStanza) -> bool,
    why: impl Fn(&OutboundStanza) -> Failure,
) -> Option<Seq> {
    let failed: Vec<OutboundStanza> = stanzas.extract_if(.., |stanza| is_one(stanza)).collect();
    if failed.is_empty() {
        return None;
    }
    let seqs = failed.iter().map(|stanza| stanza.seq).collect();
    let seq = remote.env.persist(vec![Op::Failed(seqs)]);
    for stanza in &failed {
        let stage = Stage::Failed(why(stanza));
        if let Some(event) = stage_event(stanza, stage) {
            remote.env.event_after(Some(seq), event);
        }
    }
    Some(seq)
}
