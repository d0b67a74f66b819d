//! Rule T12: each row is sealed separately, with AES-256-GCM and a fresh random nonce.
//!
//! A sealed value is a version byte, the nonce and the output of the AEAD. The associated data names the position, so
//! that a value cannot be moved to another account, table, column, row or status. Random nonces of 96 bits allow 2^32
//! seals under one key; at four for each stanza these are a billion stanzas.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use snapback_proto::secret::Secret;
use zeroize::Zeroizing;

use super::fault::Fault;

const VERSION: u8 = 1;

/// The position of a sealed value.
#[derive(Clone, Copy)]
pub(super) struct AadContext<'a> {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    /// The row's key.
    pub(super) row: &'a [u8],
    /// Further properties of the row that must not change unnoticed.
    pub(super) status: &'a [u8],
}

pub(super) struct Sealer {
    key: LessSafeKey,
    /// Derived from the key: hashes the ids of messages.
    seen_key: Secret<[u8; 32]>,
    account: String,
    random: SystemRandom,
}

impl Sealer {
    /// Returns none if the key has the wrong length.
    pub(super) fn new(key: &Secret<Vec<u8>>, account: &str) -> Option<Self> {
        let seen_key = derive(key, b"snapback seen");
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).ok()?;
        Some(Self {
            key: LessSafeKey::new(key),
            seen_key,
            account: account.to_owned(),
            random: SystemRandom::new(),
        })
    }

    /// Returns the key for the ids of messages.
    pub(super) fn seen_key(&self) -> [u8; 32] {
        *self.seen_key.expose()
    }

    /// Returns a new key of the right length.
    pub(super) fn new_key() -> Result<Secret<Vec<u8>>, Fault> {
        Ok(Secret::new(random::<32>()?.to_vec()))
    }

    pub(super) fn seal(&self, spot: AadContext<'_>, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| Fault::Unwritable)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let Some(body) = sealed.get_mut(1 + NONCE_LEN..) else {
            return Err(Fault::Unwritable);
        };
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, self.associated_data(spot), body)
            .map_err(|_| Fault::Unwritable)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    pub(super) fn open(
        &self,
        spot: AadContext<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let (version, rest) = sealed.split_first().ok_or(Fault::Unreadable)?;
        let (nonce, body) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Fault::Unreadable)?;
        if *version != VERSION {
            return Err(Fault::Unreadable);
        }
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                self.associated_data(spot),
                &mut body,
            )
            .map_err(|_| Fault::Unreadable)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// Returns each part after its length, so that no two positions have the same data.
    fn associated_data(&self, spot: AadContext<'_>) -> Aad<Vec<u8>> {
        let parts = [
            self.account.as_bytes(),
            spot.table.as_bytes(),
            spot.column.as_bytes(),
            spot.row,
            spot.status,
        ];
        let mut data = Vec::with_capacity(128);
        data.push(VERSION);
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        Aad::from(data)
    }
}

/// Derives a key for another purpose, from which the first key cannot be computed (RFC 2104).
fn derive(key: &Secret<Vec<u8>>, purpose: &[u8]) -> Secret<[u8; 32]> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let tag = hmac::sign(&key, purpose);
    let mut derived = [0; 32];
    derived
        .iter_mut()
        .zip(tag.as_ref())
        .for_each(|(to, from)| *to = *from);
    Secret::new(derived)
}

/// Returns random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Fault::Unwritable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT: AadContext<'static> = AadContext {
        table: "queue",
        column: "value",
        row: b"7",
        status: b"",
    };

    fn sealer(account: &str) -> Sealer {
        Sealer::new(&Secret::new(vec![5; 32]), account).unwrap()
    }

    #[test]
    fn t12_opens_only_where_it_was_sealed() {
        let sealed = sealer("a").seal(SPOT, b"text").unwrap();
        assert_eq!(*sealer("a").open(SPOT, &sealed).unwrap(), b"text");
        let elsewhere = [
            AadContext {
                table: "delivery",
                ..SPOT
            },
            AadContext {
                column: "place",
                ..SPOT
            },
            AadContext { row: b"8", ..SPOT },
            AadContext {
                status: b"1",
                ..SPOT
            },
            // The same bytes, divided otherwise.
            AadContext {
                row: b"",
                status: b"7",
                ..SPOT
            },
        ];
        for spot in elsewhere {
            assert!(sealer("a").open(spot, &sealed).is_err());
        }
        assert!(sealer("b").open(SPOT, &sealed).is_err());
        let other_key = Sealer::new(&Secret::new(vec![6; 32]), "a").unwrap();
        assert!(other_key.open(SPOT, &sealed).is_err());
    }

    #[test]
    fn t12_every_byte_counts_and_no_nonce_comes_twice() {
        let sealed = sealer("a").seal(SPOT, b"text").unwrap();
        assert_ne!(sealed, sealer("a").seal(SPOT, b"text").unwrap());
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(sealer("a").open(SPOT, &flipped).is_err(), "byte {at}");
            assert!(
                sealer("a").open(SPOT, &sealed[..at]).is_err(),
                "cut at {at}"
            );
        }
    }
}
