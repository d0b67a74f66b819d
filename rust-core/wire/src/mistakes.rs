//! Mistakes that can be planted, one at a time, to check that the simulation finds them.
//!
//! Available only with the feature `planted-mistakes`, which no shipped build enables. Without it [`planted`] is the constant
//! `false`, and the build contains none of this code.

/// A mistake that clients make, or could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// I3: `h` starts at zero when a session is resumed.
    HResetOnResume,
    /// I4: new stanzas are sent before the unacknowledged ones.
    NewBeforeOld,
    /// I4: unacknowledged stanzas are not sent again after a resumption.
    UnackedNotResent,
    /// I1, I3: `<a/>` is sent before the stanza that it counts is stored.
    AckedBeforeStored,
    /// I1: the count is stored before its stanza, in a transaction of its own.
    CountedApart,
    /// I1: `<r/>` counts as a stanza.
    NonzaCounted,
    /// I16: acknowledgements wrap at 2^31.
    WrapAt31,
    /// I16: the inbound count stops at 2^32 - 1.
    StuckAt32,
    /// I13: the stored `base` is out of date.
    StaleBase,
    /// I13: a stanza is sent before it is stored.
    SentBeforeStored,
    /// I1: transactions after one that failed are committed.
    CommittedBehindFailure,
    /// I14: the stream is closed without `<a/>`.
    NoAckBeforeClose,
    /// I14: an expired session is resumed.
    ExpiredResumed,
    /// I15: carbons are not enabled again after a failed resumption.
    CarbonsForgotten,
    /// I15: `<inactive/>` is not sent again after a resumption.
    InactiveForgotten,
    /// I15: a session bound inside SASL2 is stored without its initial stanzas.
    GreetingApart,
    /// I4: a session is stored, and a new one is bound without trying to resume it.
    BindBeforeResume,
    /// S6: early data is sent before its count is committed.
    EarlyBeforeCount,
    /// I5: an acknowledgement of more stanzas than were sent is accepted.
    AckDeltaUnchecked,
    /// I7: `previd` is not checked.
    PrevidUnchecked,
    /// I8: messages whose delivery is unknown are dropped.
    UnknownForgotten,
    /// I5: the order in which stanzas were sent is lost from the queue.
    QueueOrderLost,
    /// I2: the app's acknowledgement of a delivery is lost.
    ConfirmForgotten,
    /// I6: outbound stanzas count from `<enabled/>` on.
    CountedFromEnabled,
    /// I10: a `conflict` is answered with another attempt.
    ConflictFought,
    /// I11, T4: the server's proof is not verified.
    ProofUnchecked,
    /// I11: of `<bound/>` and `<resumed/>` together, the one that was requested is accepted.
    BoundAndResumedBelieved,
    /// I12: `<r/>` is sent again while one is pending.
    RequestsPileUp,
    /// I12: `<r/>` is sent while nothing is unacknowledged.
    RequestsAboutNothing,
    /// A background sync that finds no session to resume binds a new one.
    SyncBinds,
    /// S5: a logout requests a session as well.
    LogOutBinds,
    /// S5: credentials remain after a logout.
    CredentialsKept,
    /// I14: a session is still there after a log out.
    SessionKept,
    /// I2: stanzas that were delivered in this process are delivered again when the store is opened.
    RedeliveredTwice,
    /// I9: an attempt receives a standby transport that is not open yet.
    StandbyNotOpen,
    /// S5: credentials are removed, but the token is not invalidated at the server.
    TokenKept,
    /// W1: an address that led to no login is dialed first.
    SetBackFirst,
    /// T8: redirections are followed without a limit.
    RedirectedForEver,
    /// S10: an answer that has expired is not looked up again.
    NeverRefreshed,
    /// S10: addresses that all failed are not looked up again.
    NeverReplaced,
    /// S10: an answer is not looked up again although one of its addresses led to no login.
    NeverDoubted,
    /// S10: while an address does not respond, no other is tried.
    NextNotStarted,
    /// S6: transports that lost the connection race are not closed.
    LosersKept,
    /// I21: the time of the archive's cursor is taken from the device's clock.
    DeviceTimeAsked,
    /// I21: an archive that has forgotten the cursor's message is read from its end on.
    ForgottenSkipped,
    /// I17: a message is dropped for the id that its sender gave an earlier one, whatever it says.
    DuplicatesById,
    /// I8: a message counts as arrived if the archive has one of this account's with its id, whatever it says.
    ArrivedById,
    /// W3: where an archive result is from is compared as it is spelled.
    AddressesUnprepared,
    /// I18: the app is not told of a possible gap.
    GapUntold,
    /// RFC 6120 7.7.2: a resource that is in use ends the login.
    ConflictEndsLogin,
}

impl Mistake {
    /// All mistakes.
    pub const ALL: [Self; 50] = [
        Self::HResetOnResume,
        Self::NewBeforeOld,
        Self::UnackedNotResent,
        Self::AckedBeforeStored,
        Self::CountedApart,
        Self::NonzaCounted,
        Self::WrapAt31,
        Self::StuckAt32,
        Self::StaleBase,
        Self::SentBeforeStored,
        Self::CommittedBehindFailure,
        Self::NoAckBeforeClose,
        Self::ExpiredResumed,
        Self::CarbonsForgotten,
        Self::InactiveForgotten,
        Self::GreetingApart,
        Self::BindBeforeResume,
        Self::EarlyBeforeCount,
        Self::AckDeltaUnchecked,
        Self::PrevidUnchecked,
        Self::UnknownForgotten,
        Self::QueueOrderLost,
        Self::ConfirmForgotten,
        Self::CountedFromEnabled,
        Self::ConflictFought,
        Self::ProofUnchecked,
        Self::BoundAndResumedBelieved,
        Self::RequestsPileUp,
        Self::RequestsAboutNothing,
        Self::SyncBinds,
        Self::LogOutBinds,
        Self::CredentialsKept,
        Self::SessionKept,
        Self::RedeliveredTwice,
        Self::StandbyNotOpen,
        Self::TokenKept,
        Self::SetBackFirst,
        Self::RedirectedForEver,
        Self::NeverRefreshed,
        Self::NeverReplaced,
        Self::NeverDoubted,
        Self::NextNotStarted,
        Self::LosersKept,
        Self::DeviceTimeAsked,
        Self::ForgottenSkipped,
        Self::DuplicatesById,
        Self::ArrivedById,
        Self::AddressesUnprepared,
        Self::GapUntold,
        Self::ConflictEndsLogin,
    ];
}

#[cfg(feature = "planted-mistakes")]
mod switch {
    use std::cell::Cell;

    use super::Mistake;

    thread_local! {
        static PLANTED: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    /// Plants a mistake in this thread, or removes it.
    pub fn plant(mistake: Option<Mistake>) {
        PLANTED.set(mistake);
    }

    /// Returns whether this mistake is planted.
    #[inline]
    pub fn planted(mistake: Mistake) -> bool {
        PLANTED.get() == Some(mistake)
    }
}

#[cfg(not(feature = "planted-mistakes"))]
mod switch {
    use super::Mistake;

    /// Returns whether this mistake is planted: never.
    #[inline]
    pub const fn planted(_: Mistake) -> bool {
        false
    }
}

pub use switch::*;
