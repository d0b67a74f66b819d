//! STARTTLS and SASL (RFC 6120 sections 5 and 6), and the common parts of SASL and SASL2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::sasl2::Sasl2Request;
use super::{Connection, Cx, Next, Phase, StreamCondition};
use crate::faults::{Fault, Point};
use crate::ns;
use crate::sasl::{Condition, Mechanism, Scram, ScramFirst, ScramOffer, parse_plain};
use crate::xml::Element;

/// The number of failed logins on one stream before it is closed (RFC 6120 6.4.4).
const MAX_FAILURES: u32 = 5;

/// A SASL exchange in progress.
#[derive(Debug)]
pub(super) struct Exchange {
    request: Request,
    mechanism: Mechanism,
    state: ExchangeState,
}

/// What the exchange expects.
#[derive(Debug)]
pub(super) enum ExchangeState {
    InitialResponse,
    FinalResponse(Scram),
    /// OAUTHBEARER: the report of an error was sent.
    ErrorReceived,
    /// X-TEST-REVERSE: this challenge was sent to this user.
    Reversed {
        user: String,
        challenge: String,
    },
}

/// The profile of the exchange.
#[derive(Debug)]
pub(super) enum Request {
    Sasl1,
    Sasl2(Box<Sasl2Request>),
}

impl Request {
    pub(super) fn namespace(&self) -> &'static str {
        match self {
            Self::Sasl1 => ns::SASL,
            Self::Sasl2(_) => ns::SASL2,
        }
    }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, Condition> {
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD
        .decode(text)
        .map_err(|_| Condition::IncorrectEncoding)
}

/// The text of a refused login for the user.
const WHY_NOT: &str = "No account of this name has this password.";

impl Connection {
    /// Handles the stream before TLS: only `<starttls/>` is accepted.
    pub(super) fn cleartext(&mut self, cx: &mut Cx<'_>, element: &Element) -> Next {
        if element.is(ns::TLS, "starttls") {
            if self.has_fault(cx, &Fault::RefuseStarttls) {
                self.send(&Element::new(ns::TLS, "failure"));
                self.finish(cx);
                return Next::Stream;
            }
            self.send(&Element::new(ns::TLS, "proceed"));
            return Next::Tls;
        }
        if element.is(ns::SASL, "auth") {
            self.fail(cx, &Request::Sasl1, Condition::EncryptionRequired);
        } else {
            self.stream_error(cx, StreamCondition::NotAuthorized);
        }
        Next::Stream
    }

    /// Handles the encrypted stream before a login.
    pub(super) fn unauthenticated(
        &mut self,
        cx: &mut Cx<'_>,
        element: Element,
        early: bool,
    ) -> Next {
        let switches = &cx.world.switches;
        if element.is(ns::SASL, "auth") && switches.sasl1 {
            return self.auth(cx, &element);
        }
        if element.is(ns::SASL2, "authenticate") && self.offers_sasl2(cx) {
            return self.authenticate(cx, &element, early);
        }
        if element.is(ns::SM, "resume") {
            self.resume_before_sasl(cx, &element);
        } else if element.is_stanza() && self.bounce_stanzas {
            self.send(&crate::world::error_answer(&element, "not-allowed"));
        } else if element.is_stanza() {
            self.stream_error(cx, StreamCondition::NotAuthorized);
        } else {
            self.stream_error(cx, StreamCondition::UnsupportedStanzaType);
        }
        Next::Stream
    }

    fn auth(&mut self, cx: &mut Cx<'_>, element: &Element) -> Next {
        let request = Request::Sasl1;
        let Some(mechanism) = self.offered(cx, element.attribute("mechanism")) else {
            return self.fail(cx, &request, Condition::InvalidMechanism);
        };
        let initial = match element.content().trim() {
            "" => None,
            "=" => Some(Ok(Vec::new())),
            text => Some(decode(text)),
        };
        self.start_exchange(cx, request, mechanism, initial)
    }

