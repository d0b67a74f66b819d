//! The app's bearer token (RFC 7628): requested as early as it is known to be needed, so that a provider that answers within the
//! TLS handshake costs no time; bounded; and requested once more if the server refuses it.

use std::time::Duration;

use crate::connection::env::Env;
use crate::connection::login::attempt::attempt;
use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::step::{LoginStep, Next};
use crate::connection::remote::Remote;
use crate::connection::timer::Timer;
use crate::error::{Assumption, ConnectionError, LocalError, PeerError};
use crate::plan::Login;
use crate::sasl::{CredentialError, Mechanism, Method, SaslError, SaslRefusal};
use crate::secret::Secret;

/// How long the app may take for a token. Less than the 30 s of a login, and more than a request to another server takes on a
/// slow path: an app that has to ask its user reports that at once instead ([`CredentialError::UserNeeded`]).
pub(super) const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);

/// What is known of the app's token in this login.
#[derive(Debug, Default)]
pub(super) struct BearerToken {
    token: Option<Secret<String>>,
    is_requested: bool,
    /// The server refused the last one.
    was_refused: bool,
}

impl BearerToken {
    pub(super) fn new(was_refused: bool) -> Self {
        Self {
            was_refused,
            ..Self::default()
        }
    }

    /// Takes the token. It is used for one exchange.
    pub(super) fn take(&mut self) -> Option<Secret<String>> {
        self.is_requested = false;
        self.token.take()
    }

    fn request(&mut self, env: &mut Env) {
        if !std::mem::replace(&mut self.is_requested, true) {
            env.request_token(self.was_refused, TOKEN_TIMEOUT);
        }
    }
}

/// Requests the token in advance if the plan needs one, or may need one.
pub(super) fn expect(login: &mut Negotiation, remote: &mut Remote) {
    let is_method = matches!(remote.env.config.method, Method::BearerToken);
    let is_replaced = matches!(
        remote.plan.login,
        Login::Fast { .. } | Login::ResumeBeforeSasl
    );
    if is_method && !is_replaced {
        login.bearer.request(&mut remote.env);
    }
}

/// Returns whether the login that the plan names has to wait for the token.
pub(super) fn is_missing(login: &Negotiation, remote: &Remote) -> bool {
    let is_planned = matches!(
        remote.plan.login,
        Login::Sasl1(Mechanism::OauthBearer) | Login::Sasl2(Mechanism::OauthBearer)
    );
    is_planned && login.bearer.token.is_none()
}

/// Waits for the token. Nothing has been sent that relies on a remembered fact.
pub(super) fn wait(login: &mut Negotiation, remote: &mut Remote) -> LoginStep {
    login.bearer.request(&mut remote.env);
    LoginStep::ExpectToken {
        at_risk: remote.at_risk.take(),
    }
}

/// Processes the app's answer.
pub(super) fn provided(
    step: LoginStep,
    answer: Result<Secret<String>, CredentialError>,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Next {
    remote.env.timers.stop(Timer::Token);
    if !login.bearer.is_requested {
        return Ok(step.into());
    }
    login.bearer.token = Some(answer.map_err(|error| match error {
        CredentialError::WrongServer => missing(CredentialError::UserNeeded),
        error => missing(error),
    })?);
    match step {
        LoginStep::ExpectToken { at_risk } => {
            // The features may have arrived meanwhile.
            remote.at_risk = at_risk.filter(|_| remote.stream.features.is_none());
            attempt(login, remote)
        }
        step => Ok(step.into()),
    }
}

/// The server refused the token: another one is requested, once, and tried on the same stream where it can go on.
pub(super) fn refused(
    refusal: SaslRefusal,
    goes_on: bool,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Next {
    if std::mem::replace(&mut login.bearer.was_refused, true) {
        return Err(ConnectionError::Sasl(refusal));
    }
    let features = remote.stream.features.clone();
    let Some(features) = features.filter(|_| goes_on) else {
        return Err(ConnectionError::WrongAssumption(Assumption::BearerToken));
    };
    login.count_fallback()?;
    login.revise(&features, remote)?;
    attempt(login, remote)
}

/// Returns what it means that the app has no credentials.
pub(super) fn missing(error: CredentialError) -> ConnectionError {
    match error {
        CredentialError::UserNeeded => ConnectionError::Local(LocalError::NoCredentials),
        CredentialError::Unavailable => ConnectionError::Local(LocalError::CredentialsUnavailable),
        CredentialError::WrongServer => {
            ConnectionError::Peer(PeerError::Sasl(SaslError::WrongOwnProof))
        }
    }
}
