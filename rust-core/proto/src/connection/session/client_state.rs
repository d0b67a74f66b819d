//! XEP-0352: the client state that the server knows.

use std::sync::Arc;

use crate::connection::remote::Remote;
use crate::connection::session::state::Session;
use crate::escalation::Request;
use crate::protocol_message::ProtocolMessage;
use crate::stream::features::StreamFeatures;
use crate::xep::csi;

impl Session {
    /// Features may follow a session that was resumed inside SASL2.
    pub(in crate::connection) fn features(
        &mut self,
        features: &Arc<StreamFeatures>,
        remote: &mut Remote,
    ) {
        let knew_client_state = remote.knows_client_state();
        remote.learn_features(features);
        if !knew_client_state {
            self.tell_client_state(remote);
        }
        // The limits may have changed.
        self.keep_alive(remote);
    }

    /// Records whether the app is in the foreground.
    pub(in crate::connection) fn set_active(&mut self, active: bool, remote: &mut Remote) {
        remote.env.active = active;
        self.tell_client_state(remote);
        self.await_settling_query(remote);
        self.look_again(remote);
    }

    /// I15, XEP-0352: the server assumes the client is active until informed. Sent only where it supports client states; never
    /// counted.
    pub(super) fn tell_client_state(&mut self, remote: &mut Remote) {
        let is_early = self.awaits_start.is_some();
        if is_early
            || remote.env.active != self.sent_inactive
            || !remote.knows_client_state()
            || !self.may_send(Request::ClientState, remote)
        {
            return;
        }
        self.send_client_state(remote);
    }

    /// Sends the client state, if the server does not know it.
    pub(super) fn send_client_state(&mut self, remote: &mut Remote) {
        if remote.env.active != self.sent_inactive {
            return;
        }
        self.requests
            .sent(Request::ClientState, None, remote.env.now.mono);
        self.sent_inactive = !remote.env.active;
        let state = if remote.env.active {
            csi::active()
        } else {
            csi::inactive()
        };
        remote
            .env
            .transmit_element(ProtocolMessage::ClientState, &state);
    }
}
