//! The path of one connection: one lane of bytes in each direction, which may be late, stall, or end at any byte.

use std::collections::VecDeque;

use crate::random::Random;
use crate::script::Cut;

/// Virtual time in microseconds since the beginning of a run.
pub(crate) type Time = u64;

/// What travels.
#[derive(Debug)]
pub(crate) enum Packet {
    Bytes(Vec<u8>),
    /// The other side has ended the transport, in any way.
    End,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    queue: VecDeque<(Time, Packet)>,
    last: Time,
    /// What is sent from now on is lost.
    dead: bool,
    passed: u64,
    limit: Option<(u64, Cut)>,
}

/// A path between the phone and the server.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) up: Lane,
    pub(crate) down: Lane,
    latency: Time,
    jitter: Time,
    stalled_until: Time,
    random: Random,
}

impl Path {
    pub(crate) fn new(latency: Time, jitter: Time, random: Random) -> Self {
        Self {
            up: Lane::default(),
            down: Lane::default(),
            latency,
            jitter,
            stalled_until: 0,
            random,
        }
    }

    pub(crate) fn send(&mut self, up: bool, bytes: Vec<u8>, snap: bool, now: Time) {
        if bytes.is_empty() || self.lane(up).dead {
            return;
        }
        let lane = self.lane(up);
        let Some((limit, cut)) = lane.limit else {
            lane.passed += bytes.len() as u64;
            return self.put_chunks(up, bytes, now);
        };
        let left = usize::try_from(limit.saturating_sub(lane.passed)).unwrap_or(usize::MAX);
        if bytes.len() < left {
            lane.passed += bytes.len() as u64;
            return self.put_chunks(up, bytes, now);
        }
        let keep = match cut {
            // Only the other lane breaks.
            Cut::DeadUp if !up => bytes.len(),
            Cut::DeadDown if up => bytes.len(),
            _ if snap => snapped(left, bytes.len()),
            _ => left,
        };
        self.put_chunks(up, bytes[..keep].to_vec(), now);
        self.lane(up).limit = None;
        self.cut(cut, now);
    }

    /// Breaks the connection after this many more bytes.
    pub(crate) fn limit(&mut self, up: bool, bytes: u64, cut: Cut) {
        let lane = self.lane(up);
        lane.limit = Some((lane.passed + bytes, cut));
    }

    /// Breaks the connection now; what is in transit arrives.
    pub(crate) fn cut(&mut self, cut: Cut, now: Time) {
        if matches!(cut, Cut::Reset | Cut::ServerNotified) {
            self.put(true, Packet::End, now);
        }
        if matches!(cut, Cut::Reset | Cut::ClientNotified) {
            self.put(false, Packet::End, now);
        }
        self.up.dead |= cut != Cut::DeadDown;
        self.down.dead |= cut != Cut::DeadUp;
    }

    /// One side ends the transport: the other is notified, if the lane still carries data.
    pub(crate) fn end(&mut self, up: bool, now: Time) {
        if !self.lane(up).dead {
            self.put(up, Packet::End, now);
            self.lane(up).dead = true;
        }
    }

    /// The server notices at this time that the connection is lost.
    pub(crate) fn end_late(&mut self, when: Time) {
        self.up.last = self.up.last.max(when);
        self.up.queue.push_back((self.up.last, Packet::End));
    }

    /// Returns whether both lanes carry data, and nothing is in transit.
    pub(crate) fn is_quiet(&self) -> bool {
        [&self.up, &self.down]
            .into_iter()
            .all(|lane| !lane.dead && lane.queue.is_empty())
    }

    pub(crate) fn stall(&mut self, until: Time) {
        self.stalled_until = self.stalled_until.max(until);
        for lane in [&mut self.up, &mut self.down] {
            for (due, _) in &mut lane.queue {
                *due = (*due).max(until);
            }
        }
    }

    /// Returns when the next packet arrives.
    pub(crate) fn due(&self, up: bool) -> Option<Time> {
        let lane = if up { &self.up } else { &self.down };
        lane.queue.front().map(|(due, _)| *due)
    }

    pub(crate) fn take(&mut self, up: bool) -> Option<Packet> {
        self.lane(up).queue.pop_front().map(|(_, packet)| packet)
    }

    fn lane(&mut self, up: bool) -> &mut Lane {
        if up { &mut self.up } else { &mut self.down }
    }

    /// Mostly in one piece, as a flight arrives; sometimes in several, as a network splits it.
    fn put_chunks(&mut self, up: bool, mut bytes: Vec<u8>, now: Time) {
        if bytes.is_empty() {
            return;
        }
        while bytes.len() > 1 && self.random.one_in(6) {
            let at = self.random.between(1, bytes.len() as u64 - 1);
            let rest = bytes.split_off(usize::try_from(at).unwrap_or(1));
            self.put(up, Packet::Bytes(bytes), now);
            bytes = rest;
        }
        self.put(up, Packet::Bytes(bytes), now);
    }

    fn put(&mut self, up: bool, packet: Packet, now: Time) {
        let late = if self.jitter > 0 {
            self.random.below(self.jitter)
        } else {
            0
        };
        let due = (now + self.latency + late).max(self.stalled_until);
        let lane = self.lane(up);
        // Never before what was sent earlier.
        lane.last = lane.last.max(due);
        lane.queue.push_back((lane.last, packet));
    }
}

/// With real TLS the sizes of records differ a little between runs. One byte of a write, or all but one, is the same
/// for any size.
fn snapped(left: usize, length: usize) -> usize {
    if left * 2 < length {
        1.min(length)
    } else {
        length - 1
    }
}
