"""The threads in which asynchronous adapters ask synchronous dedupe stores.

They are a pool of their own: while a store does not answer, the event loop's executor, which resolves host names too,
and the framework's threadpool stay free for others. Claims have one pool and the other steps another, so that what was
handled is committed however many claims wait.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from . import StoreError

T = TypeVar("T")

_THREADS = 32  # in each pool
_PATIENCE = 2.0  # seconds


def claim_in_thread(function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
    """Begins a claim. If no thread is free for 2 seconds it ends in `store_unavailable`, and the store is not asked:
    Puck does not wait for long, and others wait too."""
    return _begin("claim", _unless_late, time.monotonic(), function, *arguments)


def settle_in_thread(function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
    """Begins a commit or a release."""
    return _begin("settle", function, *arguments)


def _unless_late(asked_at: float, function: Callable[..., T], *arguments: object) -> T:
    if time.monotonic() - asked_at > _PATIENCE:
        raise StoreError("store_unavailable", "The dedupe store was not asked: its threads all wait for it already.")
    return function(*arguments)


def _begin(step: str, function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
    """Begins the call, with the caller's context variables as asyncio.to_thread has them. The executor holds it until
    it is over, whoever waits for it."""
    context = contextvars.copy_context()
    return asyncio.wrap_future(_executor(step).submit(context.run, function, *arguments))


@functools.cache
def _executor(step: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix=f"puck-webhooks-{step}")


os.register_at_fork(after_in_child=_executor.cache_clear)  # a forked child has none of its parent's threads
