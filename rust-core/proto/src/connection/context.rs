//! What all states of a connection share: what is known, what was learnt, and the outputs on their way out.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{Assumption, ConnectionError, LocalError, NoSession, PeerError};
use crate::jid::{self, FullJid};
use crate::knowledge::{ArchiveCursor, BindPipelining, Knowledge, KnownCaps, Op, SmSession};
use crate::part::Part;
use crate::plan::{self, Inputs, Login, Plan, Purpose, TlsOutlook, Transport};
use crate::sasl::{ChannelBindings, SaslCondition, ScramKeyId, ScramKeys, TlsVersion};
use crate::stream::error::{StreamCondition, StreamError};
use crate::stream::features::{StreamFeatures, StreamLimits};
use crate::stream::header;
use crate::time::{Instant, Now, UnixTime};
use crate::xep::caps::{Caps, OwnCaps};
use crate::xml::{Element, StreamHeader, StreamReader};

use super::resumption::Resumption;
use super::timer::Timers;
use super::{Event, Output, Seq, Start, Timer, TlsFacts};

/// The stream as it stands between two restarts.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The server's header came.
    pub(super) header_seen: bool,
    /// The features that the server showed on this stream.
    pub(super) features: Option<Arc<StreamFeatures>>,
}

/// What may follow a bind request before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BehindBind {
    /// Nothing.
    Held,
    /// All that a session needs, for the first time at this endpoint.
    Tried,
    /// All that a session needs.
    Allowed,
}

#[derive(Debug)]
pub(super) struct Context {
    pub(super) config: Arc<Config>,
    pub(super) knowledge: Knowledge,
    pub(super) transport: Transport,
    pub(super) plan: Plan,
    pub(super) active: bool,
    pub(super) tls: Option<TlsFacts>,
    /// The certificate hash that early data is bound to.
    pub(super) early_end_point: Option<Vec<u8>>,
    pub(super) reader: StreamReader,
    pub(super) stream: Stream,
    pub(super) entropy: Entropy,
    /// What we answer to service discovery; `None` if the app gave names that caps cannot carry (rule S9).
    own_caps: OnceLock<Option<OwnCaps>>,
    pub(super) timers: Timers,
    pub(super) outputs: VecDeque<Output>,
    pub(super) now: Now,
    /// Learnt before the server proved itself: kept back until it has (rule T4).
    pub(super) unproven: Vec<Op>,
    /// The transaction that must be committed before anything that counts inbound stanzas leaves.
    pub(super) last_inbound: Option<Seq>,
    pub(super) fallbacks: u8,
    /// When the last bytes came.
    pub(super) heard_at: Instant,
    /// When we last said something.
    said_at: Instant,
    /// The login is proven: features from here on are those of the session's stream.
    pub(super) authenticated: bool,
    /// Our full JID, once there is one.
    pub(super) jid: Option<String>,
    /// A remembered fact that what was just sent relies on.
    pub(super) at_risk: Option<Assumption>,
    /// How far the resumption of the session has come.
    pub(super) resumption: Resumption,
    /// The keys of the last login: most likely the server asks for them again.
    pub(super) expected_keys: Option<ScramKeyId>,
    /// The keys that were asked of the driver last.
    deriving: Option<ScramKeyId>,
    /// The proof that the server judges was made with the keys that are known.
    pub(super) keys_in_use: bool,
    next_persist: u64,
    early_data_possible: bool,
    pub(super) purpose: Purpose,
    /// What was noted before a first session was asked for.
    first_bind: Option<ArchiveCursor>,
    gap_suspected: bool,
    gap_told: bool,
    /// The end of the archive was learnt by this connection, so the message there cannot have been forgotten.
    pub(super) has_learnt_end: bool,
}

