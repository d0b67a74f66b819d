//! Rule S6: early data.

use super::*;
use crate::EarlyData;

const FLIGHT: &[u8] = b"<stream/><authenticate/>";

fn early() -> SessionParams {
    SessionParams {
        early_data: true,
        ..params(TlsVersions::Default)
    }
}

fn server_early_data(server: &mut ServerConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut reader) = server.early_data() {
        reader.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

fn world_with_early_data() -> (TlsContext, Server) {
    let (context, mut server) = world();
    server.config.max_early_data_size = 1000;
    let pair = Pair::connected(&context, &server, early());
    assert_eq!(pair.client.early_data_capacity(), 0);
    (context, server)
}

#[test]
fn s6_accepted_early_data_is_read_with_the_first_flight() {
    let (context, server) = world_with_early_data();
    let mut pair = Pair::new(&context, &server, early());
    let ticket = pair.client.ticket().unwrap();
    assert_eq!(ticket.max_early_data, 1000);
    assert!(ticket.origin.end_point.is_some());
    assert_eq!(pair.client.early_data_capacity(), 1000);
    assert_eq!(pair.client.write_early(FLIGHT), FLIGHT.len());
    assert_eq!(pair.client.early_data_capacity(), 1000 - FLIGHT.len());

    pair.carry_to_server();
    assert_eq!(server_early_data(&mut pair.server), FLIGHT);
    pair.run().unwrap();
    assert_eq!(pair.established().early_data, EarlyData::Accepted);
    assert!(pair.established().resumed);
    assert_eq!(pair.client.early_data_capacity(), 0);
    assert_eq!(pair.client.write_early(b"late"), 0);
    pair.exchange();
}

#[test]
fn s6_rejected_early_data_is_lost_and_resending_it_works() {
    let (context, mut server) = world_with_early_data();
    server.config.max_early_data_size = 0;
    let mut pair = Pair::new(&context, &server, early());
    assert_eq!(pair.client.write_early(FLIGHT), FLIGHT.len());
    pair.run().unwrap();
    assert_eq!(pair.established().early_data, EarlyData::Rejected);
    assert!(pair.established().resumed);
    assert_eq!(server_early_data(&mut pair.server), b"");
    assert_eq!(pair.server_plaintext(), b"");
    pair.client.write(FLIGHT).unwrap();
    pair.carry_to_server();
    assert_eq!(pair.server_plaintext(), FLIGHT);
    pair.exchange();
}

#[test]
fn s6_a_refused_ticket_takes_early_data_with_it_and_the_certificate_is_judged() {
    let (context, mut server) = world_with_early_data();
    server.config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    let mut pair = Pair::new(&context, &server, early());
    assert_eq!(pair.client.write_early(FLIGHT), FLIGHT.len());
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    assert!(pair.request.is_some());
    assert_eq!(pair.client.write_early(b"more"), 0);
    assert_eq!(pair.client.take_output(), b"");
    pair.run().unwrap();
    assert_eq!(pair.established().early_data, EarlyData::Rejected);
    assert!(!pair.established().resumed);
    pair.exchange();
}

#[test]
fn s6_early_data_needs_both_the_ticket_and_the_wish() {
    let (context, server) = world_with_early_data();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
    assert_eq!(pair.client.early_data_capacity(), 0);
    assert_eq!(pair.client.write_early(FLIGHT), 0);
    pair.run().unwrap();
    assert_eq!(pair.established().early_data, EarlyData::NotSent);
    pair.exchange();

    let (context, server) = world();
    Pair::connected(&context, &server, early());
    let mut pair = Pair::new(&context, &server, early());
    assert_eq!(pair.client.ticket().unwrap().max_early_data, 0);
    assert_eq!(pair.client.write_early(FLIGHT), 0);
    pair.run().unwrap();
    assert_eq!(pair.established().early_data, EarlyData::NotSent);
}

#[test]
fn s6_early_data_is_cut_at_what_the_ticket_allows() {
    let (context, server) = world_with_early_data();
    let mut pair = Pair::new(&context, &server, early());
    assert_eq!(pair.client.write_early(&[b' '; 2000]), 1000);
    assert_eq!(pair.client.write_early(b"more"), 0);
    pair.run().unwrap();
    assert_eq!(pair.established().early_data, EarlyData::Accepted);
}
