//! The client: the type that an app uses.

use std::sync::Arc;
use std::time::Duration;

use snapback_engine::engine::{AnswerMemory, Discovery, KeyChange, Names};
use snapback_engine::supervisor::{AfterEnd, ConnectionState, OfflineReason};
use snapback_engine::{Engine, EngineConfig};
use snapback_proto::entropy::Entropy;
use snapback_proto::jid::BareJid;
use snapback_proto::knowledge::OutboundKind;
use snapback_proto::ns;
use snapback_proto::secret::Secret;
use snapback_proto::stanza;
use snapback_proto::xep::stanza_id;
use snapback_proto::xml::Element;
use snapback_resolver::{NameServers, PrivateDns};
use snapback_rooms::AccountRooms;
use snapback_store::{Roster, Store, StoreError};
use snapback_tls::{TlsContext, Trust};
use snapback_types::hex;
use tokio::sync::{mpsc, oneshot, watch};

use crate::background_sync::{BackgroundSync, DrainOptions};
use crate::config::{ClientConfig, ConfigError};
use crate::credentials::Credentials;
use crate::dial::Dialer;
use crate::driver::{Driver, Parts, Request, SendError};
use crate::event_queue::EventQueue;
use crate::ids::Ids;
use crate::inbound_queue::InboundQueue;
use crate::iq::{self, IqError};
use crate::name_servers::CurrentServers;
use crate::outgoing::OutgoingPresence;
use crate::platform::{Platform, PlatformAnswer, PlatformRequest, RequestId};
use crate::proxy::ProxyNames;
use crate::room_events::RoomEvents;
use crate::{EndReason, Event, KeyError, KeyHash};

/// An account that is kept online. Dropping the client drops the connection without closing the stream: the server
/// keeps the session for a while, and the next client with the same store may resume it.
#[derive(Debug)]
pub struct Client {
    pub(crate) requests: mpsc::UnboundedSender<Request>,
    pub(crate) events: Arc<EventQueue>,
    platform: Arc<Platform>,
    pub(crate) inbound: Arc<InboundQueue>,
    ids: Ids,
    pub(crate) room_events: Arc<RoomEvents>,
    pub(crate) account: BareJid,
    name_servers: Arc<CurrentServers>,
    /// The entity capabilities that presence carries (XEP-0115).
    caps: Option<Element>,
}

