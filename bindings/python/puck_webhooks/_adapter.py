"""What the adapters for web frameworks have in common."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from . import AsyncDelivery, AsyncReceiver, Delivery, Event, LruDedupe, PayloadError, Receiver, WebhookError
from ._async import outcome, succeeded
from ._stores import is_async as is_async

if TYPE_CHECKING:
    import asyncio

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
OnReject: TypeAlias = Callable[[WebhookError], object]
AnyReceiver: TypeAlias = Receiver | AsyncReceiver
AnyDelivery: TypeAlias = Delivery | AsyncDelivery
InThread: TypeAlias = "Callable[..., asyncio.Future[Any]]"
Response = TypeVar("Response")

_log = logging.getLogger("puck_webhooks")

BODY_CONSUMED = (
    "puck_webhooks could not see all raw bytes of the body, and the signature covers those. If the sender did not hang "
    "up, something before this view (a middleware, a hook, a form parser) has read before: "
)


class HandlerFailed(Exception):
    """The handler raised: its exception is the `__cause__`. The event was released, and the answer is a 500.

    The adapters raise this in place of what the handler raised, whatever that was. A framework turns some exceptions
    into a 4xx (Http404, HTTPException), and after a 4xx Puck never sends the event again.
    """

    def __init__(self) -> None:
        super().__init__("The handler raised an exception. Its event was released: Puck sends it again.")


class UnsuccessfulResponse(Exception):
    """The handler returned a response whose status is not a 2xx."""


class Adapter:
    """A receiver with its `on_reject`: what the adapters for the frameworks share.

    `claim_in_thread` and `settle_in_thread` begin a call in another thread; without them nothing can be awaited.
    Whatever they have begun goes on if its caller is cancelled.
    """

    def __init__(
        self,
        receiver: AnyReceiver,
        on_reject: OnReject | None,
        claim_in_thread: InThread | None = None,
        settle_in_thread: InThread | None = None,
    ) -> None:
        if isinstance(receiver, type) or not callable(getattr(receiver, "receive", None)):
            raise TypeError("webhook() takes a Receiver: @webhook(receiver)")
        if on_reject is not None and (not callable(on_reject) or is_async(on_reject)):
            raise TypeError("on_reject must be a plain function that takes the WebhookError")
        self._receiver: Any = receiver
        self._on_reject = on_reject
        self._claim_in_thread = claim_in_thread if may_block(receiver) else None
        self._settle_in_thread = settle_in_thread if may_block(receiver) else None
        if settle_in_thread is None:
            self.refuse_async_receiver()

    def refuse_async_receiver(self) -> None:
        if isinstance(self._receiver, AsyncReceiver):
            raise TypeError("webhook() takes a Receiver here, since nothing awaits an AsyncReceiver")

    @property
    def waits(self) -> bool:
        """Whether the dedupe store's answers are awaited."""
        return self._settle_in_thread is not None or isinstance(self._receiver, AsyncReceiver)

    @property
    def max_body(self) -> int:
        return int(self._receiver.max_body)

    def rejected(self, error: WebhookError) -> int:
        """Calls `on_reject`, and returns the status to answer with. What `on_reject` raises is logged and changes
        nothing: the status decides whether Puck sends the event again."""
        if self._on_reject is not None:
            try:
                answer = self._on_reject(error)
            except Exception:
                _log.exception("on_reject raised an exception")
            else:
                if inspect.iscoroutine(answer):
                    answer.close()  # or Python warns that it was never awaited
                    _log.error("on_reject returned a coroutine, which nobody awaits: it must be a plain function")
        return error.http_status

    def serve(
        self,
        headers: Headers,
        read: Callable[[], bytes],
        handle: Callable[[Event], Response],
        status_of: Callable[[Response], int],
        empty: Callable[[int], Response],
    ) -> Response:
        """The response to one delivery. `status_of` reads a response's status, `empty` makes one of it."""
        try:
            delivery = self._receiver.receive(headers, read())
        except WebhookError as error:
            return empty(self.rejected(error))
        try:
            with delivery:
                try:
                    response = handle(delivery.event)
                    succeeded = is_success(status_of(response))
                except Exception as failure:
                    raise HandlerFailed from failure
                if not succeeded:
                    raise UnsuccessfulResponse
        except UnsuccessfulResponse:
            pass
        except WebhookError as error:  # of the commit: the handler's own became HandlerFailed
            return empty(self.rejected(error))
        return response

    async def serve_async(
        self,
        headers: Headers,
        read: Callable[[], Awaitable[bytes]],
        handle: Callable[[Event], Awaitable[Response]],
        status_of: Callable[[Response], int],
        empty: Callable[[int], Response],
    ) -> Response:
        """The same for a handler that is awaited."""
        try:
            delivery = await self.receive_async(headers, await read())
        except WebhookError as error:
            return empty(self.rejected(error))
        try:
            async with self.settled(delivery) as event:
                try:
                    response = await handle(event)
                    succeeded = is_success(status_of(response))
                except Exception as failure:
                    raise HandlerFailed from failure
                if not succeeded:
                    raise UnsuccessfulResponse
        except UnsuccessfulResponse:
            pass
        except WebhookError as error:
            return empty(self.rejected(error))
        return response

    async def receive_async(self, headers: Headers, body: bytes) -> AnyDelivery:
        delivery: AnyDelivery
        if self._claim_in_thread is not None:
            delivery = await outcome(self._claim_in_thread(self._receiver.receive, headers, body), self._give_back)
        elif isinstance(self._receiver, AsyncReceiver):
            delivery = await self._receiver.receive(headers, body)
        else:
            delivery = self._receiver.receive(headers, body)
        return delivery

    async def commit_async(self, delivery: AnyDelivery) -> None:
        """Commits, or releases and raises if that fails."""
        if isinstance(delivery, AsyncDelivery):
            await delivery.__aexit__(None, None, None)
        elif self._settle_in_thread is None:
            delivery.__exit__(None, None, None)
        else:
            await outcome(self._settle_in_thread(delivery.__exit__, None, None, None), succeeded)

    async def release_async(self, delivery: AnyDelivery, failure: BaseException | None) -> None:
        """Releases, because of the failure if there was one. An error of the release is only reported."""
        why = UnsuccessfulResponse if failure is None else type(failure)
        if isinstance(delivery, AsyncDelivery):
            await delivery.__aexit__(why, failure, None)
        elif self._settle_in_thread is None:
            delivery.__exit__(why, failure, None)
        else:
            releasing = self._settle_in_thread(delivery.__exit__, why, failure, None)
            if isinstance(failure, Exception | None):  # and not cancelled
                await outcome(releasing, succeeded)

    def _give_back(self, claiming: asyncio.Future[Any]) -> None:
        """Releases what was granted to a caller who is gone."""
        if succeeded(claiming) and self._settle_in_thread is not None:
            self._settle_in_thread(_release, claiming.result())

    @asynccontextmanager
    async def settled(self, delivery: AnyDelivery) -> AsyncIterator[Event]:
        """Commits at the end of the block, or releases if it raised."""
        try:
            yield delivery.event
        except BaseException as failure:
            await self.release_async(delivery, failure)
            raise
        await self.commit_async(delivery)


def may_block(receiver: AnyReceiver) -> bool:
    """Whether the dedupe store's calls may wait for something. The built-in one's do not."""
    return not isinstance(receiver, AsyncReceiver) and not isinstance(getattr(receiver, "dedupe", None), LruDedupe)


def _release(delivery: Delivery) -> None:
    delivery.__exit__(UnsuccessfulResponse, None, None)


def is_success(status: int) -> bool:
    """Whether Puck counts the event as delivered."""
    return 200 <= status < 300


def declared_length(content_length: str | bytes | None) -> int | None:
    """The Content-Length as a number, if it is one."""
    text = content_length.decode("latin-1") if isinstance(content_length, bytes) else content_length
    return int(text) if text and text.isdecimal() and len(text) < 20 else None


async def collect(chunks: AsyncIterable[bytes], length: int | None, limit: int, consumed: str) -> bytes:
    """The whole body, of which never more than the limit and one chunk are held."""
    if length is not None and length > limit:
        raise PayloadError("payload_too_large")
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise PayloadError("payload_too_large")
    if length is not None and len(body) < length:
        raise RuntimeError(consumed)
    return bytes(body)
