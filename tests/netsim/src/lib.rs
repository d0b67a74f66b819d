//! Simulated links between a client and a server.
//!
//! [`Link`] is a TCP relay on the loopback interface that behaves like a high-latency link: each byte arrives half a
//! round trip after it was written, in order, at any throughput. It carries real sockets, so any client and any
//! server can be put at its ends without knowing of it, and it can be cut in the ways a phone's connection is cut.
//!
//! What it does not model: loss, congestion control, and TCP's slow start. Those need real packets: see [`packets`].
//!
//! ```no_run
//! # async fn example(server: std::net::SocketAddr) -> std::io::Result<()> {
//! use snapback_netsim::{CutMode, Link, LinkConfig};
//! use std::time::Duration;
//!
//! let link = Link::start(LinkConfig::with_rtt(Duration::from_millis(100)), server).await?;
//! let stream = link.connect().await?; // costs one round trip, as a TCP handshake does
//! link.cut(CutMode::ResetClient); // the server does not notice
//! # drop(stream);
//! # Ok(())
//! # }
//! ```

mod config;
mod connection;
mod link;
pub mod packets;
mod trace;

pub use config::{ChargeHandshake, CutMode, Direction, DownMode, LinkConfig};
pub use link::Link;
pub use trace::{Chunk, LinkStats, flights};
