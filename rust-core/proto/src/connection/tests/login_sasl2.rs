//! SASL2 logins (XEP-0388) with Bind 2, stream management and FAST inside.

use std::sync::Arc;

use super::archive::{archive_error, bind};
use super::peer::{EXPORTER, Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Event, Outcome};
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::Knowledge;
use crate::peer_text::PeerText;
use crate::sasl::SaslCondition;

fn outcome(peer: &mut Peer) -> Option<Outcome> {
    peer.events().into_iter().find_map(|event| match event {
        Event::Online { outcome, .. } => Some(outcome),
        _ => None,
    })
}

#[test]
fn s4_authenticate_carries_all_of_it_in_order() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    let flight = peer.sends(FAST_LOGIN);
    let response = text_of(&flight, "initial-response");
    let (_, authenticate) = flight.split_once("<authenticate").unwrap();
    assert_eq!(
        authenticate,
        format!(
            " xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-EXPR'>\
             <initial-response>{response}</initial-response>\
             <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Snapback</software></user-agent>\
             <resume xmlns='urn:xmpp:sm:3' h='3' previd='sm-1'/>\
             <bind xmlns='urn:xmpp:bind:0'><tag>balcony</tag><enable xmlns='urn:xmpp:carbons:2'/>\
             <enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>\
             <fast xmlns='urn:xmpp:fast:0'/></authenticate>"
        )
    );
}

#[test]
fn s5_a_password_login_asks_for_a_token_and_keeps_it() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    assert!(peer.sent.contains(
        "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/></authenticate>"
    ));
    let knowledge = peer.knowledge();
    assert_eq!(knowledge.fast.as_ref().unwrap().token.expose(), TOKEN);
    assert!(knowledge.scram_keys.is_some() && knowledge.floor.is_some());
    let session = knowledge.sm.unwrap();
    assert_eq!((session.id.as_str(), session.jid.as_str()), ("sm-1", JID));
    // All three answers were counted; all of our stanzas were acknowledged.
    assert_eq!(
        (session.h, session.base, session.max),
        (3, GREETED2, Some(600))
    );
    assert!(knowledge.queue.is_empty());
    assert_eq!(outcome(&mut peer), Some(Outcome::Bound));
}

#[test]
fn s5_a_used_token_is_not_dropped_before_its_successor_was_used() {
    let mut peer = Setup::direct().knowing(gone(after_sasl2())).start();
    warm_fast_bind(&mut peer);
    let ops = peer.ops();
    assert!(ops.contains(&"FastUsed".to_owned()) && !ops.contains(&"StoreFast".to_owned()));
    assert!(peer.knowledge().fast.is_some());
}

#[test]
fn s5_a_refused_token_is_dropped_and_the_password_used_on_the_same_stream() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    peer.sends(FAST_LOGIN);
    let refused = failure2("not-authorized", "");
    peer.serve(&format!("{HEADER}{}{refused}", features(&sasl2())));
    let flight_has_no_header = AUTHENTICATE;
    peer.sends(flight_has_no_header);
    assert!(peer.ops().contains(&"DropFast".to_owned()));
    assert!(peer.closed.is_none());
}

#[test]
fn s5_a_server_that_hangs_up_on_a_token_does_not_get_it_again() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    peer.sends(FAST_LOGIN);
    let refused = failure2("not-authorized", "");
    peer.serve(&format!("{HEADER}{}{refused}{CLOSE}", features(&sasl2())));
    peer.fails(ConnectionError::WrongAssumption(Assumption::FastToken));
    assert!(peer.knowledge().fast.is_none());
}

/// No other login can be chosen on this stream, and the refusal says nothing about the password.
#[test]
fn s5_a_token_refused_before_the_features_leaves_the_password_to_the_next_stream() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    peer.sends(FAST_LOGIN);
    let refused = failure2("not-authorized", "");
    peer.serve(&format!("{HEADER}{refused}"));
    peer.fails(ConnectionError::WrongAssumption(Assumption::FastToken));
    assert!(peer.knowledge().fast.is_none());
}

#[test]
fn s5_a_token_survives_the_servers_own_trouble() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    peer.sends(FAST_LOGIN);
    let trouble = failure2("temporary-auth-failure", "");
    peer.serve(&format!("{HEADER}{}{trouble}", features(&sasl2())));
    peer.fails(ConnectionError::Sasl(
        SaslCondition::TemporaryAuthFailure.into(),
    ));
    assert!(peer.knowledge().fast.is_some());
}

#[test]
fn s7_a_server_whose_config_version_never_matches_is_given_up() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    peer.sends(FAST_LOGIN);
    let mismatch = failure2(
        "aborted",
        "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>",
    );
    peer.serve(&format!("{HEADER}{}", features(&sasl2())));
    for _ in 0..10 {
        peer.serve(&mismatch);
    }
    peer.fails(ConnectionError::Peer(PeerError::TooManyFallbacks));
}

