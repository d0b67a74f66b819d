//! SCRAM (RFC 5802, RFC 7677), server side, with channel binding and XEP-0474.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::{ChannelBindings, Condition};

/// The hash of a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TypedHash {
    Sha1,
    Sha256,
    Sha512,
}

macro_rules! hmac {
    ($hash:ty, $key:expr, $data:expr) => {{
        // HMAC takes keys of any length.
        Hmac::<$hash>::new_from_slice($key)
            .map(|mut mac| {
                mac.update($data);
                mac.finalize().into_bytes().to_vec()
            })
            .unwrap_or_default()
    }};
}

impl TypedHash {
    pub(crate) fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => hmac!(Sha1, key, data),
            Self::Sha256 => hmac!(Sha256, key, data),
            Self::Sha512 => hmac!(Sha512, key, data),
        }
    }

    pub(crate) fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    fn salted(self, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        let password = password.as_bytes();
        match self {
            Self::Sha1 => {
                pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password, salt, iterations).to_vec()
            }
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec()
            }
            Self::Sha512 => {
                pbkdf2::pbkdf2_hmac_array::<Sha512, 64>(password, salt, iterations).to_vec()
            }
        }
    }
}

/// What a server stores instead of a password.
#[derive(Clone, Debug)]
pub(crate) struct ScramKeys {
    pub(crate) hash: TypedHash,
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl ScramKeys {
    pub(crate) fn derive(hash: TypedHash, password: &str, salt: Vec<u8>, iterations: u32) -> Self {
        let salted = hash.salted(password, &salt, iterations);
        let client_key = hash.hmac(&salted, b"Client Key");
        Self {
            hash,
            salt,
            iterations,
            stored_key: hash.digest(&client_key),
            server_key: hash.hmac(&salted, b"Server Key"),
        }
    }

    /// Sets the iterations: keys of a user that does not exist need not cost anything.
    pub(crate) fn with_iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }
}

/// A parsed `client-first-message`.
#[derive(Debug)]
pub(crate) struct ScramFirst {
    pub(crate) user: String,
    nonce: String,
    gs2_header: String,
    bare: String,
    binding: Binding,
}

#[derive(Debug)]
enum Binding {
    /// `n`: the client does not support it.
    None,
    /// `y`: the client supports it, and assumes that the server does not.
    Unused,
    /// `p=`: this type.
    Type(String),
}

impl ScramFirst {
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Condition> {
        let text = str::from_utf8(message).map_err(|_| Condition::MalformedRequest)?;
        let malformed = || Condition::MalformedRequest;
        let (flag, rest) = text.split_once(',').ok_or_else(malformed)?;
        let (authzid, bare) = rest.split_once(',').ok_or_else(malformed)?;
        let binding = match flag {
            "n" => Binding::None,
            "y" => Binding::Unused,
            other => Binding::Type(other.strip_prefix("p=").ok_or_else(malformed)?.to_owned()),
        };
        let (user, rest) = bare
            .strip_prefix("n=")
            .and_then(|rest| rest.split_once(','))
            .ok_or_else(malformed)?;
        let nonce = rest.strip_prefix("r=").ok_or_else(malformed)?;
        let nonce = nonce.split_once(',').map_or(nonce, |(nonce, _)| nonce);
        if nonce.is_empty() || user.is_empty() {
            return Err(malformed());
        }
        Ok(Self {
            user: user.replace("=2C", ",").replace("=3D", "="),
            nonce: nonce.to_owned(),
            gs2_header: format!("{flag},{authzid},"),
            bare: bare.to_owned(),
            binding,
        })
    }
}

/// The offer of the server on this stream, as far as SCRAM uses it.
#[derive(Debug)]
pub(crate) struct ScramOffer<'a> {
    /// Whether the mechanism in use has channel binding.
    pub(crate) plus: bool,
    /// Whether any offered mechanism has.
    pub(crate) plus_offered: bool,
    pub(crate) bindings: &'a ChannelBindings,
    /// XEP-0474's attribute.
    pub(crate) ssdp: Option<String>,
}

