//! Accounts and what is stored with them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::World;
use super::archive::ArchivedMessage;
use super::fast::TokenSlots;
use super::roster::Roster;
use crate::sasl::{ScramKeys, TypedHash};
use crate::switches::Switches;
use crate::tls::TlsError;
use crate::xml::Element;

#[derive(Debug, Default)]
pub(crate) struct Account {
    password: String,
    salt: Vec<u8>,
    keys: BTreeMap<(TypedHash, u32), ScramKeys>,
    pub(super) roster: Roster,
    pub(super) archive: Vec<ArchivedMessage>,
    pub(super) offline: VecDeque<Element>,
    /// Bearer tokens that are valid (RFC 6750).
    pub(crate) bearer_tokens: BTreeSet<String>,
    /// By the client's `user-agent` id.
    pub(super) fast: BTreeMap<String, TokenSlots>,
}

impl Account {
    pub(crate) fn has_password(&self, password: &str) -> bool {
        self.password == password
    }

    fn scram_keys(&mut self, hash: TypedHash, iterations: u32) -> ScramKeys {
        self.keys
            .entry((hash, iterations))
            .or_insert_with(|| {
                ScramKeys::derive(hash, &self.password, self.salt.clone(), iterations)
            })
            .clone()
    }
}

impl World {
    /// Returns a world with the same certificates, accounts and passwords, in its initial state. Expensive values are
    /// computed once, in this one: a simulation starts a server for each seed.
    ///
    /// # Errors
    ///
    /// TLS has no randomness.
    pub fn fork(&mut self, switches: Switches, seed: u64) -> Result<Self, TlsError> {
        let hashes: Vec<_> = switches
            .mechanisms
            .iter()
            .filter_map(|m| m.hash())
            .collect();
        let mut accounts = BTreeMap::new();
        for (user, account) in &mut self.accounts {
            for hash in &hashes {
                account.scram_keys(*hash, switches.scram_iterations);
            }
            let fresh = Account {
                password: account.password.clone(),
                salt: account.salt.clone(),
                keys: account.keys.clone(),
                ..Account::default()
            };
            accounts.insert(user.clone(), fresh);
        }
        Ok(Self::with(
            self.domain.clone(),
            switches,
            seed,
            self.tls.fork()?,
            accounts,
        ))
    }

    /// Creates an account (local part), or changes its password.
    pub fn add_account(&mut self, user: &str, password: &str) {
        let salt = self.rng.bytes().split_at(16).0.to_vec();
        let account = self.accounts.entry(user.to_owned()).or_default();
        account.password = password.to_owned();
        account.salt = salt;
        account.keys.clear();
    }

    /// Makes a bearer token valid for an account (RFC 7628).
    pub fn add_bearer_token(&mut self, user: &str, token: &str) {
        let account = self.accounts.entry(user.to_owned()).or_default();
        account.bearer_tokens.insert(token.to_owned());
    }

    /// Makes all bearer tokens of an account invalid.
    pub fn revoke_bearer_tokens(&mut self, user: &str) {
        if let Some(account) = self.accounts.get_mut(user) {
            account.bearer_tokens.clear();
        }
    }

    /// Creates an account for one anonymous login (XEP-0175); returns its name.
    pub(crate) fn add_anonymous(&mut self) -> String {
        let user = self.rng.token().to_lowercase();
        let user: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
        self.accounts.insert(user.clone(), Account::default());
        user
    }

    pub(crate) fn account(&self, user: &str) -> Option<&Account> {
        self.accounts.get(user)
    }

    /// Returns the keys of a user, and whether the user exists; for one that does not they are made up, always the
    /// same, so that a probing client learns nothing.
    pub(crate) fn scram_keys(&mut self, user: &str, hash: TypedHash) -> (ScramKeys, bool) {
        let iterations = self.switches.scram_iterations;
        if let Some(account) = self.accounts.get_mut(user) {
            return (account.scram_keys(hash, iterations), true);
        }
        let salt = TypedHash::Sha256
            .digest(user.as_bytes())
            .split_at(16)
            .0
            .to_vec();
        (
            ScramKeys::derive(hash, "", salt, 1).with_iterations(iterations),
            false,
        )
    }

    pub(crate) fn bare_jid(&self, user: &str) -> String {
        [user, "@", &self.domain].concat()
    }

    /// Returns the account of a JID on this domain.
    pub(crate) fn local_account(&self, jid: &str) -> Option<String> {
        let (local, domain) = crate::jid::bare(jid).split_once('@')?;
        (domain == self.domain && self.accounts.contains_key(local)).then(|| local.to_owned())
    }
}
