//! Push notifications (XEP-0357).

use std::fmt;

use snapback_proto::jid::Jid;
use snapback_proto::knowledge::{PushRegistration, PushTarget};
use snapback_store::StoreError;
use tokio::sync::oneshot;

use crate::Client;
use crate::driver::Request;

/// The maximum size of a [`PushService`], in bytes: it is part of the first flight of each new session, and stored.
const MAX_BYTES: usize = 4096;

/// Where the server publishes push notifications: a node at the app's push service, which passes them on to FCM, APNs or another
/// push network. `Debug` does not print the options, which may be credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct PushService {
    service: Jid,
    node: Option<String>,
    options: Vec<(String, String)>,
}

/// Why push notifications were not enabled or disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// Address, node and options together are too long.
    TooBig {
        /// Their size, in bytes.
        size: usize,
        /// The maximum size, in bytes.
        limit: usize,
    },
    /// The store cannot be used.
    Store(StoreError),
    /// The client is closed.
    Closed,
}

impl PushService {
    /// Returns the push service with this address, without a node and options.
    pub fn new(service: Jid) -> Self {
        Self {
            service,
            node: None,
            options: Vec::new(),
        }
    }

    /// Names the node of this installation at the push service, as the push service has assigned it.
    #[must_use]
    pub fn with_node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Adds a publish option that the push service demands with each notification, such as `secret` (XEP-0357 section 5).
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    fn size(&self) -> usize {
        let options = self.options.iter();
        let options = options.map(|(name, value)| name.len().saturating_add(value.len()));
        let node = self.node.as_ref().map_or(0, String::len);
        let parts = [self.service.to_string().len(), node].into_iter();
        parts.chain(options).fold(0, usize::saturating_add)
    }
}

impl From<PushService> for PushRegistration {
    fn from(service: PushService) -> Self {
        Self {
            target: PushTarget {
                service: service.service.to_string(),
                node: service.node,
            },
            options: service.options,
        }
    }
}

impl fmt::Debug for PushService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushService")
            .field("service", &self.service)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Enables push notifications (XEP-0357): from now on, and in each new session, the server is asked to publish them at this
    /// service, in the first flight of the session. That is stored, until [`Client::disable_push`] or [`Client::log_out`]. Returns
    /// once it is stored, connected or not.
    ///
    /// Another service or node replaces the one of before, which is disabled: call this at each start of the app with what the push
    /// network has assigned. The same again costs nothing. [`Event::PushEnabled`](crate::Event::PushEnabled) and
    /// [`Event::PushRefused`](crate::Event::PushRefused) tell what the server says, in each new session.
    ///
    /// # Errors
    ///
    /// [`PushError::TooBig`] for more than 4096 bytes, [`PushError::Store`] if the store cannot be written, and
    /// [`PushError::Closed`].
    pub async fn enable_push(&self, service: PushService) -> Result<(), PushError> {
        let size = service.size();
        if size > MAX_BYTES {
            let limit = MAX_BYTES;
            return Err(PushError::TooBig { size, limit });
        }
        self.set_push(Some(service.into())).await
    }

    /// Disables push notifications: the server is told now or, without a connection, at the beginning of the next one. Returns once
    /// that is stored.
    ///
    /// # Errors
    ///
    /// [`PushError::Store`] if the store cannot be written, and [`PushError::Closed`].
    pub async fn disable_push(&self) -> Result<(), PushError> {
        self.set_push(None).await
    }

    async fn set_push(&self, wanted: Option<PushRegistration>) -> Result<(), PushError> {
        let (done, wait) = oneshot::channel();
        self.request(Request::SetPush { wanted, done });
        let outcome = wait.await.map_err(|_| PushError::Closed)?;
        outcome.map_err(PushError::Store)
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBig { size, limit } => write!(f, "{size} bytes are more than {limit}"),
            Self::Store(error) => error.fmt(f),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for PushError {}
