//! Which keys of the server are accepted.

use std::fmt;
use std::sync::Arc;

use snapback_client as core;
use snapback_client::{Client, KeyHash};

use crate::client::CoreClient;
use crate::ending::CertificateProblem;
use crate::error::CallError;
use crate::store::StorageProblem;

/// Why the keys were not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum KeyError {
    /// No certificate with this key was refused since the client was opened, or for a reason that no trust outweighs.
    NotRefused,
    /// An authority once issued the certificate of a proven login of this account.
    ProvenByAuthority,
    /// More keys than can be kept.
    TooMany {
        /// How many can be kept.
        limit: u64,
    },
    /// A key does not have 32 bytes.
    NotAKey,
    /// The store does not take the change.
    Storage {
        /// The reason.
        problem: StorageProblem,
    },
    /// The client was closed.
    Closed,
    /// An internal fault of this library.
    Internal,
}

/// Returns what is wrong with the certificate of this domain, in two or three English sentences for the user.
#[uniffi::export]
pub fn explain_certificate(problem: CertificateProblem, domain: String) -> String {
    core::CertificateError::from(problem).explanation(&domain)
}

/// Returns a key as people compare it: hexadecimal digits in groups of four. `None` if it does not have 32 bytes.
#[uniffi::export]
pub fn key_fingerprint(key: Vec<u8>) -> Option<String> {
    hash(key).ok().map(|key| core::fingerprint(&key))
}

/// A change of the keys that are accepted.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum KeyChange {
    /// Trusts the key of a certificate that was refused.
    Trust {
        /// Its SHA-256.
        key: Vec<u8>,
    },
    /// Trusts any key, also in place of an authority.
    DangerouslyTrust {
        /// Its SHA-256.
        key: Vec<u8>,
    },
    /// Ends the trust in a key. A connection that relies on it is dropped.
    Forget {
        /// Its SHA-256.
        key: Vec<u8>,
    },
    /// Accepts no certificate without one of these keys; an empty list ends the demand.
    Require {
        /// Their SHA-256.
        keys: Vec<Vec<u8>>,
    },
}

#[uniffi::export]
impl CoreClient {
    /// Changes the keys that are accepted. Returns once that is stored.
    pub async fn change_keys(&self, change: KeyChange) -> Result<(), KeyError> {
        self.call(|client| make(client, change)).await?
    }
}

async fn make(client: Arc<Client>, change: KeyChange) -> Result<(), KeyError> {
    match change {
        KeyChange::Trust { key } => client.trust_key(hash(key)?).await?,
        KeyChange::DangerouslyTrust { key } => {
            core::danger::trust_key(&client, hash(key)?).await?;
        }
        KeyChange::Forget { key } => client.forget_key(hash(key)?).await?,
        KeyChange::Require { keys } => {
            let keys: Vec<KeyHash> = keys.into_iter().map(hash).collect::<Result<_, _>>()?;
            client.require_keys(&keys).await?;
        }
    }
    Ok(())
}

fn hash(key: Vec<u8>) -> Result<KeyHash, KeyError> {
    key.try_into().map_err(|_| KeyError::NotAKey)
}

impl From<core::KeyError> for KeyError {
    fn from(error: core::KeyError) -> Self {
        match error {
            core::KeyError::NotRefused => Self::NotRefused,
            core::KeyError::ProvenByAuthority => Self::ProvenByAuthority,
            core::KeyError::TooMany { limit } => Self::TooMany {
                limit: limit as u64,
            },
            core::KeyError::Store(error) => Self::Storage {
                problem: error.into(),
            },
            core::KeyError::Closed => Self::Closed,
        }
    }
}

impl From<CallError> for KeyError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Closed => Self::Closed,
            CallError::Storage { problem } => Self::Storage { problem },
            CallError::Internal => Self::Internal,
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRefused => f.write_str("no certificate with this key was refused"),
            Self::ProvenByAuthority => f.write_str("an authority has vouched for this server"),
            Self::TooMany { limit } => write!(f, "more than {limit} keys"),
            Self::NotAKey => f.write_str("a key has 32 bytes"),
            Self::Storage { problem } => write!(f, "{problem}"),
            Self::Closed => f.write_str("the client is closed"),
            Self::Internal => f.write_str("internal error"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_a_key_of_another_length_is_no_key() {
        assert_eq!(hash(vec![0; 31]), Err(KeyError::NotAKey));
        assert_eq!(key_fingerprint(vec![0; 33]), None);
        let text = key_fingerprint(vec![0xab; 32]).unwrap();
        assert!(text.starts_with("ABAB "));
    }

    #[test]
    fn t13_every_problem_is_explained_as_the_core_explains_it() {
        for problem in [CertificateProblem::UnknownIssuer, CertificateProblem::Other] {
            let core = core::CertificateError::from(problem);
            assert_eq!(CertificateProblem::from(core), problem);
            let text = explain_certificate(problem, "example.org".to_owned());
            assert_eq!(text, core.explanation("example.org"));
        }
    }
}
