//! Push notifications (XEP-0357).

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;

use snapback_client as core;

use crate::client::CoreClient;
use crate::error::CallError;
use crate::jid::JidProblem;
use crate::store::StorageProblem;

/// Why push notifications were not enabled or disabled.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum PushError {
    /// The address of the push service is not an address.
    InvalidAddress {
        /// What is wrong with it.
        problem: JidProblem,
    },
    /// Address, node and options together are too long.
    TooBig {
        /// Their size, in bytes.
        size: u64,
        /// The maximum size, in bytes.
        limit: u64,
    },
    /// The store does not take the change.
    Storage {
        /// The reason.
        problem: StorageProblem,
    },
    /// The client was closed.
    Closed,
    /// An internal fault of this library.
    Internal,
}

#[uniffi::export]
impl CoreClient {
    /// Asks the server, now and in each new session, to publish push notifications at this service. Returns once that is stored.
    pub async fn enable_push(
        &self,
        service: String,
        node: Option<String>,
        options: HashMap<String, String>,
    ) -> Result<(), PushError> {
        let service = push_service(&service, node, options)?;
        self.call(|client| async move { client.enable_push(service).await })
            .await??;
        Ok(())
    }

    /// Asks the server to publish no more push notifications. Returns once that is stored.
    pub async fn disable_push(&self) -> Result<(), PushError> {
        self.call(|client| async move { client.disable_push().await })
            .await??;
        Ok(())
    }
}

fn push_service(
    service: &str,
    node: Option<String>,
    options: HashMap<String, String>,
) -> Result<core::PushService, PushError> {
    let service = core::Jid::try_from(service).map_err(|error| PushError::InvalidAddress {
        problem: error.into(),
    })?;
    let mut service = core::PushService::new(service);
    if let Some(node) = node {
        service = service.with_node(node);
    }
    // In a fixed order: the same options again are no change.
    let options: BTreeMap<String, String> = options.into_iter().collect();
    let add = |service: core::PushService, (name, value)| service.with_option(name, value);
    Ok(options.into_iter().fold(service, add))
}

impl From<core::PushError> for PushError {
    fn from(error: core::PushError) -> Self {
        match error {
            core::PushError::TooBig { size, limit } => Self::TooBig {
                size: size as u64,
                limit: limit as u64,
            },
            core::PushError::Store(error) => Self::Storage {
                problem: error.into(),
            },
            core::PushError::Closed => Self::Closed,
        }
    }
}

impl From<CallError> for PushError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Closed => Self::Closed,
            CallError::Storage { problem } => Self::Storage { problem },
            CallError::Internal => Self::Internal,
        }
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidAddress { problem } => write!(f, "no address: {problem:?}"),
            Self::TooBig { size, limit } => write!(f, "{size} bytes are more than {limit}"),
            Self::Storage { problem } => write!(f, "{problem}"),
            Self::Closed => f.write_str("the client is closed"),
            Self::Internal => f.write_str("internal error"),
        }
    }
}

impl std::error::Error for PushError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_options_again_are_the_same_service() {
        let options = |names: &[&str]| {
            let pairs = names
                .iter()
                .map(|name| ((*name).to_owned(), "v".to_owned()));
            pairs.collect::<HashMap<_, _>>()
        };
        let node = || Some("n".to_owned());
        let one = push_service("push.example.org", node(), options(&["a", "b", "c", "d"]));
        let other = push_service("push.example.org", node(), options(&["d", "c", "b", "a"]));
        assert_eq!(one, other);
        let bad = push_service("@", node(), HashMap::new());
        assert!(matches!(bad, Err(PushError::InvalidAddress { .. })));
    }
}
