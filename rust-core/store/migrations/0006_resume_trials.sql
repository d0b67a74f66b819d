-- 0006: what came of asking for the interrupted session.
--
-- How often the server answered `<resume/>` wrongly or not at all (docs/decisions/0064) stands at the end of the session's record;
-- sessions of before end without it, so no table changes. The number does: a build of before would take such a record for a
-- damaged one.
SELECT 1;
