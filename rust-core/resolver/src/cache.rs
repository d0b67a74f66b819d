//! Endpoints that are remembered, so that a connect need not wait for DNS (S10). Stale ones are served too, in the
//! spirit of RFC 8767: a wrong address costs a connection attempt, never trust.
//!
//! The rule for callers: cached endpoints are tried first. Not fresh: resolve in the background meanwhile.
//! All of them failed, or nothing cached: resolve and wait. What a resolve returns is [saved](AnswerCache::save); a
//! failed one leaves the old answer in place.

use crate::{Endpoint, Resolution};
use std::collections::BTreeMap;

/// No answer is asked for again sooner: a TTL of 0 would mean a query per reconnect.
const MIN_TTL_SECONDS: u64 = 60;
/// No answer is fresh for longer: what a domain forgot to lower must not hold for years.
const MAX_TTL_SECONDS: u64 = 7 * 24 * 3600;
/// How long after its expiry an answer is still tried first. A phone that was off for a holiday gains nothing from older ones.
const MAX_STALE_SECONDS: u64 = 7 * 24 * 3600;

/// Cached endpoints, as they are to be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// In the order in which to try them.
    pub endpoints: Vec<Endpoint>,
    /// If not, a refresh is due in the background.
    pub fresh: bool,
}

/// An answer with its time of life, in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// In the order in which to try them.
    pub endpoints: Vec<Endpoint>,
    /// When it was resolved.
    pub stored_at: u64,
    /// Until when it is fresh.
    pub expires_at: u64,
}

impl StoredAnswer {
    /// What to keep of a resolution made now. Its TTL is clamped to a minute at least and a week at most.
    #[must_use]
    pub fn new(resolution: Resolution, now: u64) -> Self {
        let ttl = resolution
            .ttl
            .as_secs()
            .clamp(MIN_TTL_SECONDS, MAX_TTL_SECONDS);
        Self {
            endpoints: resolution.endpoints,
            stored_at: now,
            expires_at: now.saturating_add(ttl),
        }
    }

    /// What to make of it now; `None` if it is too old even to be tried, or empty.
    ///
    /// A clock that was set back makes an answer stale, since its age is not known.
    #[must_use]
    pub fn at(&self, now: u64) -> Option<Cached> {
        let usable =
            now < self.expires_at.saturating_add(MAX_STALE_SECONDS) && !self.endpoints.is_empty();
        let fresh = (self.stored_at..self.expires_at).contains(&now);
        usable.then(|| Cached {
            endpoints: self.endpoints.clone(),
            fresh,
        })
    }
}

/// Where answers are kept, by domain.
pub trait AnswerCache {
    /// The answer for a domain, however old.
    fn load(&self, domain: &str) -> Option<StoredAnswer>;
    /// Keeps an answer instead of the one before.
    fn save(&mut self, domain: &str, answer: StoredAnswer);
    /// Forgets a domain.
    fn forget(&mut self, domain: &str);
}

/// More domains than the accounts of one phone.
const MAX_DOMAINS: usize = 64;

/// Answers for as long as the process lives.
#[derive(Debug, Clone, Default)]
pub struct MemoryAnswerCache {
    answers: BTreeMap<String, StoredAnswer>,
}

impl AnswerCache for MemoryAnswerCache {
    fn load(&self, domain: &str) -> Option<StoredAnswer> {
        self.answers.get(domain).cloned()
    }

    fn save(&mut self, domain: &str, answer: StoredAnswer) {
        self.answers.insert(domain.to_owned(), answer);
        if self.answers.len() > MAX_DOMAINS {
            let oldest = self
                .answers
                .iter()
                .min_by_key(|(_, a)| a.stored_at)
                .map(|(d, _)| d.clone());
            oldest.and_then(|domain| self.answers.remove(&domain));
        }
    }

    fn forget(&mut self, domain: &str) {
        self.answers.remove(domain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, Transport};
    use std::time::Duration;

    const NOW: u64 = 1_800_000_000;

    fn stored(ttl: Duration, now: u64) -> StoredAnswer {
        let endpoint = Endpoint {
            host: "xmpp.example.org".into(),
            addr: "192.0.2.1:5222".parse().unwrap(),
            transport: Transport::StartTls,
            priority: 0,
            source: Source::Srv,
        };
        StoredAnswer::new(
            Resolution {
                endpoints: vec![endpoint],
                ttl,
            },
            now,
        )
    }

    fn freshness(answer: &StoredAnswer, now: u64) -> Option<bool> {
        answer.at(now).map(|c| c.fresh)
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
        assert_eq!(stored(Duration::ZERO, NOW).expires_at, NOW + 60);
        assert_eq!(stored(Duration::MAX, NOW).expires_at, NOW + 7 * 24 * 3600);
        assert_eq!(stored(Duration::MAX, u64::MAX).expires_at, u64::MAX);
    }

    #[test]
    fn an_empty_answer_is_none() {
        assert_eq!(
            StoredAnswer {
                endpoints: vec![],
                ..stored(Duration::MAX, NOW)
            }
            .at(NOW),
            None
        );
    }

    #[test]
    fn the_memory_cache_is_bounded_and_drops_the_oldest() {
        let mut cache = MemoryAnswerCache::default();
        for i in 0..=MAX_DOMAINS as u64 {
            cache.save(&format!("{i}.example"), stored(Duration::MAX, NOW + i));
        }
        assert_eq!(cache.load("0.example"), None);
        assert!(cache.load("1.example").is_some());
        cache.forget("1.example");
        assert_eq!(cache.load("1.example"), None);
    }
}
