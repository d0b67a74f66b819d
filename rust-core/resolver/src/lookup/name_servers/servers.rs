//! Several name servers, in their order.

use super::exchange::exchange;
use super::message::{Question, Reply};
use crate::LookupError;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// A server that has the answer sends it within this. After it the next one is asked as well, and the first that answers
/// is believed. Asking two at once would save these milliseconds where the first is gone; but where only the first knows
/// the names of its network (a VPN, a company), it would be chance which of the two is believed.
const STAGGER: Duration = Duration::from_millis(200);
/// More than any network has. Each costs a socket.
const MAX_SERVERS: usize = 6;

/// Asks the servers until one of them answers. `failure` is what to say if none does in time.
pub(super) async fn ask(
    servers: &[SocketAddr],
    question: &Question,
    failure: &mut LookupError,
) -> Result<Reply, LookupError> {
    let mut waiting = servers.iter().take(MAX_SERVERS);
    let mut asked = Vec::with_capacity(waiting.len());
    loop {
        match waiting.next() {
            Some(server) => asked.push(Box::pin(exchange(*server, question))),
            None if asked.is_empty() => return Err(*failure),
            None => {}
        }
        let turn_of_the_next = async {
            match waiting.len() {
                0 => pending().await,
                _ => tokio::time::sleep(STAGGER).await,
            }
        };
        tokio::select! {
            answer = next_answer(&mut asked) => match answer {
                Ok(reply) => return Ok(reply),
                // Silence explains less than anything that was said, and the first server's word goes first.
                Err(error) if matches!(failure, LookupError::NoAnswer(_)) => *failure = error,
                Err(_) => {}
            },
            () = turn_of_the_next => {}
        }
    }
}

/// Waits for whichever comes first, and takes it out.
async fn next_answer<F: Future>(asked: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|context| {
        for (index, one) in asked.iter_mut().enumerate() {
            if let Poll::Ready(answer) = one.as_mut().poll(context) {
                drop(asked.remove(index));
                return Poll::Ready(answer);
            }
        }
        Poll::Pending
    })
    .await
}
