//! The object that stands for an account.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use snapback_client as core;
use snapback_client::{Client, Element};
use tokio::sync::watch;

use crate::config::{self, CoreConfig};
use crate::convert::Clock;
use crate::error::{CallError, IqError, OpenError, SendError};
use crate::event::Event;
use crate::handover::HandOver;
use crate::password::Password;
use crate::platform::{NetworkState, SrvQuery, SrvRecord};
use crate::roster::Roster;
use crate::stanza::{IqAnswer, IqRequest, OutgoingMessage, OutgoingPresence};
use crate::state::ConnectionState;
use crate::store::OpenReport;
use crate::{android, log, runtime};

/// An account that is kept online.
///
/// Made by `open`, ended by `end`. What waits (`next_..`, or a call that has not come back) ends with the client.
#[derive(Debug, uniffi::Object)]
pub struct CoreClient {
    client: RwLock<Option<Arc<Client>>>,
    /// Changes once, when the client is closed.
    closed: watch::Sender<bool>,
    pub(crate) hand_over: Arc<HandOver>,
    clock: Clock,
    report: OpenReport,
}

#[uniffi::export]
impl CoreClient {
    /// Opens the store and makes a client that logs in with this password. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what cannot be used.
    #[uniffi::constructor]
    pub async fn open(config: CoreConfig, password: Password) -> Result<Arc<Self>, OpenError> {
        Self::opened(config, Some(password)).await
    }

    /// The same without a password: a FAST token or SCRAM keys in the store have to do.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what cannot be used.
    #[uniffi::constructor]
    pub async fn open_without_password(config: CoreConfig) -> Result<Arc<Self>, OpenError> {
        Self::opened(config, None).await
    }

    /// What was found in the store.
    pub fn open_report(&self) -> OpenReport {
        self.report.clone()
    }

    /// Connects, and stays connected: after each break the client reconnects by itself. Said again, it means: now, please. A
    /// client that slept goes on.
    pub fn connect(&self) {
        self.tell(Client::connect);
    }

    /// Ends the session and the stream cleanly; comes back when that is done.
    pub async fn disconnect(&self) -> Result<(), CallError> {
        self.call(|client| async move { client.disconnect().await })
            .await
    }

    /// Logs the user out: ends the session, turns the FAST token in and forgets what could log in again.
    pub async fn log_out(&self) -> Result<(), CallError> {
        self.call(|client| async move { client.log_out().await })
            .await
    }

