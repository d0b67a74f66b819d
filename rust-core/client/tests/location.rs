//! XEP-0198 section 5, `location`: where the server prefers the session to be resumed. It is a preference, and may be
//! unreachable.
#![allow(clippy::unwrap_used, reason = "a test that goes wrong should stop")]

mod support;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use snapback_client::{Dial, Dialing, Outcome, Transport};
use snapback_netsim::Link;
use snapback_reference_server::Switches;
use support::course::{RTT, hasty};
use support::{LinkDial, Setup};

const DEAD: &str = "127.0.0.1:9";

/// Dials the link, except while it has to fail; nothing answers anywhere else. Records the dialed addresses.
struct Exchange {
    link: LinkDial,
    called: Mutex<Vec<SocketAddr>>,
    failures: Mutex<usize>,
}

impl Exchange {
    fn fails(&self) -> bool {
        let mut failures = self.failures.lock().unwrap();
        let fails = *failures > 0;
        *failures = failures.saturating_sub(1);
        fails
    }
}

struct Operator(Arc<Mutex<Option<Arc<Exchange>>>>);

impl Dial for Operator {
    fn dial(&self, addr: SocketAddr) -> Dialing {
        let exchange = self.0.lock().unwrap().clone().unwrap();
        exchange.called.lock().unwrap().push(addr);
        if addr == DEAD.parse().unwrap() || exchange.fails() {
            return Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) });
        }
        exchange.link.dial(addr)
    }
}

fn exchange(link: &Arc<Link>) -> Arc<Exchange> {
    Arc::new(Exchange {
        link: LinkDial(Arc::clone(link)),
        called: Mutex::default(),
        failures: Mutex::default(),
    })
}

#[tokio::test]
async fn a_dead_location_is_tried_once_and_does_not_keep_the_session_away() {
    let switches = Switches {
        sm_location: Some(DEAD.to_owned()),
        ..Switches::default()
    };
    let operator = Arc::new(Mutex::new(None));
    let dial = Arc::new(Operator(Arc::clone(&operator)));
    let setup = Setup::with(switches, Transport::DirectTls, RTT, |config| {
        hasty(config);
        config.network.dial = dial;
    })
    .await;
    let exchange = exchange(&setup.link);
    *operator.lock().unwrap() = Some(Arc::clone(&exchange));
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    let home = exchange.called.lock().unwrap().clone();

    for round in 0..2 {
        exchange.called.lock().unwrap().clear();
        // The first attempt finds neither, the second only the old address.
        *exchange.failures.lock().unwrap() = 2;
        setup.cut();
        assert_eq!(setup.online().await.outcome, Outcome::Resumed);
        let called = exchange.called.lock().unwrap().clone();
        let dead: SocketAddr = DEAD.parse().unwrap();
        assert_eq!(called.first(), Some(&dead), "round {round}: {called:?}");
        let tries = called.iter().filter(|addr| **addr == dead).count();
        assert_eq!(tries, 1, "round {round}: {called:?}");
        assert_eq!(called.last(), home.last(), "round {round}");
    }
}
