//! What organisations use in place of a password: bearer tokens, client certificates, no account at all, and mechanisms of the
//! app's own (RFC 7628, RFC 4422, XEP-0178, RFC 4505, XEP-0175).

use std::time::Duration;

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;
use crate::error::{Assumption, ConnectionError, LocalError, PeerError};
use crate::knowledge::Knowledge;
use crate::plan::Login;
use crate::sasl::{
    CredentialError, Mechanism, Method, NoMechanism, OwnExchange, OwnMechanism, OwnName,
    SaslCondition, SaslError,
};
use crate::secret::Secret;

const REPORT: &str = "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=";

fn token(text: &str) -> Result<Secret<String>, CredentialError> {
    Ok(Secret::from(text))
}

/// The initial response, decoded.
fn response_of(flight: &str, name: &str) -> String {
    use base64::Engine;
    let text = text_of(flight, name);
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    String::from_utf8(bytes.unwrap()).unwrap()
}

fn shown() -> String {
    let shown = bearer_features(&format!("{}{SM}", bind2()));
    format!("{HEADER}{}", features(&shown))
}

fn sasl1_features(mechanism: &str) -> String {
    let offered = SASL1.replace("SCRAM-SHA-256", mechanism);
    format!("{HEADER}{}", features(&offered))
}

fn with(method: Method) -> Setup {
    Setup::direct().with(|setup| {
        setup.config.password = None;
        setup.config.method = method;
    })
}

/// Up to a login whose token is refused.
fn refused_once(mut peer: Peer) -> Peer {
    open_direct(&mut peer);
    assert_eq!(peer.token_requests, [false]);
    peer.provide(token("stale"));
    peer.sends("header");
    peer.serve(&shown());
    let flight = peer.sends("authenticate OAUTHBEARER");
    assert_eq!(
        response_of(&flight, "initial-response"),
        "n,a=juliet@example.org,\x01auth=Bearer stale\x01\x01"
    );
    peer.serve(&challenge2(REPORT));
    let flight = peer.sends("response");
    assert_eq!(response_of(&flight, "response"), "\x01");
    peer.serve(&failure2("not-authorized", ""));
    peer
}

#[test]
fn t2_a_login_without_a_password_leaves_no_floor_and_no_keys() {
    let mut peer = bearer().start();
    cold_bearer_token(&mut peer);
    let knowledge = peer.knowledge();
    assert!(knowledge.floor.is_none() && knowledge.scram_keys.is_none());
    assert!(knowledge.server.secured.is_some() && knowledge.sm.is_some());
    assert!(!peer.history.concat().contains("a-token"), "T9");
}

#[test]
fn a_refused_token_is_replaced_on_the_same_stream() {
    let mut peer = refused_once(bearer().start());
    assert_eq!(peer.token_requests, [false, true]);
    peer.sends_nothing();
    peer.provide(token("fresh"));
    let flight = peer.sends("authenticate OAUTHBEARER");
    assert!(response_of(&flight, "initial-response").contains("Bearer fresh\x01"));
    peer.serve(&success2("", JID, &bound2(ENABLED)));
    peer.sends(GREETING2);
    peer.is_online();
}

#[test]
fn the_second_refused_token_needs_the_user() {
    let refusal = ConnectionError::Sasl(SaslCondition::NotAuthorized.into());
    let mut peer = refused_once(bearer().start());
    peer.provide(token("fresh"));
    peer.sends("authenticate OAUTHBEARER");
    peer.serve(&challenge2(REPORT));
    peer.sends("response");
    peer.serve(&failure2("not-authorized", ""));
    peer.fails(refusal.clone());
    assert!(refusal.needs_credentials());
    assert_eq!(peer.token_requests, [false, true]);
}

#[test]
fn success_after_the_report_of_an_error_is_none() {
    let mut peer = bearer().start();
    open_direct(&mut peer);
    peer.provide(token("stale"));
    peer.sends("header");
    peer.serve(&shown());
    peer.sends("authenticate OAUTHBEARER");
    peer.serve(&challenge2(REPORT));
    peer.sends("response");
    peer.serve(&success2("", JID, &bound2(ENABLED)));
    peer.fails(ConnectionError::Peer(PeerError::Unexpected("success")));
}

/// The new stream was sent with the token: this connection is lost, and the next one asks for another token.
#[test]
fn s2_a_token_that_was_pipelined_with_the_new_stream_is_refused_by_the_report() {
    let knowledge = || {
        let mut knowledge = gone(after_pipelining());
        let secured = knowledge.server.secured.clone().unwrap();
        let mut features = (*secured).clone();
        features.sasl1 = Some(vec!["OAUTHBEARER".to_owned()]);
        knowledge.server.secured = Some(features.into());
        knowledge
    };
    for (was_refused, error) in [
        (
            false,
            ConnectionError::WrongAssumption(Assumption::BearerToken),
        ),
        (
            true,
            ConnectionError::Sasl(SaslCondition::NotAuthorized.into()),
        ),
    ] {
        let mut setup = with(Method::BearerToken).knowing(knowledge());
        setup.token_refused = was_refused;
        let mut peer = setup.start();
        peer.connect();
        assert_eq!(peer.token_requests, [was_refused]);
        peer.provide(token("stale"));
        peer.sends("ClientHello");
        peer.tls();
        let flight = peer.sends(&format!("header + auth OAUTHBEARER + header + {GREETING}"));
        assert!(response_of(&flight, "auth").contains("Bearer stale\x01"));
        peer.serve(&sasl1_features("OAUTHBEARER"));
        peer.serve(&sasl1("challenge", REPORT));
        peer.fails(error.clone());
        assert_eq!(error.retry_at_once(), !was_refused);
    }
}

