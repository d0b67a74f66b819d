//! The driver: one task that moves bytes and time between the socket, the link, the supervisor and the store. It
//! decides nothing; it sleeps until the deadline that they name.

mod attempt;
mod backlog;
mod batch;
mod log_out;
mod persist;
mod request;
mod set_back;
mod spare;

use std::collections::HashSet;
use std::sync::Arc;

use snapback_proto::config::Config;
use snapback_proto::connection::{self, Command, Failure, Outcome, Stage};
use snapback_proto::error::ConnectionError;
use snapback_proto::jid;
use snapback_proto::knowledge::{Delivery, Knowledge, Op, SmSession};
use snapback_proto::plan::Purpose;
use snapback_proto::sasl::{SaslError, ScramKeyId, ScramKeys};
use snapback_proto::stanza::StanzaError;
use snapback_proto::time::{Instant, UnixTime};
use snapback_proto::xep::carbons;
use snapback_proto::xml::Element;
use snapback_resolver::{Endpoint, StoredAnswer};
use snapback_session::link::{LinkError, LinkInput, LinkOutput};
use snapback_session::supervisor::{self, AttemptId, Ending, Step, Supervisor};
use snapback_store::{ServerKey, Store, StoreError};
use snapback_tls::{CertificateError, TlsContext, TlsVersions};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::ServerAddress;
use crate::dial::{DialError, Dialer};
use crate::event::{EndReason, Event, EventQueue};
use crate::iq::{IqError, Pending};

use attempt::Attempt;
use backlog::Backlog;
use log_out::LogOut;
pub(crate) use request::Request;
pub use request::SendError;
pub(crate) use set_back::Address;
use set_back::{Reached, SetBack};
use spare::Spare;

/// Where a server may send us on (rule T8).
const MAX_SEE_OTHER_HOST_HOPS: u8 = 3;

type Dialed = Result<(TcpStream, Endpoint), DialError>;

/// What a thread of the blocking pool has found out, for which attempt.
struct Finding {
    attempt: AttemptId,
    what: Found,
}

enum Found {
    Certificate(Result<(), CertificateError>),
    Keys {
        id: ScramKeyId,
        keys: Result<ScramKeys, SaslError>,
    },
}

/// Everything that the driver's task owns.
pub(crate) struct Driver {
    pub(crate) clock: Clock,
    pub(crate) config: Arc<Config>,
    pub(crate) tls: TlsContext,
    pub(crate) versions: TlsVersions,
    pub(crate) store: Box<dyn Store>,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) dialer: Dialer,
    pub(crate) domain: String,
    /// What the dialer looked up.
    pub(crate) answers: mpsc::UnboundedReceiver<StoredAnswer>,
    pub(crate) supervisor: Supervisor,
    pub(crate) requests: mpsc::UnboundedReceiver<Request>,
    pub(crate) max_stanza: usize,
    pub(crate) state: State,
}

/// An attempt that has no socket yet.
struct PendingDial {
    attempt: AttemptId,
    purpose: Purpose,
    since: Instant,
    task: JoinHandle<Dialed>,
}

/// What changes while the driver runs.
pub(crate) struct State {
    attempt: Option<Attempt>,
    dialing: Option<PendingDial>,
    /// The connection that was asked for a sign of life.
    probed: Option<AttemptId>,
    spare: Option<Spare>,
    active: bool,
    iqs: Pending,
    findings: mpsc::UnboundedReceiver<Finding>,
    finding: mpsc::UnboundedSender<Finding>,
    /// The server asked to be reached here (XEP-0198 `location`, or see-other-host).
    preferred: Option<ServerAddress>,
    hops: u8,
    /// `location` was tried since the last session: where it is dead, only the first attempt waits for it.
    location_tried: bool,
    last_server: Option<ServerKey>,
    disconnected: Vec<tokio::sync::oneshot::Sender<()>>,
    /// What the password was last stretched into, so that it happens once (rule T5). Those that are stored may belong to an
    /// older password.
    derived_keys: Option<(ScramKeyId, ScramKeys)>,
    /// The app has given another password while an attempt was under way with the old one.
    password_is_new: bool,
    /// How many visits are under way.
    visits: usize,
    log_out: Option<LogOut>,
    /// Addresses that led to no login.
    set_back: SetBack,
    /// Why the last transaction that failed did.
    failed_commit: Option<StoreError>,
    /// While the store is closed: deliveries in it that the app was told of.
    told: Option<HashSet<String>>,
    backlog: Backlog,
    /// What the app told everybody last.
    presence: Option<Arc<Element>>,
}

