//! Prints what each flight of a login carried, and each flight of the resumption after the connection was dropped:
//! `timeline juliet@example.org`.
#![allow(clippy::print_stdout, reason = "an example writes to standard output")]

mod support;

use std::error::Error;

use snapback_client::{Client, Event, ProtocolMessage, Timeline};

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
                ..
            } => {
                println!("{outcome:?}; planned: {plan}");
                print(&timeline);
                return Ok(());
            }
            Event::Ended { reason, .. } => println!("no connection: {reason}"),
            _ => {}
        }
    }
    Err("the client ended".into())
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
