//! What an app experiences, as data files, and the simulated world around it.
//!
//! [`scenario`] is the format. [`runner`] runs a scenario with the real client. [`world`] is the world: the reference
//! server behind a link that can be cut, with romeo as the other account. It executes [`world::Command`]s, which have
//! the same form in scenarios and in the control of `snapback-test-server`.

pub mod runner;
pub mod scenario;
pub mod world;