    /// Returns the password mechanism of this name, if it was offered.
    pub(super) fn offered(&self, cx: &Cx<'_>, name: Option<&str>) -> Option<Mechanism> {
        let mechanism = Mechanism::from_name(name?)?;
        self.mechanisms(cx, &self.bindings(cx))
            .contains(&mechanism)
            .then_some(mechanism)
    }

    pub(super) fn start_exchange(
        &mut self,
        cx: &mut Cx<'_>,
        request: Request,
        mechanism: Mechanism,
        initial: Option<Result<Vec<u8>, Condition>>,
    ) -> Next {
        if self.has_fault(cx, &Fault::StanzaBeforeLogin) {
            let stanza = Element::new(ns::CLIENT, "message")
                .with("from", cx.world.domain().to_owned())
                .with("id", "before-login")
                .child(Element::new(ns::CLIENT, "body").text("too early"));
            self.send(&stanza);
        }
        match initial {
            Some(Ok(message)) => self.initial_response(cx, request, mechanism, &message),
            Some(Err(condition)) => self.fail(cx, &request, condition),
            None => {
                self.send(&Element::new(request.namespace(), "challenge"));
                self.phase = Phase::Authenticating(Box::new(Exchange {
                    request,
                    mechanism,
                    state: ExchangeState::InitialResponse,
                }));
                Next::Stream
            }
        }
    }

    fn initial_response(
        &mut self,
        cx: &mut Cx<'_>,
        request: Request,
        mechanism: Mechanism,
        message: &[u8],
    ) -> Next {
        match mechanism {
            Mechanism::Plain => return self.plain(cx, request, message),
            Mechanism::OauthBearer => return self.bearer(cx, request, message),
            Mechanism::External => return self.external(cx, request, message),
            Mechanism::Anonymous => {
                let user = cx.world.add_anonymous();
                return self.succeed(cx, request, &user, mechanism, None);
            }
            Mechanism::TestReverse => {
                let user = String::from_utf8_lossy(message).into_owned();
                let challenge = cx.world.rng.token();
                let state = ExchangeState::Reversed {
                    user,
                    challenge: challenge.clone(),
                };
                return self.challenge(request, mechanism, challenge.as_bytes(), state);
            }
            _ => {}
        }
        match self.scram_challenge(cx, mechanism, message) {
            Ok((challenge, scram)) => {
                let state = ExchangeState::FinalResponse(scram);
                self.challenge(request, mechanism, &challenge, state)
            }
            Err(condition) => self.fail(cx, &request, condition),
        }
    }

    pub(super) fn challenge(
        &mut self,
        request: Request,
        mechanism: Mechanism,
        data: &[u8],
        state: ExchangeState,
    ) -> Next {
        self.send(&Element::new(request.namespace(), "challenge").text(encode(data)));
        self.phase = Phase::Authenticating(Box::new(Exchange {
            request,
            mechanism,
            state,
        }));
        Next::Stream
    }

    fn plain(&mut self, cx: &mut Cx<'_>, request: Request, message: &[u8]) -> Next {
        let (user, password) = match parse_plain(message) {
            Ok(parsed) => parsed,
            Err(condition) => return self.fail(cx, &request, condition),
        };
        let known = cx
            .world
            .account(&user)
            .is_some_and(|account| account.has_password(&password));
        if known {
            self.succeed(cx, request, &user, Mechanism::Plain, None)
        } else {
            self.fail(cx, &request, Condition::NotAuthorized)
        }
    }

    fn scram_challenge(
        &mut self,
        cx: &mut Cx<'_>,
        mechanism: Mechanism,
        message: &[u8],
    ) -> Result<(Vec<u8>, Scram), Condition> {
        let hash = mechanism.hash().ok_or(Condition::InvalidMechanism)?;
        let first = ScramFirst::parse(message)?;
        let bindings = self.bindings(cx);
        let plus_offered = self
            .mechanisms(cx, &bindings)
            .iter()
            .any(|mechanism| mechanism.is_plus());
        let ssdp = self.ssdp(cx, &bindings, mechanism);
        let (keys, known) = cx.world.scram_keys(&first.user, hash);
        let nonce = cx.world.rng.token();
        let offer = ScramOffer {
            plus: mechanism.is_plus(),
            plus_offered,
            bindings: &bindings,
            ssdp,
        };
        Scram::challenge(first, &offer, keys, known, &nonce)
    }

