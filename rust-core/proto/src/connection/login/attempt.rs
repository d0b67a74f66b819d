//! Which login method is tried, on which features, and which one follows after a refusal.

use crate::connection::login::exchange::is_about_mechanism;
use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::sasl::SaslProfile;
use crate::connection::login::step::{LoginStep, Next, Sasl2};
use crate::connection::login::{bind, resume, sasl1, sasl2, token};
use crate::connection::remote::Remote;
use crate::error::{Assumption, ConnectionError, NoSession, PeerError};
use crate::plan::{Goal, Login};
use crate::sasl::{Mechanism, NoMechanism, SaslRefusal};
use crate::stream::features::StreamFeatures;

/// TLS is established: opens the stream and sends, in the same write, everything that the plan justifies after the header.
pub(super) fn begin(login: &mut Negotiation, remote: &mut Remote) -> Next {
    if let Some(remembered) = remote.knowledge.server.secured.clone()
        && login.revise(&remembered, remote).is_err()
    {
        remote.plan.login = Login::Discover;
    }
    login.open_stream(remote);
    if remote.plan.login == Login::Discover {
        return Ok(LoginStep::ExpectFeatures.into());
    }
    remote.at_risk = Some(Assumption::Features);
    attempt(login, remote)
}

/// Starts the login that the plan names, on a stream whose header has been sent.
pub(super) fn attempt(login: &mut Negotiation, remote: &mut Remote) -> Next {
    if token::is_missing(login, remote) {
        return Ok(token::wait(login, remote).into());
    }
    match remote.plan.login.clone() {
        Login::Discover => Ok(LoginStep::ExpectFeatures.into()),
        Login::ResumeBeforeSasl => Ok(resume::before_sasl(remote).into()),
        Login::Fast { .. } => Ok(Sasl2::step(sasl2::start_fast(login, remote)?).into()),
        Login::Sasl2(_) => sasl2::start_password(login, remote),
        Login::Sasl1(_) => sasl1::start(login, remote),
    }
}

/// Tries another login method on the same stream, by the features that the server has really advertised on it.
pub(super) fn fall_back(
    refusal: SaslRefusal,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Next {
    login.count_fallback()?;
    let Some(features) = remote.stream.features.clone() else {
        return Err(if remote.at_risk == Some(Assumption::FastToken) {
            // Only the token was refused, which is dropped: the next login uses the password.
            ConnectionError::WrongAssumption(Assumption::FastToken)
        } else {
            ConnectionError::Sasl(refusal)
        });
    };
    let before = remote.plan.login.clone();
    login.revise(&features, remote)?;
    // A method that was itself refused is not tried again; the server would refuse it again.
    if is_about_mechanism(&refusal.condition) && remote.plan.login == before {
        return Err(if binds_unadvertised(&before, &features) {
            // A weaker login would be below the stored minimum strength, and the user has to decide about that (rule T2).
            ConnectionError::Peer(PeerError::NoLogin(NoMechanism::BelowFloor))
        } else {
            ConnectionError::Sasl(refusal)
        });
    }
    attempt(login, remote)
}

/// Returns whether the type of channel binding was not advertised: then it is the one that an earlier login has proven (rule T3).
fn binds_unadvertised(login: &Login, features: &StreamFeatures) -> bool {
    matches!(login, Login::Sasl1(Mechanism::Scram { plus: true, .. }))
        && features.channel_bindings.is_none()
}

/// Continues after the login, on a stream that has no session yet, and whose features are these.
pub(super) fn ask(features: &StreamFeatures, login: &mut Negotiation, remote: &mut Remote) -> Next {
    if remote.plan.goal == Goal::Resume && features.sm {
        return Ok(resume::after_sasl(remote).into());
    }
    login.may_bind(NoSession::NotOffered)?;
    remote.plan.goal = Goal::Bind;
    Ok(bind::start(Some(features), login, remote).into())
}
