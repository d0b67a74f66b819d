//! The name servers of the current network.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use snapback_resolver::{Encryption, LookupError, NameServerLookup, NameServers};

/// The name servers, and what queries them.
#[derive(Debug)]
pub(crate) struct CurrentServers(Mutex<Current>);

#[derive(Debug)]
struct Current {
    servers: NameServers,
    /// Kept for the next look-up: it has open connections, and negative answers.
    lookup: Option<(Vec<SocketAddr>, NameServerLookup)>,
}

impl CurrentServers {
    pub(crate) fn new(servers: NameServers) -> Self {
        Self(Mutex::new(Current {
            servers,
            lookup: None,
        }))
    }

    /// Replaces the servers, from the next look-up on.
    pub(crate) fn replace(&self, servers: NameServers) {
        self.lock().servers = servers;
    }

    /// Drops connections and answers of a network that is gone.
    pub(crate) fn network_changed(&self) {
        self.lock().lookup = None;
    }

    /// Returns what queries these servers. The system's are read again: they may change without a report.
    pub(crate) fn lookup(&self) -> Result<NameServerLookup, LookupError> {
        let mut current = self.lock();
        let addresses = current.servers.addresses()?;
        match &current.lookup {
            Some((same, lookup)) if *same == addresses => Ok(lookup.clone()),
            _ => {
                let lookup = NameServerLookup::new(&addresses, &Encryption::None);
                current.lookup = Some((addresses, lookup.clone()));
                Ok(lookup)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
