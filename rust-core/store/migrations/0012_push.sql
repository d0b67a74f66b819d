-- 0012: the push notifications that the app wants (docs/decisions/0135).
--
-- A row `push` of `account` says where notifications are wanted, where they are to be disabled, and whether the session that may be
-- resumed was told. The record of a session may name the requests `push-enable` and `push-disable` among those that are pending.
--
-- No table changes. The number does: a build of before would take such records for damaged ones.
SELECT 1;
