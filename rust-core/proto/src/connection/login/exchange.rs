//! One SASL exchange, independent of the profile that carries it.

use crate::connection::login::bearer_token;
use crate::connection::login::negotiation::{Negotiation, secured_features, tls_version};
use crate::connection::remote::Remote;
use crate::error::{ConnectionError, LocalError, PeerError};
use crate::knowledge::Op;
use crate::plan::planner;
use crate::sasl::{
    self, ChannelBindings, Choice, ExpectServerFinal, ExpectServerFirst, Floor, Hash, HtBinding,
    Mechanism, Method, NeedKeys, NoMechanism, OwnExchange, Profile, Proven, SaslCondition,
    SaslError, ScramKeyId, bearer, ht, plain,
};
use crate::secret::Secret;
use crate::stream::features::StreamFeatures;

/// An exchange, by the message that it waits for.
#[derive(Debug)]
pub(super) struct Exchange {
    profile: Profile,
    step: ExchangeStep,
}

#[derive(Debug)]
enum ExchangeStep {
    /// SCRAM: the server's salt and iteration count.
    ServerFirst {
        choice: Choice,
        nonce: String,
        scram: ExpectServerFirst,
    },
    /// SCRAM: the keys that are derived from the password and these.
    Keys { choice: Choice, scram: NeedKeys },
    /// SCRAM: the server's proof.
    ServerFinal {
        choice: Choice,
        key_id: ScramKeyId,
        scram: ExpectServerFinal,
    },
    /// The proof came as a challenge, or none will come (PLAIN); only `<success/>` is missing.
    Outcome {
        choice: Choice,
        key_id: Option<ScramKeyId>,
        proof: Proof,
    },
    /// OAUTHBEARER: success, or a challenge that reports why the token is refused.
    Bearer { choice: Choice },
    /// OAUTHBEARER: the failure that follows that report.
    BearerFailure { choice: Choice },
    /// The app's own mechanism.
    Own {
        choice: Choice,
        exchange: Box<dyn OwnExchange>,
    },
    /// FAST: the server's proof.
    TokenProof {
        binding: HtBinding,
        token: Secret<String>,
        bindings: ChannelBindings,
    },
}

/// Why the server is trusted.
#[derive(Debug)]
pub(super) enum Proof {
    /// It proved that it knows the password or the token (rule T4).
    Verified(Proven),
    /// PLAIN and what organisations use in place of a password prove nothing; only the certificate authenticates the server.
    CertificateOnly,
}

/// A completed login.
#[derive(Debug)]
pub(super) struct Finished {
    /// Why the server is trusted.
    pub(super) proof: Proof,
    /// How strong the login was; `None` for tokens, which say nothing about passwords.
    pub(super) floor: Option<Floor>,
    /// What may be remembered.
    pub(super) ops: Vec<Op>,
}

impl Finished {
    /// A login without a proof of the server. It says nothing about passwords.
    fn by_certificate() -> Self {
        Self {
            proof: Proof::CertificateOnly,
            floor: None,
            ops: Vec::new(),
        }
    }
}

/// The reaction to a challenge.
pub(super) enum Reply {
    /// Send this.
    Respond(Secret<Vec<u8>>),
    /// The keys are being derived.
    Wait,
}

/// The initial response, if the client's message is the first one.
pub(super) type InitialResponse = Option<Secret<Vec<u8>>>;

