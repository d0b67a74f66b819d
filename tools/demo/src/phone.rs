//! A phone: one client on one link, with records of its messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{
    Client, ClientConfig, Dial, Dialing, Event, ServerAddress, Stage, Timeline, Timing, Transport,
    Trust, danger,
};
use snapback_netsim::{CutMode, Link, flights};
use snapback_reference_server::ReferenceServer;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::error::DemoError;
use crate::ledger::{Ledger, Totals};
use crate::record::Record;

/// The timeout of all waits: anything that takes longer is broken.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// Messages each way per round trip, so that some are on the way at any moment.
const MESSAGES_PER_ROUND_TRIP: u32 = 6;
/// How long a conversation goes on before it is cut, in round trips.
pub(crate) const CHAT: f64 = 3.5;
/// Timers are no finer than a millisecond.
const SHORTEST_TICK: Duration = Duration::from_millis(2);

/// The sender of the messages from the server.
pub(crate) const PEER: &str = "romeo@localhost";

/// What a phone is made of.
pub(crate) struct Setup<'a> {
    pub(crate) server: &'a ReferenceServer,
    pub(crate) link: &'a Arc<Link>,
    pub(crate) rtt: Duration,
    /// Local part of the account.
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    pub(crate) early_data: bool,
    pub(crate) reconnect: Timing,
}

pub(crate) struct Phone<'a> {
    setup: Setup<'a>,
    client: Client,
    ledger: Ledger,
    /// It has not had a session yet.
    is_new: bool,
}

/// Dials through the link, which charges the TCP handshake there.
struct LinkDial(Arc<Link>);

impl Dial for LinkDial {
    fn dial(&self, _: SocketAddr) -> Dialing {
        let link = Arc::clone(&self.0);
        Box::pin(async move { link.connect().await })
    }
}

impl<'a> Phone<'a> {
    pub(crate) fn new(setup: Setup<'a>) -> Result<Self, DemoError> {
        let mut config =
            ClientConfig::new(&setup.account(), setup.password).map_err(DemoError::Config)?;
        let roots = danger::Roots::from_pem(setup.server.ca_pem().as_bytes());
        config.trust = Trust::Roots(roots.map_err(DemoError::Trust)?);
        config.network.servers = vec![ServerAddress::at(setup.link.addr(), Transport::DirectTls)];
        config.network.dial = Arc::new(LinkDial(Arc::clone(setup.link)));
        config.policy.early_data = setup.early_data;
        config.reconnect = setup.reconnect;
        Ok(Self {
            client: Client::open(config).map_err(DemoError::Config)?,
            setup,
            ledger: Ledger::default(),
            is_new: true,
        })
    }

    /// Connects, and waits for the session.
    pub(crate) async fn connect(&mut self) -> Result<Record, DemoError> {
        let deadline = Instant::now() + TIMEOUT;
        self.client.connect();
        loop {
            tokio::select! {
                event = self.client.next_event() => {
                    if let Some(record) = self.note(event)? {
                        return Ok(record);
                    }
                }
                () = sleep_until(deadline) => return Err(DemoError::TimedOut("a session")),
            }
        }
    }

    /// Ends the session and closes the stream.
    pub(crate) async fn disconnect(&mut self) -> Result<(), DemoError> {
        let done = timeout(TIMEOUT, self.client.disconnect()).await;
        done.map_err(|_| DemoError::TimedOut("a clean end"))
    }

