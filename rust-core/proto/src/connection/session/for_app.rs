//! Requests of other entities that the app answers (RFC 6120 section 8.2.3): those whose payload has a namespace that the app has
//! named ([`Identity::requests`](crate::config::Identity)).

use crate::knowledge::WrittenStanza;
use crate::protocol_message::ProtocolMessage;
use crate::stanza::{self, ErrorType, StanzaCondition, StanzaError};
use crate::xep::blocking::{BlockListChange, BlockPushError};
use crate::xml::Element;

use crate::connection::output::Event;
use crate::connection::remote::Remote;
use crate::connection::session::state::{Session, SessionStage};

impl Session {
    /// Returns whether the app answers this request. It has exactly one payload (RFC 6120 section 8.2.3).
    pub(super) fn is_for_app(&self, iq: &Element, remote: &Remote) -> bool {
        let namespaces = &remote.env.config.identity.requests;
        let mut payloads = iq.children();
        let (Some(payload), None) = (payloads.next(), payloads.next()) else {
            return false;
        };
        namespaces.iter().any(|namespace| namespace == payload.ns())
    }

    /// Counts a request and passes it to the app, within the limit and the rate of all answers (rules I20, W9): a flood of requests
    /// does not reach the app.
    pub(super) fn pass_to_app(&mut self, iq: &Element, remote: &mut Remote) {
        let seq = self.commit(Vec::new(), remote);
        if self.stage != SessionStage::Ending && self.takes_request(iq, remote) {
            remote
                .env
                .event_after(Some(seq), Event::Request(iq.clone()));
        }
    }

    /// Sends the app's answer. It waits in the queue for its acknowledgement like every answer.
    pub(in crate::connection) fn answer_of_app(
        &mut self,
        answer: WrittenStanza,
        remote: &mut Remote,
    ) {
        if !self.has_room_for(&answer) {
            return self.report_flood(remote);
        }
        self.answered_at = Some(remote.env.now.mono);
        self.send_core(ProtocolMessage::Iq, answer, None, remote);
        self.request_ack(remote);
    }

    /// XEP-0191: a change of the block list is reported and acknowledged. Only the account pushes its list.
    pub(super) fn block_list_push(
        &mut self,
        iq: &Element,
        push: Result<BlockListChange, BlockPushError>,
        remote: &mut Remote,
    ) {
        let seq = self.commit(Vec::new(), remote);
        let answer = match push {
            Ok(change) => {
                remote
                    .env
                    .event_after(Some(seq), Event::BlockListChanged(change));
                stanza::result_reply(iq)
            }
            Err(error) => {
                remote.env.event(Event::PeerFault("block list push"));
                let condition = match error {
                    BlockPushError::Forged => StanzaCondition::ServiceUnavailable,
                    BlockPushError::Malformed(_) => StanzaCondition::BadRequest,
                };
                stanza::error_reply(iq, &StanzaError::new(ErrorType::Cancel, condition))
            }
        };
        self.answer(iq, answer, remote);
        self.request_ack(remote);
    }
}
