//! Stream Management on a connection (XEP-0198).

use std::sync::Arc;

use super::{Connection, Cx, Phase, StreamCondition};
use crate::faults::{ConnectionEnd, Fault, Point, ResumeFault};
use crate::ns;
use crate::observe::Outcome;
use crate::world::{ResumeError, SessionId};
use crate::xml::Element;

impl Connection {
    /// Sends `<enabled/>`, twice with the corresponding fault, or `<failed/>`.
    pub(super) fn enable(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        enable: &Element,
    ) -> Vec<Element> {
        if cx.world.switches.sm_refused {
            return vec![failed(None, "feature-not-implemented")];
        }
        let resume = matches!(enable.attribute("resume"), Some("1" | "true"));
        let max = enable.attribute("max").and_then(|max| max.parse().ok());
        let Some(resumable) = cx.world.enable_sm(session, resume, max) else {
            return vec![failed(None, "unexpected-request")];
        };
        let mut enabled = Element::new(ns::SM, "enabled");
        if let Some((id, window)) = resumable {
            enabled.set("resume", "true");
            enabled.set("id", id);
            enabled.set("max", window.as_secs().to_string());
            if let Some(location) = &cx.world.switches.sm_location {
                enabled.set("location", location.clone());
            }
        }
        if self.has_fault(cx, &Fault::SecondEnabled) {
            return vec![enabled.clone(), enabled];
        }
        vec![enabled]
    }

    /// Handles `<resume/>` after SASL.
    pub(super) fn resume(&mut self, cx: &mut Cx<'_>, account: &str, resume: &Element) {
        match self.try_resume(cx, account, resume) {
            Ok((resumed, stanzas)) => {
                self.send(&resumed);
                self.after_resumed(cx);
                self.resend(cx, &stanzas);
                self.at(cx, Point::Online);
            }
            Err(Some(failed)) => self.send(&failed),
            Err(None) => {}
        }
    }

    /// Handles `<resume/>` immediately after TLS (XEP-0305): the SM-ID is the credential.
    pub(super) fn resume_before_sasl(&mut self, cx: &mut Cx<'_>, resume: &Element) {
        let switches = &cx.world.switches;
        let owner = resume
            .attribute("previd")
            .filter(|_| switches.sm && switches.sm_before_sasl)
            .and_then(|previd| cx.world.sm_account(previd));
        match owner {
            Some(account) => {
                self.account_hint = Some(account.clone());
                self.resume(cx, &account, resume);
            }
            None => {
                self.bounce_stanzas = true;
                self.send(&failed(None, "item-not-found"));
            }
        }
    }

    /// Sends `<resumed/>` and the unacknowledged stanzas; or `<failed/>`; or nothing, if the stream is closed.
    pub(super) fn try_resume(
        &mut self,
        cx: &mut Cx<'_>,
        account: &str,
        resume: &Element,
    ) -> Result<(Element, Vec<Arc<Element>>), Option<Element>> {
        let h = resume.attribute("h").and_then(|h| h.parse::<u32>().ok());
        let (Some(previd), Some(h)) = (resume.attribute("previd"), h) else {
            return Err(Some(failed(None, "bad-request")));
        };
        if self.has_fault(cx, &Fault::ForgetSmSession) {
            return Err(Some(failed(None, "item-not-found")));
        }
        let fault = self.resume_fault(cx);
        if let Some(fault) = &fault
            && cx.world.sm_account(previd).is_some()
            && let Some(answer) = self.answer_instead(cx, fault)
        {
            return Err(answer);
        }
        let duplicate = self.has_fault(cx, &Fault::DuplicateDelivery);
        match cx.world.resume(account, previd, h, self.id, duplicate) {
            Ok(mut resumed) => {
                let loses = cx.world.switches.loses_at_hand_over
                    || self.has_fault(cx, &Fault::LosesAtHandOver);
                cx.world.note_resumed(&mut resumed, loses, cx.now);
                self.online(cx, &resumed.account, resumed.session, Outcome::Resumed);
                let mut h = resumed.inbound;
                if self.has_fault(cx, &Fault::ResumedHTooHigh) {
                    h = h.wrapping_add(1000);
                }
                if self.has_fault(cx, &Fault::ResumedHBackward) {
                    h = h.wrapping_sub(1000);
                }
                let previd = if self.has_fault(cx, &Fault::ResumedWrongPrevid) {
                    "another-session"
                } else {
                    previd
                };
                let mut element = Element::new(ns::SM, "resumed");
                if fault != Some(ResumeFault::WithoutPrevid) {
                    element.set("previd", previd);
                }
                match fault {
                    Some(ResumeFault::WithH(None)) => {}
                    Some(ResumeFault::WithH(Some(text))) => element.set("h", text),
                    _ => element.set("h", h.to_string()),
                }
                Ok((element, resumed.resend))
            }
            Err(ResumeError::NotFound { h }) => Err(Some(failed(h, "item-not-found"))),
            Err(ResumeError::TooHigh { h, sent }) => {
                self.stream_error(cx, StreamCondition::HandledCountTooHigh { h, sent });
                Err(None)
            }
        }
    }

