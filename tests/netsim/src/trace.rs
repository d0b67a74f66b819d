//! What went over the link, seen from outside, and how many flights it was.

use crate::Direction;
use std::time::Instant;

/// Bytes that were delivered in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The connection, counted from 0 in the order of acceptance.
    pub conn: u64,
    /// When the sender's write reached its end of the link.
    pub at: Instant,
    /// When it left the link at the other end.
    pub delivered: Instant,
    /// Which way it went.
    pub direction: Direction,
    /// How many bytes.
    pub len: usize,
}

/// Totals of a link since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Connections accepted, without those swallowed while the link was down.
    pub connections: u64,
    /// Connections that are neither ended nor cut. A blackholed one is cut.
    pub live: usize,
    /// Bytes delivered to the server.
    pub to_server: u64,
    /// Bytes delivered to the client.
    pub to_client: u64,
}

/// The number of flights in a trace: client writes that had to wait for an answer to the flight before.
///
/// A client write opens a new flight if the server sent something after the current flight's first byte reached it,
/// and that something reached the client before the write. So bytes that cross on the wire (tickets, a late push) do not count,
/// and neither does how many writes a flight was made of. The TCP handshake carries no bytes and is not counted here.
/// Connections are counted apart and added up. An answer the client never had to wait for
/// (a stanza sent after the login) is a flight too: end the trace where counting should stop.
#[must_use]
pub fn flights(trace: &[Chunk]) -> usize {
    let mut conns: Vec<u64> = trace.iter().map(|c| c.conn).collect();
    conns.sort_unstable();
    conns.dedup();
    conns
        .into_iter()
        .map(|conn| flights_of(trace.iter().filter(|c| c.conn == conn)))
        .sum()
}

fn flights_of<'a>(chunks: impl Iterator<Item = &'a Chunk> + Clone) -> usize {
    let answers = chunks
        .clone()
        .filter(|c| c.direction == Direction::ToClient);
    let mut writes: Vec<&Chunk> = chunks
        .filter(|c| c.direction == Direction::ToServer)
        .collect();
    writes.sort_by_key(|c| c.at);
    let mut flight: Option<&Chunk> = None;
    let mut count = 0;
    for write in writes {
        let waited = flight.is_none_or(|first| {
            answers
                .clone()
                .any(|a| a.at >= first.delivered && a.delivered <= write.at)
        });
        if waited {
            count += 1;
            flight = Some(write);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{ToClient, ToServer};
    use std::time::Duration;

    fn trace(items: &[(u64, Direction, u64, u64)]) -> Vec<Chunk> {
        let zero = Instant::now();
        items
            .iter()
            .map(|&(conn, direction, at, delivered)| Chunk {
                conn,
                direction,
                at: zero + Duration::from_millis(at),
                delivered: zero + Duration::from_millis(delivered),
                len: 1,
            })
            .collect()
    }

    #[test]
    fn several_writes_before_an_answer_are_one_flight() {
        assert_eq!(
            flights(&trace(&[
                (0, ToServer, 0, 50),
                (0, ToServer, 5, 55),
                (0, ToClient, 55, 105)
            ])),
            1
        );
    }

    #[test]
    fn a_write_after_the_answer_is_the_next_flight() {
        let t = trace(&[
            (0, ToServer, 0, 50),
            (0, ToClient, 50, 100),
            (0, ToServer, 101, 151),
            (0, ToServer, 102, 152),
        ]);
        assert_eq!(flights(&t), 2);
    }

    #[test]
    fn bytes_that_crossed_on_the_wire_open_no_flight() {
        let t = trace(&[
            (0, ToClient, 40, 90),
            (0, ToServer, 60, 110),
            (0, ToServer, 95, 145),
        ]);
        assert_eq!(flights(&t), 1);
    }

    #[test]
    fn connections_are_counted_apart() {
        let t = trace(&[
            (0, ToServer, 0, 50),
            (0, ToClient, 50, 100),
            (1, ToServer, 101, 151),
        ]);
        assert_eq!(flights(&t), 2);
        assert_eq!(flights(&[]), 0);
    }
}
