//! The block list, and its changes (XEP-0191).

use snapback_client as core;

/// The block list.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BlockList {
    /// The blocked addresses.
    pub jids: Vec<String>,
    /// The number of entries that cannot be read, or are too many. They are blocked all the same.
    pub unreadable: u64,
}

/// A change of the block list, by any client of the account.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum BlockListChange {
    /// These are blocked from now on.
    Blocked {
        /// The entries.
        list: BlockList,
    },
    /// These are blocked no more.
    Unblocked {
        /// The entries.
        list: BlockList,
    },
    /// No address is blocked any more.
    AllUnblocked,
}

impl From<core::BlockList> for BlockList {
    fn from(list: core::BlockList) -> Self {
        Self {
            jids: list.jids.iter().map(ToString::to_string).collect(),
            unreadable: list.unreadable as u64,
        }
    }
}

impl From<core::BlockListChange> for BlockListChange {
    fn from(change: core::BlockListChange) -> Self {
        match change {
            core::BlockListChange::Blocked(list) => Self::Blocked { list: list.into() },
            core::BlockListChange::Unblocked(list) => Self::Unblocked { list: list.into() },
            core::BlockListChange::AllUnblocked => Self::AllUnblocked,
        }
    }
}
