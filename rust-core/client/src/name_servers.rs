//! The name servers of the current network.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use snapback_resolver::{
    Encryption, LookupError, NameServerLookup, NameServers, PrivateDns, Source,
};

/// The name servers, and what queries them.
#[derive(Debug)]
pub(crate) struct CurrentServers(Mutex<Current>);

#[derive(Debug)]
struct Current {
    servers: NameServers,
    private_dns: PrivateDns,
    /// Kept for the next look-up: they have open connections, and negative answers.
    lookups: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    source: Source,
    addresses: Vec<SocketAddr>,
    lookup: NameServerLookup,
}

impl CurrentServers {
    pub(crate) fn new(servers: NameServers) -> Self {
        Self(Mutex::new(Current {
            servers,
            private_dns: PrivateDns::Off,
            lookups: Vec::new(),
        }))
    }

    /// Replaces the servers, from the next look-up on.
    pub(crate) fn replace(&self, servers: NameServers) {
        self.lock().servers = servers;
    }

    /// Replaces the encryption that the system is set to, from the next look-up on.
    pub(crate) fn set_private_dns(&self, private_dns: PrivateDns) {
        let mut current = self.lock();
        if current.private_dns != private_dns {
            current.private_dns = private_dns;
            current.lookups.clear();
        }
    }

    pub(crate) fn private_dns(&self) -> PrivateDns {
        self.lock().private_dns.clone()
    }

    /// Drops connections and answers of a network that is gone.
    pub(crate) fn network_changed(&self) {
        self.lock().lookups.clear();
    }

    /// Returns the addresses of the servers. The system's are read again: they may change without a report.
    pub(crate) fn addresses(&self) -> Result<Vec<SocketAddr>, LookupError> {
        let servers = self.lock().servers.clone();
        servers.addresses()
    }

    /// Returns what queries these servers.
    pub(crate) fn lookup(
        &self,
        source: Source,
        addresses: Vec<SocketAddr>,
        reads_hosts_file: bool,
    ) -> Result<NameServerLookup, LookupError> {
        let mut current = self.lock();
        let mut kept = current.lookups.iter();
        if let Some(kept) = kept.find(|it| it.source == source && it.addresses == addresses) {
            return Ok(kept.lookup.clone());
        }
        let encryption = encryption(source, &current.private_dns)?;
        let mut lookup = NameServerLookup::new(&addresses, &encryption);
        if reads_hosts_file {
            lookup = lookup.with_hosts_file();
        }
        current.lookups.retain(|it| it.source != source);
        current.lookups.push(Kept {
            source,
            addresses,
            lookup: lookup.clone(),
        });
        Ok(lookup)
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encryption(source: Source, private_dns: &PrivateDns) -> Result<Encryption, LookupError> {
    match (source, private_dns) {
        (Source::StrictTls, PrivateDns::Strict(name)) => Ok(Encryption::Strict {
            name: name.as_str().into(),
            verifier: snapback_tls::platform_verifier()
                .map_err(|_| LookupError::Network(ErrorKind::Unsupported))?,
        }),
        // The setting changed meanwhile.
        (Source::StrictTls, _) => Err(LookupError::NoNameServers),
        (Source::OpportunisticTls, _) => Ok(Encryption::Opportunistic),
        _ => Ok(Encryption::None),
    }
}
