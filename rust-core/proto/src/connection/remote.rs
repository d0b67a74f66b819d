//! The other end of a connection, which a login and a session share: what is known of the server, the stream to it, and the
//! assumptions that are not confirmed yet.
//!
//! State of the login alone is in [`crate::connection::login`], state of the session alone in [`crate::connection::session`].

use std::sync::Arc;

use crate::connection::env::Env;
use crate::connection::output::{Event, Output};
use crate::connection::resumption::Resumption;
use crate::connection::stream::Stream;
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::escalation::{Evidence, Remedy, Request, Subject};
use crate::jid::BareJid;
use crate::knowledge::{Knowledge, KnownCaps, Op};
use crate::plan::Plan;
use crate::protocol_message::ProtocolMessage;
use crate::stream::error::{StreamCondition, StreamError};
use crate::stream::features::{StreamFeatures, StreamLimits};
use crate::stream::header;
use crate::xep::caps::Caps;

/// What may be sent after a bind request before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterBind {
    /// Nothing.
    Held,
    /// All initial stanzas of a session, for the first time at this endpoint.
    Tried,
    /// All initial stanzas of a session.
    Allowed,
}

/// The other end of the connection, for a login as for a session: what is known of the server, the stream to it, and the
/// assumptions about it that are not confirmed yet.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) env: Env,
    pub(super) knowledge: Knowledge,
    pub(super) stream: Stream,
    /// The current plan, also for the timeline of a session.
    pub(super) plan: Plan,
    /// A remembered fact that the last flight relies on. A session relies on it until its first answer (rule S2).
    pub(super) at_risk: Option<Assumption>,
    /// The progress of the resumption. It is proven when the resumed session has lasted (rule I19).
    pub(super) resumption: Resumption,
}

impl Remote {
    /// The features that determine what a new session may request: those after SASL1, or those of SASL2's stream.
    pub(super) fn features_for_greeting(&self) -> Arc<StreamFeatures> {
        self.stream
            .features
            .clone()
            .or_else(|| self.knowledge.server.secured.clone())
            .unwrap_or_default()
    }

    /// Returns whether this is the account that was asked for. Where the server assigns one, it is any at the domain (XEP-0175).
    pub(super) fn is_own_account(&self, jid: &BareJid) -> bool {
        let config = &self.env.config;
        let is_assigned = config.method.is_anonymous() && config.account.node().is_none();
        *jid == config.account || is_assigned && jid.domain() == config.account.domain()
    }

    /// Records the account that the server has assigned (XEP-0175).
    pub(super) fn adopt_account(&mut self, jid: &BareJid) {
        if self.env.config.account != *jid {
            Arc::make_mut(&mut self.env.config).account = jid.clone();
        }
    }

    /// The server's caps, according to its newest features (XEP-0115 6.3).
    pub(super) fn server_caps(&self) -> Option<&Caps> {
        self.known_features()
            .find_map(|features| features.caps.as_ref())
    }

