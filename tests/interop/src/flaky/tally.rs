//! The results of all cuts: sessions, messages, losses, duplicates, and the time until the phone was back online.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::party::Seen;

/// How the phone reconnected after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recovery {
    /// Its connection survived.
    Survived,
    /// The session was resumed on a new connection.
    Resumed,
    /// There is a new session.
    NewSession,
}

/// One reconnect.
#[derive(Debug, Clone, Copy)]
pub struct Back {
    /// How.
    pub how: Recovery,
    /// From the moment when the network worked again to the first response of the server.
    pub after: Duration,
    /// Of a new connection: how its session was established.
    pub login: Option<Login>,
}

/// How a connection established its session.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    /// Flights that were planned.
    pub planned: usize,
    /// Flights that it took.
    pub flights: usize,
    /// Whether the TCP handshake carried the first one (RFC 7413).
    pub fast_open: bool,
    /// From its first packet to its session.
    pub took: Duration,
}

/// Messages that arrived more than once, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// The session was lost, and the message was sent again because its fate was unknown.
    pub session_lost: usize,
    /// The session was resumed, and the server accepted the message twice: it has two ids in the archive.
    pub taken_twice_by_server: usize,
    /// Any other cause: a fault of the client.
    pub unexplained: usize,
}

/// The results of all cuts.
#[derive(Debug, Clone, Default)]
pub struct MessageCounts {
    /// Every reconnect, in order.
    pub back: Vec<Back>,
    /// Messages that Juliet and Romeo sent.
    pub sent: usize,
    /// Messages that never arrived.
    pub lost: usize,
    /// Messages that arrived more than once.
    pub duplicates: Duplicates,
    /// Stanzas that the client gave up.
    pub failed: usize,
    /// How often an app was informed that messages may be missing.
    pub gaps: usize,
}

impl MessageCounts {
    /// Returns how often the phone reconnected in this way.
    #[must_use]
    pub fn count(&self, how: Recovery) -> usize {
        self.back.iter().filter(|back| back.how == how).count()
    }

    /// Adds the results of another run.
    pub fn add(&mut self, other: Self) {
        self.back.extend(other.back);
        self.sent += other.sent;
        self.lost += other.lost;
        self.duplicates.session_lost += other.duplicates.session_lost;
        self.duplicates.taken_twice_by_server += other.duplicates.taken_twice_by_server;
        self.duplicates.unexplained += other.duplicates.unexplained;
        self.failed += other.failed;
        self.gaps += other.gaps;
    }

    /// Counts what one end received of what the other one sent. `uncertain` are the ids that were in transit when a
    /// session was lost.
    pub(super) fn enter(&mut self, sent: &[String], seen: &Seen, uncertain: &BTreeSet<String>) {
        self.sent += sent.len();
        self.gaps += seen.gaps;
        self.failed += seen.failed.len();
        for id in sent {
            match seen.received.get(id).map_or(&[][..], Vec::as_slice) {
                [] => self.lost += 1,
                [_] => {}
                _ if uncertain.contains(id) => self.duplicates.session_lost += 1,
                copies if all_differ(copies) => self.duplicates.taken_twice_by_server += 1,
                _ => self.duplicates.unexplained += 1,
            }
        }
    }
}

fn all_differ(copies: &[Option<String>]) -> bool {
    let ids: BTreeSet<&String> = copies.iter().flatten().collect();
    ids.len() == copies.len()
}

impl fmt::Display for MessageCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cuts ({} survived, {} resumed, {} new sessions), {} messages, {} lost, duplicates: {} after a lost session, \
             {} taken twice by the server, {} unexplained",
            self.back.len(),
            self.count(Recovery::Survived),
            self.count(Recovery::Resumed),
            self.count(Recovery::NewSession),
            self.sent,
            self.lost,
            self.duplicates.session_lost,
            self.duplicates.taken_twice_by_server,
            self.duplicates.unexplained,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what one end saw: each message with its ids in the archive, one for each arrival.
    fn seen(received: &[(&str, &[Option<&str>])]) -> Seen {
        let mut seen = Seen::default();
        for (id, copies) in received {
            let copies = copies.iter().map(|copy| copy.map(str::to_owned));
            seen.received.insert((*id).to_owned(), copies.collect());
        }
        seen
    }

    #[test]
    fn each_message_is_counted_once_and_for_what_it_is() {
        let sent = ["once", "never", "unsure", "server", "ours", "unarchived"].map(str::to_owned);
        let seen = seen(&[
            ("once", &[Some("1")]),
            ("unsure", &[Some("2"), Some("2")]),
            ("server", &[Some("3"), Some("4")]),
            ("ours", &[Some("5"), Some("5")]),
            ("unarchived", &[None, None]),
            ("from elsewhere", &[None, None]),
        ]);
        let mut tally = MessageCounts::default();
        tally.enter(&sent, &seen, &BTreeSet::from(["unsure".to_owned()]));
        assert_eq!((tally.sent, tally.lost), (6, 1));
        let expected = Duplicates {
            session_lost: 1,
            taken_twice_by_server: 1,
            unexplained: 2,
        };
        assert_eq!(tally.duplicates, expected);
    }
}
