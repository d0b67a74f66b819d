//! From the transport's first byte to the session. What a login learns and decides is dropped when it ends, except for what it
//! passes on.
//!
//! ```text
//!                       ExpectTransport
//!            STARTTLS  /               \  direct TLS
//!          ExpectProceed -----------> ExpectTls            (early data: the login is already on its way)
//!                                         |
//!             nothing remembered /        |        \ <resume/> first (XEP-0305)
//!                 ExpectFeatures          |     ExpectResumedBeforeSasl ---------------.
//!                        |                |         |  (a bearer token is awaited in     |
//!                        |                |         |   ExpectToken, before either SASL) |
//!                        \                |         / refused                          |
//!                         v               v        v                                   |
//!                       ExpectSasl2    ExpectSasl1                                     |
//!   bound or resumed inline |   \          |   \ features not remembered               |
//!                           |    '---------|--> ExpectAuthenticatedFeatures            |
//!                           |              v          |                                |
//!                           |         ExpectResumed <-'---> ExpectBound                |
//!                           |              |  \ failed          ^  |                   |
//!                           |              |   '----------------'  |                   |
//!                           '---------> session <------------------'-------------------'
//! ```

mod attempt;
mod bearer_token;
mod bind;
mod exchange;
mod negotiation;
mod resume;
mod sasl;
mod sasl1;
mod sasl2;
mod step;
mod token;

use std::sync::Arc;

use snapback_types::transport::EarlyData;

use crate::connection::input::TlsFacts;
use crate::connection::output::Output;
use crate::connection::remote::Remote;
use crate::connection::start::Start;
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::ns;
use crate::plan::{Goal, Login, Purpose, Transport};
use crate::protocol_message::ProtocolMessage;
use crate::sasl::{CredentialError, HtBinding, ScramKeyId, ScramKeys};
use crate::secret::Secret;
use crate::stream::features::StreamFeatures;
use crate::time::Now;
use crate::xml::Element;

use negotiation::{Negotiation, is_early};
use step::{ExpectSasl, LoginStep, Next, Progress, Sasl2};

pub(super) use step::LoginEnd;

/// A login in progress.
#[derive(Debug)]
pub(super) struct LoggingIn {
    negotiation: Negotiation,
    /// The step that waits for the next input. `None` while an input is processed, and after an error.
    step: Option<LoginStep>,
}

/// The result of an input: the login continues, or it has ended in this way.
type Outcome = Result<Option<LoginEnd>, ConnectionError>;

impl LoggingIn {
    /// Creates the plan, and waits for the transport.
    pub(super) fn begin(start: Start, now: Now) -> (Self, Remote) {
        let (negotiation, remote) = Negotiation::begin(start, now);
        let login = Self {
            negotiation,
            step: Some(LoginStep::ExpectTransport),
        };
        (login, remote)
    }

    /// Returns the name of the step.
    pub(super) fn name(&self) -> &'static str {
        self.step.as_ref().map_or("Closed", LoginStep::name)
    }

    /// The transport is established.
    pub(super) fn connected(&mut self, remote: &mut Remote) -> Outcome {
        self.go(|step, login| connected(step, login, remote))
    }

    /// The TLS handshake that is about to start can carry early data.
    pub(super) fn early_data_ready(
        &mut self,
        end_point: Option<Vec<u8>>,
        remote: &mut Remote,
    ) -> Outcome {
        self.go(|step, login| early_data_ready(step, end_point, login, remote))
    }

    /// The TLS handshake is complete.
    pub(super) fn tls_established(&mut self, facts: TlsFacts, remote: &mut Remote) -> Outcome {
        self.go(|step, login| tls_established(step, facts, login, remote))
    }

    /// Processes an element that is neither a stream error nor features.
    pub(super) fn element(&mut self, element: &Element, remote: &mut Remote) -> Outcome {
        self.go(|step, login| match step {
            LoginStep::ExpectProceed { early } => expect_proceed(early, element, remote),
            LoginStep::ExpectResumedBeforeSasl => {
                resume::resumed_before_sasl(element, login, remote)
            }
            LoginStep::ExpectSasl1(state) => state.element(element, login, remote),
            LoginStep::ExpectSasl2(state) => state.element(element, login, remote),
            LoginStep::ExpectResumed => resume::resumed(element, login, remote),
            LoginStep::ExpectBound(state) => state.element(element, remote),
            _ => Err(sasl::out_of_place(element, "element")),
        })
    }

    /// Processes the server's features.
    pub(super) fn features(
        &mut self,
        features: &Arc<StreamFeatures>,
        remote: &mut Remote,
    ) -> Outcome {
        let is_awaited = matches!(self.step, Some(LoginStep::ExpectAuthenticatedFeatures));
        if is_awaited && !features.bind && !features.sm {
            // Requests would be refused, and nothing is learnt: the session can be resumed later.
            return Err(ConnectionError::Peer(PeerError::NoBind));
        }
        self.negotiation.accept_features(features, remote);
        self.go(|step, login| match step {
            LoginStep::ExpectProceed { .. } if !features.starttls => {
                Err(ConnectionError::Peer(PeerError::StartTlsNotOffered))
            }
            LoginStep::ExpectFeatures | LoginStep::ExpectToken { .. } => {
                login.revise(features, remote)?;
                attempt::attempt(login, remote)
            }
            LoginStep::ExpectSasl1(state) => Ok(state.with_features(features, remote).into()),
            LoginStep::ExpectSasl2(state) => Ok(state.with_features(features, remote).into()),
            LoginStep::ExpectAuthenticatedFeatures => attempt::ask(features, login, remote),
            step => Ok(step.into()),
        })
    }

    /// Processes keys derived from the password.
    pub(super) fn keys_derived(
        &mut self,
        id: ScramKeyId,
        keys: ScramKeys,
        remote: &mut Remote,
    ) -> Outcome {
        self.negotiation.keys_derived(id, keys, remote);
        self.go(|step, login| match step {
            LoginStep::ExpectSasl1(state) => state.keys_ready(login, remote),
            LoginStep::ExpectSasl2(state) => state.keys_ready(login, remote),
            step => Ok(step.into()),
        })
    }

    /// Processes the app's bearer token, or the reason why there is none.
    pub(super) fn token_provided(
        &mut self,
        answer: Result<Secret<String>, CredentialError>,
        remote: &mut Remote,
    ) -> Outcome {
        self.go(|step, login| token::provided(step, answer, login, remote))
    }

    /// Returns what an error means at this point of the login.
    pub(super) fn meaning(&self, error: ConnectionError) -> ConnectionError {
        self.negotiation.meaning(error)
    }

    /// The login failed: records what the error means for the facts that were relied on.
    pub(super) fn failed(&self, error: &ConnectionError, remote: &mut Remote) {
        self.negotiation.judge_token(error, remote);
        self.negotiation.drop_refused_keys(error, remote);
    }

    /// Passes an input to the step. Each handler consumes the step, so that a partly changed one cannot exist.
    fn go(&mut self, handle: impl FnOnce(LoginStep, &mut Negotiation) -> Next) -> Outcome {
        let Some(step) = self.step.take() else {
            return Ok(None);
        };
        match handle(step, &mut self.negotiation)? {
            Progress::Expect(step) => {
                self.step = Some(step);
                Ok(None)
            }
            Progress::Over(end) => Ok(Some(end)),
        }
    }
}

