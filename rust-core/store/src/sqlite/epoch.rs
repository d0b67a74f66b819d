//! A number that file and vault share and that no backup of the file has: it changes before the first change after each
//! opening, and when a changed file is closed. An older copy of the file no longer matches the vault.
//!
//! ```text
//! file (last, next)   vault         killed here, the next opening finds
//!     ( , a)                        neither, as at the beginning
//!     (a, b)            b           b
//!     (b, c)            b           b, which is still one of the two
//!     (b, c)            c           c
//! ```

use snapback_proto::jid;
use snapback_proto::secret::Secret;
use snapback_types::hex;

use crate::{KeyVault, StoreError, VaultError};

use super::Durability;
use super::open::Opened;
use super::record::Epochs;
use super::seal;
use super::tables::cell;

/// Returns the vault's name for a secret of an account: a digest, since a key store may show names.
pub(super) fn vault_name(account: &str, what: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, account.as_bytes());
    let account = hex::encode(digest.as_ref().get(..16).unwrap_or_default());
    format!("snapback.{account}.{what}")
}

/// Returns the account as all sealed data names it: prepared (RFC 7622), so that an app may use another spelling the
/// next time. A file that was created under another spelling keeps that spelling.
pub(super) fn spelling(account: &str, vault: &dyn KeyVault) -> Result<String, VaultError> {
    let prepared = jid::prepared(account);
    let has_key = |account: &str| -> Result<bool, VaultError> {
        Ok(vault.get(&vault_name(account, "key"))?.is_some())
    };
    let is_older = prepared != account && !has_key(&prepared)? && has_key(account)?;
    Ok(if is_older {
        account.to_owned()
    } else {
        prepared.into_owned()
    })
}

pub(super) fn name(account: &str) -> String {
    vault_name(account, "epoch")
}

/// Writes the file first, durably; then the vault.
pub(super) fn advance(
    opened: &mut Opened,
    vault: &mut dyn KeyVault,
    account: &str,
) -> Result<(), StoreError> {
    let name = name(account);
    let last = vault
        .get(&name)?
        .map(|epoch| epoch.expose().clone())
        .unwrap_or_default();
    let next = seal::random::<16>()?.to_vec();
    let secret = Secret::new(next.clone());
    opened.change(Durability::PowerLoss, |tables| {
        let ledger = tables.hot.ledger.clone();
        tables.put_cell(cell::LEDGER, &ledger)?;
        tables.put_cell(cell::EPOCHS, &Epochs { last, next })
    })?;
    Ok(vault.put(&name, &secret)?)
}
