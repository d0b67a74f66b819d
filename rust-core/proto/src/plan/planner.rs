//! Computes a [`Plan`] from what is remembered. A fact that this server did not advertise to this account, endpoint and
//! transport on an encrypted stream is never assumed (rules S2, S3, S6).

use super::{Goal, Login, Plan, Purpose, Restart, Transport};
use crate::config::Policy;
use crate::escalation::{Remedy, Subject};
use crate::knowledge::{FastToken, Knowledge};
use crate::sasl::{self, ChannelBindings, HtBinding, NoMechanism, Offer, Profile, SaslPolicy};
use crate::stream::features::{Sasl2Features, StreamFeatures};
use crate::time::UnixTime;

/// The input of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// How the endpoint is reached.
    pub transport: Transport,
    /// What the app allows.
    pub policy: &'a Policy,
    /// The only mechanism that the app allows in place of a password ([`Method`](crate::sasl::Method)).
    pub only: Option<sasl::Mechanism>,
    /// What is remembered.
    pub knowledge: &'a Knowledge,
    /// What is known, or expected, of TLS.
    pub tls: &'a TlsOutlook,
    /// The purpose of the connection.
    pub purpose: Purpose,
    /// The current time, for expiry dates.
    pub wall: UnixTime,
}

/// What is known, or expected, of the TLS connection.
#[derive(Clone, Debug)]
pub enum TlsOutlook {
    /// Not established yet: the plan assumes TLS 1.3 and a known server.
    Expected {
        /// A ticket that allows early data is available, and the certificate hash of its connection is known.
        early_data: bool,
    },
    /// Established.
    Established {
        /// Channel bindings that this connection has.
        bindings: ChannelBindings,
        /// It resumes a ticket of a connection whose login was proven.
        resumes_proven: bool,
        /// SHA-256 of the server's public key.
        key: [u8; 32],
    },
}

/// Returns the most optimistic plan that the remembered facts justify.
pub fn plan(inputs: Inputs<'_>) -> Plan {
    let secured = inputs.knowledge.server.secured.as_deref();
    let mut plan = Plan {
        transport: inputs.transport,
        fast_open: false,
        combined_starttls: inputs.transport == Transport::StartTls && may_pipeline(inputs, secured),
        login: Login::Discover,
        goal: goal(inputs),
        inline: false,
        restart: Restart::Discover,
    };
    if let Some(features) = secured
        && plan.revise(features, inputs).is_err()
    {
        plan.login = Login::Discover;
    }
    plan
}

impl Plan {
    /// Decides the login again, from features that are remembered or were just received. On an error the plan is unchanged.
    pub fn revise(
        &mut self,
        features: &StreamFeatures,
        inputs: Inputs<'_>,
    ) -> Result<(), NoMechanism> {
        self.login = login(features, inputs, self.goal)?;
        self.inline = is_inline(&self.login, self.goal, features.sasl2.as_ref())
            && !(self.goal == Goal::Resume && (would_betray_session(inputs) || goes_alone(inputs)));
        self.restart = restart(inputs, features, self.goal);
        Ok(())
    }
}

fn goal(inputs: Inputs<'_>) -> Goal {
    match inputs.purpose {
        Purpose::LogOut => return Goal::LogOut,
        Purpose::ResumeOnly => return Goal::Resume,
        Purpose::Session | Purpose::CatchUp => {}
    }
    match &inputs.knowledge.sm {
        Some(session) if !(session.has_expired(inputs.wall) || is_given_up(inputs)) => Goal::Resume,
        _ => Goal::Bind,
    }
}

fn may_pipeline(inputs: Inputs<'_>, secured: Option<&StreamFeatures>) -> bool {
    !gives_up(inputs, Subject::PipelinedStart, Remedy::SequentialStart)
        && secured.is_some_and(|features| features.pipelining)
}

fn login(features: &StreamFeatures, inputs: Inputs<'_>, goal: Goal) -> Result<Login, NoMechanism> {
    if let Some(login) = fast(features, inputs) {
        return Ok(login);
    }
    if goal == Goal::Resume && may_resume_before_sasl(features, inputs) {
        return Ok(Login::ResumeBeforeSasl);
    }
    let by_sasl2 = features
        .sasl2
        .as_ref()
        .map(|_| choose(Profile::Sasl2, features, inputs).map(Login::Sasl2));
    if let Some(Ok(login)) = by_sasl2 {
        return Ok(login);
    }
    let by_sasl1 = features
        .sasl1
        .as_ref()
        .map(|_| choose(Profile::Sasl1, features, inputs).map(Login::Sasl1));
    by_sasl1
        .or(by_sasl2)
        .unwrap_or(Err(NoMechanism::NothingInCommon))
}

fn fast(features: &StreamFeatures, inputs: Inputs<'_>) -> Option<Login> {
    let offered = features.sasl2.as_ref()?.fast.as_ref()?;
    let token = inputs.knowledge.fast.as_ref()?;
    let name = sasl::Mechanism::Ht(token.binding);
    let is_offered = offered.mechanisms.iter().any(|m| m == name.as_str());
    if !is_offered || !is_usable(token, inputs) {
        return None;
    }
    let early_data = inputs.policy.early_data
        && offered.tls_0rtt
        && token.binding != HtBinding::Exporter
        && matches!(inputs.tls, TlsOutlook::Expected { early_data: true });
    Some(Login::Fast {
        binding: token.binding,
        early_data,
    })
}

