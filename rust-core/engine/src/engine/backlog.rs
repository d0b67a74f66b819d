//! Deliveries that wait in the store because the app has not taken the ones before them.
//!
//! They are committed and acknowledged like any other delivery, so a slow app does not end a session (rules I1, I20).
//! Once the app has room again, they are read back page by page, in the order of their arrival.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use snapback_proto::knowledge::Delivery;
use snapback_proto::time::Instant;
use snapback_store::{DeliveryPage, StoreError};

use crate::link::tls::Tls;
use crate::supervisor;

use super::asked::Asked;
use super::{Engine, EngineEvent, EngineOutput, EventQueueLevel, NotGiven};

/// The time between a read that failed and the next one; twice as long after each further failure.
const RETRY: Duration = Duration::from_secs(1);
/// The maximum number of times that it grows.
const MAX_STEPS: u32 = 10;

/// The deliveries that the app has not received.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    phase: Phase,
    /// Their approximate size, in bytes of XML.
    bytes: usize,
    /// The stored deliveries that the app had received before the store was closed.
    given: HashSet<String>,
    /// How many reads in a row have failed.
    failures: u32,
}

/// ```text
///   Empty --a delivery waits--> Waiting --the app has room--> Reading --page read--> Giving
///     ^                            ^                            |  ^                   |  |
///     |                            +--------- no room ----------+--|-------------------+  |
///     |                                                            +---- another page ----+
///     +------------------------------ all of it was delivered ---------------------------+
/// ```
///
/// A read that fails leads from Reading to Unread, and back after a time.
#[derive(Debug, Default)]
enum Phase {
    /// Nothing waits.
    #[default]
    Empty,
    /// The app has no room.
    Waiting(Begin),
    /// The app has room, and the next page has to be read.
    Reading(Begin),
    /// The page could not be read, and is read again at this time.
    Unread(Begin, Instant),
    /// A page was read and is being delivered.
    Giving {
        /// What is left of the page.
        page: VecDeque<Delivery>,
        /// Where the next page begins; `None` after the last page.
        next: Option<String>,
    },
}

#[derive(Debug)]
enum Begin {
    /// With the first delivery in the store.
    First,
    /// With the delivery of this id.
    At(String),
}

/// What is done next.
enum Next {
    Give(Box<Delivery>),
    Read { from: Option<String> },
    Nothing,
}

impl Backlog {
    /// Returns a backlog of all stored deliveries except these.
    pub(super) fn all_but(given: HashSet<String>) -> Self {
        Self {
            phase: Phase::Reading(Begin::First),
            given,
            ..Self::default()
        }
    }

    fn is_waiting(&self) -> bool {
        !matches!(self.phase, Phase::Empty)
    }

    /// Adds a committed delivery, which waits.
    fn push(&mut self, delivery: &Delivery) {
        self.bytes = self.bytes.saturating_add(size(delivery));
        if let Phase::Empty = self.phase {
            self.phase = Phase::Waiting(Begin::At(delivery.id.clone()));
        }
    }

    /// Delivers what waits, since the app has room.
    fn resume(&mut self) {
        self.phase = match std::mem::take(&mut self.phase) {
            Phase::Waiting(begin) => Phase::Reading(begin),
            phase => phase,
        };
    }

    /// Discards the page that was read; it must not stay in memory and is read again later.
    fn pause(&mut self) {
        self.phase = match std::mem::take(&mut self.phase) {
            Phase::Reading(begin) | Phase::Unread(begin, _) => Phase::Waiting(begin),
            Phase::Giving { mut page, next } => {
                let first = page.pop_front().map(|first| first.id);
                match first.or(next) {
                    Some(id) => Phase::Waiting(Begin::At(id)),
                    None => Phase::Empty,
                }
            }
            phase => phase,
        };
    }

    /// Returns the next delivery of the page, if one was read, and what is done next.
    fn next(&mut self) -> Next {
        if let Phase::Giving { page, next } = &mut self.phase {
            if let Some(delivery) = page.pop_front() {
                self.bytes = self.bytes.saturating_sub(size(&delivery));
                return Next::Give(Box::new(delivery));
            }
            match next.take() {
                Some(next) => self.phase = Phase::Reading(Begin::At(next)),
                // All of it was delivered.
                None => *self = Self::default(),
            }
        }
        match &self.phase {
            Phase::Reading(Begin::First) => Next::Read { from: None },
            Phase::Reading(Begin::At(id)) => Next::Read {
                from: Some(id.clone()),
            },
            Phase::Empty | Phase::Waiting(_) | Phase::Unread(..) | Phase::Giving { .. } => {
                Next::Nothing
            }
        }
    }

    /// Returns when a page is read again that could not be read.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Unread(_, until) => Some(*until),
            _ => None,
        }
    }

    /// The page could not be read. What is stored and acknowledged has to reach the app in this process all the same.
    fn could_not_read(&mut self, now: Instant) {
        let wait = RETRY.saturating_mul(1 << self.failures.min(MAX_STEPS));
        self.failures = self.failures.saturating_add(1);
        self.phase = match std::mem::take(&mut self.phase) {
            Phase::Reading(begin) => Phase::Unread(begin, now + wait),
            phase => phase,
        };
    }

    fn retry(&mut self, now: Instant) {
        self.phase = match std::mem::take(&mut self.phase) {
            Phase::Unread(begin, until) if until <= now => Phase::Reading(begin),
            phase => phase,
        };
    }

    /// Handles a page that was read. It is not needed if the deliveries were paused meanwhile.
    fn read(&mut self, read: DeliveryPage) {
        self.failures = 0;
        if let Phase::Reading(_) = self.phase {
            self.phase = Phase::Giving {
                page: read.deliveries.into(),
                next: read.next,
            };
        }
    }
}

