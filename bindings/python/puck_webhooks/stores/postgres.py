"""Stores on PostgreSQL: `pip install puck-webhooks[postgres]`.

    inbox = PostgresInbox(pool, "billing")
    receiver = Receiver(secrets, dedupe=inbox)
    with receiver.receive(headers, body) as delivery:
        inbox.connection(delivery.event).execute("INSERT INTO findings ...")    # with the claim, or not at all

The table is made once: `psql -f postgres.sql`, `create_table(connection)`, or `table_sql()` in a migration.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .._core import Claim, Event
from .._errors import Duplicate, InProgress, StoreError
from ._inbox import Inbox, Transaction
from ._postgres import (
    HELD,
    SWEEP,
    Store,
    bounded,
    check_table,
    deadline,
    forget,
    run,
    sqlstate,
    twice,
)
from ._settings import new_claim, probe_event

if TYPE_CHECKING:
    import psycopg
    import psycopg_pool
    import sqlalchemy.orm

Answer = TypeVar("Answer")

_CLAIM = """
INSERT INTO puck_events AS held (namespace, event_id, token, done, expires_at)
VALUES (CAST(%(namespace)s AS text), CAST(%(event_id)s AS uuid), CAST(%(token)s AS bigint), false,
        clock_timestamp() + CAST(%(lease)s AS bigint) * interval '1 ms')
ON CONFLICT (namespace, event_id) DO UPDATE SET token = excluded.token, done = false, expires_at = excluded.expires_at
WHERE held.expires_at <= clock_timestamp() OR (held.token = excluded.token AND NOT held.done) RETURNING done"""
_COMMIT = """
INSERT INTO puck_events AS held (namespace, event_id, token, done, expires_at)
VALUES (CAST(%(namespace)s AS text), CAST(%(event_id)s AS uuid), CAST(%(token)s AS bigint), true,
        clock_timestamp() + CAST(%(ttl)s AS bigint) * interval '1 ms')
