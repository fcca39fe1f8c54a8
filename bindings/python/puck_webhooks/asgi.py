"""Receive Puck's webhooks before an ASGI application sees them. It needs no framework.

    app.mount("/puck", WebhookMiddleware(inner_app, receiver))

    async def handle(request):                                # an endpoint of inner_app
        event = request.scope["puck.event"]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from . import Delivery, Receiver, WebhookError
from ._adapter import BODY_CONSUMED, Door, OnReject, collect, declared_length, is_success

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
    4xx is final: Puck does not come again.) Whatever is refused is answered with its status and an empty body. Other
    methods than POST get a 405, and WebSockets are closed.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before. A dedupe store that is written in Python is asked in a thread, which needs
    asyncio.
    """

    def __init__(self, app: App, receiver: Receiver, *, on_reject: OnReject | None = None) -> None:
        self._app = app
        self._door = Door(receiver, on_reject, asyncio.to_thread)

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
            body = await collect(_chunks(receive), length, self._door.max_body, _CONSUMED)
            delivery = await self._door.receive_async(headers, body)
        except _Disconnected:
            return
        except WebhookError as error:
            await answer(send, self._door.rejected(error))
            return
        settling = Settling(send)
        settling.accept(self._door, delivery)
        async with settling:
            await self._app({**scope, "puck.event": delivery.event}, _replay(body, receive), settling.send)


class Settling:
    """An answer on its way out, and the delivery that it settles, once there is one.

    The start of the answer waits for its first piece, which is mostly its last as well, so that a commit that fails can
    still replace it. What is not committed by the end of the block is released.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._door: Door | None = None
        self._delivery: Delivery | None = None  # until it is settled
        self._start: Message | None = None
        self._status = 0
        self._is_replaced = False
        self.expected_status: int | None = None  # if there is one, another is not the handler's

    def accept(self, door: Door, delivery: Delivery) -> None:
        if self._door is not None:
            raise RuntimeError("Two receivers judge this request, and only one delivery can be settled by its answer.")
        self._door, self._delivery = door, delivery

    @property
    def has_accepted(self) -> bool:
        return self._door is not None

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, kind: object, failure: BaseException | None, traceback: object) -> None:
        if self._door is not None and self._delivery is not None:
            await self._door.release_async(self._delivery, failure)

    async def send(self, message: Message) -> None:
        if self._is_replaced:
            return
        if message["type"] == "http.response.start":
            self._start, self._status = message, message["status"]
            return
        instead = await self._settle(message)
        start, self._start = self._start, None
        if start is not None and instead is not None:
            self._is_replaced = True
            await answer(self._send, instead)
            return
        if start is not None:
            await self._send(start)
        await self._send(message)

    async def _settle(self, message: Message) -> int | None:
        """Commits, if this is the end of a success. Returns the status to answer with instead, if there is one."""
        if self._door is None or self._delivery is None:
            return None
        if self.expected_status not in (None, self._status):
            return 500
        is_end = message["type"] in _CONTENT and not message.get("more_body", False)
        if not is_end or not is_success(self._status):
            return None
        delivery, self._delivery = self._delivery, None
        try:
            await self._door.commit_async(delivery)
        except WebhookError as error:
            return self._door.rejected(error)
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