    /// XEP-0478: the maximum size of a stanza in bytes. The value that the server advertised last after the login counts;
    /// before the login, limits are lower.
    pub(super) fn max_bytes(&self) -> Option<usize> {
        let limit = self.limits()?.max_bytes.filter(|max| *max > 0)?;
        Some(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    pub(super) fn limits(&self) -> Option<&StreamLimits> {
        self.knowledge
            .server
            .authenticated
            .as_ref()?
            .limits
            .as_ref()
    }

    /// Returns the server's features, if the caps that it shows are known.
    pub(super) fn known_caps(&self, shown: &Caps) -> Option<&KnownCaps> {
        let domain = self.env.domain();
        let mut known = self.knowledge.caps.iter();
        known.find(|known| known.answers(shown, domain))
    }

    /// Returns all features that the server is known to have advertised, the newest first.
    fn known_features(&self) -> impl Iterator<Item = &StreamFeatures> {
        let shown = [
            self.stream.features.as_deref(),
            self.knowledge.server.authenticated.as_deref(),
            self.knowledge.server.secured.as_deref(),
        ];
        shown.into_iter().flatten()
    }

    /// Returns whether stanzas may follow the bind request before its answer. They may where that has worked before. Where
    /// `<pipelining/>` was advertised, or a login succeeded sequentially, it is tried (rule S2).
    pub(super) fn after_bind(&self) -> AfterBind {
        let server = &self.knowledge.server;
        let shows_pipelining = || self.known_features().any(|features| features.pipelining);
        // The server advertised it, but did not support it.
        if self.gives_up(Subject::PipelinedBind, Remedy::SequentialBind) {
            return AfterBind::Held;
        }
        if server.bind_pipelining_proven {
            return AfterBind::Allowed;
        }
        let may_cross = !self.gives_up(Subject::PipelinedStart, Remedy::SequentialStart);
        if server.secured.is_some() || (may_cross && shows_pipelining()) {
            AfterBind::Tried
        } else {
            AfterBind::Held
        }
    }

    /// Returns whether this is given up at present (rule W1).
    pub(super) fn gives_up(&self, subject: Subject, remedy: Remedy) -> bool {
        let failures = &self.knowledge.failures;
        failures.gives_up(subject, remedy, self.env.now.wall)
    }

    /// Returns whether this part of a session's start is not sent with the others: it is sent alone, or left out.
    pub(super) fn sets_apart(&self, request: Request) -> bool {
        let subject = Subject::Request(request);
        self.gives_up(subject, Remedy::RequestAlone) || self.leaves_out(request)
    }

    /// Returns whether this part of a session's start is not sent at present.
    pub(super) fn leaves_out(&self, request: Request) -> bool {
        let subject = Subject::Request(request);
        self.gives_up(subject, Remedy::NoRequest)
            || self.gives_up(subject, Remedy::DelayRequest)
            || request == Request::Enable
                && self.gives_up(Subject::StreamManagement, Remedy::NoStreamManagement)
    }

    /// Records a failure. The app is told of a step that it brings about.
    pub(super) fn note_failure(&mut self, subject: Subject, evidence: Evidence) {
        self.note_failure_with(subject, evidence, |_| None);
    }

    /// The same, and stores in the same transaction what follows from it: another process would not know it otherwise.
    pub(super) fn note_failure_with(
        &mut self,
        subject: Subject,
        evidence: Evidence,
        then: impl FnOnce(&mut Self) -> Option<Op>,
    ) {
        let (is_proven, now) = (self.stream.authenticated, self.env.now.wall);
        let failures = &mut self.knowledge.failures;
        let noted = failures.note(subject, evidence, is_proven, now);
        let mut ops = vec![Op::Failure(noted.failure)];
        ops.extend(then(self));
        self.env.persist(ops);
        if let Some(step) = noted.step {
            self.env.output(Output::Escalated(step));
            self.env.event(Event::PeerFault(step.gives_up.text()));
        }
    }

    /// Records that what failed before has worked.
    pub(super) fn note_success(&mut self, subject: Subject) {
        if self.knowledge.failures.succeeded(subject) {
            self.env.persist(vec![Op::FailureForgotten(subject)]);
        }
    }

    /// Records that what followed the bind request before its answer was answered itself.
    pub(super) fn bind_pipelining_held(&mut self) {
        if self.at_risk != Some(Assumption::PipelinedBind) {
            return;
        }
        self.at_risk = None;
        if !self.knowledge.server.bind_pipelining_proven {
            self.env.persist(vec![Op::LearnBindPipelining]);
        }
        self.note_success(Subject::PipelinedBind);
    }

    /// Returns whether the server supports client states (XEP-0352).
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

    /// Records that the current assumption is confirmed.
    pub(super) fn assumption_held(&mut self, assumption: Assumption) {
        if self.at_risk == Some(assumption) {
            self.at_risk = None;
        }
    }

    /// Records that the FAST token was refused: it is not tried again.
    pub(super) fn drop_token(&mut self) {
        if self.knowledge.fast.take().is_some() {
            self.env.persist(vec![Op::DropFast]);
        }
        self.note_success(Subject::FastToken);
    }

    /// Processes features of a session's stream, or of the stream of a proven login.
    pub(super) fn learn_features(&mut self, features: &Arc<StreamFeatures>) {
        if self.shown(features).is_some() && self.stream.authenticated {
            self.learn_authenticated(features);
        }
    }

    /// Records the features that the server advertises, and the key of the TLS connection if they are not empty. Features of a
    /// cleartext stream are never kept (rule S1).
    pub(super) fn shown(&mut self, features: &Arc<StreamFeatures>) -> Option<[u8; 32]> {
        self.stream.features = Some(Arc::clone(features));
        let key = self.stream.tls.as_ref().map(|tls| tls.key)?;
        self.resumption.features_came();
        // Empty features only show that the server is not ready yet.
        (**features != StreamFeatures::default()).then_some(key)
    }

    /// Records that the server is authenticated: what it advertises after the login may be remembered (rule T4).
    pub(super) fn learn_authenticated(&mut self, features: &Arc<StreamFeatures>) {
        if self.knowledge.server.authenticated.as_ref() != Some(features) {
            self.knowledge.server.authenticated = Some(Arc::clone(features));
            let ops = vec![Op::LearnAuthenticated(Arc::clone(features))];
            self.env.persist(ops);
        }
    }

    /// Reports why the connection ended. Where the server violated a rule, the stream is closed with a stream error.
    pub(super) fn end(&mut self, error: ConnectionError) {
        if let Some(text) = closing_words(&error)
            && self.stream.header_seen
            && self.stream.tls.is_some()
        {
            let part = if text == header::CLOSE {
                ProtocolMessage::Close
            } else {
                ProtocolMessage::StreamError
            };
            self.env.transmit(part, text);
        }
        self.env.output(Output::CloseTransport);
        self.env.event(Event::Closed(Some(error)));
    }
}

/// Returns the stream error that informs the server, if the error is the server's fault (RFC 6120 4.9).
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