#[test]
fn a_provider_that_hangs_or_fails_ends_the_attempt_and_not_the_account() {
    let open = || {
        let mut peer = bearer().start();
        open_direct(&mut peer);
        peer.sends("header");
        peer.serve(&shown());
        assert_eq!(peer.state(), "ExpectToken");
        peer
    };
    let mut peer = open();
    peer.pass(Duration::from_secs(19));
    assert_eq!(peer.closed, None);
    peer.pass(Duration::from_secs(1));
    let late = ConnectionError::Local(LocalError::NoTokenInTime);
    assert!(late.is_retryable() && !late.needs_credentials());
    peer.fails(late);
    for (fault, error, is_retryable) in [
        (
            CredentialError::Unavailable,
            LocalError::CredentialsUnavailable,
            true,
        ),
        (
            CredentialError::UserNeeded,
            LocalError::NoCredentials,
            false,
        ),
        (
            CredentialError::WrongServer,
            LocalError::NoCredentials,
            false,
        ),
    ] {
        let mut peer = open();
        peer.provide(Err(fault));
        let error = ConnectionError::Local(error);
        assert_eq!(error.is_retryable(), is_retryable);
        assert_eq!(error.needs_credentials(), !is_retryable);
        peer.fails(error);
    }
}

/// What is remembered of the server is not the cause when the transport ends while the app is being asked.
#[test]
fn s2_features_are_not_at_risk_while_the_token_is_awaited() {
    let mut peer = bearer().knowing(gone(learnt())).start();
    open_direct(&mut peer);
    peer.sends("header");
    assert_eq!(peer.state(), "ExpectToken");
    peer.close_tls();
    peer.fails(ConnectionError::TransportClosed);
    assert!(peer.knowledge().server.secured.is_some());
}

fn learnt() -> Knowledge {
    let mut peer = bearer().start();
    cold_bearer_token(&mut peer);
    settled(peer.knowledge())
}

#[test]
fn s5_a_token_of_fast_needs_no_bearer_token() {
    let offered = bearer_features(&format!("{}{SM}{FAST}", bind2()));
    let mut peer = bearer().start();
    open_direct(&mut peer);
    peer.provide(Ok(Secret::from("a-token")));
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(&offered)));
    let flight = peer.sends("authenticate OAUTHBEARER");
    assert!(flight.contains("<request-token "));
    let inner = format!("{}{}", super::texts::token(), bound2(ENABLED));
    peer.serve(&success2("", JID, &inner));
    peer.is_online();
    let knowledge = settled(peer.knowledge());
    let mut peer = bearer().knowing(knowledge).start();
    open_direct(&mut peer);
    peer.sends(FAST_LOGIN);
    assert_eq!(peer.token_requests, [] as [bool; 0]);
    // It is refused: the bearer token takes its place, on the same stream.
    peer.serve(&format!("{HEADER}{}", features(&offered)));
    peer.serve(&failure2("credentials-expired", ""));
    assert_eq!(peer.token_requests, [false]);
    peer.provide(token("a-token"));
    peer.sends("authenticate OAUTHBEARER");
}

#[test]
fn t2_another_mechanism_than_the_apps_is_never_used() {
    for method in [Method::BearerToken, Method::Certificate, Method::Anonymous] {
        let mut peer = with(method)
            .with(|setup| setup.config.policy.allow_plain = true)
            .start();
        open_direct(&mut peer);
        peer.sends("header");
        let offered = format!("{}{}", sasl2(), SASL1.replace("SCRAM-SHA-256", "PLAIN"));
        peer.serve(&format!("{HEADER}{}", features(&offered)));
        let none = PeerError::NoLogin(NoMechanism::NothingInCommon);
        peer.fails(ConnectionError::Peer(none));
    }
}

#[test]
fn t3_channel_binding_cannot_be_required_of_them() {
    let mut peer = with(Method::Certificate)
        .with(|setup| setup.config.policy.require_channel_binding = true)
        .start();
    open_direct(&mut peer);
    peer.sends("header");
    peer.serve(&sasl1_features("EXTERNAL"));
    let none = PeerError::NoLogin(NoMechanism::ChannelBindingRequired);
    peer.fails(ConnectionError::Peer(none));
}

