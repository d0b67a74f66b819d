//! Rule T13: a certificate that no trusted authority has issued is refused, reported, and accepted once the user trusts its key.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use snapback_client::{
    CertificateError, Client, EndReason, Event, KeyError, KeyHash, LinkError, ServerAddress, Store,
    TlsError, Transport, danger,
};
use snapback_reference_server::{CertificateFault, Fault, ReferenceServer, Switches};
use support::TIMEOUT;
use support::disk::{Folder, config, server};

/// From now on the server shows a certificate of this kind.
fn shows(server: &ReferenceServer, certificate: Option<CertificateFault>) {
    server.faults(|faults| {
        faults.all = certificate.into_iter().map(Fault::Certificate).collect();
    });
}

fn self_signed(server: &ReferenceServer) {
    shows(server, Some(CertificateFault::UnknownAuthority));
}

fn client(server: &ReferenceServer, transport: Transport, store: impl Store + 'static) -> Client {
    let mut config = config(server, store);
    let addr = match transport {
        Transport::DirectTls => server.direct_addr(),
        Transport::StartTls => server.starttls_addr(),
    };
    config.network.servers = vec![ServerAddress::at(addr, transport)];
    Client::open(config).unwrap()
}

async fn next(client: &Client, mut is_it: impl FnMut(&Event) -> bool) -> Event {
    let wait = async {
        loop {
            match client.next_event().await {
                Some(event) if is_it(&event) => return event,
                Some(_) => {}
                None => panic!("the client ended"),
            }
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap()
}

async fn online(client: &Client) {
    next(client, |event| matches!(event, Event::Online { .. })).await;
}

struct Refusal {
    problem: CertificateError,
    key: KeyHash,
    certificates: usize,
    may_be_trusted: bool,
}

/// Waits for a refusal, and for the end that follows it.
async fn refusal(client: &Client) -> Refusal {
    let refused = |event: &Event| {
        assert!(!matches!(event, Event::Online { .. }), "logged in");
        matches!(event, Event::CertificateRefused { .. })
    };
    let Event::CertificateRefused {
        problem,
        chain,
        spki_sha256,
        may_be_trusted,
    } = next(client, refused).await
    else {
        panic!("no refusal");
    };
    let end = next(client, |event| matches!(event, Event::Ended { .. })).await;
    let Event::Ended { reason, .. } = end else {
        panic!("no end");
    };
    let expected = EndReason::Link(LinkError::Tls(TlsError::CertificateInvalid(problem)));
    assert_eq!(reason, expected);
    Refusal {
        problem,
        key: spki_sha256,
        certificates: chain.len(),
        may_be_trusted,
    }
}

/// Asserts that no login has sent anything so far but the request for TLS, which names no account.
fn assert_nothing_was_sent(server: &ReferenceServer, transport: Transport) {
    let in_cleartext: &[&str] = match transport {
        Transport::DirectTls => &[],
        Transport::StartTls => &["stream", "starttls"],
    };
    for record in server.connections() {
        assert_eq!(record.elements(), in_cleartext);
        assert!(record.header_from.iter().all(Option::is_none));
        assert!(record.outcome.is_none());
    }
}

#[tokio::test]
async fn t13_a_user_trusts_a_self_signed_server_and_ends_the_trust() {
    for transport in [Transport::DirectTls, Transport::StartTls] {
        let folder = Folder::new();
        let server = server(Switches::modern()).await;
        self_signed(&server);
        let first = client(&server, transport, folder.store());
        first.connect();
        let refused = refusal(&first).await;
        assert_eq!(refused.problem, CertificateError::UnknownIssuer);
        assert!(refused.may_be_trusted && refused.certificates == 1);
        // It is repeated with each attempt, and no attempt says more than before.
        assert_eq!(refusal(&first).await.key, refused.key);
        assert_nothing_was_sent(&server, transport);
        // Only what was refused can be trusted.
        assert_eq!(first.trust_key([7; 32]).await, Err(KeyError::NotRefused));

        assert_eq!(first.trust_key(refused.key).await, Ok(()));
        online(&first).await;
        first.suspend().await;
        drop(first);

        // The next process trusts it as well.
        let second = client(&server, transport, folder.store());
        second.connect();
        online(&second).await;
        // Its connection is dropped, and neither its ticket nor that of the first one stands in for the certificate.
        assert_eq!(second.forget_key(refused.key).await, Ok(()));
        let again = refusal(&second).await;
        assert!(again.may_be_trusted && again.key == refused.key);
        second.suspend().await;
        drop(second);

        let third = client(&server, transport, folder.store());
        third.connect();
        assert_eq!(refusal(&third).await.key, refused.key);
    }
}

#[tokio::test]
async fn t13_a_key_does_not_replace_an_authority_without_danger() {
    let folder = Folder::new();
    let server = server(Switches::modern()).await;
    let first = client(&server, Transport::DirectTls, folder.store());
    first.connect();
    online(&first).await;
    self_signed(&server);
    server.restart().unwrap();
    let refused = refusal(&first).await;
    assert!(!refused.may_be_trusted);
    let answer = first.trust_key(refused.key).await;
    assert_eq!(answer, Err(KeyError::ProvenByAuthority));
    first.suspend().await;
    drop(first);

    let second = client(&server, Transport::DirectTls, folder.store());
    second.connect();
    let again = refusal(&second).await;
    assert!(!again.may_be_trusted);
    let answer = second.trust_key(refused.key).await;
    assert_eq!(answer, Err(KeyError::ProvenByAuthority));
    assert_eq!(danger::trust_key(&second, refused.key).await, Ok(()));
    online(&second).await;
}

#[tokio::test]
async fn t13_a_demanded_key_is_demanded_of_authorities_too() {
    let folder = Folder::new();
    let server = server(Switches::modern()).await;
    let client = client(&server, Transport::DirectTls, folder.store());
    client.connect();
    online(&client).await;
    // The connection that lacks the key is dropped, and a ticket does not help.
    assert_eq!(client.require_keys(&[[7; 32]]).await, Ok(()));
    let refused = refusal(&client).await;
    assert_eq!(refused.problem, CertificateError::KeyNotAllowed);
    assert!(!refused.may_be_trusted);
    // Either of two keys will do.
    let keys = [[7; 32], refused.key];
    assert_eq!(client.require_keys(&keys).await, Ok(()));
    online(&client).await;
    // A demand is no trust: an authority has to vouch for the key still.
    assert_eq!(
        client.require_keys(&[[7; 32]; 9]).await,
        Err(KeyError::TooMany { limit: 8 })
    );
    self_signed(&server);
    server.restart().unwrap();
    let other = refusal(&client).await;
    assert_eq!(other.problem, CertificateError::KeyNotAllowed);
    assert_eq!(client.require_keys(&[other.key]).await, Ok(()));
    let other = refusal(&client).await;
    assert_eq!(other.problem, CertificateError::UnknownIssuer);
    // Without a demand the authority's certificate is enough again.
    shows(&server, None);
    assert_eq!(client.require_keys(&[]).await, Ok(()));
    online(&client).await;
}

#[tokio::test]
async fn t13_a_trusted_key_needs_no_name_and_no_date() {
    for (fault, problem) in [
        (CertificateFault::Expired, CertificateError::Expired),
        (
            CertificateFault::OtherName,
            CertificateError::NotValidForName,
        ),
    ] {
        let folder = Folder::new();
        let server = server(Switches::modern()).await;
        shows(&server, Some(fault));
        let client = client(&server, Transport::StartTls, folder.store());
        client.connect();
        let refused = refusal(&client).await;
        assert_eq!(refused.problem, problem);
        assert_nothing_was_sent(&server, Transport::StartTls);
        assert_eq!(client.trust_key(refused.key).await, Ok(()));
        online(&client).await;
        // Another key of the same server is not trusted.
        self_signed(&server);
        server.restart().unwrap();
        assert_ne!(refusal(&client).await.key, refused.key);
    }
}
