//! Mistakes that can be planted, one at a time, to see whether the simulation finds them.
//!
//! Only with the feature `planted-mistakes`, which nothing that ships turns on; without it [`planted`] is the constant
//! `false`, and nothing of this is left in the build.

/// A mistake that clients make, or could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// I3: `h` starts anew when a session is resumed.
    HResetOnResume,
    /// I4: what is new leaves before what was not acknowledged.
    NewBeforeOld,
    /// I4: what was not acknowledged is not sent again after a resumption.
    UnackedNotResent,
    /// I1, I3: `<a/>` leaves before the stanza that it counts is stored.
    AckedBeforeStored,
    /// I1: the count is stored before its stanza, in a transaction of its own.
    CountedApart,
    /// I1: `<r/>` counts as a stanza.
    NonzaCounted,
    /// I16: acknowledgements wrap at 2^31.
    WrapAt31,
    /// I16: the inbound count stops at 2^32 - 1.
    StuckAt32,
    /// I13: the stored `base` is an older one.
    StaleBase,
    /// I13: a stanza leaves before it is stored.
    SentBeforeStored,
    /// I1: transactions behind one that failed are committed.
    CommittedBehindFailure,
    /// I14: the stream is closed without `<a/>`.
    NoAckBeforeClose,
    /// I14: an expired session is resumed.
    ExpiredResumed,
    /// I15: carbons are not turned on again after a failed resumption.
    CarbonsForgotten,
    /// I15: `<inactive/>` is not said again after a resumption.
    InactiveForgotten,
    /// I15: a session bound inside SASL2 is stored without its greeting.
    GreetingApart,
    /// I4: a session is stored, and a new one is bound without asking for it.
    BindBeforeResume,
    /// S6: early data leaves before its count is committed.
    EarlyBeforeCount,
    /// I5: an acknowledgement of more than was sent is believed.
    AckDeltaUnchecked,
    /// I7: `previd` is not looked at.
    PrevidUnchecked,
    /// I8: messages of unknown fate are forgotten.
    UnknownForgotten,
    /// I5: the queue forgets in which order stanzas were sent.
    QueueOrderLost,
    /// I2: a confirmation is forgotten.
    ConfirmForgotten,
    /// I6: outbound stanzas count from `<enabled/>` on.
    CountedFromEnabled,
    /// I10: a `conflict` is answered with another attempt.
    ConflictFought,
    /// I11, T4: the server's proof is not looked at.
    ProofUnchecked,
    /// I11: of `<bound/>` and `<resumed/>` together, the one that was hoped for is believed.
    BoundAndResumedBelieved,
    /// I12: `<r/>` is said again while one is pending.
    RequestsPileUp,
    /// I12: `<r/>` is said where nothing is unacknowledged.
    RequestsAboutNothing,
    /// A visit that finds no session binds a new one.
    VisitBinds,
    /// S5: whoever logs out asks for a session as well.
    LogOutBinds,
    /// S5: what could log in again is still there after a log out.
    CredentialsKept,
    /// I14: a session is still there after a log out.
    SessionKept,
    /// I2: what this process was given already is given again when the store is opened.
    RedeliveredTwice,
    /// I9: an attempt is given a standby transport that is not open yet.
    StandbyNotOpen,
    /// S5: what could log in again is forgotten, and the token is not turned in.
    TokenKept,
    /// W1: an address that led to no login is dialed first.
    SetBackFirst,
    /// T8: redirections are followed without end.
    RedirectedForEver,
    /// S10: an answer that has expired is not looked up again.
    NeverRefreshed,
    /// S10: addresses that all failed are not looked up again.
    NeverReplaced,
    /// S10: an answer is not looked up again although one of its addresses led to no login.
    NeverDoubted,
    /// S10: an address that keeps silent is waited for, and no other tried.
    NextNotStarted,
    /// S6: transports that lost their race stay on their way.
    LosersKept,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 43] = [
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
        Self::VisitBinds,
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
    ];
}

#[cfg(feature = "planted-mistakes")]
mod switch {
    use std::cell::Cell;

    use super::Mistake;

    thread_local! {
        static PLANTED: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    /// Plants a mistake in this thread, or takes it out again.
    pub fn plant(mistake: Option<Mistake>) {
        PLANTED.set(mistake);
    }

    /// Whether this mistake is to be made.
    #[inline]
    pub fn planted(mistake: Mistake) -> bool {
        PLANTED.get() == Some(mistake)
    }
}

#[cfg(not(feature = "planted-mistakes"))]
mod switch {
    use super::Mistake;

    /// Whether this mistake is to be made: never.
    #[inline]
    pub const fn planted(_: Mistake) -> bool {
        false
    }
}

pub use switch::*;
