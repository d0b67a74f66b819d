//! SASL (RFC 4422) as XMPP uses it: SCRAM (RFC 5802, RFC 7677) with channel binding (RFC 5929, RFC 9266, XEP-0440)
//! and downgrade protection (XEP-0474, XEP-0515), the hashed tokens of FAST (XEP-0484), and PLAIN (RFC 4616); and
//! what organisations use in place of a password: OAUTHBEARER (RFC 7628), EXTERNAL (RFC 4422), ANONYMOUS (RFC 4505), and mechanisms
//! of the app's own.
//!
//! Pure functions and by-value states over raw SASL messages: base64 and the XML around it belong to the caller, who
//! also supplies the nonce and runs the slow [`ScramKeys::derive`] away from the I/O thread.
//!
//! ```text
//! choose(offer, bindings, policy) -> Choice
//!
//! ExpectServerFirst --server_first--> NeedKeys --respond(keys)--> ExpectServerFinal --server_final--> Proven
//!   initial_response()                  key_id() -> derive or cache
//!
//! ht::initial_response(token) ----------------------------------------------------- ht::verify -----> Proven
//! ```
//!
//! [`Proven`] can only be created in this module, when a server has shown that it knows the secret. A function that takes one
//! as an argument cannot be called too early.

pub mod bearer;
mod binding;
mod choose;
mod digest;
mod downgrade;
mod error;
pub mod ht;
mod mechanism;
mod method;
pub mod plain;
mod scram;

pub(crate) use digest::MacKey;

pub use binding::{ChannelBindingType, ChannelBindings, Gs2};
pub use choose::{Choice, Floor, NoMechanism, Offer, Profile, SaslPolicy, choose};
pub use error::{SaslError, ScramMessage, ScramServerError};
pub use mechanism::{Hash, HtBinding, Mechanism, OwnName};
pub use method::{CredentialError, Method, OwnExchange, OwnMechanism};
pub use snapback_types::transport::TlsVersion;
pub use snapback_wire::sasl::{SaslCondition, SaslRefusal};

pub use scram::{
    ExpectServerFinal, ExpectServerFirst, NeedKeys, Preparation, ScramKeyId, ScramKeys,
};

/// Evidence that the server is authenticated: SCRAM's `v=` or the responder's hash of a token was verified.
///
/// PLAIN never yields one, nor does any mechanism of [`Method`]: only the certificate authenticates its server.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Proven(());
