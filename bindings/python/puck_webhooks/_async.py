"""Receiving with a dedupe store that is awaited.

Whatever is cancelled, no event is lost: each step of a store is a task of its own, which goes on when nobody waits for
it any more. Nothing is awaited after a cancellation, since anyio's cancel scopes cancel every later await too.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias, TypeVar

from . import _stores
from ._core import Event, Verified, Verifier
from ._errors import WebhookError, error_for
from ._stores import AsyncDedupeStore

if TYPE_CHECKING:  # the functions below import it: most users of the package do not need it
    import asyncio

T = TypeVar("T")
Headers: TypeAlias = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str | bytes, str | bytes]]

_WITH = "Use `async with`: the dedupe store is awaited."
_tasks: set[Any] = set()  # the event loop itself holds tasks weakly


def start(step: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Runs a step as a task, which lives until it is over."""
    import asyncio

    task = asyncio.get_running_loop().create_task(step)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def outcome(step: asyncio.Future[T], if_cancelled: Callable[[asyncio.Future[T]], object]) -> T:
    """Waits for a step. It goes on if the waiting is cancelled, and `if_cancelled` gets it when it is over."""
    import asyncio

    try:
        await asyncio.wait((step,))  # and not shield(), which logs the exceptions of steps that nobody waits for
    except BaseException:
        step.add_done_callback(if_cancelled)
        raise
    return step.result()


def succeeded(step: asyncio.Future[Any]) -> bool:
    """Whether a step that is over has a result. Its exception counts as seen."""
    return not step.cancelled() and step.exception() is None


class _State(enum.Enum):
    """`given_back`: released, so that Puck's next attempt is handled. `lost`: another worker has taken the event."""

    OPEN = enum.auto()
    SETTLING = enum.auto()
    COMMITTED = enum.auto()
    GIVEN_BACK = enum.auto()
    LOST = enum.auto()


