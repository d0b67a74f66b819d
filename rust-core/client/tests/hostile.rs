//! A faulty server or network: each fault has a typed error, costs one connection, and loses nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::Duration;

use snapback_client::proto::connection::Timer;
use snapback_client::proto::error::{Assumption, ConnectionError, PeerError};
use snapback_client::proto::peer_text::PeerText;
use snapback_client::proto::sasl::{SaslCondition, SaslError, SaslRefusal};
use snapback_client::proto::xml::XmlError;
use snapback_client::{
    CertificateError, EndReason, LinkError, OfflineReason, Outcome, TlsError, Transport,
};
use snapback_reference_server::{
    Action, CertificateFault, Direction, FastFailure, Fault, Layer, Malformed, Point, Switches,
};
use support::course::Course;
use support::{Setup, plain};

const BOTH: [Transport; 2] = [Transport::DirectTls, Transport::StartTls];

fn sasl1() -> Switches {
    Switches {
        sasl2: false,
        bind2: false,
        fast: Vec::new(),
        ..plain()
    }
}

/// The first connection has the fault; the client has to reconnect by itself, with everything that was queued.
async fn first_login(switches: Switches, transport: Transport, fault: Fault) -> Course {
    let setup = Setup::hasty(switches, transport).await;
    let ids = setup.send_some(3).await;
    setup.next_connection(fault.clone());
    recovers(&setup, &ids, &fault).await
}

/// There was a session, and the connection that resumes it has the fault. A message is sent meanwhile.
async fn second_login(switches: Switches, transport: Transport, fault: Fault) -> (Course, Setup) {
    let setup = Setup::hasty(switches, transport).await;
    setup.client.connect();
    setup.online().await;
    let mut ids = setup.send_some(2).await;
    let mut course = Course::default();
    setup
        .follow(
            &mut course,
            |course| course.has_acked(&ids),
            "the first two",
        )
        .await;
    setup.next_connection(fault.clone());
    setup.cut();
    ids.extend(setup.send_some(2).await);
    let mut course = Course::default();
    setup
        .follow(
            &mut course,
            |course| !course.online.is_empty() && course.has_acked(&ids[2..]),
            &format!("{fault:?}"),
        )
        .await;
    setup.assert_delivered(&ids, &course, &format!("{fault:?} {transport:?}"));
    is_quiet(&setup, &fault).await;
    // The cut itself.
    course.ends.remove(0);
    (course, setup)
}

async fn recovers(setup: &Setup, ids: &[String], fault: &Fault) -> Course {
    let mut course = Course::default();
    setup.client.connect();
    setup
        .follow(
            &mut course,
            |course| !course.online.is_empty() && course.has_acked(ids),
            &format!("{fault:?}"),
        )
        .await;
    setup.assert_delivered(ids, &course, &format!("{fault:?}"));
    is_quiet(setup, fault).await;
    course
}

/// Asserts that there is no busy loop: few connections, and none once there is a session.
async fn is_quiet(setup: &Setup, fault: &Fault) {
    let so_far = setup.connections().len();
    assert!(so_far <= 4, "{fault:?}: {so_far} connections");
    // A cut may take effect late, when the last expected byte has passed.
    let late = usize::from(matches!(fault, Fault::Cut { .. }));
    let more = setup.connections_within(Duration::from_millis(40)).await;
    assert!(more <= late, "{fault:?}: {more} more connections");
}

fn peer(error: PeerError) -> EndReason {
    stream(ConnectionError::Peer(error))
}

fn stream(error: ConnectionError) -> EndReason {
    EndReason::Link(LinkError::Connection(error))
}

