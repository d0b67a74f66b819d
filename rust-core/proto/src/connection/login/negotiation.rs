//! The data of one login, dropped when it ends. A session has no access to it: what was learnt before the server was
//! authenticated is dropped with the login, unless the proof has made it remembered knowledge (rule T4).

use std::sync::Arc;

use crate::connection::env::Env;
use crate::connection::login::bearer_token::BearerToken;
use crate::connection::login::exchange::{Finished, Proof};
use crate::connection::output::Output;
use crate::connection::remote::Remote;
use crate::connection::resumption::Resumption;
use crate::connection::session::Missed;
use crate::connection::start::Start;
use crate::connection::stream::Stream;
use crate::error::{ConnectionError, LocalError, NoSession, PeerError};
use crate::escalation::{Evidence, Remedy, Subject};
use crate::knowledge::{FastToken, Op, SmSession};
use crate::plan::{self, Inputs, Login, Plan, Purpose, TlsOutlook, Transport};
use crate::protocol_message::ProtocolMessage;
use crate::sasl::{
    ChannelBindings, Preparation, SaslCondition, SaslRefusal, ScramKeyId, ScramKeys, TlsVersion,
};
use crate::stream::error::StreamCondition;
use crate::stream::features::StreamFeatures;
use crate::stream::header;
use crate::time::Now;

use snapback_types::key_trust::KeyTrustChange;

/// The maximum number of other login methods that are tried on one stream: FAST refused, config-version changed, mechanism
/// gone. After more than that the server refuses whatever it offers.
const MAX_FALLBACKS: u8 = 4;

/// The data of one login.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) transport: Transport,
    pub(super) purpose: Purpose,
    early_data_possible: bool,
    /// The certificate hash that early data is bound to.
    pub(super) early_end_point: Option<Vec<u8>>,
    /// Facts learnt before the server was authenticated: kept back until it is (rule T4).
    unproven: Vec<Op>,
    fallbacks: u8,
    /// The keys of the last login: most likely the server requests them again.
    pub(super) expected_keys: Option<ScramKeyId>,
    /// The keys that were last requested from the caller.
    deriving: Option<ScramKeyId>,
    /// The FAST token was sent, and the server has neither accepted nor refused it.
    pub(super) token_in_use: bool,
    /// The proof that the server verifies was computed with remembered keys.
    pub(super) keys_in_use: bool,
    preparation: Preparation,
    /// The app's bearer token.
    pub(super) bearer: BearerToken,
    /// The refusal of the password as it was prepared first, since when it is prepared in the other way.
    refused_first: Option<SaslRefusal>,
    /// What the session will have missed.
    pub(super) missed: Missed,
}

impl Negotiation {
    /// Creates the plan.
    pub(super) fn begin(mut start: Start, now: Now) -> (Self, Remote) {
        let mut expected_keys = None;
        if start.config.password.is_some() {
            // The stored ones may belong to an older password.
            expected_keys = start.knowledge.scram_keys.take().map(|(id, _)| id);
            start.knowledge.scram_keys = start.derived_keys.take();
        }
        let known = start.knowledge.scram_keys.as_ref().map(|(id, _)| id);
        let known = known.or(expected_keys.as_ref());
        // What worked last; the password may be another one by now.
        let mut preparation = known.map(|id| id.preparation).unwrap_or_default();
        if let Some(password) = &start.config.password {
            preparation = preparation.or_other(password);
        }
        let tls = TlsOutlook::Expected {
            early_data: start.early_data_possible,
        };
        let mut plan = plan::plan(Inputs {
            transport: start.transport,
            policy: &start.config.policy,
            only: start.config.method.mechanism(),
            knowledge: &start.knowledge,
            tls: &tls,
            purpose: start.purpose,
            wall: now.wall,
        });
        plan.fast_open = start.fast_open;
        let negotiation = Self {
            transport: start.transport,
            purpose: start.purpose,
            early_data_possible: start.early_data_possible,
            early_end_point: None,
            unproven: Vec::new(),
            fallbacks: 0,
            expected_keys,
            deriving: None,
            token_in_use: false,
            keys_in_use: false,
            preparation,
            bearer: BearerToken::new(start.token_refused),
            refused_first: None,
            missed: Missed::default(),
        };
        let remote = Remote {
            stream: Stream::new(start.config.limits),
            env: Env::new(start.config, start.seed, start.active, now),
            knowledge: start.knowledge,
            plan,
            at_risk: None,
            resumption: Resumption::default(),
        };
        (negotiation, remote)
    }

