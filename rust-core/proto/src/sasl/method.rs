//! What the app logs in with: a password, or what organisations use in its place.
//!
//! The method is the app's decision, never the server's: a server that offers something else is refused. None of the methods
//! here but the password has a proof of the server, so only the certificate authenticates it (rule T4), as with PLAIN.

use std::fmt;
use std::sync::Arc;

use super::mechanism::{Mechanism, OwnName};
use crate::secret::Secret;

/// What the app logs in with.
#[derive(Clone, Debug, Default)]
pub enum Method {
    /// A password ([`Config::password`](crate::config::Config::password)), or the keys and tokens that one has left behind.
    #[default]
    Password,
    /// A bearer token, which the app is asked for when a login needs one: OAUTHBEARER (RFC 7628).
    BearerToken,
    /// The client certificate of the TLS connection: EXTERNAL (RFC 4422 appendix A, XEP-0178).
    Certificate,
    /// Nothing: the server assigns an account (ANONYMOUS: RFC 4505, XEP-0175).
    Anonymous,
    /// A mechanism that the app implements.
    Own(Arc<dyn OwnMechanism>),
}

impl Method {
    /// Returns the only mechanism of this method; `None` for passwords, which have several.
    pub fn mechanism(&self) -> Option<Mechanism> {
        match self {
            Self::Password => None,
            Self::BearerToken => Some(Mechanism::OauthBearer),
            Self::Certificate => Some(Mechanism::External),
            Self::Anonymous => Some(Mechanism::Anonymous),
            Self::Own(own) => Some(Mechanism::Own(own.name())),
        }
    }

    /// Returns whether this is [`Method::Anonymous`].
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }
}

/// Why the app has no credentials for a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// The user has to act first, for example to sign in anew. No further attempt is made until the app connects again.
    UserNeeded,
    /// None at the moment, for example because the service that issues them does not answer. Another attempt follows, after
    /// the wait of any failure.
    Unavailable,
    /// The server failed to prove its identity. From a mechanism of the app's own only; from a token provider it counts as
    /// [`CredentialError::UserNeeded`].
    WrongServer,
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNeeded => "the user has to act first",
            Self::Unavailable => "there are no credentials at the moment",
            Self::WrongServer => "the server failed to prove its identity",
        })
    }
}

impl std::error::Error for CredentialError {}

/// A SASL mechanism that the app implements (RFC 4422 section 5).
///
/// Its methods are called while the connection is being processed: they must return at once.
pub trait OwnMechanism: fmt::Debug + Send + Sync {
    /// Returns the name of the mechanism. It does not change.
    fn name(&self) -> OwnName;

    /// Starts an exchange: each login attempt has one of its own.
    fn begin(&self) -> Box<dyn OwnExchange>;
}

/// One exchange of an [`OwnMechanism`]. Its messages are not encoded: base64 is the connection's.
pub trait OwnExchange: fmt::Debug + Send + Sync {
    /// Returns the first message; `None` if the server sends the first one.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the login is given up.
    fn initial_response(&mut self) -> Result<Option<Secret<Vec<u8>>>, CredentialError>;

    /// Returns the response to a challenge.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the login is given up.
    fn challenge(&mut self, data: &[u8]) -> Result<Secret<Vec<u8>>, CredentialError>;

    /// Checks what the server sent with success; `None` if it sent nothing. Nothing that the server says is acted on before.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the login is given up, for example [`CredentialError::WrongServer`].
    fn success(&mut self, data: Option<&[u8]>) -> Result<(), CredentialError>;
}
