//! The object that represents an account.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use snapback_client as core;
use snapback_client::resolver::NameServers;
use snapback_client::{Client, Element};
use tokio::sync::watch;

use crate::config::{self, CoreConfig};
use crate::connector::{ConnectProblem, ConnectRequest, ConnectRequests};
use crate::convert::Clock;
use crate::credentials::{CoreCredentials, TokenProblem, TokenRequest, TokenRequests};
use crate::error::{CallError, IqError, OpenError, SendError};
use crate::event::Event;
use crate::flush_barrier::FlushBarrier;
use crate::inbound::TakenRequests;
use crate::password::Password;
use crate::platform::{DnsAnswer, DnsRequest, NetworkState};
use crate::receipts::DueReceipts;
use crate::roster::Roster;
use crate::stanza::{IqAnswer, IqRequest, OutgoingMessage, OutgoingPresence};
use crate::state::ConnectionState;
use crate::store::OpenReport;
use crate::{android, log, runtime};

/// An account that is kept online.
///
/// Created by `open`, ended by `end`. Pending calls (`next_..` and calls that have not returned) end with the client.
#[derive(Debug, uniffi::Object)]
pub struct CoreClient {
    client: RwLock<Option<Arc<Client>>>,
    /// Changes once, when the client is closed.
    closed: watch::Sender<bool>,
    pub(crate) flush_barrier: Arc<FlushBarrier>,
    clock: Clock,
    account: core::BareJid,
    receipts: DueReceipts,
    taken_requests: TakenRequests,
    report: OpenReport,
    /// Where the app provides bearer tokens.
    tokens: Option<Arc<TokenRequests>>,
    /// Where the app opens the connections.
    connects: Option<ConnectRequests>,
}

#[uniffi::export]
impl CoreClient {
    /// Opens the store and creates a client, which does not connect yet. `proxy_password` is for the proxy of the configuration,
    /// if it has a user.
    ///
    /// # Errors
    ///
    /// Fails with an [`OpenError`] that names what cannot be used.
    #[uniffi::constructor]
    pub async fn open_with(
        config: CoreConfig,
        credentials: Arc<CoreCredentials>,
        proxy_password: Option<Password>,
    ) -> Result<Arc<Self>, OpenError> {
        Self::opened(config, &credentials, proxy_password).await
    }

    /// Returns the report of opening the store.
    pub fn open_report(&self) -> OpenReport {
        self.report.clone()
    }

    /// Connects and stays connected: after each interruption the client reconnects by itself. A repeated call requests
    /// an attempt at once. A suspended client is resumed.
    pub fn connect(&self) {
        self.tell(Client::connect);
    }

    /// Ends the session and closes the stream; returns once that is complete.
    pub async fn disconnect(&self) -> Result<(), CallError> {
        self.call(|client| async move { client.disconnect().await })
            .await
    }

    /// Logs out: ends the session, invalidates the FAST token (XEP-0484 section 3.6) and deletes everything that allows
    /// another login. A connection that the app asks for meanwhile follows afterwards. Until the app asks for one,
    /// background syncs find no session.
    pub async fn log_out(&self) -> Result<(), CallError> {
        self.call(|client| async move { client.log_out().await })
            .await
    }

    /// Waits for events; returns all that are available, in order, but at most `max`. Returns none once the client has
    /// ended. There may be only one caller at a time. The call must not be cancelled, since the events that it was
    /// about to return would be lost.
    pub async fn next_events(&self, max: u32) -> Vec<Event> {
        let Ok(client) = self.client() else {
            return Vec::new();
        };
        loop {
            let events = self.core_events(&client, max).await;
            if events.is_empty() {
                return Vec::new();
            }
            let events = self.receipts.note(events, &client).await.into_iter();
            let events: Vec<Event> = events
                .map(|event| Event::new(event, self.clock, &self.account))
                .collect();
            if !events.is_empty() {
                events.iter().for_each(log::event);
                return events;
            }
        }
    }

    /// Returns the current state of the connection. It is not delayed by earlier events in the queue.
    pub fn state(&self) -> ConnectionState {
        match self.client() {
            Ok(client) => ConnectionState::new(*client.states().borrow(), self.clock),
            Err(_) => ConnectionState::Offline {
                reason: crate::state::OfflineReason::NotWanted,
                retry_in_ms: None,
            },
        }
    }

    /// Waits until the state differs from `seen`, and returns it; returns nothing once the client has ended.
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

