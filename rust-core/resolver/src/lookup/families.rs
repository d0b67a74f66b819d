//! The two queries for the addresses of a host.

use super::{Addresses, Early};
use crate::LookupError;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// How long to wait for one address family once the other has answered. The race has begun with that one (RFC 8305
/// section 3); the whole answer is stored, so the wait is long: DNS64 synthesises its AAAA record only after a query for
/// A.
const FAMILY_GRACE: Duration = Duration::from_millis(500);

/// A family of addresses: which records are requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv6: AAAA records.
    V6,
    /// IPv4: A records.
    V4,
}

/// Requests both families at once, calls `early` with the first one, and waits for the second one only briefly.
///
/// # Errors
/// If neither has an answer; a failure of one family explains more than a missing record of the other.
pub async fn both_families<F>(
    early: Early<'_>,
    family: impl Fn(Family) -> F,
) -> Result<Addresses, LookupError>
where
    F: Future<Output = Result<Addresses, LookupError>>,
{
    let mut v6 = pin!(family(Family::V6));
    let mut v4 = pin!(family(Family::V4));
    let (v6, v4) = tokio::select! {
        first = &mut v6 => { let second = after(&first, early, v4).await; (first, second) }
        first = &mut v4 => { let second = after(&first, early, v6).await; (second, first) }
    };
    match (v6, v4) {
        (Ok(mut both), Ok(v4)) => {
            both.addresses.extend(v4.addresses);
            both.ttl = [both.ttl, v4.ttl].into_iter().flatten().min();
            Ok(both)
        }
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
        (Err(LookupError::NoSuchName), Err(error)) | (Err(error), Err(_)) => Err(error),
    }
}

/// Waits for the second family: briefly if the first has addresses already.
async fn after(
    first: &Result<Addresses, LookupError>,
    early: Early<'_>,
    second: impl Future<Output = Result<Addresses, LookupError>>,
) -> Result<Addresses, LookupError> {
    match first {
        Ok(first) => early(first),
        Err(_) => return second.await,
    }
    let late = Err(LookupError::NoAnswer(FAMILY_GRACE));
    tokio::time::timeout(FAMILY_GRACE, second)
        .await
        .unwrap_or(late)
}