    // -- the plan

    /// Returns what the planner may rely on now.
    pub(super) fn outlook(&self, remote: &Remote) -> TlsOutlook {
        match &remote.stream.tls {
            Some(tls) => TlsOutlook::Established {
                bindings: tls.bindings.clone(),
                resumes_proven: tls.resumes_proven,
                key: tls.key,
            },
            None => TlsOutlook::Expected {
                early_data: self.early_data_possible,
            },
        }
    }

    /// Returns the input of the planner.
    pub(super) fn inputs<'a>(&self, tls: &'a TlsOutlook, remote: &'a Remote) -> Inputs<'a> {
        Inputs {
            transport: self.transport,
            policy: &remote.env.config.policy,
            only: remote.env.config.method.mechanism(),
            knowledge: &remote.knowledge,
            tls,
            purpose: self.purpose,
            wall: remote.env.now.wall,
        }
    }

    /// Decides the login from these features, which are remembered or were just received.
    pub(super) fn revise(
        &self,
        features: &StreamFeatures,
        remote: &mut Remote,
    ) -> Result<(), ConnectionError> {
        let tls = self.outlook(remote);
        let mut plan = remote.plan.clone();
        plan.revise(features, self.inputs(&tls, remote))
            .map_err(|reason| ConnectionError::Peer(PeerError::NoLogin(reason)))?;
        let needs_password = matches!(plan.login, Login::Sasl1(_) | Login::Sasl2(_));
        let has_credentials = remote.env.config.method.mechanism().is_some()
            || remote.env.config.password.is_some()
            || remote.knowledge.scram_keys.is_some();
        if needs_password && !has_credentials {
            return Err(ConnectionError::Local(LocalError::NoCredentials));
        }
        if self.purpose == Purpose::LogOut && !matches!(plan.login, Login::Fast { .. }) {
            // There is no token (any more) that could be invalidated.
            return Err(ConnectionError::Local(LocalError::NoCredentials));
        }
        remote.plan = plan;
        Ok(())
    }

    /// Counts another login method on the same stream.
    pub(super) fn count_fallback(&mut self) -> Result<(), ConnectionError> {
        self.fallbacks = self.fallbacks.saturating_add(1);
        if self.fallbacks > MAX_FALLBACKS {
            return Err(ConnectionError::Peer(PeerError::TooManyFallbacks));
        }
        Ok(())
    }

    /// Returns whether no other login method was tried yet.
    pub(super) fn is_first_try(&self) -> bool {
        self.fallbacks == 0
    }

    // -- the purpose

    /// Fails with `NoSession` if the purpose cannot be achieved: resuming takes a session that the server may still have.
    pub(super) fn check_purpose(&self, remote: &Remote) -> Result<(), ConnectionError> {
        if self.purpose != Purpose::ResumeOnly {
            return Ok(());
        }
        let session = remote.knowledge.sm.as_ref();
        let failures = &remote.knowledge.failures;
        SmSession::resumable(session, failures, remote.env.now.wall)
            .map_err(ConnectionError::NoSession)?;
        Ok(())
    }

    /// Fails with `NoSession` if the connection is only for a resumption.
    pub(super) fn may_bind(&self, otherwise: NoSession) -> Result<(), ConnectionError> {
        match self.purpose {
            Purpose::ResumeOnly => Err(ConnectionError::NoSession(otherwise)),
            Purpose::Session | Purpose::CatchUp | Purpose::LogOut => Ok(()),
        }
    }

    // -- the stream

