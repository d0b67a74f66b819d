//! Prints what each flight of a login carried, and each flight of the resumption after the connection was dropped:
//! `timeline juliet@example.org`.
#![allow(clippy::print_stdout, reason = "an example writes to standard output")]

mod support;

use std::error::Error;

use snapback_client::{Client, DialReport, EndedQuery, Event, ProtocolMessage, Timeline};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [account] = support::arguments("timeline ACCOUNT")?;
    let client = Client::open(support::config(&account)?)?;
    client.connect();
    online(&client).await?;
    // As when an app goes to the background: the transport is dropped, and the server keeps the session (XEP-0198).
    client.suspend().await;
    client.resume();
    online(&client).await?;
    client.disconnect().await;
    Ok(())
}

/// Waits for the next session, and prints how it was established.
async fn online(client: &Client) -> Result<(), Box<dyn Error>> {
    while let Some(event) = client.next_event().await {
        match event {
            Event::Online {
                outcome,
                plan,
                timeline,
                dial,
                ..
            } => {
                println!("{outcome:?}; planned: {plan}");
                print_dial(&dial);
                print(&timeline);
                return Ok(());
            }
            Event::Ended { reason, dial, .. } => {
                println!("no connection: {reason}");
                print_dial(&dial);
            }
            _ => {}
        }
    }
    Err("the client ended".into())
}

fn print_dial(dial: &DialReport) {
    for EndedQuery { query, .. } in &dial.queries {
        let took = query.took.as_secs_f64() * 1e3;
        let (name, source, outcome) = (&query.name, query.source, query.outcome);
        println!("  {took:7.1} ms  {name}: {source:?}, {outcome:?}");
    }
    for dialed in &dial.addresses {
        let took = dialed.ended.map(|ended| ended.since(dialed.started));
        let took = took.unwrap_or_default().as_secs_f64() * 1e3;
        let (host, addr, fate) = (&dialed.endpoint.host, dialed.endpoint.addr, dialed.fate);
        println!("  {took:7.1} ms  {host} at {addr}: {fate:?}");
    }
}

fn print(timeline: &Timeline) {
    for flight in &timeline.flights {
        let took = flight.took().unwrap_or_default();
        println!(
            "  {:7.1} ms  {} -> {}",
            took.as_secs_f64() * 1e3,
            names(&flight.sent),
            names(&flight.received)
        );
    }
    for step in &timeline.local {
        let took = step.took.unwrap_or_default();
        println!(
            "  {:7.1} ms  on this device: {}",
            took.as_secs_f64() * 1e3,
            step.part
        );
    }
    for step in &timeline.escalated {
        println!("  {step}");
    }
    println!(
        "  {} round trips, {} bytes sent, {} received",
        timeline.round_trips(),
        timeline.bytes_sent,
        timeline.bytes_received
    );
}

fn names(parts: &[ProtocolMessage]) -> String {
    let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
    names.join(" + ")
}
