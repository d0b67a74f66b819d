//! S13, S6: the data of a SYN may be delivered twice (RFC 7413 section 6.1). The server sees a second connection that begins with
//! the same bytes, before the real one or after it. No second session comes of it, and the client is online.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{
    Client, ClientConfig, Dial, Dialing, Outcome, ServerAddress, Transport, Trust, danger,
};
use snapback_reference_server::{Config, ReferenceServer, Switches};
use support::course::{hasty, wait_for};
use support::disk::outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Which connection gets the bytes first.
#[derive(Clone, Copy, Debug)]
enum First {
    Original,
    Copy,
}

/// Delivers the first bytes of each connection twice.
struct Twice {
    server: SocketAddr,
    first: First,
}

impl Dial for Twice {
    fn dial(&self, _: SocketAddr) -> Dialing {
        let (server, first) = (self.server, self.first);
        Box::pin(async move {
            let relay = TcpListener::bind("127.0.0.1:0").await?;
            let stream = TcpStream::connect(relay.local_addr()?).await?;
            let (client, _) = relay.accept().await?;
            tokio::spawn(async move {
                // The ends of connections are no failures.
                let _ = carry(client, server, first).await;
            });
            Ok(stream)
        })
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, first: First) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    let count = client.read(&mut bytes).await?;
    let mut copy = TcpStream::connect(server).await?;
    let mut original = TcpStream::connect(server).await?;
    let order = match first {
        First::Original => [&mut original, &mut copy],
        First::Copy => [&mut copy, &mut original],
    };
    for connection in order {
        connection.write_all(&bytes[..count]).await?;
        // The server has dealt with the bytes, or at least begun to, once it has answered.
        connection.peek(&mut [0; 1]).await?;
    }
    let drained = async {
        let mut unread = [0; 1024];
        while copy.read(&mut unread).await.is_ok_and(|count| count > 0) {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = tokio::io::copy_bidirectional(&mut client, &mut original) => done.map(drop),
        () = drained => Ok(()),
    }
}

async fn setup(first: First, transport: Transport) -> (ReferenceServer, Client) {
    let server = ReferenceServer::start(Config {
        switches: Switches::modern(),
        accounts: vec![("juliet".to_owned(), "r0m30".to_owned())],
        ..Config::default()
    })
    .await
    .unwrap();
    let address = match transport {
        Transport::DirectTls => server.direct_addr(),
        Transport::StartTls => server.starttls_addr(),
    };
    let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap());
    config.network.servers = vec![ServerAddress::at(address, transport)];
    config.network.dial = Arc::new(Twice {
        server: address,
        first,
    });
    config.policy.early_data = true;
    hasty(&mut config);
    config.reconnect.stable = Duration::ZERO;
    (server, Client::open(config).unwrap())
}

#[tokio::test]
async fn s13_a_first_flight_that_is_delivered_twice_gives_one_session() {
    for first in [First::Original, First::Copy] {
        for transport in [Transport::DirectTls, Transport::StartTls] {
            let (server, client) = setup(first, transport).await;
            client.connect();
            assert_eq!(outcome(&client).await, Outcome::Bound);
            // Early data needs a ticket and a token, which the first session has brought.
            for round in 0..3 {
                server.cut_all();
                let outcome = outcome(&client).await;
                println!("{first:?}, {transport:?}, {round}: {outcome:?}");
                assert_eq!(
                    outcome,
                    Outcome::Resumed,
                    "{first:?}, {transport:?}, {round}"
                );
                wait_for(|| server.sessions().len() == 1, "one session").await;
            }
            client.disconnect().await;
        }
    }
}
