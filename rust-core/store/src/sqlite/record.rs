//! The records, field by field. Names from the protocol are stored as spelled there, so that reordering an enum changes
//! no file.

use std::sync::Arc;

use snapback_proto::knowledge::{
    ArchiveCursor, BindPipelining, Delivery, FastToken, KnownCaps, OutboundKind, OutboundStanza,
    PendingIq, PendingKind, ResumeTrials, SmSession,
};
use snapback_proto::sasl::{
    ChannelBindingType, Floor, Hash, HtBinding, Mechanism, ScramKeyId, ScramKeys,
};
use snapback_proto::secret::Secret;
use snapback_proto::stream::features::StreamFeatures;
use snapback_proto::time::UnixTime;
use snapback_proto::xep::roster::{Item, Subscription};

use crate::{Endpoint, EndpointSource, KnownEndpoints};

use super::codec::{Reader, Writer};
use super::fault::Fault;
use super::tables::{transport, transport_name};
use super::xml;

/// The contents of one sealed value.
pub(super) trait Record: Sized {
    fn write(&self, out: &mut Writer);
    fn read(input: &mut Reader<'_>) -> Result<Self, Fault>;

    fn to_plain(&self) -> Writer {
        let mut out = Writer::new();
        self.write(&mut out);
        out
    }

    fn from_plain(plain: &[u8]) -> Result<Self, Fault> {
        let mut input = Reader::new(plain);
        let record = Self::read(&mut input)?;
        input.end()?;
        Ok(record)
    }
}

impl Record for String {
    fn write(&self, out: &mut Writer) {
        out.text(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        input.text()
    }
}

impl Record for UnixTime {
    fn write(&self, out: &mut Writer) {
        out.time(self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        input.time().map(Self)
    }
}

/// Stores the time until which it is off; without a time it is proven.
impl Record for BindPipelining {
    fn write(&self, out: &mut Writer) {
        let off_until = match self {
            Self::Proven => None,
            Self::OffUntil(time) => Some(*time),
        };
        out.flag(off_until.is_some());
        if let Some(time) = off_until {
            time.write(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(if input.flag()? {
            Self::OffUntil(UnixTime::read(input)?)
        } else {
            Self::Proven
        })
    }
}

impl Record for [u8; 32] {
    fn write(&self, out: &mut Writer) {
        out.bytes(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        input.bytes()?.try_into().map_err(|_| Fault::Unreadable)
    }
}

impl Record for StreamFeatures {
    fn write(&self, out: &mut Writer) {
        out.text(&self.to_element().to_xml());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self::parse(&xml::parse(&input.text()?)?))
    }
}

impl Record for KnownCaps {
    fn write(&self, out: &mut Writer) {
        out.text(&self.hash)
            .text(&self.ver)
            .option(self.only.as_ref(), |out, jid| out.text(jid))
            .texts(&self.features);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            hash: input.text()?,
            ver: input.text()?,
            only: input.option(Reader::text)?,
            features: input.texts()?.into(),
        })
    }
}

impl Record for KnownEndpoints {
    fn write(&self, out: &mut Writer) {
        out.time(self.stored_at.0)
            .time(self.expires_at.0)
            .number(self.endpoints.len() as u64);
        for endpoint in &self.endpoints {
            out.text(&endpoint.host)
                .text(&endpoint.addr.to_string())
                .text(transport_name(endpoint.transport))
                .number(endpoint.priority.into())
                .text(source_name(endpoint.source));
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            stored_at: UnixTime(input.time()?),
            expires_at: UnixTime(input.time()?),
            endpoints: {
                let count = input.number()?;
                let endpoints = (0..count).map(|_| known_endpoint(input));
                endpoints.collect::<Result<_, _>>()?
            },
        })
    }
}

fn known_endpoint(input: &mut Reader<'_>) -> Result<Endpoint, Fault> {
    Ok(Endpoint {
        host: input.text()?,
        addr: input.text()?.parse().map_err(|_| Fault::Unreadable)?,
        transport: transport(&input.text()?).ok_or(Fault::Unreadable)?,
        priority: u16::try_from(input.number()?).map_err(|_| Fault::Unreadable)?,
        source: source(&input.text()?)?,
    })
}

fn source(name: &str) -> Result<EndpointSource, Fault> {
    [
        EndpointSource::Override,
        EndpointSource::Srv,
        EndpointSource::Fallback,
    ]
    .into_iter()
    .find(|source| source_name(*source) == name)
    .ok_or(Fault::Unreadable)
}

fn source_name(source: EndpointSource) -> &'static str {
    match source {
        EndpointSource::Override => "override",
        EndpointSource::Srv => "srv",
        EndpointSource::Fallback => "fallback",
    }
}

impl Record for Floor {
    fn write(&self, out: &mut Writer) {
        out.text(self.mechanism.as_str())
            .option(self.channel_binding, |out, kind| out.text(kind.as_str()));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            mechanism: Mechanism::parse(&input.text()?).ok_or(Fault::Unreadable)?,
            channel_binding: input.option(|input| {
                ChannelBindingType::parse(&input.text()?).ok_or(Fault::Unreadable)
            })?,
        })
    }
}