class AsyncDelivery:
    """A genuine, fresh and new event, and the right to handle it.

    A context manager for `async with`: a block that ends well commits the event, or releases it if that fails, and an
    exception releases it for Puck's next attempt, a cancellation too. One that is dropped is released, if its event
    loop still runs, but not a forked child's copy. A block does not begin with a delivery that is settled: it raises
    StoreError, store_unavailable after a release, and claim_lost after a commit or when another worker took the event.

    A step of the store that has begun goes on if its caller is cancelled: a commit is finished, and a commit that then
    fails leads to a release. When the event loop ends, it cancels the steps as well (asyncio.run does): the event is
    then done if the store went that far, and otherwise Puck's next attempt after the end of the lease is handled.
    """

    def __init__(self, store: AsyncDedupeStore, verified: Verified, claim: Any) -> None:
        import asyncio

        self._store, self._verified, self._claim = store, verified, claim
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._state = _State.OPEN

    @property
    def event(self) -> Event:
        """The event."""
        return self._verified.event

    @property
    def timestamp(self) -> int:
        """When Puck signed, in Unix seconds."""
        return self._verified.timestamp

    @property
    def skew_seconds(self) -> int:
        """How many seconds before received_at that was; negative if it was after."""
        return self._verified.skew_seconds

    @property
    def secret_index(self) -> int:
        """Which of the secrets matched, from 0."""
        return self._verified.secret_index

    @property
    def secret_fingerprint(self) -> str:
        """That secret's fingerprint, which may be shown: 8 hex digits."""
        return self._verified.secret_fingerprint

    async def commit(self) -> None:
        """Say that the event was handled, before the end of the block.

        A repeated commit is good again. Raises StoreError: claim_lost when another worker took the event (answer 200),
        or store_unavailable, after which it may be repeated.
        """
        await outcome(self._begin(_State.COMMITTED, _stores.commit_async), self._release_if_failed)

    async def release(self) -> None:
        """Give the event back before the end of the block.

        Raises StoreError: claim_lost after a commit, which it never undoes, or store_unavailable.
        """
        self._check_not_committed()
        await outcome(self._begin(_State.GIVEN_BACK, _stores.release_async), succeeded)

    async def __aenter__(self) -> Self:
        self._check_not_committed()
        if self._state is _State.LOST:
            self._fail("claim_lost")
        if self._state is _State.GIVEN_BACK:
            self._fail("store_unavailable", "The delivery was given back: wait for Puck's next attempt.")
        self._check_not_settling()
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if type is None:
            if self._state in (_State.OPEN, _State.SETTLING):
                await self._commit_or_release()
        elif issubclass(type, GeneratorExit):  # the coroutine is closed: it cannot await
            self._release_later()
        elif releasing := self._release_now():
            await outcome(releasing, succeeded)

    async def _commit_or_release(self) -> None:
        """Whoever keeps the error keeps the delivery alive, which cannot wait for its end then."""
        try:
            await self.commit()
        except WebhookError:
            if releasing := self._release_now():
                await outcome(releasing, succeeded)
            raise

    def __del__(self) -> None:
        self._release_later()

    if not TYPE_CHECKING:  # a type checker says it too

        def __enter__(self) -> NoReturn:
            raise TypeError(_WITH)

        def __exit__(self, *exception: object) -> None: ...

    def _release_later(self) -> None:
        """Releases from any thread, also when the event loop does not run now. If it never runs again, the lease will
        end."""
        if self._state is _State.OPEN and not self._is_a_copy():
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._release_now)

    def _release_now(self) -> asyncio.Task[None] | None:
        if self._state is not _State.OPEN or self._is_a_copy():
            return None
        self._state = _State.SETTLING
        return start(self._release_quietly())

    def _is_a_copy(self) -> bool:
        """Whether this is a forked child, while the claim is still the parent's."""
        return os.getpid() != self._pid

    def _release_if_failed(self, committing: asyncio.Future[None]) -> None:
        if not succeeded(committing):
            self._release_now()

    async def _release_quietly(self) -> None:
        """Raises nothing: an exception is on its way already, or nobody is there to catch one."""
        try:
            await self._settle(_State.OPEN, _State.GIVEN_BACK, _stores.release_async)
        except WebhookError as failure:
            if self._state is _State.OPEN:
                self._state = _State.GIVEN_BACK  # its lease will end
            self._loop.call_exception_handler(
                {"message": "puck_webhooks.AsyncDelivery: the event could not be released", "exception": failure}
            )

    def _begin(self, then: _State, ask: Callable[..., Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        self._check_not_settling()
        before, self._state = self._state, _State.SETTLING
        return start(self._settle(before, then, ask))

    async def _settle(self, before: _State, then: _State, ask: Callable[..., Coroutine[Any, Any, None]]) -> None:
        try:
            await ask(self._store, self._verified, self._claim)
        except WebhookError as failure:
            is_lost = before is not _State.COMMITTED and failure.reason == "claim_lost"
            self._state = _State.LOST if is_lost else before
            raise
        except BaseException:  # the event loop ends: nothing is begun any more
            self._state = _State.GIVEN_BACK if before is _State.OPEN else before
            raise
        self._state = then

    def _check_not_committed(self) -> None:
        if self._state is _State.COMMITTED:
            self._fail("claim_lost", "The delivery is already committed.")

    def _check_not_settling(self) -> None:
        if self._state is _State.SETTLING:
            self._fail(
                "store_unavailable", "The delivery is being settled by another task, and the result is not known yet."
            )

    def _fail(self, reason: str, detail: str = "") -> NoReturn:
        raise error_for(reason, detail, self._verified, self._verified.event)


class AsyncReceiver:
    """Judges requests, and claims their events in a store that is awaited. It needs asyncio, or a loop like it.

        async with receiver.receive(headers, body) as delivery:     # raises WebhookError, as Receiver does
            await handle(delivery.event)

    The arguments are those of Receiver, except that `dedupe` is an asynchronous store, or the text of one.
    """

    def __init__(
        self,
        secrets: str | bytes | Sequence[str | bytes],
        *,
        tolerance: int = 300,
        max_body: int = 1_048_576,
        dedupe: AsyncDedupeStore | str,
    ) -> None:
        self._verifier = Verifier(secrets, tolerance=tolerance, max_body=max_body)
        self._max_body, self._dedupe = max_body, _opened(dedupe)
        _stores.check_async(self._dedupe, tolerance)

    @property
    def max_body(self) -> int:
        """The longest body that is accepted, in bytes."""
        return self._max_body

    @property
    def dedupe(self) -> AsyncDedupeStore:
        """The store."""
        return self._dedupe

    def receive(
        self, headers: Headers, body: bytes | bytearray | memoryview, *, received_at: int | None = None
    ) -> Receiving:
        """Judge one request as Verifier.verify does, with the same arguments, and then claim its event.

        Await the result, which gives an AsyncDelivery, or use it in `async with`. That raises a WebhookError for a bad
        delivery (answer Puck with its http_status), and TypeError or ValueError for a wrong argument. If it is
        cancelled, a claim that the store grants all the same is given back.
        """
        return Receiving(self._receive(headers, body, received_at))

    async def _receive(
        self, headers: Headers, body: bytes | bytearray | memoryview, received_at: int | None
    ) -> AsyncDelivery:
        _check_asyncio()
        verified = self._verifier.verify(headers, body, received_at=received_at)
        return await outcome(start(self._claim(verified)), _give_back)

    async def _claim(self, verified: Verified) -> AsyncDelivery:
        return AsyncDelivery(self._dedupe, verified, await _stores.claim_async(self._dedupe, verified))


class Receiving:
    """What AsyncReceiver.receive returns: it is awaited once, or used in `async with`."""

    def __init__(self, receiving: Coroutine[Any, Any, AsyncDelivery]) -> None:
        self._receiving = receiving
        self._delivery: AsyncDelivery | None = None

    def __await__(self) -> Generator[Any, Any, AsyncDelivery]:
        return self._receiving.__await__()

    async def __aenter__(self) -> AsyncDelivery:
        self._delivery = await self._receiving
        return await self._delivery.__aenter__()

    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._delivery is not None:
            await self._delivery.__aexit__(type, value, traceback)

    if not TYPE_CHECKING:  # a type checker says it too

        def __enter__(self) -> NoReturn:
            self._receiving.close()  # or Python warns that it was never awaited
            raise TypeError(_WITH)

        def __exit__(self, *exception: object) -> None: ...


def _opened(dedupe: AsyncDedupeStore | str) -> AsyncDedupeStore:
    if not isinstance(dedupe, str):
        return dedupe
    from .stores._text import open_async_dedupe

    return open_async_dedupe(dedupe)


def _give_back(claiming: asyncio.Future[AsyncDelivery]) -> None:
    if succeeded(claiming):
        claiming.result()._release_now()


def _check_asyncio() -> None:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("AsyncReceiver needs a running event loop of asyncio. Under Trio it cannot work.") from None
