//! I12: `<r/>` requests an acknowledgement only where one is missing and none is requested; as a liveness probe it is
//! always allowed, and so it is immediately before the stream is closed.

/// The state that decides whether `<r/>` is allowed.
#[derive(Debug, Default)]
pub(super) struct AckRequests {
    /// Outbound stanzas count.
    counts: bool,
    sent: u32,
    acked: u32,
    /// Requests that the server has not answered; it answers each of them.
    pending: u32,
    /// The app or the platform requested a liveness probe.
    probing: bool,
    /// Probes since the last answer: each may send one, and all of them may be in one write.
    probes: u64,
    /// An answer left something unacknowledged, and another one came with it: between the two the client may have sent
    /// one.
    asks_between: bool,
    /// An `<r/>` that only a following close of the stream explains.
    awaits_stream_close: bool,
}

impl AckRequests {
    /// Outbound stanzas count from this one on: in a session that begins, or after those that the server has.
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

    /// The server has reported its count.
    pub(super) fn answered(&mut self, h: Option<u32>) {
        self.acked = h.unwrap_or(self.acked);
        self.pending = self.pending.saturating_sub(1);
        self.probes = 0;
        self.asks_between |= self.pending == 0 && self.sent != self.acked;
    }

    /// What is received from here on arrived at once: answers to it come after all of it.
    pub(super) fn hears_anew(&mut self) {
        self.asks_between = false;
    }

    /// The client has sent this element; returns false if it sent an `<r/>` that was not allowed, and continues
    /// nevertheless.
    pub(super) fn said(&mut self, name: &str) -> bool {
        match name {
            "r" => {
                let may_ask = self.sent != self.acked && self.pending == 0;
                let is_probe = !may_ask && self.probes > 0;
                self.probes -= u64::from(is_probe);
                let is_explained = may_ask
                    || is_probe
                    || std::mem::take(&mut self.asks_between)
                    || std::mem::take(&mut self.probing);
                let was_explained =
                    !std::mem::replace(&mut self.awaits_stream_close, !is_explained);
                self.pending += 1;
                return was_explained;
            }
            "a" => return true,
            "message" | "presence" | "iq" if self.counts => self.sent = self.sent.wrapping_add(1),
            _ => {}
        }
        !std::mem::take(&mut self.awaits_stream_close)
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
        assert!(!acks.said("message"), "the stream was not closed");
        acks.answered(Some(3));
        assert!(
            acks.said("r") && !acks.said("r"),
            "nothing was unacknowledged"
        );
    }

    #[test]
    fn i12_the_answer_to_a_probe_does_not_answer_a_later_question() {
        let mut acks = AckRequests::default();
        acks.begin(0);
        acks.probe_times(1);
        assert!(acks.said("message") && acks.said("r") && acks.said("r"));
        acks.answered(Some(1));
        acks.hears_anew();
        assert!(acks.said("message") && acks.said("r"));
        assert!(!acks.said("message"), "the probe is not answered yet");
        for h in [1, 2, 2] {
            acks.answered(Some(h));
        }
        acks.hears_anew();
        assert!(acks.said("r") && acks.said("message"));
    }

    #[test]
    fn i12_a_probe_and_a_stream_close_may_always_ask() {
        let mut acks = AckRequests::default();
        acks.begin(7);
        acks.probe();
        assert!(acks.said("r") && acks.said("message"));
        assert!(acks.said("r") && acks.said("a"));
    }
}
