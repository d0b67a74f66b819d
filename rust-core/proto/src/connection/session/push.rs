//! XEP-0357: push notifications are enabled in each session that wants them. Servers bind a registration to the session that has
//! enabled it, and forget it with the session, so a new session enables it again; a resumed one has it.

use crate::connection::output::Event;
use crate::connection::remote::Remote;
use crate::connection::session::state::{Session, SessionStage};
use crate::escalation::Request;
use crate::knowledge::{Greeting, Op, PendingKind, PushChange, PushTarget};
use crate::protocol_message::ProtocolMessage;
use crate::stanza::StanzaError;
use crate::xep::push;
use crate::xml::Element;

impl Session {
    /// Tells a new session, among its initial stanzas.
    pub(super) fn greet_with_push(&mut self, remote: &mut Remote) {
        if !remote.knowledge.push.concerns_server() {
            return;
        }
        if self.may_send(Request::Push, remote) {
            self.tell_push(remote);
        } else {
            note_told(false, remote);
        }
    }

    /// Tells a resumed session what has changed while there was no connection.
    pub(super) fn tell_push_after_resumption(&mut self, remote: &mut Remote) {
        let push = &remote.knowledge.push;
        if !push.is_told && push.concerns_server() && self.may_send(Request::Push, remote) {
            self.tell_push(remote);
        }
    }

    /// The app wants something else.
    pub(in crate::connection) fn push_changed(&mut self, remote: &mut Remote) {
        let push = &remote.knowledge.push;
        let is_untold = !push.is_told && push.concerns_server();
        let is_online = self.stage == SessionStage::Online && self.awaits_start.is_none();
        let is_online = is_online && self.greeting == Greeting::Sent;
        if is_untold && is_online && self.may_send(Request::Push, remote) {
            self.tell_push(remote);
            self.request_ack(remote);
        }
    }

    /// Sends what the server has to be told. What is disabled comes first: a request without a node disables all nodes.
    pub(super) fn tell_push(&mut self, remote: &mut Remote) {
        let push = remote.knowledge.push.clone();
        self.disabling.clear();
        for target in push.withdrawn {
            let id = remote.env.entropy.token();
            let request = push::disable(&id, &target.service, target.node.as_deref());
            self.disabling.push((id, target));
            let kind = Some(PendingKind::PushDisable);
            self.send_core(ProtocolMessage::DisablePush, request, kind, remote);
        }
        if let Some(wanted) = push.wanted {
            let id = remote.env.entropy.token();
            let PushTarget { service, node } = &wanted.target;
            let options = wanted.options.iter();
            let options = options.map(|(name, value)| (name.as_str(), value.as_str()));
            let request = push::enable(&id, service, node.as_deref(), options);
            let kind = Some(PendingKind::PushEnable);
            self.send_core(ProtocolMessage::EnablePush, request, kind, remote);
        }
        // After the requests: what is not stored with them is sent once more.
        note_told(true, remote);
    }

    /// Processes the answer to a request to enable.
    pub(super) fn push_enabled(&mut self, iq: &Element, remote: &mut Remote) {
        let seq = self.commit(Vec::new(), remote);
        let event = match StanzaError::of(iq) {
            None => Event::PushEnabled,
            Some(error) => Event::PushRefused(error),
        };
        remote.env.event_after(Some(seq), event);
    }

    /// Processes the answer to a request to disable. After a refusal there is nothing to disable.
    pub(super) fn push_disabled(&mut self, id: &str, remote: &mut Remote) {
        let is_it = |entry: &(String, PushTarget)| entry.0 == id;
        let place = self.disabling.iter().position(is_it);
        let target = place.map(|place| self.disabling.remove(place).1);
        let ops = target.map(|target| {
            let change = PushChange::Disabled(target);
            remote.knowledge.push.apply(&change);
            Op::Push(change)
        });
        self.commit(ops.into_iter().collect(), remote);
    }
}

pub(super) fn note_told(is_told: bool, remote: &mut Remote) {
    if remote.knowledge.push.is_told != is_told {
        let change = PushChange::Told(is_told);
        remote.knowledge.push.apply(&change);
        remote.env.persist(vec![Op::Push(change)]);
    }
}
