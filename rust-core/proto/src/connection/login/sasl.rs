//! The steps of a SASL exchange that both profiles have in common: challenges, keys, responses.

use crate::connection::login::exchange::Reply;
use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::step::{ExpectSasl, LoginStep, Next};
use crate::connection::remote::Remote;
use crate::error::{ConnectionError, PeerError};
use crate::protocol_message::ProtocolMessage;
use crate::stream::features::StreamFeatures;
use crate::xml::Element;

/// The differences between the profiles.
pub(super) trait SaslProfile: Sized {
    /// The element that carries a response.
    fn response(data: &[u8]) -> Element;

    /// Processes the arrival of a challenge: what it shows about the facts that were relied on.
    fn challenged(remote: &mut Remote);

    /// Called when a response has been sent.
    fn responded(&mut self, login: &mut Negotiation, remote: &mut Remote);

    /// Returns the step in which this exchange runs.
    fn step(exchange: ExpectSasl<Self>) -> LoginStep;
}

impl<P: SaslProfile> ExpectSasl<P> {
    /// Processes the server's features that arrived after a pipelined start.
    pub(super) fn with_features(mut self, features: &StreamFeatures, remote: &Remote) -> LoginStep {
        self.exchange = self.exchange.with_features(features, remote);
        P::step(self)
    }

    /// Continues if the requested keys are available.
    pub(super) fn keys_ready(mut self, login: &mut Negotiation, remote: &mut Remote) -> Next {
        let (exchange, reply) = self.exchange.respond(login, remote)?;
        self.exchange = exchange;
        Ok(self.reply(reply, login, remote).into())
    }

    /// Answers a challenge.
    pub(super) fn challenge(
        mut self,
        data: &[u8],
        login: &mut Negotiation,
        remote: &mut Remote,
    ) -> Next {
        remote.env.understood(ProtocolMessage::Challenge);
        P::challenged(remote);
        let (exchange, reply) = self.exchange.challenge(data, login, remote)?;
        self.exchange = exchange;
        Ok(self.reply(reply, login, remote).into())
    }

    fn reply(mut self, reply: Reply, login: &mut Negotiation, remote: &mut Remote) -> LoginStep {
        if let Reply::Respond(data) = reply {
            let response = P::response(data.expose());
            remote
                .env
                .transmit_secret(None, ProtocolMessage::Response, response);
            self.profile.responded(login, remote);
        }
        P::step(self)
    }
}

/// Rejects an element that is no part of the exchange.
pub(super) fn out_of_place(element: &Element, during: &'static str) -> ConnectionError {
    ConnectionError::Peer(if element.is_stanza() {
        PeerError::StanzaBeforeLogin
    } else {
        PeerError::Unexpected(during)
    })
}