impl Exchange {
    /// Starts a login with the best mechanism that these features offer for the app's credentials. Returns the initial response, if
    /// the client's message is the first one.
    pub(super) fn with_credentials(
        profile: Profile,
        login: &mut Negotiation,
        remote: &mut Remote,
    ) -> Result<(Self, InitialResponse), ConnectionError> {
        let choice = choose(profile, login, remote)?;
        let with = |step, response| Ok((Self { profile, step }, response));
        match choice.mechanism {
            Mechanism::Scram { hash, .. } => {
                let (step, response) = scram(hash, profile, choice, login, remote)?;
                with(step, Some(response))
            }
            Mechanism::OauthBearer => {
                let token = login.bearer.take();
                let token = token.ok_or(ConnectionError::Local(LocalError::NoCredentials))?;
                let account = remote.env.config.account.to_string();
                let response = bearer::initial_response(&account, &token).map_err(fault)?;
                with(ExchangeStep::Bearer { choice }, Some(response))
            }
            Mechanism::Own(_) => {
                let Method::Own(own) = &remote.env.config.method else {
                    return Err(ConnectionError::Local(LocalError::NoCredentials));
                };
                let mut exchange = own.begin();
                let response = exchange.initial_response().map_err(bearer_token::missing)?;
                with(ExchangeStep::Own { choice, exchange }, response)
            }
            // XEP-0178: the certificate names the account. XEP-0175: trace information would identify the user.
            Mechanism::External | Mechanism::Anonymous => {
                with(outcome(choice), Some(Secret::new(Vec::new())))
            }
            Mechanism::Plain | Mechanism::Ht(_) => {
                let password = remote.env.config.password.as_ref();
                let password = password.ok_or(ConnectionError::Local(LocalError::NoCredentials))?;
                let user = local_part(remote)?;
                let response = plain::initial_response(&user, password).map_err(fault)?;
                with(outcome(choice), Some(response))
            }
        }
    }

    /// Starts a login with the remembered token.
    pub(super) fn with_token(
        login: &Negotiation,
        remote: &Remote,
    ) -> Result<(Self, Vec<u8>), ConnectionError> {
        let known = remote.knowledge.fast.as_ref();
        let token = known.ok_or(ConnectionError::Local(LocalError::NoCredentials))?;
        let bindings = login.channel_bindings(remote);
        let user = local_part(remote)?;
        let response =
            ht::initial_response(token.binding, &user, &token.token, &bindings).map_err(fault)?;
        let step = ExchangeStep::TokenProof {
            binding: token.binding,
            token: token.token.clone(),
            bindings,
        };
        Ok((
            Self {
                profile: Profile::Sasl2,
                step,
            },
            response,
        ))
    }

    /// Returns the name of the mechanism.
    pub(super) fn mechanism(&self) -> Mechanism {
        match &self.step {
            ExchangeStep::ServerFirst { choice, .. }
            | ExchangeStep::Keys { choice, .. }
            | ExchangeStep::ServerFinal { choice, .. }
            | ExchangeStep::Bearer { choice }
            | ExchangeStep::BearerFailure { choice }
            | ExchangeStep::Own { choice, .. }
            | ExchangeStep::Outcome { choice, .. } => choice.mechanism,
            ExchangeStep::TokenProof { binding, .. } => Mechanism::Ht(*binding),
        }
    }

    /// Returns whether the client's next message is its last one.
    pub(super) fn is_single_word(&self) -> bool {
        self.mechanism().is_single_message()
    }

    /// Returns whether the app's bearer token was sent.
    pub(super) fn sent_bearer_token(&self) -> bool {
        self.mechanism() == Mechanism::OauthBearer
    }

    /// Repeats SCRAM's checks with the features that arrived after a pipelined start: XEP-0474 compares with what was really offered.
    pub(super) fn with_features(mut self, features: &StreamFeatures, remote: &Remote) -> Self {
        let user = remote.env.config.account.node().unwrap_or_default();
        let tls = tls_version(remote);
        if let ExchangeStep::ServerFirst {
            choice,
            nonce,
            scram,
        } = &mut self.step
            && let Mechanism::Scram { hash, .. } = choice.mechanism
        {
            let offer = planner::offer(self.profile, features);
            *scram = ExpectServerFirst::new(hash, user, nonce, choice.gs2.clone(), &offer, tls)
                .requiring_confirmation(choice.must_confirm);
        }
        self
    }

