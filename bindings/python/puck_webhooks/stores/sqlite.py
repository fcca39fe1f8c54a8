"""A dedupe store in one SQLite file, for any number of processes on one machine."""

from __future__ import annotations

import os
import re
import stat
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .._core import Claim
from .._errors import Duplicate, InProgress, StoreError
from ._settings import checked_namespace, checked_seconds, checked_timeout, new_claim, probe_event, text_beside

if TYPE_CHECKING:
    import sqlite3

Answer = TypeVar("Answer")

_PATIENCE = 0.01  # seconds between two tries to set up a new file that another process sets up, too

# The sentences are those of src/stores/sqlite_errors.hpp. The numbers are SQLite's primary result codes.
_BUSY = "The SQLite file stayed locked by others until the timeout."
_CANNOT_OPEN = "The SQLite file cannot be opened: does its folder exist, and may this process write there?"
_UNAVAILABLE = {
    1: "The table puck_events of the SQLite file is not one of puck-webhooks.",  # a statement does not fit
    3: "This process may not use the SQLite file.",
    5: _BUSY,
    6: _BUSY,
    7: "SQLite has no memory left.",
    8: "The SQLite file is read-only for this process.",
    10: "The SQLite file could not be read or written.",
    11: "The SQLite file is damaged.",
    13: "The disk of the SQLite file is full.",
    14: _CANNOT_OPEN,
    26: "The file is not a SQLite database.",
}
_FAILED = "SQLite failed."
_LINK = "The SQLite file is a symbolic link, or not a regular file."
_WRITABLE = "Other users may write the SQLite file, and so mark events as done: take that right away (chmod go-w)."
_CONTENDED = "The event changed hands again and again."
_OWNER = "The SQLite file belongs to another user, who may mark events as done."
_REPLACED = "The SQLite file was removed or replaced while it was open: restart the processes that use it."
_FORKED = "The SQLite file was open when the process was forked: do not use the store before the server forks."


