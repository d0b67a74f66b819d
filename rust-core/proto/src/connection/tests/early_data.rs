//! Rule S6: FAST in TLS 1.3 early data.

use std::sync::Arc;

use super::peer::{END_POINT, Peer};
use super::scripts::*;
use super::texts::*;
use crate::connection::EarlyData;

fn early_flight(peer: &mut Peer) -> String {
    peer.connect();
    peer.early_data_ready(Some(END_POINT.to_vec()));
    peer.sends("ClientHello + header + authenticate HT-SHA-256-ENDP")
}

#[test]
fn s6_only_the_header_and_the_login_travel_early() {
    let mut peer = early().start();
    peer.say("m1");
    let flight = early_flight(&mut peer);
    assert!(flight.contains("from='juliet@example.org'"));
    assert!(flight.contains("<fast xmlns='urn:xmpp:fast:0' count='1'/>"));
    assert!(flight.contains("previd='sm-1'"));
    assert!(!flight.contains("<message"));
}

#[test]
fn s6_the_count_is_committed_before_the_bytes_leave() {
    let mut peer = early().start();
    peer.auto_commit = false;
    peer.connect();
    peer.early_data_ready(Some(END_POINT.to_vec()));
    // The header says nothing that a count protects.
    peer.sends("ClientHello + header");
    assert_eq!(peer.knowledge().fast.unwrap().count, 0);
    // That the session is requested on this connection.
    peer.commit();
    peer.sends_nothing();
    assert_eq!(peer.knowledge().fast.unwrap().count, 0);
    peer.commit();
    assert_eq!(peer.knowledge().fast.unwrap().count, 1);
    peer.sends("authenticate HT-SHA-256-ENDP");
}

#[test]
fn s6_refused_early_data_is_sent_again_with_the_next_count() {
    let mut peer = early().start();
    early_flight(&mut peer);
    peer.tls_with(EarlyData::Rejected);
    let flight = peer.sends("header + authenticate HT-SHA-256-ENDP");
    assert!(flight.contains("count='2'"));
    assert_eq!(peer.knowledge().fast.unwrap().count, 2);
}

#[test]
fn s6_the_count_rises_over_connections() {
    let mut first = early().start();
    early_flight(&mut first);
    first.close_transport();
    let mut second = early().knowing(first.knowledge()).start();
    assert!(early_flight(&mut second).contains("count='2'"));
}

#[test]
fn s6_a_failed_commit_keeps_the_login_back() {
    let mut peer = early().start();
    peer.auto_commit = false;
    peer.connect();
    peer.early_data_ready(Some(END_POINT.to_vec()));
    peer.fail_commit();
    let sent = peer.sends("ClientHello + header");
    assert!(!sent.contains("authenticate"));
    assert!(matches!(peer.closed, Some(Some(_))));
}

/// Without the certificate's hash there is nothing to bind to: the hash of nothing would be the answer of `-NONE`.
#[test]
fn s6_no_certificate_hash_no_early_data() {
    let mut peer = early().start();
    peer.connect();
    peer.early_data_ready(None);
    peer.sends("ClientHello");
    peer.tls();
    peer.sends("header + authenticate HT-SHA-256-ENDP");
}

#[test]
fn s6_a_ticket_that_turns_out_not_to_carry_early_data_costs_nothing() {
    let mut peer = early().start();
    peer.connect();
    peer.sends("ClientHello");
    peer.tls();
    let flight = peer.sends("header + authenticate HT-SHA-256-ENDP");
    assert!(flight.contains("count='1'"));
}

#[test]
fn s6_early_data_rides_in_the_combined_flight() {
    let mut setup = early();
    setup.transport = crate::plan::Transport::StartTls;
    let secured = setup.knowledge.server.secured.as_mut().unwrap();
    Arc::make_mut(secured).pipelining = true;
    let mut peer = setup.start();
    peer.connect();
    peer.early_data_ready(Some(END_POINT.to_vec()));
    let first = "header + starttls + ClientHello + header + authenticate HT-SHA-256-ENDP";
    let proof = fast(&mut peer, first, &END_POINT);
    peer.serve(&format!("{HEADER}{}{PROCEED}", features(STARTTLS)));
    peer.tls_with(EarlyData::Accepted);
    let success = success2(&proof, JID, &resumed(GREETED2));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2_early())));
    peer.is_online();
    assert_eq!(peer.round_trips, 2);
}
