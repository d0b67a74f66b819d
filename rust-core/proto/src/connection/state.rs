//! The states of a connection, and their transitions.
//!
//! ```text
//!   LoggingIn (its steps: see `login`) ---> Online ---> Closing ---> Closed      (every state may go to Closed)
//! ```
//!
//! A state owns its data: what a login learnt but did not prove is dropped when the session begins.

use std::sync::Arc;

use crate::connection::input::{Command, Input};
use crate::connection::login::{LoggingIn, LoginEnd};
use crate::connection::remote::Remote;
use crate::connection::session::{self, Session};
use crate::connection::timer::Timer;
use crate::error::{Assumption, ConnectionError, LocalError, PeerError};
use crate::knowledge::PushChange;
use crate::ns;
use crate::protocol_message::ProtocolMessage;
use crate::sasl::{SaslError, ScramKeyId, ScramKeys};
use crate::stream::error::StreamError;
use crate::stream::features::StreamFeatures;
use crate::stream::header;
use crate::xml::{Element, RefusedStanza, StreamItem};

/// The progress of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionPhase {
    /// From the transport's start to the session.
    Login,
    /// There is a session.
    Online,
    /// The stream is being closed, or is closed (RFC 6120 section 4.4).
    Closing,
}

type Handled = Result<(), ConnectionError>;

/// The data of each state.
#[derive(Debug)]
pub(super) enum State {
    /// There is no session yet.
    LoggingIn(Box<LoggingIn>),
    /// Stanzas are exchanged.
    Online(Box<Session>),
    /// The client's end of stream has been sent; stanzas and acknowledgements may arrive until the server has closed its side.
    Closing(Option<Box<Session>>),
    /// The connection has ended.
    Closed,
}

