"""Receive Puck's webhooks in FastAPI: `pip install puck-webhooks[fastapi]`.

    PuckEvent = Annotated[Event, Depends(webhook(receiver))]

    @app.post("/puck")
    async def handle(event: PuckEvent) -> None:
        print(event.event_type, event.data)
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from . import Event, Receiver, WebhookError
from ._adapter import Declined, Door, HandlerFailed, OnReject, is_success

try:
    from fastapi import Depends, Request, Response
    from fastapi.routing import APIRoute
    from starlette.concurrency import run_in_threadpool

    from .starlette import read_body
except ImportError as missing:
    raise ImportError("puck_webhooks.fastapi needs FastAPI 0.121: pip install 'puck-webhooks[fastapi]'") from missing

__all__ = ["HandlerFailed", "WebhookRoute", "webhook"]

_STATUS = "puck.response_status"


def webhook(receiver: Receiver, *, on_reject: OnReject | None = None) -> Callable[..., Any]:
    """A dependency that gives the `Event`. The path operation may be `async def` or `def`, and takes no other body.

    When the path operation has returned, and before the response goes out, the event is committed. If it raised, be it
    an HTTPException, the event is released, and the answer is a 500 (`HandlerFailed`): Puck comes again after a 5xx.
    The same goes for parameters that FastAPI finds invalid. Whatever is refused is answered with its status and an
    empty body, and the path operation is not called.

    To fail, raise, or set the `status_code` of an injected `response: Response`. No dependency can see a Response that
    is *returned*: one with an error status counts as a success, unless the route is a `WebhookRoute`.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before. A dedupe store that is written in Python is asked in the threadpool.
    """
    door = Door(receiver, on_reject, run_in_threadpool)

    async def accepted(request: Request, response: Response) -> AsyncIterator[Event]:
        refused = _refusals(request)
        try:
            body = await read_body(request, door.max_body)
            delivery = await door.receive_async(request.headers.raw, body)
        except WebhookError as error:
            raise refused(door.rejected(error)) from None
        try:
            async with door.settled(delivery) as event:
                try:
                    yield event
                except Exception as failure:
                    raise HandlerFailed from failure
                if not is_success(request.scope.get(_STATUS) or response.status_code or 200):
                    raise Declined
        except Declined:
            pass
        except WebhookError as error:
            raise refused(door.rejected(error)) from None

    # The scope makes the code after the yield run before the response goes out. Only who depends can say it.
    async def puck_event(event: Annotated[Any, Depends(accepted, scope="function")]) -> Any:
        return event

    return puck_event


class WebhookRoute(APIRoute):
    """A route whose returned responses count: an error status releases the event.

    router = APIRouter(route_class=WebhookRoute)
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        @functools.wraps(handle)
        async def watched(request: Request) -> Response:
            response: Response = await handle(request)
            request.scope[_STATUS] = response.status_code
            return response

        return watched


class _Refused(Exception):
    """Answered with its status and an empty body. FastAPI's HTTPException would become JSON."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _refusals(request: Request) -> type[_Refused]:
    """The exception for refusals. Its handler is put among the app's, where Starlette looks for it."""
    handlers: dict[Any, Callable[..., Awaitable[Response]]] = request.scope["starlette.exception_handlers"][0]
    handlers.setdefault(_Refused, _answer)
    return _Refused


async def _answer(request: Request, refused: _Refused) -> Response:
    return Response(status_code=refused.status)
