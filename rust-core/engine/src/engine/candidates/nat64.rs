//! IPv4 addresses on a network with IPv6 only (RFC 7050, RFC 8305 section 7.1): an address that cannot be reached is tried again
//! through the network's translator, if it has one. The network is asked once for its prefixes, and only when it is needed.
//!
//! ```text
//!   Unknown --an IPv4 address is unreachable--> Asked --answered--> Known --the network changes--> Unknown
//!                                                 '----no answer------------------------------------^
//! ```

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::collections::VecDeque;
use std::io;

use snapback_types::endpoint::Endpoint;
use snapback_types::nat64::Prefix64;

use super::super::EngineOutput;
use super::{Candidates, ConnectFailure, LookUpId, Names};

/// What is known of the network's translator.
#[derive(Debug, Default)]
pub(super) enum Translation {
    #[default]
    Unknown,
    Asked(LookUpId),
    /// Its prefixes; none if there is no translator.
    Known(Vec<Prefix64>),
}

impl Candidates {
    /// Returns the prefixes of the network's translator, or asks for them.
    pub(super) fn prefixes(
        &mut self,
        outputs: &mut VecDeque<EngineOutput>,
    ) -> Option<Vec<Prefix64>> {
        if self.names != Names::Local {
            // The way is the proxy's, and with remote names nothing is looked up.
            return Some(Vec::new());
        }
        match &self.translation {
            Translation::Known(prefixes) => Some(prefixes.clone()),
            Translation::Asked(_) => None,
            Translation::Unknown => {
                let id = self.next_look_up();
                self.translation = Translation::Asked(id);
                outputs.push_back(EngineOutput::LookUpPrefix { id });
                None
            }
        }
    }

    /// Takes the AAAA records of the well-known name; `None` if there was no answer. Returns the prefixes that they show, if
    /// the look-up is the current one.
    pub(in crate::engine) fn prefix_looked_up(
        &mut self,
        id: LookUpId,
        records: Option<&[Ipv6Addr]>,
    ) -> Option<Vec<Prefix64>> {
        if !matches!(self.translation, Translation::Asked(asked) if asked == id) {
            return None;
        }
        let prefixes = records.map(Prefix64::discover);
        self.translation = match &prefixes {
            Some(prefixes) => Translation::Known(prefixes.clone()),
            None => Translation::Unknown,
        };
        Some(prefixes.unwrap_or_default())
    }

    /// The prefixes belong to the network.
    pub(super) fn forget_prefixes(&mut self, outputs: &mut VecDeque<EngineOutput>) {
        if let Translation::Asked(id) = std::mem::take(&mut self.translation) {
            outputs.push_back(EngineOutput::AbandonLookUp(id));
        }
    }
}

/// Returns whether the failure may mean that there is no way for IPv4.
pub(super) fn has_no_way(endpoint: &Endpoint, failure: ConnectFailure) -> bool {
    endpoint.addr.is_ipv4()
        && matches!(
            failure,
            ConnectFailure::Network(
                io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::AddrNotAvailable
            )
        )
}

/// Returns the endpoints with the addresses that lead to them through a translator.
pub(super) fn translated(endpoints: &[Endpoint], prefixes: &[Prefix64]) -> Vec<Endpoint> {
    let through = |endpoint: &Endpoint, prefix: &Prefix64| {
        let IpAddr::V4(address) = endpoint.addr.ip() else {
            return None;
        };
        let address = prefix.synthesize(address)?;
        Some(Endpoint {
            addr: SocketAddr::new(address.into(), endpoint.addr.port()),
            ..endpoint.clone()
        })
    };
    let all = endpoints.iter().flat_map(|endpoint| {
        prefixes
            .iter()
            .filter_map(move |prefix| through(endpoint, prefix))
    });
    all.collect()
}
