//! What both a login and a session stand on: what is known of the server, the stream as it stands, and what is relied on and not
//! proven yet.
//!
//! What belongs to the login alone is in [`crate::connection::login`], what belongs to the session alone in
//! [`crate::connection::session`].

use std::sync::Arc;

use crate::connection::env::Env;
use crate::connection::output::{Event, Output};
use crate::connection::resumption::Resumption;
use crate::connection::stream::Stream;
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::{BindPipelining, Knowledge, KnownCaps, Op};
use crate::plan::Plan;
use crate::protocol_message::ProtocolMessage;
use crate::stream::error::{StreamCondition, StreamError};
use crate::stream::features::{StreamFeatures, StreamLimits};
use crate::stream::header;
use crate::time::UnixTime;
use crate::xep::caps::Caps;

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

/// What both a login and a session stand on.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) env: Env,
    pub(super) knowledge: Knowledge,
    pub(super) stream: Stream,
    /// The plan as it stands, for the timeline of a session as well.
    pub(super) plan: Plan,
    /// The app is in the foreground (XEP-0352).
    pub(super) active: bool,
    /// A remembered fact that what was just sent relies on. A session relies on it until its first answer (rule S2).
    pub(super) at_risk: Option<Assumption>,
    /// How far the resumption of the session has come. It is proven when the resumed session has lasted (rule I19).
    pub(super) resumption: Resumption,
}

impl Context {
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

    pub(super) fn limits(&self) -> Option<&StreamLimits> {
        self.knowledge
            .server
            .authenticated
            .as_ref()?
            .limits
            .as_ref()
    }

    /// What the server can do, if the caps that it shows are known.
    pub(super) fn known_caps(&self, shown: &Caps) -> Option<&KnownCaps> {
        let domain = self.env.domain();
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
            |off_until: Option<UnixTime>| off_until.is_none_or(|time| time <= self.env.now.wall);
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
            self.env
                .persist(vec![Op::LearnBindPipelining(BindPipelining::Proven)]);
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

    /// What was assumed has been confirmed.
    pub(super) fn assumption_held(&mut self, assumption: Assumption) {
        if self.at_risk == Some(assumption) {
            self.at_risk = None;
        }
    }

    /// The FAST token was refused: it is not tried again.
    pub(super) fn drop_token(&mut self) {
        if self.knowledge.fast.take().is_some() {
            self.env.persist(vec![Op::DropFast]);
        }
    }

    /// Takes in features that a session's stream shows, or that of a proven login.
    pub(super) fn learn_features(&mut self, features: &Arc<StreamFeatures>) {
        if self.shown(features).is_some() && self.stream.authenticated {
            self.learn_authenticated(features);
        }
    }

    /// Notes the features that the server shows; the key of the TLS that they came through, if they say something. What a cleartext
    /// stream shows is never kept (rule S1).
    pub(super) fn shown(&mut self, features: &Arc<StreamFeatures>) -> Option<[u8; 32]> {
        self.stream.features = Some(Arc::clone(features));
        let key = self.stream.tls.as_ref().map(|tls| tls.key)?;
        self.resumption.features_came();
        // Empty ones say nothing of the server but that it is not ready yet.
        (**features != StreamFeatures::default()).then_some(key)
    }

    /// The server has proved itself: what it shows behind the login may be remembered (rule T4).
    pub(super) fn learn_authenticated(&mut self, features: &Arc<StreamFeatures>) {
        if self.knowledge.server.authenticated.as_ref() != Some(features) {
            self.knowledge.server.authenticated = Some(Arc::clone(features));
            let ops = vec![Op::LearnAuthenticated(Arc::clone(features))];
            self.env.persist(ops);
        }
    }

    /// Says why the connection ended. The stream is closed with our own error where the server broke a rule.
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
