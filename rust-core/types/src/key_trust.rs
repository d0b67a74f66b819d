//! Which public keys the server of an account may show, apart from the certificate authorities (rule T13).

/// SHA-256 of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). A key is named by it as in RFC 7469 section 2.4.
pub type KeyHash = [u8; 32];

/// The maximum number of keys in each list of [`Pins`]: a server has one or two, and one that is to follow.
pub const MAX_PINS: usize = 8;

/// What is remembered about the keys of an account's domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTrust {
    /// A login was proven over a connection whose certificate an authority had issued. From then on a key of the user's
    /// choice replaces the authority only by a call in `danger`.
    pub proven_by_authority: bool,
    /// The keys that the user or the app chose.
    pub pins: Pins,
}

/// A change of [`KeyTrust`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTrustChange {
    /// A login was proven over a connection whose certificate an authority had issued.
    ProvenByAuthority,
    /// This key is trusted.
    Trust(KeyHash),
    /// This key is not trusted any more.
    Forget(KeyHash),
    /// One of these keys is demanded; an empty list ends the demand.
    Require(Vec<KeyHash>),
}

impl KeyTrust {
    /// Applies a change.
    pub fn apply(&mut self, change: &KeyTrustChange) {
        match change {
            KeyTrustChange::ProvenByAuthority => self.proven_by_authority = true,
            KeyTrustChange::Trust(key) => self.pins.trust(*key),
            KeyTrustChange::Forget(key) => self.pins.forget(key),
            KeyTrustChange::Require(keys) => self.pins.require(keys),
        }
    }
}

/// Keys that were chosen by a user or an app, not by an authority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pins {
    trusted: Vec<KeyHash>,
    required: Vec<KeyHash>,
}

impl Pins {
    /// Returns the pins with these lists; of longer lists, the last [`MAX_PINS`] keys.
    pub fn restore(trusted: Vec<KeyHash>, required: Vec<KeyHash>) -> Self {
        let mut pins = Self::default();
        trusted.into_iter().for_each(|key| pins.trust(key));
        pins.require(&required);
        pins
    }

    /// Accepts a certificate with this key although no trusted authority has issued it. Of more than [`MAX_PINS`] keys, those
    /// trusted last are kept.
    pub fn trust(&mut self, key: KeyHash) {
        self.forget(&key);
        if self.trusted.len() >= MAX_PINS {
            self.trusted.remove(0);
        }
        self.trusted.push(key);
    }

    /// Ends the trust in this key. A demand for it stays.
    pub fn forget(&mut self, key: &KeyHash) {
        self.trusted.retain(|other| other != key);
    }

    /// Ends the trust in all keys. Demands stay.
    pub fn forget_all(&mut self) {
        self.trusted.clear();
    }

    /// Accepts no certificate without one of these keys, regardless of who issued it. An empty list ends the demand.
    pub fn require(&mut self, keys: &[KeyHash]) {
        let surplus = keys.len().saturating_sub(MAX_PINS);
        self.required = keys.iter().skip(surplus).copied().collect();
    }

    /// Returns the keys that are accepted without an authority; the one that was trusted last is last.
    pub fn trusted(&self) -> &[KeyHash] {
        &self.trusted
    }

    /// Returns the keys of which a certificate must have one; none if there is no demand.
    pub fn required(&self) -> &[KeyHash] {
        &self.required
    }

    /// Returns whether a certificate with this key is accepted without an authority.
    pub fn trusts(&self, key: &KeyHash) -> bool {
        self.trusted.contains(key)
    }

    /// Returns whether no other key than this one is demanded.
    pub fn allows(&self, key: &KeyHash) -> bool {
        self.required.is_empty() || self.required.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_a_key_is_trusted_until_it_is_forgotten() {
        let mut pins = Pins::default();
        pins.trust([1; 32]);
        pins.trust([1; 32]);
        assert_eq!(pins.trusted(), [[1; 32]]);
        assert!(pins.trusts(&[1; 32]) && !pins.trusts(&[2; 32]));
        pins.forget(&[1; 32]);
        assert!(!pins.trusts(&[1; 32]));
    }

    #[test]
    fn t13_a_demand_is_for_any_of_its_keys() {
        let mut pins = Pins::default();
        assert!(pins.allows(&[9; 32]));
        pins.require(&[[1; 32], [2; 32]]);
        assert!(pins.allows(&[1; 32]) && pins.allows(&[2; 32]) && !pins.allows(&[9; 32]));
        pins.forget(&[1; 32]);
        assert!(pins.allows(&[1; 32]), "to forget is not to allow others");
        pins.require(&[]);
        assert!(pins.allows(&[9; 32]));
    }

    #[test]
    fn t13_the_lists_are_bounded_and_keep_the_last() {
        let keys: Vec<KeyHash> = (0..20).map(|byte| [byte; 32]).collect();
        let pins = Pins::restore(keys.clone(), keys.clone());
        assert_eq!(pins.trusted(), &keys[12..]);
        assert_eq!(pins.required(), &keys[12..]);
    }
}