impl Client {
    /// Opens the store and starts the driver on the current tokio runtime. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If there is no runtime, or TLS, the store or the platform's random numbers cannot be used.
    pub fn open(mut config: ClientConfig) -> Result<Self, ConfigError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let mut entropy = Entropy::new(seed()?);
        let installation = installation(config.store.as_mut(), &config.user_agent.id)?;
        let proto = Arc::new(config.proto(installation));
        let caps = config.identity.caps();
        let caps = caps.map(|own| own.caps().to_element());
        let queues = Queues::default();
        let account = config.account.clone();
        let domain = account.domain_to_ascii();
        let discovery = discovery(&mut config, &domain)?;
        let (requests, receiver) = mpsc::unbounded_channel();
        let platform = Arc::clone(&queues.platform);
        let dialer = Dialer::new(domain.clone(), config.network, platform, entropy.number());
        let name_servers = dialer.name_servers();
        let ids = Ids::new(Entropy::new(seed()?));
        let engine = Engine::new(EngineConfig {
            core: proto,
            tls: tls_context(config.trust, &config.credentials)?,
            versions: config.tls_versions,
            timing: config.reconnect,
            seed: entropy.number(),
            max_stanza: config.max_stanza,
            group_commit: true,
            backlog_limit: config.store.backlog_limit(),
            last_server: None,
            discovery,
        });
        let driver = Driver::new(Parts {
            engine,
            store: config.store,
            events: Arc::clone(&queues.events),
            inbound: Arc::clone(&queues.inbound),
            dialer,
            credentials: config.credentials,
            domain,
            requests: receiver,
            rooms: AccountRooms::new(account.clone(), caps.clone(), Entropy::new(seed()?)),
            room_events: Arc::clone(&queues.room_events),
        });
        runtime.spawn(run(driver, queues.clone()));
        Ok(Self {
            requests,
            events: queues.events,
            platform: queues.platform,
            inbound: queues.inbound,
            ids,
            account,
            room_events: queues.room_events,
            name_servers,
            caps,
        })
    }

    /// Connects, and reconnects after each break. A suspended client resumes.
    pub fn connect(&self) {
        self.request(Request::Connect);
    }

    /// Begins a short background sync, as after a push: resumes the interrupted session after [`Client::suspend`], or
    /// stops. It binds no new session: that is for [`Client::connect`], or for [`Client::background_sync_with`].
    ///
    /// Without a session to resume, the state becomes `Offline` with [`OfflineReason::NoSession`], the connection ends
    /// with [`ConnectionError::NoSession`](crate::ConnectionError::NoSession), and there is no further attempt. Where
    /// the store contains no session, the network is not used.
    ///
    /// The sync lasts until [`BackgroundSync::end`], [`Client::suspend`], [`Client::connect`] or [`Client::disconnect`], or
    /// until an app that was online before calls [`Client::resume`] or comes to the foreground. Where the client is
    /// connected and not suspended, there is nothing to sync: the connection is probed, as after [`Client::resume`].
    pub fn background_sync(&self) -> BackgroundSync {
        self.background_sync_with(DrainOptions::default())
    }

    /// The same with options. With [`DrainOptions::may_bind`], a session that has expired or that the server refuses to
    /// resume is replaced, on the same connection. The new session has no presence: it reads the archive (XEP-0313), and
    /// nothing that the app has sent is sent in it. It reports [`Outcome::Unannounced`](crate::Outcome::Unannounced), and
    /// the app's next [`Client::connect`] resumes and completes it. A server without an archive keeps what it stores for an
    /// account without presence (XEP-0160); [`DrainReport::has_gap`](crate::DrainReport::has_gap) shows that something may
    /// be missing.
    pub fn background_sync_with(&self, options: DrainOptions) -> BackgroundSync {
        let (states, fetched) = (self.states(), self.events.fetched());
        BackgroundSync::begin(&self.requests, options, states, fetched, self.ids.clone())
    }

    /// Ends the session and closes the stream. Returns when that is done.
    pub async fn disconnect(&self) {
        let (done, wait) = oneshot::channel();
        self.request(Request::Disconnect(done));
        let _ = wait.await;
    }

    /// Logs the user out: ends the session, revokes the FAST token at the server, and removes the stored credentials.
    /// Returns when that is done or, without a connection to the server, when the credentials are removed here (the
    /// token then expires by itself). A connection that the app asks for meanwhile follows afterwards. Until the app asks for
    /// one, background syncs find no session.
    pub async fn log_out(&self) {
        let (done, wait) = oneshot::channel();
        self.request(Request::LogOut(done));
        let _ = wait.await;
    }

    /// Returns the next event, in order; `None` once the client has ended.
    pub async fn next_event(&self) -> Option<Event> {
        self.events.next().await
    }

    /// Returns the connection's state, now and after each change. States are independent of the event queue: they do
    /// not wait for earlier events, and a receiver that is not read delays nothing.
    pub fn states(&self) -> watch::Receiver<ConnectionState> {
        self.events.states()
    }

    /// Waits for the next request to the platform; returns `None` once the client has ended. Requests have a queue of
    /// their own: see [`PlatformRequest`].
    pub async fn next_platform_request(&self) -> Option<PlatformRequest> {
        self.platform.next().await
    }

    /// Answers a request of [`Client::next_platform_request`]. An answer that comes too late is dropped.
    pub fn answer(&self, id: RequestId, answer: PlatformAnswer) {
        self.platform.answer(id, answer);
    }

    /// Returns a stanza id of 128 random bits (rule T7). Stanzas without one get one when they are sent; an app that follows the stages
    /// of a stanza needs its id before the first of them is reported.
    pub fn new_id(&self) -> String {
        self.ids.next()
    }

    /// Sends a chat message. Returns its id once it is stored; further stages are reported as events. It is sent, and
    /// sent again, until the server has acknowledged it. [`OutgoingMessage`] and [`Client::send`] are for all others.
    ///
    /// # Errors
    ///
    /// If the queue is full or the store cannot be used.
    ///
    /// [`OutgoingMessage`]: crate::OutgoingMessage
    pub async fn send_message(&self, to: &str, body: &str) -> Result<String, SendError> {
        let message = Element::new("message", ns::CLIENT)
            .with_attr("to", to)
            .with_attr("type", "chat")
            .with_child(Element::new("body", ns::CLIENT).with_text(body));
        self.send(message).await
    }

    /// Sends our presence to all subscribers or, with `to`, to one address. Returns its id once it is stored.
    ///
    /// Available presence carries our caps (XEP-0115 section 6.1) unless a child is caps already. The last presence
    /// that was sent to all subscribers is sent again, with its children, at the beginning of each new session, until
    /// the process ends.
    ///
    /// # Errors
    ///
    /// If the queue is full, the store cannot be used, or the stanza is too big.
    pub async fn send_presence(&self, presence: OutgoingPresence) -> Result<String, SendError> {
        self.send(presence).await
    }

    /// Sends a message or presence. A missing id is generated; returns the id once the stanza is stored. Presence is
    /// completed as for [`Client::send_presence`]. A chat state alone (XEP-0085) is sent at once or never: without a session it fails
    /// ([`Failure::NotOnline`](crate::Failure::NotOnline)), and after a broken connection it is not sent again.
    ///
    /// # Errors
    ///
    /// If it is not a stanza, the queue is full or the store cannot be used.
    pub async fn send(&self, stanza: impl Into<Element>) -> Result<String, SendError> {
        let mut stanza = stanza.into();
        if !stanza.is_stanza() {
            return Err(SendError::NotAStanza);
        }
        let id = self.identify(&mut stanza);
        let kind = OutboundKind::of(&stanza);
        if kind == OutboundKind::Message && stanza_id::parse_origin_id(&stanza).is_none() {
            stanza.push_child(stanza_id::origin_id(&id));
        }
        if let Some(caps) = &self.caps
            && stanza.name() == "presence"
            && stanza.attr("type").is_none()
            && !stanza.has_child("c", ns::CAPS)
        {
            stanza.push_child(caps.clone());
        }
        let (done, wait) = oneshot::channel();
        self.request(Request::Send { stanza, kind, done });
        wait.await.unwrap_or(Err(SendError::Closed))?;
        Ok(id)
    }

    /// Sends a request and waits for its answer, across reconnects as long as the session is resumed.
    ///
    /// # Errors
    ///
    /// If it is not a request (an iq of type `get` or `set`), has the id of a request that waits for its answer, is
    /// refused, its session is lost, or no answer comes in time.
    pub async fn iq(&self, mut stanza: Element, timeout: Duration) -> Result<Element, IqError> {
        if !stanza::is_request(&stanza) {
            return Err(IqError::NotARequest);
        }
        self.identify(&mut stanza);
        iq::ask(&self.requests, stanza, timeout).await
    }

    /// Confirms that the app has taken this delivery: it is not delivered again.
    pub fn confirm(&self, delivery_id: &str) {
        self.request(Request::Confirm(delivery_id.to_owned()));
    }

    /// Returns the stored roster, online or not.
    ///
    /// # Errors
    ///
    /// If the store cannot be used.
    pub async fn roster(&self) -> Result<Roster, StoreError> {
        let (reply, wait) = oneshot::channel();
        self.request(Request::Roster(reply));
        wait.await.unwrap_or(Err(StoreError::Broken))
    }

    /// Reports that the platform's network came, went or changed. The client probes or reconnects at once.
    pub fn network_changed(&self, available: bool) {
        self.request(Request::NetworkChanged { available });
    }

    /// Sets the name servers of the current network; they are used from the next look-up on.
    pub fn set_name_servers(&self, servers: NameServers) {
        self.name_servers.replace(servers);
    }

    /// Sets how queries to the name servers of the current network are encrypted, from the next look-up on.
    pub fn set_private_dns(&self, private_dns: PrivateDns) {
        self.name_servers.set_private_dns(private_dns);
    }

    /// Reports that the app moved to the foreground (`true`) or the background (XEP-0352). In the foreground, a
    /// suspended client resumes.
    pub fn set_active(&self, active: bool) {
        self.request(Request::SetActive(active));
    }

    /// Allows the next logins to be weaker than earlier ones: without the channel binding or the hash that the server
    /// once supported. Ask the user first; a downgrade attack aims at exactly this (rule T2).
    pub fn forget_login_floor(&self) {
        self.request(Request::ForgetFloor);
    }

    /// Sets the account's new password, which the next login uses. An existing session stays, and so does a FAST token
    /// (XEP-0484), which the server may revoke. A client that is offline because credentials were refused or missing
    /// ([`OfflineReason::NeedsCredentials`]) connects again. The password is
    /// not stored; what is stored are the keys derived from it, and they are used only with the password that they were
    /// derived from.
    pub fn set_password(&self, password: impl Into<Secret<String>>) {
        self.request(Request::SetPassword(password.into()));
    }

    /// Trusts the key of a certificate that was refused, as [`Event::CertificateRefused`] named it: certificates of the account's
    /// domain with this key are accepted from now on, regardless of who issued them, whatever name and dates they have, unless they are
    /// revoked. Returns once that is stored; a client that waits for its next attempt connects at once. At most eight keys are
    /// trusted, the last ones.
    ///
    /// Ask the user first, and show [`fingerprint`](crate::fingerprint) and
    /// [`CertificateError::explanation`](crate::CertificateError::explanation): an attacker between client and server causes the
    /// same event (rule T13).
    ///
    /// # Errors
    ///
    /// [`KeyError::NotRefused`] if this process has refused no certificate with this key, or for a reason that no trust outweighs,
    /// such as a revocation. [`KeyError::ProvenByAuthority`] if an authority has issued the certificate of a proven login of this
    /// account; then only [`danger::trust_key`](crate::danger::trust_key) does it. [`KeyError::Store`] and [`KeyError::Closed`].
    pub async fn trust_key(&self, key: KeyHash) -> Result<(), KeyError> {
        self.change_keys(KeyChange::Trust(key)).await
    }

    /// Ends the trust in a key. A connection that relies on it is dropped, and no TLS session of before is resumed.
    ///
    /// # Errors
    ///
    /// [`KeyError::Store`] if the store cannot be written, and [`KeyError::Closed`].
    pub async fn forget_key(&self, key: KeyHash) -> Result<(), KeyError> {
        self.change_keys(KeyChange::Forget(key)).await
    }

    /// Accepts no certificate without one of these keys from now on, not even one that an authority issued. Default: no key is
    /// demanded. An empty list ends the demand, which is stored. A key that is demanded is not trusted by that: its certificate
    /// has to be issued by an authority, or the key has to be trusted as well.
    ///
    /// A server that replaces its key cannot be reached until the demand is changed, so that two keys should be named: the one in
    /// use, and its successor.
    ///
    /// # Errors
    ///
    /// [`KeyError::TooMany`] for more than eight keys, [`KeyError::Store`] if the store cannot be written, and
    /// [`KeyError::Closed`].
    pub async fn require_keys(&self, keys: &[KeyHash]) -> Result<(), KeyError> {
        self.change_keys(KeyChange::Require(keys.to_vec())).await
    }

    pub(crate) async fn trust_despite_authority(&self, key: KeyHash) -> Result<(), KeyError> {
        self.change_keys(KeyChange::TrustDespiteAuthority(key))
            .await
    }

    async fn change_keys(&self, change: KeyChange) -> Result<(), KeyError> {
        let (done, wait) = oneshot::channel();
        self.request(Request::ChangeKeys { change, done });
        wait.await.unwrap_or(Err(KeyError::Closed))
    }

    /// Releases all resources without ending the session on the server. Returns when no socket, file or lock is held
    /// any more.
    pub async fn suspend(&self) {
        let (done, wait) = oneshot::channel();
        self.request(Request::Suspend(done));
        let _ = wait.await;
    }

    /// Resumes after [`Client::suspend`]; if the client was not suspended, probes the connection, as after a pause of
    /// unknown length.
    pub fn resume(&self) {
        self.request(Request::Resume);
    }

    pub(crate) fn request(&self, request: Request) {
        // Once the driver has ended, the channel is closed, and so is the waiting side's.
        let _ = self.requests.send(request);
    }

    fn identify(&self, stanza: &mut Element) -> String {
        if let Some(id) = stanza.attr("id").filter(|id| !id.is_empty()) {
            return id.to_owned();
        }
        let id = self.new_id();
        stanza.set_attr("id", &id);
        id
    }
}