impl Record for (ScramKeyId, ScramKeys) {
    fn write(&self, out: &mut Writer) {
        let (id, keys) = self;
        let mechanism = Mechanism::Scram {
            hash: id.hash,
            plus: false,
        };
        out.text(mechanism.as_str())
            .text(&id.user)
            .bytes(&id.salt)
            .number(id.iterations.into())
            .bytes(keys.client_key().expose())
            .bytes(keys.server_key().expose());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let id = ScramKeyId {
            hash: scram_hash(&input.text()?)?,
            user: input.text()?,
            salt: input.bytes()?.to_vec(),
            iterations: input.number32()?,
        };
        let client_key = Secret::new(input.bytes()?.to_vec());
        let server_key = Secret::new(input.bytes()?.to_vec());
        let keys =
            ScramKeys::restore(id.hash, client_key, server_key).map_err(|_| Fault::Unreadable)?;
        Ok((id, keys))
    }
}

fn scram_hash(mechanism: &str) -> Result<Hash, Fault> {
    match Mechanism::parse(mechanism) {
        Some(Mechanism::Scram { hash, .. }) => Ok(hash),
        _ => Err(Fault::Unreadable),
    }
}

impl Record for FastToken {
    fn write(&self, out: &mut Writer) {
        out.text(Mechanism::Ht(self.binding).as_str())
            .text(self.token.expose())
            .option(self.expires, |out, at| out.time(at.0))
            .number(self.count.into());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            binding: token_binding(&input.text()?)?,
            token: Secret::new(input.text()?),
            expires: input.option(|input| input.time().map(UnixTime))?,
            count: input.number32()?,
        })
    }
}

fn token_binding(mechanism: &str) -> Result<HtBinding, Fault> {
    match Mechanism::parse(mechanism) {
        Some(Mechanism::Ht(binding)) => Ok(binding),
        _ => Err(Fault::Unreadable),
    }
}

impl Record for SmSession {
    fn write(&self, out: &mut Writer) {
        out.text(&self.id)
            .text(&self.jid)
            .number(self.h.into())
            .number(self.base.into())
            .option(self.max, |out, max| out.number(max.into()))
            .option(self.location.as_ref(), |out, text| out.text(text))
            .time(self.alive_at.0)
            .option(self.poisoned_at, |out, h| out.number(h.into()))
            .number(self.pending.len() as u64);
        for request in &self.pending {
            out.text(&request.id).text(pending_name(request.kind));
        }
        write_trials(out, self.trials);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            id: input.text()?,
            jid: input.text()?,
            h: input.number32()?,
            base: input.number32()?,
            max: input.option(Reader::number32)?,
            location: input.option(Reader::text)?,
            alive_at: UnixTime(input.time()?),
            poisoned_at: input.option(Reader::number32)?,
            pending: {
                let count = input.number()?;
                let requests = (0..count).map(|_| pending_request(input));
                requests.collect::<Result<_, _>>()?
            },
            trials: read_trials(input)?,
        })
    }
}