class SqliteDedupe:
    """Remembers events in one file, for all processes of a machine, also after a restart.

    `path` is a file that is made when it is missing, on a local disk and not on a network share. `namespace` says
    whose memory it is: 1 to 64 of `A-Z a-z 0-9 _ . -`. Two endpoints that share a file need different ones. `ttl` and
    `lease` are in seconds, as for `LruDedupe`. `timeout` is for how many seconds one try waits for other processes,
    0.01 to 60; there are two tries. The file is opened with the first call, and must stay where it
    is. Any number of threads may use one store, and so may processes that are forked later. Raises TypeError or
    ValueError for a wrong argument.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        namespace: str,
        *,
        ttl: int = 86_400,
        lease: int = 60,
        timeout: float = 1.0,
    ) -> None:
        self._path = _checked_path(path)
        self._namespace = checked_namespace(namespace)
        self._ttl_ms, self._lease_ms = checked_seconds(ttl, lease)
        self._timeout = checked_timeout(timeout)
        self._lock = threading.RLock()
        self._is_running = False  # a step, in the thread that holds the lock
        self._dropped: list[Claim] = []  # to be released after it
        self._is_opening = False
        self._pid = os.getpid()
        self._commits = 0
        self._database: sqlite3.Connection | None = None
        self._patience: float | None = None  # seconds for which its statements wait for others
        self._file: tuple[int, int] | None = None  # device and inode of what is open
        _stores.add(weakref.ref(self, _stores.discard))

    @property
    def ttl(self) -> int:
        """For how many seconds a committed event is remembered."""
        return self._ttl_ms // 1000

    def __repr__(self) -> str:
        return f"SqliteDedupe(namespace={self._namespace!r})"

    def claim(self, event_id: str, /) -> Claim:
        """Takes the event. Raises Duplicate, InProgress, or StoreError (store_unavailable)."""
        claim = new_claim(event_id)
        done = self._run(_claim, claim)
        if done is None:
            return claim
        raise Duplicate() if done else InProgress()

    def commit(self, claim: Claim, /) -> None:
        """Marks the event as done. Raises StoreError: claim_lost or store_unavailable."""
        if not self._run(_commit, claim):
            raise StoreError("claim_lost")
        self._commits += 1
        if self._commits % 16 == 1:
            with suppress(StoreError):  # the event is done nevertheless
                self._run(_sweep, claim, patience=0)

    def release(self, claim: Claim, /) -> None:
        """Gives the event back. Raises StoreError: claim_lost or store_unavailable."""
        if self._is_in_this_thread():  # the garbage collector releases a delivery that was dropped
            self._dropped.append(claim)
        elif not self._run(_release, claim):
            raise StoreError("claim_lost")

    def check(self) -> None:
        """Claims, commits and forgets an event that does not exist, to be called when the application starts.

        Raises StoreError: if the file cannot be used, is not a SQLite database, has another table puck_events, or
        belongs to others or may be written by them, who could mark events as done. Every other call raises the same.
        The file is closed again, so that this may be called before a server forks its workers.
        """
        claim = self.claim(probe_event())
        self.commit(claim)
        self._run(_forget, claim)
        self.close()

    def close(self) -> None:
        """Closes the file. The next call would open it again."""
        with self._lock:
            self._close()

    def _is_in_this_thread(self) -> bool:
        """Whether this thread runs a step already."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._is_running
        finally:
            self._lock.release()

    def _run(
        self, step: Callable[[sqlite3.Connection, dict[str, Any]], Answer], claim: Claim, patience: float | None = None
    ) -> Answer:
        """What the step returns. It is done again if the file was busy, unless the time is up: two timeouts, or
        `patience` in seconds."""
        if patience is None:
            patience = 2 * self._timeout
        until = time.monotonic() + patience
        if not self._lock.acquire(blocking=False) and not self._lock.acquire(timeout=patience):  # the first is quicker
            raise StoreError("store_unavailable", _BUSY)
        try:
            if self._is_running:  # in this thread, which was interrupted by a signal
                raise StoreError("store_unavailable", _BUSY)
            self._is_running = True
            try:
                return self._run_locked(step, claim, until)
            finally:
                self._is_running = False
                while self._dropped:
                    with suppress(StoreError):  # its lease ends it
                        self._run(_release, self._dropped.pop())
        finally:
            self._lock.release()

    def _run_locked(
        self, step: Callable[[sqlite3.Connection, dict[str, Any]], Answer], claim: Claim, until: float
    ) -> Answer:
        row = {
            "ns": self._namespace,
            "id": bytes.fromhex(claim.event_id.replace("-", "")),
            "token": claim.token,
            "lease": self._lease_ms,
            "ttl": self._ttl_ms,
            "now": time.time_ns() // 1_000_000,
        }
        try:
            try:
                return step(self._connection(step is _claim, until), row)
            except Exception as failure:
                if not _is_busy(failure) or not _left(until):
                    raise
            row["now"] = time.time_ns() // 1_000_000
            return step(self._connection(step is _claim, until), row)
        except StoreError:
            raise
        except Exception as failure:
            self._fail(failure)

    def _fail(self, failure: Exception) -> NoReturn:
        import sqlite3  # here, since it takes long to import, and not in every step

        if not isinstance(failure, (sqlite3.Error, OSError)):
            raise failure
        if not _is_busy(failure):
            self._close()
        is_of_file = isinstance(failure, OSError)
        sentence = _CANNOT_OPEN if is_of_file else _UNAVAILABLE.get(_code(failure), _FAILED)
        raise StoreError("store_unavailable", sentence) from failure

    def _connection(self, is_claim: bool, until: float) -> sqlite3.Connection:
        """The connection, whose statements wait for others for one timeout, or as long as is left. A claim is refused
        if another file is at the path now: a connection to it would use the shared memory of the old one, which other
        processes have."""
        if self._pid != os.getpid():
            if self._database is not None or self._is_opening:
                raise StoreError("store_unavailable", _FORKED)
            self._pid = os.getpid()
        if is_claim and self._database is not None and _identity(self._path) != self._file:
            raise StoreError("store_unavailable", _REPLACED)
        if self._database is None:
            self._open(until)
        assert self._database is not None
        patience = self._wait(until)
        if patience != self._patience:  # most of the time it is the whole timeout
            self._database.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
            self._patience = patience
        return self._database

    def _wait(self, until: float) -> float:
        left = until - time.monotonic()
        return self._timeout if left > self._timeout else max(left, 0)

    def _open(self, until: float) -> None:
        import sqlite3

        if not _opening.acquire(timeout=_left(until)):
            raise StoreError("store_unavailable", _BUSY)
        self._is_opening = True
        try:
            _make(self._path)
            self._file = _identity(self._path)
            wait = self._wait(until)
            database = sqlite3.connect(self._path, timeout=wait, isolation_level=None, check_same_thread=False)
            try:
                deadline = time.monotonic() + wait
                while not _is_set_up(database, deadline):
                    time.sleep(_PATIENCE)
                if database.execute(_SQL["shape"]).fetchone() != (1,):
                    raise StoreError("store_unavailable", _UNAVAILABLE[sqlite3.SQLITE_ERROR])
            except BaseException:
                database.close()
                raise
            self._database = database
            self._patience = None
        finally:
            self._is_opening = False
            _opening.release()

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()


