//! Remembered endpoints, so that a connect does not wait for DNS (S10). Stale ones are served too, as in RFC 8767: a
//! wrong address costs a connection attempt, never trust.
//!
//! The rule for callers: try cached endpoints first. If they are not fresh, resolve in the background meanwhile. If all
//! of them failed or nothing is cached, resolve and wait. The result of a resolution is kept
//! ([`Resolution::into_known`]); a failed one leaves the old answer in place.

use snapback_types::time::UnixTime;

use crate::{Endpoint, KnownEndpoints, Resolution};

/// An answer is fresh at least this long: a TTL of 0 would mean a query for each reconnect.
const MIN_TTL_SECONDS: i64 = 60;
/// An answer is fresh at most this long: a TTL that is far too large must not hold for years.
const MAX_TTL_SECONDS: i64 = 7 * 24 * 3600;
/// How long after its expiry an answer is still tried first. A phone that was off for weeks gains nothing from older
/// ones.
const MAX_STALE_SECONDS: i64 = 7 * 24 * 3600;

/// Cached endpoints, as they are to be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// In the order in which they are tried.
    pub endpoints: Vec<Endpoint>,
    /// If not, a refresh is due in the background.
    pub fresh: bool,
}

impl Cached {
    /// Returns how to use an answer now; `None` if it is too old even to be tried, or empty.
    ///
    /// A clock that was set back makes an answer stale, since its age is not known.
    #[must_use]
    pub fn of(known: &KnownEndpoints, now: UnixTime) -> Option<Self> {
        let last = known.expires_at.plus_seconds(MAX_STALE_SECONDS);
        let usable = now < last && !known.endpoints.is_empty();
        let fresh = (known.stored_at..known.expires_at).contains(&now);
        usable.then(|| Self {
            endpoints: known.endpoints.clone(),
            fresh,
        })
    }
}

impl Resolution {
    /// Returns what to keep of a resolution made now. Its TTL is clamped to at least a minute and at most a week.
    #[must_use]
    pub fn into_known(self, now: UnixTime) -> KnownEndpoints {
        let ttl = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        KnownEndpoints {
            endpoints: self.endpoints,
            stored_at: now,
            expires_at: now.plus_seconds(ttl.clamp(MIN_TTL_SECONDS, MAX_TTL_SECONDS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EndpointSource, Transport};
    use std::time::Duration;

    const NOW: i64 = 1_800_000_000;

    fn stored(ttl: Duration, now: i64) -> KnownEndpoints {
        let endpoint = Endpoint {
            host: "xmpp.example.org".into(),
            addr: "192.0.2.1:5222".parse().unwrap(),
            transport: Transport::StartTls,
            priority: 0,
            source: EndpointSource::Srv,
        };
        let resolution = Resolution {
            endpoints: vec![endpoint],
            ttl,
        };
        resolution.into_known(UnixTime(now))
    }

    fn freshness(answer: &KnownEndpoints, now: i64) -> Option<bool> {
        Cached::of(answer, UnixTime(now)).map(|cached| cached.fresh)
    }

    #[test]
    fn s10_a_cached_answer_is_fresh_then_stale_then_gone() {
        let answer = stored(Duration::from_secs(300), NOW);
        assert_eq!(freshness(&answer, NOW), Some(true));
        assert_eq!(freshness(&answer, NOW + 299), Some(true));
        assert_eq!(freshness(&answer, NOW + 300), Some(false));
        assert_eq!(
            freshness(&answer, NOW + 300 + MAX_STALE_SECONDS - 1),
            Some(false)
        );
        assert_eq!(freshness(&answer, NOW + 300 + MAX_STALE_SECONDS), None);
        assert_eq!(
            freshness(&answer, NOW - 1),
            Some(false),
            "the clock was set back"
        );
    }

    #[test]
    fn ttls_are_clamped() {
        let expires_at = |ttl, now| stored(ttl, now).expires_at.0;
        assert_eq!(expires_at(Duration::ZERO, NOW), NOW + 60);
        assert_eq!(expires_at(Duration::MAX, NOW), NOW + 7 * 24 * 3600);
        assert_eq!(expires_at(Duration::MAX, i64::MAX), i64::MAX);
    }

    #[test]
    fn an_empty_answer_is_none() {
        let empty = KnownEndpoints {
            endpoints: vec![],
            ..stored(Duration::MAX, NOW)
        };
        assert_eq!(freshness(&empty, NOW), None);
    }
}
