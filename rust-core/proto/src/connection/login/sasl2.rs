//! XEP-0388 SASL2, with everything that is sent inline: Bind 2 (XEP-0386), stream management (XEP-0198), FAST (XEP-0484) and
//! the config-version (XEP-0509).

use crate::connection::login::attempt::fall_back;
use crate::connection::login::exchange::{Exchange, is_about_mechanism};
use crate::connection::login::negotiation::{
    Negotiation, is_early, offer_has_changed, secured_features,
};
use crate::connection::login::resume::{online, refused, resume_element};
use crate::connection::login::sasl::{SaslProfile, out_of_place};
use crate::connection::login::step::{ExpectSasl, LoginEnd, LoginStep, Next, Progress, Sasl2};
use crate::connection::login::token;
use crate::connection::output::Seq;
use crate::connection::remote::Remote;
use crate::connection::session::{self, Inline, Session, SessionResource};
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::escalation::Request;
use crate::jid::BareJid;
use crate::knowledge::{FastToken, Op};
use crate::ns;
use crate::plan::{Goal, Purpose};
use crate::protocol_message::ProtocolMessage;
use crate::sasl::{HtBinding, Mechanism, Profile, SaslCondition};
use crate::secret::Secret;
use crate::stream::features::Sasl2Features;
use crate::stream::header;
use crate::xep::bind2::{Bind2, EnableSm};
use crate::xep::error::CodecError;
use crate::xep::fast;
use crate::xep::sasl2::{self as codec, Authenticate, Continue, Failure, Success, UserAgent};
use crate::xml::Element;

/// The maximum number of tasks that are reported to the app.
const MAX_TASKS: usize = 16;

/// The name of a SASL mechanism has 20 characters at most (RFC 4422 3.1).
const TASK_MAX_CHARS: usize = 64;

