//! Logins without a password: bearer tokens (RFC 7628), client certificates (XEP-0178), no account (XEP-0175), and a mechanism of
//! the app's own. Over SASL1 and SASL2, cold and warm, against the reference server and its certificates.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use snapback_client::{
    Client, ClientCertificate, ClientConfig, ConfigError, ConnectionError, ConnectionState,
    CredentialError, Credentials, EndReason, Event, LinkError, LocalError, Login, OfflineReason,
    Outcome, OwnExchange, OwnMechanism, OwnName, Plan, ProvidedToken, Secret, ServerAddress,
    Timeline, TokenProvider, Transport, Trust, danger,
};
use snapback_proto::sasl::Mechanism;
use snapback_reference_server::{
    Config, IssuedCertificate, Mechanism as Offered, ReferenceServer, Switches,
};
use support::TIMEOUT;

const TOKEN: &str = "planted-bearer-token-4711";

/// A server that offers this mechanism only, over SASL1 or over SASL2 as well.
async fn server(mechanism: Offered, sasl2: bool) -> ReferenceServer {
    let switches = Switches {
        mechanisms: vec![mechanism],
        sasl1: !sasl2,
        sasl2,
        sasl2_needs_from: false,
        ..Switches::current()
    };
    let accounts = vec![("juliet".to_owned(), "r0m30".to_owned())];
    let config = Config {
        switches,
        accounts,
        ..Config::default()
    };
    ReferenceServer::start(config).await.unwrap()
}

fn open(server: &ReferenceServer, account: &str, credentials: Credentials) -> Client {
    let mut config = ClientConfig::with_credentials(account, credentials).unwrap();
    let roots = danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap();
    config.trust = Trust::Roots(roots);
    config.reconnect.base = Duration::from_millis(20);
    config.network.servers = vec![ServerAddress::at(
        server.direct_addr(),
        Transport::DirectTls,
    )];
    let client = Client::open(config).unwrap();
    client.connect();
    client
}