    /// Returns the answer to `<resume/>` in place of `<resumed/>`: a `<failed/>`, or something that was sent already.
    fn answer_instead(&mut self, cx: &mut Cx<'_>, fault: &ResumeFault) -> Option<Option<Element>> {
        match fault {
            ResumeFault::FailedWithH(h) => {
                let mut failed = failed(None, "item-not-found");
                failed.set("h", *h);
                return Some(Some(failed));
            }
            ResumeFault::Nonza(name) => self.send(&Element::new(ns::SM, *name).with("h", "0")),
            ResumeFault::Stanza => {
                let message = Element::new(ns::CLIENT, "message").with("id", "instead");
                self.send(&message);
            }
            ResumeFault::StreamError => {
                self.stream_error(cx, StreamCondition::InternalServerError);
            }
            ResumeFault::EndOfStream => self.finish(cx),
            ResumeFault::Silence => self.silent = true,
            ResumeFault::Reset => self.reset(cx),
            _ => return None,
        }
        Some(None)
    }

    /// Carries out the fault immediately after `<resumed/>`.
    pub(super) fn after_resumed(&mut self, cx: &mut Cx<'_>) {
        let fault = self.resume_fault(cx);
        if let Phase::Bound { session, .. } = self.phase {
            if fault == Some(ResumeFault::UnreadAfter) {
                cx.world.leave_unread(session);
            }
            self.is_unread = cx.world.is_unread(session);
        }
        match fault {
            Some(ResumeFault::ErrorAfter) => {
                self.stream_error(cx, StreamCondition::InternalServerError);
            }
            // Not as a client closes it: the session stays.
            Some(ResumeFault::EndAfter) => self.end_connection(cx, ConnectionEnd::Close),
            Some(ResumeFault::SilenceAfter) => self.silent = true,
            Some(ResumeFault::ResetAfter) => self.reset(cx),
            _ => {}
        }
    }

    /// Sends what the client had not acknowledged, in its order.
    pub(super) fn resend(&mut self, cx: &mut Cx<'_>, stanzas: &[Arc<Element>]) {
        for stanza in stanzas {
            self.send_stanza(cx, stanza);
        }
    }

    /// Handles SM elements of an established session; returns false if it is none.
    pub(super) fn sm_element(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        element: &Element,
    ) -> bool {
        if element.ns != ns::SM || !cx.world.switches.sm {
            return false;
        }
        match &*element.name {
            "enable" => {
                for enabled in self.enable(cx, session, element) {
                    self.send(&enabled);
                }
            }
            "r" => self.answer_request(cx, session),
            "a" => self.acknowledged(cx, session, element),
            "resume" => self.send(&failed(None, "unexpected-request")),
            _ => return false,
        }
        true
    }

    fn answer_request(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        let Some(mut h) = cx.world.inbound(session) else {
            return self.stream_error(cx, StreamCondition::UnsupportedStanzaType);
        };
        if self.has_fault(cx, &Fault::AckHTooHigh) {
            h = h.wrapping_add(1000);
        }
        if self.has_fault(cx, &Fault::AckHBackward) {
            h = h.wrapping_sub(1000);
        }
        let mut a = Element::new(ns::SM, "a");
        if !self.has_fault(cx, &Fault::AckWithoutH) {
            a.set("h", h.to_string());
        }
        self.send(&a);
    }

    fn acknowledged(&mut self, cx: &mut Cx<'_>, session: SessionId, a: &Element) {
        let Some(h) = a.attribute("h").and_then(|h| h.parse::<u32>().ok()) else {
            return self.stream_error(cx, StreamCondition::BadFormat);
        };
        if let Some(Err(error)) = cx.world.acknowledge(session, h) {
            if self.flood.is_some() {
                // Only the client counts the stanzas of a flood.
                return;
            }
            let condition = StreamCondition::HandledCountTooHigh {
                h: error.h,
                sent: error.sent,
            };
            self.drop_session(cx, session);
            self.stream_error(cx, condition);
        } else if cx.world.request_owed(session) {
            self.send(&Element::new(ns::SM, "r"));
        }
    }

    /// Ends the session of a client that counts wrongly.
    fn drop_session(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        cx.world.leave(session, self.id, cx.now);
        self.phase = Phase::Closed;
    }
}

fn failed(h: Option<u32>, condition: &'static str) -> Element {
    let mut failed = Element::new(ns::SM, "failed");
    if let Some(h) = h {
        failed.set("h", h.to_string());
    }
    failed.child(Element::new(ns::STANZA_ERRORS, condition))
}