#[test]
fn a_certificate_logs_in_with_an_empty_response() {
    let mut peer = with(Method::Certificate).start();
    open_direct(&mut peer);
    peer.sends("header");
    peer.serve(&sasl1_features("EXTERNAL"));
    let flight = peer.sends("auth EXTERNAL");
    assert_eq!(
        flight,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"
    );
    peer.serve(&sasl1("success", ""));
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(AUTHENTICATED)));
    answer_bind(&mut peer);
    peer.is_online();
    assert_eq!(
        peer.connection().plan().login,
        Login::Sasl1(Mechanism::External)
    );
    assert!(peer.knowledge().floor.is_none(), "T2");
}

fn anonymous() -> Setup {
    with(Method::Anonymous).with(|setup| {
        setup.config.account = crate::jid::BareJid::try_from("example.org").unwrap();
    })
}

fn anonymous_features() -> String {
    let offered = bearer_features(&format!("{}{SM}{FAST}", bind2()));
    format!(
        "{HEADER}{}",
        features(&offered.replace("OAUTHBEARER", "ANONYMOUS"))
    )
}

#[test]
fn an_anonymous_login_takes_the_account_that_the_server_assigns() {
    let jid = "8f3a@example.org/balcony";
    let mut peer = anonymous().start();
    open_direct(&mut peer);
    let header = peer.sends("header");
    assert!(!header.contains(" from="), "{header}");
    peer.serve(&anonymous_features());
    let flight = peer.sends("authenticate ANONYMOUS");
    assert!(flight.contains("<initial-response/>"), "{flight}");
    assert!(
        !flight.contains("request-token"),
        "the account is another one each time"
    );
    peer.serve(&success2("", jid, &bound2(ENABLED)));
    peer.is_online();
    let is_online = |event: &Event| matches!(event, Event::Online { jid: own, .. } if own == jid);
    assert!(peer.events().iter().any(is_online));
    assert_eq!(peer.knowledge().sm.unwrap().jid, jid);
    // T7: a roster push of the assigned account is accepted; its answer goes out.
    peer.sends(GREETING2);
    peer.serve(
        "<iq type='set' id='p1' from='8f3a@example.org'><query xmlns='jabber:iq:roster'>\
         <item jid='nurse@example.org'/></query></iq>",
    );
    let answer = peer.sends("iq");
    assert!(answer.contains("type='result'"), "{answer}");
}

#[test]
fn an_anonymous_account_belongs_to_the_domain() {
    let mut peer = anonymous().start();
    open_direct(&mut peer);
    peer.sends("header");
    peer.serve(&anonymous_features());
    peer.sends("authenticate ANONYMOUS");
    peer.serve(&success2("", "8f3a@example.net/balcony", &bound2(ENABLED)));
    peer.fails(ConnectionError::Peer(PeerError::OtherAccount));
}

/// Two messages: its own name, then the challenge reversed. The server has to send `proof` with success.
#[derive(Debug)]
struct Reversing;

impl OwnMechanism for Reversing {
    fn name(&self) -> OwnName {
        OwnName::new("X-REVERSE").unwrap()
    }

    fn begin(&self) -> Box<dyn OwnExchange> {
        Box::new(Self)
    }
}

impl OwnExchange for Reversing {
    fn initial_response(&mut self) -> Result<Option<Secret<Vec<u8>>>, CredentialError> {
        Ok(Some(Secret::new(b"juliet".to_vec())))
    }

    fn challenge(&mut self, data: &[u8]) -> Result<Secret<Vec<u8>>, CredentialError> {
        match data {
            b"later" => Err(CredentialError::Unavailable),
            data => Ok(Secret::new(data.iter().rev().copied().collect())),
        }
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<(), CredentialError> {
        match data {
            Some(b"proof") => Ok(()),
            _ => Err(CredentialError::WrongServer),
        }
    }
}

#[test]
fn t4_a_mechanism_of_the_app_checks_the_servers_last_word() {
    let begin = || {
        let mut peer = with(Method::Own(std::sync::Arc::new(Reversing))).start();
        open_direct(&mut peer);
        peer.sends("header");
        let offered = bearer_features(&format!("{}{SM}", bind2()));
        let offered = offered.replace("OAUTHBEARER", "X-REVERSE");
        peer.serve(&format!("{HEADER}{}", features(&offered)));
        let flight = peer.sends("authenticate X-REVERSE");
        assert_eq!(response_of(&flight, "initial-response"), "juliet");
        peer
    };
    let mut peer = begin();
    peer.serve(&challenge2(&base64_of("abc")));
    let flight = peer.sends("response");
    assert_eq!(response_of(&flight, "response"), "cba");
    peer.serve(&success2(&base64_of("proof"), JID, &bound2(ENABLED)));
    peer.is_online();

    for data in [base64_of("another"), String::new()] {
        let mut peer = begin();
        peer.serve(&success2(&data, JID, &bound2(ENABLED)));
        let error = PeerError::Sasl(SaslError::WrongOwnProof);
        peer.fails(ConnectionError::Peer(error));
        assert!(peer.knowledge().server.secured.is_none());
    }
    let mut peer = begin();
    peer.serve(&challenge2(&base64_of("later")));
    peer.fails(ConnectionError::Local(LocalError::CredentialsUnavailable));
}