fn connected(step: LoginStep, login: &mut Negotiation, remote: &mut Remote) -> Next {
    if !matches!(step, LoginStep::ExpectTransport) {
        return Ok(step.into());
    }
    login.check_purpose(remote)?;
    remote.env.start_login_timer();
    if remote.plan.goal == Goal::Resume && login.purpose != Purpose::LogOut {
        remote.will_resume();
    }
    token::expect(login, remote);
    if login.transport == Transport::DirectTls {
        remote.env.output(Output::ClientHello);
        return Ok(LoginStep::ExpectTls { early: None }.into());
    }
    login.open_stream(remote);
    let start = Element::new("starttls", ns::TLS);
    remote
        .env
        .transmit_element(ProtocolMessage::StartTls, &start);
    if remote.plan.combined_starttls {
        remote.at_risk = Some(Assumption::CombinedStartTls);
        remote.env.output(Output::ClientHello);
    }
    Ok(LoginStep::ExpectProceed { early: None }.into())
}

fn early_data_ready(
    step: LoginStep,
    end_point: Option<Vec<u8>>,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Next {
    let is_bound = match remote.plan.login {
        Login::Fast { binding, .. } => binding == HtBinding::None || end_point.is_some(),
        _ => false,
    };
    // A hash of empty data would be the message of an unbound token.
    if !is_early(&remote.plan) || !is_bound {
        return Ok(step.into());
    }
    login.early_end_point = Some(end_point.unwrap_or_default());
    login.open_stream(remote);
    let early = Some(Box::new(sasl2::start_fast(login, remote)?));
    let step = match step {
        LoginStep::ExpectProceed { .. } => LoginStep::ExpectProceed { early },
        LoginStep::ExpectTls { .. } => LoginStep::ExpectTls { early },
        step => step,
    };
    Ok(step.into())
}

fn tls_established(
    step: LoginStep,
    facts: TlsFacts,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Next {
    let LoginStep::ExpectTls { early } = step else {
        return Ok(step.into());
    };
    let early_data = facts.early_data;
    remote.at_risk = None;
    remote.stream.secured(facts, remote.env.config.limits);
    match (early, early_data) {
        (Some(early), EarlyData::Accepted) => {
            remote.at_risk = Some(Assumption::Features);
            Ok(LoginStep::ExpectSasl2(early).into())
        }
        _ => attempt::begin(login, remote),
    }
}

fn expect_proceed(
    early: Option<Box<ExpectSasl<Sasl2>>>,
    element: &Element,
    remote: &mut Remote,
) -> Next {
    if element.is("failure", ns::TLS) {
        return Err(ConnectionError::Peer(PeerError::StartTlsRefused));
    }
    if !element.is("proceed", ns::TLS) {
        return Err(ConnectionError::Peer(PeerError::Unexpected(
            "element before TLS",
        )));
    }
    remote.env.understood(ProtocolMessage::Proceed);
    let unread = remote.stream.reader.take_unread();
    remote.env.output(Output::TlsFollows { unread });
    if !remote.plan.combined_starttls {
        remote.env.output(Output::ClientHello);
    }
    Ok(LoginStep::ExpectTls { early }.into())
}
