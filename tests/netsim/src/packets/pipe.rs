//! One direction of a link: a queue in front of a wire.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::loss::{Chain, Loss};
use snapback_random::Rng;

/// What one direction does to packets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// The time that every packet takes, in milliseconds.
    pub delay_ms: f64,
    /// The maximum additional delay, evenly distributed, in milliseconds. Packets stay in order nevertheless: a
    /// cellular link delays packets that would overtake (RLC, 3GPP TS 36.322).
    #[serde(default)]
    pub jitter_ms: f64,
    /// How fast packets leave the queue, in kbit/s. 0: at once.
    #[serde(default)]
    pub rate_kbit: f64,
    /// How many bytes the queue holds before what comes next is dropped. 0: any number.
    #[serde(default)]
    pub queue_bytes: u64,
    /// Which packets are lost on the wire.
    #[serde(default)]
    pub loss: Loss,
    /// The share of packets that is held back, so that later ones overtake.
    #[serde(default)]
    pub reorder: f64,
    /// For how long they are held back, in milliseconds.
    #[serde(default)]
    pub reorder_ms: f64,
}

/// What became of packets, by count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PipeStats {
    /// Came in.
    pub sent: u64,
    /// Bytes that came in.
    pub sent_bytes: u64,
    /// Went out.
    pub delivered: u64,
    /// Bytes that went out.
    pub delivered_bytes: u64,
    /// Delivered after a packet that was sent later.
    pub reordered: u64,
    /// Lost on the wire.
    pub lost: u64,
    /// Dropped by a full queue.
    pub overflowed: u64,
    /// Longer than the link takes.
    pub too_long: u64,
    /// Swallowed while the way was cut, or on the wire at that moment.
    pub cut: u64,
    /// Dropped because address translation knows no such flow (any more).
    pub forgotten: u64,
}

impl PipeStats {
    /// All that came in and never went out, for whatever reason.
    #[must_use]
    pub fn gone(&self) -> u64 {
        self.lost + self.overflowed + self.too_long + self.cut + self.forgotten
    }
}

#[derive(Debug)]
pub(super) struct Pipe {
    path: Path,
    rng: Rng,
    chain: Chain,
    /// When the last byte of the queue will have left it.
    busy_until: Duration,
    /// When the last packet that kept its place arrives.
    last_arrival: Duration,
    flying: BinaryHeap<Reverse<Flying>>,
    next_number: u64,
    newest_delivered: Option<u64>,
    pub(super) stats: PipeStats,
}

/// A packet on its way. The order of the fields is that of delivery.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    arrives: Duration,
    number: u64,
    packet: Vec<u8>,
}

impl Pipe {
    pub(super) fn new(path: Path, seed: u64) -> Self {
        Self {
            path,
            rng: Rng::new(seed),
            chain: Chain::default(),
            busy_until: Duration::ZERO,
            last_arrival: Duration::ZERO,
            flying: BinaryHeap::new(),
            next_number: 0,
            newest_delivered: None,
            stats: PipeStats::default(),
        }
    }

    /// Changes the path. Packets in transit are not affected; later ones take the new path, and do not overtake.
    pub(super) fn set_path(&mut self, path: Path) {
        self.path = path;
    }

    pub(super) fn enqueue(&mut self, now: Duration, packet: Vec<u8>) {
        let start = self.busy_until.max(now);
        if self.is_full(start - now, packet.len()) {
            self.stats.overflowed += 1;
            return;
        }
        let departs = start + self.air_time(packet.len());
        self.busy_until = departs;
        // A packet that gets lost has had its turn on the air.
        if self.chain.loses(&self.path.loss, &mut self.rng) {
            self.stats.lost += 1;
            return;
        }
        let jitter = self.rng.between(0.0, self.path.jitter_ms);
        let mut arrives = departs + milliseconds(self.path.delay_ms + jitter);
        if self.rng.chance(self.path.reorder) {
            arrives += milliseconds(self.path.reorder_ms);
        } else {
            arrives = arrives.max(self.last_arrival);
            self.last_arrival = arrives;
        }
        self.flying.push(Reverse(Flying {
            arrives,
            number: self.next_number,
            packet,
        }));
        self.next_number += 1;
    }

