-- 0010: one table of what failed (docs/decisions/0108).
--
-- `host`, `port` and `transport` are empty where the failure belongs to the account, its session or its queue. `subject` names what
-- was relied on; it is in the clear, like all keys. The value counts refusals and silences, with the times of the first and the last.
--
-- What had a place of its own until here is carried over in the transaction of this step, where the key is known: the failed
-- resumptions and the place of malformed input in the session's record, the stream errors in a stanza's record, and the facts
-- `pipelining-off-until` and `bind-pipelining`. Records keep their form; the fields of before are not read any more.
CREATE TABLE failure (
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    transport TEXT NOT NULL,
    subject TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (host, port, transport, subject)
) STRICT, WITHOUT ROWID;
