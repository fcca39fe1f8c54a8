"""Receive Puck's webhooks in FastAPI: `pip install puck-webhooks[fastapi]`.

    app.router.route_class = WebhookRoute    # and APIRouter(route_class=WebhookRoute)
    PuckEvent = Annotated[Event, Depends(webhook(receiver))]

    @app.post("/puck")
    async def handle(event: PuckEvent) -> None:
        print(event.event_type, event.data)
"""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from . import Event, WebhookError
from ._adapter import Adapter, AnyReceiver, HandlerFailed, OnReject, is_async
from ._async import outcome, start
from ._threads import claim_in_thread, settle_in_thread
from .asgi import Message, Receive, Scope, Send, Settling

try:
    from fastapi import Request, Response
    from fastapi.routing import APIRoute

    from .starlette import leave, read_body
except ImportError as missing:
    raise ImportError("puck_webhooks.fastapi needs FastAPI 0.121: pip install 'puck-webhooks[fastapi]'") from missing

__all__ = ["HandlerFailed", "WebhookRoute", "webhook"]

_RECEIVED = "puck.received"


def webhook(receiver: AnyReceiver, *, on_reject: OnReject | None = None) -> Callable[..., Any]:
    """A dependency that gives the `Event`. The path operation may be `async def` or `def`, without another body. Its
    route must be a `WebhookRoute`, since a dependency cannot see what a path operation returns.

    A 2xx commits the event before the end of the response goes out. Any other status releases it and is passed on (a
    4xx is final: Puck does not come again). If the path operation raises, be it an HTTPException, or if FastAPI finds
    another parameter invalid, the event is released, and the answer is a 500 (`HandlerFailed`), also if an exception
    handler of your app would say otherwise. Whatever is refused is answered with its status and an empty body, and the
    path operation is not called; dependencies see an exception.

    If the request is cancelled, an `async def` path operation is too, and its event is released. A `def` one runs to
    its end, which settles the event.

    What a dependency does after its `yield` counts only with Depends(..., scope="function"): FastAPI does the others'
    when the response has gone out. Let whatever commits to a database say so.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before. A synchronous dedupe store that is written in Python is asked in a thread.
    """
    adapter = Adapter(receiver, on_reject, claim_in_thread, settle_in_thread)

    async def accepted(request: Request) -> Event:
        received: _Received | None = request.scope.get(_RECEIVED)
        if received is None:
            raise RuntimeError("The route must be a WebhookRoute: app.router.route_class = WebhookRoute")
        try:
            body = await read_body(request, adapter.max_body)
            delivery = await adapter.receive_async(request.headers.raw, body)
        except WebhookError as error:
            received.refused = adapter.rejected(error)
            raise _Refused from None
        received.settling.accept(adapter, delivery)
        return delivery.event

    return accepted


class WebhookRoute(APIRoute):
    """A route whose response settles the event that `webhook` gave to its path operation."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = _Received(send)
        if is_async(self.endpoint):
            await self._settle(scope, receive, send, received)
            return
        # A thread cannot be cancelled: from the time at which it may run, its end decides.
        handling = start(self._settle(scope, receive, send, received))
        try:
            await outcome(handling, leave)
        except asyncio.CancelledError:
            if not received.settling.has_accepted:
                handling.cancel()
            raise

    async def _settle(self, scope: Scope, receive: Receive, send: Send, received: "_Received") -> None:
        settling = received.settling
        try:
            async with settling:
                await super().handle({**scope, _RECEIVED: received}, receive, settling.send)
        except Exception as failure:
            if received.refused is None:
                if settling.has_accepted and not settling.is_committed:
                    raise HandlerFailed from failure
                raise
        if received.has_failed:
            raise HandlerFailed from received.failure
        if received.refused is not None and not settling.is_replaced:
            await settling.replace(received.refused)

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        @functools.wraps(handle)
        async def watched(request: Request) -> Response:
            received: _Received = request.scope[_RECEIVED]
            try:
                response: Response = await handle(request)
            except Exception as failure:
                received.failure = failure
                raise
            received.headers = response.raw_headers
            return response

        return watched


class _Received:
    """What is known of one request. Whatever answer the app makes of an exception is replaced: of a refusal by its own
    status, and of a failure of the handler, or of a dependency after it, by a 500."""

    def __init__(self, send: Send) -> None:
        self.refused: int | None = None
        self.headers: object = None  # the handler's: the very list
        self.failure: Exception | None = None  # the handler's
        self.has_failed = False  # though the app made an answer of it
        self.settling = Settling(send, instead_of=self._instead_of)

    def _instead_of(self, start: Message) -> int | None:
        if self.refused is not None:
            return self.refused
        self.has_failed = self.settling.has_accepted and start["headers"] is not self.headers
        return 500 if self.has_failed else None


class _Refused(Exception):
    """Ends the request before the path operation."""