    fn is_full(&self, backlog: Duration, len: usize) -> bool {
        if self.path.queue_bytes == 0 || self.path.rate_kbit <= 0.0 {
            return false;
        }
        let waiting = backlog.as_secs_f64() * self.path.rate_kbit * 1000.0 / 8.0;
        #[allow(
            clippy::cast_precision_loss,
            reason = "queues are far below 2^52 bytes"
        )]
        let (len, limit) = (len as f64, self.path.queue_bytes as f64);
        waiting + len > limit
    }

    fn air_time(&self, len: usize) -> Duration {
        if self.path.rate_kbit <= 0.0 {
            return Duration::ZERO;
        }
        #[allow(clippy::cast_precision_loss, reason = "a packet is at most 64 KiB")]
        let bits = len as f64 * 8.0;
        Duration::from_secs_f64(bits / (self.path.rate_kbit * 1000.0))
    }

    /// When the next packet arrives.
    pub(super) fn next_arrival(&self) -> Option<Duration> {
        self.flying.peek().map(|Reverse(flying)| flying.arrives)
    }

    /// The next packet that has arrived by now.
    pub(super) fn arrived(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(flying) = self.flying.pop()?;
        if self.newest_delivered > Some(flying.number) {
            self.stats.reordered += 1;
        }
        self.newest_delivered = self.newest_delivered.max(Some(flying.number));
        Some(flying.packet)
    }

    /// What is on the way is lost, and the queue is empty.
    pub(super) fn cut(&mut self, now: Duration) {
        self.stats.cut += self.flying.len() as u64;
        self.flying.clear();
        self.busy_until = now;
        self.last_arrival = now;
    }
}

fn milliseconds(count: f64) -> Duration {
    Duration::from_secs_f64(count.max(0.0) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Path = Path {
        delay_ms: 50.0,
        jitter_ms: 0.0,
        rate_kbit: 0.0,
        queue_bytes: 0,
        loss: Loss {
            good: 0.0,
            bad: 0.0,
            good_to_bad: 0.0,
            bad_to_good: 0.0,
        },
        reorder: 0.0,
        reorder_ms: 0.0,
    };

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn drain(pipe: &mut Pipe) -> Vec<(Duration, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some(at) = pipe.next_arrival() {
            all.push((at, pipe.arrived(at).expect("it is due")));
        }
        all
    }

    #[test]
    fn every_packet_takes_the_delay() {
        let mut pipe = Pipe::new(PLAIN, 1);
        pipe.enqueue(ms(10), vec![1]);
        assert_eq!(pipe.arrived(ms(59)), None);
        assert_eq!(pipe.arrived(ms(60)), Some(vec![1]));
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_keeps_the_order() {
        let path = Path {
            jitter_ms: 30.0,
            ..PLAIN
        };
        let mut pipe = Pipe::new(path, 1);
        for packet in 0..200_u8 {
            pipe.enqueue(ms(u64::from(packet)), vec![packet]);
        }
        let all = drain(&mut pipe);
        assert!(all.is_sorted());
        assert_eq!(all.len(), 200);
        for (at, packet) in all {
            let took = at - ms(u64::from(packet[0]));
            assert!(took >= ms(50) && took <= ms(80), "{took:?}");
        }
        assert_eq!(pipe.stats.reordered, 0);
    }

    #[test]
    fn a_rate_spreads_packets_and_a_short_queue_drops_them() {
        let path = Path {
            rate_kbit: 80.0, // 10 bytes a millisecond
            queue_bytes: 3000,
            ..PLAIN
        };
        let mut pipe = Pipe::new(path, 1);
        for _ in 0..5 {
            pipe.enqueue(ms(0), vec![0; 1000]);
        }
        let at: Vec<Duration> = drain(&mut pipe).into_iter().map(|(at, _)| at).collect();
        assert_eq!(at, [ms(150), ms(250), ms(350)]);
        assert_eq!(pipe.stats.overflowed, 2);
    }

    #[test]
    fn held_back_packets_are_overtaken_and_counted() {
        let path = Path {
            reorder: 0.1,
            reorder_ms: 20.0,
            ..PLAIN
        };
        let mut pipe = Pipe::new(path, 3);
        for packet in 0..200_u64 {
            pipe.enqueue(ms(packet * 5), vec![0]);
        }
        assert_eq!(drain(&mut pipe).len(), 200);
        assert!((10..30).contains(&pipe.stats.reordered));
    }

    #[test]
    fn a_cut_loses_what_is_on_the_wire() {
        let mut pipe = Pipe::new(PLAIN, 1);
        pipe.enqueue(ms(0), vec![1]);
        pipe.cut(ms(10));
        assert_eq!(pipe.next_arrival(), None);
        assert_eq!(pipe.stats.cut, 1);
        pipe.enqueue(ms(20), vec![2]);
        assert_eq!(pipe.arrived(ms(70)), Some(vec![2]));
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let path = Path {
            jitter_ms: 30.0,
            loss: Loss::random(0.3),
            reorder: 0.1,
            reorder_ms: 40.0,
            ..PLAIN
        };
        let run = |seed| {
            let mut pipe = Pipe::new(path, seed);
            for packet in 0..100 {
                pipe.enqueue(ms(u64::from(packet)), vec![packet]);
            }
            drain(&mut pipe)
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }
}
