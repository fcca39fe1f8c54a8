-- The table of PostgresInbox, SqlAlchemyInbox, DjangoInbox and PostgresDedupe. Needs PostgreSQL 11.
-- Run it once, in a migration or with psql -f postgres.sql, and not at each start: two processes that create a table at
-- once hinder each other. Workers need SELECT, INSERT, UPDATE and DELETE on it.
CREATE TABLE IF NOT EXISTS puck_events (
  namespace text NOT NULL,            -- the endpoint whose memory this is
  event_id uuid NOT NULL,
  token bigint NOT NULL,              -- of the claim
  done boolean NOT NULL,              -- false: in progress
  expires_at timestamptz NOT NULL,    -- the end of the lease, or of the ttl; the row counts as absent from then on
  PRIMARY KEY (namespace, event_id));
CREATE INDEX IF NOT EXISTS puck_events_expires_at ON puck_events (expires_at);
