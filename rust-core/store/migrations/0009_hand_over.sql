-- 0009: how the session was last handed over, and how the password was prepared.
--
-- Whether a resumption was answered, and the position in the archive before it (docs/decisions/0110), stand at the end of the
-- session's record; the preparation of the password from which keys were derived (docs/decisions/0111) at the end of theirs.
-- Records of before end without them, so no table changes. The number does: a build of before would take such a record for a
-- damaged one.
SELECT 1;
