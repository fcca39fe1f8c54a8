"""What the stores on PostgreSQL have in common: their statements, their deadlines, and the sentences of their errors.

Nothing here imports psycopg before a store is made.
"""

from __future__ import annotations

import heapq
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from itertools import count
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from .._core import Claim
from .._errors import StoreError
from ._settings import checked_namespace, checked_seconds, checked_timeout, warn

if TYPE_CHECKING:
    import psycopg

Answer = TypeVar("Answer")

# Why an event could not be claimed. A statement of its own: the snapshot of the claim may see neither row.
HELD = """
SELECT done FROM puck_events
WHERE namespace = CAST(%(namespace)s AS text) AND event_id = CAST(%(event_id)s AS uuid)
  AND expires_at > clock_timestamp()"""
_FORGET = """
DELETE FROM puck_events
WHERE namespace = CAST(%(namespace)s AS text) AND event_id = CAST(%(event_id)s AS uuid)"""
# now() and not clock_timestamp(), which cannot use the index. SKIP LOCKED: those who sweep do not wait for each other.
SWEEP = """
DELETE FROM puck_events WHERE ctid = ANY (ARRAY (
  SELECT ctid FROM puck_events WHERE expires_at <= now() ORDER BY expires_at LIMIT 32 FOR UPDATE SKIP LOCKED))"""
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
WHERE attrelid = to_regclass('puck_events') AND attnum > 0 AND NOT attisdropped"""

_ENDS_IDLE = """
SELECT 1 FROM pg_settings
WHERE name = 'idle_in_transaction_session_timeout' AND CAST(setting AS bigint) BETWEEN 1 AND 1800000"""

_SHAPE = {
    "namespace": "text",
    "event_id": "uuid",
    "token": "bigint",
    "done": "boolean",
    "expires_at": "timestamp with time zone",
}
_COMMITS_A_SWEEP = 16  # a sweep takes up to twice as many rows as came since the last one
_LEAST = 0.1  # of a step's time, which must be left for its statements: a connection that is late is ended
_ACQUIRING = 32  # threads of one store that wait for a connection

_MISSING = (
    "The table puck_events is missing: run postgres.sql, or puck_webhooks.stores.postgres.create_table(connection)."
)
_OTHER_SHAPE = "The table puck_events has another shape than in postgres.sql."
_SHUTS_DOWN = "PostgreSQL is shutting down or restarting."
_LOST = "The connection to PostgreSQL was lost, or could not be made."
_SENTENCES = {  # by SQLSTATE, or its first two characters
    "08": _LOST,
    "22": "PostgreSQL did not accept a value.",
    "23": "A constraint of the database refused what the handler wrote. It was rolled back.",
    "25001": "The connection is in a transaction that is not the store's.",
    "25006": "PostgreSQL is read-only here: connect to the primary server.",
    "25P02": "A statement of the handler failed, and so its transaction. It was rolled back.",
    "25P03": "The transaction was idle for longer than idle_in_transaction_session_timeout. It was rolled back.",
    "25P04": "The transaction lasted longer than transaction_timeout. It was rolled back.",
    "28": "PostgreSQL refused the user or the password.",
    "3D": "The database does not exist.",
    "3F": "The schema does not exist.",
    "40": "PostgreSQL rolled the transaction back because of another one at the same time.",
    "42501": "The user of the database lacks a permission: it needs SELECT, INSERT, UPDATE and DELETE on puck_events.",
    "42703": _OTHER_SHAPE,
    "42804": _OTHER_SHAPE,
    "42883": "PostgreSQL is too old: the stores need PostgreSQL 11, and the table of postgres.sql.",
    "42P01": _MISSING,
    "42P10": _OTHER_SHAPE,
    "53100": "The disk of PostgreSQL is full.",
    "53200": "PostgreSQL is out of memory.",
    "53300": "PostgreSQL has too many connections.",
    "55P03": "PostgreSQL waited for a lock for longer than lock_timeout.",
    "57014": "PostgreSQL cancelled the statement: see statement_timeout.",
    "57P01": _SHUTS_DOWN,
    "57P02": _SHUTS_DOWN,
    "57P03": "PostgreSQL is starting up.",
    "57P05": "The connection was idle for longer than idle_session_timeout.",
}
_POOL_SENTENCES = {  # by the name of the client's exception
    "PoolClosed": "The connection pool is not open.",
    "PoolTimeout": "The pool had no connection in time: all are in use, or PostgreSQL cannot be reached.",
    "TooManyRequests": "Too many others wait for a connection of the pool.",
}
_IDLE = (
    "PostgreSQL lets idle transactions stay for longer than Puck sends an event: "
    "set idle_in_transaction_session_timeout to 30 minutes at most, and above the time of the slowest handler."
)
_LATE = "PostgreSQL, or a connection to it, was not there in time."
_FORKED = "The store was used before the process was forked: make it, and its pool, in each worker."
_OTHER = "PostgreSQL did not do what the store asked. The cause of this error says why."


def require_psycopg() -> None:
    """Says at the start what to install."""
    try:
        import psycopg  # noqa: F401
    except ImportError as missing:
        raise ImportError("The stores on PostgreSQL need psycopg 3: pip install 'puck-webhooks[postgres]'") from missing


def run(
    connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, object] | None = None
) -> list[tuple[Any, ...]]:
    """The rows of a statement. Never prepared, since PgBouncer may give the next statement to another server process;
    and with a plain cursor, whatever the application's connections make by default."""
    import psycopg
    from psycopg.rows import tuple_row

    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    cursor.execute(statement.encode(), parameters, prepare=False)
    return cursor.fetchall() if cursor.description else []


