//! RFC 6120 logins: what each flight holds, and how many there are.

use super::peer::{Mode, Peer, Setup};
use super::proofs::Scram;
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::connection::{Command, Event, Outcome};
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::escalation::{Remedy, Subject};
use crate::peer_text::PeerText;
use crate::plan::Transport;
use crate::sasl::{SaslCondition, SaslRefusal};

const OUR_HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='example.org'";

/// Whether the next connection uses no flight across a boundary.
fn is_sequential(peer: &Peer) -> bool {
    let failures = peer.knowledge().failures;
    failures.gives_up(Subject::PipelinedStart, Remedy::SequentialStart, WALL)
}

#[test]
fn every_login_costs_what_the_design_says() {
    let table = [
        ("cold_sasl1_starttls", 8),
        ("cold_sasl1_direct", 7),
        ("cold_sasl1_session_required", 7),
        ("cold_sasl1_unprompted_restart", 6),
        ("cold_pipelining", 6),
        ("warm_sasl1_bind", 6),
        ("warm_sasl1_resume", 5),
        ("warm_sasl1_resume_failed", 6),
        ("warm_pipelined_bind", 4),
        ("warm_pipelined_resume", 4),
        ("warm_resume_before_sasl", 3),
        ("warm_resume_before_sasl_refused", 5),
        ("cold_sasl2_starttls", 6),
        ("cold_sasl2_direct", 5),
        ("cold_sasl2_without_bind2", 6),
        ("warm_fast_bind", 3),
        ("warm_fast_resume", 4),
        ("warm_fast_resume_failed", 3),
        ("warm_fast_refused", 5),
        ("warm_config_version_mismatch", 4),
        ("early_data_accepted", 2),
        ("early_data_rejected", 3),
        ("closed_cleanly", 5),
        ("cold_bearer_token", 4),
        ("warm_bearer_token", 3),
    ];
    assert_eq!(SCRIPTS.len(), table.len());
    for (script, (name, round_trips)) in SCRIPTS.iter().zip(table) {
        let mut peer = Peer::new(&(script.setup)(), Mode::Whole);
        (script.run)(&mut peer);
        assert_eq!((script.name, peer.round_trips), (name, round_trips));
    }
}

/// A server that restarts on its own shows its features with the end of the handshake: one flight less.
#[test]
fn features_that_come_unprompted_after_tls_save_a_flight() {
    let mut peer = Setup::starttls().start();
    open_starttls(&mut peer);
    let offered = features(&format!("{SASL1}{SM}{PIPELINING}"));
    peer.serve(&format!("{HEADER}{offered}"));
    let (success, flight) = scram1(
        &mut peer,
        &format!("header + {AUTH}"),
        "",
        "response + header + bind",
    );
    let restarted = features(AUTHENTICATED);
    peer.serve(&format!("{success}{HEADER}{restarted}{}", bound(&flight)));
    peer.is_online();
    assert_eq!(peer.round_trips, 5);
}