/// Sends `<authenticate/>` with the FAST token; in early data, or where the server counts, with the next `count`, which is
/// committed before it is sent (rule S6).
pub(super) fn start_fast(
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Result<ExpectSasl<Sasl2>, ConnectionError> {
    let (shown, nothing) = (secured_features(remote), Sasl2Features::default());
    let features = shown.sasl2.as_ref().unwrap_or(&nothing);
    let counts = is_early(&remote.plan) || features.fast.as_ref().is_some_and(|fast| fast.tls_0rtt);
    let (count, after) = if counts {
        next_count(remote)
    } else {
        (None, None)
    };
    let (exchange, response) = Exchange::with_token(login, remote)?;
    remote.at_risk.get_or_insert(Assumption::FastToken);
    login.token_in_use = true;
    let used = remote.knowledge.fast.as_ref().map(|token| token.binding);
    let is_log_out = login.purpose == Purpose::LogOut;
    let wanted =
        wanted_token(features, login, remote).filter(|wanted| Some(*wanted) != used && !is_log_out);
    let (mut children, inline, noted) = goal_elements(features, login, remote);
    children.push(fast::fast(count, is_log_out));
    children.extend(wanted.map(request_token));
    // The last of the transactions.
    let after = noted.max(after);
    send(
        &exchange,
        Some(Secret::new(response)),
        children,
        after,
        remote,
    );
    let profile = Sasl2 {
        token_binding: wanted.or(used),
        used_token: true,
        inline,
    };
    Ok(ExpectSasl { exchange, profile })
}

/// Sends `<authenticate/>` with the mechanism of the password, or of what takes its place, and requests a token.
pub(super) fn start_password(login: &mut Negotiation, remote: &mut Remote) -> Next {
    let (shown, nothing) = (secured_features(remote), Sasl2Features::default());
    let features = shown.sasl2.as_ref().unwrap_or(&nothing);
    let (exchange, response) = Exchange::with_credentials(Profile::Sasl2, login, remote)?;
    let wanted = wanted_token(features, login, remote);
    let (mut children, inline, noted) = goal_elements(features, login, remote);
    children.extend(wanted.map(request_token));
    send(&exchange, response, children, noted, remote);
    let profile = Sasl2 {
        token_binding: wanted,
        used_token: false,
        inline,
    };
    Ok(Sasl2::step(ExpectSasl { exchange, profile }).into())
}

fn next_count(remote: &mut Remote) -> (Option<u32>, Option<Seq>) {
    let Some(token) = remote.knowledge.fast.as_mut() else {
        return (None, None);
    };
    token.count = token.count.saturating_add(1);
    let count = token.count;
    (
        Some(count),
        Some(remote.env.persist(vec![Op::CountFast(count)])),
    )
}

fn request_token(binding: HtBinding) -> Element {
    fast::request_token(Mechanism::Ht(binding).as_str())
}

/// Returns the token to request: bound to the channel, and suitable for early data if that is wanted (rules S5, S6).
fn wanted_token(
    features: &Sasl2Features,
    login: &Negotiation,
    remote: &Remote,
) -> Option<HtBinding> {
    if remote.env.config.method.is_anonymous() {
        // The account is another one each time.
        return None;
    }
    let offered = features.fast.as_ref()?;
    let bindings = login.channel_bindings(remote);
    let is_offered = |binding: HtBinding| {
        let name = Mechanism::Ht(binding);
        offered.mechanisms.iter().any(|m| m == name.as_str())
    };
    let policy = &remote.env.config.policy;
    let mut ranking = vec![HtBinding::Exporter, HtBinding::EndPoint];
    if policy.early_data && offered.tls_0rtt {
        ranking.reverse();
    }
    if policy.allow_unbound_tokens && !policy.require_channel_binding {
        ranking.push(HtBinding::None);
    }
    ranking.into_iter().find(|binding| {
        is_offered(*binding)
            && match binding {
                HtBinding::Exporter => {
                    bindings.tls_exporter.is_some() || remote.stream.tls.is_none()
                }
                HtBinding::EndPoint => bindings.tls_server_end_point.is_some(),
                HtBinding::None => true,
            }
    })
}

/// Returns `<resume/>` and `<bind/>`; they may be sent together, and the server tries resumption first (rule S4). They are sent
/// once the returned transaction is committed.
fn goal_elements(
    features: &Sasl2Features,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> (Vec<Element>, Inline, Option<Seq>) {
    let mut children = Vec::new();
    let nothing = Inline::default();
    let mut stored = None;
    // Requests that were sent earlier on this stream are answered with it.
    remote.resumption.settled();
    if login.purpose == Purpose::LogOut {
        return (children, nothing, None);
    }
    if remote.plan.goal == Goal::Resume {
        if !features.sm || !remote.plan.inline {
            // A bind here would give the session up; resumption is requested after the login. The plan shows this where the
            // session must not be revealed to an unauthenticated server (rule S3).
            return (children, nothing, None);
        }
        children.extend(resume_element(remote.knowledge.sm.as_ref()));
        stored = remote.resume_asked();
    }
    if login.purpose == Purpose::ResumeOnly {
        return (children, nothing, stored);
    }
    let Some(bind2) = &features.bind2 else {
        return (children, nothing, stored);
    };
    let can = |feature: &str| bind2.inline.iter().any(|var| var == feature);
    let goes = |request| !remote.sets_apart(request);
    // What a later login completes, it requests as a whole.
    let is_complete = login.purpose != Purpose::CatchUp;
    let carbons = remote.env.config.carbons && is_complete;
    let inline = Inline {
        carbons: carbons && can(ns::CARBONS) && goes(Request::Carbons),
        inactive: !remote.env.active && can(ns::CSI) && goes(Request::ClientState),
        sm: can(ns::SM) && !remote.leaves_out(Request::Enable),
    };
    let bind = Bind2 {
        tag: Some(remote.env.config.resource.clone()),
        enable_sm: inline.sm.then_some(EnableSm {
            resume: true,
            max: None,
        }),
        carbons: inline.carbons,
        csi_inactive: inline.inactive,
    };
    children.push(bind.to_element());
    // The server chooses the resource (XEP-0386).
    let noted = (login.missed).note_first_bind(SessionResource::Other, remote);
    (children, inline, noted.max(stored))
}

fn send(
    exchange: &Exchange,
    response: Option<Secret<Vec<u8>>>,
    mut inline: Vec<Element>,
    after: Option<Seq>,
    remote: &mut Remote,
) {
    if let Some(version) = &secured_features(remote).config_version {
        inline.push(version.to_element());
    }
    let agent = &remote.env.config.user_agent;
    let user_agent = UserAgent {
        id: Some(agent.id.clone()),
        software: agent.software.clone(),
        device: agent.device.clone(),
    };
    let mechanism = exchange.mechanism();
    let authenticate = Authenticate {
        mechanism: mechanism.as_str().to_owned(),
        initial_response: response,
        user_agent: Some(user_agent),
        inline,
    };
    remote.env.transmit_secret(
        after,
        ProtocolMessage::Authenticate(mechanism),
        authenticate.into_element(),
    );
}

impl SaslProfile for Sasl2 {
    fn response(data: &[u8]) -> Element {
        codec::response(data)
    }

    fn challenged(remote: &mut Remote) {
        remote.at_risk = None;
    }

    fn responded(&mut self, _: &mut Negotiation, _: &mut Remote) {}

    fn step(exchange: ExpectSasl<Self>) -> LoginStep {
        LoginStep::ExpectSasl2(Box::new(exchange))
    }
}

impl ExpectSasl<Sasl2> {
    pub(super) fn element(
        self,
        element: &Element,
        login: &mut Negotiation,
        remote: &mut Remote,
    ) -> Next {
        let answer = codec::Sasl2::parse(element).transpose().map_err(|error| {
            ConnectionError::Peer(match error {
                CodecError::Conflicting {
                    parts: ("enabled", "enabled"),
                    ..
                } => PeerError::SecondEnabled,
                CodecError::Conflicting { .. } => PeerError::BoundAndResumed,
                _ => PeerError::Malformed("SASL2 element"),
            })
        })?;
        match answer {
            Some(codec::Sasl2::Challenge(data)) => self.challenge(&data, login, remote),
            Some(codec::Sasl2::Success(success)) => self.success(*success, login, remote),
            Some(codec::Sasl2::Failure(failure)) => self.failure(failure, login, remote),
            Some(codec::Sasl2::Continue(demand)) => Err(tasks_required(&demand, remote)),
            None => Err(out_of_place(element, "element during SASL2")),
        }
    }

    fn success(self, success: Success, login: &mut Negotiation, remote: &mut Remote) -> Next {
        remote.env.understood(ProtocolMessage::Success);
        let finished = self
            .exchange
            .finish(success.additional_data.as_deref(), remote)?;
        let identity = success.authorization_identity.as_str();
        check_identity(identity, remote)?;
        let token = success
            .token
            .zip(self.profile.token_binding)
            .map(|(token, binding)| FastToken {
                binding,
                token: token.token,
                expires: token.expiry,
                count: 0,
            });
        login.proven(finished, token, remote);
        if login.purpose == Purpose::LogOut {
            return Ok(logged_out(remote));
        }
        match (success.resumed, success.bound) {
            (Some(_), Some(_)) => Err(ConnectionError::Peer(PeerError::BoundAndResumed)),
            (Some(resumed), None) => online(&resumed, login, remote),
            (None, Some(_)) if login.purpose == Purpose::ResumeOnly => {
                Err(ConnectionError::Peer(PeerError::Unexpected("bound")))
            }
            (None, Some(bound)) => {
                remote.env.understood(ProtocolMessage::Bound);
                remote.plan.goal = Goal::Bind;
                // XEP-0386: waiting messages are left to the archive, and dropped from the server's offline storage. Not every
                // server that does so reports that it has an archive (ejabberd).
                login.missed.possible_gap(remote);
                let h = success.resume_failed.and_then(|failed| failed.h);
                session::lost(h, &mut login.missed, remote)?;
                let session = Session::begin(login.purpose, std::mem::take(&mut login.missed));
                session
                    .bound_inline(identity, bound, self.profile.inline, remote)
                    .map(Into::into)
            }
            (None, None) => {
                remote.resumption.settled();
                if let Some(failed) = success.resume_failed {
                    refused(&failed, login, remote)?;
                    remote.plan.goal = Goal::Bind;
                }
                remote.stream.features = None;
                Ok(LoginStep::ExpectAuthenticatedFeatures.into())
            }
        }
    }

    fn failure(self, failure: Failure, login: &mut Negotiation, remote: &mut Remote) -> Next {
        remote.env.understood(ProtocolMessage::Failure);
        login.token_in_use = false;
        let refusal = failure.refusal;
        // XEP-0509: the features have changed, and the new ones have been received. This was no failed login.
        if failure.config_version_mismatch {
            return fall_back(refusal, login, remote);
        }
        if login.purpose == Purpose::LogOut {
            // Refused or invalidated: the token is no longer valid.
            return Ok(logged_out(remote));
        }
        if refusal.condition == SaslCondition::TemporaryAuthFailure {
            // An internal error of the server says nothing about the token, which costs a round trip to replace.
            return Err(ConnectionError::Sasl(refusal));
        }
        if self.exchange.sent_bearer_token() && refusal.condition.needs_credentials() {
            return token::refused(refusal, true, login, remote);
        }
        if self.profile.used_token && !is_offered_here(remote) {
            // A server that offers no such login at the moment has not verified the token, so the token is kept.
            return fall_back(refusal, login, remote);
        }
        if self.profile.used_token {
            remote.drop_token();
            remote.at_risk = Some(Assumption::FastToken);
            return fall_back(refusal, login, remote);
        }
        // A choice from an outdated offer may have been refused for that reason: try once more, from the offer just received.
        let was_outdated = login.is_first_try() && offer_has_changed(remote);
        if was_outdated
            || is_about_mechanism(&refusal.condition)
            || login.prepares_anew(&refusal, remote)
        {
            return fall_back(refusal, login, remote);
        }
        Err(ConnectionError::Sasl(refusal))
    }
}

/// Returns whether the features of this stream, if they arrived, offer logins with the token.
fn is_offered_here(remote: &Remote) -> bool {
    let (Some(shown), Some(token)) = (&remote.stream.features, &remote.knowledge.fast) else {
        return true;
    };
    let sasl2 = shown.sasl2.as_ref();
    let fast = sasl2.and_then(|sasl2| sasl2.fast.as_ref());
    let name = Mechanism::Ht(token.binding);
    fast.is_some_and(|fast| fast.mechanisms.iter().any(|m| m == name.as_str()))
}

/// XEP-0388 2.6.3: the password was right, and is not sufficient. Nothing in this is trusted, since the server may not be
/// authenticated: it can refuse a login in any case.
fn tasks_required(demand: &Continue, remote: &mut Remote) -> ConnectionError {
    remote.env.understood(ProtocolMessage::Continue);
    remote.at_risk = None;
    remote
        .env
        .transmit_element(ProtocolMessage::Abort, &codec::abort());
    let named = |task: &String| {
        let name: String = task.chars().take(TASK_MAX_CHARS).collect();
        name.escape_debug().to_string()
    };
    ConnectionError::TasksRequired {
        tasks: demand.tasks.iter().take(MAX_TASKS).map(named).collect(),
        text: demand.text.clone(),
    }
}

/// The token is removed on both sides (XEP-0484 section 3.6).
fn logged_out(remote: &mut Remote) -> Progress {
    remote.at_risk = None;
    remote.env.persist(vec![Op::ForgetCredentials]);
    remote
        .env
        .transmit(ProtocolMessage::Close, header::CLOSE.to_owned());
    remote.env.await_stream_close();
    Progress::Over(LoginEnd::LoggedOut)
}

/// Checks that the account that the server reports is the account that logged in.
fn check_identity(identity: &str, remote: &mut Remote) -> Result<(), ConnectionError> {
    let bare = identity.split('/').next().unwrap_or_default();
    match BareJid::try_from(bare) {
        Ok(jid) if remote.is_own_account(&jid) => {
            remote.adopt_account(&jid);
            Ok(())
        }
        Ok(_) => Err(ConnectionError::Peer(PeerError::OtherAccount)),
        Err(_) => Err(ConnectionError::Peer(PeerError::Malformed(
            "authorization identity",
        ))),
    }
}