#[test]
fn s7_a_config_version_is_echoed_and_a_mismatch_is_no_failed_login() {
    let version = |value: &str| format!("<config-version xmlns='urn:xmpp:iap:0' value='{value}'/>");
    let mut cold = Setup::direct().start();
    cold_sasl2(&mut cold, &format!("{}{}", sasl2(), version("1")));
    let mut peer = Setup::direct().knowing(cold.knowledge()).start();
    open_direct(&mut peer);
    let first = peer.sends(FAST_LOGIN);
    assert!(first.ends_with(&format!("{}</authenticate>", version("1"))));
    let mismatch = failure2(
        "aborted",
        "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>",
    );
    let shown = features(&format!("{}{}", sasl2(), version("2")));
    peer.serve(&format!("{HEADER}{shown}{mismatch}"));
    let proof_of = |flight: &str| {
        super::proofs::token_proof(&text_of(flight, "initial-response"), TOKEN, &EXPORTER)
    };
    let second = peer.sends("authenticate HT-SHA-256-EXPR");
    assert!(second.ends_with(&format!("{}</authenticate>", version("2"))));
    assert!(peer.knowledge().fast.is_some());
    let success = success2(&proof_of(&second).unwrap(), JID, &resumed(GREETED2));
    peer.serve(&success);
    peer.is_online();
    let learnt = peer
        .knowledge()
        .server
        .secured
        .unwrap()
        .config_version
        .clone();
    assert_eq!(learnt.unwrap().value, "2");
}

#[test]
fn s4_nothing_but_responses_between_authenticate_and_success() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    peer.say("m1");
    peer.command(Command::SetActive(false));
    peer.command(Command::Probe {
        deadline: peer.now.mono + std::time::Duration::from_secs(3),
    });
    let proof = scram2(&mut peer, AUTHENTICATE, "");
    peer.say("m2");
    peer.command(Command::SetActive(true));
    peer.command(Command::SetActive(false));
    peer.sends_nothing();
    peer.serve(&success2(&proof, JID, &bound2(ENABLED)));
    peer.sends("roster + disco + presence + archive + client state + message + message + r");
}

/// The app came to the foreground while `<inactive/>` was on its way inside the bind request.
#[test]
fn i15_a_client_state_that_changed_during_the_login_is_corrected() {
    let mut peer = Setup::direct().with(|setup| setup.active = false).start();
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    let proof = scram2(&mut peer, AUTHENTICATE, "");
    assert!(
        peer.sent
            .contains("<inactive xmlns='urn:xmpp:csi:0'/></bind>")
    );
    peer.command(Command::SetActive(true));
    peer.serve(&success2(&proof, JID, &bound2(ENABLED)));
    let flight = peer.sends("roster + disco + presence + archive + client state + r");
    assert!(flight.contains("<active xmlns='urn:xmpp:csi:0'/>"));
}

#[test]
fn s4_a_mechanism_bound_to_the_channel_is_preferred() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    assert!(peer.sent.contains("mechanism='SCRAM-SHA-256-PLUS'"));
}

/// XEP-0386 without XEP-0198 inline: binding inside SASL2 would give the interrupted session up unasked.
#[test]
fn i8_a_session_is_resumed_after_sasl2_where_it_cannot_be_inside() {
    let only_bind2 = sasl2_with(&format!("{}{FAST}", bind2()));
    let mut knowledge = after_sasl2();
    let mut secured = knowledge.server.secured.take().unwrap();
    let sasl2 = &mut Arc::make_mut(&mut secured).sasl2;
    sasl2.as_mut().unwrap().sm = false;
    knowledge.server.secured = Some(secured);
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    assert!(!peer.sent.contains("<bind"), "{}", peer.sent);
    let success = success2(&proof, "juliet@example.org", "");
    let shown = features(&only_bind2);
    let after = features(AUTHENTICATED);
    peer.serve(&format!("{HEADER}{shown}{success}{after}"));
    peer.sends("resume");
    peer.serve(&resumed(GREETED2));
    peer.is_online();
    assert_eq!(outcome(&mut peer), Some(Outcome::Resumed));
}

#[test]
fn s4_features_after_a_resumed_success_are_tolerated() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    peer.serve(&features(AUTHENTICATED));
    peer.serve(MESSAGE);
    assert_eq!(peer.memory.inbound.len(), 1);
    peer.is_online();
}

#[test]
fn i15_a_resumed_session_redoes_nothing() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    peer.sends_nothing();
    assert_eq!(outcome(&mut peer), Some(Outcome::Resumed));
}

fn failed_resumption(queue: impl FnOnce(&mut Peer), h: &str) -> (Peer, Knowledge) {
    let mut first = Setup::direct().start();
    cold_sasl2_direct(&mut first);
    queue(&mut first);
    first.close_transport();
    // Without an archive: what it decides stands in `catch_up`.
    let knowledge = Knowledge {
        archive: None,
        ..first.knowledge()
    };
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let inner = format!("{}{}", sm_failed(h), bound2(ENABLED));
    let success = success2(&proof, JID, &inner);
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    let knowledge = peer.knowledge();
    (peer, knowledge)
}

