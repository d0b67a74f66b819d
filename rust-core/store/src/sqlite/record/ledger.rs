//! What must exist, and how old the file is.

use snapback_proto::knowledge::{ArchiveCursor, ArchiveRecheck, OpenSessions};
use snapback_proto::time::UnixTime;

use super::super::codec::{Reader, Writer};
use super::super::fault::Fault;
use super::Record;
use super::stanzas::{read_cursor, write_cursor};

/// What the file must contain, so that a missing row is noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Ledger {
    /// The number that the next stanza gets.
    pub(in super::super) next_seq: u64,
    /// The next place in the order of sending.
    pub(in super::super) next_place: u64,
    /// Rows of the queue, by number.
    pub(in super::super) queue: RowCounts,
    /// The next place in the order of arrival.
    pub(in super::super) next_delivery: u64,
    /// Deliveries, by place.
    pub(in super::super) deliveries: RowCounts,
    /// The roster's version.
    pub(in super::super) roster_version: Option<String>,
    /// Its items.
    pub(in super::super) roster_items: u64,
    /// The position up to which the archive is complete here.
    pub(in super::super) archive: Option<ArchiveCursor>,
    /// How many messages were noted as seen.
    pub(in super::super) next_seen: u64,
    /// The time of the message at the cursor, or later.
    pub(in super::super) archive_time: Option<UnixTime>,
    /// The sessions that were begun, cannot be resumed and were not closed in order.
    pub(in super::super) open_sessions: OpenSessions,
    /// Whether a possible gap is to be reported to the app.
    pub(in super::super) possible_gap: bool,
    /// What the archive has to be asked for again.
    pub(in super::super) archive_recheck: Option<ArchiveRecheck>,
}

impl Ledger {
    /// Removes the cursor of the archive, and what belongs to it.
    pub(in super::super) fn forget_archive(&mut self) {
        (self.archive, self.archive_time, self.archive_recheck) = (None, None, None);
    }
}

/// How many rows, and the sum of their numbers: a missing row changes both, a replaced row changes the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct RowCounts {
    pub(in super::super) rows: u64,
    pub(in super::super) sum: u64,
}

impl RowCounts {
    pub(in super::super) fn add(&mut self, number: u64) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(number);
    }

    pub(in super::super) fn remove(&mut self, number: u64) {
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
            .flag(self.open_sessions.own)
            .flag(self.open_sessions.other)
            .flag(self.possible_gap)
            .option(self.archive_recheck.as_ref(), write_recheck);
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
            open_sessions: OpenSessions::default(),
            possible_gap: false,
            archive_recheck: None,
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
        let ledger = Self {
            archive_time: input.option(|input| input.time().map(UnixTime))?,
            open_sessions: OpenSessions {
                own: input.flag()?,
                other: false,
            },
            ..ledger
        };
        if input.is_at_end() {
            return Ok(ledger);
        }
        let ledger = Self {
            open_sessions: OpenSessions {
                other: input.flag()?,
                ..ledger.open_sessions
            },
            possible_gap: input.flag()?,
            ..ledger
        };
        if input.is_at_end() {
            return Ok(ledger);
        }
        Ok(Self {
            archive_recheck: input.option(read_recheck)?,
            ..ledger
        })
    }
}

fn write_recheck<'a>(out: &'a mut Writer, recheck: &ArchiveRecheck) -> &'a mut Writer {
    let tag = match recheck {
        ArchiveRecheck::HandOver(_) => 0,
        ArchiveRecheck::Settle(_) => 1,
        ArchiveRecheck::Asked { .. } => 2,
    };
    let out = write_cursor(out.tag(tag), recheck.place());
    match recheck {
        ArchiveRecheck::Asked { known, .. } => write_cursor(out, known),
        ArchiveRecheck::HandOver(_) | ArchiveRecheck::Settle(_) => out,
    }
}

fn read_recheck(input: &mut Reader<'_>) -> Result<ArchiveRecheck, Fault> {
    match input.tag()? {
        0 => read_cursor(input).map(ArchiveRecheck::HandOver),
        1 => read_cursor(input).map(ArchiveRecheck::Settle),
        2 => Ok(ArchiveRecheck::Asked {
            place: read_cursor(input)?,
            known: read_cursor(input)?,
        }),
        _ => Err(Fault::Unreadable),
    }
}

/// The epochs, one of which the vault has: that of the last opening, and the one that was being set when it was
/// interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Epochs {
    pub(in super::super) last: Vec<u8>,
    pub(in super::super) next: Vec<u8>,
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
