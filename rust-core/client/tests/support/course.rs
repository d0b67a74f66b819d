//! What happened to a client over several connections, and what must hold whatever the server does.

use std::time::Duration;

use snapback_client::{
    AfterEnd, Client, ClientConfig, ConnectionError, ConnectionState, Delivery, EndReason, Event,
    Failure, LinkError, OfflineReason, Outcome, ServerAddress, Stage, Timing, Transport, Trust,
    danger,
};
use snapback_netsim::{Link, LinkConfig};
use snapback_reference_server::{ConnectionRecord, Fault, ReferenceServer, Switches};

use super::{LinkDial, Setup};

/// The timeout of all waits: anything that takes longer is broken.
const TIMEOUT: Duration = Duration::from_secs(60);
pub const RTT: Duration = Duration::from_millis(2);
pub const PASSWORD: &str = "r0m30";

/// Everything that a client has reported.
#[derive(Debug, Default)]
pub struct Course {
    pub ends: Vec<EndReason>,
    /// The announced consequence of the last end, until the state shows the actual one.
    then: Option<AfterEnd>,
    pub online: Vec<Outcome>,
    pub round_trips: Vec<usize>,
    pub plans: Vec<snapback_client::Plan>,
    pub acked: Vec<String>,
    pub failed: Vec<(String, Failure)>,
    pub peer_faults: Vec<&'static str>,
    pub offline: Vec<OfflineReason>,
    pub halted: Option<OfflineReason>,
    pub messages: Vec<Delivery>,
    pub presences: Vec<Delivery>,
    pub carbons: Vec<(Delivery, snapback_client::Carbon)>,
    pub refused: usize,
    pub gaps: usize,
    pub caught_up: usize,
    pub roster_changes: usize,
    /// All events as a log would show them.
    pub log: String,
}

impl Course {
    pub fn take(&mut self, event: Event) {
        use std::fmt::Write as _;
        writeln!(self.log, "{event:?}").unwrap();
        match event {
            Event::State(ConnectionState::Offline { reason, retry_at }) => {
                self.offline.push(reason);
                self.check_end(reason, retry_at.is_some());
                if retry_at.is_none() {
                    self.halted = Some(reason);
                }
            }
            Event::State(_) => {
                // An attempt that ended at once is reported to have begun after its end.
                self.then.take_if(|then| *then == AfterEnd::Retries);
                self.halted = None;
            }
            Event::Online {
                outcome,
                timeline,
                plan,
                ..
            } => {
                self.online.push(outcome);
                self.round_trips.push(timeline.round_trips());
                self.plans.push(plan);
            }
            Event::Ended { reason, then, .. } => {
                self.then = Some(then);
                writeln!(self.log, "{reason}").unwrap();
                self.ends.push(reason);
            }
            Event::Message { delivery } => self.messages.push(delivery),
            Event::Presence { delivery } => self.presences.push(delivery),
            Event::Stage { id, stage } => match stage {
                Stage::Acked => self.acked.push(id),
                Stage::Failed(failure) => self.failed.push((id, failure)),
                Stage::Queued | Stage::Sent => {}
            },
            Event::CertificateRefused { .. } => {}
            Event::RosterChanged => self.roster_changes += 1,
            Event::StanzaRefused(_) => self.refused += 1,
            Event::PossibleGap => self.gaps += 1,
            Event::CaughtUp => self.caught_up += 1,
            Event::PeerFault(what) => self.peer_faults.push(what),
            Event::Carbon { delivery, carbon } => self.carbons.push((delivery, carbon)),
            Event::ServerFeatures(_)
            | Event::PushEnabled
            | Event::PushRefused(_)
            | Event::BlockListChanged(_) => {}
        }
    }

    /// The announced consequence of an end is the actual one (rule I19), unless the app or the network intervened.
    fn check_end(&mut self, reason: OfflineReason, is_tried_again: bool) {
        use OfflineReason::{Failed, NoNetwork, NotWanted, Suspended};
        match self.then.take() {
            _ if matches!(reason, NotWanted | Suspended | NoNetwork) => {}
            Some(AfterEnd::Halts(why)) => {
                assert_eq!((reason, is_tried_again), (why, false), "{}", self.log);
            }
            Some(AfterEnd::Retries) => {
                assert_eq!((reason, is_tried_again), (Failed, true), "{}", self.log);
            }
            None => {}
        }
    }

    pub fn has_acked(&self, ids: &[String]) -> bool {
        ids.iter().all(|id| self.acked.contains(id))
    }

    /// Returns the first reason, which must be an error of the stream.
    pub fn first_error(&self) -> &ConnectionError {
        match self.ends.first() {
            Some(EndReason::Link(LinkError::Connection(error))) => error,
            other => panic!("{other:?} is no error of the stream"),
        }
    }

    pub fn bodies(&self) -> Vec<String> {
        self.messages
            .iter()
            .filter_map(|delivery| {
                let body = delivery.stanza.child("body", "jabber:client")?;
                Some(body.text())
            })
            .collect()
    }
}

