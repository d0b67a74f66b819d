//! Look-ups that block: they have threads of their own, their number is bounded, and they end with the network.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

use snapback_resolver::{Lookup, LookupError, Query, Request, ResolveError, SystemHosts, resolve};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longer than any step takes that does not hang.
const SOON: Duration = Duration::from_secs(30);

/// The last byte of the address of each host that has an answer.
type Answers = HashMap<String, io::Result<u8>>;

/// A system whose look-ups hang until they are released.
#[derive(Clone)]
struct Hanging {
    answers: Arc<(Mutex<Answers>, Condvar)>,
    begun: Sender<String>,
}

impl Hanging {
    fn new(threads: usize) -> (Self, SystemHosts, Receiver<String>) {
        let (begun, begins) = channel();
        let hanging = Self {
            answers: Arc::default(),
            begun,
        };
        let asked = hanging.clone();
        let threads = Box::leak(Box::new(Semaphore::new(threads)));
        let hosts = SystemHosts::asking(move |host| asked.ask(host), threads);
        (hanging, hosts, begins)
    }

    fn ask(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.begun.send(host.to_owned()).unwrap();
        let (answers, changed) = &*self.answers;
        let mut answers = answers.lock().unwrap();
        loop {
            match answers.remove(host) {
                Some(answer) => return answer.map(|last| vec![address(last)]),
                None => answers = changed.wait(answers).unwrap(),
            }
        }
    }

    fn answer(&self, host: &str, answer: io::Result<u8>) {
        let (answers, changed) = &*self.answers;
        answers.lock().unwrap().insert(host.to_owned(), answer);
        changed.notify_all();
    }
}

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

/// As on a phone, or worse: one thread in the blocking pool.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

fn begun(begins: &Receiver<String>) -> String {
    begins.recv_timeout(SOON).unwrap()
}

#[test]
fn s11_a_look_up_that_hangs_keeps_nothing_else_waiting() {
    let (hanging, hosts, begins) = Hanging::new(4);
    runtime().block_on(async {
        let asked: Vec<_> = ["a.example", "b.example", "c.example"]
            .into_iter()
            .map(|host| {
                let hosts = hosts.clone();
                tokio::spawn(async move { hosts.addresses(host).await })
            })
            .collect();
        for _ in &asked {
            begun(&begins);
        }
        // Certificate checks and key derivation run here.
        let work = tokio::task::spawn_blocking(|| 4711);
        assert_eq!(timeout(SOON, work).await.unwrap().unwrap(), 4711);
        for (host, asked) in ["a.example", "b.example", "c.example"].iter().zip(asked) {
            hanging.answer(host, Ok(1));
            assert_eq!(asked.await.unwrap().unwrap().addresses, [address(1)]);
        }
    });
}

#[test]
fn callers_that_ask_for_the_same_host_wait_for_the_same_answer() {
    let (hanging, hosts, begins) = Hanging::new(4);
    runtime().block_on(async {
        let first = tokio::spawn({
            let hosts = hosts.clone();
            async move { hosts.addresses("a.example").await }
        });
        begun(&begins);
        // A caller that gave up and asks again, as each attempt does.
        let gave_up = timeout(Duration::from_millis(20), hosts.addresses("a.example")).await;
        assert!(gave_up.is_err());
        let mut again = std::pin::pin!(hosts.addresses("a.example"));
        assert!(timeout(Duration::ZERO, again.as_mut()).await.is_err());
        hanging.answer("a.example", Ok(7));
        assert_eq!(first.await.unwrap().unwrap().addresses, [address(7)]);
        assert_eq!(again.await.unwrap().addresses, [address(7)]);
        assert!(begins.try_recv().is_err(), "one thread for all of them");
        // Answers are not kept here: the cache keeps them.
        hanging.answer("a.example", Ok(8));
        let later = hosts.addresses("a.example").await.unwrap();
        assert_eq!(later.addresses, [address(8)]);
    });
}

#[test]
fn s11_a_look_up_is_abandoned_when_the_network_changes() {
    let (hanging, hosts, begins) = Hanging::new(4);
    runtime().block_on(async {
        let gave_up = timeout(Duration::from_millis(20), hosts.addresses("a.example")).await;
        assert!(gave_up.is_err());
        assert_eq!(begun(&begins), "a.example");
        hosts.network_changed();
        let asked = tokio::spawn({
            let hosts = hosts.clone();
            async move { hosts.addresses("a.example").await }
        });
        assert_eq!(
            begun(&begins),
            "a.example",
            "asked anew, over the new network"
        );
        // Either of the two threads may receive it first; the other one gets the next.
        hanging.answer("a.example", Ok(1));
        hanging.answer("a.example", Ok(1));
        while !asked.is_finished() {
            hanging.answer("a.example", Ok(1));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(asked.await.unwrap().unwrap().addresses, [address(1)]);
    });
}

#[test]
fn at_the_bound_a_look_up_waits_for_a_thread_and_then_for_an_answer() {
    let (hanging, hosts, begins) = Hanging::new(2);
    runtime().block_on(async {
        let ask = |host: &'static str| {
            let hosts = hosts.clone();
            tokio::spawn(async move { hosts.addresses(host).await })
        };
        let first = ask("a.example");
        let second = ask("b.example");
        begun(&begins);
        begun(&begins);
        // No caller waits for it any more; it still has its thread.
        second.abort();
        hosts.network_changed();
        let third = ask("c.example");
        assert!(begins.recv_timeout(Duration::from_millis(50)).is_err());
        hanging.answer("b.example", Err(io::Error::other("no such host")));
        assert_eq!(begun(&begins), "c.example", "the thread is free again");
        hanging.answer("c.example", Ok(3));
        assert_eq!(third.await.unwrap().unwrap().addresses, [address(3)]);
        hanging.answer("a.example", Err(io::Error::other("no such host")));
        assert_eq!(first.await.unwrap(), Err(LookupError::NoSuchName));
    });
}

#[test]
fn at_the_bound_a_resolve_ends_in_time() {
    let (hanging, hosts, begins) = Hanging::new(1);
    runtime().block_on(async {
        let busy = tokio::spawn({
            let hosts = hosts.clone();
            async move { hosts.addresses("busy.example").await }
        });
        begun(&begins);
        let request = Request::new("example.org");
        let outcome = timeout(SOON, resolve(&request, &hosts, &mut || 0)).await;
        assert!(matches!(
            outcome.unwrap(),
            Err(ResolveError::NoAnswer {
                query: Query::Addresses,
                ..
            })
        ));
        assert!(begins.try_recv().is_err(), "no second thread");
        hanging.answer("busy.example", Ok(1));
        busy.await.unwrap().unwrap();
    });
}

#[test]
fn t10_a_look_up_that_panics_is_an_error_and_gives_its_thread_back() {
    let threads = Box::leak(Box::new(Semaphore::new(1)));
    let hosts = SystemHosts::asking(
        |host| match host {
            "bad.example" => panic!("planted"),
            _ => Ok(vec![address(9)]),
        },
        threads,
    );
    runtime().block_on(async {
        let failed = hosts.addresses("bad.example").await;
        assert_eq!(failed, Err(LookupError::Network(io::ErrorKind::Other)));
        let found = timeout(SOON, hosts.addresses("good.example"))
            .await
            .unwrap();
        assert_eq!(found.unwrap().addresses, [address(9)]);
    });
}
