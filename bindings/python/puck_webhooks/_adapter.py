"""What the adapters for web frameworks have in common."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from . import Delivery, Event, LruDedupe, PayloadError, Receiver, WebhookError

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
OnReject: TypeAlias = Callable[[WebhookError], object]
InThread: TypeAlias = Callable[..., Awaitable[Any]]
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
    """A receiver with its `on_reject`: what the adapters for the frameworks share."""

    def __init__(self, receiver: Receiver, on_reject: OnReject | None, in_thread: InThread | None = None) -> None:
        if isinstance(receiver, type) or not callable(getattr(receiver, "receive", None)):
            raise TypeError("webhook() takes a Receiver: @webhook(receiver)")
        if on_reject is not None and (not callable(on_reject) or is_async(on_reject)):
            raise TypeError("on_reject must be a plain function that takes the WebhookError")
        self._receiver = receiver
        self._on_reject = on_reject
        self._run = in_thread if in_thread and may_block(receiver) else _at_once

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
            delivery.__exit__(type(error), error, None)  # who keeps the error keeps the delivery alive
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

    async def receive_async(self, headers: Headers, body: bytes) -> Delivery:
        delivery: Delivery = await self._run(self._receiver.receive, headers, body)
        return delivery

    async def commit_async(self, delivery: Delivery) -> None:
        try:
            await self._run(delivery.commit)
        except WebhookError as error:
            await self.release_async(delivery, error)
            raise

    async def release_async(self, delivery: Delivery, failure: BaseException | None) -> None:
        """Releases, because of the failure if there was one. An error of the release is only reported."""
        if failure is None or isinstance(failure, Exception):
            await self._run(delivery.__exit__, UnsuccessfulResponse, failure, None)
        else:  # cancelled: nothing can be awaited any more
            delivery.__exit__(UnsuccessfulResponse, failure, None)

    @asynccontextmanager
    async def settled(self, delivery: Delivery) -> AsyncIterator[Event]:
        """Commits at the end of the block, or releases if it raised."""
        try:
            yield delivery.event
        except BaseException as failure:
            await self.release_async(delivery, failure)
            raise
        await self.commit_async(delivery)


def may_block(receiver: Receiver) -> bool:
    """Whether the dedupe store may wait for something. The built-in one does not."""
    return not isinstance(getattr(receiver, "dedupe", None), LruDedupe)


async def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call of it has to be awaited: of an `async def`, or of an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


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
