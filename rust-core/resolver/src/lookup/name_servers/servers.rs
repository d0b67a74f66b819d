//! Several name servers, in their order.

use super::exchange::exchange;
use super::message::{Question, Reply};
use crate::LookupError;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// How long to wait for a server before the next one is queried as well; the first answer is accepted. Querying two at
/// once would save these milliseconds where the first is unreachable; but where only the first has the names of its
/// network (a VPN, a company), chance would decide which answer is used.
const STAGGER: Duration = Duration::from_millis(200);
/// More than any network has. Each costs a socket.
const MAX_SERVERS: usize = 6;

/// Queries the servers until one of them answers. `failure` is the error if none does in time.
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
                // Any error explains more than a missing answer, and the first server's error is preferred.
                Err(error) if matches!(failure, LookupError::NoAnswer(_)) => *failure = error,
                Err(_) => {}
            },
            () = turn_of_the_next => {}
        }
    }
}

/// Waits for the first result, and removes its future.
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
