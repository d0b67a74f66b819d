//! What is remembered about the keys of the domain (rule T13).

use rusqlite::Connection;
use snapback_types::key_trust::{KeyTrust, KeyTrustChange};

use super::fault::Fault;
use super::seal::Sealer;
use super::tables::{Hot, Tables, cell};

impl Tables<'_> {
    pub(super) fn key_trust(&self) -> Result<KeyTrust, Fault> {
        Ok(self.cell(cell::KEY_TRUST)?.unwrap_or_default())
    }

    pub(super) fn change_key_trust(&self, change: impl FnOnce(&mut KeyTrust)) -> Result<(), Fault> {
        self.change_cell(cell::KEY_TRUST, change)
    }
}

/// Notes for an account with a proven login that an authority had issued the certificate: schemas 1 to 10 accepted no other.
pub(super) fn add(conn: &Connection, sealer: &Sealer) -> Result<(), Fault> {
    let logged_in = "SELECT EXISTS (SELECT 1 FROM account
        WHERE name IN ('floor', 'scram-keys', 'fast', 'session'))";
    if conn.query_row(logged_in, [], |row| row.get(0))? {
        let hot = Hot::default();
        let tables = Tables::new(conn, sealer, &hot);
        tables.change_key_trust(|trust| trust.apply(&KeyTrustChange::ProvenByAuthority))?;
    }
    Ok(())
}
