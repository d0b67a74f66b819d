//! From a JID's domain to an ordered list of endpoints: RFC 6120 section 3.2, XEP-0368 (SRV records for direct TLS),
//! RFC 2782 (priority and weight), RFC 8305 and XEP-0495 (Happy Eyeballs).
//!
//! There are three steps, each with a data type that the next one uses:
//!
//! 1. [`resolve`] queries a [`Lookup`] and returns a [`Resolution`], the endpoints in the order in which they are
//!    tried;
//! 2. the resolution is kept with its lifetime, so that the next connect starts from [`Cached`] endpoints and does not
//!    wait for DNS;
//! 3. [`RacePlan`] says when to try which, and [`HappyEyeballs`] follows the race. Sockets belong to the caller.
//!
//! Nothing here reads a clock or draws a random number; only the [`Lookup`]s do I/O, and `resolve` bounds their time.
//! Step 1 is the feature `lookups`, which is on by default. Without it the crate has no dependencies.
//!
//! Answers are not authenticated: DNSSEC is not checked and not claimed. An endpoint is a hint about where to dial; the
//! server proves its identity with a certificate for the JID's domain.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod cache;
mod error;
mod host;
#[cfg(feature = "lookups")]
mod lookup;
mod order;
mod race;
mod report;
mod resolution;
#[cfg(feature = "lookups")]
mod resolve;
#[cfg(feature = "lookups")]
mod search;
#[cfg(feature = "lookups")]
mod sources;
mod srv;
mod target;

pub use cache::Cached;
pub use error::{LookupError, Query, ResolveError};
#[cfg(feature = "lookups")]
pub use lookup::{
    Addresses, Early, Encryption, Family, Lookup, NameServerLookup, NameServers, ResolvConf,
    StaticHosts, SystemHosts, both_families, in_order,
};
pub use order::order;
pub use race::{
    Attempt, CONNECTION_ATTEMPT_DELAY, HappyEyeballs, Input, Output, PRIORITY_TIMEOUT, RacePlan,
    Turn,
};
pub use report::{QueryOutcome, QueryReport, Source, SourceTarget};
pub use resolution::{Request, Resolution};
#[cfg(feature = "lookups")]
pub use resolve::{QUERY_TIMEOUT, resolve, resolve_each, translator_records};
#[cfg(feature = "lookups")]
pub use sources::{PrivateDns, SOURCE_HEAD_START, System};
pub use srv::{DIRECT_TLS_SERVICE, Preference, STARTTLS_SERVICE, SrvAnswer, SrvRecord, merge};
pub use target::Target;
// The parts of a resolution.
pub use snapback_types::endpoint::{Endpoint, EndpointSource, KnownEndpoints};
pub use snapback_types::transport::Transport;