/// Waiting for `client-final-message`.
#[derive(Debug)]
pub(crate) struct Scram {
    pub(crate) user: String,
    keys: ScramKeys,
    known: bool,
    nonce: String,
    expected_binding: Vec<u8>,
    auth_prefix: String,
}

impl Scram {
    /// Returns the answer to `client-first-message`. `known` is false for a user that does not exist: the exchange then
    /// fails at its end, as for a wrong password.
    pub(crate) fn challenge(
        first: ScramFirst,
        offer: &ScramOffer<'_>,
        keys: ScramKeys,
        known: bool,
        server_nonce: &str,
    ) -> Result<(Vec<u8>, Self), Condition> {
        let mut expected_binding = first.gs2_header.clone().into_bytes();
        match (&first.binding, offer.plus) {
            (Binding::Type(name), true) => expected_binding
                .extend_from_slice(offer.bindings.get(name).ok_or(Condition::NotAuthorized)?),
            (Binding::Unused, false) if offer.plus_offered => return Err(Condition::NotAuthorized),
            (Binding::None | Binding::Unused, false) => {}
            _ => return Err(Condition::MalformedRequest),
        }
        let nonce = format!("{}{server_nonce}", first.nonce);
        let mut answer = format!(
            "r={nonce},s={},i={}",
            STANDARD.encode(&keys.salt),
            keys.iterations
        );
        if let Some(attribute) = &offer.ssdp {
            answer.push(',');
            answer.push_str(attribute);
        }
        let scram = Self {
            user: first.user,
            keys,
            known,
            nonce,
            expected_binding,
            auth_prefix: format!("{},{answer}", first.bare),
        };
        Ok((answer.into_bytes(), scram))
    }

    /// Checks `client-final-message`; returns `v=..`.
    pub(crate) fn finish(self, message: &[u8]) -> Result<Vec<u8>, Condition> {
        let malformed = || Condition::MalformedRequest;
        let text = str::from_utf8(message).map_err(|_| malformed())?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or_else(malformed)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().and_then(|a| a.strip_prefix("c="));
        let nonce = attributes.next().and_then(|a| a.strip_prefix("r="));
        let binding = STANDARD
            .decode(binding.ok_or_else(malformed)?)
            .map_err(|_| malformed())?;
        let proof = STANDARD.decode(proof).map_err(|_| malformed())?;
        if nonce.ok_or_else(malformed)? != self.nonce || binding != self.expected_binding {
            return Err(Condition::NotAuthorized);
        }
        let auth_message = format!("{},{without_proof}", self.auth_prefix);
        let hash = self.keys.hash;
        let signature = hash.hmac(&self.keys.stored_key, auth_message.as_bytes());
        let client_key: Vec<u8> = proof
            .iter()
            .zip(&signature)
            .map(|(proof, signature)| proof ^ signature)
            .collect();
        if !self.known
            || proof.len() != signature.len()
            || hash.digest(&client_key) != self.keys.stored_key
        {
            return Err(Condition::NotAuthorized);
        }
        let verifier = hash.hmac(&self.keys.server_key, auth_message.as_bytes());
        Ok(format!("v={}", STANDARD.encode(verifier)).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 section 3.
    #[test]
    fn rfc7677_example() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = ScramKeys::derive(TypedHash::Sha256, "pencil", salt, 4096);
        let first = ScramFirst::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        let (challenge, scram) = Scram::challenge(
            first,
            &ScramOffer {
                plus: false,
                plus_offered: false,
                bindings: &ChannelBindings::default(),
                ssdp: None,
            },
            keys,
            true,
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        )
        .unwrap();
        assert_eq!(
            challenge,
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let answer = scram
            .finish(b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
            .unwrap();
        assert_eq!(answer, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }
}
