//! The configuration of a link: its length, which side the handshake is charged to, how it breaks.

use std::time::Duration;

/// How a link behaves from its start.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LinkConfig {
    /// The round trip time; half of it each way.
    pub rtt: Duration,
    /// Where the round trip of the TCP handshake is charged.
    pub handshake: ChargeHandshake,
    /// After a cut that only the client sees: the time until the server is notified, with a reset. `None`: not before
    /// [`Link::drop_upstream`](crate::Link::drop_upstream).
    pub drop_upstream_after: Option<Duration>,
}

impl LinkConfig {
    /// A link of this round trip time for clients that dial through [`Link::connect`](crate::Link::connect).
    #[must_use]
    pub fn with_rtt(rtt: Duration) -> Self {
        Self {
            rtt,
            handshake: ChargeHandshake::InConnect,
            drop_upstream_after: None,
        }
    }

    /// The same link for clients that dial by themselves.
    #[must_use]
    pub fn for_foreign_clients(mut self) -> Self {
        self.handshake = ChargeHandshake::OnFirstBytes;
        self
    }

    /// Returns the same link, with the server notified of a client-side cut after this time.
    #[must_use]
    pub fn drop_upstream_after(mut self, after: Duration) -> Self {
        self.drop_upstream_after = Some(after);
        self
    }
}

/// Where the round trip of the TCP handshake is charged.
///
/// The kernel completes a handshake on loopback at once, before the relay can see it, so its round trip has to be added
/// separately. There are two ways because there are two kinds of client. A client with a configurable dialer waits
/// inside [`Link::connect`](crate::Link::connect), and its own clock includes the handshake. A foreign client assumes
/// that it is connected at once; for it the first bytes are delayed instead, so that the total is right although the
/// client's own "connected" is too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeHandshake {
    /// The client dials through [`Link::connect`](crate::Link::connect), which sleeps one round trip.
    InConnect,
    /// Client bytes that arrive before `accept + rtt` count as sent at `accept + rtt`.
    OnFirstBytes,
}

/// How live connections end. What is still in transit is lost in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutMode {
    /// The client gets a reset; the server notices nothing: what it sends vanishes, until
    /// [`Link::drop_upstream`](crate::Link::drop_upstream) or [`LinkConfig::drop_upstream_after`].
    ResetClient,
    /// Both sides get a reset.
    ResetBoth,
    /// Both sides get an orderly end of stream; a side whose last bytes the link had not read yet gets a reset, as the
    /// kernel does it.
    CloseBoth,
    /// Neither side is notified and nothing is carried any more.
    Blackhole,
}

/// What happens to new connections while a link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownMode {
    /// The port is closed.
    Refuse,
    /// A handshake gets no answer: [`Link::connect`](crate::Link::connect) waits until the link is up. A foreign
    /// client's handshake succeeds nevertheless (in the kernel), then nothing is carried, permanently.
    Blackhole,
}

/// Which way bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}
