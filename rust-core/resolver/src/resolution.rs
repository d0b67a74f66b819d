//! The request for a domain, and its result.

use crate::{Endpoint, Preference, Target};
use std::time::Duration;

/// A request for a domain.
#[derive(Debug, Clone)]
pub struct Request {
    /// The JID's domain, with A-labels; an address literal needs no look-up.
    pub domain: String,
    /// The transport that is tried first at equal priority.
    pub preference: Preference,
    /// If not empty, these replace the SRV records, in this order.
    pub overrides: Vec<Target>,
}

impl Request {
    /// Returns a plain request for this domain.
    #[must_use]
    pub fn new(domain: impl Into<String>) -> Self {
        Self {
            domain: domain.into(),
            preference: Preference::default(),
            overrides: Vec::new(),
        }
    }
}

/// The endpoints of a domain, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// In the order in which they are tried.
    pub endpoints: Vec<Endpoint>,
    /// The shortest TTL of all answers, unclamped.
    pub ttl: Duration,
}
