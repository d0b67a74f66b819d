//! Errors for the user: a wrong password and a wrong authority, each reported as such.
#![allow(clippy::print_stdout, clippy::panic, reason = "a test")]

use std::time::Duration;

use snapback_client::{
    CertificateError, ConnectionError, EndReason, LinkError, OfflineReason, TlsError, Transport,
};
use snapback_interop::phone::{Endpoint, Phone};
use snapback_interop::{Account, Credentials, Flavour, RunningServer, ServerConfig, start_or_skip};

const RTT: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn prosody_as_packaged() {
    refusals(Flavour::ProsodyStock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_sasl2() {
    refusals(Flavour::ProsodyModern).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd() {
    refusals(Flavour::Ejabberd).await;
}

async fn refusals(flavour: Flavour) {
    let Some(server) = start_or_skip(ServerConfig::new(flavour)) else {
        return;
    };
    let Some(other) = start_or_skip(ServerConfig::new(Flavour::ProsodyStock)) else {
        return;
    };
    for transport in [Transport::StartTls, Transport::DirectTls] {
        a_wrong_password_asks_for_credentials(&server, transport).await;
        a_wrong_authority_is_a_certificate_error(&server, other.ca_pem(), transport).await;
    }
}

async fn a_wrong_password_asks_for_credentials(server: &RunningServer, transport: Transport) {
    let account = Credentials {
        password: "not it".to_owned(),
        ..server.account(Account::Juliet).clone()
    };
    let mut phone = Phone::open(&Endpoint::of(server, transport), &account, RTT, |_| {}).await;
    phone.client.connect();
    phone
        .until("a refusal", |log| {
            log.offline.contains(&OfflineReason::NeedsCredentials)
        })
        .await;
    println!("{:?}", phone.log.ended);
    let [EndReason::Link(LinkError::Connection(error))] = phone.log.ended.as_slice() else {
        panic!("one attempt, one reason: {:?}", phone.log.ended);
    };
    assert!(matches!(error, ConnectionError::Sasl(_)), "{error:?}");
    assert!(error.needs_credentials());
    assert_eq!(
        phone.link.stats().connections,
        1,
        "a wrong password is tried once"
    );
}

async fn a_wrong_authority_is_a_certificate_error(
    server: &RunningServer,
    ca_pem: &str,
    transport: Transport,
) {
    let endpoint = Endpoint {
        ca_pem: ca_pem.to_owned(),
        ..Endpoint::of(server, transport)
    };
    let mut phone = Phone::open(&endpoint, server.account(Account::Juliet), RTT, |_| {}).await;
    phone.client.connect();
    phone.until("a refusal", |log| !log.ended.is_empty()).await;
    println!("{:?}", phone.log.ended);
    let Some(EndReason::Link(LinkError::Tls(TlsError::CertificateInvalid(error)))) =
        phone.log.ended.first()
    else {
        panic!("a certificate error: {:?}", phone.log.ended);
    };
    assert_eq!(*error, CertificateError::UnknownIssuer);
    assert!(phone.log.sessions.is_empty());
}
