//! What weakens the check of a server's certificate. **For tests, private networks, and apps that ship a server's key.**

pub use snapback_tls::danger::Roots;

use crate::{Client, KeyError, KeyHash};

/// Trusts a key of the server, even if no certificate with it was refused, and even if an authority has issued the certificate of a
/// proven login of this account. [`Client::trust_key`] refuses both.
///
/// The holder of this key can impersonate the server from then on, until [`Client::forget_key`]. After an authority, a
/// self-signed certificate is what an attacker would show: never call this because a user has dismissed a warning.
///
/// # Errors
///
/// [`KeyError::Store`] if the store cannot be written, and [`KeyError::Closed`].
pub async fn trust_key(client: &Client, key: KeyHash) -> Result<(), KeyError> {
    client.trust_despite_authority(key).await
}
