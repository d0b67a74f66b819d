//! Snapback for Rust: an XMPP client that is back at once, loses nothing, and explains itself.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use snapback_client::{Client, ClientConfig, Event};
//!
//! let client = Client::open(ClientConfig::new("juliet@example.org", "password")?)?;
//! client.connect();
//! client.send_message("romeo@example.net", "Wherefore art thou?").await?;
//! while let Some(event) = client.next_event().await {
//!     if let Event::Online { outcome, timeline, .. } = &event {
//!         println!("{outcome:?} after {} round trips", timeline.round_trips());
//!     }
//!     if let Some(delivery) = event.delivery() {
//!         client.confirm(&delivery.id); // or it comes again
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The driver moves bytes and time and runs no protocol. It needs a tokio runtime to live on; one worker is enough.

mod client;
mod clock;
mod config;
mod dial;
mod driver;
mod endpoints;
mod event;
mod iq;
mod platform;
mod visit;

pub use client::Client;
pub use config::{ClientConfig, ConfigError, Network};
pub use dial::{Dial, DialError, Dialing, TcpDial};
pub use driver::SendError;
pub use event::{EndReason, Event};
pub use iq::IqError;
pub use platform::{PlatformAnswer, PlatformRequest, RequestId};
pub use visit::Visit;

pub use snapback_engine::engine::ServerAddress;
pub use snapback_engine::link::{FlightReport, LinkError, LocalStep, Timeline};
pub use snapback_engine::supervisor::{ConnectionState, OfflineReason, Step, Timing};
pub use snapback_proto as proto;
pub use snapback_proto::config::{CatchUp, Identity, Policy, Timeouts, UserAgent};
pub use snapback_proto::connection::{Failure, Outcome, Stage, Timer};
pub use snapback_proto::error::{Assumption, ConnectionError, LocalError, NoSession, PeerError};
pub use snapback_proto::jid::{BareJid, FullJid, Jid, JidError};
pub use snapback_proto::knowledge::Delivery;
pub use snapback_proto::part::Part;
pub use snapback_proto::plan::{Flight, Goal, Login, Plan, Purpose, Transport};
pub use snapback_proto::secret::Secret;
pub use snapback_proto::stanza::StanzaError;
pub use snapback_proto::stream::error::StreamCondition;
pub use snapback_proto::xep::carbons::{Carbon, Direction as CarbonDirection};
pub use snapback_proto::xep::roster::Item as RosterItem;
pub use snapback_proto::xml::{Element, Limits};
pub use snapback_resolver as resolver;
pub use snapback_store as store;
pub use snapback_store::{
    FileVault, KeyVault, MemoryStore, OpenReport, Roster, SqliteStore, Store, StoreError,
    VaultError,
};
pub use snapback_tls::{CertificateError, TlsContext, TlsError, TlsVersions, Trust, danger};