#[test]
fn s4_from_stands_on_the_encrypted_header_only() {
    let mut peer = Setup::starttls().start();
    peer.connect();
    assert_eq!(
        peer.sends("header + starttls"),
        format!("{OUR_HEADER}><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    );
    peer.serve(&format!("{HEADER}{}{PROCEED}", features(STARTTLS)));
    peer.sends("ClientHello");
    peer.tls();
    assert_eq!(
        peer.sends("header"),
        format!("{OUR_HEADER} from='juliet@example.org'>")
    );
}

#[test]
fn s2_a_restarted_header_has_no_declaration() {
    let mut peer = Setup::starttls().start();
    cold_pipelining(&mut peer);
    assert!(!peer.sent.contains("<?xml"), "{}", peer.sent);
    assert_eq!(peer.sent.matches("<stream:stream ").count(), 3);
}

#[test]
fn the_bind_flight_asks_for_all_that_a_session_needs() {
    let mut peer = Setup::direct().with_pipelined_bind().start();
    open_direct(&mut peer);
    cold_sasl1(&mut peer, AUTHENTICATED);
    let flight = peer.sends(GREETING);
    let bind = id_before(&flight, "urn:ietf:params:xml:ns:xmpp-bind");
    let archive = id_before(&flight, "urn:xmpp:mam:2");
    let roster = id_before(&flight, "jabber:iq:roster");
    let disco = id_before(&flight, "http://jabber.org/protocol/disco#info");
    let carbons = id_before(&flight, "urn:xmpp:carbons:2");
    assert!(flight.starts_with(&format!(
        "<iq type='set' id='{bind}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>balcony.e1b30621</resource></bind></iq><enable xmlns='urn:xmpp:sm:3' resume='true'/>\
         <iq type='get' id='{roster}'><query xmlns='jabber:iq:roster' ver=''/></iq>\
         <iq type='get' id='{disco}' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>\
         <iq type='set' id='{carbons}'><enable xmlns='urn:xmpp:carbons:2'/></iq><presence id='"
    )));
    assert!(flight.contains("<c xmlns='http://jabber.org/protocol/caps'"));
    assert!(flight.ends_with(&format!(
        "</presence><iq type='set' id='{archive}'><query xmlns='urn:xmpp:mam:2' queryid='{archive}'>\
         <set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set></query></iq>"
    )));
    answer_pipelined_bind(&mut peer, &flight);
    let online = peer.events().into_iter().find_map(|event| match event {
        Event::Online { outcome, jid, plan } => Some((outcome, jid, plan.transport)),
        _ => None,
    });
    assert_eq!(
        online,
        Some((Outcome::Bound, JID.to_owned(), Transport::DirectTls))
    );
}

/// The app came to the foreground while the bind flight, with `<inactive/>` at its end, was on its way.
#[test]
fn i15_a_client_state_that_changed_after_the_bind_flight_is_corrected() {
    let mut peer = Setup::direct()
        .with_pipelined_bind()
        .with(|setup| setup.active = false)
        .start();
    open_direct(&mut peer);
    cold_sasl1(&mut peer, AUTHENTICATED);
    let flight = peer.sends(&format!("{GREETING} + client state"));
    assert!(flight.ends_with("<inactive xmlns='urn:xmpp:csi:0'/>"));
    peer.command(Command::SetActive(true));
    peer.sends_nothing();
    peer.serve(&bound(&flight));
    peer.is_online();
    let correction = peer.sends("client state");
    assert_eq!(correction, "<active xmlns='urn:xmpp:csi:0'/>");
    peer.command(Command::SetActive(true));
    peer.sends_nothing();
}

#[test]
fn the_session_iq_is_sent_only_where_it_is_required() {
    let mut peer = Setup::direct().start();
    cold_sasl1_direct(&mut peer);
    assert!(!peer.sent.contains("urn:ietf:params:xml:ns:xmpp-session"));
}

#[test]
fn s8_a_remembered_roster_is_asked_for_by_version() {
    let mut peer = Setup::starttls().knowing(gone(after_sasl1())).start();
    warm_sasl1_bind(&mut peer);
    assert!(
        peer.sent
            .contains("<query xmlns='jabber:iq:roster' ver='v7'/>")
    );
}

#[test]
fn t5_keys_are_derived_once() {
    let mut cold = Setup::direct().start();
    cold_sasl1_direct(&mut cold);
    assert_eq!(cold.derivations, 1);
    let known = gone(after_sasl1());
    let mut warm = Setup::starttls()
        .knowing(known.clone())
        .with(|setup| setup.derived_keys.clone_from(&known.scram_keys))
        .start();
    warm_sasl1_bind(&mut warm);
    assert_eq!(warm.derivations, 0);
    let mut without_password = Setup::starttls()
        .knowing(known)
        .with(|setup| setup.config.password = None)
        .start();
    warm_sasl1_bind(&mut without_password);
    assert_eq!(without_password.derivations, 0);
}

#[test]
fn s2_a_pipelined_restart_that_is_refused_is_remembered() {
    for end in ["stream error", "end of stream", "transport"] {
        let knowledge = gone(after_pipelining());
        let mut peer = Setup::starttls().knowing(knowledge).start();
        open_combined(&mut peer);
        let shown = format!("{HEADER}{}", features(&format!("{SASL1}{PIPELINING}")));
        let last = format!("response + header + {GREETING}");
        scram1(&mut peer, &format!("header + {AUTH}"), &shown, &last);
        match end {
            "stream error" => peer.serve(
                "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            ),
            "end of stream" => peer.serve(CLOSE),
            _ => peer.close_transport(),
        }
        peer.fails(ConnectionError::WrongAssumption(
            Assumption::PipelinedRestart,
        ));
        assert!(is_sequential(&peer), "{end}");
    }
}

/// ejabberd answers a pipelined restart that it does not know with silence.
#[test]
fn s2_a_pipelined_restart_that_hangs_is_remembered() {
    let mut peer = Setup::starttls().knowing(gone(after_pipelining())).start();
    open_combined(&mut peer);
    let shown = format!("{HEADER}{}", features(&format!("{SASL1}{PIPELINING}")));
    let last = format!("response + header + {GREETING}");
    let (success, _) = scram1(&mut peer, &format!("header + {AUTH}"), &shown, &last);
    peer.serve(&success);
    peer.pass(std::time::Duration::from_secs(31));
    peer.fails(ConnectionError::WrongAssumption(
        Assumption::PipelinedRestart,
    ));
    assert!(is_sequential(&peer));
}

#[test]
fn s2_a_combined_flight_that_is_refused_is_remembered() {
    for garbage in [true, false] {
        let mut peer = Setup::starttls().knowing(after_pipelining()).start();
        peer.connect();
        peer.sends("header + starttls + ClientHello");
        if garbage {
            let error = "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
            peer.serve(&format!("{HEADER}{error}"));
        } else {
            peer.close_transport();
        }
        peer.fails(ConnectionError::WrongAssumption(
            Assumption::CombinedStartTls,
        ));
        assert!(is_sequential(&peer));
    }
}

/// The remembered mechanism is gone: the server says so, and its features have come meanwhile.
#[test]
fn s2_a_mechanism_that_is_gone_costs_a_flight_and_no_connection() {
    let mut knowledge = gone(after_sasl1());
    knowledge.floor = None;
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    peer.sends(&format!("header + {AUTH}"));
    let other = SASL1.replace("SCRAM-SHA-256", "SCRAM-SHA-512");
    let refused = sasl1("failure", "<invalid-mechanism/>");
    peer.serve(&format!("{HEADER}{}{refused}", features(&other)));
    peer.sends("auth SCRAM-SHA-512");
    assert_eq!(peer.state(), "ExpectSasl1");
}

#[test]
fn what_needs_a_person_is_not_tried_again_and_says_why() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    scram1(&mut peer, AUTH, "", "response");
    let why = "<account-disabled/><text>Disabled:\n ask at the desk</text>";
    peer.serve(&sasl1("failure", why));
    peer.fails(ConnectionError::Sasl(SaslRefusal {
        condition: SaslCondition::AccountDisabled,
        text: PeerText::new("Disabled: ask at the desk"),
    }));
    assert!(peer.knowledge().server.secured.is_none());
}

#[test]
fn a_mechanism_that_was_refused_for_itself_is_not_offered_again() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(SASL1)));
    peer.serve(&sasl1("failure", "<malformed-request/>"));
    peer.fails(ConnectionError::Sasl(
        SaslCondition::MalformedRequest.into(),
    ));
}

