//! Links of real packets: a model of a network without sockets and clock and, with the feature `tun`, a front end that puts
//! it between two network namespaces.
//!
//! The kernel's own emulator (netem) is a module that many machines lack, and it cannot be asked why it dropped a packet.
//! This one is a state machine: [`Model`] takes packets and the time, and gives packets back.
//!
//! ```
//! use snapback_netsim::Direction;
//! use snapback_netsim::packets::{Model, Profile};
//! use std::time::Duration;
//!
//! let mut model = Model::new(&Profile::plain(Duration::from_millis(100)), 1);
//! model.handle_packet(Duration::ZERO, Direction::ToServer, vec![0; 40]);
//! assert_eq!(model.next_at(), Some(Duration::from_millis(50)));
//! ```

mod ip;
mod loss;
mod model;
mod nat;
mod pipe;
mod profile;
#[cfg(all(feature = "tun", target_os = "linux"))]
pub mod tun;

pub use loss::Loss;
pub use model::{Model, Stats, Way};
pub use pipe::{Path, PipeStats};
pub use profile::{Cut, CutKind, Profile, ProfileError, Source};
pub use snapback_random::Rng;

use crate::Direction;