impl Default for State {
    fn default() -> Self {
        let (finding, findings) = mpsc::unbounded_channel();
        Self {
            attempt: None,
            dialing: None,
            probed: None,
            spare: None,
            active: true,
            iqs: Pending::default(),
            findings,
            finding,
            preferred: None,
            hops: 0,
            location_tried: false,
            last_server: None,
            disconnected: Vec::new(),
            derived_keys: None,
            password_is_new: false,
            visits: 0,
            log_out: None,
            set_back: SetBack::default(),
            failed_commit: None,
            told: None,
            backlog: Backlog::all_but(HashSet::new()),
            presence: None,
        }
    }
}

/// What woke the driver.
enum Wake {
    Request(Option<Request>),
    Dialed(Dialed),
    Spare(Dialed),
    Finding(Finding),
    LookedUp(StoredAnswer),
    Socket,
    Drained,
    Deadline,
}

impl Driver {
    /// Runs until the client is dropped.
    pub(crate) async fn run(mut self) {
        self.tell_backlog();
        loop {
            let deadline = self.settle();
            match self.wait(deadline).await {
                Wake::Request(Some(request)) => self.requests(request),
                Wake::Request(None) => break,
                Wake::Dialed(dialed) => self.dialed(dialed),
                Wake::Spare(dialed) => self.spare_dialed(dialed),
                Wake::Finding(finding) => self.found(finding),
                Wake::LookedUp(answer) => self.looked_up(&answer),
                Wake::Socket => self.socket_ready(),
                Wake::Drained => self.drained(),
                Wake::Deadline => self.timeout(),
            }
        }
        self.stop_dialing();
        self.note_alive();
        self.state.iqs.fail_all(&IqError::Closed);
    }

