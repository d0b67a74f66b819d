//! FAST tokens (XEP-0484): two slots for each client, bound to a mechanism, with a replay counter.

use std::time::Duration;

use super::World;
use crate::sasl::{Condition, HtResponse, Mechanism};
use crate::time::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct TokenSlots {
    current: Option<Token>,
    new: Option<Token>,
}

#[derive(Clone, Debug)]
struct Token {
    secret: String,
    mechanism: Mechanism,
    expires: Timestamp,
    /// The highest `count` seen.
    count: u64,
}

/// A FAST login as requested by the client.
#[derive(Debug)]
pub(crate) struct FastLogin<'a> {
    pub(crate) client: &'a str,
    pub(crate) mechanism: Mechanism,
    pub(crate) response: &'a HtResponse,
    pub(crate) count: Option<u64>,
    pub(crate) early: bool,
    pub(crate) invalidate: bool,
}

/// What remains to be done after an accepted login.
#[derive(Debug)]
pub(crate) struct FastAccepted {
    pub(crate) proof: Vec<u8>,
    /// Whether the token expires soon.
    pub(crate) rotate: bool,
}

impl World {
    pub(crate) fn fast_login(
        &mut self,
        login: &FastLogin<'_>,
        now: Timestamp,
    ) -> Result<FastAccepted, Condition> {
        let rotate_before = self.switches.fast_rotate_before;
        let slots = self
            .accounts
            .get_mut(&login.response.user)
            .and_then(|account| account.fast.get_mut(login.client))
            .ok_or(Condition::NotAuthorized)?;
        let matches = |token: &Token| {
            login.response.matches(&token.secret) && token.mechanism == login.mechanism
        };
        if slots.new.as_ref().is_some_and(matches) {
            slots
                .new
                .as_mut()
                .map_or(Ok(()), |token| token.check(login, now))?;
            slots.current = slots.new.take();
        } else if slots.current.as_ref().is_some_and(matches) {
            slots
                .current
                .as_mut()
                .map_or(Ok(()), |token| token.check(login, now))?;
        } else {
            return Err(Condition::NotAuthorized);
        }
        let used = slots.current.clone().ok_or(Condition::NotAuthorized)?;
        if login.invalidate {
            slots.current = None;
        }
        Ok(FastAccepted {
            proof: login.response.answer(&used.secret),
            rotate: !login.invalidate && used.expires.saturating_sub(now) < rotate_before,
        })
    }

    /// Puts a new token into the `new` slot; returns its secret and expiry.
    pub(crate) fn issue_token(
        &mut self,
        user: &str,
        client: &str,
        mechanism: Mechanism,
        now: Timestamp,
    ) -> Option<(String, Timestamp)> {
        let token = Token {
            secret: self.rng.token(),
            mechanism,
            expires: now + self.switches.fast_lifetime,
            count: 0,
        };
        let issued = (token.secret.clone(), token.expires);
        let account = self.accounts.get_mut(user)?;
        account.fast.entry(client.to_owned()).or_default().new = Some(token);
        Some(issued)
    }

    /// Deletes all FAST tokens of an account.
    pub fn forget_fast_tokens(&mut self, user: &str) {
        if let Some(account) = self.accounts.get_mut(user) {
            account.fast.clear();
        }
    }

    /// Makes all FAST tokens of an account expire this much earlier.
    pub fn age_fast_tokens(&mut self, user: &str, by: Duration) {
        let Some(account) = self.accounts.get_mut(user) else {
            return;
        };
        for slots in account.fast.values_mut() {
            for token in [&mut slots.current, &mut slots.new].into_iter().flatten() {
                token.expires = token.expires.saturating_sub(by);
            }
        }
    }
}

impl Token {
    fn check(&mut self, login: &FastLogin<'_>, now: Timestamp) -> Result<(), Condition> {
        if now >= self.expires {
            return Err(Condition::CredentialsExpired);
        }
        match login.count {
            Some(count) if count <= self.count => return Err(Condition::NotAuthorized),
            Some(count) => self.count = count,
            None if login.early => return Err(Condition::NotAuthorized),
            None => {}
        }
        Ok(())
    }
}
