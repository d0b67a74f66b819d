//! The outbound queue: by number, with the order of sending beside it. A message that is sent again keeps its number
//! but not its place.

use std::collections::BTreeMap;

use snapback_proto::knowledge::{ArchiveCursor, OutboundKind, OutboundStanza};

use crate::Conflict;

#[derive(Clone, Default)]
pub(super) struct Queue {
    rows: BTreeMap<u64, Row>,
    next_seq: u64,
    next_place: u64,
}

#[derive(Clone)]
struct Row {
    stanza: OutboundStanza,
    /// When it was sent, relative to the others; none if it was not.
    place: Option<u64>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the length without the core's own stanzas.
    pub(super) fn len_of_app(&self) -> usize {
        let rows = self.rows.values();
        rows.filter(|row| row.stanza.kind != OutboundKind::Core)
            .count()
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        self.rows.contains_key(&seq)
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Returns what was sent, in that order; then the rest by number.
    pub(super) fn ordered(&self) -> Vec<OutboundStanza> {
        let mut rows: Vec<&Row> = self.rows.values().collect();
        rows.sort_by_key(|row| (row.place.unwrap_or(u64::MAX), row.stanza.seq));
        rows.into_iter().map(|row| row.stanza.clone()).collect()
    }

    pub(super) fn enqueue(&mut self, stanza: OutboundStanza) -> Result<(), Conflict> {
        if stanza.seq < self.next_seq {
            return Err(Conflict::SeqTaken(stanza.seq));
        }
        self.insert(stanza);
        Ok(())
    }

    /// Marks stanzas as sent. `cursor` is the current position of the archive's cursor.
    pub(super) fn mark_sent(
        &mut self,
        seqs: &[u64],
        cursor: Option<&ArchiveCursor>,
    ) -> Result<(), Conflict> {
        if let Some(missing) = seqs.iter().find(|seq| !self.rows.contains_key(seq)) {
            return Err(Conflict::NotQueued(*missing));
        }
        for seq in seqs {
            let place = self.take_place();
            if let Some(row) = self.rows.get_mut(seq) {
                row.stanza.note_sent(cursor);
                row.place = Some(place);
            }
        }
        Ok(())
    }

    /// Begins a session in which exactly these stanzas were sent.
    pub(super) fn begin_session(&mut self, sent: &[OutboundStanza]) {
        for stanza in sent {
            self.rows.remove(&stanza.seq);
        }
        self.end_session();
        for stanza in sent {
            self.insert(OutboundStanza {
                sent: true,
                ..stanza.clone()
            });
        }
    }

    /// Ends the session in which stanzas were sent: only messages outlive it (rule I8).
    pub(super) fn end_session(&mut self) {
        self.rows
            .retain(|_, row| row.place.is_none() || row.stanza.outlives_session());
        for row in self.rows.values_mut() {
            row.stanza.note_session_lost();
            row.place = None;
        }
    }

    pub(super) fn drop_core(&mut self) {
        self.rows
            .retain(|_, row| row.stanza.kind != OutboundKind::Core);
    }

    pub(super) fn remove(&mut self, seqs: &[u64]) {
        for seq in seqs {
            self.rows.remove(seq);
        }
    }

    fn insert(&mut self, stanza: OutboundStanza) {
        self.next_seq = self.next_seq.max(stanza.seq.saturating_add(1));
        let place = stanza.sent.then(|| self.take_place());
        self.rows.insert(stanza.seq, Row { stanza, place });
    }

    fn take_place(&mut self) -> u64 {
        let place = self.next_place;
        self.next_place = place.saturating_add(1);
        place
    }
}
