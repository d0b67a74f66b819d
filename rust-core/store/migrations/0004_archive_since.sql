-- 0004: a cursor that is a time.
--
-- Before the first session is asked for, the archive's cursor (XEP-0313) becomes the time. It stands where the other cursors do, in
-- the ledger and in the queue's records, with a mark of its own, so no table changes. The number does: a build of before would
-- take such a record for a damaged one.
SELECT 1;
