//! An outbound stanza in the forms that are queued, counted and written.

use crate::connection::context::Context;
use crate::connection::output::{Event, Stage};
use crate::connection::session::dedup::SenderTags;
use crate::error::{ConnectionError, PeerError};
use crate::knowledge::{Op, OutboundKind, OutboundStanza, Way};
use crate::protocol_message::ProtocolMessage;
use crate::time::UnixTime;
use crate::xep::delay::Delay;
use crate::xep::serial;
use crate::xml::{Element, parse_stanza};

/// Queues a stanza of the app while there is no session: it waits in the store (rule I4).
pub(in crate::connection) fn enqueue(stanza: &Element, kind: OutboundKind, context: &mut Context) {
    let stanza = outbound(stanza, kind, false, context);
    context.knowledge.queue.push(stanza.clone());
    let id = stanza.id.clone();
    let seq = context.env.persist(vec![Op::Enqueue(stanza)]);
    context.env.event_after(
        Some(seq),
        Event::Stage {
            id,
            stage: Stage::Queued,
        },
    );
}

/// Creates a stanza of the core itself.
pub(super) fn core(stanza: &Element, context: &mut Context) -> OutboundStanza {
    outbound(stanza, OutboundKind::Core, true, context)
}

pub(super) fn outbound(
    stanza: &Element,
    kind: OutboundKind,
    sent: bool,
    context: &mut Context,
) -> OutboundStanza {
    let seq = context.knowledge.next_seq;
    context.knowledge.next_seq = seq.saturating_add(1);
    OutboundStanza {
        seq,
        id: stanza.attr("id").unwrap_or_default().to_owned(),
        kind,
        sent,
        unknown: false,
        sent_after: None,
        strikes: 0,
        queued_at: context.env.now.wall,
        xml: stanza.to_xml(),
    }
}

pub(super) fn count_acked(h: u32, base: u32, outstanding: usize) -> Result<usize, ConnectionError> {
    serial::acked(h, base, outstanding).map_err(|_| {
        let sent = serial::count_after(base, outstanding);
        ConnectionError::Peer(PeerError::AckTooHigh { h, sent })
    })
}

/// The archive will return them as sent by this client: they are duplicates.
pub(super) fn note_sent<'a>(
    stanzas: impl IntoIterator<Item = &'a OutboundStanza>,
    context: &mut Context,
) -> Vec<Op> {
    let messages = stanzas.into_iter().filter(|stanza| is_message(stanza));
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

/// Returns the text that is sent. A message that is sent a second time states when it was first to be sent (rule I8), if the
/// server's size limit allows it.
pub(super) fn wire(stanza: &OutboundStanza, limit: Option<usize>) -> String {
    if stanza.unknown {
        let stamped = stamped(&stanza.xml, stanza.queued_at);
        if limit.is_none_or(|limit| stamped.len() <= limit) {
            return stamped;
        }
    }
    stanza.xml.clone()
}

/// XEP-0203: adds the time at which the stanza was first to be sent. The text was written by this client's writer, so its end
/// is known.
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

pub(super) fn part_of(xml: &str) -> ProtocolMessage {
    if xml.starts_with("<message") {
        ProtocolMessage::Message
    } else if xml.starts_with("<presence") {
        ProtocolMessage::Presence
    } else {
        ProtocolMessage::Iq
    }
}

/// Returns whether it is a message of the app, which is kept after its session ends.
pub(super) fn is_message(stanza: &OutboundStanza) -> bool {
    stanza.kind == OutboundKind::Message
}