def sqlstate(failure: BaseException) -> str | None:
    """The code of an error of the server, which SQLAlchemy and Django wrap in their own."""
    for error in (failure, getattr(failure, "orig", None), failure.__cause__):
        if code := getattr(error, "sqlstate", None):
            return str(code)
    return None


def unavailable(failure: BaseException) -> StoreError:
    """The store's answer to a failure, which becomes its cause. None of the server's text gets into the sentence."""
    code = sqlstate(failure) or ""
    sentence = _SENTENCES.get(code) or _SENTENCES.get(code[:2]) or _POOL_SENTENCES.get(type(failure).__name__)
    if sentence is None:
        sentence = _LATE if _is_late(failure) else _LOST if _is_of_connection(failure) else _OTHER
    return StoreError("store_unavailable", sentence)


def may_pass(failure: BaseException) -> bool:
    """Whether the same step may succeed on another connection: the failure is not a refusal by the server or the pool.
    A pool that says no has waited already."""
    if code := sqlstate(failure):
        return code[:2] in ("08", "40") or code in ("57P01", "57P02", "57P03", "57P05", "25P03")
    return type(failure).__name__ not in _POOL_SENTENCES and (_is_late(failure) or _is_of_connection(failure))


def _is_late(failure: BaseException) -> bool:
    return type(failure).__name__ == "TimeoutError"  # ours, or that of SQLAlchemy's pool


def _is_of_connection(failure: BaseException) -> bool:
    """psycopg, SQLAlchemy and Django have classes of the same names, which PEP 249 gives them."""
    return any(each.__name__ in ("OperationalError", "InterfaceError") for each in type(failure).__mro__)


def twice(step: Callable[[], Answer]) -> Answer:
    """What the step returns or answers. A step that failed because of its connection is tried once more."""
    for is_last in (False, True):
        try:
            return step()
        except Exception as failure:
            if hasattr(failure, "reason"):  # an answer of the store
                raise
            if is_last or not may_pass(failure):
                raise unavailable(failure) from failure
    raise AssertionError


class _Watch:
    """A connection that is shut down when its time is over. It has a descriptor of its own, which nobody else can close
    and open again for something else."""

    def __init__(self, connection: psycopg.Connection[Any], seconds: float) -> None:
        self.until = monotonic() + seconds
        self.is_over = self.was_late = False
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._lock = threading.Lock()

    def shut_down(self) -> None:
        with self._lock:
            if not self.is_over:
                self.was_late = True
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        with self._lock:
            self.is_over = True
            self._socket.close()


class _Deadlines:
    """One thread for all watches, which begins with the first one.

    The garbage collector may release a delivery, and so add a watch, while the same thread is in here. So the heap has
    tuples, which are compared without a call of Python code.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: list[tuple[float, int, _Watch]] = []  # a heap
        self._numbers = count()
        self._has_begun = False

    def add(self, watch: _Watch) -> None:
        with self._changed:
            if not self._has_begun:
                threading.Thread(target=self._run, name="puck_webhooks.stores", daemon=True).start()
                self._has_begun = True
            heapq.heappush(self._watches, (watch.until, next(self._numbers), watch))
            if self._watches[0][2] is watch:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            self._next().shut_down()

    def _next(self) -> _Watch:
        """The next watch whose time is over."""
        with self._changed:
            while True:
                left = None
                while self._watches and left is None:
                    first = heapq.heappop(self._watches)
                    until, _, watch = first
                    if watch.is_over:
                        continue
                    left = until - monotonic()
                    if left <= 0:
                        return watch
                    heapq.heappush(self._watches, first)
                self._changed.wait(left)


_deadlines = _Deadlines()


def _after_fork() -> None:
    global _deadlines
    _deadlines = _Deadlines()  # the thread is not in the child


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def bounded(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Ends the connection if the block takes longer, and then raises TimeoutError. psycopg itself waits for a silent
    server for ever, and no timeout of the server or of TCP helps when the server's machine goes on to acknowledge."""
    watch = _Watch(connection, seconds)
    try:
        _deadlines.add(watch)
        yield
    except Exception as failure:
        if watch.was_late:
            raise TimeoutError from failure
        raise
    finally:
        watch.end()


