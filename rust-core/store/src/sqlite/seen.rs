//! The known messages: a ring of rows, each with the tags of one message.

use rusqlite::params;
use snapback_proto::knowledge::{SEEN_MESSAGES, Seen, SeenMessage, SeenTag};

use super::fault::Fault;
use super::tables::{Tables, signed};

/// The length of a tag, in bytes.
const TAG: usize = 16;

impl Tables<'_> {
    /// Reads the known messages. A row that cannot be a tag is skipped: the only consequence is a possible duplicate.
    pub(super) fn seen(&self) -> Result<Seen, Fault> {
        let next = signed(
            self.hot
                .ledger
                .next_seen
                .checked_rem(SEEN_MESSAGES)
                .unwrap_or(0),
        )?;
        let mut statement = self
            .conn
            .prepare_cached("SELECT tags, reference FROM seen ORDER BY slot < ?1, slot")?;
        let mut rows = statement.query([next])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            let tags = row.get_ref(0)?.as_blob().unwrap_or_default();
            let (tags, _) = tags.as_chunks::<TAG>();
            messages.push(SeenMessage {
                tags: tags.iter().copied().map(SeenTag).collect(),
                reference: row.get_ref(1)?.as_str().ok().map(str::to_owned),
            });
        }
        Ok(Seen::new(self.sealer.seen_key(), messages))
    }

    /// Adds a message and removes the oldest one if the ring is full.
    pub(super) fn note_seen(&mut self, message: &SeenMessage) -> Result<(), Fault> {
        let ledger = &mut self.hot.ledger;
        let slot = signed(ledger.next_seen.checked_rem(SEEN_MESSAGES).unwrap_or(0))?;
        ledger.next_seen = ledger.next_seen.wrapping_add(1);
        let tags: Vec<u8> = message.tags.iter().flat_map(|tag| tag.0).collect();
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO seen (slot, tags, reference) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![slot, tags, message.reference])?;
        Ok(())
    }
}
