//! SCRAM (RFC 5802, RFC 7677) as states that are consumed by value; XEP-0474 and XEP-0515 are checked on the way.

mod keys;
mod message;
mod preparation;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use keys::{ScramKeyId, ScramKeys};
pub use preparation::Preparation;

use self::message::{ServerFinal, ServerFirst};
use super::Proven;
use super::TlsVersion;
use super::binding::Gs2;
use super::choose::Offer;
use super::digest::constant_time_eq;
use super::downgrade::Expectation;
use super::error::SaslError;
use super::mechanism::Hash;

/// The client's first message is ready or has been sent; the server's first message is awaited.
#[derive(Debug, Clone)]
pub struct ExpectServerFirst {
    hash: Hash,
    user: String,
    nonce: String,
    gs2: Gs2,
    expectation: Expectation,
}

impl ExpectServerFirst {
    /// Starts an exchange.
    ///
    /// `user` is the localpart of the account's JID, already prepared (RFC 7622); only SCRAM's own escapes are added. `nonce`
    /// is new for every exchange, unpredictable, printable ASCII without a comma: base64 of 18 or more random bytes. `gs2` is
    /// what [`super::choose()`] returned for `offer`.
    pub fn new(
        hash: Hash,
        user: &str,
        nonce: &str,
        gs2: Gs2,
        offer: &Offer,
        tls_version: TlsVersion,
    ) -> Self {
        let expectation = Expectation::new(hash, offer, tls_version, &gs2);
        Self {
            hash,
            user: user.to_owned(),
            nonce: nonce.to_owned(),
            gs2,
            expectation,
        }
    }

    /// Requires the server to confirm its offer (XEP-0474); otherwise the exchange fails with [`SaslError::OfferUnconfirmed`].
    #[must_use]
    pub fn requiring_confirmation(mut self, required: bool) -> Self {
        self.expectation.require_confirmation(required);
        self
    }

    /// Returns `client-first-message`.
    pub fn initial_response(&self) -> Vec<u8> {
        format!("{}{}", self.gs2.header(), self.client_first_bare()).into_bytes()
    }

    /// Processes the server's salt and iteration count, and checks its confirmation of the offer.
    ///
    /// # Errors
    ///
    /// Fails if the message is malformed, answers another nonce, requires an unreasonable number of iterations or an extension,
    /// or shows that the offer was tampered with.
    pub fn server_first(self, data: &[u8]) -> Result<NeedKeys, SaslError> {
        let message = ServerFirst::parse(data)?;
        match message.nonce.strip_prefix(&self.nonce) {
            Some(added) if !added.is_empty() => {}
            Some(_) | None => return Err(SaslError::ForeignNonce),
        }
        self.expectation.check(message.h, message.t)?;

        let without_proof = format!(
            "c={},r={}",
            STANDARD.encode(self.gs2.cbind_input()),
            message.nonce
        );
        let auth_message = format!(
            "{},{},{without_proof}",
            self.client_first_bare(),
            message.text
        );
        Ok(NeedKeys {
            key_id: ScramKeyId {
                hash: self.hash,
                user: self.user,
                salt: message.salt,
                iterations: message.iterations,
                preparation: Preparation::default(),
            },
            without_proof,
            auth_message,
        })
    }

    fn client_first_bare(&self) -> String {
        let user = self.user.replace('=', "=3D").replace(',', "=2C");
        format!("n={user},r={}", self.nonce)
    }
}

/// The server's first message is processed; the keys are needed, from the cache or from the password.
#[derive(Debug, Clone)]
pub struct NeedKeys {
    key_id: ScramKeyId,
    /// `client-final-message-without-proof`
    without_proof: String,
    /// `AuthMessage`: the three messages so far, which both proofs sign.
    auth_message: String,
}

impl NeedKeys {
    /// Returns which keys are needed: the key of a cache.
    pub fn key_id(&self) -> &ScramKeyId {
        &self.key_id
    }

    /// Sets how the password is prepared.
    #[must_use]
    pub fn prepared_as(mut self, preparation: Preparation) -> Self {
        self.key_id.preparation = preparation;
        self
    }

    /// Returns `client-final-message`, and the state that waits for the answer.
    pub fn respond(self, keys: &ScramKeys) -> (Vec<u8>, ExpectServerFinal) {
        let auth_message = self.auth_message.as_bytes();
        let hash = self.key_id.hash;
        let proof = STANDARD.encode(keys.client_proof(hash, auth_message));
        let next = ExpectServerFinal {
            signature: keys.server_signature(hash, auth_message),
        };
        (
            format!("{},p={proof}", self.without_proof).into_bytes(),
            next,
        )
    }
}

/// The client's proof has been sent; the server's is awaited.
#[derive(Clone)]
pub struct ExpectServerFinal {
    /// The expected signature of the server.
    signature: Vec<u8>,
}

impl ExpectServerFinal {
    /// Verifies the server's signature.
    ///
    /// # Errors
    ///
    /// Fails if the message is malformed, reports an error, or its signature is not the one that only a server that knows the
    /// password can compute.
    pub fn server_final(self, data: &[u8]) -> Result<Proven, SaslError> {
        match ServerFinal::parse(data)? {
            ServerFinal::Error(error) => Err(SaslError::Server(error)),
            ServerFinal::Signature(signature) if constant_time_eq(&signature, &self.signature) => {
                Ok(Proven(()))
            }
            ServerFinal::Signature(_) => Err(SaslError::WrongServerSignature),
        }
    }
}

/// Hides the signature: an attacker who reads it before the server has answered could impersonate the server.
impl std::fmt::Debug for ExpectServerFinal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExpectServerFinal").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
