//! The session that may be resumed.

use snapback_proto::knowledge::{HandOver, PendingIq, PendingKind, ResumeTrials, SmSession};
use snapback_proto::time::UnixTime;

use super::super::codec::{Reader, Writer};
use super::super::fault::Fault;
use super::Record;
use super::stanzas::{read_cursor, write_cursor};

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
        write_hand_over(out, self.hand_over.as_ref());
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
            hand_over: read_hand_over(input)?,
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

fn write_hand_over(out: &mut Writer, hand_over: Option<&HandOver>) {
    out.option(hand_over, |out, hand_over| {
        write_cursor(out, &hand_over.place).option(hand_over.resumed_at, |out, at| out.time(at.0))
    });
}

/// Reads the hand-over. Sessions of schemas 1 to 8 have none.
fn read_hand_over(input: &mut Reader<'_>) -> Result<Option<HandOver>, Fault> {
    if input.is_at_end() {
        return Ok(None);
    }
    input.option(|input| {
        Ok(HandOver {
            place: read_cursor(input)?,
            resumed_at: input.option(Reader::time)?.map(UnixTime),
        })
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
