//! The states, named by what they wait for, and how inputs move them.
//!
//! ```text
//!                       ExpectTransport
//!            STARTTLS  /               \  direct TLS
//!          ExpectProceed -----------> ExpectTls            (early data: the login is already on its way)
//!                                         |
//!             nothing remembered /        |        \ <resume/> first (XEP-0305)
//!                 ExpectFeatures          |     ExpectResumedBeforeSasl ---------------.
//!                        \                |         / refused                          |
//!                         v               v        v                                   |
//!                       ExpectSasl2    ExpectSasl1                                     |
//!   bound or resumed inline |   \          |   \ features not remembered               |
//!                           |    '---------|--> ExpectAuthenticatedFeatures            |
//!                           |              v          |                                |
//!                           |         ExpectResumed <-'---> ExpectBound                |
//!                           |              |  \ failed          ^  |                   |
//!                           |              |   '----------------'  |                   |
//!                           '-----------> Online <-----------------'-------------------'
//!                                           |
//!                                        Closing --> Closed      (every state may go to Closed)
//! ```

use std::sync::Arc;

use crate::error::{Assumption, ConnectionError, LocalError, PeerError};
use crate::knowledge::Op;
use crate::ns;
use crate::part::Part;
use crate::plan::{Login, Transport};
use crate::sasl::HtBinding;
use crate::stream::error::StreamError;
use crate::stream::features::StreamFeatures;
use crate::stream::header;
use crate::xml::{Element, StreamItem, StreamReader};

use super::ConnectionPhase;
use super::context::Context;
use super::login::{self, ExpectBound, ExpectSasl1, ExpectSasl2};
use super::session::Session;
use super::{Command, EarlyData, Input, Output, Timer, TlsFacts};

pub(super) type Next = Result<State, ConnectionError>;

#[derive(Debug)]
pub(super) enum State {
    /// The transport is not up yet.
    ExpectTransport,
    /// Header and `<starttls/>` are on their way; with early data, the login too.
    ExpectProceed { early: Option<ExpectSasl2> },
    /// The TLS handshake runs; with early data, the login is on its way.
    ExpectTls { early: Option<ExpectSasl2> },
    /// Nothing is remembered: the features decide.
    ExpectFeatures,
    /// `<resume/>` is on its way, right after TLS.
    ExpectResumedBeforeSasl,
    /// A SASL1 exchange runs.
    ExpectSasl1(Box<ExpectSasl1>),
    /// A SASL2 exchange runs.
    ExpectSasl2(Box<ExpectSasl2>),
    /// Logged in; the features of the new stream decide.
    ExpectAuthenticatedFeatures,
    /// `<resume/>` is on its way.
    ExpectResumed,
    /// The bind request is on its way.
    ExpectBound(Box<ExpectBound>),
    /// Stanzas flow.
    Online(Box<Session>),
    /// Our end of stream is on its way; the last acknowledgement of what was sent in this session may still come.
    Closing(Option<Box<Session>>),
    /// Over.
    Closed,
}