    async fn wait(&mut self, deadline: Option<Instant>) -> Wake {
        let clock = self.clock;
        let is_held_back = self.is_held_back();
        let is_behind = is_held_back || self.state.backlog.is_waiting();
        let State {
            attempt,
            dialing,
            spare,
            findings,
            ..
        } = &mut self.state;
        let is_dialing = dialing.is_some();
        let dialed = async {
            match dialing {
                Some(pending) => (&mut pending.task)
                    .await
                    .unwrap_or(Err(DialError::TimedOut)),
                None => std::future::pending().await,
            }
        };
        let spare = async {
            match spare {
                Some(spare) => spare.dialed().await,
                None => std::future::pending().await,
            }
        };
        let socket = async {
            match attempt {
                Some(attempt) => attempt.ready(is_held_back).await,
                None => std::future::pending().await,
            }
        };
        let timer = async {
            match deadline {
                Some(when) => tokio::time::sleep_until(clock.deadline(when)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = self.requests.recv() => Wake::Request(request),
            dialed = dialed, if is_dialing => Wake::Dialed(dialed),
            dialed = spare => Wake::Spare(dialed),
            Some(finding) = findings.recv() => Wake::Finding(finding),
            Some(answer) = self.answers.recv() => Wake::LookedUp(answer),
            () = socket => Wake::Socket,
            () = self.events.drained(), if is_behind => Wake::Drained,
            () = timer => Wake::Deadline,
        }
    }

    /// Lets link and supervisor say all that they have to say; yields the earliest deadline.
    fn settle(&mut self) -> Option<Instant> {
        loop {
            let link = self.settle_link();
            self.note_alive_again();
            let (supervisor, changed) = self.settle_supervisor();
            if !changed {
                match &mut self.state.attempt {
                    Some(attempt) => attempt.settled(),
                    None => self.state.spare = None,
                }
                return [link, supervisor].into_iter().flatten().min();
            }
        }
    }

    // -- the link

    fn settle_link(&mut self) -> Option<Instant> {
        let mut next = None;
        loop {
            let attempt = self.state.attempt.as_mut()?;
            let output = match next.take() {
                Some(output) => output,
                None => attempt.link.poll_output(),
            };
            match output {
                LinkOutput::Persist { seq, ops } => next = self.commit(seq, ops),
                LinkOutput::Transmit(bytes) => attempt.write(bytes),
                LinkOutput::VerifyCertificate(request) => {
                    let (finding, attempt) = (self.state.finding.clone(), attempt.number);
                    tokio::task::spawn_blocking(move || {
                        let what = Found::Certificate(request.verify());
                        let _ = finding.send(Finding { attempt, what });
                    });
                }
                LinkOutput::DeriveKeys(id) => {
                    let (finding, attempt) = (self.state.finding.clone(), attempt.number);
                    let config = Arc::clone(&self.config);
                    tokio::task::spawn_blocking(move || {
                        let keys = match &config.password {
                            Some(password) => ScramKeys::derive(&id, password),
                            None => Err(SaslError::BadCredentialText),
                        };
                        let _ = finding.send(Finding {
                            attempt,
                            what: Found::Keys { id, keys },
                        });
                    });
                }
                LinkOutput::Event(event) => self.link_event(event),
                // What is left to write leaves when the attempt is closed, which follows.
                LinkOutput::CloseTransport => {}
                LinkOutput::Closed(error) => self.link_closed(error),
                LinkOutput::Timeout { when, .. } => return when,
            }
        }
    }

    fn link_event(&mut self, event: connection::Event) {
        let event = match event {
            connection::Event::Online { outcome, jid, plan } => {
                let Some(attempt) = &mut self.state.attempt else {
                    return;
                };
                attempt.is_online = true;
                let timeline = attempt.link.timeline().clone();
                let flights = timeline.round_trips();
                self.state.hops = 0;
                self.state.location_tried = false;
                self.state.set_back.worked(attempt.address);
                let attempt = attempt.number;
                if outcome == Outcome::Bound {
                    self.state.iqs.session_lost();
                }
                self.tell(supervisor::Input::AttemptOnline {
                    attempt,
                    outcome,
                    flights,
                });
                Event::Online {
                    outcome,
                    jid,
                    plan,
                    timeline,
                }
            }
            connection::Event::Stanza(delivery) => return self.deliver(delivery),
            connection::Event::IqAnswer(iq) => {
                let account = self.config.account.to_string();
                let domain = self.config.account.domain();
                self.state.iqs.answer(iq, |from| {
                    jid::is_same(from, &account) || jid::is_same(from, domain)
                });
                return;
            }
            connection::Event::Stage { id, stage } => {
                if let Stage::Failed(Failure::SessionLost | Failure::StreamEnded(_)) = stage {
                    self.state.iqs.fail(&id, IqError::SessionLost);
                }
                if let Stage::Failed(Failure::TooBig { .. }) = stage {
                    self.state.iqs.fail(&id, IqError::TooBig);
                }
                if stage == Stage::Acked {
                    self.state.iqs.taken(&id);
                }
                Event::Stage { id, stage }
            }
            connection::Event::ServerFeatures(features) => Event::ServerFeatures(features),
            connection::Event::RosterChanged => Event::RosterChanged,
            connection::Event::StanzaRefused(refused) => Event::StanzaRefused(refused),
            connection::Event::PossibleGap => Event::PossibleGap,
            connection::Event::PeerFault(what) => Event::PeerFault(what),
            connection::Event::Closed(_) => return,
        };
        self.events.push(event);
    }

    /// T7: a carbon is believed only from our own account; a forged one is dropped and reported.
    fn delivered(&mut self, delivery: Delivery) -> Option<Event> {
        if delivery.stanza.name() == "presence" {
            return Some(Event::Presence { delivery });
        }
        if let Some((id, error)) = bounce(&delivery.stanza) {
            // It belongs to a message that the app has: what comes back with it is that message's own text.
            self.confirm(vec![delivery.id]);
            let stage = Stage::Failed(Failure::Refused(error));
            return Some(Event::Stage { id, stage });
        }
        let account = self.config.account.to_string();
        match carbons::unwrap(&delivery.stanza, &account) {
            None => Some(Event::Message { delivery }),
            Some(Ok(carbon)) => Some(Event::Carbon { delivery, carbon }),
            Some(Err(_)) => {
                self.confirm(vec![delivery.id]);
                Some(Event::PeerFault("forged carbon"))
            }
        }
    }

    fn link_closed(&mut self, error: Option<LinkError>) {
        let Some(attempt) = self.state.attempt.take() else {
            return;
        };
        let plan = Some(attempt.link.plan().clone());
        let number = attempt.number;
        // T8: what is said before TLS, anybody on the path can say.
        let is_encrypted = attempt.link.timeline().tls.is_some();
        let mut ending = error
            .as_ref()
            .map(Ending::from)
            .map(|ending| self.with_new_password(ending));
        self.set_back(&attempt, error.as_ref());
        attempt.close();
        let transport = attempt_transport(plan.as_ref());
        self.state.preferred = error
            .as_ref()
            .filter(|_| is_encrypted)
            .and_then(|error| self.see_other_host(error, transport));
        let reason = self.end_reason(error);
        if let EndReason::Store(error) = &reason {
            ending = Some(persist::ending(*error));
        } else if let Some(ending) = &mut ending {
            ending.passing = ending.passing && self.was_logged_in();
        }
        self.events.push(Event::Ended { reason, plan });
        self.told_disconnected();
        self.token_turned_in();
        self.tell(supervisor::Input::Ended {
            attempt: number,
            ending,
        });
    }

    /// W1: an address that led to no session is tried behind the others. Not if what ended the connection says nothing about it:
    /// the store, the password, or a fact that was remembered and is forgotten now.
    fn set_back(&mut self, attempt: &Attempt, error: Option<&LinkError>) {
        let Some(error) = error else { return };
        let reached = Reached {
            tls: attempt.link.timeline().tls.is_some(),
            proven: attempt.was_proven || attempt.link.is_login_proven(),
        };
        let ending = Ending::from(error);
        let is_local = matches!(error, LinkError::Connection(ConnectionError::Local(_)));
        let is_excused = is_local || ending.needs_credentials || ending.no_session;
        if attempt.is_online || is_excused || (reached.tls && ending.at_once) {
            return;
        }
        let now = self.clock.now().mono;
        self.state.set_back.failed(attempt.address, reached, now);
    }

    // -- dialing

    fn start_dialing(&mut self, attempt: AttemptId, purpose: Purpose) {
        if let Err(error) = self.open_store() {
            self.store_failed(error);
            self.token_turned_in();
            let ending = Some(persist::ending(error));
            return self.tell(supervisor::Input::Ended { attempt, ending });
        }
        let now = self.clock.now();
        let purpose = match self.state.log_out {
            Some(LogOut::TurningIn(_)) => Purpose::LogOut,
            _ => purpose,
        };
        if purpose == Purpose::ResumeOnly
            && let Err(reason) = self.check_session(now.wall)
        {
            return self.not_begun(attempt, reason);
        }
        let open = self.take_spare();
        let redirected = self.state.preferred.take();
        if redirected.is_none() {
            // T8 bounds one chain of redirections. Where each attempt begins with one, the chains must not add up.
            self.state.hops = 0;
        }
        let preferred = redirected.or_else(|| self.location(now.wall));
        let set_back = self.state.set_back.addresses(now.mono);
        let dialer = self.dialer.clone().setting_back(set_back);
        let (since, task) = open.unwrap_or_else(|| {
            let dialing = dialer.connect(preferred, now.wall);
            (now.mono, tokio::spawn(dialing))
        });
        self.state.dialing = Some(PendingDial {
            attempt,
            purpose,
            since,
            task,
        });
    }

    /// XEP-0198 section 5: where the server prefers the session to be resumed.
    fn location(&mut self, wall: UnixTime) -> Option<ServerAddress> {
        if std::mem::replace(&mut self.state.location_tried, true) {
            return None;
        }
        let server = self.state.last_server.clone()?;
        let session = self.store.session().ok()??;
        if session.has_expired(wall) {
            return None;
        }
        let location = session.location?;
        Some(request::address(&location, server.transport))
    }

    fn dialed(&mut self, dialed: Dialed) {
        let Some(pending) = self.state.dialing.take() else {
            return;
        };
        let begun = dialed
            .map_err(EndReason::Dial)
            .and_then(|(socket, endpoint)| self.begin(&pending, socket, &endpoint));
        match begun {
            Ok(attempt) => {
                self.tell(supervisor::Input::AttemptProgress {
                    attempt: attempt.number,
                    step: Step::Login,
                });
                self.state.attempt = Some(attempt);
            }
            Err(reason) => self.not_begun(pending.attempt, reason),
        }
    }

    /// The attempt ended before there was a connection.
    fn not_begun(&mut self, attempt: AttemptId, reason: EndReason) {
        let ending = match &reason {
            EndReason::Store(error) => persist::ending(*error),
            EndReason::Link(error) => Ending::from(error),
            _ => Ending {
                retryable: true,
                ..Ending::default()
            },
        };
        self.events.push(Event::Ended { reason, plan: None });
        self.token_turned_in();
        self.tell(supervisor::Input::Ended {
            attempt,
            ending: Some(ending),
        });
    }

    /// Where only the interrupted session will do, there must be one, or the network need not be touched.
    fn check_session(&mut self, wall: UnixTime) -> Result<(), EndReason> {
        let server = self.last_server();
        let known = self.store.load(&server).map_err(EndReason::Store)?;
        match SmSession::resumable(known.sm.as_ref(), wall) {
            Ok(_) => Ok(()),
            Err(why) => Err(EndReason::Link(LinkError::Connection(
                ConnectionError::NoSession(why),
            ))),
        }
    }

    fn begin(
        &mut self,
        pending: &PendingDial,
        socket: TcpStream,
        endpoint: &Endpoint,
    ) -> Result<Attempt, EndReason> {
        let server = crate::dial::server_key(endpoint);
        self.state.password_is_new = false;
        let mut knowledge = self.store.load(&server).map_err(EndReason::Store)?;
        knowledge.presence.clone_from(&self.state.presence);
        self.state.last_server = Some(server.clone());
        let was_proven = knowledge.server.secured.is_some();
        let link = self
            .link(&server, knowledge, pending)
            .ok_or(EndReason::Driver)?;
        let place = attempt::Place {
            server,
            address: Address::from(endpoint),
            was_proven,
        };
        let mut attempt = Attempt::new(pending.attempt, link, socket, place);
        attempt
            .link
            .handle_input(LinkInput::Connected, self.clock.now());
        Ok(attempt)
    }

    fn link(
        &self,
        server: &ServerKey,
        knowledge: Knowledge,
        pending: &PendingDial,
    ) -> Option<snapback_session::link::Link> {
        let start = connection::Start {
            config: Arc::clone(&self.config),
            transport: server.transport,
            knowledge,
            derived_keys: self.state.derived_keys.clone(),
            early_data_possible: self.config.policy.early_data,
            purpose: pending.purpose,
            active: self.state.active,
            seed: snapback_tls::random_seed().ok()?,
        };
        let config = snapback_session::link::LinkConfig {
            start,
            tls: self.tls.clone(),
            versions: self.versions,
            started: pending.since,
        };
        Some(snapback_session::link::Link::new(config, self.clock.now()))
    }

    /// Drops what is under way without a goodbye: the server keeps the session (rule I14).
    fn drop_attempt(&mut self) {
        self.stop_dialing();
        self.note_alive();
        if let Some(attempt) = self.state.attempt.take() {
            let plan = Some(attempt.link.plan().clone());
            self.events.push(Event::Ended {
                reason: EndReason::Dropped,
                plan,
            });
        }
        self.told_disconnected();
    }

    /// I14: a connection that is dropped in silence was alive until now, and the server counts `max` from here.
    fn note_alive(&mut self) {
        let at = self.clock.now().wall;
        let attempt = self.state.attempt.as_ref();
        if attempt.is_some_and(|attempt| attempt.link.state_name() == "Online") {
            // Not stored, the session looks older than it is, and may not be resumed.
            let _ = self.apply(&[Op::SmAlive { at }]);
        }
    }

    fn stop_dialing(&mut self) {
        self.state.spare = None;
        if let Some(pending) = self.state.dialing.take() {
            pending.task.abort();
        }
    }

    // -- inputs

    fn found(&mut self, finding: Finding) {
        let now = self.clock.now();
        let Some(attempt) = self.state.attempt.as_mut() else {
            return;
        };
        // I9: what an older attempt wanted to know is of no interest any more.
        if attempt.number != finding.attempt {
            return;
        }
        let input = match finding.what {
            Found::Certificate(verdict) => LinkInput::CertificateVerified(verdict),
            Found::Keys { id, keys } => {
                if let (Ok(keys), false) = (&keys, self.state.password_is_new) {
                    self.state.derived_keys = Some((id.clone(), keys.clone()));
                }
                LinkInput::KeysDerived { id, keys }
            }
        };
        attempt.link.handle_input(input, now);
    }

    fn socket_ready(&mut self) {
        let now = self.clock.now();
        let is_held_back = self.is_held_back();
        if let Some(attempt) = self.state.attempt.as_mut() {
            attempt.transfer_what_may_be(is_held_back, now);
        }
    }

    fn timeout(&mut self) {
        let now = self.clock.now();
        let is_held_back = self.is_held_back();
        if let Some(attempt) = self.state.attempt.as_mut() {
            if !attempt.may_read(is_held_back) {
                // Reading is held back: what the deadline waits for may have come long ago.
                attempt.transfer(now);
            }
            attempt.link.handle_input(LinkInput::Timeout, now);
        }
        self.tell(supervisor::Input::Timeout);
    }

    // -- the supervisor

    fn tell(&mut self, input: supervisor::Input) {
        self.supervisor.handle_input(input, self.clock.now().mono);
    }

    /// Does what the supervisor says; yields its deadline, and whether it said anything.
    fn settle_supervisor(&mut self) -> (Option<Instant>, bool) {
        let mut changed = false;
        loop {
            match self.supervisor.poll_output() {
                supervisor::Output::StartAttempt {
                    attempt, purpose, ..
                } => self.start_dialing(attempt, purpose),
                supervisor::Output::StopAttempt { .. } => self.drop_attempt(),
                supervisor::Output::CloseCleanly { attempt } => self.close_cleanly(attempt),
                supervisor::Output::Probe { attempt, deadline } => self.probe(attempt, deadline),
                supervisor::Output::State(state) => self.announce(state),
                supervisor::Output::Timeout { when, .. } => return (Some(when), changed),
                supervisor::Output::Idle => return (None, changed),
            }
            changed = true;
        }
    }

    fn announce(&mut self, state: supervisor::ConnectionState) {
        if matches!(
            state,
            supervisor::ConnectionState::Offline { retry_at: None, .. }
        ) {
            for waiting in self.state.disconnected.drain(..) {
                let _ = waiting.send(());
            }
        }
        self.events.push(Event::State(state));
        let is_offline = matches!(state, supervisor::ConnectionState::Offline { .. });
        if is_offline && matches!(self.state.log_out, Some(LogOut::TurningIn(_))) {
            // No way to the server now, and nobody knows when there will be one.
            return self.token_turned_in();
        }
        self.continue_log_out();
    }

    fn close_cleanly(&mut self, attempt: AttemptId) {
        if self.state.attempt.is_some() {
            return self.command(Command::Close);
        }
        self.stop_dialing();
        self.tell(supervisor::Input::Ended {
            attempt,
            ending: None,
        });
    }

    fn command(&mut self, command: Command) {
        let now = self.clock.now();
        if let Some(attempt) = self.state.attempt.as_mut() {
            attempt.link.handle_input(LinkInput::Command(command), now);
        }
    }
}

fn attempt_transport(plan: Option<&snapback_proto::plan::Plan>) -> snapback_proto::plan::Transport {
    plan.map_or(snapback_proto::plan::Transport::StartTls, |plan| {
        plan.transport
    })
}

/// RFC 6120 section 8.3: a message of ours that could not be delivered comes back as an error with its id.
fn bounce(stanza: &Element) -> Option<(String, StanzaError)> {
    let error = StanzaError::of(stanza).filter(|_| stanza.name() == "message")?;
    let id = stanza.attr("id").filter(|id| !id.is_empty())?;
    Some((id.to_owned(), error))
}
