//! From a reply to the records under a name, following aliases (RFC 1034 section 3.6.2).

use super::message::{Answer, Data, Reply};
use crate::{LookupError, SrvAnswer, SrvRecord};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use std::time::Duration;

/// The maximum number of aliases. No real name has as many; a loop has more.
const MAX_ALIASES: usize = 8;

/// Records of the requested kind: at least one.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) records: Vec<Data>,
    /// The shortest TTL of the records and aliases.
    pub(super) ttl: Duration,
}

/// The aliases so far, which may span several replies.
#[derive(Debug)]
pub(super) struct Chain {
    end: Name,
    length: usize,
    ttl: u32,
}

impl From<Name> for Chain {
    fn from(name: Name) -> Self {
        Self {
            end: name,
            length: 0,
            ttl: u32::MAX,
        }
    }
}

impl Chain {
    /// Returns the name to query next.
    pub(super) fn end(&self) -> &Name {
        &self.end
    }

    /// Reads a reply. `None`: an alias leads to a name that the reply does not answer and that has to be queried.
    pub(super) fn follow(
        &mut self,
        reply: Reply,
        kind: RecordType,
    ) -> Result<Option<Found>, LookupError> {
        let length = self.length;
        loop {
            let mut records = Vec::new();
            let mut alias = None;
            for answer in reply.answers.iter().filter(|it| it.owner == self.end) {
                if answer.data.is_kind(kind) {
                    records.push(answer);
                } else if let Data::Alias(name) = &answer.data {
                    alias = Some((name, answer.ttl));
                }
            }
            if !records.is_empty() {
                return Ok(Some(self.found(&records)));
            }
            let Some((name, ttl)) = alias else { break };
            self.length += 1;
            if self.length > MAX_ALIASES {
                return Err(LookupError::Malformed);
            }
            self.ttl = self.ttl.min(ttl);
            self.end = name.clone();
        }
        // The code refers to the last name (RFC 6604). So does a denial; without one, and with an alias to another
        // name, the server left that name to us.
        let is_over = reply.code == ResponseCode::NXDomain || reply.is_denied;
        if is_over || self.length == length {
            return Err(LookupError::NoSuchName);
        }
        Ok(None)
    }

    fn found(&self, records: &[&Answer]) -> Found {
        let ttl = records.iter().map(|it| it.ttl).fold(self.ttl, u32::min);
        Found {
            records: records.iter().map(|it| it.data.clone()).collect(),
            ttl: Duration::from_secs(ttl.into()),
        }
    }
}

impl Found {
    pub(super) fn services(self) -> Result<SrvAnswer, LookupError> {
        let records = self.records.into_iter().filter_map(|data| match data {
            Data::Service(srv) => Some(SrvRecord {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_ascii(),
            }),
            Data::Address(_) | Data::Alias(_) => None,
        });
        SrvAnswer::from_records(records.collect(), self.ttl)
    }
}

impl Data {
    fn is_kind(&self, kind: RecordType) -> bool {
        match self {
            Self::Address(address) => match kind {
                RecordType::A => address.is_ipv4(),
                RecordType::AAAA => address.is_ipv6(),
                _ => false,
            },
            Self::Alias(_) => kind == RecordType::CNAME,
            Self::Service(_) => kind == RecordType::SRV,
        }
    }
}