    /// Sends a stream header, which begins a new stream. `from` is sent only inside TLS (RFC 6120 4.7.1). An XML declaration is
    /// never sent: a restarted header in a pipelined write must not have one (rule S2).
    pub(super) fn open_stream(&self, remote: &mut Remote) {
        let config = &remote.env.config;
        let account = config.account.to_string();
        let is_encrypted = remote.stream.tls.is_some() || self.early_end_point.is_some();
        // Without a localpart, it is not known yet (XEP-0175).
        let is_known = config.account.node().is_some();
        let from = (is_encrypted && is_known).then_some(account.as_str());
        let text = header::open(config.account.domain(), from, None, false);
        remote.env.transmit(ProtocolMessage::Header, text);
    }

    /// Processes features. The facts learnt from them are kept back until the server is authenticated (rule T4).
    pub(super) fn accept_features(&mut self, features: &Arc<StreamFeatures>, remote: &mut Remote) {
        let Some(key) = remote.shown(features) else {
            return;
        };
        if remote.stream.authenticated {
            remote.learn_authenticated(features);
            return;
        }
        self.unproven = vec![
            Op::LearnSecured(Arc::clone(features)),
            Op::LearnSmBeforeSasl(features.sm.then_some(key)),
        ];
    }

    /// Returns the channel bindings of this TLS connection; in early data, those of the ticket's connection.
    pub(super) fn channel_bindings(&self, remote: &Remote) -> ChannelBindings {
        match &remote.stream.tls {
            Some(tls) => tls.bindings.clone(),
            None => ChannelBindings {
                tls_exporter: None,
                tls_server_end_point: self.early_end_point.clone(),
            },
        }
    }

    // -- the proof

    /// The login is proven: stores what was learnt (rule T4), and how strong it was (rule T2).
    pub(super) fn proven(
        &mut self,
        finished: Finished,
        token: Option<FastToken>,
        remote: &mut Remote,
    ) {
        let Finished {
            proof: Proof::Verified(_) | Proof::CertificateOnly,
            floor,
            ops,
        } = finished;
        remote.at_risk = None;
        self.keys_in_use = false;
        self.refused_first = None;
        if std::mem::take(&mut self.token_in_use) || token.is_some() {
            remote.note_success(Subject::FastToken);
        }
        remote.stream.authenticated = true;
        let mut learnt = std::mem::take(&mut self.unproven);
        learnt.extend(ops);
        learnt.extend(floor.map(Op::RaiseFloor));
        learnt.extend(token.map(Op::StoreFast));
        let by_authority = remote
            .stream
            .tls
            .as_ref()
            .is_some_and(|tls| tls.by_authority);
        let trust = &mut remote.knowledge.key_trust;
        if by_authority && !std::mem::replace(&mut trust.proven_by_authority, true) {
            learnt.push(Op::KeyTrust(KeyTrustChange::ProvenByAuthority));
        }
        remote.stream.reader.login_complete();
        if !learnt.is_empty() {
            remote.env.persist(learnt);
        }
        remote.env.output(Output::LoginProven);
    }

    // -- the keys

    /// T5: requests the derivation of these keys from the password, off the I/O thread.
    pub(super) fn derive_keys(&mut self, id: ScramKeyId, env: &mut Env) {
        if self.deriving.as_ref() != Some(&id) {
            self.deriving = Some(id.clone());
            env.output(Output::DeriveKeys(id));
        }
    }

    /// Returns how the password is prepared in this login.
    pub(super) fn preparation(&self) -> Preparation {
        self.preparation
    }

    /// Returns whether the password is to be tried once more, prepared in the other way: the server may have prepared it like that when
    /// it was set (RFC 5802 section 2.2). Only after a proof was refused, only if the results differ, and only once in a connection.
    pub(super) fn prepares_anew(&mut self, refusal: &SaslRefusal, remote: &Remote) -> bool {
        let is_refused = refusal.condition == SaslCondition::NotAuthorized && self.keys_in_use;
        let password = remote.env.config.password.as_ref();
        if !is_refused
            || self.refused_first.is_some()
            || !password.is_some_and(Preparation::results_differ)
        {
            return false;
        }
        self.preparation = self.preparation.other();
        self.refused_first = Some(refusal.clone());
        true
    }

