//! Real servers, installed, configured and started for the tests.
//!
//! Prosody, ejabberd and jabberd2 run here exactly as Debian packages them, in the versions of its release and of its
//! backports: the packages are downloaded with the machine's own apt
//! (from a private state, nothing on the system changes), unpacked into the user's cache folder, configured from the
//! packaged configuration file with the few changes a test needs, and started in the foreground on free loopback ports.
//!
//! ```no_run
//! use snapback_interop::{Account, Flavour, ServerConfig, start};
//!
//! let server = start(ServerConfig::new(Flavour::ProsodyModern))?;
//! let juliet = server.account(Account::Juliet);
//! println!("{} at {}", juliet.jid, server.direct_addr());
//! # Ok::<(), snapback_interop::StartError>(())
//! ```
//!
//! Where the servers are not available (another operating system, no network) [`start`] returns
//! [`StartError::Unavailable`]; a test turns that into a visible skip with [`start_or_skip`], which refuses to skip
//! when `CI` is set.
#![allow(
    clippy::print_stderr,
    clippy::panic,
    reason = "test support: a skip must be seen, and a failed start must fail the test"
)]

mod cache;
mod certificate;
mod ejabberd;
mod error;
mod flavour;
mod jabberd2;
pub mod kills;
pub mod openssl;
mod packages;
mod process;
mod prosody;
mod server;

#[cfg(all(feature = "real-servers", target_os = "linux"))]
pub mod flaky;
#[cfg(feature = "real-servers")]
pub mod measure;
#[cfg(feature = "real-servers")]
pub mod phone;
#[cfg(feature = "real-servers")]
pub mod real_world;

pub use error::{StartError, Unavailable};
pub use flavour::Flavour;
pub use server::{
    Account, Credentials, DOMAIN, RunningServer, ServerConfig, install, start, start_or_skip,
};
