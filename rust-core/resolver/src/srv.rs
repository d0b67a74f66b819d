//! SRV answers, and how two of them are merged into one list: RFC 2782, XEP-0368 section 3.

use crate::host;
use crate::{LookupError, Target, Transport};
use std::collections::BTreeMap;
use std::time::Duration;

/// The prefix of SRV queries for direct TLS.
pub const DIRECT_TLS_SERVICE: &str = "_xmpps-client._tcp";
/// The prefix of SRV queries for STARTTLS.
pub const STARTTLS_SERVICE: &str = "_xmpp-client._tcp";

/// The maximum number of targets; each costs address queries and connection attempts.
pub(crate) const MAX_TARGETS: usize = 16;

/// One SRV record, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrvRecord {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among records of equal priority.
    pub weight: u16,
    /// The port at the target.
    pub port: u16,
    /// The host, or `.`.
    pub target: String,
}

/// The SRV answer for one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SrvAnswer {
    /// There is no record.
    Absent,
    /// The service is declared unavailable: the only target is `.` (RFC 2782).
    NotOffered {
        /// How long this is valid.
        ttl: Duration,
    },
    /// At least one usable record.
    Records {
        /// At most 16, those of the lowest priority values.
        records: Vec<SrvRecord>,
        /// How long they are valid.
        ttl: Duration,
    },
}

impl SrvAnswer {
    /// Reads the records of an answer, from DNS or from the platform.
    ///
    /// # Errors
    /// [`LookupError::Malformed`] if there are records, but none with a host name and a port.
    pub fn from_records(records: Vec<SrvRecord>, ttl: Duration) -> Result<Self, LookupError> {
        if records.is_empty() {
            return Ok(Self::Absent);
        }
        if records.iter().all(|record| record.target == ".") {
            return Ok(Self::NotOffered { ttl });
        }
        let mut records: Vec<SrvRecord> = records
            .into_iter()
            .filter(|r| r.port != 0)
            .filter_map(|r| {
                Some(SrvRecord {
                    target: host::from_ascii(&r.target)?,
                    ..r
                })
            })
            .collect();
        if records.is_empty() {
            return Err(LookupError::Malformed);
        }
        records.sort_by_key(|r| r.priority);
        records.truncate(MAX_TARGETS);
        Ok(Self::Records { records, ttl })
    }

    /// Returns how long the answer is valid; `None` for an absent one, whose TTL is not reported.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        match self {
            Self::Absent => None,
            Self::NotOffered { ttl } | Self::Records { ttl, .. } => Some(*ttl),
        }
    }

    fn targets(&self, transport: Transport) -> impl Iterator<Item = Target> {
        let records = match self {
            Self::Records { records, .. } => records.as_slice(),
            Self::Absent | Self::NotOffered { .. } => &[],
        };
        records.iter().map(move |r| Target {
            host: r.target.clone(),
            port: r.port,
            transport,
            priority: r.priority,
            weight: r.weight,
        })
    }
}

/// Which transport is tried first among targets of equal priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preference {
    /// Neither: both form one set, ordered by the server's weights (XEP-0368, rule 1).
    #[default]
    AsPublished,
    /// Direct TLS, since it saves a round trip (XEP-0368, rule 1: "clients MAY choose").
    DirectTlsFirst,
}

/// Merges both answers into the order in which to try the targets, at most 16 of them.
///
/// Lower priority first; at equal priority a draw by weight. `random` returns uniform 32-bit numbers.
pub fn merge(
    direct: &SrvAnswer,
    starttls: &SrvAnswer,
    preference: Preference,
    random: &mut (dyn FnMut() -> u32 + Send),
) -> Vec<Target> {
    // The preferred transport is the second part of the key, or not part of it.
    let rank = |t: &Target| match preference {
        Preference::AsPublished => (t.priority, None),
        Preference::DirectTlsFirst => (t.priority, Some(t.transport)),
    };
    let mut groups: BTreeMap<_, Vec<Target>> = BTreeMap::new();
    for target in direct
        .targets(Transport::DirectTls)
        .chain(starttls.targets(Transport::StartTls))
    {
        groups.entry(rank(&target)).or_default().push(target);
    }
    let mut ordered: Vec<Target> = groups
        .into_values()
        .flat_map(|group| draw_by_weight(group, random))
        .collect();
    ordered.truncate(MAX_TARGETS);
    ordered
}

/// The algorithm of RFC 2782, "Weight", word for word.
fn draw_by_weight(
    mut unordered: Vec<Target>,
    random: &mut (dyn FnMut() -> u32 + Send),
) -> Vec<Target> {
    // "all those with weight 0 are placed at the beginning of the list"
    unordered.sort_by_key(|t| t.weight != 0);
    let mut ordered = Vec::with_capacity(unordered.len());
    while !unordered.is_empty() {
        let sum: u64 = unordered.iter().map(|t| u64::from(t.weight)).sum();
        // "a uniform random number between 0 and the sum computed (inclusive)"
        let drawn = (u64::from(random()) * (sum + 1)) >> 32;
        let mut running = 0;
        let reached = |t: &Target| {
            running += u64::from(t.weight);
            running >= drawn
        };
        let index = unordered.iter().position(reached).unwrap_or(0);
        ordered.push(unordered.remove(index));
    }
    ordered
}