    /// Waits for events; yields all that are there, in order, up to so many. Nothing at all once the client has ended.
    /// One caller at a time, and not to be cancelled: what was about to be handed over would be gone.
    pub async fn next_events(&self, max: u32) -> Vec<Event> {
        let Ok(client) = self.client() else {
            return Vec::new();
        };
        let mut closed = self.closed.subscribe();
        let first = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            event = self.hand_over.next(|| client.next_event()) => event,
        };
        let mut events: Vec<Event> = first
            .map(|event| Event::new(event, self.clock))
            .into_iter()
            .collect();
        while !events.is_empty() && events.len() < max as usize {
            let next = tokio::select! {
                biased;
                event = client.next_event() => event,
                () = std::future::ready(()) => None,
            };
            match next {
                Some(event) => events.push(Event::new(event, self.clock)),
                None => break,
            }
        }
        events.iter().for_each(log::event);
        events
    }

    /// Where the connection stands now. Not queued behind the events.
    pub fn state(&self) -> ConnectionState {
        match self.client() {
            Ok(client) => ConnectionState::new(*client.states().borrow(), self.clock),
            Err(_) => ConnectionState::Offline {
                reason: crate::state::OfflineReason::NotWanted,
                retry_in_ms: None,
            },
        }
    }

    /// Waits until the state is another one than `seen`; nothing once the client has ended.
    pub async fn next_state(&self, seen: ConnectionState) -> Option<ConnectionState> {
        let client = self.client().ok()?;
        let mut closed = self.closed.subscribe();
        let mut states = client.states();
        loop {
            let state = ConnectionState::new(*states.borrow_and_update(), self.clock);
            if !state.is_same(seen) {
                return Some(state);
            }
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => return None,
                changed = states.changed() => changed.ok()?,
            }
        }
    }

    /// Waits for a question to the platform's resolver; nothing once the client has ended. One caller at a time.
    pub async fn next_srv_query(&self) -> Option<SrvQuery> {
        let client = self.client().ok()?;
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            request = client.next_platform_request() => request.map(Into::into),
        }
    }

    /// Answers such a question. No records mean that the name has none; nothing means that the platform cannot say, and
    /// the name servers are asked.
    pub fn answer_srv(&self, id: u64, records: Option<Vec<SrvRecord>>) {
        let answer = records.map_or(core::PlatformAnswer::Unable, core::PlatformAnswer::Srv);
        self.tell(|client| client.answer(core::RequestId(id), answer));
    }

    /// The same with the whole message of the DNS, as the platform has it (RFC 1035 section 4). Nothing, or a message that
    /// cannot be used, means that the name servers are asked.
    pub fn answer_srv_message(&self, id: u64, message: Option<Vec<u8>>) {
        let answer = message.map_or(core::PlatformAnswer::Unable, core::PlatformAnswer::Message);
        self.tell(|client| client.answer(core::RequestId(id), answer));
    }

    /// Returns a stanza id of 128 random bits. An app that follows the stages of a stanza needs its id before the first of them is
    /// reported.
    pub fn new_id(&self) -> Result<String, CallError> {
        Ok(self.client()?.new_id())
    }

    /// Sends a message. Yields its id once it is stored; its further stages come as events. It will be sent, and sent
    /// again, until the server has acknowledged it.
    pub async fn send_message(&self, message: OutgoingMessage) -> Result<String, SendError> {
        self.send(message.try_into()?).await
    }

    /// Tells our presence. What everybody was told last is told again at the beginning of each new session, for as long as the
    /// process lives.
    pub async fn send_presence(&self, presence: OutgoingPresence) -> Result<String, SendError> {
        self.send(presence.try_into()?).await
    }

    /// Sends a message or a presence that is written out. The same holds for it.
    pub async fn send_stanza(&self, xml: String) -> Result<String, SendError> {
        self.send(core::parse_xml(&xml)?).await
    }

    /// Sends a request and waits for its answer, across reconnects as long as the session is resumed.
    pub async fn iq(&self, request: IqRequest) -> Result<IqAnswer, IqError> {
        let timeout = Duration::from_millis(request.timeout_ms);
        let stanza = request.element()?;
        let answer = self
            .call(|client| async move { client.iq(stanza, timeout).await })
            .await?;
        Ok(IqAnswer::from(&answer?))
    }

    /// The app has taken this delivery: it will not come again.
    pub fn confirm(&self, delivery_id: String) {
        self.tell(|client| client.confirm(&delivery_id));
    }

    /// The roster as it is stored, online or not.
    pub async fn roster(&self) -> Result<Roster, CallError> {
        let roster = self
            .call(|client| async move { client.roster().await })
            .await?;
        Ok(roster?.into())
    }

    /// The platform's network came, went or changed. The client probes or reconnects at once.
    pub fn network_changed(&self, network: NetworkState) {
        let servers = config::name_servers(&network.name_servers);
        self.tell(|client| {
            if let Some(servers) = servers.filter(|_| !network.name_servers.is_empty()) {
                client.set_name_servers(servers);
            }
            client.network_changed(network.available);
        });
    }

    /// The app moved to the foreground (`true`) or the background (XEP-0352). In the foreground, a client that slept goes on.
    pub fn set_foreground(&self, foreground: bool) {
        self.tell(|client| client.set_active(foreground));
    }

    /// Lets go of everything, the file included, without ending the session on the server; comes back when nothing is held
    /// any more.
    pub async fn suspend(&self) -> Result<(), CallError> {
        self.call(|client| async move { client.suspend().await })
            .await
    }

    /// Goes on after `suspend`.
    pub fn resume(&self) {
        self.tell(Client::resume);
    }

    /// Allows the next logins to be weaker than those before. Ask the user first: this is what somebody in between would
    /// want.
    pub fn forget_login_floor(&self) {
        self.tell(Client::forget_login_floor);
    }

    /// The account's password has changed: the next login uses this one. A session that is there stays. A client that is offline
    /// because credentials were refused or missing connects again.
    pub fn set_password(&self, password: Password) {
        self.tell(move |client| client.set_password(password.into_secret()));
    }

    /// Ends the client, at once: whatever waits comes back, and the connection is dropped without a goodbye, so that the
    /// session can be resumed. The store is let go of shortly after; to know when, call `suspend` first. Harmless the
    /// second time.
    pub fn end(&self) {
        self.closed.send_replace(true);
        self.client
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl CoreClient {
    async fn opened(
        config: CoreConfig,
        password: Option<Password>,
    ) -> Result<Arc<Self>, OpenError> {
        if config.dangerous_trust.is_none() {
            android::verifier_is_ready()?;
        }
        let opened = runtime::run_blocking(move || -> Result<_, OpenError> {
            let (config, report) = config::prepare(config, password)?;
            let clock = Clock::start();
            Ok((Client::open(config)?, clock, report))
        });
        let (client, clock, report) = opened.await??;
        Ok(Arc::new(Self {
            client: RwLock::new(Some(Arc::new(client))),
            closed: watch::Sender::new(false),
            hand_over: Arc::new(HandOver::new()),
            clock,
            report,
        }))
    }

    pub(crate) fn client(&self) -> Result<Arc<Client>, CallError> {
        self.client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(CallError::Closed)
    }

    /// Says something that has no answer; to a closed client it is not said.
    fn tell(&self, what: impl FnOnce(&Client)) {
        if let Ok(client) = self.client() {
            what(&client);
        }
    }

    /// Has something done on the runtime. Ends when the client does.
    pub(crate) async fn call<T, W, F>(&self, work: W) -> Result<T, CallError>
    where
        W: FnOnce(Arc<Client>) -> F,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let client = self.client()?;
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            done = runtime::run(work(client)) => Ok(done?),
            _ = closed.wait_for(|closed| *closed) => Err(CallError::Closed),
        }
    }

    async fn send(&self, stanza: Element) -> Result<String, SendError> {
        if stanza.name() == "iq" {
            return Err(SendError::NotAStanza);
        }
        let sent = self
            .call(|client| async move { client.send(stanza).await })
            .await
            .map_err(|error| match error {
                CallError::Closed => SendError::Closed,
                _ => SendError::Internal,
            })?;
        Ok(sent?)
    }
}