fn seed() -> Result<[u8; 32], ConfigError> {
    snapback_tls::random_seed().map_err(|_| ConfigError::NoEntropy)
}

/// Returns TLS with this trust, and with the client's certificate if the account logs in with one.
fn tls_context(trust: Trust, credentials: &Credentials) -> Result<TlsContext, ConfigError> {
    let tls = TlsContext::new(trust).map_err(ConfigError::Tls)?;
    Ok(match credentials {
        Credentials::Certificate(certificate) => tls.presenting(certificate.clone()),
        _ => tls,
    })
}

/// What the app waits on.
#[derive(Clone, Default)]
struct Queues {
    events: Arc<EventQueue>,
    platform: Arc<Platform>,
    inbound: Arc<InboundQueue>,
    room_events: Arc<RoomEvents>,
}

/// Runs the driver to its end. T10: a panic in it is an event, not a panic of the app.
async fn run(driver: Driver, queues: Queues) {
    if tokio::spawn(driver.run()).await.is_err() {
        queues.events.push(Event::Ended {
            reason: EndReason::Driver,
            then: AfterEnd::Halts(OfflineReason::NotWanted),
            plan: None,
            timeline: None,
            dial: Box::default(),
        });
    }
    queues.platform.close();
    queues.inbound.close();
    queues.room_events.close();
    queues.events.close();
}

