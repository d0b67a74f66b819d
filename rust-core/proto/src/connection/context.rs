//! What all states of a connection share: what is known, what was learnt, and the outputs on their way out.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{ConnectionError, PeerError};
use crate::jid::FullJid;
use crate::knowledge::{Knowledge, Op};
use crate::part::Part;
use crate::plan::{self, Inputs, Plan, TlsOutlook, Transport};
use crate::stream::features::StreamFeatures;
use crate::stream::header;
use crate::time::Now;
use crate::xml::{Element, StreamHeader, StreamReader};

use super::timer::Timers;
use super::{Event, Output, Seq, Start, Timer, TlsFacts};

/// The stream as it stands between two restarts.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The server's header came.
    pub(super) header_seen: bool,
    /// The features that the server showed on this stream.
    pub(super) features: Option<StreamFeatures>,
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
    pub(super) timers: Timers,
    pub(super) outputs: VecDeque<Output>,
    pub(super) now: Now,
    /// Learnt before the server proved itself: kept back until it has (rule T4).
    pub(super) unproven: Vec<Op>,
    /// The transaction that must be committed before anything that counts inbound stanzas leaves.
    pub(super) last_inbound: Option<Seq>,
    pub(super) fallbacks: u8,
    next_persist: u64,
    early_data_possible: bool,
}

impl Context {
    pub(super) fn new(start: Start, now: Now) -> Self {
        let limits = start.config.limits;
        let tls = TlsOutlook::Expected {
            early_data: start.early_data_possible,
        };
        let plan = plan::plan(Inputs {
            transport: start.transport,
            policy: &start.config.policy,
            has_password: start.config.password.is_some(),
            knowledge: &start.knowledge,
            tls: &tls,
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
            entropy: super::entropy(start.seed),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            now,
            unproven: Vec::new(),
            last_inbound: None,
            fallbacks: 0,
            next_persist: 0,
            early_data_possible: start.early_data_possible,
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
            has_password: self.config.password.is_some(),
            knowledge: &self.knowledge,
            tls,
            wall: self.now.wall,
        }
    }

    /// Decides the login from these features, remembered or just seen.
    pub(super) fn revise(&mut self, features: &StreamFeatures) -> Result<(), ConnectionError> {
        let tls = self.outlook();
        let mut plan = self.plan.clone();
        plan.revise(features, self.inputs(&tls))
            .map_err(|reason| ConnectionError::Peer(PeerError::NoLogin(reason)))?;
        self.plan = plan;
        Ok(())
    }

    /// The features that the login goes by: those of this stream if they came, else the remembered ones.
    pub(super) fn secured_features(&self) -> StreamFeatures {
        self.stream
            .features
            .clone()
            .or_else(|| self.knowledge.server.secured.clone())
            .unwrap_or_default()
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
        self.output(Output::Transmit {
            after,
            bytes: text.into_bytes(),
            parts: vec![part],
        });
    }

    pub(super) fn transmit_element(&mut self, part: Part, element: &Element) {
        self.transmit(part, element.to_xml());
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
        let is_version_1 = header
            .version
            .as_deref()
            .and_then(|version| version.split('.').next())
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 1);
        if !is_version_1 {
            return Err(ConnectionError::Peer(PeerError::UnsupportedVersion));
        }
        if header.from.as_deref().is_some_and(|from| !from.eq_ignore_ascii_case(self.domain())) {
            return Err(ConnectionError::Peer(PeerError::WrongDomain));
        }
        self.stream.header_seen = true;
        Ok(())
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

    /// Says why it ended. The stream is closed with our own error where the server broke a rule.
    pub(super) fn end(&mut self, error: ConnectionError) {
        if let Some(text) = closing_words(&error)
            && self.stream.header_seen
            && self.tls.is_some()
        {
            self.transmit(Part::StreamError, text);
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

/// The stream error that tells the server what it did, if it is the server's fault (RFC 6120 4.9).
fn closing_words(error: &ConnectionError) -> Option<String> {
    let ConnectionError::Peer(peer) = error else {
        return None;
    };
    Some(crate::stream::error::report(peer))
}
