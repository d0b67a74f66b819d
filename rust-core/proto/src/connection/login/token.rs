//! The app's bearer token (RFC 7628): requested as early as it is known to be needed, so that a provider that answers within the
//! TLS handshake costs no time; bounded; and requested once more if the server refuses it.

use crate::connection::login::attempt::attempt;
use crate::connection::login::bearer_token::missing;
use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::step::{LoginStep, Next};
use crate::connection::remote::Remote;
use crate::connection::timer::Timer;
use crate::error::{Assumption, ConnectionError};
use crate::plan::Login;
use crate::sasl::{CredentialError, Mechanism, Method, SaslRefusal};
use crate::secret::Secret;

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
