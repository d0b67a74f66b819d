//! From Romeo to Juliet's app: one delivery for each delivery id, and no count before the stanza is stored.

use snapback_proto::knowledge::Delivery;

use super::Model;
use crate::hostile::UNREADABLE;

/// A message may come any number of times.
pub(crate) const ANY: u32 = u32::MAX;

/// A message from Romeo.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    stored: u32,
    allowed: u32,
}

/// A delivery, from the transaction that stored it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    /// The process to which it was last delivered, counted from 1; 0: not delivered yet.
    delivered_to: u32,
    confirmed: bool,
}

/// A stanza that came while stanzas are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// It is a message or presence, and must be stored with its count.
    pub(crate) is_for_app: bool,
    /// It came out of the archive.
    pub(crate) is_archived: bool,
    pub(crate) id: String,
}

impl Model {
    /// Romeo has sent a message; the server gave it this id.
    pub(crate) fn written(&mut self, id: String, allowed: u32) {
        self.incoming_by_id.insert(id, self.incoming.len());
        self.incoming.push(Incoming { stored: 0, allowed });
    }

    /// The server sends messages twice, and what it sends again after a lost session four times, and so on: from here
    /// on only losses count, and duplicates under one delivery id.
    pub(crate) fn server_duplicates(&mut self) {
        for message in &mut self.incoming {
            message.allowed = ANY;
        }
    }

    /// Stanzas that were unacknowledged when their session ended come again, and the app may have them already.
    pub(crate) fn server_redirected(&mut self, ids: &[String]) {
        for id in ids.get(self.redirects_read..).unwrap_or_default() {
            self.redirects_read += 1;
            if let Some(index) = self.incoming_by_id.get(id)
                && !self.strict
            {
                let allowed = &mut self.incoming[*index].allowed;
                *allowed = allowed.saturating_add(1);
            }
        }
    }

    /// I1: a count increases by one, together with the stanza that it counts.
    pub(super) fn counted(&mut self, h: u32, stored: Option<&str>) {
        let Some(before) = self.committed_h else {
            // Sessions that cannot be resumed are never stored; then there is nothing to compare.
            self.uncounted.pop_front();
            return;
        };
        self.committed_h = Some(h);
        if h != before.wrapping_add(1) {
            return self.broken("I1", || format!("the count went from {before} to {h}"));
        }
        match (self.uncounted.pop_front(), stored) {
            (None, _) => self.broken("I1", || format!("count {h} stands for no stanza")),
            (Some(heard), None)
                if heard.is_for_app && heard.id != UNREADABLE && !self.may_be_dropped(&heard) =>
            {
                self.broken("I1", || format!("{} was counted and not stored", heard.id));
            }
            (Some(heard), Some(stored)) if heard.id != stored => {
                let stored = stored.to_owned();
                self.broken("I1", || format!("{stored} was stored for {}", heard.id));
            }
            _ => {}
        }
    }

    /// Returns whether a stanza may only be counted: the app has it already, or sent it itself and the archive returns
    /// it.
    fn may_be_dropped(&self, heard: &Heard) -> bool {
        let index = self.incoming_by_id.get(&heard.id);
        match index.and_then(|index| self.incoming.get(*index)) {
            Some(message) => message.stored > 0,
            None => heard.is_archived,
        }
    }

    pub(super) fn stored(&mut self, delivery: &Delivery) {
        let fresh = Delivered {
            delivered_to: 0,
            confirmed: false,
        };
        if self.deliveries.insert(delivery.id.clone(), fresh).is_some() {
            return self.broken("I2", || "a delivery id came twice".to_owned());
        }
        self.owed.push(delivery.id.clone());
        let id = delivery.stanza.attr("id").unwrap_or_default();
        if id == UNREADABLE {
            return self.broken("T6", || {
                "an unreadable stanza was given to the app".to_owned()
            });
        }
        let Some(index) = self.incoming_by_id.get(id).copied() else {
            return;
        };
        self.counts.delivered += 1;
        let message = &mut self.incoming[index];
        message.stored += 1;
        let Incoming { stored, allowed } = *message;
        if stored > allowed {
            self.broken("I2", || format!("message {index} came {stored} times"));
        } else if stored > 1 {
            self.counts.duplicated_down += 1;
        }
    }

    /// The app receives a delivery.
    pub(crate) fn delivered(&mut self, delivery: &Delivery) {
        let life = self.life + 1;
        self.note("app got", || delivery.id.clone());
        let Some(known) = self.deliveries.get_mut(&delivery.id) else {
            return self.broken("I2", || "a delivery came before it was stored".to_owned());
        };
        let before = std::mem::replace(&mut known.delivered_to, life);
        let confirmed = known.confirmed;
        if before == life {
            self.broken("I2", || "a delivery came twice in one process".to_owned());
        } else if confirmed {
            self.broken("I2", || {
                "a delivery came again after it was confirmed".to_owned()
            });
        }
    }

    pub(super) fn confirmed(&mut self, id: &str) {
        if let Some(known) = self.deliveries.get_mut(id) {
            known.confirmed = true;
        }
        self.owed.retain(|owed| owed != id);
    }

    /// Returns what the app has received and not confirmed.
    pub(crate) fn unconfirmed(&self) -> Vec<String> {
        let delivered = |id: &&String| {
            self.deliveries
                .get(*id)
                .is_some_and(|known| known.delivered_to > 0)
        };
        self.owed.iter().filter(delivered).cloned().collect()
    }

    /// A new process has opened the store: it must contain what is not confirmed, in order, and nothing else.
    pub(crate) fn restarted(&mut self, undelivered: &[Delivery]) {
        self.life += 1;
        self.uncounted.clear();
        self.forget_requests();
        let found: Vec<&String> = undelivered.iter().map(|delivery| &delivery.id).collect();
        if found != self.owed.iter().collect::<Vec<_>>() {
            let (found, owed) = (found.len(), self.owed.len());
            self.broken("I2", || {
                format!("{found} deliveries are stored after a restart, {owed} are owed, or in another order")
            });
        }
    }

    /// Without stream management a server drops what it wrote to a connection that was already lost.
    pub(crate) fn server_may_lose(&mut self) {
        self.lossy = true;
    }

    /// Returns whether the app has received everything.
    pub(crate) fn is_received(&self) -> bool {
        self.lossy || self.incoming.iter().all(|message| message.stored > 0)
    }

    /// Returns what has not arrived.
    pub(crate) fn unreceived(&self) -> String {
        let waiting = self.incoming.iter().enumerate();
        let missing: Vec<String> = waiting
            .filter(|(_, message)| message.stored == 0)
            .map(|(index, _)| format!("message {index}"))
            .collect();
        missing.join(", ")
    }
}
