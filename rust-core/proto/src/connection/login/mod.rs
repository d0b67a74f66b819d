//! From the encrypted stream to the session.

mod bind;
mod exchange;
mod resume;
mod sasl1;
mod sasl2;

use crate::error::{Assumption, ConnectionError, NoSession, PeerError};
use crate::knowledge::{FastToken, Op};
use crate::mistakes::{Mistake, planted};
use crate::plan::{Goal, Login, Plan};
use crate::sasl::{Mechanism, NoMechanism, SaslRefusal};
use crate::stream::features::StreamFeatures;

use super::context::Context;
use super::state::{Next, State};

use exchange::{Finished, Proof, is_about_mechanism};

pub(super) use bind::ExpectBound;
pub(super) use resume::{resumed, resumed_before_sasl};
pub(super) use sasl1::ExpectSasl1;
pub(super) use sasl2::{ExpectSasl2, start_fast};

/// How many times a login may be tried in another way on one stream: FAST refused, config-version moved on,
/// mechanism gone. More than that and the server refuses whatever it offers.
const MAX_FALLBACKS: u8 = 4;

/// Whether the plan is to log in with early data.
pub(super) fn is_early(plan: &Plan) -> bool {
    matches!(
        plan.login,
        Login::Fast {
            early_data: true,
            ..
        }
    )
}

/// TLS is established: open the stream, and behind the header, in the same write, all that the plan justifies.
pub(super) fn begin(context: &mut Context) -> Next {
    if let Some(remembered) = context.knowledge.server.secured.clone()
        && context.revise(&remembered).is_err()
    {
        context.plan.login = Login::Discover;
    }
    context.open_stream();
    if context.plan.login == Login::Discover {
        return Ok(State::ExpectFeatures);
    }
    context.at_risk = Some(Assumption::Features);
    attempt(context)
}

/// Starts the login that the plan names, on a stream whose header is already on its way.
pub(super) fn attempt(context: &mut Context) -> Next {
    match context.plan.login.clone() {
        Login::Discover => Ok(State::ExpectFeatures),
        Login::ResumeBeforeSasl => Ok(resume::before_sasl(context)),
        Login::Fast { .. } => Ok(State::ExpectSasl2(Box::new(start_fast(context)?))),
        Login::Sasl2(_) => sasl2::start_password(context),
        Login::Sasl1(_) => sasl1::start(context),
    }
}

/// Another way in on the same stream, by the features that the server has really shown on it.
pub(super) fn fall_back(refusal: SaslRefusal, context: &mut Context) -> Next {
    context.fallbacks = context.fallbacks.saturating_add(1);
    if context.fallbacks > MAX_FALLBACKS {
        return Err(ConnectionError::Peer(PeerError::TooManyFallbacks));
    }
    let Some(features) = context.stream.features.clone() else {
        return Err(ConnectionError::Sasl(refusal));
    };
    let before = context.plan.login.clone();
    context.revise(&features)?;
    // What was refused for itself is not offered again; the server would only say the same.
    if is_about_mechanism(&refusal.condition) && context.plan.login == before {
        return Err(if binds_unadvertised(&before, &features) {
            // Less would be below the floor, and a person has to decide about that (rule T2).
            ConnectionError::Peer(PeerError::NoLogin(NoMechanism::BelowFloor))
        } else {
            ConnectionError::Sasl(refusal)
        });
    }
    attempt(context)
}

/// The type of channel binding was not advertised: it is the one that an earlier login has proven (rule T3).
fn binds_unadvertised(login: &Login, features: &StreamFeatures) -> bool {
    matches!(login, Login::Sasl1(Mechanism::Scram { plus: true, .. }))
        && features.channel_bindings.is_none()
}

/// Logged in, on a stream that has no session yet, and whose features are these.
pub(super) fn ask(features: &StreamFeatures, context: &mut Context) -> Next {
    if context.plan.goal == Goal::Resume && features.sm && !planted(Mistake::BindBeforeResume) {
        return Ok(resume::after_sasl(context));
    }
    context.may_bind(NoSession::NotOffered)?;
    context.plan.goal = Goal::Bind;
    Ok(bind::start(Some(features), context))
}

/// The login is proven: what was learnt may be kept (rule T4), and how strong it was (rule T2).
fn proven(finished: Finished, token: Option<FastToken>, context: &mut Context) {
    let Finished {
        proof: Proof::Verified(_) | Proof::CertificateOnly,
        floor,
        ops,
    } = finished;
    context.at_risk = None;
    context.keys_in_use = false;
    context.authenticated = true;
    context.unproven.extend(ops);
    context.unproven.extend(floor.map(Op::RaiseFloor));
    context.unproven.extend(token.map(Op::StoreFast));
    context.login_proven();
}
