"""Small stores in one SQLite file for the test of the judge: one that is right, and others with one mistake each."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from puck_webhooks import Duplicate, InProgress, StoreError
from puck_webhooks.stores._settings import new_claim

Row = tuple[int, int, float]  # token, done, end of the lease or ttl


class Right:
    """Keeps the contract. Each step is one transaction that reads the row, decides and writes."""

    ttl = 600

    def __init__(self, path: Path, lease: float) -> None:
        self.lease = lease
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, token INTEGER, done INTEGER, expires REAL)"
        )

    def claim(self, event_id: str):
        mine = new_claim(event_id)
        with self.transaction():
            row = self.row(event_id)
            if row and row[0] != mine.token:
                raise Duplicate() if row[1] else InProgress()
            self.write(event_id, mine.token, 0, self.lease)
        return mine

    def commit(self, claim) -> None:
        with self.transaction():
            row = self.row(claim.event_id)
            if row and row[0] != claim.token:
                raise StoreError("claim_lost")
            self.write(claim.event_id, claim.token, 1, self.ttl)

    def release(self, claim) -> None:
        with self.transaction():
            row = self.row(claim.event_id)
            if row and (row[0] != claim.token or row[1]):
                raise StoreError("claim_lost")
            self.erase(claim.event_id)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def row(self, event_id: str) -> Row | None:
        found: Row | None = self._db.execute(
            "SELECT token, done, expires FROM events WHERE id = ? AND expires > ?", (event_id, time.time())
        ).fetchone()
        return found

    def write(self, event_id: str, token: int, done: int, seconds: float) -> None:
        self._db.execute("REPLACE INTO events VALUES (?, ?, ?, ?)", (event_id, token, done, time.time() + seconds))

    def erase(self, event_id: str) -> None:
        self._db.execute("DELETE FROM events WHERE id = ?", (event_id,))


class LooksThenWrites(Right):
    """Two that look at the same moment both win."""

    def claim(self, event_id: str):
        row = self.row(event_id)
        if row:
            raise Duplicate() if row[1] else InProgress()
        time.sleep(0.001)
        mine = new_claim(event_id)
        self.write(event_id, mine.token, 0, self.lease)
        return mine


class LeaseOfNothing(Right):
    def __init__(self, path: Path, lease: float) -> None:
        super().__init__(path, 0)


class LeaseWithoutEnd(Right):
    """What a worker held that died is held for good."""

    def __init__(self, path: Path, lease: float) -> None:
        super().__init__(path, 3600)


class DoneBeforeTheHandler(Right):
    """What a worker held that died counts as handled."""

    def claim(self, event_id: str):
        mine = super().claim(event_id)
        self.write(event_id, mine.token, 1, self.ttl)
        return mine

    def release(self, claim) -> None:
        self.erase(claim.event_id)


class ReleaseUndoesCommit(Right):
    """A slow worker's release erases what the next worker has done meanwhile."""

    def release(self, claim) -> None:
        row = self.row(claim.event_id)
        if row and row[1]:
            self.erase(claim.event_id)
        else:
            super().release(claim)


class CommitOfAnybody(Right):
    """A commit does not ask who holds the event."""

    def commit(self, claim) -> None:
        self.write(claim.event_id, claim.token, 1, self.ttl)


class CommitNeedsLease(Right):
    """A commit after the end of the lease is refused, although nobody else has taken the event."""

    def commit(self, claim) -> None:
        if self.row(claim.event_id) is None:
            raise StoreError("claim_lost")
        super().commit(claim)


class CommitLater(Right):
    """Says ok before it writes: the next step writes what the last one has only promised."""

    promised = None

    def commit(self, claim) -> None:
        if self.promised:
            super().commit(self.promised)
        self.promised = claim


WRONG = {  # and what the judge says of it
    LooksThenWrites: "two holders",
    LeaseOfNothing: "two holders",
    LeaseWithoutEnd: "held by nobody",
    DoneBeforeTheHandler: "duplicate of nothing",
    ReleaseUndoesCommit: "granted after it was done",
    CommitOfAnybody: "commit over another's",
    CommitNeedsLease: "lost to nobody",
    CommitLater: "granted after it was done",
}
ALL = {kind.__name__: kind for kind in (Right, *WRONG)}
