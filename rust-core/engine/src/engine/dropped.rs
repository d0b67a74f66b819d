//! What a dropped connection reports after its end. What it has stored, the server counts as received and does not send
//! again (rule I1), so the app has to receive it in this process (rule I2).

use std::collections::VecDeque;

use snapback_proto::connection::{Event, Seq};

use crate::link::tls::Tls;
use crate::supervisor::AttemptId;

use super::Engine;
use super::transport::Attempt;

/// A dropped connection with transactions that are not reported yet.
#[derive(Debug)]
pub(super) struct Dropped {
    attempt: AttemptId,
    /// Its events, each with the transaction that it waits for, in order.
    events: VecDeque<(Option<Seq>, Event)>,
}

impl<T: Tls + Clone> Engine<T> {
    /// Keeps the events of a dropped connection until their transactions are committed.
    pub(super) fn keep_events(&mut self, attempt: Attempt<T>) {
        let number = attempt.number;
        let events = attempt.link.into_events();
        if !events.is_empty() && self.transactions.has_open(number) {
            let attempt = number;
            self.transactions.dropped.push(Dropped { attempt, events });
        }
    }

    /// Returns whether a dropped connection has something to report.
    pub(super) fn awaits_commit_of_dropped(&self) -> bool {
        !self.transactions.dropped.is_empty()
    }

    /// Reports what a dropped connection has stored: all transactions up to this one are committed.
    pub(super) fn committed_after_drop(&mut self, attempt: AttemptId, last: Seq) {
        let dropped = &mut self.transactions.dropped;
        let Some(index) = dropped.iter().position(|of| of.attempt == attempt) else {
            return;
        };
        let mut of = dropped.swap_remove(index);
        while of
            .events
            .front()
            .is_some_and(|(after, _)| *after <= Some(last))
        {
            if let Some((_, event)) = of.events.pop_front()
                && !matches!(event, Event::Online { .. })
            {
                self.link_event(event);
            }
        }
        if !of.events.is_empty() {
            self.transactions.dropped.push(of);
        }
    }
}
