-- 0002: what the DNS said, and what caps stand for, so that a new process has to ask for neither.
--
-- Both are caches: a row that does not open costs a question. `place` rises with each row that is written; those with
-- the lowest make room. It is the row's status, so it is part of the associated data, as in `queue`.

CREATE TABLE endpoints (
    domain TEXT NOT NULL PRIMARY KEY,
    place INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- `holder` is empty where the answer matched the hash and holds for every entity that shows it, else the JID that it holds for.
CREATE TABLE caps (
    holder TEXT NOT NULL,
    hash TEXT NOT NULL,
    ver TEXT NOT NULL,
    place INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (holder, hash, ver)
) STRICT, WITHOUT ROWID;

-- A server's answer belonged to its endpoint before. It is asked once more.
DELETE FROM server WHERE fact = 'info';