async fn online(client: &Client) -> (Outcome, String, Plan, Timeline) {
    let wait = async {
        while let Some(event) = client.next_event().await {
            if let Event::Online {
                outcome,
                jid,
                plan,
                timeline,
                ..
            } = event
            {
                return (outcome, jid, plan, timeline);
            }
        }
        panic!("the client ended");
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap()
}

/// Waits for the end of an attempt.
async fn end(client: &Client) -> EndReason {
    let wait = async {
        while let Some(event) = client.next_event().await {
            match event {
                Event::Ended { reason, .. } => return reason,
                Event::Online { .. } => panic!("online"),
                _ => {}
            }
        }
        panic!("the client ended");
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap()
}

async fn needs_credentials(client: &Client) {
    let mut states = client.states();
    let needs = ConnectionState::Offline {
        reason: OfflineReason::NeedsCredentials,
        retry_at: None,
    };
    let wait = states.wait_for(|state| *state == needs);
    tokio::time::timeout(TIMEOUT, wait).await.unwrap().unwrap();
}

/// The next login is a new session.
async fn new_session(client: &Client) -> (Outcome, String, Plan, Timeline) {
    client.disconnect().await;
    client.connect();
    online(client).await
}

/// Gives these answers, one after the other, and then the last one again.
#[derive(Debug)]
struct Script {
    answers: Vec<Result<&'static str, CredentialError>>,
    requests: Mutex<Vec<bool>>,
}

impl Script {
    fn new(answers: &[Result<&'static str, CredentialError>]) -> Arc<Self> {
        Arc::new(Self {
            answers: answers.to_vec(),
            requests: Mutex::default(),
        })
    }

    fn requests(&self) -> Vec<bool> {
        self.requests.lock().unwrap().clone()
    }
}

impl TokenProvider for Script {
    fn token(&self, refused: bool) -> ProvidedToken {
        let mut requests = self.requests.lock().unwrap();
        // The last answer is repeated.
        let answer = self.answers.get(requests.len()).or(self.answers.last());
        requests.push(refused);
        let answer = *answer.unwrap_or(&Err(CredentialError::Unavailable));
        Box::pin(async move { answer.map(Secret::from) })
    }
}

fn bearer(script: &Arc<Script>) -> Credentials {
    Credentials::BearerToken(Arc::clone(script) as _)
}

#[tokio::test]
async fn a_bearer_token_logs_in_over_both_profiles() {
    for (sasl2, cold, warm) in [(false, 6, 4), (true, 4, 3)] {
        let server = server(Offered::OauthBearer, sasl2).await;
        server.world(|world| world.switches.fast.clear());
        server.add_bearer_token("juliet", TOKEN);
        let script = Script::new(&[Ok(TOKEN)]);
        let client = open(&server, "juliet@localhost", bearer(&script));
        let (_, jid, plan, timeline) = online(&client).await;
        assert!(jid.starts_with("juliet@localhost/"), "{jid}");
        assert_eq!(timeline.round_trips(), cold, "{plan}\n{timeline:?}");
        let (_, _, plan, timeline) = new_session(&client).await;
        let expected = if sasl2 {
            Login::Sasl2(Mechanism::OauthBearer)
        } else {
            Login::Sasl1(Mechanism::OauthBearer)
        };
        assert_eq!(plan.login, expected);
        assert_eq!(timeline.round_trips(), warm, "{plan}\n{timeline:?}");
        assert_eq!(plan.round_trips(), warm);
        assert_eq!(script.requests(), [false, false]);
        assert!(!format!("{timeline:?}{plan:?}").contains(TOKEN), "T9");
    }
}

#[tokio::test]
async fn s5_fast_takes_the_place_of_the_bearer_token() {
    let server = server(Offered::OauthBearer, true).await;
    server.add_bearer_token("juliet", TOKEN);
    let script = Script::new(&[Ok(TOKEN)]);
    let client = open(&server, "juliet@localhost", bearer(&script));
    online(&client).await;
    let (_, _, plan, timeline) = new_session(&client).await;
    assert!(matches!(plan.login, Login::Fast { .. }), "{plan}");
    assert_eq!(timeline.round_trips(), 3);
    assert_eq!(script.requests(), [false]);
}

#[tokio::test]
async fn a_refused_token_is_requested_anew_on_the_same_connection() {
    for sasl2 in [false, true] {
        let server = server(Offered::OauthBearer, sasl2).await;
        server.add_bearer_token("juliet", TOKEN);
        let script = Script::new(&[Ok("stale"), Ok(TOKEN)]);
        let client = open(&server, "juliet@localhost", bearer(&script));
        online(&client).await;
        assert_eq!(script.requests(), [false, true]);
        assert_eq!(server.connections().len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_twice_needs_the_user_and_then_begins_anew() {
    for sasl2 in [false, true] {
        let server = server(Offered::OauthBearer, sasl2).await;
        let script = Script::new(&[Ok("stale"), Ok("stale"), Ok(TOKEN)]);
        let client = open(&server, "juliet@localhost", bearer(&script));
        needs_credentials(&client).await;
        assert_eq!(script.requests(), [false, true]);
        assert_eq!(server.connections().len(), 1);
        server.add_bearer_token("juliet", TOKEN);
        client.connect();
        online(&client).await;
        assert_eq!(script.requests(), [false, true, false]);
    }
}

/// XEP-0305: the new stream leaves with the token. The refusal costs the connection, and no more.
#[tokio::test]
async fn s2_a_refused_token_that_was_pipelined_costs_one_connection() {
    let server = server(Offered::OauthBearer, false).await;
    server.world(|world| {
        world.switches.pipelining = true;
        world.switches.sm_before_sasl = false;
    });
    server.add_bearer_token("juliet", TOKEN);
    let script = Script::new(&[Ok(TOKEN), Ok("stale"), Ok(TOKEN), Ok("stale")]);
    let client = open(&server, "juliet@localhost", bearer(&script));
    online(&client).await;
    client.disconnect().await;
    client.connect();
    online(&client).await;
    assert_eq!(script.requests(), [false, false, true]);
    assert_eq!(server.connections().len(), 3);
    client.disconnect().await;
    client.connect();
    needs_credentials(&client).await;
    assert_eq!(script.requests(), [false, false, true, false, true]);
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again_and_one_that_needs_the_user_is_not() {
    let server = server(Offered::OauthBearer, true).await;
    server.add_bearer_token("juliet", TOKEN);
    let unavailable = Err(CredentialError::Unavailable);
    let script = Script::new(&[unavailable, unavailable, Ok(TOKEN)]);
    let client = open(&server, "juliet@localhost", bearer(&script));
    let error = ConnectionError::Local(LocalError::CredentialsUnavailable);
    assert!(error.is_retryable());
    let expected = EndReason::Link(LinkError::Connection(error));
    assert_eq!(end(&client).await, expected);
    assert_eq!(end(&client).await, expected);
    online(&client).await;

    let script = Script::new(&[Err(CredentialError::UserNeeded)]);
    let client = open(&server, "juliet@localhost", bearer(&script));
    needs_credentials(&client).await;
    assert_eq!(script.requests(), [false]);
}

/// Neither answers, nor returns.
#[derive(Debug)]
struct Hanging;

impl TokenProvider for Hanging {
    fn token(&self, _: bool) -> ProvidedToken {
        Box::pin(std::future::pending())
    }
}

#[derive(Debug)]
struct Panicking;

impl TokenProvider for Panicking {
    fn token(&self, _: bool) -> ProvidedToken {
        panic!("in the app");
    }
}

#[tokio::test]
async fn t10_a_provider_that_hangs_or_panics_ends_the_attempt_with_a_reason() {
    let server = server(Offered::OauthBearer, true).await;
    for (provider, error) in [
        (
            Arc::new(Hanging) as Arc<dyn TokenProvider>,
            LocalError::NoTokenInTime,
        ),
        (Arc::new(Panicking), LocalError::CredentialsUnavailable),
    ] {
        let client = open(
            &server,
            "juliet@localhost",
            Credentials::BearerToken(provider),
        );
        let error = ConnectionError::Local(error);
        assert!(error.is_retryable() && !error.needs_credentials());
        let expected = EndReason::Link(LinkError::Connection(error));
        assert_eq!(end(&client).await, expected);
    }
}

fn certificate(issued: &IssuedCertificate) -> Credentials {
    let certificate = issued.certificate_pem.as_bytes();
    let read = ClientCertificate::from_pem(certificate, issued.key_pem.as_bytes());
    Credentials::Certificate(read.unwrap())
}

#[tokio::test]
async fn t11_a_certificate_logs_in_over_both_profiles_and_with_a_ticket() {
    for (sasl2, cold, warm) in [(false, 6, 4), (true, 4, 3)] {
        let server = server(Offered::External, sasl2).await;
        server.world(|world| world.switches.fast.clear());
        let issued = server.issue_certificate("juliet@localhost", false).unwrap();
        let client = open(&server, "juliet@localhost", certificate(&issued));
        let (_, jid, plan, timeline) = online(&client).await;
        assert!(jid.starts_with("juliet@localhost/"), "{jid}");
        assert_eq!(timeline.round_trips(), cold, "{plan}\n{timeline:?}");
        let (_, _, plan, timeline) = new_session(&client).await;
        assert_eq!(timeline.round_trips(), warm, "{plan}\n{timeline:?}");
        assert_eq!(plan.round_trips(), warm);
        let connections = server.connections();
        let last = connections.last().unwrap();
        assert_eq!(last.mechanism.as_deref(), Some("EXTERNAL"));
        assert!(last.tls.as_ref().unwrap().resumed, "the ticket was used");
    }
}

#[tokio::test]
async fn a_certificate_of_another_account_is_refused_and_needs_the_user() {
    let server = server(Offered::External, true).await;
    let issued = server.issue_certificate("nurse@localhost", false).unwrap();
    let client = open(&server, "juliet@localhost", certificate(&issued));
    needs_credentials(&client).await;
    end(&client).await;
    // It logs in another account than that of the client.
    server.add_account("nurse", "");
    client.connect();
    let reason = end(&client).await;
    let EndReason::Link(LinkError::Connection(ConnectionError::Peer(error))) = reason else {
        panic!("{reason:?}");
    };
    assert_eq!(error, snapback_client::PeerError::OtherAccount);
}

#[tokio::test]
async fn a_server_that_refuses_the_certificate_itself_ends_the_handshake() {
    let server = server(Offered::External, true).await;
    let issued = server.issue_certificate("juliet@localhost", true).unwrap();
    let client = open(&server, "juliet@localhost", certificate(&issued));
    let reason = end(&client).await;
    assert!(
        matches!(&reason, EndReason::Link(LinkError::Tls(_))),
        "{reason:?}"
    );
}

#[tokio::test]
async fn an_anonymous_login_gets_an_account_for_each_session() {
    for sasl2 in [false, true] {
        let server = server(Offered::Anonymous, sasl2).await;
        let client = open(&server, "localhost", Credentials::Anonymous);
        let (_, first, ..) = online(&client).await;
        assert!(first.contains("@localhost/"), "{first}");
        // Requests to the own account are answered, and their answers recognized (T7).
        let query = snapback_client::Element::new("iq", "jabber:client")
            .with_attr("type", "get")
            .with_child(snapback_client::Element::new("query", "jabber:iq:roster"));
        let answer = client.iq(query, TIMEOUT).await.unwrap();
        assert_eq!(answer.attr("type"), Some("result"));
        let (_, second, ..) = new_session(&client).await;
        assert_ne!(first, second);
    }
    let account = ClientConfig::with_credentials("juliet@localhost", Credentials::Anonymous);
    assert_eq!(account.unwrap_err(), ConfigError::LocalpartOfAnonymous);
}

/// The reference server's own mechanism.
#[derive(Clone, Debug)]
struct Reverse {
    password: &'static str,
    proof: &'static [u8],
}

impl OwnMechanism for Reverse {
    fn name(&self) -> OwnName {
        OwnName::new("X-TEST-REVERSE").unwrap()
    }

    fn begin(&self) -> Box<dyn OwnExchange> {
        Box::new(self.clone())
    }
}

impl OwnExchange for Reverse {
    fn initial_response(&mut self) -> Result<Option<Secret<Vec<u8>>>, CredentialError> {
        Ok(Some(Secret::new(b"juliet".to_vec())))
    }

    fn challenge(&mut self, data: &[u8]) -> Result<Secret<Vec<u8>>, CredentialError> {
        let mut response: Vec<u8> = data.iter().rev().copied().collect();
        response.push(0);
        response.extend(self.password.bytes());
        Ok(Secret::new(response))
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<(), CredentialError> {
        if data == Some(self.proof) {
            return Ok(());
        }
        Err(CredentialError::WrongServer)
    }
}

#[tokio::test]
async fn t4_a_mechanism_of_the_app_logs_in_over_both_profiles() {
    for (sasl2, cold, warm) in [(false, 7, 5), (true, 5, 4)] {
        let server = server(Offered::TestReverse, sasl2).await;
        server.world(|world| world.switches.fast.clear());
        let own = |password, proof| Credentials::Own(Arc::new(Reverse { password, proof }));
        let client = open(&server, "juliet@localhost", own("r0m30", b"03m0r"));
        let (_, _, plan, timeline) = online(&client).await;
        assert_eq!(timeline.round_trips(), cold, "{plan}\n{timeline:?}");
        let (_, _, plan, timeline) = new_session(&client).await;
        assert_eq!(timeline.round_trips(), warm, "{plan}\n{timeline:?}");
        assert_eq!(plan.round_trips(), warm);

        let client = open(&server, "juliet@localhost", own("r0m30", b"another"));
        let reason = end(&client).await;
        assert!(
            format!("{reason:?}").contains("WrongOwnProof"),
            "{reason:?}"
        );
        let client = open(&server, "juliet@localhost", own("wrong", b"03m0r"));
        needs_credentials(&client).await;
    }
}