fn size(delivery: &Delivery) -> usize {
    delivery.stanza.approximate_len()
}

impl<T: Tls + Clone> Engine<T> {
    /// Returns whether deliveries wait in the store until the app takes the ones before them.
    pub fn has_backlog(&self) -> bool {
        self.backlog.is_waiting()
    }

    /// Returns whether the host may read from the attempt's transport now. During a login it always may.
    pub fn may_read(&self) -> bool {
        let is_app_slow = self.backlog.is_waiting() || self.app >= EventQueueLevel::Full;
        let has_no_room = self.backlog.bytes >= self.backlog_limit;
        let is_held_back = self.app == EventQueueLevel::Overfull || (is_app_slow && has_no_room);
        !is_held_back || !self.is_online()
    }

    /// Delivers a committed delivery to the app, now or later.
    pub(super) fn deliver(&mut self, delivery: Delivery) {
        let must_wait = self.backlog_limit > 0 && self.app >= EventQueueLevel::Full;
        if self.backlog.is_waiting() || must_wait {
            return self.backlog.push(&delivery);
        }
        self.give(delivery);
    }

    /// Handles a changed level of the app's event queue.
    pub(super) fn event_queue_is(&mut self, level: EventQueueLevel) {
        self.app = level;
        if level == EventQueueLevel::Low && self.given.is_none() {
            self.backlog.resume();
        }
    }

    /// Delivers what waits. I2: deliveries that another client of this store received and the app did not confirm are
    /// delivered again, with the same ids. Returns whether there was anything to do.
    pub(super) fn give_backlog(&mut self) -> bool {
        self.backlog.retry(self.now.mono);
        if !self.backlog.is_waiting() && self.caught_up.is_some() {
            self.report_caught_up();
            return true;
        }
        if !matches!(self.backlog.phase, Phase::Reading(_) | Phase::Giving { .. }) {
            return false;
        }
        if self.app >= EventQueueLevel::Full {
            self.backlog.pause();
            return false;
        }
        match self.backlog.next() {
            Next::Give(delivery) => {
                let is_new = !self.backlog.given.contains(&delivery.id);
                if is_new {
                    self.give(*delivery);
                }
            }
            Next::Read { from } => {
                self.ask(Asked::Deliveries, EngineOutput::ReadDeliveries { from });
            }
            Next::Nothing => {}
        }
        true
    }

    /// The client has caught up. I21: the app learns it after what waits in the store.
    pub(super) fn caught_up(&mut self) {
        self.caught_up = self.attempt.as_ref().map(|attempt| attempt.number);
        if !self.backlog.is_waiting() {
            self.report_caught_up();
        }
    }

    /// Reports it, unless the connection has ended meanwhile.
    fn report_caught_up(&mut self) {
        let attempt = self.attempt.as_ref().map(|attempt| attempt.number);
        if let Some(number) = self.caught_up.take().filter(|it| Some(*it) == attempt) {
            self.phase = super::Phase::Link;
            self.tell(supervisor::Input::CaughtUp { attempt: number });
            self.event(EngineEvent::CaughtUp);
        }
    }

    pub(super) fn deliveries_read(&mut self, page: Result<DeliveryPage, StoreError>) {
        match page {
            Ok(page) => self.backlog.read(page),
            Err(error) => {
                self.backlog.could_not_read(self.now.mono);
                self.report_store_failure(Err(error));
            }
        }
    }

    /// Returns which stored deliveries the app has not received.
    pub(super) fn not_given(&mut self) -> NotGiven {
        self.backlog.pause();
        match &self.backlog.phase {
            Phase::Waiting(Begin::First) => NotGiven::All,
            Phase::Waiting(Begin::At(id)) => NotGiven::From(id.clone()),
            Phase::Empty | Phase::Reading(_) | Phase::Unread(..) | Phase::Giving { .. } => {
                NotGiven::None
            }
        }
    }

    /// Records that the store is closed. If it is closed twice, the first report counts.
    pub(super) fn store_closed(&mut self, given: HashSet<String>) {
        if self.given.is_none() {
            let mut all = std::mem::take(&mut self.backlog.given);
            all.extend(given);
            self.given = Some(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_epoch(Duration::from_secs(seconds))
    }

    fn is_read(backlog: &mut Backlog) -> bool {
        matches!(backlog.next(), Next::Read { from: None })
    }

    #[test]
    fn i2_what_could_not_be_read_is_read_again_more_and_more_slowly() {
        let mut backlog = Backlog::all_but(HashSet::new());
        let mut now = 0;
        for wait in [1, 2, 4, 8] {
            assert!(is_read(&mut backlog));
            backlog.could_not_read(at(now));
            assert_eq!(backlog.deadline(), Some(at(now + wait)));
            backlog.retry(at(now + wait - 1));
            assert!(!is_read(&mut backlog) && backlog.is_waiting());
            now += wait;
            backlog.retry(at(now));
        }
        assert!(is_read(&mut backlog));
        backlog.read(DeliveryPage::default());
        assert!(matches!(backlog.next(), Next::Nothing) && !backlog.is_waiting());
        assert_eq!(backlog.deadline(), None);
    }

    #[test]
    fn i2_what_could_not_be_read_before_a_suspension_was_not_given() {
        let mut backlog = Backlog::all_but(HashSet::new());
        backlog.could_not_read(at(0));
        backlog.pause();
        assert!(matches!(backlog.phase, Phase::Waiting(Begin::First)));
        backlog.resume();
        assert!(is_read(&mut backlog));
    }
}