#[tokio::test]
async fn t4_a_server_that_does_not_prove_itself_is_left() {
    for transport in BOTH {
        let course = first_login(plain(), transport, Fault::WrongScramSignature).await;
        let expected = peer(PeerError::Sasl(SaslError::WrongServerSignature));
        assert_eq!(course.ends, std::slice::from_ref(&expected));
        assert_eq!(course.first_error().rule(), Some("T4"));
        let course = first_login(sasl1(), transport, Fault::WrongScramSignature).await;
        assert_eq!(course.ends, [expected]);
        for switches in [plain(), sasl1()] {
            let course = first_login(switches, transport, Fault::SuccessWithoutProof).await;
            assert_eq!(course.ends.len(), 1, "{}", course.log);
            assert_eq!(course.first_error().rule(), Some("T4"), "{}", course.log);
        }
        for switches in [plain(), sasl1()] {
            let course = first_login(switches, transport, Fault::StanzaBeforeLogin).await;
            assert_eq!(course.ends, [peer(PeerError::StanzaBeforeLogin)]);
            assert_eq!(course.first_error().rule(), Some("T4"));
            assert!(course.messages.is_empty(), "T4: {}", course.log);
        }
    }
}

#[tokio::test]
async fn t4_a_token_login_is_proven_too() {
    for transport in BOTH {
        let (course, _) = second_login(plain(), transport, Fault::WrongHtProof).await;
        let expected = peer(PeerError::Sasl(SaslError::WrongResponderProof));
        assert_eq!(course.ends, [expected], "{}", course.log);
        let (course, _) = second_login(plain(), transport, Fault::SuccessWithoutProof).await;
        assert_eq!(course.first_error().rule(), Some("T4"), "{}", course.log);
    }
}

#[tokio::test]
async fn s5_tokens_that_the_server_forgot_cost_no_connection_or_one() {
    for (failure, ends) in [
        (FastFailure::StreamUsable, 0),
        (FastFailure::StreamClosed, 1),
    ] {
        for transport in BOTH {
            let switches = Switches {
                fast_failure: failure,
                ..plain()
            };
            let (course, _) = second_login(switches, transport, Fault::ForgetFastTokens).await;
            assert_eq!(course.ends.len(), ends, "{failure:?} {}", course.log);
            assert_eq!(course.online, [Outcome::Resumed], "{failure:?}");
            if ends == 1 {
                assert_eq!(
                    *course.first_error(),
                    ConnectionError::WrongAssumption(Assumption::FastToken)
                );
            }
        }
    }
}

#[tokio::test]
async fn i5_i7_i11_wrong_answers_to_resume() {
    for transport in BOTH {
        for switches in [
            plain(),
            sasl1(),
            Switches {
                early_data: None,
                ..Switches::modern()
            },
        ] {
            let (course, _) =
                second_login(switches.clone(), transport, Fault::ResumedHTooHigh).await;
            assert!(
                matches!(
                    course.first_error(),
                    ConnectionError::Peer(PeerError::AckTooHigh { .. })
                ),
                "{}",
                course.log
            );
            assert_eq!(course.first_error().rule(), Some("I5"));
            assert_eq!(course.online, [Outcome::Bound], "one clean login");
            let (course, _) =
                second_login(switches.clone(), transport, Fault::ResumedHBackward).await;
            assert_eq!(course.first_error().rule(), Some("I5"), "{}", course.log);
            let (course, _) = second_login(switches, transport, Fault::ResumedWrongPrevid).await;
            assert_eq!(
                *course.first_error(),
                ConnectionError::Peer(PeerError::WrongPrevid),
                "{}",
                course.log
            );
            assert_eq!(course.first_error().rule(), Some("I7"));
        }
    }
}

#[tokio::test]
async fn i8_a_forgotten_session_loses_no_message() {
    for transport in BOTH {
        for switches in [plain(), sasl1(), Switches::modern()] {
            let (course, _) = second_login(switches, transport, Fault::ForgetSmSession).await;
            assert_eq!(course.ends, [], "{}", course.log);
            assert_eq!(course.online, [Outcome::Bound]);
        }
    }
}

#[tokio::test]
async fn i11_bound_and_resumed_at_once() {
    let (course, _) = second_login(plain(), Transport::DirectTls, Fault::BoundAndResumed).await;
    assert_eq!(
        *course.first_error(),
        ConnectionError::Peer(PeerError::BoundAndResumed),
        "{}",
        course.log
    );
    assert_eq!(course.first_error().rule(), Some("I11"));
}

