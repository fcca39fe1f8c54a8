-- The statements of the SQLite stores. A line "-- name: NAME" begins each of them; comments may follow it.
-- :ns is the namespace, :id the 16 bytes of the event id, and :token the claim's token. :now, :lease and :ttl are in
-- milliseconds, :now since 1970. A row whose time is over counts as absent, but for its own token. So does a lease that
-- ends more than an hour from now, which no claim has: the clock was set back.

-- name: journal
PRAGMA journal_mode = WAL;

-- name: synchronous
PRAGMA synchronous = NORMAL;

-- name: table
CREATE TABLE IF NOT EXISTS puck_events (
  namespace TEXT NOT NULL, event_id BLOB NOT NULL CHECK (length(event_id) = 16),
  token INTEGER NOT NULL, done INTEGER NOT NULL, expires INTEGER NOT NULL,
  PRIMARY KEY (namespace, event_id)) WITHOUT ROWID;

-- name: index
CREATE INDEX IF NOT EXISTS puck_events_expires ON puck_events (expires);

-- name: shape
-- 1 if the table is the one above.
SELECT group_concat(name || ' ' || type || ' ' || pk) =
  'namespace TEXT 1,event_id BLOB 2,token INTEGER 0,done INTEGER 0,expires INTEGER 0'
FROM (SELECT * FROM pragma_table_info('puck_events') ORDER BY cid);

-- name: claim
-- 1 row changes if the claim is granted.
INSERT INTO puck_events (namespace, event_id, token, done, expires) VALUES (:ns, :id, :token, 0, :now + :lease)
ON CONFLICT (namespace, event_id) DO UPDATE SET token = excluded.token, done = 0, expires = excluded.expires
WHERE expires <= :now OR (done = 0 AND expires > :now + 3600000);

-- name: state
-- Why a claim was not granted, or a release found nothing to delete: 1 done, 0 in progress, no row if it is absent.
SELECT done FROM puck_events WHERE namespace = :ns AND event_id = :id
AND expires > :now AND (done = 1 OR expires <= :now + 3600000);

-- name: commit
-- 1 row changes if the event is done; otherwise the claim is lost.
INSERT INTO puck_events (namespace, event_id, token, done, expires) VALUES (:ns, :id, :token, 1, :now + :ttl)
ON CONFLICT (namespace, event_id) DO UPDATE SET token = excluded.token, done = 1, expires = excluded.expires
WHERE token = excluded.token OR expires <= :now OR (done = 0 AND expires > :now + 3600000);

-- name: release
-- 1 row is deleted; if there is none, and "state" has a row, the claim is lost.
DELETE FROM puck_events WHERE namespace = :ns AND event_id = :id AND token = :token AND done = 0;

-- name: forget
-- Takes the probe away with which a new store is tried.
DELETE FROM puck_events WHERE namespace = :ns AND event_id = :id AND token = :token;

-- name: sweep
-- With the first commit of a process and every 16th one after it: more rows go than come, so no timer is needed.
DELETE FROM puck_events WHERE (namespace, event_id) IN
  (SELECT namespace, event_id FROM puck_events WHERE expires <= :now ORDER BY expires LIMIT 32);
