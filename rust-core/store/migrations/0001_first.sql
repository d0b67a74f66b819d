-- 0001: the first schema.
--
-- Every `value` is sealed (docs/store.md), with the names of its table and column and its row's key as associated data.
-- Keys stand in the clear: they say whom and where, never what. No secondary indexes: there is nothing to fall out of
-- step with its table, and SQLite's quick check sees what is left.

-- What an account has once: floor, SCRAM keys, both token slots, session, ledger, roster version, installation, epoch.
CREATE TABLE account (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What one endpoint showed, one row for each fact.
CREATE TABLE server (
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    transport TEXT NOT NULL,
    fact TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (host, port, transport, fact)
) STRICT, WITHOUT ROWID;

-- Outbound stanzas. `place` is the order of sending, null where nothing was sent: it is the row's status, so it is part
-- of the associated data, too.
CREATE TABLE queue (
    seq INTEGER PRIMARY KEY,
    place INTEGER,
    value BLOB NOT NULL
) STRICT;

-- Inbound stanzas that the app has not confirmed, in the order of `place`.
CREATE TABLE delivery (
    id TEXT NOT NULL PRIMARY KEY,
    place INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE roster (
    jid TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Rows that failed their seal, kept for inspection. Bounded.
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    value BLOB NOT NULL
) STRICT;