fn write_trials(out: &mut Writer, trials: ResumeTrials) {
    out.number(trials.wrong.into())
        .number(trials.silent.into())
        .time(trials.silent_since.0)
        .time(trials.silent_until.0);
}

/// Reads the trials. Sessions of schemas 1 to 5 have none.
fn read_trials(input: &mut Reader<'_>) -> Result<ResumeTrials, Fault> {
    if input.is_at_end() {
        return Ok(ResumeTrials::default());
    }
    let small = |number: u64| u8::try_from(number).map_err(|_| Fault::Unreadable);
    Ok(ResumeTrials {
        wrong: small(input.number()?)?,
        silent: small(input.number()?)?,
        silent_since: UnixTime(input.time()?),
        silent_until: UnixTime(input.time()?),
    })
}

fn pending_request(input: &mut Reader<'_>) -> Result<PendingIq, Fault> {
    let id = input.text()?;
    let name = input.text()?;
    let kind = [
        PendingKind::Roster,
        PendingKind::Carbons,
        PendingKind::ServerDisco,
        PendingKind::ArchivePage,
        PendingKind::ArchiveTime,
        PendingKind::ArchiveBack,
        PendingKind::ArchiveEnd,
    ]
    .into_iter()
    .find(|kind| pending_name(*kind) == name)
    .ok_or(Fault::Unreadable)?;
    Ok(PendingIq { id, kind })
}

fn pending_name(kind: PendingKind) -> &'static str {
    match kind {
        PendingKind::Roster => "roster",
        PendingKind::Carbons => "carbons",
        PendingKind::ServerDisco => "server-disco",
        PendingKind::ArchivePage => "archive-page",
        PendingKind::ArchiveTime => "archive-time",
        PendingKind::ArchiveBack => "archive-back",
        PendingKind::ArchiveEnd => "archive-end",
    }
}

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
            .number(self.strikes.into());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let stanza = Self {
            seq: input.number()?,
            id: input.text()?,
            kind: outbound_kind(&input.text()?)?,
            queued_at: UnixTime(input.time()?),
            xml: input.text()?,
            sent: false,
            unknown: false,
            sent_after: None,
            strikes: 0,
        };
        if input.is_at_end() {
            return Ok(stanza);
        }
        Ok(Self {
            unknown: input.flag()?,
            sent_after: input.option(read_cursor)?,
            strikes: u8::try_from(input.number()?).map_err(|_| Fault::Unreadable)?,
            ..stanza
        })
    }
}

fn write_cursor<'a>(out: &'a mut Writer, cursor: &ArchiveCursor) -> &'a mut Writer {
    match cursor {
        ArchiveCursor::Start => out.tag(0),
        ArchiveCursor::After(id) => out.tag(1).text(id),
        ArchiveCursor::Since(time) => out.tag(2).time(time.0),
    }
}

fn read_cursor(input: &mut Reader<'_>) -> Result<ArchiveCursor, Fault> {
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
        OutboundKind::Core => "core",
    }
}

impl Record for Delivery {
    fn write(&self, out: &mut Writer) {
        out.text(&self.id)
            .text(&self.stanza.to_xml())
            .option(self.possible_duplicate_of.as_ref(), |out, id| out.text(id));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let delivery = Self {
            id: input.text()?,
            stanza: Arc::new(xml::parse(&input.text()?)?),
            possible_duplicate_of: None,
        };
        if input.is_at_end() {
            return Ok(delivery);
        }
        Ok(Self {
            possible_duplicate_of: input.option(Reader::text)?,
            ..delivery
        })
    }
}

