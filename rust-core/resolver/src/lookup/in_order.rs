//! Sources in their order: the next one is asked when the one before it failed, or has been silent for a while.

use crate::LookupError;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// Starts these futures in their order and returns the first answer. The next one starts when the one before it failed,
/// or after `head_start`; those that are running continue. `failure` is the error if none answers, also for a caller
/// whose time is over.
///
/// `ends` decides which errors are answers: "no such name" of a name server is one, and no other server is asked.
///
/// # Errors
/// An error that is an answer; otherwise `failure`, or the first error that explains more than a missing answer.
pub async fn in_order<T, F>(
    mut waiting: impl ExactSizeIterator<Item = F>,
    head_start: Duration,
    ends: impl Fn(LookupError) -> bool,
    failure: &mut LookupError,
) -> Result<T, LookupError>
where
    F: Future<Output = Result<T, LookupError>>,
{
    let mut asked = Vec::with_capacity(waiting.len());
    loop {
        match waiting.next() {
            Some(next) => asked.push(Box::pin(next)),
            None if asked.is_empty() => return Err(*failure),
            None => {}
        }
        let turn_of_the_next = async {
            match waiting.len() {
                0 => pending().await,
                _ => tokio::time::sleep(head_start).await,
            }
        };
        tokio::select! {
            answer = next_answer(&mut asked) => match answer {
                Ok(answer) => return Ok(answer),
                Err(error) if ends(error) => return Err(error),
                // Any error explains more than a missing answer, and the first one's is preferred.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind::ConnectionRefused;
    use tokio::time::{Instant, sleep};

    const HEAD_START: Duration = Duration::from_millis(200);
    const SILENT: LookupError = LookupError::NoAnswer(Duration::ZERO);

    async fn one(after: u64, answer: Result<u8, LookupError>) -> Result<u8, LookupError> {
        sleep(Duration::from_millis(after)).await;
        answer
    }

    async fn run(sources: &[(u64, Result<u8, LookupError>)]) -> (Result<u8, LookupError>, u128) {
        let start = Instant::now();
        let sources = sources.iter().map(|(after, answer)| one(*after, *answer));
        let ends = |error| error == LookupError::NoSuchName;
        let answer = in_order(sources, HEAD_START, ends, &mut { SILENT }).await;
        (answer, start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_has_a_head_start_and_a_late_answer_still_counts() {
        assert_eq!(run(&[(150, Ok(1)), (0, Ok(2))]).await, (Ok(1), 150));
        assert_eq!(run(&[(900, Ok(1)), (50, Ok(2))]).await, (Ok(2), 250));
        assert_eq!(run(&[(300, Ok(1)), (900, Ok(2))]).await, (Ok(1), 300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_followed_at_once_and_the_first_one_is_reported() {
        let refused = Err(LookupError::Network(ConnectionRefused));
        assert_eq!(run(&[(10, refused), (5, Ok(2))]).await, (Ok(2), 15));
        let failed = Err(LookupError::ServerFailure);
        assert_eq!(run(&[(10, refused), (5, failed)]).await, (refused, 15));
        assert_eq!(run(&[(10, Err(SILENT)), (5, failed)]).await, (failed, 15));
    }

    #[tokio::test(start_paused = true)]
    async fn some_errors_are_answers() {
        let none = Err(LookupError::NoSuchName);
        assert_eq!(run(&[(10, none), (5, Ok(2))]).await, (none, 10));
        assert_eq!(run(&[]).await, (Err(SILENT), 0));
    }
}
