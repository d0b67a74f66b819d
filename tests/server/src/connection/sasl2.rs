//! SASL2 (XEP-0388) with inline resumption (XEP-0198), Bind 2 (XEP-0386), FAST (XEP-0484) and
//! the config version (XEP-0509).

use super::login::{Request, decode, encode};
use super::{Connection, Cx, Next, Phase};
use crate::faults::{Fault, Point};
use crate::ns;
use crate::sasl::{Condition, HtResponse, Mechanism};
use crate::switches::FastFailure;
use crate::time;
use crate::world::FastLogin;
use crate::xml::Element;

/// The content of `<authenticate/>`.
#[derive(Debug)]
pub(super) struct Sasl2Request {
    client: Option<String>,
    bind: Option<Element>,
    resume: Option<Element>,
    pub(super) token_wanted: Option<Mechanism>,
}

/// Returns whether an element may be early data: only a FAST login with a replay counter may.
pub(super) fn is_early_login(element: &Element) -> bool {
    element.is(ns::SASL2, "authenticate")
        && element
            .find(ns::FAST, "fast")
            .is_some_and(|fast| fast.attribute("count").is_some())
}

impl Sasl2Request {
    fn parse(element: &Element) -> Self {
        Self {
            client: element
                .find(ns::SASL2, "user-agent")
                .and_then(|agent| agent.attribute("id"))
                .map(str::to_owned),
            bind: element.find(ns::BIND2, "bind").cloned(),
            resume: element.find(ns::SM, "resume").cloned(),
            token_wanted: element
                .find(ns::FAST, "request-token")
                .and_then(|request| request.attribute("mechanism"))
                .and_then(Mechanism::from_name)
                .filter(|mechanism| Mechanism::TOKEN.contains(mechanism)),
        }
    }
}

impl Connection {
    pub(super) fn authenticate(&mut self, cx: &mut Cx<'_>, element: &Element, early: bool) -> Next {
        let request = Sasl2Request::parse(element);
        if let Some(version) = element.find(ns::IAP, "config-version")
            && cx.world.switches.config_version
            && !version
                .attribute("value")
                .is_some_and(|version| self.is_config_version(cx, version))
        {
            return self.config_mismatch();
        }
        let initial = element
            .find(ns::SASL2, "initial-response")
            .map(|initial| decode(&initial.content()));
        let name = element.attribute("mechanism");
        if let Some(fast) = element.find(ns::FAST, "fast") {
            return self.fast(cx, request, fast, name, initial, early);
        }
        match self.offered(cx, name) {
            Some(mechanism) => {
                self.start_exchange(cx, Request::Sasl2(Box::new(request)), mechanism, initial)
            }
            None => self.fail(
                cx,
                &Request::Sasl2(Box::new(request)),
                Condition::InvalidMechanism,
            ),
        }
    }

    fn config_mismatch(&mut self) -> Next {
        self.send(
            &Element::new(ns::SASL2, "failure")
                .child(Element::new(ns::SASL, Condition::Aborted.name()))
                .child(Element::new(ns::IAP, "config-version-mismatch")),
        );
        self.bounce_stanzas = true;
        Next::Stream
    }

    fn fast(
        &mut self,
        cx: &mut Cx<'_>,
        request: Sasl2Request,
        fast: &Element,
        name: Option<&str>,
        initial: Option<Result<Vec<u8>, Condition>>,
        early: bool,
    ) -> Next {
        let accepted = self.check_fast(cx, &request, fast, name, initial, early);
        let (user, mechanism, mut proof, rotate) = match accepted {
            Ok(accepted) => accepted,
            Err(condition) => return self.fast_failed(cx, request, condition),
        };
        self.account_hint = Some(user.clone());
        if self.at(cx, Point::Login) {
            return Next::Stream;
        }
        if self.has_fault(cx, &Fault::WrongHtProof) {
            cx.world.note_lie(self.id);
            proof = b"not the right proof".to_vec();
        }
        let proof = Some(proof).filter(|_| !self.has_fault(cx, &Fault::SuccessWithoutProof));
        if proof.is_none() {
            cx.world.note_lie(self.id);
        }
        self.note_login(cx, &user, mechanism);
        let token = request.token_wanted.or(rotate.then_some(mechanism));
        self.sasl2_success(cx, &request, &user, proof, token);
        Next::Stream
    }