impl Record for Item {
    fn write(&self, out: &mut Writer) {
        out.text(&self.jid)
            .option(self.name.as_ref(), |out, name| out.text(name))
            .text(self.subscription.name())
            .flag(self.ask)
            .texts(&self.groups);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            jid: input.text()?,
            name: input.option(Reader::text)?,
            subscription: subscription(&input.text()?)?,
            ask: input.flag()?,
            groups: input.texts()?,
        })
    }
}

fn subscription(name: &str) -> Result<Subscription, Fault> {
    [
        Subscription::None,
        Subscription::To,
        Subscription::From,
        Subscription::Both,
        Subscription::Remove,
    ]
    .into_iter()
    .find(|state| state.name() == name)
    .ok_or(Fault::Unreadable)
}

/// What the file must contain, so that a missing row is noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// The number that the next stanza gets.
    pub(super) next_seq: u64,
    /// The next place in the order of sending.
    pub(super) next_place: u64,
    /// Rows of the queue, by number.
    pub(super) queue: RowCounts,
    /// The next place in the order of arrival.
    pub(super) next_delivery: u64,
    /// Deliveries, by place.
    pub(super) deliveries: RowCounts,
    /// The roster's version.
    pub(super) roster_version: Option<String>,
    /// Its items.
    pub(super) roster_items: u64,
    /// The position up to which the archive is complete here.
    pub(super) archive: Option<ArchiveCursor>,
    /// How many messages were noted as seen.
    pub(super) next_seen: u64,
    /// The time of the message at the cursor, or later.
    pub(super) archive_time: Option<UnixTime>,
    /// Whether a session was begun that cannot be resumed.
    pub(super) open_session: bool,
}

/// How many rows, and the sum of their numbers: a missing row changes both, a replaced row changes the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowCounts {
    pub(super) rows: u64,
    pub(super) sum: u64,
}

impl RowCounts {
    pub(super) fn add(&mut self, number: u64) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(number);
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(number);
    }
}

impl Record for Ledger {
    fn write(&self, out: &mut Writer) {
        out.number(self.next_seq)
            .number(self.next_place)
            .number(self.queue.rows)
            .number(self.queue.sum)
            .number(self.next_delivery)
            .number(self.deliveries.rows)
            .number(self.deliveries.sum)
            .option(self.roster_version.as_ref(), |out, text| out.text(text))
            .number(self.roster_items)
            .option(self.archive.as_ref(), write_cursor)
            .number(self.next_seen)
            .option(self.archive_time, |out, at| out.time(at.0))
            .flag(self.open_session);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let tally = |input: &mut Reader<'_>| -> Result<RowCounts, Fault> {
            Ok(RowCounts {
                rows: input.number()?,
                sum: input.number()?,
            })
        };
        let ledger = Self {
            next_seq: input.number()?,
            next_place: input.number()?,
            queue: tally(input)?,
            next_delivery: input.number()?,
            deliveries: tally(input)?,
            roster_version: input.option(Reader::text)?,
            roster_items: input.number()?,
            archive: None,
            next_seen: 0,
            archive_time: None,
            open_session: false,
        };
        if input.is_at_end() {
            return Ok(ledger);
        }
        let ledger = Self {
            archive: input.option(read_cursor)?,
            next_seen: input.number()?,
            ..ledger
        };
        if input.is_at_end() {
            return Ok(ledger);
        }
        Ok(Self {
            archive_time: input.option(|input| input.time().map(UnixTime))?,
            open_session: input.flag()?,
            ..ledger
        })
    }
}

/// The epochs, one of which the vault has: that of the last opening, and the one that was being set when it was
/// interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Epochs {
    pub(super) last: Vec<u8>,
    pub(super) next: Vec<u8>,
}

impl Record for Epochs {
    fn write(&self, out: &mut Writer) {
        out.bytes(&self.last).bytes(&self.next);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            last: input.bytes()?.to_vec(),
            next: input.bytes()?.to_vec(),
        })
    }
}
