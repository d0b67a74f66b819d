//! From Juliet's app to the server: once, and in order.

use snapback_reference_server::ReceivedMessage;

use super::Model;
use crate::network::Time;

/// A message from the app, `m<n>`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// It is stored, and must not be lost from here on.
    durable: bool,
    /// Since when.
    stored_at: Time,
    /// How often the server received it.
    received: u32,
    /// How often the server may receive it.
    allowed: u32,
    acked: bool,
    reported_acked: bool,
}

/// Returns the number in `m17`; other ids are not the app's messages.
pub(crate) fn number(id: &str) -> Option<usize> {
    id.strip_prefix('m')?.parse().ok()
}

impl Model {
    /// The app is about to send a message; returns its id.
    pub(crate) fn sending(&mut self) -> String {
        self.outgoing.push(Outgoing {
            allowed: 1,
            ..Outgoing::default()
        });
        format!("m{}", self.outgoing.len() - 1)
    }

    /// The stanza is in the queue.
    pub(crate) fn queued(&mut self, seq: u64, id: &str) {
        self.asked(id);
        self.rooms.stored(id);
        let Some(index) = number(id) else { return };
        self.by_seq.insert(seq, index);
        let now = self.now;
        if let Some(message) = self.outgoing.get_mut(index)
            && !std::mem::replace(&mut message.durable, true)
        {
            message.stored_at = now;
            self.counts.sent += 1;
            self.queued += 1;
        }
        let (queued, limit) = (self.queued, self.queue_limit);
        if queued > limit {
            self.broken("I12", || format!("the queue holds {queued} of {limit}"));
        }
    }

    /// Returns since when the message has waited that is not known to have arrived for the longest time.
    pub(crate) fn waits_since(&self) -> Option<Time> {
        let mut waits = self
            .outgoing
            .iter()
            .filter(|message| message.durable && !message.acked);
        waits.next().map(|message| message.stored_at)
    }

    /// Bytes of a message are about to be written to the network.
    pub(crate) fn writing(&mut self, id: &str) {
        if self.rooms.is_unstored(id) {
            self.broken("I13", || format!("{id} left before it was stored"));
        }
        let Some(index) = number(id) else { return };
        if !self.outgoing.get(index).is_some_and(|m| m.durable) {
            self.broken("I13", || format!("{id} left before it was stored"));
        }
    }

    /// Compares what the server has received since the last call.
    pub(crate) fn server_took(&mut self, received: &[ReceivedMessage]) {
        for message in received.get(self.server_read..).unwrap_or_default() {
            self.server_read += 1;
            let id = message.id.clone().unwrap_or_default();
            self.note("server took", || id.clone());
            if self.rooms.has_sent(&id) {
                continue;
            }
            match number(&id) {
                Some(index) if index < self.outgoing.len() => self.took(index, &id),
                _ => self.broken("I4", || {
                    format!("the server received {id}, which was never sent")
                }),
            }
        }
    }

    fn took(&mut self, index: usize, id: &str) {
        let message = &mut self.outgoing[index];
        message.received += 1;
        let Outgoing {
            received, allowed, ..
        } = *message;
        if received > allowed {
            return self.broken("I4", || format!("{id} came {received} times"));
        }
        if received > 1 {
            self.counts.duplicated_up += 1;
            return;
        }
        if self.last_new.is_some_and(|last| last > index) {
            return self.broken("I4", || format!("{id} came after a later message"));
        }
        self.last_new = Some(index);
    }

    /// The client has dropped its session: the fate of what it had sent without an acknowledgement is unknown (rule
    /// I8).
    pub(crate) fn fate_unknown<'a>(&mut self, ids: impl Iterator<Item = &'a str>) {
        self.counts.sessions_lost += 1;
        let is_asked = self.strict && !self.has_no_archive();
        for id in ids {
            self.rooms.fate_unknown(id);
            if let Some(message) = number(id).and_then(|index| self.outgoing.get_mut(index))
                && !is_asked
            {
                message.allowed += 1;
            }
        }
    }

    /// The archive has forgotten messages. One that had arrived and is not known to have cannot be found in it any more.
    pub(crate) fn archive_forgot(&mut self, is_archived: impl Fn(&str) -> bool) {
        for (index, message) in self.outgoing.iter_mut().enumerate() {
            if message.received > 0 && !message.acked && !is_archived(&format!("m{index}")) {
                message.allowed += 1;
            }
        }
    }

    /// The archive is not queried, since the server ends the stream whenever it is (rule W1): a message that had arrived and is
    /// not known to have is sent again.
    pub(super) fn archive_is_left_out(&mut self) {
        for message in &mut self.outgoing {
            if message.received > 0 && !message.acked {
                message.allowed += 1;
            }
        }
    }

    /// The number that the next message gets.
    pub(crate) fn next_outgoing(&self) -> usize {
        self.outgoing.len()
    }

    pub(super) fn acknowledged(&mut self, seqs: &[u64]) {
        for seq in seqs {
            let Some(index) = self.by_seq.get(seq).copied() else {
                continue;
            };
            let message = &mut self.outgoing[index];
            self.queued -= usize::from(!std::mem::replace(&mut message.acked, true));
            if message.received == 0 {
                self.broken("I5", || {
                    format!("m{index} counts as acknowledged, and the server never had it")
                });
            }
        }
    }

    pub(super) fn failed(&mut self, seqs: &[u64]) {
        if let Some(index) = seqs.iter().find_map(|seq| self.by_seq.get(seq)).copied() {
            self.broken("I8", || format!("m{index} was given up"));
        }
    }

    /// The app receives the report that a message was acknowledged.
    pub(crate) fn reported_acked(&mut self, id: &str) {
        self.rooms.acked(id);
        let Some(index) = number(id) else { return };
        let message = &mut self.outgoing[index];
        let is_true = message.acked;
        let again = std::mem::replace(&mut message.reported_acked, true);
        if !is_true {
            self.broken("I13", || {
                format!("{id} was reported as acknowledged before it was stored")
            });
        } else if again {
            self.broken("I4", || format!("{id} was reported as acknowledged twice"));
        }
    }

    /// The app receives the report that a message will not be sent.
    pub(crate) fn reported_failed(&mut self, id: &str) {
        self.rooms.failed(id);
        if number(id).is_some() {
            self.broken("I8", || format!("{id} was reported as failed"));
        }
    }

    /// Returns whether everything that was stored has arrived and is known to have.
    pub(crate) fn is_sent(&self) -> bool {
        self.outgoing
            .iter()
            .all(|m| !m.durable || (m.received > 0 && m.acked))
    }

    /// Returns what has not arrived.
    pub(crate) fn unsent(&self) -> String {
        let waiting = self.outgoing.iter().enumerate();
        let ids: Vec<String> = waiting
            .filter(|(_, m)| m.durable && !(m.received > 0 && m.acked))
            .map(|(index, m)| format!("m{index} (taken {} times)", m.received))
            .collect();
        ids.join(", ")
    }
}
