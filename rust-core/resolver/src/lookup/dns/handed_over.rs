//! Complete DNS replies from the system, as Android returns them.

use super::answer::Chain;
use super::connection::is_denied;
use super::records::Records;
use super::wire_name;
use crate::{Addresses, Family, LookupError, SrvAnswer};
use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::RecordType;
use std::time::Duration;

/// The longest message that is read. No answer of a resolver for one name is longer.
const MAX_LENGTH: usize = 64 * 1024;

impl SrvAnswer {
    /// Reads the answer to a question for SRV records from a complete DNS message (RFC 1035 section 4). The bytes are
    /// not trusted.
    ///
    /// # Errors
    /// [`LookupError::ServerFailure`] if the server reports a failure; [`LookupError::Malformed`] if the message is no
    /// answer to this question, or not all of it; [`LookupError::InvalidName`] if the name is none.
    pub fn from_message(name: &str, message: &[u8]) -> Result<Self, LookupError> {
        match found(name, RecordType::SRV, message) {
            Ok(found) => found.services(),
            Err(LookupError::NoSuchName) => Ok(Self::Absent),
            Err(error) => Err(error),
        }
    }
}

impl Addresses {
    /// Reads the answer to a question for the addresses of a host from a complete DNS message.
    ///
    /// # Errors
    /// As for [`SrvAnswer::from_message`]; [`LookupError::NoSuchName`] if the host has no address of this family.
    pub fn from_message(host: &str, family: Family, message: &[u8]) -> Result<Self, LookupError> {
        Ok(found(host, family.record_type(), message)?.addresses())
    }
}

fn found(name: &str, kind: RecordType, message: &[u8]) -> Result<Records, LookupError> {
    let name = wire_name(name)?;
    if message.len() > MAX_LENGTH {
        return Err(LookupError::Malformed);
    }
    let message = Message::from_vec(message).map_err(|_| LookupError::Malformed)?;
    let [query] = message.queries.as_slice() else {
        return Err(LookupError::Malformed);
    };
    let is_answer = message.metadata.message_type == MessageType::Response
        && message.metadata.op_code == OpCode::Query
        && !message.metadata.truncation;
    if !is_answer || query.name != name || query.query_type != kind {
        return Err(LookupError::Malformed);
    }
    let code = message.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return Err(LookupError::ServerFailure);
    }
    let mut chain = Chain::from(name.clone());
    if let Some(data) = chain.follow(&message.answers, kind)? {
        let ttl = Duration::from_secs(chain.ttl().into());
        return Ok(Records { data, ttl });
    }
    if chain.end() == &name || is_denied(&message) {
        return Err(LookupError::NoSuchName);
    }
    // No query was made for the target of the alias.
    Err(LookupError::Malformed)
}
