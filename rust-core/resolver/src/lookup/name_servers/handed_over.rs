//! Complete DNS replies from the system, as Android returns them.

use super::answer::Chain;
use super::message::{Question, Reply};
use super::wire_name;
use crate::{LookupError, SrvAnswer};
use hickory_resolver::proto::rr::RecordType;

impl SrvAnswer {
    /// Reads the answer to a question for SRV records from a complete DNS message (RFC 1035 section 4). The bytes are
    /// not trusted.
    ///
    /// # Errors
    /// [`LookupError::ServerFailure`] if the server reports a failure; [`LookupError::Malformed`] if the message is no
    /// answer to this question, or not all of it; [`LookupError::InvalidName`] if the name is none.
    pub fn from_message(name: &str, message: &[u8]) -> Result<Self, LookupError> {
        let question = Question {
            name: wire_name(name)?,
            kind: RecordType::SRV,
        };
        // The id was chosen by the system.
        let id = message.first_chunk().ok_or(LookupError::Malformed)?;
        let reply = Reply::read(message, u16::from_be_bytes(*id), &question)
            .map_err(|_| LookupError::Malformed)?
            .accepted()?;
        if reply.is_truncated {
            return Err(LookupError::Malformed);
        }
        match Chain::from(question.name).follow(reply, RecordType::SRV) {
            Ok(Some(found)) => found.services(),
            // No query was made for the target of the alias.
            Ok(None) => Err(LookupError::Malformed),
            Err(LookupError::NoSuchName) => Ok(Self::Absent),
            Err(error) => Err(error),
        }
    }
}
