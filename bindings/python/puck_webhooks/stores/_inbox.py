"""The inbox: claim, effect and commit in one transaction of PostgreSQL."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._core import Claim, Event
from .._errors import Duplicate, InProgress, StoreError
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
    unavailable,
    warn_of_idle_transactions,
)
from ._settings import new_claim, probe_event

if TYPE_CHECKING:
    import psycopg

_log = logging.getLogger("puck_webhooks")

# The row says done at once, for it counts when the transaction does. The lock makes others answer in_progress at once,
# instead of waiting for the row for as long as the handler runs. It ends with the transaction, so a worker that is
# killed leaves nothing.
_CLAIM = """
INSERT INTO puck_events AS held (namespace, event_id, token, done, expires_at)
SELECT CAST(%(namespace)s AS text), CAST(%(event_id)s AS uuid), CAST(%(token)s AS bigint), true,
       clock_timestamp() + CAST(%(ttl)s AS bigint) * interval '1 ms'
WHERE pg_try_advisory_xact_lock(hashtextextended(CAST(%(namespace)s AS text) || ':' || CAST(%(event_id)s AS text), 0))
ON CONFLICT (namespace, event_id) DO UPDATE SET token = excluded.token, done = true, expires_at = excluded.expires_at
WHERE held.expires_at <= clock_timestamp() RETURNING done"""
_REMEMBERED = 1024  # claims that were committed: a repeated commit is ok, and a late release changes nothing

_ENDED = (
    "The transaction is not as the handler found it: a statement failed, or the handler ended it. "
    "It was rolled back. What the handler had committed by then stays."
)
_NOT_OPEN = "The transaction of this claim is over, and was not committed here."


class Transaction(ABC):
    """A transaction of one delivery, and whose connection it is."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw = raw
        self.token = 0

    @property
    @abstractmethod
    def handle(self) -> Any:
        """What a handler writes through."""

    @abstractmethod
    def begin(self) -> None: ...

    def check(self) -> None:  # noqa: B027  (psycopg refuses by itself)
        """Raises StoreError if this is not the transaction that was begun, or if it must not be committed."""

    def finish(self) -> None:  # noqa: B027  (only SQLAlchemy has something to do)
        """Does what the handler left to the commit. It may last for as long as a handler."""

    @abstractmethod
    def commit(self) -> None: ...

    @abstractmethod
    def roll_back(self) -> None: ...

    @abstractmethod
    def give_back(self) -> None:
        """Gives the connection back, to be used again if it is not closed."""

    def discard(self) -> None:
        """Gives back a connection that came too late, in the thread that acquired it."""
        self.give_back()

    def abandon(self, seconds: float) -> None:
        """Ends it without a commit, whatever its state is. Raises nothing."""
        try:
            with bounded(self.raw, seconds):
                self.roll_back()
        except Exception:
            self.raw.close()  # the server rolls back
        with suppress(Exception):
            self.give_back()


