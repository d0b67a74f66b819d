//! What an app experiences, as data files, and the world in which it happens.
//!
//! [`scenario`] is the format. [`runner`] runs a scenario with the real client. [`world`] is the world: the reference server
//! behind a link that can be cut, with romeo at the far end. It obeys [`world::Command`]s, which are written in scenarios and
//! in the control of `snapback-test-server` in the same way.

pub mod runner;
pub mod scenario;
pub mod world;
