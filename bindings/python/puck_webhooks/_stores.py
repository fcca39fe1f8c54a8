"""Dedupe stores that are written in Python, and how the receiver asks them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ._core import CLAIM_ANSWERS, SETTLE_ANSWERS, Verified
from ._errors import StoreError, WebhookError, error_for

Answer = TypeVar("Answer")


class DedupeStore(Protocol):
    """Remembers events, for example for several processes. The built-in store is `LruDedupe`.

    An event counts as seen only after it is committed, which happens after its handler succeeded. The calls come from
    any number of threads at once, and may block. Any exception that is not listed counts as `store_unavailable`, and is
    its `__cause__`. Give the store to a receiver as `Receiver(secrets, dedupe=store)`.

    An answer can get lost, so `commit` and `release` may be repeated with the same claim: the answer is then the same.
    """

    @property
    def ttl(self) -> int:
        """For how many seconds a committed event is remembered: an attribute will do. At least twice the receiver's
        tolerance; a day is longer than Puck sends an event again."""

    def claim(self, event_id: str, /) -> Any:
        """Takes the event, atomically: of all who claim one id, exactly one wins.

        `event_id` has 36 characters, in lower case. Returns what `commit` and `release` will be given: something that
        differs from claim to claim, and is neither None nor a bool. A claim must have a lease that ends, or the event
        of a worker that died is lost. Raises `Duplicate()` if the event is done, `InProgress()` if another worker holds
        it, `StoreError("store_full")` or `StoreError("store_unavailable")`; `detail=` is for a sentence of your own.
        """

    def commit(self, claim: Any, /) -> object:
        """Marks the event as done, also when that was done before or the claim is not found any more, since the handler
        did succeed. Raises `StoreError("claim_lost")` if another claim holds or has settled the event."""

    def release(self, claim: Any, /) -> object:
        """Gives the event back, for Puck's next attempt. Raises `StoreError("claim_lost")` if the event is done or
        another claim holds it, and then changes nothing."""


def check(store: Any, tolerance: int) -> None:
    """Refuses an unfit store, when the receiver is made."""
    if isinstance(store, type):
        raise TypeError("dedupe must be a store, and not its class")
    for name in ("claim", "commit", "release"):
        method = getattr(store, name, None)
        if not callable(method):
            raise TypeError(f"dedupe must have a method {name}")
        if inspect.iscoroutinefunction(method):
            raise TypeError(f"dedupe.{name} must not be a coroutine function: the receiver does not await")
    ttl = getattr(store, "ttl", None)
    if not isinstance(ttl, int) or isinstance(ttl, bool):
        raise TypeError("dedupe must have a ttl, an int: for how many seconds it remembers a committed event")
    if ttl < 2 * tolerance:
        raise ValueError(
            "The dedupe store remembers for less than twice the tolerance, so a captured delivery could be handled "
            "again. Raise its ttl or lower the tolerance."
        )


def claim(store: DedupeStore, verified: Verified) -> Any:
    return _ask(CLAIM_ANSWERS, verified, lambda: _whole_claim(store, verified.event.event_id))


def commit(store: DedupeStore, verified: Verified, claimed: Any) -> None:
    _ask(SETTLE_ANSWERS, verified, lambda: _refuse_awaitable(store.commit(claimed)))


def release(store: DedupeStore, verified: Verified, claimed: Any) -> None:
    _ask(SETTLE_ANSWERS, verified, lambda: _refuse_awaitable(store.release(claimed)))


def _ask(answers: tuple[str, ...], verified: Verified, ask: Callable[[], Answer]) -> Answer:
    """What the store answers. An exception for a reason that is not among the answers is `store_unavailable`.

    What the store raised is its own, and other threads may raise the same object: it becomes the cause of a new error.
    """
    try:
        return ask()
    except Exception as failure:
        reason, detail = getattr(failure, "reason", None), getattr(failure, "detail", "")
        if not isinstance(failure, WebhookError) or reason not in answers:
            reason, detail = "store_unavailable", ""
        raise error_for(reason, detail, verified, verified.event) from failure


def _whole_claim(store: DedupeStore, event_id: str) -> Any:
    claimed = store.claim(event_id)
    try:
        _refuse_awaitable(claimed)
    except StoreError:
        raise
    except BaseException:  # a signal, for one: nobody else knows of the claim
        store.release(claimed)
        raise
    if claimed is None or isinstance(claimed, bool):
        raise StoreError("store_unavailable", "The store's claim returned no claim, and raised nothing either.")
    return claimed


def _refuse_awaitable(answer: Any) -> None:
    """Nobody awaits the answer: the event would count as done without being marked."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # or Python warns that it was never awaited
        raise StoreError("store_unavailable", "The store must not be asynchronous: the receiver does not await it.")
