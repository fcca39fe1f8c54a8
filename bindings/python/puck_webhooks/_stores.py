"""Dedupe stores that are written in Python, and how the receiver asks them."""

from __future__ import annotations

import inspect
from typing import Any, Protocol

from ._errors import Duplicate, InProgress, StoreError


class DedupeStore(Protocol):
    """Remembers events, for example for several processes. The built-in one is `LruDedupe`.

    An event counts as seen only when it is committed, which happens after its handler succeeded. The calls come from
    any number of threads at once, and may block. Any exception but those that are named means `store_unavailable`.
    """

    def claim(self, event_id: str, /) -> Any:
        """Takes the event, atomically: of all who claim one id, exactly one wins.

        Returns what `commit` and `release` will be given: something that differs from claim to claim, and is not None.
        A claim must run out after some time, or the event of a worker that died is lost. Raises `Duplicate` if the
        event is done, `InProgress` if another worker holds it.
        """

    def commit(self, claim: Any, /) -> object:
        """Marks the event as done, for longer than Puck sends it again (a day). Raises `StoreError("claim_lost")` if
        the claim has run out and another worker took the event."""

    def release(self, claim: Any, /) -> object:
        """Gives the event back, for Puck's next attempt. Raises as `commit` does."""


def check(store: Any) -> None:
    """Refuses what is no store, when the receiver is made."""
    if isinstance(store, type):
        raise TypeError("dedupe must be a store, and not its class")
    for name in ("claim", "commit", "release"):
        method = getattr(store, name, None)
        if not callable(method):
            raise TypeError(f"dedupe must have a method {name}")
        if inspect.iscoroutinefunction(method):
            raise TypeError(f"dedupe.{name} must not be a coroutine function: the receiver does not await")


def claim(store: DedupeStore, event_id: str) -> Any:
    try:
        claimed = store.claim(event_id)
    except (Duplicate, InProgress):
        raise
    except StoreError as failure:
        if failure.reason == "claim_lost":  # its status is a 200, which would lose an event that nobody handles
            raise StoreError("store_unavailable") from failure
        raise
    except Exception as failure:
        raise StoreError("store_unavailable") from failure
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


def commit(store: DedupeStore, claimed: Any) -> None:
    _settle(store.commit, claimed)


def release(store: DedupeStore, claimed: Any) -> None:
    _settle(store.release, claimed)


def _settle(how: Any, claimed: Any) -> None:
    try:
        _refuse_awaitable(how(claimed))
    except StoreError:
        raise
    except Exception as failure:
        raise StoreError("store_unavailable") from failure


def _refuse_awaitable(answer: Any) -> None:
    """An answer that nobody awaits is none: the event would count as done without being marked."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # or Python warns that it was never awaited
        raise StoreError("store_unavailable", "The store must not be asynchronous: the receiver does not await it.")
