//! The output queue: what waits to be written, in order, and which commit it waits for.

use std::collections::VecDeque;

use snapback_proto::connection::Seq;
use snapback_proto::protocol_message::ProtocolMessage;
use zeroize::Zeroizing;

/// An item of the output queue.
#[derive(Debug)]
pub(super) enum Item {
    /// Bytes of the stream, which may not be written before a transaction is committed.
    Bytes {
        after: Option<Seq>,
        bytes: Zeroizing<Vec<u8>>,
        parts: Vec<ProtocolMessage>,
    },
    /// The position of the ClientHello.
    ClientHello,
    /// The position of the end of the client's handshake.
    Finished,
    /// The position at which the transport is closed.
    Close,
}

/// A write that is being assembled.
#[derive(Debug, Default)]
pub(super) struct Write {
    pub(super) bytes: Vec<u8>,
    pub(super) parts: Vec<ProtocolMessage>,
}

/// The output queue.
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
        after <= self.committed
    }

    /// Returns whether anything waits for a commit.
    pub(super) fn is_blocked(&self) -> bool {
        self.items.iter().any(|item| match item {
            Item::Bytes { after, .. } => !self.is_committed(*after),
            _ => false,
        })
    }

    /// Discards what waits for the failed transaction or for a later one; it is never written.
    pub(super) fn give_up(&mut self) {
        let committed = self.committed;
        self.items.retain(|item| match item {
            Item::Bytes { after, .. } => *after <= committed,
            _ => true,
        });
    }
}