/// An error inside SCRAM is the server's word about its own trouble, not about our password.
#[test]
fn an_error_inside_scram_blames_the_right_side() {
    use crate::sasl::{SaslError, ScramServerError};
    let table = [
        (
            "e=invalid-proof",
            ConnectionError::Sasl(SaslCondition::NotAuthorized.into()),
        ),
        (
            "e=no-resources",
            ConnectionError::Peer(PeerError::Sasl(SaslError::Server(
                ScramServerError::NoResources,
            ))),
        ),
        (
            "e=channel-bindings-dont-match",
            ConnectionError::Peer(PeerError::Sasl(SaslError::Server(
                ScramServerError::ChannelBindingsDontMatch,
            ))),
        ),
    ];
    for (word, expected) in table {
        let mut peer = Setup::direct().start();
        open_direct(&mut peer);
        show(&mut peer, SASL1);
        let flight = peer.sends(AUTH);
        let mut scram = Scram::new(&text_of(&flight, "auth"));
        peer.serve(&sasl1("challenge", &scram.challenge()));
        peer.sends("response");
        peer.serve(&sasl1("success", &base64_of(word)));
        peer.fails(expected);
    }
}

/// Everything that arrives in the name of the account would seem to be forged.
#[test]
fn w12_another_account_than_the_one_that_logged_in_is_not_bound() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, AUTHENTICATED);
    let flight = peer.sends("bind");
    peer.serve(&bound(&flight).replace("juliet@", "nurse@"));
    peer.fails(ConnectionError::Peer(PeerError::OtherAccount));
    assert!(!peer.online);
}
