//! Outbound stanzas and deliveries, with their heads.

use std::sync::Arc;

use snapback_proto::escalation::{Failure, Subject};
use snapback_proto::knowledge::{
    ArchiveCursor, Delivery, OutboundKind, OutboundStanza, Retention, StanzaHead, StanzaKind,
    StanzaName,
};
use snapback_proto::time::UnixTime;
use snapback_proto::xep::carbons::{Carbon, Direction};
use snapback_proto::xep::delay::Delay;

use super::super::codec::{Reader, Writer};
use super::super::fault::Fault;
use super::super::xml;
use super::{Record, small};

/// Whether the stanza was sent is the row's `place`, not part of the record.
impl Record for OutboundStanza {
    fn write(&self, out: &mut Writer) {
        out.number(self.seq)
            .text(&self.id)
            .text(outbound_name(self.kind))
            .time(self.queued_at.0)
            .text(&self.xml)
            .flag(self.unknown)
            .option(self.sent_after.as_ref(), write_cursor)
            .number(0);
        self.head.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        read_stanza(input).map(|(stanza, _)| stanza)
    }
}

/// Returns the failure that a stanza of schemas 3 to 9 contained.
pub(in super::super) fn of_stanza_before(plain: &[u8]) -> Result<Vec<Failure>, Fault> {
    let (stanza, refusals) = read_stanza(&mut Reader::new(plain))?;
    let failure = Failure {
        subject: Subject::Stanza(stanza.seq),
        refusals,
        silences: 0,
        since: stanza.queued_at,
        until: stanza.queued_at,
    };
    Ok((refusals > 0).then_some(failure).into_iter().collect())
}

/// Reads a stanza, and how many stream errors were attributed to it until schema 9. Records of schemas 1 and 2 end after
/// the text, those before schema 7 before the head.
fn read_stanza(input: &mut Reader<'_>) -> Result<(OutboundStanza, u8), Fault> {
    let (seq, id) = (input.number()?, input.text()?);
    let kind = outbound_kind(&input.text()?)?;
    let queued_at = UnixTime(input.time()?);
    let xml = input.text()?;
    let (mut unknown, mut sent_after, mut refusals) = (false, None, 0);
    if !input.is_at_end() {
        unknown = input.flag()?;
        sent_after = input.option(read_cursor)?;
        refusals = small(input.number()?)?;
    }
    let head = if input.is_at_end() {
        StanzaHead::of(&xml::parse(&xml)?)
    } else {
        StanzaHead::read(input)?
    };
    let stanza = OutboundStanza {
        seq,
        id,
        kind,
        head,
        sent: false,
        unknown,
        sent_after,
        queued_at,
        xml,
    };
    Ok((stanza, refusals))
}

pub(super) fn write_cursor<'a>(out: &'a mut Writer, cursor: &ArchiveCursor) -> &'a mut Writer {
    match cursor {
        ArchiveCursor::Start => out.tag(0),
        ArchiveCursor::After(id) => out.tag(1).text(id),
        ArchiveCursor::Since(time) => out.tag(2).time(time.0),
    }
}

pub(super) fn read_cursor(input: &mut Reader<'_>) -> Result<ArchiveCursor, Fault> {
    match input.tag()? {
        0 => Ok(ArchiveCursor::Start),
        1 => input.text().map(ArchiveCursor::After),
        // Since schema 4.
        2 => input.time().map(UnixTime).map(ArchiveCursor::Since),
        _ => Err(Fault::Unreadable),
    }
}

fn outbound_kind(name: &str) -> Result<OutboundKind, Fault> {
    [
        OutboundKind::Message,
        OutboundKind::SessionBound,
        OutboundKind::Ephemeral,
        OutboundKind::Core,
    ]
    .into_iter()
    .find(|kind| outbound_name(*kind) == name)
    .ok_or(Fault::Unreadable)
}

fn outbound_name(kind: OutboundKind) -> &'static str {
    match kind {
        OutboundKind::Message => "message",
        OutboundKind::SessionBound => "session-bound",
        OutboundKind::Ephemeral => "ephemeral",
        OutboundKind::Core => "core",
    }
}

