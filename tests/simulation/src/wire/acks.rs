//! I12: `<r/>` asks for an acknowledgement only where one is missing and none is asked for; as a question whether the
//! server is there at all it may always be asked, and so it may right before a goodbye.

/// What decides whether `<r/>` may be said.
#[derive(Debug, Default)]
pub(super) struct AckRequests {
    /// Outbound stanzas count.
    counts: bool,
    sent: u32,
    acked: u32,
    pending: bool,
    /// Somebody wants to know whether the server is there.
    probing: bool,
    /// Probes since the last answer: each may ask, and all of them may leave in one write.
    probes: u64,
    /// An answer left something unacknowledged, and another one came with it: between the two the client may have asked.
    asks_between: bool,
    /// An `<r/>` that only the end of the stream behind it explains.
    owes_goodbye: bool,
}

impl AckRequests {
    /// Outbound stanzas count from this one on: in a session that begins, or behind what the server has.
    pub(super) fn begin(&mut self, h: u32) {
        self.counts = true;
        self.sent = h;
        self.acked = h;
    }

    pub(super) fn probe(&mut self) {
        self.probing = true;
    }

    pub(super) fn probe_times(&mut self, times: u64) {
        self.probes += times;
    }

    /// The server has said how far it is.
    pub(super) fn answered(&mut self, h: Option<u32>) {
        self.acked = h.unwrap_or(self.acked);
        self.pending = false;
        self.probes = 0;
        self.asks_between |= self.sent != self.acked;
    }

    /// What is heard from here on came at once: what was said in between is heard behind it.
    pub(super) fn hears_anew(&mut self) {
        self.asks_between = false;
    }

    /// The client has said this element; false if it asked for what it was not to ask for, and goes on all the same.
    pub(super) fn said(&mut self, name: &str) -> bool {
        match name {
            "r" => {
                let may_ask = self.sent != self.acked && !self.pending;
                let is_probe = !may_ask && self.probes > 0;
                self.probes -= u64::from(is_probe);
                let is_explained = may_ask
                    || is_probe
                    || std::mem::take(&mut self.asks_between)
                    || std::mem::take(&mut self.probing);
                let was_explained = !std::mem::replace(&mut self.owes_goodbye, !is_explained);
                self.pending = true;
                return was_explained;
            }
            "a" => return true,
            "message" | "presence" | "iq" if self.counts => self.sent = self.sent.wrapping_add(1),
            _ => {}
        }
        !std::mem::take(&mut self.owes_goodbye)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_one_question_at_a_time_and_none_about_nothing() {
        let mut acks = AckRequests::default();
        acks.begin(0);
        assert!(acks.said("message") && acks.said("r") && acks.said("message"));
        assert!(acks.said("r"), "what comes next decides");
        assert!(!acks.said("message"), "it was no goodbye");
        acks.answered(Some(3));
        assert!(
            acks.said("r") && !acks.said("r"),
            "nothing was unacknowledged"
        );
    }

    #[test]
    fn i12_a_probe_and_a_goodbye_may_always_ask() {
        let mut acks = AckRequests::default();
        acks.begin(7);
        acks.probe();
        assert!(acks.said("r") && acks.said("message"));
        assert!(acks.said("r") && acks.said("a"));
    }
}
