"""Dedupe stores that are written in Python, and how the receiver asks them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from ._core import CLAIM_ANSWERS, SETTLE_ANSWERS, LruDedupe, Verified
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


class AsyncDedupeStore(Protocol):
    """The same for `AsyncReceiver`: a store whose steps are awaited. What `DedupeStore` says of them holds here too.

    The steps are coroutine functions. Each call runs as a task of its own, in the receiver's event loop, and is
    cancelled only when the loop ends.
    """

    @property
    def ttl(self) -> int: ...

    async def claim(self, event_id: str, /) -> Any: ...

    async def commit(self, claim: Any, /) -> object: ...

    async def release(self, claim: Any, /) -> object: ...


def check(store: Any, tolerance: int) -> None:
    """Refuses an unfit store, when the receiver is made."""
    for name, method in _steps(store):
        if is_async(method):
            raise TypeError(f"dedupe.{name} must not be a coroutine function: the receiver does not await")
    _check_ttl(store, tolerance)


def check_async(store: Any, tolerance: int) -> None:
    """The same for an asynchronous receiver."""
    if isinstance(store, LruDedupe):
        raise TypeError("AsyncReceiver needs an asynchronous store: use Receiver with LruDedupe, which never waits")
    for name, method in _steps(store):
        if not is_async(method):
            raise TypeError(f"dedupe.{name} must be a coroutine function: a synchronous store is for Receiver")
    _check_ttl(store, tolerance)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call of it has to be awaited: of an `async def`, or of an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _steps(store: Any) -> list[tuple[str, Callable[..., Any]]]:
    if isinstance(store, type):
        raise TypeError("dedupe must be a store, and not its class")
    steps = [(name, getattr(store, name, None)) for name in ("claim", "commit", "release")]
    for name, method in steps:
        if not callable(method):
            raise TypeError(f"dedupe must have a method {name}")
    return steps  # type: ignore[return-value]


def _check_ttl(store: Any, tolerance: int) -> None:
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


async def claim_async(store: AsyncDedupeStore, verified: Verified) -> Any:
    async def ask() -> Any:
        return _checked_claim(await store.claim(verified.event.event_id))

    return await _ask_async(CLAIM_ANSWERS, verified, ask)


async def commit_async(store: AsyncDedupeStore, verified: Verified, claimed: Any) -> None:
    await _ask_async(SETTLE_ANSWERS, verified, lambda: store.commit(claimed))


async def release_async(store: AsyncDedupeStore, verified: Verified, claimed: Any) -> None:
    await _ask_async(SETTLE_ANSWERS, verified, lambda: store.release(claimed))


def _ask(answers: tuple[str, ...], verified: Verified, ask: Callable[[], Answer]) -> Answer:
    """What the store answers, or the error that its exception stands for."""
    try:
        return ask()
    except Exception as failure:
        raise _error_of(failure, answers, verified) from failure


async def _ask_async(answers: tuple[str, ...], verified: Verified, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The same. It runs in a task of its own, and a cancellation that nobody asked for is the store's."""
    import asyncio

    try:
        return await ask()
    except (Exception, asyncio.CancelledError) as failure:
        task = asyncio.current_task()
        if isinstance(failure, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        raise _error_of(failure, answers, verified) from failure


def _error_of(failure: BaseException, answers: tuple[str, ...], verified: Verified) -> WebhookError:
    """The error that a store's exception stands for. A reason that is not among the answers is `store_unavailable`.

    What the store raised is its own, and other threads may raise the same object: it becomes the cause of a new error.
    """
    reason, detail = getattr(failure, "reason", None), getattr(failure, "detail", "")
    if not isinstance(failure, WebhookError) or reason not in answers:
        reason, detail = "store_unavailable", ""
    return error_for(reason, detail, verified, verified.event)


def _whole_claim(store: DedupeStore, event_id: str) -> Any:
    claimed = store.claim(event_id)
    try:
        _refuse_awaitable(claimed)
    except StoreError:
        raise
    except BaseException:  # a signal, for one: nobody else knows of the claim
        store.release(claimed)
        raise
    return _checked_claim(claimed)


def _checked_claim(claimed: Any) -> Any:
    if claimed is None or isinstance(claimed, bool):
        raise StoreError("store_unavailable", "The store's claim returned no claim, and raised nothing either.")
    return claimed


def _refuse_awaitable(answer: Any) -> None:
    """Nobody awaits the answer: the event would count as done without being marked."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # or Python warns that it was never awaited
        raise StoreError("store_unavailable", "The store must not be asynchronous: the receiver does not await it.")
