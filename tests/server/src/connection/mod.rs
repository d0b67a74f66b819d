//! One client connection (RFC 6120), sans-IO: bytes and the time in, bytes and deadlines out.
//!
//! ```text
//! Negotiating --starttls--> Negotiating (encrypted) --auth/authenticate--> Authenticating
//!      |  \--resume (XEP-0305)--> Bound                                       |
//!      |                                            success, restart or Bind 2 v
//!      '<------------------- failure ----- Authenticated --bind/resume--> Bound --> Closed
//! ```

mod bind;
mod faulty;
mod features;
mod iq;
mod login;
mod sasl2;
mod scripted;
mod sm;
mod stanza;
mod stream;
mod without_password;

use std::time::Duration;

use crate::faults::{Action, CertificateFault, Fault, Flood, Point};
use crate::ns;
use crate::sasl::ChannelBindings;
use crate::script::When;
use crate::time::Timestamp;
use crate::wire::{Plain, PretendTls, Transport, Wire};
use crate::world::{ConnectionId, Mail, SessionId, World};
use crate::xml::{Element, Item, Name, StreamReader};

use faulty::Budgets;
use login::Exchange;
use scripted::Scripted;
pub(crate) use stream::StreamCondition;

/// The timeout for the login of a client.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(120);
/// The limit before login, where no large stanza is expected (real servers have such a limit, too).
const MAX_BYTES_BEFORE_LOGIN: usize = 65_536;
/// The number of bytes that a script lets be sent at a time.
const SCRIPTED_PIECE: usize = 3;
/// A flood is written in pieces of this size, or of one element.
const FLOOD_CHUNK: usize = 65_536;
/// The limit without XEP-0478.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// One connection: takes bytes, and returns output.
#[derive(Debug)]
pub struct Connection {
    id: ConnectionId,
    wire: Wire,
    certificate: Option<CertificateFault>,
    reader: StreamReader,
    header: Header,
    phase: Phase,
    /// The number of failed logins.
    failures: u32,
    /// After a refused FAST login, stanzas are bounced instead of closing the stream.
    bounce_stanzas: bool,
    tls_recorded: bool,
    /// ClientHello came in the same read as `<starttls/>`.
    pipelined_hello: bool,
    first_stanza_seen: bool,
    /// White space follows each element inside TLS.
    is_liberal: bool,
    legacy_start: LegacyStart,
    faults: Vec<Fault>,
    budgets: Budgets,
    script: Scripted,
    account_hint: Option<String>,
    /// XML that has not passed the wire layer yet.
    plain: Vec<u8>,
    /// A buffer for writing elements, which is reused.
    text: String,
    out: Vec<u8>,
    /// Output after this position waits until then.
    hold: Option<(Timestamp, usize)>,
    silent: bool,
    /// What the client sends is dropped.
    is_unread: bool,
    flood: Option<Flood>,
    closing: Option<Closing>,
    pretend: Option<PretendTls>,
    opened_at: Timestamp,
    last_read: Timestamp,
}

/// The headers of the current stream.
#[derive(Debug, Default)]
struct Header {
    sent: bool,
    from: Option<String>,
}

#[derive(Debug)]
enum Phase {
    Negotiating,
    Authenticating(Box<Exchange>),
    Authenticated { account: String },
    Bound { account: String, session: SessionId },
    Closed,
}

/// The session request of RFC 3921, section 3, where nothing is accepted before it (see [`Switches::session_first`]).
///
/// [`Switches::session_first`]: crate::Switches::session_first
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LegacyStart {
    /// `<session/>` is expected.
    Due,
    /// It came in this read, and takes effect with the next.
    Asked,
    /// It is in effect, or not needed.
    Begun,
}

/// How the TCP connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// In order, after everything was sent.
    Finish,
    /// With a reset, after everything was sent.
    Reset,
}

