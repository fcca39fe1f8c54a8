"""Receive Puck's webhooks in FastAPI: `pip install puck-webhooks[fastapi]`.

    app.router.route_class = WebhookRoute    # or APIRouter(route_class=WebhookRoute)
    PuckEvent = Annotated[Event, Depends(webhook(receiver))]

    @app.post("/puck")
    async def handle(event: PuckEvent) -> None:
        print(event.event_type, event.data)
"""

import functools
from collections.abc import Callable
from typing import Any

from . import Event, Receiver, WebhookError
from ._adapter import Door, HandlerFailed, OnReject
from .asgi import Receive, Scope, Send, Settling, answer

try:
    from fastapi import Request, Response
    from fastapi.routing import APIRoute
    from starlette.concurrency import run_in_threadpool

    from .starlette import read_body
except ImportError as missing:
    raise ImportError("puck_webhooks.fastapi needs FastAPI 0.121: pip install 'puck-webhooks[fastapi]'") from missing

__all__ = ["HandlerFailed", "WebhookRoute", "webhook"]

_SETTLING = "puck.settling"


def webhook(receiver: Receiver, *, on_reject: OnReject | None = None) -> Callable[..., Any]:
    """A dependency that gives the `Event`. The path operation may be `async def` or `def`, and takes no other body. Its
    route must be a `WebhookRoute`, for no dependency can see what a path operation returns.

    A 2xx commits the event before the end of the response goes out. Any other status releases it and is passed on (a
    4xx is final: Puck does not come again). If the path operation raises, be it an HTTPException, or if FastAPI finds
    another parameter invalid, the event is released, and the answer is a 500 (`HandlerFailed`). Whatever is refused is
    answered with its status and an empty body, and the path operation is not called.

    What a dependency does after its `yield` counts only with Depends(..., scope="function"): FastAPI does the others'
    when the response has gone out. Let whatever commits to a database say so.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before. A dedupe store that is written in Python is asked in the threadpool.
    """
    door = Door(receiver, on_reject, run_in_threadpool)

    async def accepted(request: Request) -> Event:
        settling: Settling | None = request.scope.get(_SETTLING)
        if settling is None:
            raise RuntimeError("The route must be a WebhookRoute: app.router.route_class = WebhookRoute")
        try:
            body = await read_body(request, door.max_body)
            delivery = await door.receive_async(request.headers.raw, body)
        except WebhookError as error:
            raise _Refused(door.rejected(error)) from None
        settling.accept(door, delivery)
        return delivery.event

    return accepted


class WebhookRoute(APIRoute):
    """A route whose response settles the event that `webhook` gave to its path operation."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        settling = Settling(send)
        try:
            async with settling:
                await super().handle({**scope, _SETTLING: settling}, receive, settling.send)
        except _Refused as refused:
            await answer(send, refused.status)

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        @functools.wraps(handle)
        async def watched(request: Request) -> Response:
            settling: Settling = request.scope[_SETTLING]
            try:
                response: Response = await handle(request)
            except Exception as failure:
                if settling.has_accepted:
                    raise HandlerFailed from failure
                raise
            settling.expected_status = response.status_code
            return response

        return watched


class _Refused(Exception):
    """Answered with its status and an empty body. FastAPI's HTTPException would become JSON."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
