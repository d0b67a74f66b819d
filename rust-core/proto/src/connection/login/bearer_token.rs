//! What is known of the app's bearer token, and what it means that there is none.

use std::time::Duration;

use crate::connection::env::Env;
use crate::error::{ConnectionError, LocalError, PeerError};
use crate::sasl::{CredentialError, SaslError};
use crate::secret::Secret;

/// How long the app may take for a token. Less than the 30 s of a login, and more than a request to another server takes on a
/// slow path: an app that has to ask its user reports that at once instead ([`CredentialError::UserNeeded`]).
pub(super) const TOKEN_TIMEOUT: Duration = Duration::from_secs(20);

/// What is known of the app's token in this login.
#[derive(Debug, Default)]
pub(super) struct BearerToken {
    pub(super) token: Option<Secret<String>>,
    pub(super) is_requested: bool,
    /// The server refused the last one.
    pub(super) was_refused: bool,
}

impl BearerToken {
    pub(super) fn new(was_refused: bool) -> Self {
        Self {
            was_refused,
            ..Self::default()
        }
    }

    /// Takes the token. It is used for one exchange.
    pub(super) fn take(&mut self) -> Option<Secret<String>> {
        self.is_requested = false;
        self.token.take()
    }

    pub(super) fn request(&mut self, env: &mut Env) {
        if !std::mem::replace(&mut self.is_requested, true) {
            env.request_token(self.was_refused, TOKEN_TIMEOUT);
        }
    }
}

/// Returns what it means that the app has no credentials.
pub(super) fn missing(error: CredentialError) -> ConnectionError {
    match error {
        CredentialError::UserNeeded => ConnectionError::Local(LocalError::NoCredentials),
        CredentialError::Unavailable => ConnectionError::Local(LocalError::CredentialsUnavailable),
        CredentialError::WrongServer => {
            ConnectionError::Peer(PeerError::Sasl(SaslError::WrongOwnProof))
        }
    }
}