    /// Returns what an error means: a server that ends the stream during the second try allows only one.
    pub(super) fn meaning(&self, error: ConnectionError) -> ConnectionError {
        let is_limit = match &error {
            ConnectionError::StreamClosed => true,
            ConnectionError::Stream(error) => matches!(
                error.condition,
                StreamCondition::PolicyViolation | StreamCondition::NotAuthorized
            ),
            _ => false,
        };
        match &self.refused_first {
            Some(refusal) if is_limit => ConnectionError::Sasl(refusal.clone()),
            _ => error,
        }
    }

    /// Processes derived keys. Keys that were derived in advance, and then not requested, are dropped.
    pub(super) fn keys_derived(&mut self, id: ScramKeyId, keys: ScramKeys, remote: &mut Remote) {
        if self.deriving.as_ref() == Some(&id) {
            self.deriving = None;
            remote.knowledge.scram_keys = Some((id, keys));
        }
    }

    /// Records what the end of the connection means for the token: after repeated answers that are none, it counts as refused
    /// (rule S5).
    pub(super) fn judge_token(&self, error: &ConnectionError, remote: &mut Remote) {
        let is_credible =
            |evidence: &Evidence| *evidence == Evidence::Refusal || remote.resumption.path_works();
        let evidence = Evidence::of_token(error).filter(is_credible);
        let Some(evidence) = evidence.filter(|_| self.token_in_use) else {
            return;
        };
        remote.note_failure_with(Subject::FastToken, evidence, |remote| {
            let is_given_up = remote.gives_up(Subject::FastToken, Remedy::NoToken);
            let token = remote.knowledge.fast.take_if(|_| is_given_up);
            token.map(|_| Op::DropFast)
        });
        if remote.knowledge.fast.is_none() {
            remote.note_success(Subject::FastToken);
        }
    }

    /// The keys were refused: they are not tried again.
    pub(super) fn drop_refused_keys(&self, error: &ConnectionError, remote: &mut Remote) {
        let is_about_keys = matches!(
            error,
            ConnectionError::Sasl(refusal) if refusal.condition == SaslCondition::NotAuthorized
        );
        if is_about_keys && self.keys_in_use {
            remote.knowledge.scram_keys = None;
            remote.env.persist(vec![Op::DropScramKeys]);
        }
    }
}

/// Returns the features that the login relies on: those of this stream if they arrived, else the remembered ones. In early data
/// only the latter: features that were received then came in cleartext (rule S1).
pub(super) fn secured_features(remote: &Remote) -> Arc<StreamFeatures> {
    let stream = &remote.stream;
    let shown = stream.features.as_ref().filter(|_| stream.tls.is_some());
    shown
        .cloned()
        .or_else(|| remote.knowledge.server.secured.clone())
        .unwrap_or_default()
}

/// Returns the version of TLS; in early data the one that supports it.
pub(super) fn tls_version(remote: &Remote) -> TlsVersion {
    let tls = remote.stream.tls.as_ref();
    tls.map_or(TlsVersion::Tls13, |tls| tls.version)
}

/// Returns whether the server advertises another offer than the one from which the login was chosen.
pub(super) fn offer_has_changed(remote: &Remote) -> bool {
    let (Some(shown), Some(remembered)) =
        (&remote.stream.features, &remote.knowledge.server.secured)
    else {
        return false;
    };
    let sasl2 = |features: &StreamFeatures| {
        features
            .sasl2
            .as_ref()
            .map(|sasl2| sasl2.mechanisms.clone())
    };
    shown.sasl1 != remembered.sasl1
        || sasl2(shown) != sasl2(remembered)
        || shown.channel_bindings != remembered.channel_bindings
}

/// Returns whether the plan is to log in with early data.
pub(super) fn is_early(plan: &Plan) -> bool {
    matches!(
        plan.login,
        Login::Fast {
            early_data: true,
            ..
        }
    )
}
