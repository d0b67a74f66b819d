//! The server's side of SCRAM-SHA-256 (RFC 5802, 7677) and of the hashed tokens, with hashes of its own: it checks the
//! client's proof, so a login in a test is a real one.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::sasl::{SaslError, ScramKeyId, ScramKeys};
use crate::secret::Secret;

pub(super) const PASSWORD: &str = "r0m30myr0m30";
pub(super) const SALT: &[u8] = b"sixteen salty by";
pub(super) const ITERATIONS: u32 = 4096;

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn salted() -> &'static [u8; 32] {
    static SALTED: OnceLock<[u8; 32]> = OnceLock::new();
    SALTED.get_or_init(|| {
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(PASSWORD.as_bytes(), SALT, ITERATIONS, &mut salted);
        salted
    })
}

/// What the driver would answer to a request for keys; derived once, since every test asks for the same.
pub(super) fn keys(
    id: &ScramKeyId,
    password: Option<&Secret<String>>,
) -> Result<ScramKeys, SaslError> {
    static KEYS: OnceLock<ScramKeys> = OnceLock::new();
    let password = password.ok_or(SaslError::PasswordNotAllowed)?;
    let is_usual = id.salt == SALT && id.iterations == ITERATIONS && password.expose() == PASSWORD;
    if is_usual {
        return Ok(KEYS
            .get_or_init(|| ScramKeys::derive(id, password).expect("a good password"))
            .clone());
    }
    if id.iterations > 10_000 {
        return Err(SaslError::TooManyIterations);
    }
    ScramKeys::derive(id, password)
}

/// One exchange, from the client's first message.
pub(super) struct Scram {
    gs2: String,
    client_first_bare: String,
    nonce: String,
    server_first: String,
}

impl Scram {
    /// `initial` is base64, as it stands in the XML.
    pub(super) fn new(initial: &str) -> Self {
        let first =
            String::from_utf8(STANDARD.decode(initial).unwrap_or_default()).unwrap_or_default();
        let (gs2, bare) = first.split_once(",,").unwrap_or_default();
        let nonce = bare.split_once("r=").map_or("", |(_, nonce)| nonce);
        Self {
            gs2: format!("{gs2},,"),
            client_first_bare: bare.to_owned(),
            nonce: format!("{nonce}SERVER"),
            server_first: String::new(),
        }
    }

    /// `server-first-message`
    pub(super) fn challenge(&mut self) -> String {
        self.challenge_with(ITERATIONS, "")
    }

    pub(super) fn challenge_with(&mut self, iterations: u32, more: &str) -> String {
        self.server_first = format!(
            "r={},s={},i={iterations}{more}",
            self.nonce,
            STANDARD.encode(SALT)
        );
        STANDARD.encode(&self.server_first)
    }

    /// `server-final-message`, if the client's proof is good and bound to this channel.
    pub(super) fn verify(&self, response: &str, channel: &[u8]) -> Option<String> {
        let last = String::from_utf8(STANDARD.decode(response).ok()?).ok()?;
        let (without_proof, proof) = last.split_once(",p=")?;
        let mut cbind = self.gs2.clone().into_bytes();
        if self.gs2.starts_with("p=") {
            cbind.extend_from_slice(channel);
        }
        if without_proof != format!("c={},r={}", STANDARD.encode(cbind), self.nonce) {
            return None;
        }
        let auth_message = format!(
            "{},{},{without_proof}",
            self.client_first_bare, self.server_first
        );
        let stored_key = Sha256::digest(hmac(salted(), &[b"Client Key"]));
        let signature = hmac(&stored_key, &[auth_message.as_bytes()]);
        let proof = STANDARD.decode(proof).ok()?;
        let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        if Sha256::digest(&client_key) != stored_key {
            return None;
        }
        let server_key = hmac(salted(), &[b"Server Key"]);
        let signature = hmac(&server_key, &[auth_message.as_bytes()]);
        Some(STANDARD.encode(format!("v={}", STANDARD.encode(signature))))
    }
}

/// The responder's word, if the initiator's is right.
pub(super) fn token_proof(initial: &str, token: &str, channel: &[u8]) -> Option<String> {
    let message = STANDARD.decode(initial).ok()?;
    let hash = message.strip_prefix(b"juliet\0")?;
    (hash == hmac(token.as_bytes(), &[b"Initiator", channel]))
        .then(|| STANDARD.encode(hmac(token.as_bytes(), &[b"Responder", channel])))
}
