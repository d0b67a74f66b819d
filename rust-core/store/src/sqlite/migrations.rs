//! Numbered migrations. `user_version` says how many of them a file has seen.

use rusqlite::{Connection, TransactionBehavior};

use crate::failures::StoredFailures;

use super::failures;
use super::fault::Fault;
use super::heads;
use super::key_trust;
use super::seal::Sealer;

/// In order; each file begins with a note on its purpose. A released migration is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_endpoints_and_caps.sql"),
    include_str!("../../migrations/0003_archive.sql"),
    include_str!("../../migrations/0004_archive_since.sql"),
    include_str!("../../migrations/0005_duplicates.sql"),
    include_str!("../../migrations/0006_resume_trials.sql"),
    include_str!("../../migrations/0007_heads.sql"),
    include_str!("../../migrations/0008_open_sessions.sql"),
    include_str!("../../migrations/0009_hand_over.sql"),
    include_str!("../../migrations/0010_failures.sql"),
    include_str!("../../migrations/0011_rechecks_and_keys.sql"),
    include_str!("../../migrations/0012_push.sql"),
    include_str!("../../migrations/0013_greeting.sql"),
];

/// The schema in which rows begin to have heads: those of before are written again.
const HEADS: i64 = 7;

/// The schema in which failures begin to have a table: those of before are carried over.
const FAILURES: i64 = 10;

/// The schema in which keys of the server begin to have a row.
const KEY_TRUST: i64 = 11;

/// The schema version of this build.
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Returns how many migrations were applied to the file.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings the file up to [`NEWEST`], each step in a transaction of its own.
pub(super) fn migrate(
    conn: &mut Connection,
    from: i64,
    sealer: &Sealer,
    account: &str,
) -> Result<(), Fault> {
    // Read first: a step on the way writes records as this build does.
    let before = match from {
        1..FAILURES => failures::of_before(conn, sealer)?,
        _ => StoredFailures::default(),
    };
    for (number, sql) in (1_i64..).zip(MIGRATIONS) {
        if number <= from {
            continue;
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        if number == HEADS {
            heads::add(&tx, sealer, account)?;
        }
        if number == FAILURES {
            failures::carry_over(&tx, sealer, before.clone())?;
        }
        if number == KEY_TRUST {
            key_trust::add(&tx, sealer)?;
        }
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}