/// Returns where the servers are, as far as the app or the store knows.
fn discovery(config: &mut ClientConfig, domain: &str) -> Result<Discovery, ConfigError> {
    let known = config.store.endpoints(domain);
    Ok(Discovery {
        servers: config.network.servers.clone(),
        known: known.map_err(ConfigError::Store)?,
        memory: match config.network.hosts {
            Some(_) => AnswerMemory::Process,
            None => AnswerMemory::Stored,
        },
        names: match &config.network.proxy {
            None => Names::Local,
            Some(proxy) => match proxy.names {
                ProxyNames::Remote => Names::Remote,
                ProxyNames::Local => Names::LocalForProxy,
            },
        },
        domain: domain.to_owned(),
    })
}

/// Returns the id of this installation: configured, stored, or generated now (rule S4).
fn installation(store: &mut dyn Store, given: &str) -> Result<String, ConfigError> {
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    if let Some(known) = store.installation().map_err(ConfigError::Store)? {
        return Ok(known);
    }
    let id = uuid4(seed()?);
    store.set_installation(&id).map_err(ConfigError::Store)?;
    Ok(id)
}

/// Returns a random UUID (RFC 9562 section 5.4).
fn uuid4(seed: [u8; 32]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = seed;
    let (g, i) = ((g & 0x0f) | 0x40, (i & 0x3f) | 0x80);
    let groups: [&[u8]; 5] = [
        &[a, b, c, d],
        &[e, f],
        &[g, h],
        &[i, j],
        &[k, l, m, n, o, p],
    ];
    groups.map(hex::encode).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_installation_ids_are_random_uuids_of_version_4() {
        let id = uuid4([0xff; 32]);
        assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
