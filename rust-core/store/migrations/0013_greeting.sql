-- 0013: whether a session was begun completely (docs/decisions/0138).
--
-- The record of a session ends with 1 if a background sync has bound it, and its presence and the other initial stanzas are owed;
-- else with 0. Records of before end without it, and were begun completely.
--
-- No table changes. The number does: a build of before would take such a record for a damaged one.
SELECT 1;
