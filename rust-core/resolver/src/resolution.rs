//! What is asked about a domain, and what was found.

use crate::{Endpoint, Preference, Target};
use std::time::Duration;

/// What is to be resolved.
#[derive(Debug, Clone)]
pub struct Request {
    /// The JID's domain, with A-labels; an address literal needs no look-up.
    pub domain: String,
    /// Which transport goes first at equal priority.
    pub preference: Preference,
    /// If not empty, these instead of what SRV says, in this order.
    pub overrides: Vec<Target>,
}

impl Request {
    /// A plain request for this domain.
    #[must_use]
    pub fn new(domain: impl Into<String>) -> Self {
        Self {
            domain: domain.into(),
            preference: Preference::default(),
            overrides: Vec::new(),
        }
    }
}

/// Where a domain's service is, at least one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// In the order in which to try them.
    pub endpoints: Vec<Endpoint>,
    /// The shortest TTL on the way, unclamped.
    pub ttl: Duration,
}
