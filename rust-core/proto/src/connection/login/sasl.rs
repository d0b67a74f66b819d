//! The steps of a SASL exchange that both profiles have in common: challenges, keys, responses.

use crate::connection::context::Context;
use crate::connection::login::exchange::Reply;
use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::step::{ExpectSasl, LoginStep, Next};
use crate::error::{ConnectionError, PeerError};
use crate::protocol_message::ProtocolMessage;
use crate::stream::features::StreamFeatures;
use crate::xml::Element;

/// In what the profiles differ.
pub(super) trait SaslProfile: Sized {
    /// The element that carries a response.
    fn response(data: &[u8]) -> Element;

    /// A challenge came: what it shows about what was relied on.
    fn challenged(context: &mut Context);

    /// A response has just been sent.
    fn responded(&mut self, login: &mut Negotiation, context: &mut Context);

    /// The step in which this exchange runs.
    fn step(exchange: ExpectSasl<Self>) -> LoginStep;
}

impl<P: SaslProfile> ExpectSasl<P> {
    /// The server's features came after a pipelined start.
    pub(super) fn with_features(
        mut self,
        features: &StreamFeatures,
        context: &Context,
    ) -> LoginStep {
        self.exchange = self.exchange.with_features(features, context);
        P::step(self)
    }

    /// The keys that were waited for are there, perhaps.
    pub(super) fn keys_ready(mut self, login: &mut Negotiation, context: &mut Context) -> Next {
        let (exchange, reply) = self.exchange.respond(login, context)?;
        self.exchange = exchange;
        Ok(self.reply(reply, login, context).into())
    }

    /// Answers a challenge.
    pub(super) fn challenge(
        mut self,
        data: &[u8],
        login: &mut Negotiation,
        context: &mut Context,
    ) -> Next {
        context.env.understood(ProtocolMessage::Challenge);
        P::challenged(context);
        let (exchange, reply) = self.exchange.challenge(data, login, context)?;
        self.exchange = exchange;
        Ok(self.reply(reply, login, context).into())
    }

    fn reply(mut self, reply: Reply, login: &mut Negotiation, context: &mut Context) -> LoginStep {
        if let Reply::Respond(data) = reply {
            let response = P::response(&data);
            context
                .env
                .transmit_element(ProtocolMessage::Response, &response);
            self.profile.responded(login, context);
        }
        P::step(self)
    }
}

/// What came during the exchange is no part of it.
pub(super) fn out_of_place(element: &Element, during: &'static str) -> ConnectionError {
    ConnectionError::Peer(if element.is_stanza() {
        PeerError::StanzaBeforeLogin
    } else {
        PeerError::Unexpected(during)
    })
}
