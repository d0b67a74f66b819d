//! Deliveries that wait in the store because the app does not take those before them.
//!
//! They are committed and acknowledged like any other: the pace of the app does not end a session (rules I1, I20). Once the app
//! has made room, they are read back page by page, in the order in which they came.

use std::collections::HashSet;

use snapback_proto::knowledge::Delivery;

use super::Driver;

/// What the app has not been told of.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    begins: Option<Begin>,
    /// About how many bytes of XML they are.
    bytes: usize,
    /// Of those that the store has, the app was told of these before it was closed.
    told: HashSet<String>,
}

#[derive(Debug)]
enum Begin {
    /// With the first one in the store.
    First,
    /// With the one of this id.
    At(String),
}

impl Backlog {
    /// Everything in the store but these.
    pub(super) fn all_but(told: HashSet<String>) -> Self {
        Self {
            begins: Some(Begin::First),
            bytes: 0,
            told,
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.begins.is_some()
    }

    /// It was committed, and waits.
    fn push(&mut self, delivery: &Delivery) {
        self.bytes = self.bytes.saturating_add(size(delivery));
        if self.begins.is_none() {
            self.begins = Some(Begin::At(delivery.id.clone()));
        }
    }

    fn take(&mut self, delivery: &Delivery) {
        self.bytes = self.bytes.saturating_sub(size(delivery));
    }
}

fn size(delivery: &Delivery) -> usize {
    delivery.stanza.to_xml().len()
}

impl Driver {
    /// A delivery for the app, committed: told now, or later.
    pub(super) fn deliver(&mut self, delivery: Delivery) {
        let has_backlog = self.store.backlog_limit() > 0;
        if self.state.backlog.is_waiting() || (has_backlog && self.events.is_full()) {
            return self.state.backlog.push(&delivery);
        }
        if let Some(event) = self.delivered(delivery) {
            self.events.push(event);
        }
    }

    /// Nothing more is read for now: neither the queue nor the store has room for it.
    pub(super) fn is_held_back(&self) -> bool {
        let is_behind = self.state.backlog.is_waiting() || self.events.is_full();
        let has_no_room = self.state.backlog.bytes >= self.store.backlog_limit();
        self.events.is_overfull() || (is_behind && has_no_room)
    }

    /// The app has taken events: what waits for it follows.
    pub(super) fn drained(&mut self) {
        if self.events.is_low() {
            self.tell_backlog();
        }
    }

    /// I2: what another client of this store was given and the app did not confirm comes again, with the same ids; so does
    /// what had to wait.
    pub(super) fn tell_backlog(&mut self) {
        // While the store is closed, it all waits there.
        while self.state.told.is_none() && !self.events.is_full() {
            let first = match &self.state.backlog.begins {
                None => return,
                Some(Begin::First) => None,
                Some(Begin::At(id)) => Some(id.clone()),
            };
            let page = match self.store.undelivered_from(first.as_deref()) {
                Ok(page) => page,
                Err(error) => {
                    // With the next process they come again.
                    self.state.backlog = Backlog::default();
                    return self.store_failed(error);
                }
            };
            let mut rest = page.deliveries.into_iter();
            for delivery in rest.by_ref() {
                if self.events.is_full() {
                    self.state.backlog.begins = Some(Begin::At(delivery.id));
                    return;
                }
                self.state.backlog.take(&delivery);
                if !self.state.backlog.told.contains(&delivery.id)
                    && let Some(event) = self.delivered(delivery)
                {
                    self.events.push(event);
                }
            }
            match page.next {
                Some(next) => self.state.backlog.begins = Some(Begin::At(next)),
                None => self.state.backlog = Backlog::default(),
            }
        }
    }

    /// Those in the store that the app was told of.
    pub(super) fn told(&mut self) -> HashSet<String> {
        let mut told = std::mem::take(&mut self.state.backlog.told);
        let mut next: Option<String> = None;
        let untold = match &self.state.backlog.begins {
            Some(Begin::First) => return told,
            Some(Begin::At(id)) => Some(id.clone()),
            None => None,
        };
        // What cannot be read now comes twice.
        while let Ok(page) = self.store.undelivered_from(next.as_deref()) {
            for delivery in page.deliveries {
                if Some(&delivery.id) == untold.as_ref() {
                    return told;
                }
                told.insert(delivery.id);
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        told
    }
}
