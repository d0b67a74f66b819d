//! The outbound queue: by number, with the order of sending beside it. A message that is sent again keeps its number
//! but not its place.

use rusqlite::OptionalExtension;
use snapback_proto::knowledge::OutboundStanza;

use crate::Conflict;

use super::fault::Fault;
use super::tables::{Tables, signed};

impl Tables<'_> {
    /// Returns what was sent, in that order; then the rest by number.
    pub(super) fn queue(&self) -> Result<Vec<OutboundStanza>, Fault> {
        let mut statement = self.conn.prepare_cached(
            "SELECT seq, place, value FROM queue ORDER BY place IS NULL, place, seq",
        )?;
        let mut rows = statement.query([])?;
        let mut queue = Vec::new();
        while let Some(row) = rows.next()? {
            let sealed: Vec<u8> = row.get(2)?;
            queue.push(self.open_stanza(row.get(0)?, row.get(1)?, &sealed)?);
        }
        Ok(queue)
    }

    pub(super) fn enqueue(&mut self, stanza: &OutboundStanza) -> Result<(), Fault> {
        if stanza.seq < self.hot.ledger.next_seq {
            return Err(Conflict::SeqTaken(stanza.seq).into());
        }
        self.insert(stanza, stanza.sent)
    }

    pub(super) fn mark_sent(&mut self, seqs: &[u64]) -> Result<(), Fault> {
        for seq in seqs {
            let mut stanza = self.stanza(*seq)?.ok_or(Conflict::NotQueued(*seq))?;
            stanza.note_sent(self.hot.ledger.archive.as_ref());
            let place = self.take_place();
            self.put_stanza(&stanza, Some(place))?;
        }
        Ok(())
    }

    /// Begins a session in which exactly these stanzas were sent.
    pub(super) fn begin_session(&mut self, sent: &[OutboundStanza]) -> Result<(), Fault> {
        for stanza in sent {
            self.remove(stanza.seq)?;
        }
        self.end_session()?;
        for stanza in sent {
            // A stanza that is listed twice has its last place.
            self.remove(stanza.seq)?;
            self.insert(stanza, true)?;
        }
        Ok(())
    }

    /// Ends the session in which stanzas were sent: only messages outlive it (rule I8).
    pub(super) fn end_session(&mut self) -> Result<(), Fault> {
        let sent = self.queue()?.into_iter().take_while(|stanza| stanza.sent);
        for mut stanza in sent {
            if stanza.outlives_session() {
                stanza.note_session_lost();
                self.put_stanza(&stanza, None)?;
            } else {
                self.remove(stanza.seq)?;
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, seq: u64) -> Result<(), Fault> {
        let removed = self
            .conn
            .prepare_cached("DELETE FROM queue WHERE seq = ?1")?
            .execute([signed(seq)?])?;
        if removed == 1 {
            self.hot.ledger.queue.remove(seq);
        }
        Ok(())
    }

    fn insert(&mut self, stanza: &OutboundStanza, sent: bool) -> Result<(), Fault> {
        let place = sent.then(|| self.take_place());
        self.put_stanza(stanza, place)?;
        let ledger = &mut self.hot.ledger;
        ledger.queue.add(stanza.seq);
        ledger.next_seq = ledger.next_seq.max(stanza.seq.saturating_add(1));
        Ok(())
    }

    fn stanza(&self, seq: u64) -> Result<Option<OutboundStanza>, Fault> {
        Ok(self.placed_stanza(seq)?.map(|(stanza, _)| stanza))
    }

    /// Returns a stanza with its place in the order of sending.
    fn placed_stanza(&self, seq: u64) -> Result<Option<(OutboundStanza, Option<u64>)>, Fault> {
        let seq = signed(seq)?;
        let row: Option<(Option<i64>, Vec<u8>)> = self
            .conn
            .prepare_cached("SELECT place, value FROM queue WHERE seq = ?1")?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        row.map(|(place, sealed)| {
            let stanza = self.open_stanza(seq, place, &sealed)?;
            Ok((stanza, place.map(i64::cast_unsigned)))
        })
        .transpose()
    }

    fn take_place(&mut self) -> u64 {
        let ledger = &mut self.hot.ledger;
        let place = ledger.next_place;
        ledger.next_place = place.saturating_add(1);
        place
    }
}
