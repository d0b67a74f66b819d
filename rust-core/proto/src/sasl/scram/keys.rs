//! The keys that SCRAM derives from a password, and their derivation.

use zeroize::Zeroizing;

use crate::sasl::digest::constant_time_eq;
use crate::sasl::error::SaslError;
use crate::sasl::mechanism::Hash;
use crate::sasl::scram::preparation::Preparation;
use crate::secret::Secret;

/// What the keys of a password depend on, apart from the password: the key of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScramKeyId {
    /// The hash function.
    pub hash: Hash,
    /// The user name.
    pub user: String,
    /// The server's salt.
    pub salt: Vec<u8>,
    /// The number of PBKDF2 iterations.
    pub iterations: u32,
    /// How the password is prepared.
    pub preparation: Preparation,
}

/// `ClientKey` and `ServerKey`: sufficient to log in and to authenticate the server, without the password.
#[derive(Debug, Clone)]
pub struct ScramKeys {
    client_key: Secret<Vec<u8>>,
    server_key: Secret<Vec<u8>>,
}

impl ScramKeys {
    /// Derives the keys from the password with thousands of iterations of PBKDF2, so never call this on the thread that does
    /// I/O.
    ///
    /// The password is prepared as the id says.
    ///
    /// # Errors
    ///
    /// Fails with [`SaslError::PasswordNotAllowed`] if the password is empty or contains characters that this preparation forbids.
    pub fn derive(id: &ScramKeyId, password: &Secret<String>) -> Result<Self, SaslError> {
        let prepared = id.preparation.prepare(password)?;
        let salted = Zeroizing::new(id.hash.pbkdf2(prepared.as_bytes(), &id.salt, id.iterations));
        Ok(Self {
            client_key: Secret::new(id.hash.hmac(&salted, &[b"Client Key"])),
            server_key: Secret::new(id.hash.hmac(&salted, &[b"Server Key"])),
        })
    }

    /// Restores stored keys.
    ///
    /// # Errors
    ///
    /// Fails with [`SaslError::BadStoredKeys`] if their length is not that of the hash function: with an empty `ServerKey` any
    /// server could prove its identity.
    pub fn restore(
        hash: Hash,
        client_key: Secret<Vec<u8>>,
        server_key: Secret<Vec<u8>>,
    ) -> Result<Self, SaslError> {
        if [&client_key, &server_key]
            .iter()
            .any(|key| key.expose().len() != hash.output_len())
        {
            return Err(SaslError::BadStoredKeys);
        }
        Ok(Self {
            client_key,
            server_key,
        })
    }

    /// Returns `ClientKey`, for storing.
    pub fn client_key(&self) -> &Secret<Vec<u8>> {
        &self.client_key
    }

    /// Returns `ServerKey`, for storing.
    pub fn server_key(&self) -> &Secret<Vec<u8>> {
        &self.server_key
    }

    /// `ClientProof = ClientKey XOR HMAC(H(ClientKey), AuthMessage)`
    pub(super) fn client_proof(&self, hash: Hash, auth_message: &[u8]) -> Vec<u8> {
        let stored_key = Zeroizing::new(hash.digest(self.client_key.expose()));
        let signature = hash.hmac(&stored_key, &[auth_message]);
        self.client_key
            .expose()
            .iter()
            .zip(signature)
            .map(|(key, sign)| key ^ sign)
            .collect()
    }

    /// `ServerSignature = HMAC(ServerKey, AuthMessage)`
    pub(super) fn server_signature(&self, hash: Hash, auth_message: &[u8]) -> Vec<u8> {
        hash.hmac(self.server_key.expose(), &[auth_message])
    }
}

/// Compares in constant time.
impl PartialEq for ScramKeys {
    fn eq(&self, other: &Self) -> bool {
        // Not `&&`: both halves are always compared.
        constant_time_eq(self.client_key.expose(), other.client_key.expose())
            & constant_time_eq(self.server_key.expose(), other.server_key.expose())
    }
}

impl Eq for ScramKeys {}
