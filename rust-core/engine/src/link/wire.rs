//! What waits to be written, in order, and what it waits for.

use std::collections::VecDeque;

use snapback_proto::connection::Seq;
use snapback_proto::mistakes::{Mistake, planted};
use snapback_proto::part::Part;
use zeroize::Zeroizing;

/// Something on its way out.
#[derive(Debug)]
pub(super) enum Item {
    /// Bytes of the stream, not before a transaction is committed.
    Bytes {
        after: Option<Seq>,
        bytes: Zeroizing<Vec<u8>>,
        parts: Vec<Part>,
    },
    /// The ClientHello has its place here.
    ClientHello,
    /// The end of the client's handshake has its place here.
    Finished,
    /// The transport is closed here.
    Close,
}

/// A write in the making.
#[derive(Debug, Default)]
pub(super) struct Write {
    pub(super) bytes: Vec<u8>,
    pub(super) parts: Vec<Part>,
}

/// The queue of what waits to be written.
#[derive(Debug, Default)]
pub(super) struct Wire {
    items: VecDeque<Item>,
    committed: Option<Seq>,
}

impl Wire {
    pub(super) fn push(&mut self, item: Item) {
        self.items.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    pub(super) fn committed(&mut self, seq: Seq) {
        self.committed = self.committed.max(Some(seq));
    }

    pub(super) fn is_committed(&self, after: Option<Seq>) -> bool {
        after <= self.committed || planted(Mistake::SentBeforeStored)
    }

    /// Whether anything waits for a commit.
    pub(super) fn is_blocked(&self) -> bool {
        self.items.iter().any(|item| match item {
            Item::Bytes { after, .. } => !self.is_committed(*after),
            _ => false,
        })
    }

    /// A transaction failed: what waits for it, or for a later one, never leaves.
    pub(super) fn give_up(&mut self) {
        let committed = self.committed;
        self.items.retain(|item| match item {
            Item::Bytes { after, .. } => *after <= committed,
            _ => true,
        });
    }
}