    /// Handles an exchange in progress: only responses and aborts are accepted.
    pub(super) fn authenticating(&mut self, cx: &mut Cx<'_>, element: &Element) -> Next {
        let Phase::Authenticating(exchange) =
            std::mem::replace(&mut self.phase, Phase::Negotiating)
        else {
            return Next::Stream;
        };
        let Exchange {
            request,
            mechanism,
            state,
        } = *exchange;
        if element.is(request.namespace(), "abort") {
            return self.fail(cx, &request, Condition::Aborted);
        }
        if !element.is(request.namespace(), "response") {
            self.stream_error(cx, StreamCondition::NotAuthorized);
            return Next::Stream;
        }
        let message = match decode(&element.content()) {
            Ok(message) => message,
            Err(condition) => return self.fail(cx, &request, condition),
        };
        match state {
            ExchangeState::InitialResponse => {
                self.initial_response(cx, request, mechanism, &message)
            }
            ExchangeState::ErrorReceived => self.fail(cx, &request, Condition::NotAuthorized),
            ExchangeState::Reversed { user, challenge } => {
                self.reversed(cx, request, &user, &challenge, &message)
            }
            ExchangeState::FinalResponse(scram) => {
                let user = scram.user.clone();
                match scram.finish(&message) {
                    Ok(proof) => self.succeed(cx, request, &user, mechanism, Some(proof)),
                    Err(condition) => self.fail(cx, &request, condition),
                }
            }
        }
    }

    pub(super) fn succeed(
        &mut self,
        cx: &mut Cx<'_>,
        request: Request,
        user: &str,
        mechanism: Mechanism,
        proof: Option<Vec<u8>>,
    ) -> Next {
        self.account_hint = Some(user.to_owned());
        if self.at(cx, Point::Login) {
            return Next::Stream;
        }
        let mut proof = proof;
        if let Some(proof) = &mut proof
            && self.has_fault(cx, &Fault::WrongScramSignature)
        {
            cx.world.note_lie(self.id);
            *proof = format!("v={}", encode(b"not the right signature")).into_bytes();
        }
        if proof.is_some() && self.has_fault(cx, &Fault::SuccessWithoutProof) {
            cx.world.note_lie(self.id);
            proof = None;
        }
        self.note_login(cx, user, mechanism);
        match request {
            Request::Sasl1 => {
                let mut success = Element::new(ns::SASL, "success");
                if let Some(proof) = proof {
                    success = success.text(encode(&proof));
                }
                self.send(&success);
                self.phase = Phase::Authenticated {
                    account: user.to_owned(),
                };
                Next::Restart
            }
            Request::Sasl2(request) => {
                let token = request.token_wanted.filter(|mechanism| {
                    let bindings = self.bindings(cx);
                    super::features::fast_mechanisms(cx, &bindings).contains(mechanism)
                });
                self.sasl2_success(cx, &request, user, proof, token);
                Next::Stream
            }
        }
    }

    pub(super) fn note_login(&mut self, cx: &mut Cx<'_>, user: &str, mechanism: Mechanism) {
        self.bounce_stanzas = false;
        if let Some(record) = cx.world.record(self.id) {
            record.account = Some(user.to_owned());
            record.mechanism = Some(mechanism.name().to_owned());
        }
    }

    pub(super) fn fail(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Request,
        condition: Condition,
    ) -> Next {
        self.phase = Phase::Negotiating;
        let mut failure = Element::new(request.namespace(), "failure")
            .child(Element::new(ns::SASL, condition.name()));
        if condition == Condition::NotAuthorized {
            failure = failure.child(Element::new(request.namespace(), "text").text(WHY_NOT));
        }
        self.send(&failure);
        if condition != Condition::Aborted {
            self.failures += 1;
        }
        if self.failures >= MAX_FAILURES {
            self.stream_error(cx, StreamCondition::PolicyViolation);
        }
        Next::Stream
    }
}