ON CONFLICT (namespace, event_id) DO UPDATE SET token = excluded.token, done = true, expires_at = excluded.expires_at
WHERE held.token = excluded.token OR held.expires_at <= clock_timestamp() RETURNING done"""
_RELEASE = """
DELETE FROM puck_events
WHERE namespace = CAST(%(namespace)s AS text) AND event_id = CAST(%(event_id)s AS uuid)
  AND token = CAST(%(token)s AS bigint) AND NOT done RETURNING done"""
_TABLE_LOCK = 5_784_163_271_606_583_667  # for pg_advisory_xact_lock; it is nobody else's

_PATIENCE = 0.8  # the pool says that it had no connection, before our own deadline is over

_NOT_PSYCOPG = "The session is not connected to PostgreSQL through psycopg 3: postgresql+psycopg://"
_AUTOCOMMIT = "The session's connection commits each statement by itself (AUTOCOMMIT): it has no transactions."
_SHARED_SESSION = "The session is in a transaction already: give the inbox a sessionmaker, which makes new sessions."
_OTHER_TRANSACTION = (
    "The handler ended the session's transaction, in which the event was claimed. What it had committed by then stays."
)


def table_sql() -> str:
    """The statements that make the table, for a migration: Alembic's op.execute, Django's RunSQL."""
    return Path(__file__).with_name("postgres.sql").read_text(encoding="utf-8")


def create_table(connection: psycopg.Connection[Any]) -> None:
    """Makes the table unless it exists, in a transaction of its own; in an open transaction, that is a savepoint, and
    the table is there when the transaction is committed. Any number of processes may do so at once: each waits for the
    others, which IF NOT EXISTS alone does not."""
    with connection.transaction():
        run(connection, "SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": _TABLE_LOCK})
        connection.execute(table_sql().encode())


class PostgresInbox(Inbox):
    """Claim, effect and commit in one transaction, so that a handler's effects in this database happen exactly once.

    `pool` is a psycopg_pool.ConnectionPool. `namespace` says whose memory this is, such as the name of the endpoint.
    `ttl` is in seconds. `timeout`, in seconds, is for one try: an answer comes after two tries at most.

    The handler writes through `connection(event)`, and does not commit. What it does elsewhere (mail, HTTP) happens at
    least once, as ever. A connection of the pool is held for as long as the handler runs, and the server's
    idle_in_transaction_session_timeout must be longer than that. There is no lease: a worker that dies ends its
    transaction. A PostgresDedupe may have the same table, but another namespace.

    A process that is forked later may not use it: where a server forks its workers, make the pool and the inbox in each
    worker (gunicorn: without --preload, or in the hook post_fork).
    """

    def __init__(
        self,
        pool: psycopg_pool.ConnectionPool[Any],
        namespace: str,
        *,
        ttl: int = 86_400,
        timeout: float = 1.0,
    ) -> None:
        super().__init__(namespace, ttl=ttl, timeout=timeout)
        self._pool = _checked_pool(pool)
        self._pid = os.getpid()  # the pool has connections, and threads that are not in a forked child

    def connection(self, event: Event | str) -> psycopg.Connection[Any]:
        """The connection of a delivery's open transaction. `event` is its event, or the event's id.

        Raises ValueError if there is none. The connection is the store's again when the delivery is settled.
        """
        connection: psycopg.Connection[Any] = self._handle(event)
        return connection

    def _acquire(self) -> tuple[Callable[[float], Transaction], Callable[[], None]]:
        return lambda left: _PoolTransaction(self._pool, self._pool.getconn(_PATIENCE * left)), lambda: None


class _PoolTransaction(Transaction):
    def __init__(self, pool: psycopg_pool.ConnectionPool[Any], connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self._pool = pool
        self._block = connection.transaction()  # in it, psycopg refuses the handler's own commit and rollback

    @property
    def handle(self) -> psycopg.Connection[Any]:
        return self.raw

    def begin(self) -> None:
        self._block.__enter__()

    def commit(self) -> None:
        self._block.__exit__(None, None, None)

    def roll_back(self) -> None:
        import psycopg

        self._block.__exit__(psycopg.Rollback, psycopg.Rollback(), None)

    def give_back(self) -> None:
        self._pool.putconn(self.raw)


class SqlAlchemyInbox(Inbox):
    """The same for SQLAlchemy 2 over psycopg 3 (postgresql+psycopg://): the handler writes through `session(event)`.

    `sessionmaker` makes a new session for each delivery. Once it has been used, a process that is forked later may not
    use it. See PostgresInbox.
    """

    def __init__(
        self,
        sessionmaker: Callable[[], sqlalchemy.orm.Session],
        namespace: str,
        *,
        ttl: int = 86_400,
        timeout: float = 1.0,
    ) -> None:
        super().__init__(namespace, ttl=ttl, timeout=timeout)
        if not callable(sessionmaker):
            raise TypeError("sessionmaker must be a sessionmaker, or a function that makes a Session")
        if any(each.__name__ == "async_sessionmaker" for each in type(sessionmaker).__mro__):
            raise TypeError("sessionmaker must be a sessionmaker, and no async_sessionmaker: the inbox is synchronous")
        self._sessionmaker = sessionmaker

    def session(self, event: Event | str) -> sqlalchemy.orm.Session:
        """The session of a delivery's open transaction. `event` is its event, or the event's id.

        Raises ValueError if there is none. The session is closed when the delivery is settled.
        """
        session: sqlalchemy.orm.Session = self._handle(event)
        return session

    def _acquire(self) -> tuple[Callable[[float], Transaction], Callable[[], None]]:
        session = self._sessionmaker()
        if session.in_transaction():
            raise StoreError("store_unavailable", _SHARED_SESSION)
        return lambda left: _SessionTransaction(session), lambda: None


class _SessionTransaction(Transaction):
    def __init__(self, session: sqlalchemy.orm.Session) -> None:
        import psycopg

        try:
            raw: Any = session.connection().connection.driver_connection
            if not isinstance(raw, psycopg.Connection):
                raise StoreError("store_unavailable", _NOT_PSYCOPG)
            if raw.autocommit:
                raise StoreError("store_unavailable", _AUTOCOMMIT)
        except BaseException:
            session.close()
            raise
        super().__init__(raw)
        self._session = session
        self._transaction = session.get_transaction()

    @property
    def handle(self) -> sqlalchemy.orm.Session:
        return self._session

    def begin(self) -> None:
        """The first statement begins it."""

    def check(self) -> None:
        if self._session.get_transaction() is not self._transaction:
            raise StoreError("store_unavailable", _OTHER_TRANSACTION)

    def finish(self) -> None:
        if self._session.is_active:
            self._session.flush()

    def commit(self) -> None:
        self._session.commit()

    def roll_back(self) -> None:
        self._session.rollback()

    def give_back(self) -> None:
        if self.raw.closed:
            self._session.invalidate()
        self._session.close()


class PostgresDedupe(Store):
    """A dedupe store with leases in PostgreSQL, for handlers whose effects are elsewhere. Those whose effects are in
    this database use the inbox, with which they happen exactly once.

    `pool` is a psycopg_pool.ConnectionPool. `namespace` says whose memory this is, such as the name of the endpoint.
    `ttl` and `lease` are in seconds, and run on the server's clock. `timeout`, in seconds, is for one try: an answer
    comes after two tries at most. No connection is held while a handler runs. A process that is forked later may not
    use it: make the pool and the store in each worker.
    """

    def __init__(
        self,
        pool: psycopg_pool.ConnectionPool[Any],
        namespace: str,
        *,
        ttl: int = 86_400,
        lease: int = 60,
        timeout: float = 1.0,
    ) -> None:
        super().__init__(namespace, ttl=ttl, lease=lease, timeout=timeout)
        self._pool = _checked_pool(pool)
        self._pid = os.getpid()

    def claim(self, event_id: str) -> Claim:
        """See DedupeStore.claim."""
        claim = new_claim(event_id)
        for _ in range(3):
            if self._step(_CLAIM, claim):
                return claim
            held = self._step(HELD, claim)
            if held:  # else it went away in between
                raise Duplicate() if held == [(True,)] else InProgress()
        raise InProgress()

    def commit(self, claim: Claim) -> None:
        """Marks the event as done. Raises StoreError, claim_lost, if another claim holds it or has settled it."""
        if not self._step(_COMMIT, claim):
            raise StoreError("claim_lost")
        self._sweep_if_due(lambda: self._on_connection(lambda connection: run(connection, SWEEP), self._timeout))

    def release(self, claim: Claim) -> None:
        """Gives the event back. Raises StoreError, claim_lost, if it is done or another claim holds it."""
        if not self._step(_RELEASE, claim) and self._step(HELD, claim):
            raise StoreError("claim_lost", "The event is done, or another claim holds it: it was not given back.")

    def check(self) -> None:
        """Claims, commits and forgets a probe. Raises StoreError, with a sentence, if the table is missing or has
        another shape, or if the server cannot be reached or written. For the start of a worker."""
        twice(lambda: self._on_connection(check_table, self._timeout))
        probe = self.claim(probe_event())
        self.commit(probe)
        twice(
            lambda: self._on_connection(
                lambda connection: forget(connection, self._namespace, probe.event_id), self._timeout
            )
        )

    def _step(self, statement: str, claim: Claim) -> list[tuple[Any, ...]]:
        parameters = self._parameters(claim)
        return twice(
            lambda: self._on_connection(lambda connection: run(connection, statement, parameters), self._timeout)
        )

    def _on_connection(self, work: Callable[[psycopg.Connection[Any]], Answer], seconds: float) -> Answer:
        """Does the work on a connection of the pool, where each statement is a transaction of its own."""
        self._check_process()
        left = deadline(seconds)
        connection: psycopg.Connection[Any] = self._acquirer.within(
            seconds, lambda left: self._pool.getconn(_PATIENCE * left), self._pool.putconn
        )
        try:
            with bounded(connection, left()):
                before, connection.autocommit = connection.autocommit, True
                answer = work(connection)
                connection.autocommit = before
                return answer
        except BaseException as failure:
            if not (sqlstate(failure) or hasattr(failure, "reason")):
                connection.close()  # its state is not known
            elif not connection.closed:
                connection.autocommit = before
            raise
        finally:
            self._pool.putconn(connection)


def _checked_pool(pool: psycopg_pool.ConnectionPool[Any]) -> psycopg_pool.ConnectionPool[Any]:
    for name in ("getconn", "putconn"):
        method = getattr(pool, name, None)
        if not callable(method) or inspect.iscoroutinefunction(method):
            raise TypeError("pool must be a psycopg_pool.ConnectionPool")
    return pool