/// The output for the socket.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The bytes to send, in one write.
    pub bytes: Vec<u8>,
    /// How the connection ends after that.
    pub closing: Option<Closing>,
    /// Whether the bytes are sent in small pieces.
    pub is_trickled: bool,
}

/// The context of every step.
pub(crate) struct Cx<'a> {
    world: &'a mut World,
    now: Timestamp,
}

/// What the input after an element belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The same stream.
    Stream,
    /// A new stream.
    Restart,
    /// TLS.
    Tls,
}

impl Connection {
    /// Returns a connection that was just accepted.
    pub fn new(world: &mut World, transport: Transport, now: Timestamp) -> Self {
        Self::open(world, transport, None, now)
    }

    /// Returns a connection without TLS: its bytes stay plain from `<proceed/>` on (STARTTLS) or from the start (direct
    /// TLS), and count as encrypted.
    pub fn pretending(
        world: &mut World,
        transport: Transport,
        tls: PretendTls,
        now: Timestamp,
    ) -> Self {
        Self::open(world, transport, Some(tls), now)
    }

    fn open(
        world: &mut World,
        transport: Transport,
        pretend: Option<PretendTls>,
        now: Timestamp,
    ) -> Self {
        let id = world.open(transport, now);
        let faults = std::mem::take(&mut world.faults.next_connection);
        let mut connection = Self {
            id,
            wire: Wire::Clear,
            certificate: None,
            reader: StreamReader::new(MAX_BYTES_BEFORE_LOGIN),
            header: Header::default(),
            phase: Phase::Negotiating,
            failures: 0,
            bounce_stanzas: false,
            tls_recorded: false,
            pipelined_hello: false,
            first_stanza_seen: false,
            is_liberal: world.switches.liberal,
            legacy_start: LegacyStart::Begun,
            faults,
            budgets: Budgets::default(),
            script: Scripted::new(world.script_of(id)),
            account_hint: None,
            plain: Vec::new(),
            text: String::new(),
            out: Vec::new(),
            hold: None,
            silent: false,
            is_unread: false,
            flood: None,
            closing: None,
            pretend,
            opened_at: now,
            last_read: now,
        };
        let mut cx = Cx { world, now };
        connection.script_reaches(&mut cx, &When::Opened);
        if transport == Transport::DirectTls && connection.closing.is_none() {
            connection.start_tls(&mut cx);
        }
        connection
    }

    /// Returns its number.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Handles the bytes of one read.
    pub fn handle_bytes(&mut self, world: &mut World, bytes: &[u8], now: Timestamp) {
        let mut cx = Cx { world, now };
        self.note_read(&mut cx, bytes.len());
        if self.closing.is_some() {
            return;
        }
        let (bytes, cut) = self.budget_wire_in(&cx, bytes);
        self.wire_input(&mut cx, bytes);
        if cut {
            self.reset(&mut cx);
        }
        self.flush(&mut cx);
    }

    /// Handles the bytes of one read that count as TLS early data; for pretended TLS, as real TLS reports this itself.
    pub fn handle_early_bytes(&mut self, world: &mut World, bytes: &[u8], now: Timestamp) {
        let mut cx = Cx { world, now };
        self.note_read(&mut cx, bytes.len());
        if self.closing.is_some() {
            return;
        }
        let plain = Plain {
            early: bytes.into(),
            ..Plain::default()
        };
        self.plain_input(&mut cx, &plain);
        self.flush(&mut cx);
    }

    fn note_read(&mut self, cx: &mut Cx<'_>, bytes: usize) {
        self.last_read = cx.now;
        if self.legacy_start == LegacyStart::Asked {
            self.legacy_start = LegacyStart::Begun;
        }
        if let Some(record) = cx.world.record(self.id) {
            record.read(cx.now, bytes);
        }
    }

    /// Handles the end of the client's data.
    pub fn handle_eof(&mut self, world: &mut World, now: Timestamp) {
        self.hold = None;
        self.lost(&mut Cx { world, now });
    }

