//! What a client logs in with.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use snapback_proto::sasl::{CredentialError, Method, OwnMechanism};
use snapback_proto::secret::Secret;
use snapback_tls::ClientCertificate;

/// What a client logs in with. Tokens of FAST (XEP-0484) are requested with all of them but [`Credentials::Anonymous`], and used
/// first.
///
/// Only a password can show that the server is the right one (SCRAM). With all others the server's certificate alone does, as
/// with PLAIN: an authority that issues a certificate of the domain to another entity gives it the session, and with it a bearer
/// token.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A password.
    Password(Secret<String>),
    /// Only what earlier logins have stored: a token of FAST, or keys of SCRAM.
    Stored,
    /// A bearer token, which is requested when a login needs it: OAUTHBEARER (RFC 7628).
    BearerToken(Arc<dyn TokenProvider>),
    /// The client's certificate: EXTERNAL (RFC 4422 appendix A, XEP-0178). Its first XMPP address, or what the server derives
    /// from it, has to be the account.
    Certificate(ClientCertificate),
    /// None: the server assigns an account at the domain, another one for each new session (ANONYMOUS: RFC 4505, XEP-0175).
    Anonymous,
    /// A mechanism that the app implements.
    Own(Arc<dyn OwnMechanism>),
}

/// The answer of a [`TokenProvider`].
pub type ProvidedToken =
    Pin<Box<dyn Future<Output = Result<Secret<String>, CredentialError>> + Send>>;

/// Provides bearer tokens (RFC 6750).
pub trait TokenProvider: fmt::Debug + Send + Sync {
    /// Returns a token for the next login, as it is sent: without `Bearer`. It is requested for each login that no token of FAST
    /// replaces, as early as possible, and not kept. With `refused` the server has refused the last one, so that one from a
    /// cache is of no use; if the next one is refused, too, the client goes offline
    /// ([`OfflineReason::NeedsCredentials`](crate::OfflineReason::NeedsCredentials)) until [`Client::connect`](crate::Client::connect).
    ///
    /// An answer that takes longer than 20 seconds ends the attempt, and another one follows. Where the user has to sign in,
    /// answer [`CredentialError::UserNeeded`], and connect again after that.
    fn token(&self, refused: bool) -> ProvidedToken;
}

/// Longer than the connection waits, so that it is the connection that reports the delay.
const DROPPED_AFTER: Duration = Duration::from_secs(40);

impl Credentials {
    pub(crate) fn password(&self) -> Option<Secret<String>> {
        match self {
            Self::Password(password) => Some(password.clone()),
            _ => None,
        }
    }

    pub(crate) fn method(&self) -> Method {
        match self {
            Self::Password(_) | Self::Stored => Method::Password,
            Self::BearerToken(_) => Method::BearerToken,
            Self::Certificate(_) => Method::Certificate,
            Self::Anonymous => Method::Anonymous,
            Self::Own(own) => Method::Own(Arc::clone(own)),
        }
    }

    /// Requests a token. A provider that panics provides none, and one that hangs is dropped after a while.
    pub(crate) async fn token(&self, refused: bool) -> Result<Secret<String>, CredentialError> {
        let Self::BearerToken(provider) = self else {
            return Err(CredentialError::UserNeeded);
        };
        let provider = Arc::clone(provider);
        let provided = tokio::spawn(async move {
            let token = provider.token(refused);
            tokio::time::timeout(DROPPED_AFTER, token).await
        });
        match provided.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(CredentialError::Unavailable),
        }
    }
}
