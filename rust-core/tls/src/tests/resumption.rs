//! Rule T11, and what a ticket records (S3, S6).

use super::*;
use crate::{TicketStats, TlsVersion};

fn tls13() -> SessionParams {
    params(TlsVersions::Only13)
}

#[test]
fn t11_tls13_ticket_is_offered_and_used() {
    let (context, server) = world();
    let mut first = Pair::connected(&context, &server, tls13());
    assert!(first.client.ticket().is_none());
    first.exchange();

    let mut second = Pair::connected(&context, &server, tls13());
    assert!(second.client.ticket().is_some());
    let established = second.established().clone();
    assert!(established.resumed);
    assert_eq!(established.version, TlsVersion::Tls13);
    assert_eq!(established.spki_sha256, first.established().spki_sha256);
    assert_eq!(
        established.tls_server_end_point,
        first.established().tls_server_end_point
    );
    assert_ne!(established.tls_exporter, first.established().tls_exporter);
    second.exchange();
    assert_eq!(
        context.tickets(),
        TicketStats {
            offered: 1,
            used: 1,
            refused: 0,
            stored: 4,
            held: 3
        }
    );
}

#[test]
fn t11_tls12_resumes_by_ticket_and_by_session_id() {
    for by_ticket in [true, false] {
        let (context, mut server) = world();
        if by_ticket {
            server.config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        }
        for resumed in [false, true, true] {
            let mut pair = Pair::connected(&context, &server, params(TlsVersions::Only12));
            assert_eq!(pair.established().resumed, resumed, "{by_ticket}");
            assert_eq!(pair.client.ticket().is_some(), resumed && by_ticket);
            pair.exchange();
        }
        let stats = context.tickets();
        assert_eq!((stats.offered, stats.used, stats.held), (2, 2, 1));
    }
}

#[test]
fn resumed_handshake_has_no_certificate_to_judge_and_saves_nothing_else() {
    let (context, server) = world();
    Pair::connected(&context, &server, tls13());
    let mut pair = Pair::new(&context, &server, tls13());
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    assert!(pair.request.is_none());
    assert!(pair.established.is_some());
    pair.exchange();
}

#[test]
fn t11_each_ticket_is_used_once_newest_first() {
    let (context, mut server) = world();
    server.config.send_tls13_tickets = 3;
    Pair::connected(&context, &server, tls13());
    let mut hellos = Vec::new();
    for left in [2, 1, 0] {
        let mut session = context.session(tls13()).unwrap();
        assert!(session.ticket().is_some());
        hellos.push(session.take_output());
        assert_eq!(context.tickets().held, left);
    }
    assert!(context.session(tls13()).unwrap().ticket().is_none());
    assert_eq!(context.tickets().offered, 3);
    // Never answered: neither used nor refused.
    assert_eq!(context.tickets().used + context.tickets().refused, 0);
}

#[test]
fn t11_the_store_is_bounded() {
    let (context, mut server) = world();
    server.config.send_tls13_tickets = 20;
    Pair::connected(&context, &server, tls13());
    assert_eq!(context.tickets().held, 8);

    server.config.send_tls13_tickets = 1;
    for account in 0..40 {
        let mut params = tls13();
        params.scope.account = format!("account {account}");
        Pair::connected(&context, &server, params);
    }
    assert_eq!(context.tickets().held, 32);
    assert!(
        context.session(tls13()).unwrap().ticket().is_none(),
        "the oldest scope is gone"
    );
}

#[test]
fn t11_scopes_are_apart() {
    let (context, server) = world();
    Pair::connected(&context, &server, tls13());
    let other = |change: fn(&mut SessionParams)| {
        let mut params = tls13();
        change(&mut params);
        context.session(params).unwrap().ticket().is_some()
    };
    assert!(!other(|p| p.scope.account = "romeo".to_owned()));
    assert!(!other(|p| p.scope.domain = "other.example".to_owned()));
    assert!(!other(|p| p.scope.transport = Transport::DirectTls));
    assert!(!other(|p| p.versions = TlsVersions::Only12));
    // The same scope with another name to verify: the ticket would skip that verification.
    assert!(!other(|p| p.server_name = "other.example".to_owned()));
    assert!(other(|_| {}));
}

#[test]
fn t11_tickets_are_dropped_on_request_and_when_trust_changes() {
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let server = authority.issue(DOMAIN, |_| {});
    let store: Arc<dyn crate::TicketStore> = Arc::new(crate::MemoryTickets::default());
    let context = TlsContext::with_ticket_store(authority.trust(), Arc::clone(&store)).unwrap();
    Pair::connected(&context, &server, tls13());
    context.forget_tickets(&scope());
    assert_eq!(context.tickets().held, 0);
    assert!(context.session(tls13()).unwrap().ticket().is_none());

    // Even if the old tickets are passed to a new trust configuration.
    Pair::connected(&context, &server, tls13());
    let changed = TlsContext::with_ticket_store(authority.trust(), store).unwrap();
    assert!(changed.tickets().held > 0);
    let session = changed.session(tls13()).unwrap();
    assert!(session.ticket().is_none(), "rustls left it out");
    assert_eq!(changed.tickets().offered, 0);
}

#[test]
fn refused_ticket_means_a_full_handshake_with_a_verdict() {
    let (context, mut server) = world();
    Pair::connected(&context, &server, tls13());
    server.config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    let mut pair = Pair::new(&context, &server, tls13());
    assert!(pair.client.ticket().is_some());
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    assert!(pair.request.is_some());
    assert_eq!(pair.client.take_output(), b"");
    pair.run().unwrap();
    assert!(!pair.established().resumed);
    assert_eq!(context.tickets().refused, 1);
    pair.exchange();
}