impl State {
    /// Of each variant, as [`State::name`] has it.
    pub(super) const NAMES: [&str; 13] = [
        "ExpectTransport",
        "ExpectProceed",
        "ExpectTls",
        "ExpectFeatures",
        "ExpectResumedBeforeSasl",
        "ExpectSasl1",
        "ExpectSasl2",
        "ExpectAuthenticatedFeatures",
        "ExpectResumed",
        "ExpectBound",
        "Online",
        "Closing",
        "Closed",
    ];

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ExpectTransport => "ExpectTransport",
            Self::ExpectProceed { .. } => "ExpectProceed",
            Self::ExpectTls { .. } => "ExpectTls",
            Self::ExpectFeatures => "ExpectFeatures",
            Self::ExpectResumedBeforeSasl => "ExpectResumedBeforeSasl",
            Self::ExpectSasl1(_) => "ExpectSasl1",
            Self::ExpectSasl2(_) => "ExpectSasl2",
            Self::ExpectAuthenticatedFeatures => "ExpectAuthenticatedFeatures",
            Self::ExpectResumed => "ExpectResumed",
            Self::ExpectBound(_) => "ExpectBound",
            Self::Online(_) => "Online",
            Self::Closing(_) => "Closing",
            Self::Closed => "Closed",
        }
    }

    pub(super) fn phase(&self) -> ConnectionPhase {
        match self {
            Self::ExpectTransport
            | Self::ExpectProceed { .. }
            | Self::ExpectTls { .. }
            | Self::ExpectFeatures
            | Self::ExpectResumedBeforeSasl
            | Self::ExpectSasl1(_)
            | Self::ExpectSasl2(_)
            | Self::ExpectAuthenticatedFeatures
            | Self::ExpectResumed
            | Self::ExpectBound(_) => ConnectionPhase::Login,
            Self::Online(_) => ConnectionPhase::Online,
            Self::Closing(_) | Self::Closed => ConnectionPhase::Closing,
        }
    }

    pub(super) fn handle(self, input: Input<'_>, context: &mut Context) -> Next {
        match input {
            Input::Connected => self.connected(context),
            Input::EarlyDataReady { end_point } => self.early_data_ready(end_point, context),
            Input::TlsEstablished(facts) => self.tls_established(facts, context),
            Input::Received(bytes) => self.received(bytes, context),
            Input::TransportClosed => self.transport_closed(context),
            Input::CertificateRefused => {
                context.assumption_held(Assumption::CombinedStartTls);
                self.transport_closed(context)
            }
            Input::Timeout => self.timeout(context),
            Input::KeysDerived { id, keys } => self.keys_derived(id, keys, context),
            Input::Command(command) => self.command(command, context),
            Input::Committed { .. } => Ok(self),
            Input::PersistFailed { .. } => Err(ConnectionError::Local(LocalError::StorageFailed)),
        }
    }

    fn connected(self, context: &mut Context) -> Next {
        if !matches!(self, Self::ExpectTransport) {
            return Ok(self);
        }
        context.check_purpose()?;
        context.start_login_timer();
        if context.transport == Transport::DirectTls {
            context.output(Output::ClientHello);
            return Ok(Self::ExpectTls { early: None });
        }
        context.open_stream();
        context.transmit_element(Part::StartTls, &Element::new("starttls", ns::TLS));
        if context.plan.combined_starttls {
            context.at_risk = Some(Assumption::CombinedStartTls);
            context.output(Output::ClientHello);
        }
        Ok(Self::ExpectProceed { early: None })
    }

    fn early_data_ready(self, end_point: Option<Vec<u8>>, context: &mut Context) -> Next {
        let is_bound = match context.plan.login {
            Login::Fast { binding, .. } => binding == HtBinding::None || end_point.is_some(),
            _ => false,
        };
        // The hash of nothing would be the word of an unbound token.
        if !login::is_early(&context.plan) || !is_bound {
            return Ok(self);
        }
        context.early_end_point = Some(end_point.unwrap_or_default());
        context.open_stream();
        let early = Some(login::start_fast(context)?);
        match self {
            Self::ExpectProceed { .. } => Ok(Self::ExpectProceed { early }),
            Self::ExpectTls { .. } => Ok(Self::ExpectTls { early }),
            state => Ok(state),
        }
    }

    fn tls_established(self, facts: TlsFacts, context: &mut Context) -> Next {
        let Self::ExpectTls { early } = self else {
            return Ok(self);
        };
        let early_data = facts.early_data;
        context.tls = Some(facts);
        context.at_risk = None;
        // S1: the XML parser is new, and what was learnt before TLS is gone.
        context.reader = StreamReader::new(context.config.limits);
        context.stream = super::context::Stream::default();
        match (early, early_data) {
            (Some(early), EarlyData::Accepted) => {
                context.at_risk = Some(Assumption::Features);
                Ok(Self::ExpectSasl2(Box::new(early)))
            }
            _ => login::begin(context),
        }
    }

    fn received(self, bytes: &[u8], context: &mut Context) -> Next {
        context.heard();
        context.note_lasting();
        context.reader.feed(bytes);
        let mut state = self;
        loop {
            let item = context
                .reader
                .next_item()
                .map_err(|error| ConnectionError::Peer(PeerError::Xml(error)));
            let item = match item {
                Ok(Some(item)) => item,
                Ok(None) => return Ok(state.read(context)),
                Err(error) => return Err(state.xml_error(error, context)),
            };
            state = state.item(item, context)?;
            if matches!(state, Self::Closed) {
                return Ok(state);
            }
        }
    }

    /// All that came is taken in.
    fn read(mut self, context: &mut Context) -> Self {
        if let Self::Online(session) = &mut self {
            session.look_again(context);
        }
        self
    }

    fn item(self, item: StreamItem, context: &mut Context) -> Next {
        match item {
            StreamItem::Header(header) => {
                context.accept_header(&header)?;
                Ok(self)
            }
            StreamItem::Element(mut element) => {
                let next = self.element(&element, context);
                // `<success/>` may hold a FAST token (rule T9).
                if element.ns() == ns::SASL2 {
                    element.wipe();
                }
                next
            }
            StreamItem::Refused(refused) => match self {
                Self::Online(mut session) => {
                    session.stanza_refused(refused, context);
                    Ok(Self::Online(session))
                }
                state @ Self::Closing(_) => Ok(state),
                // T6: during the login everything closes the stream.
                _ => Err(ConnectionError::Peer(PeerError::Xml(refused.reason.into()))),
            },
            StreamItem::End => self.stream_ended(context),
        }
    }

    fn element(self, element: &Element, context: &mut Context) -> Next {
        if element.is("error", ns::STREAM) {
            context.understood(Part::StreamError);
            let mut error = StreamError::parse(element)
                .ok_or(ConnectionError::Peer(PeerError::Malformed("stream error")))?;
            if let Self::Online(mut session) = self {
                error.after_answer = session.is_after_answer(error.condition, context);
                session.stream_error(error.condition, context);
            }
            return Err(if context.tls.is_some() {
                ConnectionError::Stream(error)
            } else {
                ConnectionError::Peer(PeerError::ErrorBeforeTls(error.condition))
            });
        }
        if element.is("features", ns::STREAM) {
            context.understood(Part::Features);
            return self.features(Arc::new(StreamFeatures::parse(element)), context);
        }
        match self {
            Self::ExpectProceed { early } => expect_proceed(early, element, context),
            Self::ExpectResumedBeforeSasl => login::resumed_before_sasl(element, context),
            Self::ExpectSasl1(state) => state.element(element, context),
            Self::ExpectSasl2(state) => state.element(element, context),
            Self::ExpectResumed => login::resumed(element, context),
            Self::ExpectBound(state) => state.element(element, context),
            Self::Online(mut session) => {
                session.element(element, context)?;
                Ok(Self::Online(session))
            }
            Self::Closing(mut session) => {
                if let Some(session) = &mut session {
                    session.last_word(element, context);
                }
                Ok(Self::Closing(session))
            }
            _ if element.is_stanza() => Err(ConnectionError::Peer(PeerError::StanzaBeforeLogin)),
            _ => Err(ConnectionError::Peer(PeerError::Unexpected("element"))),
        }
    }

    fn features(self, features: Arc<StreamFeatures>, context: &mut Context) -> Next {
        if matches!(self, Self::ExpectAuthenticatedFeatures) && !features.bind && !features.sm {
            // Nothing is asked for that would be refused, and nothing learnt: the session is there to be resumed later.
            return Err(ConnectionError::Peer(PeerError::NoBind));
        }
        let knew_client_state = context.knows_client_state();
        context.accept_features(&features);
        match self {
            // Features may follow a session that was resumed inside SASL2.
            Self::Online(mut session) => {
                if !knew_client_state {
                    session.tell_client_state(context);
                }
                // The limits may be others now.
                context.keep_alive();
                Ok(Self::Online(session))
            }
            Self::ExpectProceed { .. } if !features.starttls => {
                Err(ConnectionError::Peer(PeerError::StartTlsNotOffered))
            }
            Self::ExpectFeatures => {
                context.revise(&features)?;
                login::attempt(context)
            }
            Self::ExpectSasl1(state) => Ok(Self::ExpectSasl1(Box::new(
                state.with_features(&features, context),
            ))),
            Self::ExpectSasl2(state) => Ok(Self::ExpectSasl2(Box::new(
                state.with_features(&features, context),
            ))),
            Self::ExpectAuthenticatedFeatures => login::ask(&features, context),
            state => Ok(state),
        }
    }

    fn stream_ended(self, context: &mut Context) -> Next {
        context.understood(Part::Close);
        match self {
            Self::Closing(session) => Ok(closed_in_order(session.is_some(), context)),
            Self::Online(_) => {
                context.transmit(Part::Close, header::CLOSE.to_owned());
                Err(ConnectionError::StreamClosed)
            }
            _ => Err(ConnectionError::StreamClosed),
        }
    }

    fn transport_closed(self, context: &mut Context) -> Next {
        match self {
            Self::Closing(session) => Ok(closed_in_order(session.is_some(), context)),
            _ => Err(ConnectionError::TransportClosed),
        }
    }

    fn timeout(self, context: &mut Context) -> Next {
        let mut state = self;
        while let Some(timer) = context.timers.expired(context.now.mono) {
            state = match (state, timer) {
                (Self::Online(mut session), Timer::Keepalive) => {
                    session.probe(context);
                    session.look_again(context);
                    Self::Online(session)
                }
                (Self::Online(mut session), Timer::Ack) if session.awaits_start() => {
                    session.start_late(context);
                    Self::Online(session)
                }
                (Self::Online(session), Timer::Ack) if session.is_patient(context) => {
                    Self::Online(session)
                }
                (Self::Online(mut session), Timer::Archive) => {
                    session.archive_is_late(context);
                    Self::Online(session)
                }
                (Self::Closing(_), Timer::Close) => return Ok(finish(context)),
                (_, timer) => return Err(ConnectionError::Timeout(timer)),
            };
        }
        Ok(state)
    }

    fn keys_derived(
        self,
        id: crate::sasl::ScramKeyId,
        keys: Result<crate::sasl::ScramKeys, crate::sasl::SaslError>,
        context: &mut Context,
    ) -> Next {
        let keys = keys.map_err(|_| ConnectionError::Local(LocalError::PasswordNotAllowed))?;
        context.keys_derived(id, keys);
        match self {
            Self::ExpectSasl1(state) => state.keys_ready(context),
            Self::ExpectSasl2(state) => state.keys_ready(context),
            state => Ok(state),
        }
    }

    fn command(self, command: Command, context: &mut Context) -> Next {
        match (self, command) {
            (Self::Online(mut session), Command::Send { stanza, kind }) => {
                session.send(&stanza, kind, context);
                session.look_again(context);
                Ok(Self::Online(session))
            }
            (state, Command::Send { stanza, kind }) => {
                super::session::enqueue(&stanza, kind, context);
                Ok(state)
            }
            (state, Command::PathChanged) => {
                context.resumption.path_is_doubtful();
                Ok(state)
            }
            (Self::Online(mut session), Command::Probe { deadline }) => {
                context.resumption.path_is_doubtful();
                context.timers.hasten(Timer::Probe, deadline);
                session.probe(context);
                Ok(Self::Online(session))
            }
            (state, Command::Probe { .. }) => Ok(state),
            (Self::Online(mut session), Command::SetActive(active)) => {
                session.set_active(active, context);
                Ok(Self::Online(session))
            }
            (state, Command::SetActive(active)) => {
                context.active = active;
                Ok(state)
            }
            (Self::Online(mut session), Command::Close) => {
                session.end(context);
                context.await_goodbye();
                Ok(Self::Closing(Some(session)))
            }
            (_, Command::Close) => Ok(finish(context)),
        }
    }

    fn xml_error(self, error: ConnectionError, context: &mut Context) -> ConnectionError {
        if let Self::Online(mut session) = self {
            session.poisoned(context);
        }
        error
    }
}

fn expect_proceed(early: Option<ExpectSasl2>, element: &Element, context: &mut Context) -> Next {
    if element.is("failure", ns::TLS) {
        return Err(ConnectionError::Peer(PeerError::StartTlsRefused));
    }
    if !element.is("proceed", ns::TLS) {
        return Err(ConnectionError::Peer(PeerError::Unexpected(
            "element before TLS",
        )));
    }
    context.understood(Part::Proceed);
    let unread = context.reader.take_unread();
    context.output(Output::TlsFollows { unread });
    if !context.plan.combined_starttls {
        context.output(Output::ClientHello);
    }
    Ok(State::ExpectTls { early })
}

/// The server has heard that we end the stream: all that it sent before has come.
fn closed_in_order(had_session: bool, context: &mut Context) -> State {
    if had_session {
        context.persist(vec![Op::OpenSession(false)]);
    }
    finish(context)
}

fn finish(context: &mut Context) -> State {
    context.closed();
    State::Closed
}