#[tokio::test]
async fn i5_wrong_acknowledgements() {
    for transport in BOTH {
        for (fault, rule) in [
            (Fault::AckHTooHigh, "I5"),
            (Fault::AckHBackward, "I5"),
            (Fault::AckWithoutH, "RFC 6120 4.9.3"),
        ] {
            let setup = Setup::hasty(plain(), transport).await;
            setup.next_connection(fault.clone());
            setup.client.connect();
            let ids = setup.send_some(3).await;
            let mut course = Course::default();
            setup
                .follow(
                    &mut course,
                    |course| course.online.len() == 2 && course.has_acked(&ids),
                    &format!("{fault:?}"),
                )
                .await;
            assert_eq!(course.first_error().rule(), Some(rule), "{}", course.log);
            // What arrived and could not be acknowledged may come again, with its id, if the session was lost.
            setup.assert_delivered_once_by_id(&ids, &course.log);
            is_quiet(&setup, &fault).await;
        }
    }
}

#[tokio::test]
async fn i7_enabled_twice() {
    for switches in [plain(), sasl1()] {
        let course = first_login(switches, Transport::DirectTls, Fault::SecondEnabled).await;
        assert_eq!(
            course.ends,
            [peer(PeerError::SecondEnabled)],
            "{}",
            course.log
        );
        assert_eq!(course.first_error().rule(), Some("I7"));
    }
}

#[tokio::test]
async fn s1_no_starttls_no_login() {
    for (fault, error) in [
        (Fault::RefuseStarttls, PeerError::StartTlsRefused),
        (Fault::DropStarttlsFeature, PeerError::StartTlsNotOffered),
    ] {
        for switches in [plain(), Switches::modern()] {
            let setup = Setup::hasty(switches, Transport::StartTls).await;
            let ids = setup.send_some(1).await;
            setup
                .server
                .faults(|faults| faults.all = vec![fault.clone()]);
            setup.client.connect();
            let mut course = Course::default();
            let twice = |course: &Course| course.ends.len() == 2;
            setup
                .follow(&mut course, twice, &format!("{fault:?}"))
                .await;
            let reason = peer(error.clone());
            assert_eq!(course.ends, [reason.clone(), reason], "{}", course.log);
            assert_eq!(course.first_error().rule(), Some("S1"));
            only_the_cleartext_greeting(&setup);
            // Anyone on the path can send this, so the client tries again, with growing delays.
            let more = setup.connections_within(Duration::from_millis(200)).await;
            assert!(more <= 6, "a busy loop: {more}");
            setup.server.faults(|faults| faults.all.clear());
            let acked = |course: &Course| course.has_acked(&ids);
            setup.follow(&mut course, acked, "back").await;
            setup.assert_delivered_once(&ids, &course.log);
        }
    }
}

/// Asserts that only a header without `from` and `<starttls/>` were sent in the clear.
fn only_the_cleartext_greeting(setup: &Setup) {
    for record in setup.connections() {
        for element in record.elements() {
            assert!(
                matches!(element, "stream" | "starttls"),
                "{element} in the clear"
            );
        }
        assert_eq!(record.header_from, [None], "S4: no `from` in the clear");
    }
}

#[tokio::test]
async fn t1_a_wrong_certificate_learns_nothing() {
    for transport in BOTH {
        for (fault, error) in [
            (
                CertificateFault::OtherName,
                CertificateError::NotValidForName,
            ),
            (
                CertificateFault::UnknownAuthority,
                CertificateError::UnknownIssuer,
            ),
            (CertificateFault::Expired, CertificateError::Expired),
        ] {
            let fault = Fault::Certificate(fault);
            let setup = Setup::hasty(plain(), transport).await;
            let ids = setup.send_some(1).await;
            setup.next_connection(fault.clone());
            let course = recovers(&setup, &ids, &fault).await;
            assert_eq!(
                course.ends,
                [EndReason::Link(LinkError::Tls(
                    TlsError::CertificateInvalid(error)
                ))],
                "{}",
                course.log
            );
            let records = setup.connections();
            let greeting: &[&str] = match transport {
                Transport::DirectTls => &[],
                Transport::StartTls => &["stream", "starttls"],
            };
            assert_eq!(records[0].elements(), greeting, "{fault:?}");
        }
    }
}

