-- 0003: what came through the archive.
--
-- Which messages are known already, so that none comes twice: a ring of the last ones, by keyed hashes of their stable ids
-- (XEP-0359). The key comes from the vault's. Not sealed: a row that is changed or missing lets a duplicate through, and
-- without the key no row can be forged that suppresses a message.
--
-- The archive's cursor (XEP-0313) stands in the ledger, and what became of an earlier sending in the queue's records; rows
-- of before end without them.
CREATE TABLE seen (
    slot INTEGER PRIMARY KEY,
    tags BLOB NOT NULL
) STRICT;