fn is_usable(token: &FastToken, inputs: Inputs<'_>) -> bool {
    let is_fresh = token.expires.is_none_or(|expires| inputs.wall < expires);
    let is_bound = match (token.binding, inputs.tls) {
        (HtBinding::None, _) => {
            inputs.policy.allow_unbound_tokens && !inputs.policy.require_channel_binding
        }
        (_, TlsOutlook::Expected { .. }) => true,
        (HtBinding::Exporter, TlsOutlook::Established { bindings, .. }) => {
            bindings.tls_exporter.is_some()
        }
        (HtBinding::EndPoint, TlsOutlook::Established { bindings, .. }) => {
            bindings.tls_server_end_point.is_some()
        }
    };
    let is_strong = inputs.knowledge.floor.is_none_or(|floor| {
        floor.allows(
            sasl::Mechanism::Ht(token.binding),
            token.binding.channel_binding(),
        )
    });
    is_fresh && is_bound && is_strong
}

/// Returns whether the conditions of rule S3 hold: the one deliberate exception to "nothing before the server is
/// authenticated".
fn may_resume_before_sasl(features: &StreamFeatures, inputs: Inputs<'_>) -> bool {
    features.sm
        && is_known_server(inputs)
        && !inputs.policy.require_channel_binding
        && !goes_alone(inputs)
}

/// I19: returns whether the last `<resume/>` got no valid answer: then it is sent after the login, in a flight of its own.
fn goes_alone(inputs: Inputs<'_>) -> bool {
    gives_up(inputs, Subject::Resume, Remedy::ResumeAlone)
}

/// I19: returns whether the session is not requested any more.
fn is_given_up(inputs: Inputs<'_>) -> bool {
    inputs.knowledge.failures.gives_up_session(inputs.wall)
}

fn gives_up(inputs: Inputs<'_>, subject: Subject, remedy: Remedy) -> bool {
    let failures = &inputs.knowledge.failures;
    failures.gives_up(subject, remedy, inputs.wall)
}

/// Returns whether TLS shows the server whose login was proven when it advertised resumption before SASL.
fn is_known_server(inputs: Inputs<'_>) -> bool {
    let Some(proven_key) = inputs.knowledge.server.sm_before_sasl else {
        return false;
    };
    match inputs.tls {
        TlsOutlook::Expected { .. } => true,
        TlsOutlook::Established {
            resumes_proven,
            key,
            ..
        } => *resumes_proven || *key == proven_key,
    }
}

/// S3: returns whether the SM-ID alone resumes a session and the server is neither known nor authenticated: then the
/// session is requested after the login.
fn would_betray_session(inputs: Inputs<'_>) -> bool {
    inputs.knowledge.server.sm_before_sasl.is_some() && !is_known_server(inputs)
}

fn choose(
    profile: Profile,
    features: &StreamFeatures,
    inputs: Inputs<'_>,
) -> Result<sasl::Mechanism, NoMechanism> {
    let expected = ChannelBindings {
        tls_exporter: Some(Vec::new()),
        tls_server_end_point: Some(Vec::new()),
    };
    let bindings = match inputs.tls {
        TlsOutlook::Expected { .. } => &expected,
        TlsOutlook::Established { bindings, .. } => bindings,
    };
    sasl::choose(&offer(profile, features), bindings, &sasl_policy(inputs))
        .map(|choice| choice.mechanism)
}

/// Returns what the server offers, in the form that the choice of a mechanism takes.
pub(crate) fn offer(profile: Profile, features: &StreamFeatures) -> Offer {
    let mechanisms = match profile {
        Profile::Sasl1 => features.sasl1.clone(),
        Profile::Sasl2 => features
            .sasl2
            .as_ref()
            .map(|sasl2| sasl2.mechanisms.clone()),
    };
    Offer {
        profile,
        mechanisms: mechanisms.unwrap_or_default(),
        channel_bindings: features.channel_bindings.clone(),
    }
}

/// Returns what the app and the stored minimum strength allow, in the form that the choice of a mechanism takes.
pub(crate) fn sasl_policy(inputs: Inputs<'_>) -> SaslPolicy {
    SaslPolicy {
        allow_plain: inputs.policy.allow_plain,
        require_channel_binding: inputs.policy.require_channel_binding,
        floor: inputs.knowledge.floor,
        only: inputs.only,
    }
}

fn is_inline(login: &Login, goal: Goal, sasl2: Option<&Sasl2Features>) -> bool {
    let Some(sasl2) = sasl2 else { return false };
    match (login, goal) {
        (Login::Fast { .. } | Login::Sasl2(_), Goal::Resume) => sasl2.sm,
        (Login::Fast { .. } | Login::Sasl2(_), Goal::Bind) => sasl2.bind2.is_some(),
        (Login::Fast { .. }, Goal::LogOut) => true,
        _ => false,
    }
}

/// Bind is mandatory to implement (RFC 6120 7), so it may be pipelined without having been advertised; resumption must have
/// been advertised. Where there is a session and the remembered features do not contain resumption, they are out of date: wait
/// for the server's features.
fn restart(inputs: Inputs<'_>, features: &StreamFeatures, goal: Goal) -> Restart {
    if goal == Goal::Resume && goes_alone(inputs) {
        return Restart::Discover;
    }
    let authenticated = inputs.knowledge.server.authenticated.as_ref();
    let resumes = authenticated.is_some_and(|features| features.sm);
    let can_ask = match goal {
        Goal::Bind => true,
        Goal::LogOut => false,
        Goal::Resume => resumes,
    };
    if can_ask && may_pipeline(inputs, Some(features)) {
        Restart::Pipelined
    } else if authenticated.is_some() && (resumes || goal != Goal::Resume) {
        Restart::Separate
    } else {
        Restart::Discover
    }
}
