"""Receive Puck's webhooks before any ASGI application sees them. It needs no framework.

    app = WebhookMiddleware(app, receiver, paths=["/puck"])

    async def handle(request):                                # the app's own endpoint at /puck
        event = request.scope["puck.event"]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from . import Delivery, Receiver, WebhookError
from ._adapter import BODY_CONSUMED, Declined, Door, OnReject, collect, declared_length, is_success

__all__ = ["WebhookMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_CONSUMED = BODY_CONSUMED + "put WebhookMiddleware outside of it."


class WebhookMiddleware:
    """Judges each request to one of `paths` (compared with scope["path"]), and lets through what is accepted.

    The app finds the `Event` in scope["puck.event"], which is there for accepted deliveries only, and the raw body
    where it always is. If the app answers 2xx, the event is committed before the end of the answer goes out; if it
    answers otherwise, or raises, the event is released. Whatever is refused is answered with its status and an empty
    body. Other methods than POST get a 405 at these paths; other paths and protocols are passed on as they are.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before. A dedupe store that is written in Python is asked in a thread, which needs
    asyncio.
    """

    def __init__(
        self, app: App, receiver: Receiver, *, paths: Iterable[str], on_reject: OnReject | None = None
    ) -> None:
        if isinstance(paths, str):
            raise TypeError('paths must be a list: paths=["/puck"]')
        self._app = app
        self._paths = frozenset(paths)
        self._door = Door(receiver, on_reject, asyncio.to_thread)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            await _answer(send, 405, [(b"allow", b"POST")])
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
            await _answer(send, self._door.rejected(error))
            return
        await self._let_through(delivery, body, scope, receive, send)

    async def _let_through(self, delivery: Delivery, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(self._door, delivery, send)
        try:
            await self._app({**scope, "puck.event": delivery.event}, _replay(body, receive), answer.send)
            if not answer.is_settled:
                raise Declined
        except BaseException as failure:
            if not answer.is_settled:
                await self._door.release_async(delivery)
            if not isinstance(failure, Declined):
                raise


class _Answer:
    """The app's answer on its way out. Its start waits until it is known whether the event could be committed."""

    def __init__(self, door: Door, delivery: Delivery, send: Send) -> None:
        self._door = door
        self._delivery = delivery
        self._send = send
        self._start: Message | None = None
        self._status = 0
        self.is_settled = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._status = message["status"]
            return
        is_end = message["type"] in _CONTENT and not message.get("more_body", False)
        if is_end and not self.is_settled and is_success(self._status):
            self.is_settled = True
            try:
                await self._door.commit_async(self._delivery)
            except WebhookError as error:
                status = self._door.rejected(error)
                if self._start is not None:
                    await _answer(self._send, status)
                    return
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(start)
        await self._send(message)


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


async def _answer(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *headers]})
    await send({"type": "http.response.body", "body": b""})