    /// Answers a challenge.
    pub(super) fn challenge(
        self,
        data: &[u8],
        login: &mut Negotiation,
        remote: &mut Remote,
    ) -> Result<(Self, Reply), ConnectionError> {
        let profile = self.profile;
        match self.step {
            ExchangeStep::ServerFirst { choice, scram, .. } => {
                let scram = scram.server_first(data).map_err(|error| match error {
                    // A weaker login would be below the stored minimum strength, and the user has to decide about it (rule T2).
                    SaslError::OfferUnconfirmed if choice.must_confirm => {
                        ConnectionError::Peer(PeerError::NoLogin(NoMechanism::BelowFloor))
                    }
                    error => fault(error),
                })?;
                let scram = scram.prepared_as(login.preparation());
                Self {
                    profile,
                    step: ExchangeStep::Keys { choice, scram },
                }
                .respond(login, remote)
            }
            ExchangeStep::ServerFinal {
                choice,
                key_id,
                scram,
            } => {
                let proof = Proof::Verified(scram.server_final(data).map_err(fault)?);
                let step = ExchangeStep::Outcome {
                    choice,
                    key_id: Some(key_id),
                    proof,
                };
                Ok((
                    Self { profile, step },
                    Reply::Respond(Secret::new(Vec::new())),
                ))
            }
            ExchangeStep::Bearer { choice } => {
                let step = ExchangeStep::BearerFailure { choice };
                let response = Secret::new(bearer::ERROR_RECEIVED.to_vec());
                Ok((Self { profile, step }, Reply::Respond(response)))
            }
            ExchangeStep::Own {
                choice,
                mut exchange,
            } => {
                let response = exchange.challenge(data).map_err(bearer_token::missing)?;
                let step = ExchangeStep::Own { choice, exchange };
                Ok((Self { profile, step }, Reply::Respond(response)))
            }
            _ => Err(ConnectionError::Peer(PeerError::Unexpected("challenge"))),
        }
    }

    /// Responds if the keys are known, otherwise asks for them.
    pub(super) fn respond(
        self,
        login: &mut Negotiation,
        remote: &mut Remote,
    ) -> Result<(Self, Reply), ConnectionError> {
        let profile = self.profile;
        let ExchangeStep::Keys { choice, scram } = self.step else {
            return Ok((self, Reply::Wait));
        };
        let key_id = scram.key_id().clone();
        match &remote.knowledge.scram_keys {
            Some((known, keys)) if *known == key_id => {
                let (response, scram) = scram.respond(keys);
                login.keys_in_use = true;
                let step = ExchangeStep::ServerFinal {
                    choice,
                    key_id,
                    scram,
                };
                Ok((
                    Self { profile, step },
                    Reply::Respond(Secret::new(response)),
                ))
            }
            _ if remote.env.config.password.is_none() => {
                Err(ConnectionError::Local(LocalError::NoCredentials))
            }
            _ => {
                login.derive_keys(key_id, &mut remote.env);
                Ok((
                    Self {
                        profile,
                        step: ExchangeStep::Keys { choice, scram },
                    },
                    Reply::Wait,
                ))
            }
        }
    }

    /// Processes success: verifies the server's proof (rule T4). Returns what may be remembered now.
    pub(super) fn finish(
        self,
        data: Option<&[u8]>,
        remote: &Remote,
    ) -> Result<Finished, ConnectionError> {
        let own_data = data;
        let data = data.unwrap_or_default();
        let (choice, key_id, proof) = match self.step {
            ExchangeStep::Own { mut exchange, .. } => {
                exchange.success(own_data).map_err(bearer_token::missing)?;
                return Ok(Finished::by_certificate());
            }
            ExchangeStep::Bearer { .. } => return Ok(Finished::by_certificate()),
            ExchangeStep::Outcome { choice, .. } if is_no_password(choice.mechanism) => {
                return Ok(Finished::by_certificate());
            }
            ExchangeStep::TokenProof {
                binding,
                token,
                bindings,
            } => {
                let proof = ht::verify(binding, &token, &bindings, data).map_err(fault)?;
                return Ok(Finished {
                    proof: Proof::Verified(proof),
                    floor: None,
                    ops: vec![Op::FastUsed],
                });
            }
            ExchangeStep::ServerFinal {
                choice,
                key_id,
                scram,
            } => {
                let proof = scram.server_final(data).map_err(fault)?;
                (choice, Some(key_id), Proof::Verified(proof))
            }
            ExchangeStep::Outcome {
                choice,
                key_id,
                proof,
            } => (choice, key_id, proof),
            ExchangeStep::ServerFirst { .. }
            | ExchangeStep::Keys { .. }
            | ExchangeStep::BearerFailure { .. } => {
                return Err(ConnectionError::Peer(PeerError::Unexpected("success")));
            }
        };
        let floor = Floor::raised_by(remote.knowledge.floor, &choice);
        let keys = remote.knowledge.scram_keys.clone();
        let ops = match (keys, key_id) {
            (Some((known, keys)), Some(id)) if known == id => vec![Op::StoreScramKeys(id, keys)],
            _ => Vec::new(),
        };
        Ok(Finished {
            proof,
            floor: Some(floor),
            ops,
        })
    }
}

