//! Records of one type as the answers of this crate.

use crate::{Addresses, LookupError, SrvAnswer, SrvRecord};
use hickory_resolver::proto::rr::RData;
use std::time::Duration;

/// Records of the requested type, and the shortest TTL of these and their aliases.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) data: Vec<RData>,
    pub(super) ttl: Duration,
}

impl Records {
    pub(super) fn services(self) -> Result<SrvAnswer, LookupError> {
        let records = self.data.into_iter().filter_map(|data| match data {
            RData::SRV(srv) => Some(SrvRecord {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_ascii(),
            }),
            _ => None,
        });
        SrvAnswer::from_records(records.collect(), self.ttl)
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            addresses: self.data.iter().filter_map(RData::ip_addr).collect(),
            ttl: Some(self.ttl),
        }
    }
}