def _left(until: float) -> float:
    """Seconds, 0 if the time is over."""
    return max(until - time.monotonic(), 0)


def _claim(database: sqlite3.Connection, row: dict[str, Any]) -> bool | None:
    """None if the claim is granted, else whether the event is done."""
    for _ in range(3):
        if database.execute(_SQL["claim"], row).rowcount:
            return None
        held: tuple[int] | None = database.execute(_SQL["state"], row).fetchone()
        if held is not None:  # otherwise it went away in between
            return bool(held[0])
    raise StoreError("store_unavailable", _CONTENDED)


def _commit(database: sqlite3.Connection, row: dict[str, Any]) -> int:
    return database.execute(_SQL["commit"], row).rowcount


def _release(database: sqlite3.Connection, row: dict[str, Any]) -> bool:
    if database.execute(_SQL["release"], row).rowcount:
        return True
    return database.execute(_SQL["state"], row).fetchone() is None


def _sweep(database: sqlite3.Connection, row: dict[str, Any]) -> object:
    return database.execute(_SQL["sweep"], row)


def _forget(database: sqlite3.Connection, row: dict[str, Any]) -> object:
    return database.execute(_SQL["forget"], row)


def _checked_path(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError("path must be a str or a path object")
    if not text or text == ":memory:" or "\0" in text:
        raise ValueError("This is not the path of a SQLite file.")
    return os.path.abspath(text)


def _make(path: str) -> None:
    """Makes the file if it is missing, for its owner only.

    A file that exists is not opened here. Closing it again would take SQLite's locks from it, since locks belong to the
    whole process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    found = os.lstat(path)
    mode = found.st_mode
    if not stat.S_ISREG(mode):
        raise StoreError("store_unavailable", _LINK)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StoreError("store_unavailable", _WRITABLE)
    if found.st_uid not in (os.geteuid(), 0):
        raise StoreError("store_unavailable", _OWNER)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _is_set_up(database: sqlite3.Connection, deadline: float) -> bool:
    """Runs the opening statements. False if they must run again, because another process runs them now: SQLite does not
    wait for that by itself."""
    import sqlite3

    try:
        for name in ("journal", "synchronous", "table", "index"):
            database.execute(_SQL[name]).fetchall()
    except sqlite3.OperationalError as failure:
        if not _is_busy(failure) or time.monotonic() >= deadline:
            raise
        return False
    return True


def _is_busy(failure: Exception) -> bool:
    return _code(failure) in (5, 6)


def _code(failure: Exception) -> int:
    """SQLite's primary result code, 0 if the failure has none."""
    code: int = getattr(failure, "sqlite_errorcode", 0)
    return code & 0xFF


def _statements() -> dict[str, str]:
    """The statements of sqlite.sql, without comments, by their names."""
    text = text_beside("sqlite.sql")
    parts = (part.partition("\n") for part in text.split("-- name: ")[1:])
    return {name: re.sub(r"^--.*\n", "", rest, flags=re.MULTILINE).strip() for name, _, rest in parts}


_SQL = _statements()

# --- fork ------------------------------------------------------------------------------------------------------------
# SQLite counts its locks for the process. A child that inherits an open file would hold none of them, and SQLite in the
# child would not know: the last other process to close deletes what the child writes. So no file is open during a fork.

_one_fork = threading.Lock()  # held from before a fork until after it, since what follows is for one at a time
_opening = threading.RLock()
_stores: set[weakref.ref[SqliteDedupe]] = set()
_forking: list[SqliteDedupe] = []
_has_opening = False


def _before_fork() -> None:
    global _has_opening
    _one_fork.acquire()
    longest = 0.0
    for store in _living():
        longest = max(longest, 2 * store._timeout)
        if store._lock.acquire(timeout=2 * store._timeout):  # otherwise its file stays open: see _FORKED
            if store._is_running:  # in this thread
                store._lock.release()
                continue
            store._is_running = True  # so that what is dropped now does not open the file again
            _forking.append(store)
            store._close()
    _has_opening = _opening.acquire(timeout=longest)


def _after_fork_in_parent() -> None:
    for store in _forking:
        store._is_running = False
        store._lock.release()
    _forking.clear()
    if _has_opening:
        _opening.release()
    _one_fork.release()


def _after_fork_in_child() -> None:
    global _one_fork, _opening
    _forking.clear()
    _one_fork, _opening = threading.Lock(), threading.RLock()
    for store in _living():
        store._lock, store._is_running = threading.RLock(), False
        store._dropped.clear()  # its parent releases them


def _living() -> list[SqliteDedupe]:
    return [store for each in _stores.copy() if (store := each()) is not None]


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
