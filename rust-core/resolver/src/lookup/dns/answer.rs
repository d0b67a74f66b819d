//! From the records of a reply to those under a name, following aliases (RFC 1034 section 3.6.2).

use crate::LookupError;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// The maximum number of aliases. No real name has as many; a loop has more.
pub(super) const MAX_ALIASES: usize = 8;
/// The maximum number of records that are kept of an answer. No real host or service has as many.
const MAX_RECORDS: usize = 256;

/// The aliases from a name to another one.
#[derive(Debug)]
pub(super) struct Chain {
    end: Name,
    ttl: u32,
}

impl From<Name> for Chain {
    fn from(name: Name) -> Self {
        Self {
            end: name,
            ttl: u32::MAX,
        }
    }
}

impl Chain {
    /// Returns the name at the end of the aliases.
    pub(super) fn end(&self) -> &Name {
        &self.end
    }

    /// Returns the shortest TTL of the aliases, and of the records if any were found.
    pub(super) fn ttl(&self) -> u32 {
        self.ttl
    }

    /// Follows the aliases among these records, whatever their order, and returns the records of this type at the end;
    /// `None` if there are none. Records of other names are ignored.
    ///
    /// # Errors
    /// [`LookupError::Malformed`] if the aliases are too many, or lead in a circle.
    pub(super) fn follow(
        &mut self,
        records: &[Record],
        kind: RecordType,
    ) -> Result<Option<Vec<RData>>, LookupError> {
        for _ in 0..=MAX_ALIASES {
            let mut data = Vec::new();
            let mut ttl = self.ttl;
            let mut alias = None;
            for record in records.iter().filter(|record| record.name == self.end) {
                match &record.data {
                    found if found.record_type() == kind => {
                        data.push(found.clone());
                        ttl = ttl.min(seconds(record.ttl));
                    }
                    RData::CNAME(name) => alias = Some((&name.0, record.ttl)),
                    _ => {}
                }
            }
            if !data.is_empty() {
                data.truncate(MAX_RECORDS);
                self.ttl = ttl;
                return Ok(Some(data));
            }
            let Some((name, ttl)) = alias else {
                return Ok(None);
            };
            self.ttl = self.ttl.min(seconds(ttl));
            self.end = name.clone();
        }
        Err(LookupError::Malformed)
    }
}

/// RFC 2181 section 8: a value with the highest bit set counts as 0.
fn seconds(ttl: u32) -> u32 {
    if ttl > i32::MAX.unsigned_abs() {
        0
    } else {
        ttl
    }
}
