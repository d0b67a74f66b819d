//! What the archive has to be asked for again.

use super::ArchiveCursor;

/// Why the archive has to be queried again, and from which position (rule I21). It is stored until an answer covers it, so that
/// neither a resumption nor another process nor a new session forgets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveRecheck {
    /// The session was handed over to another connection, not cleanly. Messages after this position may have been delivered to
    /// neither connection, and no query that was begun after the hand-over has been answered.
    HandOver(ArchiveCursor),
    /// Such a query was begun, and is not answered.
    Asked {
        /// From this position.
        place: ArchiveCursor,
        /// The cursor at that moment: what a later hand-over may have lost is newer.
        known: ArchiveCursor,
    },
    /// The archive was read up to this position. The settling query is due, for messages that the archive stored late.
    Settle(ArchiveCursor),
}

impl ArchiveRecheck {
    /// Returns the position from which the archive has to be queried. Everything before it has been read.
    pub fn place(&self) -> &ArchiveCursor {
        match self {
            Self::HandOver(place) | Self::Settle(place) | Self::Asked { place, .. } => place,
        }
    }
}
