-- 0008: which sessions may be open, and an untold gap.
--
-- The ledger ends with two more flags: whether a session under another resource than the installation's may be open, and
-- whether a possible gap is to be reported to the app (docs/decisions/0091). Ledgers of before end without them, so no table
-- changes. The number does: a build of before would take such a ledger for a damaged one.
SELECT 1;
