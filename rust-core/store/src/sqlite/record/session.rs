//! The session that may be resumed.

use snapback_proto::escalation::{Failure, Subject};
use snapback_proto::knowledge::{Greeting, HandOver, PendingIq, PendingKind, SmSession};
use snapback_proto::time::UnixTime;

use super::super::codec::{Reader, Writer};
use super::super::fault::Fault;
use super::stanzas::{read_cursor, write_cursor};
use super::{Record, small};

impl Record for SmSession {
    fn write(&self, out: &mut Writer) {
        out.text(&self.id)
            .text(&self.jid)
            .number(self.h.into())
            .number(self.base.into())
            .option(self.max, |out, max| out.number(max.into()))
            .option(self.location.as_ref(), |out, text| out.text(text))
            .time(self.alive_at.0)
            .option(None::<u32>, |out, h| out.number(h.into()))
            .number(self.pending.len() as u64);
        for request in &self.pending {
            out.text(&request.id).text(pending_name(request.kind));
        }
        // Where the failed attempts to resume it were until schema 9.
        out.number(0).number(0).time(0).time(0);
        write_hand_over(out, self.hand_over.as_ref());
        out.number(u64::from(self.greeting == Greeting::Owed));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        read_session(input).map(|(session, _)| session)
    }
}

/// Returns the failures that a session of schemas 1 to 9 contained.
pub(in super::super) fn of_session_before(plain: &[u8]) -> Result<Vec<Failure>, Fault> {
    let (_, failures) = read_session(&mut Reader::new(plain))?;
    Ok(failures)
}

/// Reads a session. Those of schemas 1 to 9 contained the place of malformed input, those since schema 6 how the attempts
/// to resume it had failed.
fn read_session(input: &mut Reader<'_>) -> Result<(SmSession, Vec<Failure>), Fault> {
    let mut session = SmSession {
        id: input.text()?,
        jid: input.text()?,
        h: input.number32()?,
        base: input.number32()?,
        max: input.option(Reader::number32)?,
        location: input.option(Reader::text)?,
        alive_at: UnixTime(input.time()?),
        pending: Vec::new(),
        hand_over: None,
        greeting: Greeting::Sent,
    };
    let malformed_at = input.option(Reader::number32)?;
    let count = input.number()?;
    let requests = (0..count).map(|_| pending_request(input));
    session.pending = requests.collect::<Result<_, _>>()?;
    let mut failures = Vec::new();
    failures.extend(malformed_at.map(|h| Failure {
        subject: Subject::Input(h),
        refusals: 1,
        silences: 0,
        since: session.alive_at,
        until: session.alive_at,
    }));
    if !input.is_at_end() {
        let failure = Failure {
            subject: Subject::Resume,
            refusals: small(input.number()?)?,
            silences: small(input.number()?)?,
            since: UnixTime(input.time()?),
            until: UnixTime(input.time()?),
        };
        failures.extend((failure.refusals > 0 || failure.silences > 0).then_some(failure));
    }
    session.hand_over = read_hand_over(input)?;
    session.greeting = read_greeting(input)?;
    Ok((session, failures))
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

/// Reads whether the session was begun completely. Sessions of schemas 1 to 12 were.
fn read_greeting(input: &mut Reader<'_>) -> Result<Greeting, Fault> {
    if input.is_at_end() {
        return Ok(Greeting::Sent);
    }
    match input.number()? {
        0 => Ok(Greeting::Sent),
        1 => Ok(Greeting::Owed),
        _ => Err(Fault::Unreadable),
    }
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
        PendingKind::PushEnable,
        PendingKind::PushDisable,
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
        PendingKind::PushEnable => "push-enable",
        PendingKind::PushDisable => "push-disable",
    }
}
