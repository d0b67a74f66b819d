//! A phone as a process of its own: a client that is told what to do, line by line, and reports when it is online.
//!
//! `flaky reach` starts it in a network namespace. It uses only what older versions of the library have as well, so that they
//! can be measured beside this one: see `reach/builds.rs`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a program"
)]

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use snapback_client::resolver::NameServers;
#[cfg(feature = "real-servers")]
use snapback_client::resolver::{PrivateDns, System};
use snapback_client::{Client, ClientConfig, Event, Trust, danger};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments: account, password, a file of authorities, name servers, and the name of an encrypted one or nothing.
async fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [account, password, authorities, name_servers, private_dns] = arguments.as_slice() else {
        return Err("five arguments are needed".to_owned());
    };
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let pem = std::fs::read(authorities).map_err(|error| text(&error))?;
    let servers: Result<Vec<SocketAddr>, _> = name_servers.split(',').map(str::parse).collect();
    let mut config = ClientConfig::new(account, password).map_err(|error| text(&error))?;
    config.trust = Trust::Roots(danger::Roots::from_pem(&pem).map_err(|error| text(&error))?);
    config.network.name_servers = NameServers::Given(servers.map_err(|error| text(&error))?);
    let client = open(config, private_dns)?;
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        tokio::select! {
            event = client.next_event() => match event {
                Some(Event::Online { .. }) => println!("online"),
                Some(event) => {
                    if let Some(delivery) = event.delivery() {
                        client.confirm(&delivery.id);
                    }
                }
                None => return Ok(()),
            },
            line = lines.recv() => match line.as_deref() {
                Some("connect") => client.connect(),
                Some("network") => client.network_changed(true),
                Some("disconnect") => {
                    let closing = Arc::clone(&client);
                    tokio::spawn(async move {
                        closing.disconnect().await;
                        println!("closed");
                    });
                }
                _ => return Ok(()),
            },
        }
    }
}

/// With the name of an encrypted name server, the client is that of an Android 10 whose user has set it.
#[cfg(feature = "real-servers")]
fn open(mut config: ClientConfig, private_dns: &str) -> Result<Arc<Client>, String> {
    if !private_dns.is_empty() {
        config.network.system = System::Android10;
    }
    let client = Client::open(config).map_err(|error| error.to_string())?;
    if !private_dns.is_empty() {
        client.set_private_dns(PrivateDns::Strict(private_dns.to_owned()));
    }
    Ok(Arc::new(client))
}

/// This version cannot encrypt queries.
#[cfg(not(feature = "real-servers"))]
fn open(config: ClientConfig, _: &str) -> Result<Arc<Client>, String> {
    let client = Client::open(config).map_err(|error| error.to_string())?;
    Ok(Arc::new(client))
}
