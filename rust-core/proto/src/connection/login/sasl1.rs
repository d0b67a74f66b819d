//! RFC 6120 section 6, with what XEP-0305 lets ride along: the initial response behind the header, additional data
//! with success, and the new stream behind the last word.

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::Op;
use crate::part::Part;
use crate::plan::{Goal, Restart};
use crate::sasl::{Profile, SaslRefusal};
use crate::stream::features::StreamFeatures;
use crate::xep::sasl1::{self as codec, Sasl1};
use crate::xml::Element;

use super::super::context::Context;
use super::super::state::{Next, State};
use super::exchange::{Exchange, Reply, is_about_mechanism};
use super::{ask, bind, fall_back, proven, resume};

/// An exchange runs.
#[derive(Debug)]
pub(in super::super) struct ExpectSasl1 {
    exchange: Exchange,
    /// The new stream is on its way already: what waits behind `<success/>`.
    follow: Option<State>,
}

/// Sends `<auth/>` with the initial response.
pub(super) fn start(context: &mut Context) -> Next {
    let (exchange, response) = Exchange::with_password(Profile::Sasl1, context)?;
    let mechanism = exchange.mechanism();
    let auth = codec::auth(mechanism.as_str(), Some(response.expose()));
    context.transmit_secret(None, Part::Auth(mechanism), auth);
    let follow = if exchange.is_single_word() {
        restart_now(context)
    } else {
        None
    };
    Ok(State::ExpectSasl1(Box::new(ExpectSasl1 {
        exchange,
        follow,
    })))
}

/// Our last word has just been said: where the server takes it, the new stream leaves in the same flight.
fn restart_now(context: &mut Context) -> Option<State> {
    if context.plan.restart != Restart::Pipelined {
        return None;
    }
    context.at_risk = Some(Assumption::PipelinedRestart);
    context.open_stream();
    let remembered = context.knowledge.server.authenticated.clone();
    Some(match context.plan.goal {
        Goal::Resume => resume::after_sasl(context),
        Goal::Bind | Goal::LogOut => bind::start(remembered.as_deref(), context),
    })
}

impl ExpectSasl1 {
    pub(in super::super) fn with_features(
        mut self,
        features: &StreamFeatures,
        context: &Context,
    ) -> Self {
        self.exchange = self.exchange.with_features(features, context);
        self
    }

    pub(in super::super) fn element(self, element: &Element, context: &mut Context) -> Next {
        let answer = Sasl1::parse(element)
            .transpose()
            .map_err(|_| ConnectionError::Peer(PeerError::Malformed("SASL element")))?;
        match answer {
            Some(Sasl1::Challenge(data)) => self.challenge(&data, context),
            Some(Sasl1::Success(data)) => self.success(data.as_deref(), context),
            Some(Sasl1::Failure(refusal)) => self.failure(refusal, context),
            None if element.is_stanza() => Err(ConnectionError::Peer(PeerError::StanzaBeforeLogin)),
            None => Err(ConnectionError::Peer(PeerError::Unexpected(
                "element during SASL",
            ))),
        }
    }

    pub(in super::super) fn keys_ready(mut self, context: &mut Context) -> Next {
        let (exchange, reply) = self.exchange.respond(context)?;
        self.exchange = exchange;
        Ok(self.reply(reply, context))
    }

    fn challenge(mut self, data: &[u8], context: &mut Context) -> Next {
        context.understood(Part::Challenge);
        context.assumption_held(Assumption::Features);
        let (exchange, reply) = self.exchange.challenge(data, context)?;
        self.exchange = exchange;
        Ok(self.reply(reply, context))
    }

    fn reply(mut self, reply: Reply, context: &mut Context) -> State {
        if let Reply::Respond(data) = reply {
            context.transmit_element(Part::Response, &codec::response(&data));
            if self.follow.is_none() {
                self.follow = restart_now(context);
            }
        }
        State::ExpectSasl1(Box::new(self))
    }

    fn success(self, data: Option<&[u8]>, context: &mut Context) -> Next {
        context.understood(Part::Success);
        let finished = self.exchange.finish(data, context)?;
        let was_pipelined = context.at_risk == Some(Assumption::PipelinedRestart);
        proven(finished, None, context);
        context.expect_restart();
        if let Some(follow) = self.follow {
            if was_pipelined {
                context.at_risk = Some(Assumption::PipelinedRestart);
            }
            return Ok(follow);
        }
        context.open_stream();
        match (
            context.plan.restart,
            context.knowledge.server.authenticated.clone(),
        ) {
            (Restart::Separate | Restart::Pipelined, Some(remembered)) => {
                context.at_risk = Some(Assumption::Features);
                ask(&remembered, context)
            }
            _ => Ok(State::ExpectAuthenticatedFeatures),
        }
    }

    fn failure(self, refusal: SaslRefusal, context: &mut Context) -> Next {
        context.understood(Part::Failure);
        let is_about_mechanism = is_about_mechanism(&refusal.condition);
        if !is_about_mechanism && !context.offer_has_changed() {
            return Err(ConnectionError::Sasl(refusal));
        }
        if self.follow.is_some() || !is_about_mechanism {
            // What was chosen from an old offer was refused, perhaps for that (RFC 5802 has one word for all), or the
            // new stream was sent behind a login that failed: this connection is beyond repair.
            context.persist(vec![Op::ForgetServer]);
            return Err(ConnectionError::WrongAssumption(Assumption::Features));
        }
        fall_back(refusal, context)
    }
}