/// Returns the best mechanism that these features offer for the app's credentials.
fn choose(
    profile: Profile,
    login: &Negotiation,
    remote: &Remote,
) -> Result<Choice, ConnectionError> {
    let offer = planner::offer(profile, &secured_features(remote));
    let tls = remote.stream.tls.as_ref();
    let bindings = tls.map(|tls| tls.bindings.clone()).unwrap_or_default();
    let outlook = login.outlook(remote);
    let policy = planner::sasl_policy(login.inputs(&outlook, remote));
    sasl::choose(&offer, &bindings, &policy)
        .map_err(|reason| ConnectionError::Peer(PeerError::NoLogin(reason)))
}

/// Starts SCRAM.
fn scram(
    hash: Hash,
    profile: Profile,
    choice: Choice,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Result<(ExchangeStep, Secret<Vec<u8>>), ConnectionError> {
    let user = local_part(remote)?;
    // Most likely these keys will be requested: they are derived while the client waits for the server.
    if remote.knowledge.scram_keys.is_none()
        && let Some(mut id) = login.expected_keys.take()
        && (id.hash, id.user.as_str()) == (hash, user.as_str())
    {
        id.preparation = login.preparation();
        login.derive_keys(id, &mut remote.env);
    }
    let nonce = remote.env.entropy.nonce();
    let offer = planner::offer(profile, &secured_features(remote));
    let (gs2, tls) = (choice.gs2.clone(), tls_version(remote));
    let scram = ExpectServerFirst::new(hash, &user, &nonce, gs2, &offer, tls)
        .requiring_confirmation(choice.must_confirm);
    let response = Secret::new(scram.initial_response());
    let step = ExchangeStep::ServerFirst {
        choice,
        nonce,
        scram,
    };
    Ok((step, response))
}

/// The client's only message is about to be sent, and the server proves nothing.
fn outcome(choice: Choice) -> ExchangeStep {
    ExchangeStep::Outcome {
        choice,
        key_id: None,
        proof: Proof::CertificateOnly,
    }
}

fn is_no_password(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::External | Mechanism::Anonymous)
}

/// Returns whether another mechanism may succeed where this one was refused.
pub(super) fn is_about_mechanism(condition: &SaslCondition) -> bool {
    matches!(
        condition,
        SaslCondition::InvalidMechanism
            | SaslCondition::MechanismTooWeak
            | SaslCondition::MalformedRequest
    )
}

fn local_part(remote: &Remote) -> Result<String, ConnectionError> {
    let node = remote.env.config.account.node();
    node.map(str::to_owned)
        .ok_or(ConnectionError::Local(LocalError::AccountWithoutLocalpart))
}

fn fault(error: SaslError) -> ConnectionError {
    if error.needs_credentials() {
        return ConnectionError::Sasl(SaslCondition::NotAuthorized.into());
    }
    match error {
        // An internal error of the server (`e=`) says nothing about the password.
        SaslError::Server(_) => ConnectionError::Peer(PeerError::Sasl(error)),
        error if error.is_peer_fault() => ConnectionError::Peer(PeerError::Sasl(error)),
        _ => ConnectionError::Local(LocalError::PasswordNotAllowed),
    }
}
