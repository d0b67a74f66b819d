-- 0011: what the archive has to be asked for again.
--
-- Why, and the position from which (docs/decisions/0103), stand at the end of the ledger. Ledgers of before end without it, so no
-- table changes. The number does: a build of before would take such a ledger for a damaged one.
SELECT 1;