/// The same with a stored ticket and session: the impostor must not even get early data.
#[tokio::test]
async fn t1_a_wrong_certificate_learns_nothing_from_a_returning_client() {
    for transport in BOTH {
        for switches in [Switches::modern(), plain()] {
            let setup = Setup::with(switches, transport, support::course::RTT, |config| {
                support::course::hasty(config);
                config.policy.early_data = true;
            })
            .await;
            setup.client.connect();
            setup.online().await;
            setup.settle().await;
            setup
                .server
                .world(|world| world.forget_tls_tickets())
                .unwrap();
            let certificate = Fault::Certificate(CertificateFault::UnknownAuthority);
            setup.next_connection(certificate);
            setup.cut();
            let mut course = Course::default();
            setup
                .follow(&mut course, |course| course.online.len() == 1, "return")
                .await;
            let expected = EndReason::Link(LinkError::Tls(TlsError::CertificateInvalid(
                CertificateError::UnknownIssuer,
            )));
            assert_eq!(course.ends[1..], [expected], "{}", course.log);
            assert_eq!(course.online, [Outcome::Resumed], "{}", course.log);
            let records = setup.connections();
            assert_eq!(records.len(), 3);
            for element in records[1].elements() {
                assert!(matches!(element, "stream" | "starttls"), "{element}");
            }
        }
    }
}

fn expected_xml(malformed: Malformed) -> XmlError {
    match malformed {
        Malformed::Doctype => XmlError::Doctype,
        Malformed::Comment => XmlError::Comment,
        Malformed::ProcessingInstruction => XmlError::ProcessingInstruction,
        Malformed::UndeclaredEntity => XmlError::UndeclaredEntity,
        Malformed::BadCharacter => XmlError::ForbiddenCharacter,
        Malformed::BadUtf8 => XmlError::BadUtf8,
        Malformed::MismatchedTag => XmlError::MismatchedEndTag,
        Malformed::DuplicateAttribute => XmlError::DuplicateAttribute,
        Malformed::UndeclaredPrefix => XmlError::UndeclaredPrefix,
        Malformed::StrayText => XmlError::StreamLevelText,
    }
}

