//! A real server, and a link in front of it that can be cut: what a day of an app is played on.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use snapback_netsim::{CutMode, Link, LinkConfig};

use crate::{Flavour, RunningServer, ServerConfig, StartError};

/// How long a session can be resumed. Short, because [`Command::Expire`] waits for its end.
const RESUME_WINDOW_S: u32 = 12;
/// What a server may take beyond that until the session is gone.
const EXPIRY_ALLOWANCE: Duration = Duration::from_secs(2);
const RTT: Duration = Duration::from_millis(20);

/// What happens to the network or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "world", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The connections of the link end with a reset for the client; the server notices nothing.
    Cut {},
    /// Enough time passes that the server gives up each session without a connection.
    Expire {},
}

/// A server of the test's own, and the link.
#[derive(Debug)]
pub struct RealWorld {
    server: RunningServer,
    link: Link,
}

impl RealWorld {
    /// A server with an upload service and short-lived sessions.
    #[must_use]
    pub fn config(flavour: Flavour) -> ServerConfig {
        ServerConfig {
            uploads: true,
            resume_window_s: RESUME_WINDOW_S,
            ..ServerConfig::new(flavour)
        }
    }

    /// The world of a server that was started with [`Self::config`].
    ///
    /// # Errors
    ///
    /// If there is no port for the link.
    pub async fn of(server: RunningServer) -> Result<Self, StartError> {
        let link = Link::start(LinkConfig::with_rtt(RTT), server.direct_addr()).await;
        let link = link.map_err(StartError::io("opening the link"))?;
        Ok(Self { server, link })
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &RunningServer {
        &self.server
    }

    /// Where the link accepts connections: direct TLS.
    #[must_use]
    pub fn link_addr(&self) -> SocketAddr {
        self.link.addr()
    }

    /// Executes a command; returns when it is done.
    pub async fn obey(&self, command: Command) {
        match command {
            Command::Cut {} => self.link.cut(CutMode::ResetClient),
            Command::Expire {} => {
                // The time that passes is the event itself.
                let window = Duration::from_secs(u64::from(RESUME_WINDOW_S));
                tokio::time::sleep(window + EXPIRY_ALLOWANCE).await;
            }
        }
    }
}