impl Record for Delivery {
    fn write(&self, out: &mut Writer) {
        out.text(&self.id)
            .text(&self.stanza.to_xml())
            .option(self.possible_duplicate_of.as_ref(), |out, id| out.text(id));
        self.head.write(out);
        out.option(self.carbon.as_ref(), write_carbon)
            .flag(self.is_archived);
    }

    /// Records before schema 5 end after the text, those before schema 7 before the head; their carbons are still in their
    /// wrappers. Those before schema 11 do not say whether they come from the archive.
    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let (id, xml) = (input.text()?, input.text()?);
        let stanza = Arc::new(xml::parse(&xml)?);
        let possible_duplicate_of = if input.is_at_end() {
            None
        } else {
            input.option(Reader::text)?
        };
        if input.is_at_end() {
            return Ok(Self {
                possible_duplicate_of,
                ..Self::new(id, stanza)
            });
        }
        Ok(Self {
            id,
            head: StanzaHead::read(input)?,
            carbon: input.option(read_carbon)?,
            is_archived: !input.is_at_end() && input.flag()?,
            stanza,
            possible_duplicate_of,
        })
    }
}

fn write_carbon<'a>(out: &'a mut Writer, carbon: &Carbon) -> &'a mut Writer {
    let is_sent = carbon.direction == Direction::Sent;
    out.flag(is_sent)
        .option(carbon.delay.as_ref(), |out, delay| {
            out.time(delay.stamp.0)
                .option(delay.from.as_ref(), |out, from| out.text(from))
        })
}

fn read_carbon(input: &mut Reader<'_>) -> Result<Carbon, Fault> {
    Ok(Carbon {
        direction: if input.flag()? {
            Direction::Sent
        } else {
            Direction::Received
        },
        delay: input.option(|input| {
            Ok(Delay {
                stamp: UnixTime(input.time()?),
                from: input.option(Reader::text)?,
            })
        })?,
    })
}

/// Three bytes.
impl Record for StanzaHead {
    fn write(&self, out: &mut Writer) {
        out.tag(name_tag(self.name))
            .tag(kind_tag(self.kind))
            .tag(retention_tag(self.retention));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            name: tagged(&NAMES, name_tag, input.tag()?)?,
            kind: tagged(&KINDS, kind_tag, input.tag()?)?,
            retention: tagged(&RETENTIONS, retention_tag, input.tag()?)?,
        })
    }
}

const NAMES: [StanzaName; 3] = [StanzaName::Message, StanzaName::Presence, StanzaName::Iq];

fn name_tag(name: StanzaName) -> u8 {
    match name {
        StanzaName::Message => 0,
        StanzaName::Presence => 1,
        StanzaName::Iq => 2,
    }
}

const KINDS: [StanzaKind; 13] = [
    StanzaKind::Normal,
    StanzaKind::Chat,
    StanzaKind::Groupchat,
    StanzaKind::Headline,
    StanzaKind::Error,
    StanzaKind::Available,
    StanzaKind::Unavailable,
    StanzaKind::Subscription,
    StanzaKind::Probe,
    StanzaKind::Get,
    StanzaKind::Set,
    StanzaKind::Result,
    StanzaKind::Other,
];

fn kind_tag(kind: StanzaKind) -> u8 {
    match kind {
        StanzaKind::Normal => 0,
        StanzaKind::Chat => 1,
        StanzaKind::Groupchat => 2,
        StanzaKind::Headline => 3,
        StanzaKind::Error => 4,
        StanzaKind::Available => 5,
        StanzaKind::Unavailable => 6,
        StanzaKind::Subscription => 7,
        StanzaKind::Probe => 8,
        StanzaKind::Get => 9,
        StanzaKind::Set => 10,
        StanzaKind::Result => 11,
        StanzaKind::Other => 12,
    }
}

const RETENTIONS: [Retention; 3] = [
    Retention::Archived,
    Retention::Unarchived,
    Retention::Ephemeral,
];

fn retention_tag(retention: Retention) -> u8 {
    match retention {
        Retention::Archived => 0,
        Retention::Unarchived => 1,
        Retention::Ephemeral => 2,
    }
}

fn tagged<T: Copy>(all: &[T], tag_of: fn(T) -> u8, tag: u8) -> Result<T, Fault> {
    let found = all.iter().find(|one| tag_of(**one) == tag);
    found.copied().ok_or(Fault::Unreadable)
}
