//! RFC 6120 section 6, with what XEP-0305 allows to be pipelined: the initial response after the header, additional data with
//! success, and the new stream after the last message.

use crate::connection::login::attempt::{ask, fall_back};
use crate::connection::login::exchange::{Exchange, is_about_mechanism};
use crate::connection::login::negotiation::{Negotiation, offer_has_changed};
use crate::connection::login::sasl::{SaslProfile, out_of_place};
use crate::connection::login::step::{ExpectSasl, LoginStep, Next, Sasl1};
use crate::connection::login::{bind, resume, token};
use crate::connection::remote::Remote;
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::Op;
use crate::plan::{Goal, Restart};
use crate::protocol_message::ProtocolMessage;
use crate::sasl::{Profile, SaslCondition, SaslRefusal};
use crate::xep::sasl1 as codec;
use crate::xml::Element;

/// Sends `<auth/>` with the initial response.
pub(super) fn start(login: &mut Negotiation, remote: &mut Remote) -> Next {
    let (exchange, response) = Exchange::with_credentials(Profile::Sasl1, login, remote)?;
    let mechanism = exchange.mechanism();
    let response = response
        .as_ref()
        .map(|response| response.expose().as_slice());
    let auth = codec::auth(mechanism.as_str(), response);
    remote
        .env
        .transmit_secret(None, ProtocolMessage::Auth(mechanism), auth);
    let follow = if exchange.is_single_word() {
        restart_now(login, remote)
    } else {
        None
    };
    let profile = Sasl1 { follow };
    Ok(Sasl1::step(ExpectSasl { exchange, profile }).into())
}

/// The client's last message has just been sent: where the server accepts it, the new stream is sent in the same flight.
fn restart_now(login: &mut Negotiation, remote: &mut Remote) -> Option<LoginStep> {
    if remote.plan.restart != Restart::Pipelined {
        return None;
    }
    remote.at_risk = Some(Assumption::PipelinedRestart);
    login.open_stream(remote);
    let remembered = remote.knowledge.server.authenticated.clone();
    Some(match remote.plan.goal {
        Goal::Resume => resume::after_sasl(remote),
        Goal::Bind | Goal::LogOut => bind::start(remembered.as_deref(), login, remote),
    })
}

impl SaslProfile for Sasl1 {
    fn response(data: &[u8]) -> Element {
        codec::response(data)
    }

    fn challenged(remote: &mut Remote) {
        remote.assumption_held(Assumption::Features);
    }

    fn responded(&mut self, login: &mut Negotiation, remote: &mut Remote) {
        if self.follow.is_none() {
            self.follow = restart_now(login, remote);
        }
    }

    fn step(exchange: ExpectSasl<Self>) -> LoginStep {
        LoginStep::ExpectSasl1(Box::new(exchange))
    }
}

impl ExpectSasl<Sasl1> {
    pub(super) fn element(
        self,
        element: &Element,
        login: &mut Negotiation,
        remote: &mut Remote,
    ) -> Next {
        let answer = codec::Sasl1::parse(element)
            .transpose()
            .map_err(|_| ConnectionError::Peer(PeerError::Malformed("SASL element")))?;
        match answer {
            Some(codec::Sasl1::Challenge(_))
                if self.exchange.sent_bearer_token() && self.profile.follow.is_some() =>
            {
                // The token was refused, and the server awaits a response where it receives the new stream.
                token::refused(SaslCondition::NotAuthorized.into(), false, login, remote)
            }
            Some(codec::Sasl1::Challenge(data)) => self.challenge(&data, login, remote),
            Some(codec::Sasl1::Success(data)) => self.success(data.as_deref(), login, remote),
            Some(codec::Sasl1::Failure(refusal)) => self.failure(refusal, login, remote),
            None => Err(out_of_place(element, "element during SASL")),
        }
    }

    fn success(self, data: Option<&[u8]>, login: &mut Negotiation, remote: &mut Remote) -> Next {
        remote.env.understood(ProtocolMessage::Success);
        let finished = self.exchange.finish(data, remote)?;
        let was_pipelined = remote.at_risk == Some(Assumption::PipelinedRestart);
        login.proven(finished, None, remote);
        remote.stream.restart();
        if let Some(follow) = self.profile.follow {
            if was_pipelined {
                remote.at_risk = Some(Assumption::PipelinedRestart);
            }
            return Ok(follow.into());
        }
        login.open_stream(remote);
        match (
            remote.plan.restart,
            remote.knowledge.server.authenticated.clone(),
        ) {
            (Restart::Separate | Restart::Pipelined, Some(remembered)) => {
                remote.at_risk = Some(Assumption::Features);
                ask(&remembered, login, remote)
            }
            _ => Ok(LoginStep::ExpectAuthenticatedFeatures.into()),
        }
    }

    fn failure(self, refusal: SaslRefusal, login: &mut Negotiation, remote: &mut Remote) -> Next {
        remote.env.understood(ProtocolMessage::Failure);
        if self.exchange.sent_bearer_token() && refusal.condition.needs_credentials() {
            return token::refused(refusal, self.profile.follow.is_none(), login, remote);
        }
        let is_about_mechanism = is_about_mechanism(&refusal.condition);
        if !is_about_mechanism && !offer_has_changed(remote) {
            if self.profile.follow.is_none() && login.prepares_anew(&refusal, remote) {
                return fall_back(refusal, login, remote);
            }
            return Err(ConnectionError::Sasl(refusal));
        }
        if self.profile.follow.is_some() || !is_about_mechanism {
            // A choice from an outdated offer was refused, perhaps for that reason (RFC 5802 has one condition for all), or the
            // new stream was sent after a login that failed: this connection cannot be continued.
            remote.env.persist(vec![Op::ForgetServer]);
            return Err(ConnectionError::WrongAssumption(Assumption::Features));
        }
        fall_back(refusal, login, remote)
    }
}
