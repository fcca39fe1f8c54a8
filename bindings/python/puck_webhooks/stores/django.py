"""The inbox for Django. Import it from puck_webhooks.django."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# Django has no type hints.
from django.db import connections, transaction  # type: ignore[import-untyped]

from .._core import Claim
from .._errors import StoreError
from ._inbox import Inbox, Transaction

_IN_A_LOOP = "Django has no asynchronous transactions: receive with DjangoInbox in a thread without an event loop."
_NOT_PSYCOPG = "The database is not PostgreSQL through psycopg 3."
_NESTED = "The thread is in a transaction already: the event cannot be claimed in one that somebody else ends."
_AUTOCOMMIT_OFF = "The database's AUTOCOMMIT is off, so Django ends no transaction."
_OTHER_THREAD = "Django's connections belong to their threads: the delivery must be settled where it was received."
_NEEDS_ROLLBACK = "The transaction is marked for rollback, as after a statement that failed. It was rolled back."


class DjangoInbox(Inbox):
    """Claim, effect and commit in one transaction, so that a handler's effects in this database happen exactly once.

    The handler uses the ORM as ever: Django's connection is in the transaction, and the handler's own atomic blocks are
    savepoints in it. `using` is the alias of the database. For plain views and threads only: Django has no asynchronous
    transactions. Once it has been used, a process that is forked later may not use it. See PostgresInbox for the rest.
    """

    def __init__(self, namespace: str, using: str = "default", *, ttl: int = 86_400, timeout: float = 1.0) -> None:
        super().__init__(namespace, ttl=ttl, timeout=timeout)
        if using not in connections:
            raise ValueError("using is not the alias of a database in DATABASES")
        self.using = using

    def claim(self, event_id: str) -> Claim:
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # there is none, as it should be
            return super().claim(event_id)
        raise StoreError("store_unavailable", _IN_A_LOOP)

    def _acquire(self) -> tuple[Callable[[float], Transaction], Callable[[], None]]:
        wrapper = connections[self.using]
        if wrapper.in_atomic_block and not wrapper.atomic_blocks[-1]._from_testcase:
            raise StoreError("store_unavailable", _NESTED)
        wrapper.inc_thread_sharing()

        def acquire(left: float) -> Transaction:
            try:
                wrapper.close_if_health_check_failed()
                wrapper.ensure_connection()
                return _DjangoTransaction(self.using, wrapper)
            finally:
                wrapper.dec_thread_sharing()

        def give_up() -> None:
            """The other thread still uses the connection, so this thread gets another one."""
            del connections[self.using]

        return acquire, give_up


class _DjangoTransaction(Transaction):
    """An atomic block. COMMIT and ROLLBACK are sent past Django, which would connect again after one that failed, and
    wait for a silent server; then the block finds nothing left to do."""

    def __init__(self, using: str, wrapper: Any) -> None:
        import psycopg

        if not isinstance(wrapper.connection, psycopg.Connection):
            raise StoreError("store_unavailable", _NOT_PSYCOPG)
        self._is_outermost = not wrapper.in_atomic_block  # else it is in the one of a TestCase
        if self._is_outermost and not wrapper.autocommit:
            raise StoreError("store_unavailable", _AUTOCOMMIT_OFF)
        super().__init__(wrapper.connection)
        self._wrapper = wrapper
        self._atomic = transaction.atomic(using=using, durable=True)
        self._thread = 0  # that of the block

    @property
    def handle(self) -> Any:
        return self._wrapper

    def begin(self) -> None:
        self._atomic.__enter__()
        self._thread = threading.get_ident()

    def check(self) -> None:
        self._check_thread()
        if self._wrapper.needs_rollback:
            raise StoreError("store_unavailable", _NEEDS_ROLLBACK)

    def commit(self) -> None:
        if self._is_outermost:
            self.raw.commit()

    def roll_back(self) -> None:
        self._check_thread()
        if self._is_outermost:
            with suppress(Exception):
                self.raw.rollback()
        self._leave(transaction.TransactionManagementError())

    def give_back(self) -> None:
        """Django keeps its connections open from request to request, or closes them after each."""
        if self._thread == threading.get_ident():
            self._leave(None)  # runs the on_commit hooks
        if self.raw.closed and self._wrapper.connection is self.raw:
            self._wrapper.connection, self._wrapper.in_atomic_block = None, False

    def discard(self) -> None:
        self._wrapper.inc_thread_sharing()
        self._wrapper.close()

    def _leave(self, failure: Exception | None) -> None:
        self._thread = 0
        if self.raw.closed:
            self._wrapper.close()  # or the block would connect again
        self._atomic.__exit__(type(failure) if failure else None, failure, None)

    def _check_thread(self) -> None:
        if self._thread != threading.get_ident():
            raise StoreError("store_unavailable", _OTHER_THREAD)
