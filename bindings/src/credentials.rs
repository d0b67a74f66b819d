//! What a client logs in with.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snapback_client as core;
use snapback_client::{CredentialError, ProvidedToken, Secret, TokenProvider};
use tokio::sync::{Notify, oneshot};

use crate::error::OpenError;
use crate::password::Password;

/// What a client logs in with. An object, so that no record holds a secret (rule T9).
#[derive(uniffi::Object)]
pub struct CoreCredentials {
    pub(crate) core: core::Credentials,
    pub(crate) tokens: Option<Arc<TokenRequests>>,
}

#[uniffi::export]
impl CoreCredentials {
    /// Returns a password as credentials.
    #[uniffi::constructor]
    pub fn password(password: Password) -> Arc<Self> {
        Self::of(core::Credentials::Password(password.into_secret()))
    }

    /// Returns what earlier logins have stored: a token of FAST, or keys of SCRAM.
    #[uniffi::constructor]
    pub fn stored() -> Arc<Self> {
        Self::of(core::Credentials::Stored)
    }

    /// Returns bearer tokens (OAUTHBEARER, RFC 7628), which the app provides in answer to
    /// [`CoreClient::next_token_request`](crate::CoreClient::next_token_request).
    #[uniffi::constructor]
    pub fn bearer_token() -> Arc<Self> {
        let tokens = Arc::new(TokenRequests::default());
        Arc::new(Self {
            core: core::Credentials::BearerToken(Arc::clone(&tokens) as _),
            tokens: Some(tokens),
        })
    }

    /// Returns a client certificate (EXTERNAL, XEP-0178): the certificate and those of its issuers, and its private key, as PEM.
    ///
    /// # Errors
    ///
    /// Fails with [`OpenError::Configuration`] if they cannot be used.
    #[uniffi::constructor]
    pub fn certificate(chain_pem: String, key_pem: Password) -> Result<Arc<Self>, OpenError> {
        let key = key_pem.into_secret();
        let read = core::ClientCertificate::from_pem(chain_pem.as_bytes(), key.expose().as_bytes());
        let certificate = read.map_err(|_| OpenError::Configuration {
            setting: "certificate".to_owned(),
        })?;
        Ok(Self::of(core::Credentials::Certificate(certificate)))
    }

    /// Returns no credentials: the server assigns an account (ANONYMOUS, XEP-0175). The account of the configuration is the
    /// domain.
    #[uniffi::constructor]
    pub fn anonymous() -> Arc<Self> {
        Self::of(core::Credentials::Anonymous)
    }
}

impl CoreCredentials {
    fn of(core: core::Credentials) -> Arc<Self> {
        Arc::new(Self { core, tokens: None })
    }
}

impl fmt::Debug for CoreCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CoreCredentials(..)")
    }
}

/// A request for a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct TokenRequest {
    /// The id for the answer.
    pub id: u64,
    /// The server has refused the last token: one from a cache is of no use.
    pub refused: bool,
}

/// Why the app has no bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum TokenProblem {
    /// The user has to act first, for example to sign in anew. There is no further attempt until the app connects again.
    UserNeeded,
    /// None at the moment. Another attempt follows, after the wait of any failure.
    Unavailable,
}

impl From<TokenProblem> for CredentialError {
    fn from(problem: TokenProblem) -> Self {
        match problem {
            TokenProblem::UserNeeded => Self::UserNeeded,
            TokenProblem::Unavailable => Self::Unavailable,
        }
    }
}

type Answer = Result<Secret<String>, CredentialError>;

/// Requests to the app, and its answers. At most one request is waiting for each attempt to connect, of which there is one.
#[derive(Debug, Default)]
pub(crate) struct TokenRequests {
    state: Mutex<State>,
    requested: Notify,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    queue: VecDeque<TokenRequest>,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

impl TokenRequests {
    /// Waits for the next request that is still of use.
    pub(crate) async fn next(&self) -> TokenRequest {
        loop {
            let requested = self.requested.notified();
            if let Some(request) = self.lock().queue.pop_front() {
                return request;
            }
            requested.await;
        }
    }

    pub(crate) fn answer(&self, id: u64, answer: Answer) {
        let reply = self.lock().waiting.remove(&id);
        if let Some(reply) = reply {
            // The attempt may have ended.
            let _ = reply.send(answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenProvider for TokenRequests {
    fn token(&self, refused: bool) -> ProvidedToken {
        let (reply, answer) = oneshot::channel();
        let mut state = self.lock();
        // Requests of attempts that have ended are of no use.
        state.waiting.retain(|_, reply| !reply.is_closed());
        let State { queue, waiting, .. } = &mut *state;
        queue.retain(|request| waiting.contains_key(&request.id));
        state.last_id = state.last_id.wrapping_add(1);
        let id = state.last_id;
        state.waiting.insert(id, reply);
        state.queue.push_back(TokenRequest { id, refused });
        drop(state);
        self.requested.notify_one();
        Box::pin(async move { answer.await.unwrap_or(Err(CredentialError::Unavailable)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_answered_and_those_of_ended_attempts_are_dropped() {
        let requests = TokenRequests::default();
        drop(requests.token(false));
        let wanted = requests.token(true);
        let request = requests.next().await;
        assert_eq!(
            request,
            TokenRequest {
                id: 2,
                refused: true
            }
        );
        requests.answer(1, Err(CredentialError::UserNeeded));
        requests.answer(2, Ok(Secret::from("a")));
        assert_eq!(wanted.await, Ok(Secret::from("a")));
        let state = requests.lock();
        assert!(state.queue.is_empty() && state.waiting.is_empty());
    }

    #[test]
    fn t9_credentials_do_not_print() {
        let credentials = CoreCredentials::of(core::Credentials::Password(Secret::from("planted")));
        assert_eq!(format!("{credentials:?}"), "CoreCredentials(..)");
    }
}
