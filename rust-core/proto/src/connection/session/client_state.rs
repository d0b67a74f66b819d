//! XEP-0352: the client state that the server knows.

use std::sync::Arc;

use crate::connection::context::Context;
use crate::connection::session::state::Session;
use crate::protocol_message::ProtocolMessage;
use crate::stream::features::StreamFeatures;
use crate::xep::csi;

impl Session {
    /// Features may follow a session that was resumed inside SASL2.
    pub(in crate::connection) fn features(
        &mut self,
        features: &Arc<StreamFeatures>,
        context: &mut Context,
    ) {
        let knew_client_state = context.knows_client_state();
        context.learn_features(features);
        if !knew_client_state {
            self.tell_client_state(context);
        }
        // The limits may have changed.
        self.keep_alive(context);
    }

    /// Records whether the app is in the foreground.
    pub(in crate::connection) fn set_active(&mut self, active: bool, context: &mut Context) {
        context.active = active;
        self.tell_client_state(context);
        self.await_settling_query(context);
        self.look_again(context);
    }

    /// I15, XEP-0352: the server assumes the client is active until informed. Sent only where it supports client states; never
    /// counted.
    pub(super) fn tell_client_state(&mut self, context: &mut Context) {
        let is_early = self.awaits_start.is_some();
        if is_early || context.active != self.sent_inactive || !context.knows_client_state() {
            return;
        }
        self.sent_inactive = !context.active;
        let state = if context.active {
            csi::active()
        } else {
            csi::inactive()
        };
        context
            .env
            .transmit_element(ProtocolMessage::ClientState, &state);
    }
}
