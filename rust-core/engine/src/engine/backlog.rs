//! Deliveries that wait in the store because the app has not taken the ones before them.
//!
//! They are committed and acknowledged like any other delivery, so a slow app does not end a session (rules I1, I20).
//! Once the app has room again, they are read back page by page, in the order of their arrival.

use std::collections::{HashSet, VecDeque};

use snapback_proto::knowledge::Delivery;
use snapback_store::{DeliveryPage, StoreError};

use crate::link::tls::Tls;

use super::storage::Asked;
use super::{Engine, EngineOutput, EventQueueLevel, NotGiven};

/// The deliveries that the app has not received.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    begins: Option<Begin>,
    /// Their approximate size, in bytes of XML.
    bytes: usize,
    /// The stored deliveries that the app had received before the store was closed.
    given: HashSet<String>,
    /// Whether the app has room, so that they are delivered now.
    is_giving: bool,
    /// Whether a page was read and is being delivered.
    is_read: bool,
    /// What is left of the page.
    page: VecDeque<Delivery>,
    /// Where the next page begins; `None` after the last page.
    next: Option<String>,
}

#[derive(Clone, Debug)]
enum Begin {
    /// With the first delivery in the store.
    First,
    /// With the delivery of this id.
    At(String),
}

impl Backlog {
    /// Returns a backlog of all stored deliveries except these.
    pub(super) fn all_but(given: HashSet<String>) -> Self {
        Self {
            begins: Some(Begin::First),
            given,
            is_giving: true,
            ..Self::default()
        }
    }

    fn is_waiting(&self) -> bool {
        self.begins.is_some()
    }

    /// Adds a committed delivery, which waits.
    fn push(&mut self, delivery: &Delivery) {
        self.bytes = self.bytes.saturating_add(size(delivery));
        if self.begins.is_none() {
            self.begins = Some(Begin::At(delivery.id.clone()));
        }
    }

    /// Discards the page that was read; it must not stay in memory and is read again later.
    fn pause(&mut self) {
        self.is_giving = false;
        if !std::mem::take(&mut self.is_read) {
            return;
        }
        let first = self.page.pop_front().map(|first| first.id);
        self.begins = first.or(self.next.take()).map(Begin::At);
        self.page.clear();
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
            self.backlog.is_giving = self.backlog.is_waiting();
        }
    }

    /// Delivers what waits. I2: deliveries that another client of this store received and the app did not confirm are
    /// delivered again, with the same ids. Returns whether there was anything to do.
    pub(super) fn give_backlog(&mut self) -> bool {
        if !self.backlog.is_giving {
            return false;
        }
        if self.app >= EventQueueLevel::Full {
            self.backlog.pause();
            return false;
        }
        if let Some(delivery) = self.backlog.page.pop_front() {
            self.backlog.bytes = self.backlog.bytes.saturating_sub(size(&delivery));
            let is_new = !self.backlog.given.contains(&delivery.id);
            if is_new {
                self.give(delivery);
            }
            return true;
        }
        if std::mem::take(&mut self.backlog.is_read) {
            match self.backlog.next.take() {
                Some(next) => self.backlog.begins = Some(Begin::At(next)),
                // All of it was delivered.
                None => {
                    self.backlog = Backlog::default();
                    return true;
                }
            }
        }
        let from = match &self.backlog.begins {
            Some(Begin::At(id)) => Some(id.clone()),
            Some(Begin::First) | None => None,
        };
        self.ask(Asked::Deliveries, EngineOutput::ReadDeliveries { from });
        true
    }

    pub(super) fn deliveries_read(&mut self, page: Result<DeliveryPage, StoreError>) {
        match page {
            Ok(page) => {
                self.backlog.is_read = true;
                self.backlog.page = page.deliveries.into();
                self.backlog.next = page.next;
            }
            Err(error) => {
                // The next process delivers them again.
                self.backlog = Backlog::default();
                self.report_store_failure(Err(error));
            }
        }
    }

    /// Returns which stored deliveries the app has not received.
    pub(super) fn not_given(&mut self) -> NotGiven {
        self.backlog.pause();
        match &self.backlog.begins {
            None => NotGiven::None,
            Some(Begin::First) => NotGiven::All,
            Some(Begin::At(id)) => NotGiven::From(id.clone()),
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
