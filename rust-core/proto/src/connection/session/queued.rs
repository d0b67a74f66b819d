//! An outbound stanza in the forms that are queued, counted and written.

use crate::connection::output::{Event, Failure, Stage};
use crate::connection::remote::Remote;
use crate::connection::session::dedup::SenderTags;
use crate::connection::session::history;
use crate::error::{ConnectionError, PeerError};
use crate::knowledge::{Op, OutboundKind, OutboundStanza, StanzaName, Way, WrittenStanza};
use crate::ns;
use crate::protocol_message::ProtocolMessage;
use crate::xep::delay::Delay;
use crate::xep::serial;
use crate::xml::parse_stanza;

/// Queues a stanza of the app while there is no session: it waits in the store (rule I4). What has no meaning later fails instead.
pub(in crate::connection) fn enqueue(
    stanza: WrittenStanza,
    kind: OutboundKind,
    remote: &mut Remote,
) {
    if kind == OutboundKind::Ephemeral {
        let id = stanza.id().to_owned();
        let stage = Stage::Failed(Failure::NotOnline);
        return remote.env.event(Event::Stage { id, stage });
    }
    history::note(stanza.element(), remote);
    let stanza = outbound(stanza, kind, remote);
    remote.knowledge.queue.push(stanza.clone());
    let id = stanza.id.clone();
    let seq = remote.env.persist(vec![Op::Enqueue(stanza)]);
    remote.env.event_after(
        Some(seq),
        Event::Stage {
            id,
            stage: Stage::Queued,
        },
    );
}

/// Creates a stanza of the core itself, which is sent at once.
pub(super) fn core(stanza: WrittenStanza, remote: &mut Remote) -> OutboundStanza {
    OutboundStanza {
        sent: true,
        ..outbound(stanza, OutboundKind::Core, remote)
    }
}

pub(super) fn outbound(
    stanza: WrittenStanza,
    kind: OutboundKind,
    remote: &mut Remote,
) -> OutboundStanza {
    let seq = remote.knowledge.next_seq;
    remote.knowledge.next_seq = seq.saturating_add(1);
    OutboundStanza::new(seq, kind, stanza, remote.env.now.wall)
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
    remote: &mut Remote,
) -> Vec<Op> {
    let messages = stanzas
        .into_iter()
        .filter(|stanza| stanza.outlives_session());
    let note = |stanza: &OutboundStanza| {
        let seen = &mut remote.knowledge.seen;
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
    let stamped = stanza.unknown.then(|| stamped(stanza)).flatten();
    stamped
        .filter(|text| limit.is_none_or(|limit| text.len() <= limit))
        .unwrap_or_else(|| stanza.xml.clone())
}

/// XEP-0203: adds the time at which the message was first to be sent, unless it states a time already.
fn stamped(stanza: &OutboundStanza) -> Option<String> {
    if stanza.head.name != StanzaName::Message {
        return None;
    }
    let message = parse_stanza(&stanza.xml)?;
    let stamp = Delay {
        stamp: stanza.queued_at,
        from: None,
    };
    let is_stamped = message.has_child("delay", ns::DELAY);
    (!is_stamped).then(|| message.with_child(stamp.to_element()).to_xml())
}

/// Returns the name of the stanza in a timeline.
pub(super) fn part_of(name: StanzaName) -> ProtocolMessage {
    match name {
        StanzaName::Message => ProtocolMessage::Message,
        StanzaName::Presence => ProtocolMessage::Presence,
        StanzaName::Iq => ProtocolMessage::Iq,
    }
}
