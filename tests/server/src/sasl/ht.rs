//! Hashed tokens for FAST (XEP-0484 with draft-schmaus-kitten-sasl-ht), SHA-256 only.

use super::scram::TypedHash;
use super::{ChannelBindings, Condition, Mechanism};

/// The only message that a client sends: `authcid NUL hashed-token`.
#[derive(Debug)]
pub(crate) struct HtResponse {
    pub(crate) user: String,
    proof: Vec<u8>,
    binding: Vec<u8>,
}

impl HtResponse {
    pub(crate) fn parse(
        mechanism: Mechanism,
        message: &[u8],
        bindings: &ChannelBindings,
    ) -> Result<Self, Condition> {
        let split = message.iter().position(|byte| *byte == 0);
        let (user, proof) = split
            .and_then(|at| Some((message.get(..at)?, message.get(at + 1..)?)))
            .ok_or(Condition::MalformedRequest)?;
        let user = str::from_utf8(user).map_err(|_| Condition::MalformedRequest)?;
        let binding = match mechanism {
            Mechanism::HtSha256None => Some(Vec::new()),
            Mechanism::HtSha256Endp => bindings.end_point.clone(),
            Mechanism::HtSha256Expr => bindings.exporter.clone(),
            _ => None,
        };
        Ok(Self {
            user: user.to_owned(),
            proof: proof.to_vec(),
            binding: binding.ok_or(Condition::InvalidMechanism)?,
        })
    }

    pub(crate) fn matches(&self, token: &str) -> bool {
        self.mac(token, b"Initiator") == self.proof
    }

    /// Returns the server's own proof.
    pub(crate) fn answer(&self, token: &str) -> Vec<u8> {
        self.mac(token, b"Responder")
    }

    fn mac(&self, token: &str, who: &[u8]) -> Vec<u8> {
        let message = [who, &self.binding].concat();
        TypedHash::Sha256.hmac(token.as_bytes(), &message)
    }
}
