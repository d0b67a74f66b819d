//! The three hash functions behind one enum, and comparison in constant time.

use hmac::digest::CtOutput;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::mechanism::Hash;

impl Hash {
    /// The length of a digest in bytes.
    pub(super) fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// `H(data)`
    pub(crate) fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    /// `HMAC(key, parts joined)`
    pub(crate) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => hmac::<Sha1>(key, parts),
            Self::Sha256 => hmac::<Sha256>(key, parts),
            Self::Sha512 => hmac::<Sha512>(key, parts),
        }
    }

    /// `Hi(password, salt, iterations)`: PBKDF2 with one block of output.
    pub(super) fn pbkdf2(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        let mut output = vec![0; self.output_len()];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut output),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut output),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut output),
        }
        output
    }
}

/// A key that many MACs are computed with, HMAC-SHA-256: the preparation of the key in RFC 2104 is half the work, and is done
/// once.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// Prepares the key.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(keyed(key))
    }

    /// `HMAC(key, parts joined)`
    pub(crate) fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        joined(self.0.clone(), parts).into_bytes().into()
    }
}

fn hmac<D: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Vec<u8>
where
    Hmac<D>: KeyInit + Mac,
{
    joined(keyed::<D>(key), parts).into_bytes().to_vec()
}

fn joined<M: Mac>(mut mac: M, parts: &[&[u8]]) -> CtOutput<M> {
    for part in parts {
        mac.update(part);
    }
    mac.finalize()
}

/// HMAC over a key that is padded to the block here, which is the first step of RFC 2104. The constructor that takes a whole
/// block cannot fail, and there would be no safe result for a MAC that can.
fn keyed<D: EagerHash>(key: &[u8]) -> Hmac<D>
where
    Hmac<D>: KeyInit + Mac,
{
    let mut block = hmac::digest::Key::<Hmac<D>>::default();
    let is_long = key.len() > block.len();
    let mut fill = |bytes: &[u8]| {
        block
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
    };
    if is_long {
        let mut hashed = D::digest(key);
        fill(&hashed);
        hashed.as_mut_slice().zeroize();
    } else {
        fill(key);
    }
    let mac = <Hmac<D> as KeyInit>::new(&block);
    block.as_mut_slice().zeroize();
    mac
}

/// Compares in constant time.
pub(super) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapback_types::hex;

    #[test]
    fn hmac_pads_short_keys_and_hashes_long_ones() {
        // RFC 4231, test case 2; the second from python3 hmac.
        let short = Hash::Sha256.hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(
            hex::encode(&short),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long = Hash::Sha256.hmac(&[b'k'; 200], &[b"abc"]);
        assert_eq!(
            hex::encode(&long),
            "ce632aa86d6a3fd3c79f06217c0a506599d055cd38eb385b16a2939f2488f686"
        );
        let key = MacKey::new(b"Jefe");
        for _ in 0..2 {
            assert_eq!(
                hex::encode(&key.hmac(&[b"what do ya ", b"want for nothing?"])),
                hex::encode(&short)
            );
        }
    }

    #[test]
    fn output_lengths() {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            assert_eq!(hash.digest(b"").len(), hash.output_len());
            assert_eq!(hash.hmac(b"", &[]).len(), hash.output_len());
        }
    }
}