class Acquirer:
    """Gets connections within a time, from pools and drivers that may wait for longer."""

    def __init__(self) -> None:
        self._permits: SimpleQueue[None] = SimpleQueue()  # and no semaphore, since the garbage collector may release
        for _ in range(_ACQUIRING):
            self._permits.put(None)

    def within(self, seconds: float, acquire: Callable[[float], Answer], discard: Callable[[Answer], object]) -> Answer:
        """What `acquire` returns, which gets the seconds that are left; it runs in a thread of its own. What comes so
        late that there is no time to use it is discarded.

        Raises TimeoutError.
        """
        left = deadline(seconds)
        try:
            self._permits.get(timeout=seconds)
        except Empty:
            raise TimeoutError from None
        answer: Future[Answer] = Future()
        context = copy_context()  # of the caller: the application's hooks may look at it
        arguments = (self._acquire, answer, lambda: acquire(left()), discard)
        try:
            threading.Thread(target=context.run, args=arguments, daemon=True).start()
        except BaseException:
            self._permits.put(None)
            raise
        try:
            acquired = answer.result(max(left(), 0))
        except BaseException:
            if not answer.cancel() and answer.exception() is None:
                discard(answer.result())  # it came at the last moment
            raise
        if left() < _LEAST * seconds:
            discard(acquired)
            raise TimeoutError
        return acquired

    def _acquire(
        self, answer: Future[Answer], acquire: Callable[[], Answer], discard: Callable[[Answer], object]
    ) -> None:
        try:
            acquired = acquire()
        except BaseException as failure:
            if answer.set_running_or_notify_cancel():
                answer.set_exception(failure)
        else:
            if answer.set_running_or_notify_cancel():
                answer.set_result(acquired)
            else:
                discard(acquired)
        finally:
            self._permits.put(None)


class Store:
    """What the inboxes and the store with leases have in common."""

    def __init__(self, namespace: str, *, ttl: int, lease: int, timeout: float) -> None:
        require_psycopg()
        self._namespace = checked_namespace(namespace)
        self._ttl, self._lease = checked_seconds(ttl, lease)
        self._timeout = checked_timeout(timeout)
        self.ttl = ttl
        self._acquirer = Acquirer()
        self._commits = count()
        self._pid = 0  # of the process that uses the store, once it is known

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self._namespace!r})"

    def _check_process(self) -> None:
        """Refuses a forked child, which would share its parent's connections: each would read the other's answers."""
        self._pid = self._pid or os.getpid()
        if self._pid != os.getpid():
            raise StoreError("store_unavailable", _FORKED)

    def _parameters(self, claim: Claim) -> dict[str, object]:
        return {
            "namespace": self._namespace,
            "event_id": claim.event_id,
            "token": claim.token,
            "ttl": self._ttl,
            "lease": self._lease,
        }

    def _sweep_if_due(self, sweep: Callable[[], object]) -> None:
        """Sweeps with each 16th commit: so no thread and no timer is needed. A failure changes nothing."""
        if next(self._commits) % _COMMITS_A_SWEEP == 0:
            with suppress(Exception):
                sweep()


def deadline(seconds: float) -> Callable[[], float]:
    """How much is left of these seconds."""
    until = monotonic() + seconds
    return lambda: until - monotonic()


def check_table(connection: psycopg.Connection[Any]) -> None:
    """Refuses a table that is missing or has another shape. Other tests are left to a probe."""
    columns = {name: (kind, is_required) for name, kind, is_required in run(connection, _COLUMNS)}
    if not columns:
        raise StoreError("store_unavailable", _MISSING)
    if any(columns.get(name) != (kind, True) for name, kind in _SHAPE.items()):
        raise StoreError("store_unavailable", _OTHER_SHAPE)


def warn_of_idle_transactions(connection: psycopg.Connection[Any]) -> None:
    """A worker whose machine stops does not end its transaction. Puck's next attempts must find the event free."""
    if not run(connection, _ENDS_IDLE):
        warn(_IDLE)


def forget(connection: psycopg.Connection[Any], namespace: str, event_id: str) -> None:
    run(connection, _FORGET, {"namespace": namespace, "event_id": event_id})