class Inbox(Store, ABC):
    """A dedupe store whose claims are open transactions. See PostgresInbox for what it promises."""

    def __init__(self, namespace: str, *, ttl: int, timeout: float) -> None:
        super().__init__(namespace, ttl=ttl, lease=1, timeout=timeout)  # there is no lease
        self._lock = threading.RLock()  # the garbage collector may release a delivery in any thread, at any time
        self._open: dict[str, Transaction | None] = {}  # None while it is being claimed
        self._committed: dict[int, None] = {}  # tokens, the oldest first

    @abstractmethod
    def _acquire(self) -> tuple[Callable[[float], Transaction], Callable[[], None]]:
        """A function that gets a connection within so many seconds, for a thread of its own; and one that is called if
        it takes too long."""

    def claim(self, event_id: str) -> Claim:
        """Begins a transaction, and writes the event into it. See DedupeStore.claim."""
        self._check_process()
        claim = new_claim(event_id)
        with self._lock:
            is_open = event_id in self._open  # also if its connection is lost: its handler still runs
            if not is_open:
                self._open[event_id] = None
        if is_open:
            raise InProgress()
        try:
            transaction = twice(lambda: self._claimed(claim))
        except BaseException:
            del self._open[event_id]
            raise
        transaction.token = claim.token
        self._open[event_id] = transaction
        return claim

    def commit(self, claim: Claim) -> None:
        """Commits the transaction, with all that the handler wrote. If the connection is lost in between, nobody knows
        whether it did: Puck's next attempt is a duplicate, or runs the handler again."""
        self._check_process()
        transaction = self._take(claim)
        if transaction is None:
            if claim.token in self._committed:
                return
            raise StoreError("store_unavailable", _NOT_OPEN)
        try:
            self._commit(transaction)
        except StoreError:
            transaction.abandon(self._timeout)
            raise
        except BaseException as failure:
            transaction.abandon(self._timeout)
            if not isinstance(failure, Exception):
                raise
            raise unavailable(failure) from failure
        self._remember(claim.token)
        try:
            transaction.give_back()
        except Exception:  # of an on_commit hook, for one: the event is done in any case
            _log.exception("an event was committed, and then its connection was not given back as it should be")
        # In a transaction of its own, which cannot spoil a delivery's.
        self._sweep_if_due(lambda: self._in_transaction(self._timeout, lambda transaction: run(transaction.raw, SWEEP)))

    def release(self, claim: Claim) -> None:
        """Rolls back what the handler wrote, and the claim with it. Raises StoreError, claim_lost, after a commit."""
        self._check_process()
        transaction = self._take(claim)
        if transaction is not None:
            transaction.abandon(self._timeout)
        elif claim.token in self._committed:
            raise StoreError("claim_lost", "The event is done: it was not given back.")

    def check(self) -> None:
        """Writes and forgets a probe. Raises StoreError, with a sentence, if the table is missing or has another shape,
        or if the server cannot be reached or written. Warns in the log if the server lets idle
        transactions stay. For the start of a worker: what is used before a server
        forks its workers is refused in them."""
        self._check_process()
        twice(self._probe)

    def _handle(self, event: Event | str) -> Any:
        transaction = self._open.get(event if isinstance(event, str) else event.event_id)
        if transaction is None:
            raise ValueError("This event has no open transaction here: it was not claimed, or it is settled already.")
        return transaction.handle

    def _claimed(self, claim: Claim) -> Transaction:
        transaction, left = self._begun(self._timeout)
        try:
            with bounded(transaction.raw, left()):
                transaction.begin()
                if self._insert(transaction, claim):
                    return transaction
                held = run(transaction.raw, HELD, {"namespace": self._namespace, "event_id": claim.event_id})
        except BaseException as failure:
            transaction.abandon(self._timeout)
            if sqlstate(failure) == "40001":  # of REPEATABLE READ and SERIALIZABLE: another one was faster
                raise InProgress() from failure
            raise
        transaction.abandon(self._timeout)
        raise Duplicate() if held == [(True,)] else InProgress()

    def _insert(self, transaction: Transaction, claim: Claim) -> bool:
        return bool(run(transaction.raw, _CLAIM, self._parameters(claim)))

    def _begun(self, seconds: float) -> tuple[Transaction, Callable[[], float]]:
        """A transaction that can begin, and how much time is left."""
        left = deadline(seconds)
        acquire, give_up = self._acquire()
        try:
            return self._acquirer.within(seconds, acquire, lambda late: late.discard()), left
        except TimeoutError:
            give_up()
            raise

    def _commit(self, transaction: Transaction) -> None:
        from psycopg.pq import TransactionStatus

        transaction.check()
        transaction.finish()
        with bounded(transaction.raw, 2 * self._timeout):  # it cannot be tried twice
            if transaction.raw.info.transaction_status != TransactionStatus.INTRANS:
                # After a statement that failed, the server answers COMMIT with ROLLBACK, and without an error.
                raise StoreError("store_unavailable", _ENDED)
            transaction.commit()

    def _probe(self) -> None:
        claim = new_claim(probe_event())

        def probe(transaction: Transaction) -> None:
            check_table(transaction.raw)
            warn_of_idle_transactions(transaction.raw)
            self._insert(transaction, claim)
            run(transaction.raw, SWEEP)
            forget(transaction.raw, self._namespace, claim.event_id)

        self._in_transaction(self._timeout, probe)

    def _in_transaction(self, seconds: float, work: Callable[[Transaction], object]) -> None:
        transaction, left = self._begun(seconds)
        try:
            with bounded(transaction.raw, left()):
                transaction.begin()
                work(transaction)
                transaction.commit()
        except BaseException:
            transaction.abandon(self._timeout)
            raise
        transaction.give_back()

    def _take(self, claim: Claim) -> Transaction | None:
        """The open transaction of a claim. It is the caller's from now on."""
        with self._lock:
            transaction = self._open.get(claim.event_id)
            if transaction is None or transaction.token != claim.token:
                return None
            del self._open[claim.event_id]
            return transaction

    def _remember(self, token: int) -> None:
        with self._lock:
            self._committed[token] = None
            if len(self._committed) > _REMEMBERED:
                del self._committed[next(iter(self._committed))]