async fn malformed_at(point: Point, transport: Transport) {
    // Inside a stanza of the session these two cause only the stanza to be refused: `contacts.rs`.
    let is_refused = |malformed| {
        matches!(point, Point::Online | Point::FirstStanza)
            && matches!(
                malformed,
                Malformed::UndeclaredEntity | Malformed::BadCharacter
            )
    };
    for malformed in Malformed::ALL.into_iter().filter(|m| !is_refused(*m)) {
        let fault = Fault::At(point, Action::Send(malformed));
        let course = first_login(plain(), transport, fault.clone()).await;
        let expected = peer(PeerError::Xml(expected_xml(malformed)));
        assert_eq!(course.ends, [expected], "{fault:?}\n{}", course.log);
        assert_eq!(course.first_error().rule(), Some("T6"));
        assert!(course.messages.is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn t6_malformed_xml_in_the_clear() {
    malformed_at(Point::CleartextFeatures, Transport::StartTls).await;
}

#[tokio::test]
async fn t6_malformed_xml_before_login() {
    malformed_at(Point::EncryptedFeatures, Transport::DirectTls).await;
}

#[tokio::test]
async fn t6_malformed_xml_instead_of_success() {
    malformed_at(Point::Login, Transport::StartTls).await;
}

#[tokio::test]
async fn t6_malformed_xml_in_a_session() {
    malformed_at(Point::Online, Transport::DirectTls).await;
    malformed_at(Point::FirstStanza, Transport::DirectTls).await;
}

#[tokio::test]
async fn silence_and_reset_at_every_point() {
    for (point, transport) in [
        (Point::CleartextFeatures, Transport::StartTls),
        (Point::EncryptedFeatures, Transport::DirectTls),
        (Point::Login, Transport::DirectTls),
        (Point::Online, Transport::DirectTls),
        (Point::FirstStanza, Transport::StartTls),
    ] {
        let course = first_login(plain(), transport, Fault::At(point, Action::Reset)).await;
        assert_eq!(
            course.ends,
            [stream(ConnectionError::TransportClosed)],
            "{point:?}"
        );
        let course = first_login(plain(), transport, Fault::At(point, Action::Silence)).await;
        let timer = match point {
            Point::Online | Point::FirstStanza => Timer::Ack,
            _ => Timer::Login,
        };
        assert_eq!(
            course.ends,
            [stream(ConnectionError::Timeout(timer))],
            "{point:?}\n{}",
            course.log
        );
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_is_given_time() {
    for point in [Point::EncryptedFeatures, Point::Login, Point::Online] {
        let fault = Fault::At(point, Action::SystemShutdown);
        let course = first_login(plain(), Transport::DirectTls, fault).await;
        assert_eq!(course.ends.len(), 1);
        assert!(
            matches!(course.first_error(), ConnectionError::Stream(error)
                if error.condition.name() == "system-shutdown"),
            "{}",
            course.log
        );
    }
}

#[tokio::test]
async fn t4_close_without_notify_is_a_broken_connection() {
    for transport in BOTH {
        let setup = Setup::hasty(plain(), transport).await;
        setup.next_connection(Fault::CloseWithoutNotify);
        let ids = setup.send_some(2).await;
        setup.client.connect();
        let mut course = Course::default();
        setup
            .follow(&mut course, |course| course.has_acked(&ids), "acked")
            .await;
        setup.server.cut_all();
        setup
            .follow(&mut course, |course| course.online.len() == 2, "back")
            .await;
        assert_eq!(course.online, [Outcome::Bound, Outcome::Resumed]);
        setup.assert_delivered_once(&ids, "close without notify");
    }
}

#[tokio::test]
async fn delayed_answers_only_delay() {
    for element in ["stream", "authenticate", "response", "message", "r"] {
        let fault = Fault::DelayAnswer {
            element: element.to_owned(),
            by: Duration::from_millis(250),
        };
        let course = first_login(plain(), Transport::StartTls, fault).await;
        assert_eq!(course.ends, [], "{element}: {}", course.log);
    }
    let fault = Fault::DelayAnswer {
        element: "authenticate".to_owned(),
        by: Duration::from_secs(3),
    };
    let course = first_login(plain(), Transport::DirectTls, fault).await;
    assert_eq!(
        course.ends,
        [stream(ConnectionError::Timeout(Timer::Login))]
    );
}

#[tokio::test]
async fn i2_duplicate_delivery_has_different_delivery_ids_but_is_counted() {
    let setup = Setup::hasty(plain(), Transport::DirectTls).await;
    setup
        .server
        .faults(|faults| faults.all = vec![Fault::DuplicateDelivery]);
    setup.client.connect();
    setup.online().await;
    setup
        .server
        .inject_message("romeo@localhost/x", "juliet@localhost", "twice");
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| !course.messages.is_empty(), "message")
        .await;
    setup.settle().await;
    setup.cut();
    setup
        .follow(&mut course, |course| course.online.len() == 1, "back")
        .await;
    assert_eq!(course.online, [Outcome::Resumed], "{}", course.log);
    let mut ids: Vec<_> = course.messages.iter().map(|m| m.id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), course.messages.len(), "I2: ids are unique");
}

// -- credentials and conflict: no endless retries

#[tokio::test]
async fn a_wrong_password_asks_the_user() {
    for switches in [plain(), sasl1()] {
        let setup = Setup::hasty(switches, Transport::DirectTls).await;
        setup.server.add_account("juliet", "changed");
        setup.client.connect();
        let mut course = Course::default();
        setup
            .follow(&mut course, |course| course.halted.is_some(), "halt")
            .await;
        assert_eq!(course.halted, Some(OfflineReason::NeedsCredentials));
        assert_eq!(
            course.ends,
            [stream(ConnectionError::Sasl(SaslRefusal {
                condition: SaslCondition::NotAuthorized,
                text: PeerText::new("No account of this name has this password."),
            }))]
        );
        assert_eq!(
            setup.connections_within(Duration::from_millis(200)).await,
            0
        );
    }
}

#[tokio::test]
async fn i10_a_conflict_is_no_fight() {
    // A copy of the installation, as after a phone was restored from another's backup, requests the same resource.
    let same_phone = |config: &mut snapback_client::ClientConfig| {
        support::course::hasty(config);
        config.user_agent.id = "d4565fa7-4d72-4749-b3d3-740edbf87770".to_owned();
    };
    let transport = Transport::DirectTls;
    let setup = Setup::with(sasl1(), transport, support::course::RTT, same_phone).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    let (account, password) = ("juliet@localhost", support::course::PASSWORD);
    let (other, _link) =
        Setup::another(&setup.server, account, password, transport, same_phone).await;
    other.connect();
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| course.halted.is_some(), "halt")
        .await;
    assert_eq!(course.halted, Some(OfflineReason::Conflict));
    assert_eq!(
        setup.connections_within(Duration::from_millis(200)).await,
        0,
        "I10"
    );
}

// -- cuts

/// A write can fail with the reset before a read does. The driver must not spin on a socket that is writable and
/// broken.
#[tokio::test]
async fn a_broken_socket_with_bytes_to_write_is_left() {
    for _ in 0..10 {
        let setup = Setup::hasty(plain(), Transport::DirectTls).await;
        setup.client.connect();
        setup.online().await;
        setup.settle().await;
        setup.cut();
        let ids = setup.send_some(3).await;
        let mut course = Course::default();
        setup
            .follow(&mut course, |course| course.has_acked(&ids), "back")
            .await;
        assert_eq!(course.online, [Outcome::Resumed]);
    }
}

/// Returns how many bytes a whole login takes, each way.
async fn login_bytes(switches: Switches, transport: Transport) -> (u64, u64) {
    let setup = Setup::hasty(switches, transport).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    let stats = setup.link.stats();
    (stats.to_server, stats.to_client)
}

async fn cuts(switches: fn() -> Switches, transport: Transport, layer: Layer) {
    const POSITIONS: u64 = 12;
    let (up, down) = login_bytes(switches(), transport).await;
    for (direction, total) in [(Direction::ToServer, up), (Direction::ToClient, down)] {
        for position in 0..POSITIONS {
            let after = total * position / POSITIONS;
            let fault = Fault::Cut {
                direction,
                layer,
                after,
            };
            let course = first_login(switches(), transport, fault.clone()).await;
            assert!(course.ends.len() <= 1, "{fault:?}: {}", course.log);
            for reason in &course.ends {
                let is_known = matches!(
                    reason,
                    EndReason::Link(LinkError::Connection(
                        ConnectionError::TransportClosed | ConnectionError::WrongAssumption(_)
                    )) | EndReason::Link(LinkError::Tls(TlsError::Truncated))
                );
                assert!(is_known, "{fault:?}: {reason:?}");
            }
        }
    }
}

#[tokio::test]
async fn cut_anywhere_on_the_wire_starttls() {
    cuts(plain, Transport::StartTls, Layer::Wire).await;
}

#[tokio::test]
async fn cut_anywhere_on_the_wire_direct_tls() {
    cuts(Switches::modern, Transport::DirectTls, Layer::Wire).await;
}

#[tokio::test]
async fn cut_anywhere_in_the_stream_sasl1() {
    cuts(sasl1, Transport::StartTls, Layer::Plaintext).await;
}

#[tokio::test]
async fn cut_anywhere_in_the_stream_pipelined() {
    cuts(
        Switches::quickstart_2013,
        Transport::StartTls,
        Layer::Plaintext,
    )
    .await;
}

/// A returning client, cut anywhere in its second login.
#[tokio::test]
async fn cut_anywhere_in_a_resumption() {
    for switches in [plain(), Switches::modern(), Switches::quickstart_2013()] {
        for direction in [Direction::ToServer, Direction::ToClient] {
            for after in (0..1500).step_by(250) {
                let fault = Fault::Cut {
                    direction,
                    layer: Layer::Plaintext,
                    after,
                };
                let (course, _) =
                    second_login(switches.clone(), Transport::StartTls, fault.clone()).await;
                assert!(course.ends.len() <= 1, "{fault:?}: {}", course.log);
            }
        }
    }
}
