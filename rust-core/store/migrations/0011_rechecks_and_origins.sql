-- 0011: what the archive has to be asked for again, where a delivery comes from, and what is sent at once or never.
--
-- Why the archive has to be asked again, and the position from which (docs/decisions/0103), stand at the end of the ledger; ledgers
-- of before end without it. The record of a delivery says at its end whether it comes from the archive (docs/decisions/0115); records
-- of before end without it. The record of an outbound stanza may have the kind `ephemeral` (docs/decisions/0116). No table changes.
-- The number does: a build of before would take such records for damaged ones.
SELECT 1;