impl Context {
    pub(super) fn new(mut start: Start, now: Now) -> Self {
        let mut expected_keys = None;
        if start.config.password.is_some() {
            // Those that are stored may belong to an older password.
            expected_keys = start.knowledge.scram_keys.take().map(|(id, _)| id);
            start.knowledge.scram_keys = start.derived_keys.take();
        }
        let limits = start.config.limits;
        let tls = TlsOutlook::Expected {
            early_data: start.early_data_possible,
        };
        let plan = plan::plan(Inputs {
            transport: start.transport,
            policy: &start.config.policy,
            knowledge: &start.knowledge,
            tls: &tls,
            purpose: start.purpose,
            wall: now.wall,
        });
        Self {
            config: start.config,
            knowledge: start.knowledge,
            transport: start.transport,
            plan,
            active: start.active,
            tls: None,
            early_end_point: None,
            reader: StreamReader::new(limits),
            stream: Stream::default(),
            own_caps: OnceLock::new(),
            entropy: Entropy::new(start.seed),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            now,
            unproven: Vec::new(),
            last_inbound: None,
            fallbacks: 0,
            heard_at: now.mono,
            said_at: now.mono,
            authenticated: false,
            jid: None,
            at_risk: None,
            resumption: Resumption::default(),
            expected_keys,
            deriving: None,
            keys_in_use: false,
            next_persist: 0,
            early_data_possible: start.early_data_possible,
            purpose: start.purpose,
            first_bind: None,
            gap_suspected: false,
            gap_told: false,
            has_learnt_end: false,
        }
    }

    // -- what is known

    pub(super) fn domain(&self) -> &str {
        self.config.account.domain()
    }

    /// What the planner may count on now.
    pub(super) fn outlook(&self) -> TlsOutlook {
        match &self.tls {
            Some(tls) => TlsOutlook::Established {
                bindings: tls.bindings.clone(),
                resumes_proven: tls.resumes_proven,
                key: tls.key,
            },
            None => TlsOutlook::Expected {
                early_data: self.early_data_possible,
            },
        }
    }

    pub(super) fn inputs<'a>(&'a self, tls: &'a TlsOutlook) -> Inputs<'a> {
        Inputs {
            transport: self.transport,
            policy: &self.config.policy,
            knowledge: &self.knowledge,
            tls,
            purpose: self.purpose,
            wall: self.now.wall,
        }
    }

    /// Decides the login from these features, remembered or just seen.
    pub(super) fn revise(&mut self, features: &StreamFeatures) -> Result<(), ConnectionError> {
        let tls = self.outlook();
        let mut plan = self.plan.clone();
        plan.revise(features, self.inputs(&tls))
            .map_err(|reason| ConnectionError::Peer(PeerError::NoLogin(reason)))?;
        let needs_password = matches!(plan.login, Login::Sasl1(_) | Login::Sasl2(_));
        if needs_password && self.config.password.is_none() && self.knowledge.scram_keys.is_none() {
            return Err(ConnectionError::Local(LocalError::NoCredentials));
        }
        if self.purpose == Purpose::LogOut && !matches!(plan.login, Login::Fast { .. }) {
            // There is no token (any more) that could be turned in.
            return Err(ConnectionError::Local(LocalError::NoCredentials));
        }
        self.plan = plan;
        Ok(())
    }

    /// The features that the login goes by: those of this stream if they came, else the remembered ones. In early data
    /// only those: what stands on the stream then was said in the clear (rule S1).
    pub(super) fn secured_features(&self) -> Arc<StreamFeatures> {
        let shown = self.stream.features.as_ref().filter(|_| self.tls.is_some());
        shown
            .cloned()
            .or_else(|| self.knowledge.server.secured.clone())
            .unwrap_or_default()
    }

    /// Whether there is what the connection is made for: to resume takes a session that the server may still have.
    pub(super) fn check_purpose(&self) -> Result<(), ConnectionError> {
        if self.purpose != Purpose::ResumeOnly {
            return Ok(());
        }
        let session = self.knowledge.sm.as_ref();
        SmSession::resumable(session, self.now.wall).map_err(ConnectionError::NoSession)?;
        Ok(())
    }

    /// A new session is bound, if that is what the connection is for.
    pub(super) fn may_bind(&self, otherwise: NoSession) -> Result<(), ConnectionError> {
        match self.purpose {
            Purpose::ResumeOnly => Err(ConnectionError::NoSession(otherwise)),
            Purpose::Session | Purpose::LogOut => Ok(()),
        }
    }

    /// What this TLS connection can be bound to; in early data, what the ticket's connection had.
    pub(super) fn channel_bindings(&self) -> ChannelBindings {
        match &self.tls {
            Some(tls) => tls.bindings.clone(),
            None => ChannelBindings {
                tls_exporter: None,
                tls_server_end_point: self.early_end_point.clone(),
            },
        }
    }