    fn check_fast(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Sasl2Request,
        fast: &Element,
        name: Option<&str>,
        initial: Option<Result<Vec<u8>, Condition>>,
        early: bool,
    ) -> Result<(String, Mechanism, Vec<u8>, bool), Condition> {
        let bindings = self.bindings(cx);
        let mechanism = name
            .and_then(Mechanism::from_name)
            .filter(|mechanism| super::features::fast_mechanisms(cx, &bindings).contains(mechanism))
            .ok_or(Condition::InvalidMechanism)?;
        if early && mechanism == Mechanism::HtSha256Expr {
            return Err(Condition::InvalidMechanism);
        }
        let message = initial.ok_or(Condition::MalformedRequest)??;
        let client = request
            .client
            .as_deref()
            .ok_or(Condition::MalformedRequest)?;
        let count = match fast.attribute("count").map(str::parse::<u64>) {
            None => None,
            Some(Ok(count)) if count > 0 => Some(count),
            Some(_) => return Err(Condition::MalformedRequest),
        };
        let response = HtResponse::parse(mechanism, &message, &bindings)?;
        if self.has_fault(cx, &Fault::ForgetFastTokens) {
            cx.world.forget_fast_tokens(&response.user);
        }
        let login = FastLogin {
            client,
            mechanism,
            response: &response,
            count,
            early,
            invalidate: matches!(fast.attribute("invalidate"), Some("1" | "true")),
        };
        let accepted = cx.world.fast_login(&login, cx.now)?;
        Ok((
            response.user.clone(),
            mechanism,
            accepted.proof,
            accepted.rotate,
        ))
    }

    fn fast_failed(
        &mut self,
        cx: &mut Cx<'_>,
        request: Sasl2Request,
        condition: Condition,
    ) -> Next {
        let next = self.fail(cx, &Request::Sasl2(Box::new(request)), condition);
        match cx.world.switches.fast_failure {
            FastFailure::StreamUsable => self.bounce_stanzas = true,
            FastFailure::StreamClosed => self.finish(cx),
        }
        next
    }

    /// Returns `<success/>` with everything that was requested inline, then features unless resumed.
    pub(super) fn sasl2_success(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Sasl2Request,
        user: &str,
        proof: Option<Vec<u8>>,
        token: Option<Mechanism>,
    ) {
        let mut success = Element::new(ns::SASL2, "success");
        if let Some(proof) = proof {
            success =
                success.child(Element::new(ns::SASL2, "additional-data").text(encode(&proof)));
        }
        self.phase = Phase::Authenticated {
            account: user.to_owned(),
        };
        let mut inline = Vec::new();
        let mut resend = None;
        if let Some(resume) = request.resume.as_ref().filter(|_| cx.world.switches.sm) {
            let scripted = self.script_answers(resume);
            let answer = match scripted {
                Some(answer) => Err(Some(answer)),
                None => self.try_resume(cx, user, resume),
            };
            match answer {
                Ok((resumed, stanzas)) => {
                    inline.push(resumed);
                    resend = Some(stanzas);
                    if self.has_fault(cx, &Fault::BoundAndResumed) {
                        inline.push(Element::new(ns::BIND2, "bound"));
                    }
                }
                Err(Some(failed)) => inline.push(failed),
                Err(None) => return,
            }
        }
        if let Some(bind) = &request.bind
            && resend.is_none()
            && cx.world.switches.bind2
        {
            inline.push(self.bind2(cx, user, bind, request.client.as_deref()));
            if self.has_fault(cx, &Fault::BoundAndResumed) {
                inline.push(
                    Element::new(ns::SM, "resumed")
                        .with("previd", "both")
                        .with("h", "0"),
                );
            }
        }
        if let (Some(mechanism), Some(client)) = (token, request.client.as_deref())
            && let Some((secret, expires)) = cx.world.issue_token(user, client, mechanism, cx.now)
        {
            inline.push(
                Element::new(ns::FAST, "token")
                    .with("token", secret)
                    .with("expiry", time::to_text(expires)),
            );
        }
        let identifier = match &self.phase {
            Phase::Bound { session, .. } => cx.world.session_jid(*session),
            _ => cx.world.bare_jid(user),
        };
        let success = success
            .child(Element::new(ns::SASL2, "authorization-identifier").text(identifier))
            .children_from(inline);
        self.send(&success);
        match resend {
            Some(stanzas) => {
                self.after_resumed(cx);
                self.resend(cx, &stanzas);
            }
            None => {
                self.send_features(cx);
            }
        }
        if matches!(self.phase, Phase::Bound { .. }) {
            self.at(cx, Point::Online);
        }
    }
}