#[test]
fn i8_failed_with_h_acknowledges_first_and_resends_the_rest_stamped() {
    let (mut peer, _) = failed_resumption(
        |peer| {
            peer.say("m1");
            peer.say("m2");
            peer.ask("q1");
        },
        "h='5'",
    );
    let flight = peer.sends("roster + disco + presence + archive + message + r");
    assert!(flight.contains("id='m2'") && !flight.contains("id='m1'"));
    assert!(flight.contains("<delay xmlns='urn:xmpp:delay' stamp='"));
    peer.serve(&archive_error(&flight, "service-unavailable"));
    let reported = format!("{:?}", peer.events());
    for part in [
        "id: \"m1\", stage: Acked",
        "id: \"q1\", stage: Failed(SessionLost)",
        "PossibleGap",
    ] {
        assert!(reported.contains(part), "{part} in {reported}");
    }
    let before = |a: &str, b: &str| reported.find(a).unwrap() < reported.find(b).unwrap();
    assert!(before("stage: Acked", "SessionLost"));
}

#[test]
fn i8_failed_without_h_resends_every_message() {
    let (mut peer, knowledge) = failed_resumption(
        |peer| {
            peer.say("m1");
            peer.say("m2");
        },
        "",
    );
    let flight = peer.sends("roster + disco + presence + archive + message + message + r");
    assert!(flight.find("id='m1'").unwrap() < flight.find("id='m2'").unwrap());
    assert_eq!(knowledge.sm.unwrap().h, 0, "a new session counts anew");
}

#[test]
fn t4_another_identity_is_refused() {
    for identity in ["mallory@example.org/x", "juliet@example.net", "", "@"] {
        let mut peer = Setup::direct().start();
        open_direct(&mut peer);
        show(&mut peer, &sasl2());
        let proof = scram2(&mut peer, AUTHENTICATE, "");
        peer.serve(&success2(&proof, identity, &bound2(ENABLED)));
        assert!(
            matches!(
                peer.closed,
                Some(Some(ConnectionError::Peer(
                    PeerError::OtherAccount | PeerError::Malformed(_)
                )))
            ),
            "{identity}: {:?}",
            peer.closed
        );
        assert!(!peer.login_proven);
    }
}

#[test]
fn i8_what_bind_2_leaves_to_the_archive_is_a_possible_gap() {
    let gaps = |mut peer: Peer| {
        let reported = peer.events();
        reported
            .iter()
            .filter(|event| matches!(event, Event::PossibleGap))
            .count()
    };
    let unarchived = |knowledge| Knowledge {
        archive: None,
        ..gone(knowledge)
    };
    let (mut by_bind2, flight) = bind(unarchived(after_sasl2()), "", GREETING2);
    by_bind2.serve(&archive_error(&flight, "service-unavailable"));
    assert_eq!(gaps(by_bind2), 1);
    let mut by_sasl1 = Setup::starttls().knowing(unarchived(after_sasl1())).start();
    warm_sasl1_bind(&mut by_sasl1);
    assert_eq!(gaps(by_sasl1), 0);
}

/// XEP-0388 2.6.3: whatever it was that logged in, the tasks are named, and nothing is tried again.
#[test]
fn w12_tasks_are_aborted_and_named() {
    let data = base64_of("v=unread");
    let demand = format!(
        "<continue xmlns='urn:xmpp:sasl:2'><additional-data>{data}</additional-data><tasks>\
         <task>HOTP-EXAMPLE</task><task>\u{202e}TOTP</task></tasks><text>second factor</text></continue>"
    );
    let by_password = Setup::direct().start();
    let by_token = Setup::direct().knowing(after_sasl2()).start();
    for (mut peer, first) in [(by_password, ""), (by_token, FAST_LOGIN)] {
        open_direct(&mut peer);
        if first.is_empty() {
            show(&mut peer, &sasl2());
            scram2(&mut peer, AUTHENTICATE, "");
        } else {
            peer.sends(first);
            peer.serve(&format!("{HEADER}{}", features(&sasl2())));
        }
        peer.serve(&demand);
        let last = peer.sends("abort + close");
        assert_eq!(last, "<abort xmlns='urn:xmpp:sasl:2'/></stream:stream>");
        let named = vec!["HOTP-EXAMPLE".to_owned(), "\\u{202e}TOTP".to_owned()];
        let error = ConnectionError::TasksRequired {
            tasks: named,
            text: PeerText::new("second factor"),
        };
        assert!(!error.is_retryable() && !error.retry_at_once() && !error.needs_credentials());
        assert!(error.to_string().contains("HOTP-EXAMPLE"));
        peer.fails(error);
        // The token is none the worse for it.
        assert_eq!(peer.knowledge().fast.is_some(), !first.is_empty());
    }
}

/// A demand that names nothing is no demand.
#[test]
fn w12_a_demand_without_tasks_is_malformed() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    scram2(&mut peer, AUTHENTICATE, "");
    peer.serve("<continue xmlns='urn:xmpp:sasl:2'><tasks/></continue>");
    peer.fails(ConnectionError::Peer(PeerError::Malformed("SASL2 element")));
}
