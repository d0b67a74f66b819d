//! The keys that stand for a password in SCRAM, and the slow way to get them.

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use zeroize::Zeroizing;

use crate::sasl::digest::constant_time_eq;
use crate::sasl::error::SaslError;
use crate::sasl::mechanism::Hash;
use crate::secret::Secret;

/// What the keys of a password depend on, apart from the password: the key of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScramKeyId {
    /// The hash function.
    pub hash: Hash,
    /// Whose password.
    pub user: String,
    /// The server's salt.
    pub salt: Vec<u8>,
    /// How often PBKDF2 goes round.
    pub iterations: u32,
}

/// `ClientKey` and `ServerKey`: enough to log in and to recognise the server, without the password.
#[derive(Debug, Clone)]
pub struct ScramKeys {
    client_key: Secret<Vec<u8>>,
    server_key: Secret<Vec<u8>>,
}

impl ScramKeys {
    /// Derives the keys from the password: thousands of rounds of PBKDF2, so never on the thread that does I/O.
    ///
    /// The password is prepared as OpaqueString (RFC 8265), which replaced the SASLprep that RFC 5802 names. Both
    /// leave ASCII alone; they differ on few inputs (SASLprep also folds compatibility characters such as ligatures
    /// and drops soft hyphens). There is deliberately no second try with SASLprep: it would double the failed logins
    /// that a server counts.
    ///
    /// # Errors
    ///
    /// [`SaslError::PasswordNotAllowed`] if the password is empty or holds control or unassigned characters.
    pub fn derive(id: &ScramKeyId, password: &Secret<String>) -> Result<Self, SaslError> {
        let prepared = OpaqueString::enforce(password.expose().as_str())
            .map_err(|_| SaslError::PasswordNotAllowed)?;
        let prepared = Zeroizing::new(prepared.into_owned());
        let salted = Zeroizing::new(id.hash.pbkdf2(prepared.as_bytes(), &id.salt, id.iterations));
        Ok(Self {
            client_key: Secret::new(id.hash.hmac(&salted, &[b"Client Key"])),
            server_key: Secret::new(id.hash.hmac(&salted, &[b"Server Key"])),
        })
    }

    /// Takes keys back from where they were stored.
    ///
    /// # Errors
    ///
    /// [`SaslError::BadStoredKeys`] if their length is not that of the hash function: an empty `ServerKey` would let
    /// any server prove itself.
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

    /// `ClientKey`, for storing.
    pub fn client_key(&self) -> &Secret<Vec<u8>> {
        &self.client_key
    }

    /// `ServerKey`, for storing.
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

/// In constant time.
impl PartialEq for ScramKeys {
    fn eq(&self, other: &Self) -> bool {
        // Not `&&`: both halves are always looked at.
        constant_time_eq(self.client_key.expose(), other.client_key.expose())
            & constant_time_eq(self.server_key.expose(), other.server_key.expose())
    }
}

impl Eq for ScramKeys {}