impl State {
    /// All values that [`State::name`] may return.
    pub(super) const NAMES: [&str; 14] = [
        "ExpectTransport",
        "ExpectProceed",
        "ExpectTls",
        "ExpectFeatures",
        "ExpectToken",
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

    /// Returns the name of the variant; for a login, that of its step.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::LoggingIn(login) => login.name(),
            Self::Online(_) => "Online",
            Self::Closing(_) => "Closing",
            Self::Closed => "Closed",
        }
    }

    /// Returns the progress of the connection.
    pub(super) fn phase(&self) -> ConnectionPhase {
        match self {
            Self::LoggingIn(_) => ConnectionPhase::Login,
            Self::Online(_) => ConnectionPhase::Online,
            Self::Closing(_) | Self::Closed => ConnectionPhase::Closing,
        }
    }

    /// Processes one input. After an error the connection has ended.
    pub(super) fn handle(&mut self, input: Input<'_>, remote: &mut Remote) -> Handled {
        match input {
            Input::Received(bytes) => self.received(bytes, remote),
            Input::TransportClosed => self.transport_closed(remote),
            Input::TlsClosed => {
                remote.stream.tls_closed = true;
                self.transport_closed(remote)
            }
            Input::CertificateRefused => {
                remote.assumption_held(Assumption::CombinedStartTls);
                self.transport_closed(remote)
            }
            Input::Timeout => self.timeout(remote),
            Input::KeysDerived { id, keys } => self.keys_derived(id, keys, remote),
            Input::TokenProvided(answer) => {
                self.log_in(|login| login.token_provided(answer, remote))
            }
            Input::Command(command) => {
                self.command(command, remote);
                Ok(())
            }
            Input::Committed { .. } => Ok(()),
            Input::PersistFailed { .. } => Err(ConnectionError::Local(LocalError::StorageFailed)),
            Input::Connected => self.log_in(|login| login.connected(remote)),
            Input::EarlyDataReady { end_point } => {
                self.log_in(|login| login.early_data_ready(end_point, remote))
            }
            Input::TlsEstablished(facts) => {
                self.log_in(|login| login.tls_established(facts, remote))
            }
        }
    }

    /// Advances the login, if there is one. Its data is dropped when it ends.
    fn log_in(
        &mut self,
        step: impl FnOnce(&mut LoggingIn) -> Result<Option<LoginEnd>, ConnectionError>,
    ) -> Handled {
        let Self::LoggingIn(login) = self else {
            return Ok(());
        };
        match step(login)? {
            Some(LoginEnd::Online(session)) => *self = Self::Online(session),
            Some(LoginEnd::LoggedOut) => *self = Self::Closing(None),
            None => {}
        }
        Ok(())
    }

    fn received(&mut self, bytes: &[u8], remote: &mut Remote) -> Handled {
        if let Self::Online(session) | Self::Closing(Some(session)) = self {
            session.heard(remote);
        }
        remote.note_lasting();
        remote.stream.reader.feed(bytes);
        loop {
            match remote.stream.reader.next_item() {
                Ok(Some(item)) => {
                    self.item(item, remote)?;
                    self.report_caught_up(remote);
                }
                Ok(None) => break,
                Err(error) => {
                    if let Self::Online(session) = self {
                        session.malformed_input(remote);
                    }
                    return Err(ConnectionError::Peer(PeerError::Xml(error)));
                }
            }
            if matches!(self, Self::Closed) {
                return Ok(());
            }
        }
        // All received bytes are processed.
        if let Self::Online(session) = self {
            session.look_again(remote);
            session.send_alone(remote);
        }
        Ok(())
    }

    fn item(&mut self, item: StreamItem, remote: &mut Remote) -> Handled {
        match item {
            StreamItem::Header(header) => remote.stream.accept_header(&header, &mut remote.env),
            StreamItem::Element(mut element) => {
                let handled = self.element(&element, remote);
                // `<success/>` may hold a FAST token (rule T9).
                if element.ns() == ns::SASL2 {
                    element.wipe();
                }
                handled
            }
            StreamItem::Refused(refused) => self.refused(refused, remote),
            StreamItem::End => self.stream_ended(remote),
        }
    }

    fn refused(&mut self, refused: RefusedStanza, remote: &mut Remote) -> Handled {
        match self {
            Self::Online(session) | Self::Closing(Some(session)) => {
                session.refuse(refused, remote);
            }
            Self::Closing(None) => {}
            // T6: during the login every XML error closes the stream.
            Self::LoggingIn(_) | Self::Closed => {
                return Err(ConnectionError::Peer(PeerError::Xml(refused.reason.into())));
            }
        }
        Ok(())
    }

    fn element(&mut self, element: &Element, remote: &mut Remote) -> Handled {
        if element.is("error", ns::STREAM) {
            return self.stream_error(element, remote);
        }
        if element.is("features", ns::STREAM) {
            remote.env.understood(ProtocolMessage::Features);
            return self.features(&Arc::new(StreamFeatures::parse(element)), remote);
        }
        match self {
            Self::LoggingIn(_) => self.log_in(|login| login.element(element, remote)),
            Self::Online(session) => session.element(element, remote),
            Self::Closing(Some(session)) => {
                session.element_while_ending(element, remote);
                Ok(())
            }
            Self::Closing(None) | Self::Closed => Ok(()),
        }
    }

    fn stream_error(&mut self, element: &Element, remote: &mut Remote) -> Handled {
        remote.env.understood(ProtocolMessage::StreamError);
        let mut error = StreamError::parse(element)
            .ok_or(ConnectionError::Peer(PeerError::Malformed("stream error")))?;
        if let Self::Online(session) = self {
            error.after_answer = session.is_after_answer(error.condition, remote);
        }
        Err(if remote.stream.tls.is_some() {
            ConnectionError::Stream(error)
        } else {
            ConnectionError::Peer(PeerError::ErrorBeforeTls(error.condition))
        })
    }

    fn features(&mut self, features: &Arc<StreamFeatures>, remote: &mut Remote) -> Handled {
        match self {
            Self::LoggingIn(_) => return self.log_in(|login| login.features(features, remote)),
            // Features may follow a session that was resumed inside SASL2.
            Self::Online(session) => session.features(features, remote),
            Self::Closing(_) | Self::Closed => remote.learn_features(features),
        }
        Ok(())
    }

    fn stream_ended(&mut self, remote: &mut Remote) -> Handled {
        remote.env.understood(ProtocolMessage::Close);
        match self {
            Self::Closing(session) => {
                if let Some(session) = session {
                    session.ended_in_order(remote);
                }
                remote.env.closed();
                *self = Self::Closed;
                Ok(())
            }
            Self::Online(_) => {
                remote
                    .env
                    .transmit(ProtocolMessage::Close, header::CLOSE.to_owned());
                Err(ConnectionError::StreamClosed)
            }
            Self::LoggingIn(_) | Self::Closed => Err(ConnectionError::StreamClosed),
        }
    }

    fn transport_closed(&mut self, remote: &mut Remote) -> Handled {
        let Self::Closing(_) = self else {
            return Err(ConnectionError::TransportClosed);
        };
        // Without the server's stream close, something that it sent may not have arrived.
        remote.env.closed();
        *self = Self::Closed;
        Ok(())
    }

    fn timeout(&mut self, remote: &mut Remote) -> Handled {
        while let Some(timer) = remote.env.timers.expired(remote.env.now.mono) {
            match self {
                Self::Online(session) => session.timeout(timer, remote)?,
                Self::Closing(_) if timer == Timer::Close => {
                    remote.env.closed();
                    *self = Self::Closed;
                    return Ok(());
                }
                Self::Closing(_) => {}
                _ if timer == Timer::Token => {
                    return Err(ConnectionError::Local(LocalError::NoTokenInTime));
                }
                _ => return Err(ConnectionError::Timeout(timer)),
            }
        }
        self.report_caught_up(remote);
        Ok(())
    }

    fn report_caught_up(&mut self, remote: &mut Remote) {
        if let Self::Online(session) = self {
            session.report_caught_up(remote);
        }
    }

    fn keys_derived(
        &mut self,
        id: ScramKeyId,
        keys: Result<ScramKeys, SaslError>,
        remote: &mut Remote,
    ) -> Handled {
        let keys = keys.map_err(|_| ConnectionError::Local(LocalError::PasswordNotAllowed))?;
        self.log_in(|login| login.keys_derived(id, keys, remote))
    }

    fn command(&mut self, command: Command, remote: &mut Remote) {
        match (&mut *self, command) {
            (Self::Online(session), Command::Send { stanza, kind }) => {
                session.send(stanza, kind, remote);
                session.look_again(remote);
            }
            (_, Command::Send { stanza, kind }) => session::enqueue(stanza, kind, remote),
            (Self::Online(session), Command::Answer(answer)) => {
                session.answer_of_app(answer, remote);
            }
            (_, Command::Answer(_)) => {}
            (_, Command::PathChanged) => remote.resumption.path_is_doubtful(),
            (Self::Online(session), Command::Probe { deadline }) => {
                remote.resumption.path_is_doubtful();
                remote.env.timers.hasten(Timer::Probe, deadline);
                session.probe(remote);
            }
            (_, Command::Probe { .. }) => {}
            (Self::Online(session), Command::AskForQueued) => session.ask_for_queued(remote),
            (_, Command::AskForQueued) => {}
            (state, Command::PushChanged(wanted)) => {
                remote.knowledge.push.apply(&PushChange::Wanted(wanted));
                if let Self::Online(session) = state {
                    session.push_changed(remote);
                }
            }
            (Self::Online(session), Command::SetActive(active)) => {
                session.set_active(active, remote);
            }
            (_, Command::SetActive(active)) => remote.env.active = active,
            (_, Command::Close) => self.close(remote),
        }
    }

    /// Processes the app's request to close the connection.
    fn close(&mut self, remote: &mut Remote) {
        *self = match std::mem::replace(self, Self::Closed) {
            Self::Online(mut session) => {
                session.end(remote);
                remote.env.await_stream_close();
                Self::Closing(Some(session))
            }
            _ => {
                remote.env.closed();
                Self::Closed
            }
        };
    }

    /// Ends the connection with this error, and records what it means for the requested session and for the facts that were
    /// relied on.
    pub(super) fn fail(&mut self, error: ConnectionError, remote: &mut Remote) {
        let error = match self {
            Self::LoggingIn(login) => login.meaning(error),
            _ => error,
        };
        let heard_at = match self {
            Self::Online(session) => {
                session.suspect(&error, remote);
                Some(session.heard_at())
            }
            _ => None,
        };
        remote.judge_resumption(&error, heard_at);
        let error = remote.weigh_assumption(error);
        match self {
            Self::LoggingIn(login) => login.failed(&error, remote),
            Self::Online(session) => session.failed(&error, remote),
            Self::Closing(_) | Self::Closed => {}
        }
        remote.end(error);
    }
}
