//! The commands of the test, on standard input.

use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::mpsc;

/// A command for the half that sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Send this many messages.
    Send(usize),
    /// Close the stream, and end.
    Leave,
}

/// The moment of the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A message is about to be passed to the client.
    Attempting,
    /// The client has accepted a message.
    Queued,
    /// A delivery is in the diary and not confirmed.
    Delivered,
    /// The delivery was confirmed to the client.
    Confirmed,
    /// There is a session.
    Online,
}

impl Moment {
    fn from_name(name: &str) -> Option<Self> {
        let named = [
            ("attempting", Self::Attempting),
            ("queued", Self::Queued),
            ("delivered", Self::Delivered),
            ("confirmed", Self::Confirmed),
            ("online", Self::Online),
        ];
        named
            .into_iter()
            .find_map(|(known, moment)| (known == name).then_some(moment))
    }
}

/// The requested moment, if any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Death(Arc<Mutex<Option<(Moment, usize)>>>);

impl Death {
    /// Kills the process if this is the requested moment.
    pub(crate) fn at(&self, moment: Moment) {
        let mut ordered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match ordered.as_mut() {
            Some((at, left)) if *at == moment && *left > 1 => *left -= 1,
            Some((at, _)) if *at == moment => {
                kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
            }
            _ => {}
        }
    }

    fn order(&self, moment: Moment, count: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((moment, count));
    }
}

/// Reads commands until the input ends, and then ends the process: without the test, no kill would come.
pub(crate) fn listen(orders: mpsc::UnboundedSender<Order>, death: Death) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            let order = match words.as_slice() {
                ["send", count] => count.parse().ok().map(Order::Send),
                ["leave"] => Some(Order::Leave),
                ["die", moment, count] => {
                    let (moment, count) = (Moment::from_name(moment), count.parse().ok());
                    let (Some(moment), Some(count)) = (moment, count) else {
                        panic!("no such moment: {line}");
                    };
                    death.order(moment, count);
                    continue;
                }
                _ => None,
            };
            let Some(order) = order else {
                panic!("no such order: {line}");
            };
            if orders.send(order).is_err() {
                break;
            }
        }
        std::process::exit(1);
    });
}
