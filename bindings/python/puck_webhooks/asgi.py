"""Receive Puck's webhooks before an ASGI application sees them. It does not need a framework.

    app.mount("/puck", WebhookMiddleware(inner_app, receiver))

    async def handle(request):                                # an endpoint of inner_app
        event = request.scope["puck.event"]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from . import WebhookError
from ._adapter import (
    BODY_CONSUMED,
    Adapter,
    AnyDelivery,
    AnyReceiver,
    OnReject,
    collect,
    declared_length,
    is_success,
)
from ._threads import claim_in_thread, settle_in_thread

__all__ = ["WebhookMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_CONSUMED = BODY_CONSUMED + "put WebhookMiddleware outside of it."


class WebhookMiddleware:
    """Judges every request to `app`, and lets through what is accepted.

    The app finds the `Event` in scope["puck.event"], and the raw body where it always is. If it answers 2xx, the event
    is committed before the end of the answer goes out; if it answers otherwise, or raises, the event is released. (A
    4xx is final: Puck does not come again. And if an answer comes in three pieces or more, its status is gone when the
    commit fails.) Whatever is refused is answered with its status and an empty body. Other methods than POST get a 405,
    and WebSockets are closed.

    If the request is cancelled, so is the app, and the event is released at once. What the app runs in a thread, such
    as a `def` endpoint, goes on all the same, and Puck's next attempt may be handled beside it. The adapters for
    Starlette and FastAPI wait for the thread instead.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before. A synchronous dedupe store that is written in Python is asked in a thread. This
    and an AsyncReceiver need asyncio.
    """

    def __init__(self, app: App, receiver: AnyReceiver, *, on_reject: OnReject | None = None) -> None:
        self._app = app
        self._adapter = Adapter(receiver, on_reject, claim_in_thread, settle_in_thread)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["method"] != "POST":
            await answer(send, 405, [(b"allow", b"POST")])
        else:
            await self._judge(scope, receive, send)

    async def _judge(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        length = next((declared_length(value) for name, value in headers if name.lower() == b"content-length"), None)
        try:
            body = await collect(_chunks(receive), length, self._adapter.max_body, _CONSUMED)
            delivery = await self._adapter.receive_async(headers, body)
        except _Disconnected:
            return
        except WebhookError as error:
            await answer(send, self._adapter.rejected(error))
            return
        settling = Settling(send)
        settling.accept(self._adapter, delivery)
        async with settling:
            await self._app({**scope, "puck.event": delivery.event}, _replay(body, receive), settling.send)


class Settling:
    """An answer on its way out, and the delivery that it settles, once there is one.

    The start of the answer and its first piece wait for what follows, so that a commit that fails at the end can still
    replace them. What is not committed by the end of the block is released.
    """

    def __init__(self, send: Send, *, instead_of: Callable[[Message], int | None] = lambda start: None) -> None:
        self._send = send
        self._instead_of = instead_of  # the status to answer with instead of what starts like this, if there is one
        self._adapter: Adapter | None = None
        self._delivery: AnyDelivery | None = None  # until it is settled
        self._held: list[Message] = []
        self._status = 0
        self.is_replaced = False
        self.is_committed = False

    def accept(self, adapter: Adapter, delivery: AnyDelivery) -> None:
        if self._adapter is not None:
            raise RuntimeError("Two receivers judge this request, and only one delivery can be settled by its answer.")
        self._adapter, self._delivery = adapter, delivery

    @property
    def has_accepted(self) -> bool:
        return self._adapter is not None

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, kind: object, failure: BaseException | None, traceback: object) -> None:
        if self._adapter is not None and self._delivery is not None:
            await self._adapter.release_async(self._delivery, failure)

    async def replace(self, status: int) -> None:
        """Answers with this status and an empty body, whatever else there was to send."""
        self.is_replaced = True
        await answer(self._send, status)

    async def send(self, message: Message) -> None:
        if self.is_replaced:
            return
        if message["type"] == "http.response.start" and not self._status:
            self._status = message["status"]
            instead = self._instead_of(message)
            if instead is not None:
                await self.replace(instead)
                return
            if self._delivery is not None:
                self._held.append(message)
                return
        if message["type"] in _CONTENT:
            is_end = not message.get("more_body", False)
            if len(self._held) == 1 and not is_end:
                self._held.append(message)
                return
            instead = await self._commit() if is_end else None
            if self._held and instead is not None:
                await self.replace(instead)
                return
            for held in self._held:
                await self._send(held)
            self._held.clear()
        await self._send(message)

    async def _commit(self) -> int | None:
        """Commits the event if it was handled well. Returns the status to answer with if that failed."""
        if self._adapter is None or self._delivery is None or not is_success(self._status):
            return None
        delivery, self._delivery = self._delivery, None
        try:
            await self._adapter.commit_async(delivery)
        except WebhookError as error:
            return self._adapter.rejected(error)
        self.is_committed = True
        return None


_CONTENT = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")


class _Disconnected(Exception):
    """Puck hung up before the body was complete."""


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    is_last = False
    while not is_last:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        is_last = not message.get("more_body", False)
        yield message.get("body", b"")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body once more, and then whatever comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


async def answer(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Sends a status with an empty body."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *headers]})
    await send({"type": "http.response.body", "body": b""})