    /// Waits for a request to the platform's resolver; returns nothing once the client has ended. There may be only one
    /// caller at a time.
    pub async fn next_dns_request(&self) -> Option<DnsRequest> {
        let client = self.client().ok()?;
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            request = client.next_platform_request() => request.map(Into::into),
        }
    }

    /// Answers a query of `next_dns_request`. An answer that is not needed any more is ignored.
    pub fn answer_dns(&self, id: u64, answer: DnsAnswer) {
        self.tell(|client| client.answer(core::RequestId(id), answer.into()));
    }

    /// Waits for a request for a connection; returns nothing once the client has ended, or if it opens connections itself. There
    /// may be only one caller at a time.
    pub async fn next_connect_request(&self) -> Option<ConnectRequest> {
        let connects = self.connects.as_ref()?;
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            request = connects.next() => Some(request),
        }
    }

    /// Answers a request with the descriptor of a connected stream socket, which the client owns from now on: the app must not
    /// use or close it. If the connection is not needed any more, it is closed.
    pub fn connected(&self, id: u64, descriptor: i32) {
        // Also for a client that has ended: it must be closed.
        if let Some(connects) = &self.connects {
            connects.connected(id, descriptor);
        }
    }

    /// Answers a request for which there is no connection.
    pub fn connect_failed(&self, id: u64, problem: ConnectProblem) {
        if let Some(connects) = &self.connects {
            connects.failed(id, problem);
        }
    }

    /// Waits for a request for a bearer token; returns nothing once the client has ended, or if it logs in with something else. There
    /// may be only one caller at a time. An answer that takes longer than 20 seconds ends the attempt.
    pub async fn next_token_request(&self) -> Option<TokenRequest> {
        let tokens = self.tokens.as_ref()?;
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            request = tokens.next() => Some(request),
        }
    }

    /// Answers a request of `next_token_request` with a token, as it is sent: without `Bearer`. An answer that is not needed any
    /// more is ignored.
    pub fn provide_token(&self, id: u64, token: Password) {
        if let Some(tokens) = &self.tokens {
            tokens.answer(id, Ok(token.into_secret()));
        }
    }

    /// Answers a request of `next_token_request` for which there is no token.
    pub fn refuse_token(&self, id: u64, problem: TokenProblem) {
        if let Some(tokens) = &self.tokens {
            tokens.answer(id, Err(problem.into()));
        }
    }

    /// Returns a stanza id of 128 random bits. An app that follows the stages of a stanza needs its id before the first
    /// stage is reported.
    pub fn new_id(&self) -> Result<String, CallError> {
        Ok(self.client()?.new_id())
    }

    /// Sends a message. Returns its id once it is stored; its further stages are reported as events. The message is
    /// sent, repeatedly if necessary, until the server has acknowledged it.
    pub async fn send_message(&self, message: OutgoingMessage) -> Result<String, SendError> {
        self.send(message.try_into()?).await
    }

    /// Sends presence. The last broadcast presence is sent again at the beginning of each new session, until the
    /// process ends.
    pub async fn send_presence(&self, presence: OutgoingPresence) -> Result<String, SendError> {
        self.send(presence.try_into()?).await
    }

    /// Sends a request and waits for its response, across reconnections as long as the session is resumed.
    pub async fn iq(&self, request: IqRequest) -> Result<IqAnswer, IqError> {
        let timeout = Duration::from_millis(request.timeout_ms);
        let stanza = request.element()?;
        let answer = self
            .call(|client| async move { client.iq(stanza, timeout).await })
            .await?;
        Ok(IqAnswer::from(&answer?))
    }

    /// Confirms a delivery: it is not delivered again. A message that asked for a receipt gets it now (XEP-0184).
    pub fn confirm(&self, delivery_id: String) {
        let Ok(client) = self.client() else {
            return;
        };
        client.confirm(&delivery_id);
        let receipt = self.receipts.confirmed(&delivery_id, || client.new_id());
        if let (Some(receipt), Some(handle)) = (receipt, runtime::handle()) {
            // It is stored like every message, and then sent. A full queue costs the receipt.
            let (send, _) = runtime::kept(async move { client.send(receipt).await });
            handle.spawn(send);
        }
    }

    /// Returns the roster as stored, online or not.
    pub async fn roster(&self) -> Result<Roster, CallError> {
        let roster = self
            .call(|client| async move { client.roster().await })
            .await?;
        Ok(roster?.into())
    }

    /// Reports that the platform's network appeared, disappeared or changed. The client probes or reconnects at once.
    pub fn network_changed(&self, network: NetworkState) {
        self.name_settings_changed(network.clone());
        self.tell(|client| client.network_changed(network.available));
    }

    /// Reports that name servers or Private DNS changed, and nothing else of the network: they are used from the next
    /// look-up on. Connections and attempts continue.
    pub fn name_settings_changed(&self, network: NetworkState) {
        let servers = network.name_servers();
        let private_dns = network.private_dns.map(Into::into).unwrap_or_default();
        self.tell(|client| {
            if !servers.is_empty() {
                client.set_name_servers(NameServers::Given(servers));
            }
            client.set_private_dns(private_dns);
        });
    }

    /// Reports that the app moved to the foreground (`true`) or the background (XEP-0352). In the foreground, a
    /// suspended client is resumed.
    pub fn set_foreground(&self, foreground: bool) {
        self.tell(|client| client.set_active(foreground));
    }

    /// Suspends: releases everything, including the file, without ending the session on the server. Returns once
    /// nothing is held any more.
    pub async fn suspend(&self) -> Result<(), CallError> {
        self.call(|client| async move { client.suspend().await })
            .await
    }

    /// Resumes after `suspend`.
    pub fn resume(&self) {
        self.tell(Client::resume);
    }

    /// Allows later logins to be weaker than earlier ones. The app asks the user first, since an attacker between
    /// client and server would want the same.
    pub fn forget_login_floor(&self) {
        self.tell(Client::forget_login_floor);
    }

    /// Sets a changed password, which the next login uses. An existing session stays. A client that is offline because
    /// credentials were refused or missing connects again.
    pub fn set_password(&self, password: Password) {
        self.tell(move |client| client.set_password(password.into_secret()));
    }

    /// Ends the client at once: pending calls return, and the connection is dropped without closing the stream, so that
    /// the session can be resumed. The store is released shortly after; to wait for that, call `suspend` first. A
    /// second call has no effect.
    pub fn end(&self) {
        self.closed.send_replace(true);
        self.client
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl CoreClient {
    /// Waits for events, and returns all that are available; none once the client has ended.
    async fn core_events(&self, client: &Client, max: u32) -> Vec<core::Event> {
        let mut closed = self.closed.subscribe();
        let first = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            event = self.flush_barrier.next(|| client.next_event()) => event,
        };
        let mut events: Vec<core::Event> = first.into_iter().collect();
        while !events.is_empty() && events.len() < max as usize {
            let next = tokio::select! {
                biased;
                event = client.next_event() => event,
                () = std::future::ready(()) => None,
            };
            match next {
                Some(event) => events.push(event),
                None => break,
            }
        }
        events
    }

    async fn opened(
        config: CoreConfig,
        credentials: &CoreCredentials,
        proxy_password: Option<Password>,
    ) -> Result<Arc<Self>, OpenError> {
        if config.dangerous_trust.is_none() {
            android::verifier_is_ready()?;
        }
        let policy = config.receipts;
        let connects = config.connects.then(ConnectRequests::default);
        let dial = connects.clone();
        let namespaces = config.identity.requests.clone();
        let (tokens, credentials) = (credentials.tokens.clone(), credentials.core.clone());
        let opened = runtime::run_blocking(move || -> Result<_, OpenError> {
            let (mut config, report) = config::prepare(config, credentials, proxy_password)?;
            if let Some(dial) = dial {
                config.network.dial = Arc::new(dial);
            }
            let clock = Clock::start();
            let account = config.account().clone();
            let receipts = DueReceipts::new(policy.unwrap_or_default(), account.clone());
            Ok((Client::open(config)?, clock, account, receipts, report))
        });
        let (client, clock, account, receipts, report) = opened.await??;
        Ok(Arc::new(Self {
            client: RwLock::new(Some(Arc::new(client))),
            closed: watch::Sender::new(false),
            flush_barrier: Arc::new(FlushBarrier::new()),
            clock,
            account,
            receipts,
            taken_requests: TakenRequests::of(namespaces),
            report,
            tokens,
            connects,
        }))
    }

    pub(crate) fn client(&self) -> Result<Arc<Client>, CallError> {
        self.client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(CallError::Closed)
    }

    pub(crate) fn account(&self) -> &core::BareJid {
        &self.account
    }

    pub(crate) fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    pub(crate) fn taken_requests(&self) -> &TakenRequests {
        &self.taken_requests
    }

    /// Passes a command that has no response to the client; does nothing if the client is closed.
    fn tell(&self, what: impl FnOnce(&Client)) {
        if let Ok(client) = self.client() {
            what(&client);
        }
    }

    /// Runs work of the client on the runtime. Ends when the client ends.
    pub(crate) async fn call<T, W, F>(&self, work: W) -> Result<T, CallError>
    where
        W: FnOnce(Arc<Client>) -> F,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (work, kept) = runtime::kept(work(self.client()?));
        self.run(work).await?;
        Ok(kept.take()?)
    }

    /// The part of `call` that is the same for all of them.
    async fn run(&self, work: runtime::Work) -> Result<(), CallError> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            done = runtime::run(work) => Ok(done?),
            _ = closed.wait_for(|closed| *closed) => Err(CallError::Closed),
        }
    }

    async fn send(&self, stanza: Element) -> Result<String, SendError> {
        if stanza.name() == "iq" {
            return Err(SendError::NotAStanza);
        }
        self.sending(|client| async move { client.send(stanza).await })
            .await
    }

    /// Runs what sends a stanza; returns the stanza's id.
    pub(crate) async fn sending<E, F>(
        &self,
        send: impl FnOnce(Arc<Client>) -> F,
    ) -> Result<String, SendError>
    where
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<SendError> + Send + 'static,
    {
        match self.call(send).await {
            Ok(sent) => sent.map_err(E::into),
            Err(CallError::Closed) => Err(SendError::Closed),
            Err(_) => Err(SendError::Internal),
        }
    }
}
