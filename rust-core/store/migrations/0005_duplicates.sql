-- 0005: duplicates are recognised by their payload, not by an id alone; what an archive has forgotten; sessions that are never resumed.
--
-- A row of `seen` has up to three tags now: the archive's id, and the sender's id without and with a digest of the payload. The two
-- that schema 4 made of ids alone do not suppress a message any more, but for the ids of what this device sent itself.
-- `reference` is what the app knows the message by: the id of a delivery, or of a stanza that was sent. In the clear, as in `delivery`.
--
-- Records of deliveries say what they may repeat. The ledger says since when messages stand behind the archive's cursor, and whether
-- a session was begun that cannot be resumed. Records of before end without that.
ALTER TABLE seen ADD COLUMN reference TEXT;