/// Sets timeouts for tests: the same proportions as the defaults, shorter.
pub fn hasty(config: &mut ClientConfig) {
    config.reconnect = Timing {
        base: Duration::from_millis(20),
        cap: Duration::from_millis(200),
        floor: Duration::from_millis(5),
        relief_base: Duration::from_millis(60),
        relief_floor: Duration::from_millis(30),
        stable: Duration::from_millis(500),
        probe: Duration::from_millis(300),
        // Tests of this timeout set it; the others never reach it.
        head_start: Duration::from_secs(60),
        attempt: Duration::from_secs(10),
        close: Duration::from_secs(2),
        window: Duration::from_millis(300),
    };
    config.timeouts.login = Duration::from_secs(2);
    config.timeouts.ack = Duration::from_millis(700);
    config.timeouts.close = Duration::from_millis(300);
}

impl Setup {
    /// Returns a client with short timeouts.
    pub async fn hasty(switches: Switches, transport: Transport) -> Self {
        Self::with(switches, transport, RTT, hasty).await
    }

    /// Suspends the client, waits until the server has noticed that, and makes the server drop Juliet's session.
    pub async fn lose_session(&self) {
        self.client.suspend().await;
        let is_noticed = || {
            let sessions = self.server.sessions();
            let mut hers = sessions.iter().filter(|one| one.jid.starts_with("juliet@"));
            hers.all(|one| one.connection.is_none())
        };
        wait_for(is_noticed, "the server notices").await;
        self.server.forget_sessions("juliet");
    }

    /// Opens another client of the same server, over a link of its own.
    pub async fn another(
        server: &ReferenceServer,
        account: &str,
        password: &str,
        transport: Transport,
        change: impl FnOnce(&mut ClientConfig),
    ) -> (Client, std::sync::Arc<Link>) {
        let upstream = match transport {
            Transport::DirectTls => server.direct_addr(),
            Transport::StartTls => server.starttls_addr(),
        };
        let link = Link::start(LinkConfig::with_rtt(RTT), upstream)
            .await
            .unwrap();
        let link = std::sync::Arc::new(link);
        let mut config = ClientConfig::new(account, password).unwrap();
        config.trust = Trust::Roots(danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap());
        config.network.servers = vec![ServerAddress::at(link.addr(), transport)];
        config.network.dial = std::sync::Arc::new(LinkDial(std::sync::Arc::clone(&link)));
        hasty(&mut config);
        change(&mut config);
        (Client::open(config).unwrap(), link)
    }

    /// The same, and waits until it is online.
    pub async fn another_online(
        &self,
        account: &str,
        password: &str,
    ) -> (Client, std::sync::Arc<Link>) {
        let transport = Transport::DirectTls;
        let (client, link) =
            Self::another(&self.server, account, password, transport, |_| {}).await;
        client.connect();
        let is_online = |course: &Course| !course.online.is_empty();
        follow(&client, &mut Course::default(), &mut { is_online }, account).await;
        (client, link)
    }

    /// Takes events until the condition holds.
    pub async fn follow(
        &self,
        course: &mut Course,
        mut until: impl FnMut(&Course) -> bool,
        what: &str,
    ) {
        follow(&self.client, course, &mut until, what).await;
    }

    /// Queues this many messages and returns their ids.
    pub async fn send_some(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..count {
            let body = format!("message {number}");
            let id = self.client.send_message("romeo@localhost", &body).await;
            ids.push(id.unwrap());
        }
        ids
    }

    /// Returns the ids of all messages that the server received, duplicates included.
    pub fn received(&self) -> Vec<String> {
        let messages = self.server.messages_from("juliet").into_iter();
        messages.filter_map(|message| message.id).collect()
    }

    /// Asserts that each of these messages reached the server once, in this order, and no other did.
    pub fn assert_delivered_once(&self, ids: &[String], why: &str) {
        assert_eq!(self.received(), ids, "{why}");
    }

    /// The same by id: a message whose fate was unknown when its session was lost is sent again, with its id (rule I8).
    pub fn assert_delivered_once_by_id(&self, ids: &[String], why: &str) {
        let mut unique: Vec<String> = Vec::new();
        for id in self.received() {
            if !unique.contains(&id) {
                unique.push(id);
            }
        }
        assert_eq!(unique, ids, "{why}");
    }

    /// Asserts exactly one delivery if no session was lost meanwhile, otherwise by id.
    pub fn assert_delivered(&self, ids: &[String], course: &Course, why: &str) {
        let why = format!("{why}\n{}", course.log);
        if course.gaps == 0 {
            self.assert_delivered_once(ids, &why);
        } else {
            self.assert_delivered_once_by_id(ids, &why);
        }
    }

    pub fn next_connection(&self, fault: Fault) {
        self.server
            .faults(|faults| faults.next_connection = vec![fault]);
    }

    pub fn connections(&self) -> Vec<ConnectionRecord> {
        self.server.connections()
    }

    /// Counts how many connections begin within this time.
    pub async fn connections_within(&self, time: Duration) -> usize {
        let before = self.connections().len();
        tokio::time::sleep(time).await;
        self.connections().len() - before
    }
}

/// Takes events until the condition holds.
pub async fn follow(
    client: &Client,
    course: &mut Course,
    until: &mut impl FnMut(&Course) -> bool,
    what: &str,
) {
    let wait = async {
        while !until(course) {
            match client.next_event().await {
                Some(event) => course.take(event),
                None => panic!("{what}: the client ended"),
            }
        }
    };
    if tokio::time::timeout(TIMEOUT, wait).await.is_err() {
        panic!("{what}: not in time\n{}", course.log);
    }
}

/// Checks repeatedly until the condition holds.
pub async fn wait_for(mut is_so: impl FnMut() -> bool, what: &str) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.expect(what);
}