#[test]
fn t1_a_ticket_does_not_excuse_another_servers_certificate() {
    let (context, server) = world();
    Pair::connected(&context, &server, tls13());
    let evil = Authority::stranger().issue(DOMAIN, |_| {});
    let mut pair = Pair::new(&context, &evil, tls13());
    assert!(pair.client.ticket().is_some());
    assert_eq!(
        pair.run(),
        Err(TlsError::CertificateInvalid(
            crate::CertificateError::UnknownIssuer
        ))
    );
    assert_eq!(pair.client.take_output(), b"");
    assert!(pair.server.is_handshaking());
    // An impostor, for example a hotspot, does not cost us the other ticket.
    assert_eq!(context.tickets().held, 1);
}

#[test]
fn s3_proven_logins_mark_their_tickets_before_and_after() {
    let (context, server) = world();
    let mut first = Pair::connected(&context, &server, tls13());
    let origin = |session: &TlsSession| session.ticket().unwrap().origin.clone();

    // Its tickets are kept already, but the server is not proven.
    let second = context.session(tls13()).unwrap();
    assert!(!origin(&second).login_proven);
    assert_eq!(origin(&second).spki_sha256, first.established().spki_sha256);
    assert_eq!(
        origin(&second).end_point,
        first.established().tls_server_end_point
    );

    first.client.login_proven();
    let third = Pair::connected(&context, &server, tls13());
    assert!(origin(&third.client).login_proven);

    // The third connection's own tickets are unproven until the server proves itself.
    let fourth = context.session(tls13()).unwrap();
    assert!(!origin(&fourth).login_proven);
}

#[test]
fn s3_tickets_that_come_after_the_proof_are_marked_too() {
    let (context, server) = world();
    // A TLS 1.3 server may send tickets at any time; here a late one is read after the proof.
    let mut late = Pair::new(&context, &server, tls13());
    late.carry_to_server();
    late.carry_to_client().unwrap();
    let verdict = late.request.take().unwrap().verify();
    late.client.certificate_verified(verdict).unwrap();
    late.poll();
    late.client.login_proven();
    assert_eq!(context.tickets().held, 0);
    late.run().unwrap();
    assert!(context.tickets().held > 0);
    let next = context.session(tls13()).unwrap();
    assert!(next.ticket().unwrap().origin.login_proven);
}

#[test]
fn a_handshake_spoiled_with_a_ticket_is_retried_without() {
    let (context, server) = world();
    Pair::connected(&context, &server, tls13());
    let mut session = context.session(tls13()).unwrap();
    assert!(session.ticket().is_some());
    // A fatal handshake_failure alert.
    let alert = [21, 3, 3, 0, 2, 2, 40];
    assert!(session.read(&alert).is_err());
    assert!(context.session(tls13()).unwrap().ticket().is_none());
}

#[test]
fn t1_tickets_are_held_back_until_the_connection_is_established() {
    use crate::certificate::PeerIdentity;
    use crate::resumption::ConnectionTickets;
    use crate::tickets::TicketValue;
    use crate::{MemoryTickets, TicketKind, TicketStore};
    use rustls::client::ClientSessionStore;

    // rustls' server sends no ticket before our Finished, but TLS 1.3 allows it: the adaptor is fed directly.
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let mut server = authority.issue(DOMAIN, |_| {});
    server.config.send_tls13_tickets = 8;
    let source: Arc<dyn TicketStore> = Arc::new(MemoryTickets::default());
    let context = TlsContext::with_ticket_store(authority.trust(), Arc::clone(&source)).unwrap();
    Pair::connected(&context, &server, tls13());

    let store: Arc<dyn TicketStore> = Arc::new(MemoryTickets::default());
    let connection = ConnectionTickets::new(
        scope(),
        TlsVersions::Default,
        Arc::clone(&store),
        Arc::default(),
    );
    let give = || {
        let ticket = source.take(&scope(), TicketKind::Tls13).unwrap();
        let TicketValue::Tls13(value) = ticket.value else {
            panic!("another kind");
        };
        connection.insert_tls13_ticket(ticket.server_name, *value);
    };
    give();
    give();
    assert_eq!(store.held(), 0);

    connection.open(PeerIdentity {
        end_point: None,
        spki_sha256: [7; 32],
    });
    assert_eq!(store.held(), 2);
    give();
    assert_eq!(store.held(), 3);
    while let Some(ticket) = store.take(&scope(), TicketKind::Tls13) {
        assert_eq!(ticket.info().origin.spki_sha256, [7; 32]);
    }
}

#[test]
fn t13_other_pins_find_no_ticket_of_before() {
    for versions in [TlsVersions::Only13, TlsVersions::Only12] {
        let (context, mut server) = world();
        server.config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        let with = |pins: &Pins| SessionParams {
            scope: TicketScope {
                pins: pins.clone(),
                ..scope()
            },
            ..params(versions)
        };
        let mut pins = Pins::default();
        pins.trust([1; 32]);
        Pair::connected(&context, &server, with(&pins));
        let resumed = Pair::connected(&context, &server, with(&pins));
        assert!(resumed.established().resumed, "{versions:?}");
        // The key is forgotten: the certificate is shown and judged again.
        pins.forget(&[1; 32]);
        let judged = Pair::connected(&context, &server, with(&pins));
        assert!(judged.client.ticket().is_none() && !judged.established().resumed);
        pins.require(&[[2; 32]]);
        let judged = Pair::connected(&context, &server, with(&pins));
        assert!(!judged.established().resumed, "{versions:?}");
    }
}