    /// Messages both ways, for a while.
    pub(crate) async fn chat(&mut self) -> Result<(), DemoError> {
        let end = Instant::now() + self.setup.rtt.mul_f64(CHAT);
        let mut ticks = interval(self.setup.tick());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                event = self.client.next_event() => self.note_messages(event)?,
                () = sleep_until(end) => return Ok(()),
                _ = ticks.tick() => self.exchange().await?,
            }
        }
    }

    /// Cuts the link in the middle of the conversation, continues to send, and waits for the session to be restored.
    pub(crate) async fn cut(&mut self, mode: CutMode) -> Result<Record, DemoError> {
        let arrived = self.setup.server.messages_from(self.setup.user);
        let arrived = arrived.iter().filter_map(|message| message.id.as_deref());
        let mut cut = self.ledger.interrupted(arrived);
        let since = Instant::now();
        self.setup.link.cut(mode);
        let (mut record, meanwhile) = match timeout(TIMEOUT, self.come_back()).await {
            Ok(back) => back?,
            Err(_) => return Err(DemoError::TimedOut("the session after a cut")),
        };
        cut.dark = since.elapsed();
        cut.meanwhile = meanwhile;
        record.cut = Some(cut);
        Ok(record)
    }

    /// Waits until every message has arrived, or until the timeout.
    pub(crate) async fn settle(&mut self) -> Result<Totals, DemoError> {
        let deadline = Instant::now() + TIMEOUT.min(Duration::from_secs(5) + 4 * self.setup.rtt);
        while !self.ledger.is_settled() {
            tokio::select! {
                event = self.client.next_event() => self.note_messages(event)?,
                () = sleep_until(deadline) => break,
            }
        }
        let arrived = self.setup.server.messages_from(self.setup.user);
        Ok(self.ledger.totals(&arrived))
    }

    async fn come_back(&mut self) -> Result<(Record, usize), DemoError> {
        let mut meanwhile = 0;
        let mut ticks = interval(self.setup.tick());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                event = self.client.next_event() => {
                    if let Some(Event::Ended { .. }) = event {
                        // The report of a phone's operating system when it has found another network.
                        self.client.network_changed(true);
                    }
                    if let Some(record) = self.note(event)? {
                        return Ok((record, meanwhile));
                    }
                }
                _ = ticks.tick() => {
                    self.exchange().await?;
                    meanwhile += 1;
                }
            }
        }
    }

    /// Records an event; returns a record of the session if this event began one.
    fn note(&mut self, event: Option<Event>) -> Result<Option<Record>, DemoError> {
        match event.ok_or(DemoError::ClientEnded)? {
            Event::Online {
                outcome,
                plan,
                timeline,
                ..
            } => {
                let mut record = Record::new(self.is_new, outcome, &plan, &timeline);
                self.is_new = false;
                record.flights_on_link = self.flights_on_link(&timeline);
                return Ok(Some(record));
            }
            Event::Message { delivery } => {
                self.ledger
                    .delivered(delivery.stanza.attr("id").unwrap_or_default());
                self.client.confirm(&delivery.id);
            }
            Event::Presence { delivery } => self.client.confirm(&delivery.id),
            Event::Stage {
                id,
                stage: Stage::Acked,
            } => self.ledger.acked(&id),
            _ => {}
        }
        Ok(None)
    }

    fn note_messages(&mut self, event: Option<Event>) -> Result<(), DemoError> {
        self.note(event).map(|_| ())
    }

    /// The client's clock gives the time from its first write to the session.
    fn flights_on_link(&self, timeline: &Timeline) -> usize {
        let first_write = timeline.flights.get(1).map(|flight| flight.started);
        match (first_write, timeline.online) {
            (Some(first_write), Some(online)) => {
                self.setup.flights_on_link(online.since(first_write))
            }
            _ => 0,
        }
    }

    /// One message each way.
    async fn exchange(&mut self) -> Result<(), DemoError> {
        let id = self.client.send_message(PEER, "Wherefore art thou?").await;
        self.ledger.sent(id.map_err(DemoError::Send)?);
        self.ledger.injected(self.setup.injected());
        Ok(())
    }
}

impl Setup<'_> {
    pub(crate) fn account(&self) -> String {
        format!("{}@localhost", self.user)
    }

    pub(crate) fn tick(&self) -> Duration {
        (self.rtt / MESSAGES_PER_ROUND_TRIP).max(SHORTEST_TICK)
    }

    /// A message comes in; its id.
    pub(crate) fn injected(&self) -> String {
        let body = "With love's light wings";
        self.server.inject_message(PEER, &self.account(), body)
    }

    /// Returns the flights of the newest connection, up to its session, which began this long after the client's first write.
    pub(crate) fn flights_on_link(&self, online_after: Duration) -> usize {
        let mut trace = self.link.trace();
        let newest = trace.iter().map(|chunk| chunk.conn).max();
        trace.retain(|chunk| Some(chunk.conn) == newest);
        if let Some(first) = trace.iter().map(|chunk| chunk.at).min() {
            trace.retain(|chunk| chunk.delivered <= first + online_after);
        }
        flights(&trace) + 1
    }
}