    /// Handles the time of [`Connection::next_deadline`].
    pub fn handle_timeout(&mut self, world: &mut World, now: Timestamp) {
        let mut cx = Cx { world, now };
        if self.hold.is_some_and(|(until, _)| until <= now) {
            self.hold = None;
        }
        let timed_out = [self.login_deadline(), self.idle_deadline(&cx)]
            .into_iter()
            .flatten()
            .any(|at| at <= now);
        if timed_out {
            self.stream_error(&mut cx, StreamCondition::ConnectionTimeout);
        }
        self.pour();
        self.run_script(&mut cx);
        self.flush(&mut cx);
    }

    /// Handles something that another connection sent to this one.
    pub fn handle_wakeup(&mut self, world: &mut World, now: Timestamp) {
        let mut cx = Cx { world, now };
        self.drain_mail(&mut cx);
        self.flush(&mut cx);
    }

    /// Handles the end of the connection: its session waits or ends, its record is closed.
    pub fn handle_closed(&mut self, world: &mut World, now: Timestamp) {
        let mut cx = Cx { world, now };
        self.detach(&mut cx);
        self.phase = Phase::Closed;
        cx.world.close(self.id);
    }

    /// Returns when [`Connection::handle_timeout`] has to be called next.
    pub fn next_deadline(&self, world: &World) -> Option<Timestamp> {
        if self.closing.is_some() && self.hold.is_none() {
            return None;
        }
        if self.is_flooding() {
            return Some(self.opened_at);
        }
        let idle = world
            .switches
            .limits
            .and_then(|limits| limits.idle_seconds)
            .map(|idle| self.last_read + Duration::from_secs(u64::from(idle)));
        [
            self.hold.map(|(until, _)| until),
            self.script.deadline(),
            self.login_deadline(),
            idle,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn login_deadline(&self) -> Option<Timestamp> {
        let pending = !matches!(self.phase, Phase::Bound { .. } | Phase::Closed);
        pending.then(|| self.opened_at + LOGIN_TIMEOUT)
    }

    fn idle_deadline(&self, cx: &Cx<'_>) -> Option<Timestamp> {
        let idle = cx.world.switches.limits?.idle_seconds?;
        Some(self.last_read + Duration::from_secs(u64::from(idle)))
    }

    fn is_flooding(&self) -> bool {
        self.closing.is_none() && self.flood.as_ref().is_some_and(|flood| flood.times > 0)
    }

    /// Returns whether reading from the client has stopped.
    pub fn has_stopped_reading(&self) -> bool {
        self.script.reads_nothing || self.flood.as_ref().is_some_and(|flood| flood.stops_reading)
    }

    /// Writes another piece of a flood.
    fn pour(&mut self) {
        let Some(flood) = self.flood.as_mut().filter(|_| self.closing.is_none()) else {
            return;
        };
        let mut bytes = 0;
        while flood.times > 0 && bytes < FLOOD_CHUNK {
            self.plain.extend_from_slice(flood.text.as_bytes());
            bytes += flood.text.len();
            flood.times -= 1;
        }
    }

    /// Returns what is to be sent now, in one write.
    pub fn take_output(&mut self, world: &mut World) -> Output {
        let release = self.hold.map_or(self.out.len(), |(_, mark)| mark);
        let bytes = if release >= self.out.len() {
            std::mem::take(&mut self.out)
        } else {
            self.out.drain(..release).collect()
        };
        if let Some((_, mark)) = &mut self.hold {
            *mark = 0;
        }
        if !bytes.is_empty()
            && let Some(record) = world.record(self.id)
        {
            record.wrote();
        }
        Output {
            bytes,
            closing: self.closing.filter(|_| self.hold.is_none()),
            is_trickled: self.is_trickling(),
        }
    }

    fn wire_input(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        match self.wire.read(bytes) {
            Ok(plain) => self.plain_input(cx, &plain),
            Err(_) => {
                // The alert is in rustls; none of our output can follow it.
                self.flush(cx);
                self.lost(cx);
            }
        }
    }

    fn plain_input(&mut self, cx: &mut Cx<'_>, plain: &Plain<'_>) {
        self.after_hello(cx);
        for (bytes, early) in [(&plain.early, true), (&plain.bytes, false)] {
            let (bytes, cut) = self.budget_plain_in(cx, bytes);
            self.xml_input(cx, bytes, early);
            if cut {
                self.reset(cx);
            }
        }
        if plain.closed {
            // Without `</stream:stream>` this is a lost connection: the session can be resumed.
            self.lost(cx);
        }
    }

    /// Handles the completion of the server's first TLS flight.
    fn after_hello(&mut self, cx: &mut Cx<'_>) {
        if !self.wire.has_answered_hello() {
            return;
        }
        if !self.tls_recorded {
            // Half-RTT answers are visible before the end of the handshake, so the record cannot wait for it.
            self.tls_recorded = !self.wire.is_handshaking();
            let tls = self.wire.record();
            if let Some(record) = cx.world.record(self.id) {
                record.tls = tls;
            }
        }
        let first_stream = matches!(self.phase, Phase::Negotiating);
        let switches = &cx.world.switches;
        let unprompted = switches.unprompted_restart
            && (self.pipelined_hello || !switches.unprompted_only_if_pipelined);
        if unprompted && first_stream && !self.header.sent {
            self.open_stream(cx);
        }
    }

    fn xml_input(&mut self, cx: &mut Cx<'_>, mut input: &[u8], early: bool) {
        while self.closing.is_none() && !self.is_unread {
            let item = match self.reader.next(&mut input, early) {
                Ok(Some(item)) => item,
                Ok(None) => return,
                Err(error) => return self.stream_error(cx, error.into()),
            };
            let next = self.item(cx, item);
            self.drain_mail(cx);
            self.run_script(cx);
            match next {
                Next::Stream => {}
                Next::Restart if cx.world.switches.pipelining => self.restart(),
                Next::Restart => {
                    self.swallow(cx, input);
                    return self.restart();
                }
                Next::Tls if input.is_empty() => return self.start_tls(cx),
                Next::Tls if cx.world.switches.pipelining => {
                    self.start_tls(cx);
                    self.pipelined_hello = true;
                    return self.wire_input(cx, input);
                }
                Next::Tls => return self.swallow_hello(cx, input),
            }
        }
    }

    /// Without pipelining, the old parser gets what follows in the same read, as in current servers.
    fn swallow(&mut self, cx: &mut Cx<'_>, mut input: &[u8]) {
        loop {
            match self.reader.next(&mut input, false) {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => return self.stream_error(cx, error.into()),
            }
        }
    }

    fn swallow_hello(&mut self, cx: &mut Cx<'_>, input: &[u8]) {
        self.swallow(cx, input);
        if self.closing.is_none() {
            self.stream_error(cx, StreamCondition::NotWellFormed);
        }
    }

    fn restart(&mut self) {
        self.reader = StreamReader::new(MAX_BYTES);
        self.header = Header::default();
    }

    fn start_tls(&mut self, cx: &mut Cx<'_>) {
        self.flush(cx);
        let certificate = self.certificate_fault(cx);
        self.certificate = certificate;
        let wire = match self.pretend.clone() {
            Some(pretend) => Ok(Wire::Pretend(pretend)),
            None => cx
                .world
                .tls
                .config(&cx.world.switches, certificate)
                .ok()
                .map_or(Err(()), |config| Wire::tls(config).map_err(|_| ())),
        };
        match wire {
            Ok(wire) => self.wire = wire,
            Err(()) => return self.reset(cx),
        }
        self.reader = StreamReader::new(MAX_BYTES_BEFORE_LOGIN);
        self.header = Header::default();
    }

    fn item(&mut self, cx: &mut Cx<'_>, item: Item) -> Next {
        let (name, early) = match &item {
            Item::Header(_) => (Name::Borrowed("stream"), false),
            Item::Element { element, early } => (element.name.clone(), *early),
            Item::End => (Name::Borrowed("/stream"), false),
        };
        self.delay_answer(cx, &name);
        if let Some(record) = cx.world.record(self.id) {
            record.element(name, early);
            if let Item::Element { element, .. } = &item {
                record.previds.extend(previd(element));
            }
        }
        match item {
            Item::Header(header) if self.script_reads(cx, &header) => Next::Stream,
            Item::Header(header) => {
                self.client_header(cx, &header);
                Next::Stream
            }
            Item::Element { element, early } => self.element(cx, element, early),
            Item::End => {
                self.finish(cx);
                Next::Stream
            }
        }
    }

    fn element(&mut self, cx: &mut Cx<'_>, element: Element, early: bool) -> Next {
        if early && !sasl2::is_early_login(&element) {
            self.stream_error(cx, StreamCondition::PolicyViolation);
            return Next::Stream;
        }
        if self.script_reads(cx, &element) {
            return Next::Stream;
        }
        if element.ns == crate::ns::STREAM {
            if element.name == "error" {
                self.client_error(cx, &element);
            }
            return Next::Stream;
        }
        match &self.phase {
            Phase::Negotiating if !self.wire.is_secure() => self.cleartext(cx, &element),
            Phase::Negotiating => self.unauthenticated(cx, element, early),
            Phase::Authenticating(_) => self.authenticating(cx, &element),
            Phase::Authenticated { account } => {
                let account = account.clone();
                self.unbound(cx, &account, &element);
                Next::Stream
            }
            Phase::Bound { account, session } => {
                let (account, session) = (account.clone(), *session);
                self.bound(cx, &account, session, element);
                Next::Stream
            }
            Phase::Closed => Next::Stream,
        }
    }

    fn drain_mail(&mut self, cx: &mut Cx<'_>) {
        while let Some(mail) = cx.world.next_mail(self.id) {
            if self.closing.is_some() {
                continue;
            }
            match mail {
                Mail::Stanza(stanza) => self.send_stanza(cx, &stanza),
                Mail::Close(condition) => self.stream_error(cx, condition),
                Mail::Reset => self.reset(cx),
            }
        }
    }

    fn send(&mut self, element: &Element) {
        if !self.silent {
            self.text.clear();
            let changed = self.script_writes(element);
            changed.as_ref().unwrap_or(element).write_to(&mut self.text);
            self.plain.extend_from_slice(self.text.as_bytes());
            // Not while TLS or SASL is negotiated (RFC 6120 sections 5.3.3 and 6.3.5).
            let is_free = matches!(self.phase, Phase::Bound { .. });
            if self.is_liberal && is_free && element.ns != crate::ns::SASL2 {
                self.plain.extend_from_slice(b"\r\n ");
            }
        }
    }

    fn send_stanza(&mut self, cx: &mut Cx<'_>, stanza: &Element) {
        self.send(stanza);
        if let Phase::Bound { session, .. } = self.phase
            && cx.world.request_due(session)
        {
            self.send(&Element::new(crate::ns::SM, "r"));
        }
    }

    /// Passes pending XML through the wire layer.
    fn flush(&mut self, cx: &mut Cx<'_>) {
        cx.world.note_applied(self.script.applied());
        let is_busy = self.closing.is_none() && (self.script.is_busy() || self.is_flooding());
        cx.world.note_busy(self.id, is_busy);
        let mut plain = std::mem::take(&mut self.plain);
        if cx.world.switches.capitals {
            plain = self.in_capitals(cx, &plain);
        }
        let (keep, cut_plain) = self.budget_plain_out(cx, plain.len());
        let start = self.out.len();
        let passing = plain.get(..keep).unwrap_or(&plain);
        if self.script.trickles {
            // A TLS record for each piece.
            passing
                .chunks(SCRIPTED_PIECE)
                .for_each(|byte| self.wire.write(byte, &mut self.out));
        }
        self.wire.write(
            if self.script.trickles { &[] } else { passing },
            &mut self.out,
        );
        plain.clear();
        self.plain = plain;
        let written = self.out.len() - start;
        let (keep, cut_wire) = self.budget_wire_out(cx, written);
        self.out.truncate(start + keep);
        if (cut_plain || cut_wire) && self.closing != Some(Closing::Reset) {
            self.reset(cx);
        }
    }

    /// Returns the text with the account's address and the server's own in capitals.
    fn in_capitals(&self, cx: &Cx<'_>, plain: &[u8]) -> Vec<u8> {
        let domain = cx.world.domain();
        let quoted = format!("'{domain}'");
        let text = String::from_utf8_lossy(plain).replace(&quoted, &quoted.to_uppercase());
        let text = match &self.account_hint {
            Some(account) => {
                let own = format!("{account}@{domain}");
                text.replace(&own, &own.to_uppercase())
            }
            None => text,
        };
        text.into_bytes()
    }

    fn detach(&mut self, cx: &mut Cx<'_>) {
        if let Phase::Bound { session, .. } = self.phase {
            cx.world.detach(session, self.id, cx.now);
        }
    }

    fn lost(&mut self, cx: &mut Cx<'_>) {
        self.detach(cx);
        self.phase = Phase::Closed;
        self.closing.get_or_insert(Closing::Finish);
    }

    fn reset(&mut self, cx: &mut Cx<'_>) {
        self.detach(cx);
        self.phase = Phase::Closed;
        self.closing = Some(Closing::Reset);
    }

    fn offers_exporter(&self, cx: &Cx<'_>) -> bool {
        cx.world.switches.tls_exporter && self.wire.is_tls13()
    }

    fn bindings(&self, cx: &Cx<'_>) -> ChannelBindings {
        let switches = &cx.world.switches;
        let end_point = match &self.wire {
            Wire::Pretend(pretend) => pretend.end_point.clone(),
            _ => cx.world.tls.end_point(self.certificate),
        };
        let offers_exporter = self.offers_exporter(cx);
        ChannelBindings {
            offers_exporter,
            exporter: self.wire.exporter().filter(|_| offers_exporter),
            end_point: Some(end_point).filter(|_| switches.tls_server_end_point),
        }
    }

    /// Carries out the scripted faults of a point; returns true if the stream has ended.
    fn at(&mut self, cx: &mut Cx<'_>, point: Point) -> bool {
        let actions: Vec<_> = self
            .faults_in_force(cx)
            .filter_map(|fault| match fault {
                Fault::At(at, action) if *at == point => Some(action.clone()),
                _ => None,
            })
            .collect();
        if point == Point::Online {
            self.script_reaches(cx, &When::Online);
        }
        for action in actions {
            match action {
                Action::Send(malformed) => self.plain.extend_from_slice(malformed.bytes()),
                Action::SeeOtherHost(host) => {
                    self.stream_error(cx, StreamCondition::SeeOtherHost(host));
                }
                Action::SystemShutdown => self.stream_error(cx, StreamCondition::SystemShutdown),
                Action::HostUnknown => self.stream_error(cx, StreamCondition::HostUnknown),
                Action::Reset => self.reset(cx),
                Action::Silence => self.silent = true,
                Action::Flood(flood) => self.flood = Some(flood),
            }
        }
        self.closing.is_some()
    }
}

/// Returns the SM-ID in a resume request, standalone or inside a SASL2 login.
fn previd(element: &Element) -> Option<String> {
    let resume = match &*element.name {
        "resume" => Some(element),
        _ => element.find(ns::SM, "resume"),
    };
    resume?.attribute("previd").map(str::to_owned)
}