    pub(super) fn tls_version(&self) -> TlsVersion {
        self.tls
            .as_ref()
            .map_or(TlsVersion::Tls13, |tls| tls.version)
    }

    /// The features that say what a new session may ask for: those after SASL1, or what SASL2's stream showed.
    pub(super) fn features_for_greeting(&self) -> Arc<StreamFeatures> {
        self.stream
            .features
            .clone()
            .or_else(|| self.knowledge.server.secured.clone())
            .unwrap_or_default()
    }

    /// The server's caps, as its newest features show them (XEP-0115 6.3).
    pub(super) fn server_caps(&self) -> Option<&Caps> {
        self.known_features()
            .find_map(|features| features.caps.as_ref())
    }

    /// XEP-0478: how many bytes a stanza may have. What counts is what the server says, or said last, behind the login: before it,
    /// limits are lower.
    pub(super) fn max_bytes(&self) -> Option<usize> {
        let limit = self.limits()?.max_bytes.filter(|max| *max > 0)?;
        Some(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    fn limits(&self) -> Option<&StreamLimits> {
        self.knowledge
            .server
            .authenticated
            .as_ref()?
            .limits
            .as_ref()
    }

    /// What we promise. A connection that resumes its session promises nothing anew, and most do.
    pub(super) fn own_caps(&self) -> Option<&OwnCaps> {
        self.own_caps
            .get_or_init(|| self.config.identity.caps())
            .as_ref()
    }

    /// What the server can do, if the caps that it shows are known.
    pub(super) fn known_caps(&self, shown: &Caps) -> Option<&KnownCaps> {
        let domain = self.domain();
        let mut known = self.knowledge.caps.iter();
        known.find(|known| known.answers(shown, domain))
    }

    /// All features that the server is known to have shown, the newest first.
    fn known_features(&self) -> impl Iterator<Item = &StreamFeatures> {
        let shown = [
            self.stream.features.as_deref(),
            self.knowledge.server.authenticated.as_deref(),
            self.knowledge.server.secured.as_deref(),
        ];
        shown.into_iter().flatten()
    }

    /// Whether stanzas may follow the bind request before its answer: where it was proven; where `<pipelining/>` was seen, or a
    /// login went well in order, it is tried (rule S2).
    pub(super) fn behind_bind(&self) -> BehindBind {
        let server = &self.knowledge.server;
        let is_on =
            |off_until: Option<UnixTime>| off_until.is_none_or(|time| time <= self.now.wall);
        let shows_pipelining = || self.known_features().any(|features| features.pipelining);
        match server.bind_pipelining {
            Some(BindPipelining::Proven) => BehindBind::Allowed,
            // It promised it, and did not keep that.
            Some(BindPipelining::OffUntil(time)) if !is_on(Some(time)) => BehindBind::Held,
            _ if is_on(server.pipelining_off_until) && shows_pipelining() => BehindBind::Tried,
            _ if server.secured.is_none() => BehindBind::Held,
            _ => BehindBind::Tried,
        }
    }

    pub(super) fn is_bind_pipelining_proven(&self) -> bool {
        self.knowledge.server.bind_pipelining == Some(BindPipelining::Proven)
    }

    /// What followed the bind request before its answer was answered itself.
    pub(super) fn bind_pipelining_held(&mut self) {
        if self.at_risk != Some(Assumption::PipelinedBind) {
            return;
        }
        self.at_risk = None;
        if !self.is_bind_pipelining_proven() {
            self.persist(vec![Op::LearnBindPipelining(BindPipelining::Proven)]);
        }
    }

    /// XEP-0352: the server knows client states.
    pub(super) fn knows_client_state(&self) -> bool {
        let in_bind2 = |features: &StreamFeatures| {
            let bind2 = features
                .sasl2
                .as_ref()
                .and_then(|sasl2| sasl2.bind2.as_ref());
            bind2.is_some_and(|bind2| bind2.inline.iter().any(|var| var == crate::ns::CSI))
        };
        self.known_features()
            .any(|features| features.csi || in_bind2(features))
    }

    // -- what leaves

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn persist(&mut self, ops: Vec<Op>) -> Seq {
        let seq = Seq(self.next_persist);
        self.next_persist = self.next_persist.wrapping_add(1);
        self.output(Output::Persist { seq, ops });
        seq
    }

    pub(super) fn transmit(&mut self, part: Part, text: String) {
        self.transmit_after(None, part, text);
    }

    pub(super) fn transmit_after(&mut self, after: Option<Seq>, part: Part, text: String) {
        self.said_at = self.now.mono;
        self.output(Output::Transmit {
            after,
            bytes: Zeroizing::new(text.into_bytes()),
            parts: vec![part],
        });
    }

    pub(super) fn transmit_element(&mut self, part: Part, element: &Element) {
        self.transmit(part, element.to_xml());
    }

    /// Sends an element that holds a secret, and leaves no copy of it but the one that is sent (rule T9).
    pub(super) fn transmit_secret(&mut self, after: Option<Seq>, part: Part, element: Element) {
        self.transmit_after(after, part, element.into_secret_xml());
    }

    pub(super) fn event(&mut self, event: Event) {
        self.event_after(None, event);
    }

    pub(super) fn event_after(&mut self, after: Option<Seq>, event: Event) {
        self.output(Output::Event { after, event });
    }

    pub(super) fn understood(&mut self, part: Part) {
        self.output(Output::Understood(part));
    }

    /// Sends a stream header; a new stream begins. `from` only inside TLS (RFC 6120 4.7.1), and never an XML
    /// declaration: a restarted header in a pipelined write must not have one (rule S2).
    pub(super) fn open_stream(&mut self) {
        let account = self.config.account.to_string();
        let is_encrypted = self.tls.is_some() || self.early_end_point.is_some();
        let from = is_encrypted.then_some(account.as_str());
        let text = header::open(self.config.account.domain(), from, None, false);
        self.transmit(Part::Header, text);
    }

    /// What the reader sees next is a new document.
    pub(super) fn expect_restart(&mut self) {
        self.reader.restart();
        self.stream = Stream::default();
    }

    // -- what comes in

    pub(super) fn accept_header(&mut self, header: &StreamHeader) -> Result<(), ConnectionError> {
        self.understood(Part::Header);
        self.stream.header_seen = true;
        let is_version_1 = header
            .version
            .as_deref()
            .and_then(|version| version.split('.').next())
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 1);
        if !is_version_1 {
            return Err(ConnectionError::Peer(PeerError::UnsupportedVersion));
        }
        if header
            .from
            .as_deref()
            .is_some_and(|from| !jid::is_same(from, self.domain()))
        {
            return Err(ConnectionError::Peer(PeerError::WrongDomain));
        }
        Ok(())
    }

    /// Takes in features. What they teach is kept back until the server has proved itself (rule T4); what a cleartext
    /// stream shows is never kept at all (rule S1).
    pub(super) fn accept_features(&mut self, features: &Arc<StreamFeatures>) {
        self.stream.features = Some(Arc::clone(features));
        let Some(key) = self.tls.as_ref().map(|tls| tls.key) else {
            return;
        };
        self.resumption.features_came();
        if **features == StreamFeatures::default() {
            // It says nothing of the server but that it is not ready yet.
            return;
        }
        if self.authenticated && self.knowledge.server.authenticated.as_ref() == Some(features) {
            return;
        }
        if self.authenticated {
            self.knowledge.server.authenticated = Some(Arc::clone(features));
            self.persist(vec![Op::LearnAuthenticated(Arc::clone(features))]);
            return;
        }
        self.unproven = vec![
            Op::LearnSecured(Arc::clone(features)),
            Op::LearnSmBeforeSasl(features.sm.then_some(key)),
        ];
    }

    /// What was assumed has been confirmed.
    pub(super) fn assumption_held(&mut self, assumption: Assumption) {
        if self.at_risk == Some(assumption) {
            self.at_risk = None;
        }
    }

    /// Bytes came: the path is alive.
    pub(super) fn heard(&mut self) {
        self.heard_at = self.now.mono;
        if self.jid.is_none() {
            return;
        }
        self.keep_alive();
        self.note_alive(ALIVE_STEP_SECONDS);
    }

    /// When we ask whether the server is still there: after a silence of its own; and before it takes us for idle (XEP-0478), which
    /// counts from what we said last.
    pub(super) fn keep_alive(&mut self) {
        let Some(interval) = self.config.timeouts.keepalive else {
            return;
        };
        let ours = self.now.mono + interval;
        let idle = self.limits().and_then(|limits| limits.idle_seconds);
        let theirs = idle.map(|idle| {
            // A quarter is left for the way.
            let wait = Duration::from_secs(u64::from(idle)) * 3 / 4;
            self.said_at + wait.max(LEAST_IDLE)
        });
        let when = theirs.map_or(ours, |theirs| ours.min(theirs.max(self.now.mono)));
        self.timers.set(Timer::Keepalive, when);
    }

    /// I14: the server counts `max` from the loss of the connection, not from its beginning. Kept to within `step`
    /// seconds, so that a busy connection does not write for every read.
    fn note_alive(&mut self, step: i64) {
        let wall = self.now.wall;
        let session = self.knowledge.sm.as_mut();
        let Some(session) =
            session.filter(|session| wall.0.saturating_sub(session.alive_at.0) >= step)
        else {
            return;
        };
        session.alive_at = wall;
        self.persist(vec![Op::SmAlive { at: wall }]);
    }

    /// T4: the server has proved itself, so what it showed may be remembered.
    pub(super) fn login_proven(&mut self) {
        self.reader.login_complete();
        let ops = std::mem::take(&mut self.unproven);
        if !ops.is_empty() {
            self.persist(ops);
        }
        self.output(Output::LoginProven);
    }

    // -- the end

    /// The server shows another offer than the one that the login was chosen from.
    pub(super) fn offer_has_changed(&self) -> bool {
        let (Some(shown), Some(remembered)) =
            (&self.stream.features, &self.knowledge.server.secured)
        else {
            return false;
        };
        let sasl2 = |features: &StreamFeatures| {
            features
                .sasl2
                .as_ref()
                .map(|sasl2| sasl2.mechanisms.clone())
        };
        shown.sasl1 != remembered.sasl1
            || sasl2(shown) != sasl2(remembered)
            || shown.channel_bindings != remembered.channel_bindings
    }

    /// T5: the password is stretched into these keys, off the I/O thread.
    pub(super) fn derive_keys(&mut self, id: ScramKeyId) {
        if self.deriving.as_ref() != Some(&id) {
            self.deriving = Some(id.clone());
            self.output(Output::DeriveKeys(id));
        }
    }

    /// The password was stretched. What was only expected, and turned out not to be asked for, is of no use.
    pub(super) fn keys_derived(&mut self, id: ScramKeyId, keys: ScramKeys) {
        if self.deriving.as_ref() == Some(&id) {
            self.deriving = None;
            self.knowledge.scram_keys = Some((id, keys));
        }
    }

    /// The keys did not let us in: they are not tried again.
    fn drop_refused_keys(&mut self, error: &ConnectionError) {
        let is_about_keys = matches!(
            error,
            ConnectionError::Sasl(refusal) if refusal.condition == SaslCondition::NotAuthorized
        );
        if is_about_keys && self.keys_in_use {
            self.knowledge.scram_keys = None;
            self.persist(vec![Op::DropScramKeys]);
        }
    }

    /// The FAST token was refused: it is not tried again.
    pub(super) fn drop_token(&mut self) {
        if self.knowledge.fast.take().is_some() {
            self.persist(vec![Op::DropFast]);
        }
    }

    /// Our end of stream leaves; the server's is waited for, for a while.
    pub(super) fn say_goodbye(&mut self) {
        self.transmit(Part::Close, header::CLOSE.to_owned());
        self.await_goodbye();
    }

    pub(super) fn await_goodbye(&mut self) {
        let when = self.now.mono + self.config.timeouts.close;
        self.timers.clear();
        self.timers.set(Timer::Close, when);
    }

    /// What waited for us may be missing (rule I8). Where we know how far we hold the archive, it is asked first.
    pub(super) fn possible_gap(&mut self) {
        self.gap_suspected = true;
        if self.knowledge.archive.is_none() {
            self.tell_gap();
        }
    }

    /// A first session, or another one without an archive, is about to be asked for. Until it can be resumed, or is closed in
    /// order, nobody would send again what it missed: the next one says so.
    ///
    /// For a first session: Were the process killed behind that, the archive would have what came to a
    /// session that nobody remembers. There is no id to begin at yet, so it is a time; for this connection itself there is
    /// nothing to catch up with.
    pub(super) fn note_first_bind(&mut self) -> Option<Seq> {
        if self.knowledge.archive.is_some() {
            return None;
        }
        let since = self.now.wall.plus_seconds(-CLOCK_MARGIN_SECONDS);
        let cursor = ArchiveCursor::Since(UnixTime(since.0.max(0)));
        self.first_bind = Some(cursor.clone());
        let ops = vec![Op::ArchiveCursor(cursor), Op::OpenSession(true)];
        Some(self.persist(ops))
    }

    /// Where the archive has what is sent now. In a first session that is a time, until its end is learnt.
    pub(super) fn place_in_archive(&self) -> Option<ArchiveCursor> {
        let known = self.knowledge.archive.as_ref();
        known.or(self.first_bind.as_ref()).cloned()
    }

    /// The archive is not asked after all.
    pub(super) fn tell_suspected_gap(&mut self) {
        if self.gap_suspected {
            self.tell_gap();
        }
    }

    /// Told once for a connection.
    pub(super) fn tell_gap(&mut self) {
        if !std::mem::replace(&mut self.gap_told, true) {
            self.event(Event::PossibleGap);
        }
    }

    /// Says that it ended as we wanted.
    pub(super) fn closed(&mut self) {
        self.output(Output::CloseTransport);
        self.event(Event::Closed(None));
    }

    /// Says why it ended. The stream is closed with our own error where the server broke a rule.
    pub(super) fn end(&mut self, error: ConnectionError) {
        self.drop_refused_keys(&error);
        if self.jid.is_some() && !matches!(error, ConnectionError::Local(_)) {
            self.note_alive(1);
        }
        if let Some(text) = closing_words(&error)
            && self.stream.header_seen
            && self.tls.is_some()
        {
            let part = if text == header::CLOSE {
                Part::Close
            } else {
                Part::StreamError
            };
            self.transmit(part, text);
        }
        self.output(Output::CloseTransport);
        self.event(Event::Closed(Some(error)));
    }

    pub(super) fn start_login_timer(&mut self) {
        let when = self.now.mono + self.config.timeouts.login;
        self.timers.set(Timer::Login, when);
    }

    pub(super) fn parse_full_jid(text: &str) -> Result<FullJid, ConnectionError> {
        FullJid::try_from(text).map_err(|_| ConnectionError::Peer(PeerError::Malformed("full JID")))
    }
}

/// A server that calls us idle sooner must not make us talk without a pause.
const LEAST_IDLE: Duration = Duration::from_secs(10);

/// How exactly it is stored when the session was last alive. A kill may add as much to its age; servers keep sessions for
/// minutes.
const ALIVE_STEP_SECONDS: i64 = 30;

/// The server's clock decides what came since then, and we know only ours. A clock that was set by hand to another time zone
/// is up to 14 hours off; one that is off by weeks does not find the certificate valid.
pub(super) const CLOCK_MARGIN_SECONDS: i64 = 86_400;

/// The stream error that tells the server what it did, if it is the server's fault (RFC 6120 4.9).
fn closing_words(error: &ConnectionError) -> Option<String> {
    let peer = match error {
        ConnectionError::Peer(peer) => peer,
        ConnectionError::NoSession(_) | ConnectionError::TasksRequired { .. } => {
            return Some(header::CLOSE.to_owned());
        }
        _ => return None,
    };
    let element = match peer {
        PeerError::AckTooHigh { h, sent } => StreamError::handled_count_too_high(*h, *sent),
        PeerError::Xml(error) => StreamError::new(StreamCondition::named(error.stream_condition())),
        PeerError::UnsupportedVersion => StreamError::new(StreamCondition::UnsupportedVersion),
        PeerError::WrongDomain => StreamError::new(StreamCondition::InvalidFrom),
        PeerError::Unexpected(_) => StreamError::new(StreamCondition::UnsupportedStanzaType),
        PeerError::Malformed(_) => StreamError::new(StreamCondition::InvalidXml),
        PeerError::StanzaBeforeLogin => StreamError::new(StreamCondition::NotAuthorized),
        _ => return Some(header::CLOSE.to_owned()),
    };
    let mut text = element.to_element().to_xml();
    text.push_str(header::CLOSE);
    Some(text)
}
