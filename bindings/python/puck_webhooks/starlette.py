"""Receive Puck's webhooks in Starlette: `pip install puck-webhooks[starlette]`.

    @webhook(receiver)
    async def handle(event):                 # or def, which runs in the threadpool
        print(event.event_type, event.data)

    app = Starlette(routes=[Route("/puck", handle, methods=["POST"])])
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from ._adapter import BODY_CONSUMED, Adapter, AnyReceiver, HandlerFailed, OnReject, collect, declared_length, is_async
from ._async import outcome, start
from ._threads import claim_in_thread, settle_in_thread

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import FileResponse, Response, StreamingResponse
except ImportError as missing:
    raise ImportError("puck_webhooks.starlette needs Starlette: pip install 'puck-webhooks[starlette]'") from missing

__all__ = ["HandlerFailed", "webhook"]

_CONSUMED = BODY_CONSUMED + "it must use `await request.body()`, which keeps the bytes, or leave this path alone."


def webhook(
    receiver: AnyReceiver, *, on_reject: OnReject | None = None
) -> Callable[[Callable[..., Any]], Callable[[Request], Awaitable[Response]]]:
    """Makes an endpoint of a handler, which gets the `Event`. A handler that is not `async def` runs in the threadpool.

    The handler returns None (200, empty) or a Response that is not streamed. A 2xx commits the event. Any other status
    releases it and is passed on, and an exception releases it and gives a 500 (`HandlerFailed`): Puck comes again after
    a 5xx, but not after a 4xx. Whatever is refused is answered with its status and an empty body, and the handler is
    not called.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before. A synchronous dedupe store that is written in Python is asked in a thread.
    """
    adapter = Adapter(receiver, on_reject, claim_in_thread, settle_in_thread)

    def decorate(handler: Callable[..., Any]) -> Callable[[Request], Awaitable[Response]]:
        if is_async(handler):

            @functools.wraps(handler)
            async def endpoint(request: Request) -> Response:
                async def handle(event: Any) -> Response:
                    return _response(await handler(event))

                async def read() -> bytes:
                    return await read_body(request, adapter.max_body)

                return await adapter.serve_async(request.headers.raw, read, handle, _status, _empty)

        else:

            def answer_of(event: Any) -> Response:
                return _response(handler(event))

            @functools.wraps(handler)
            async def endpoint(request: Request) -> Response:
                # In one thread, or in a task of its own: if the request is cancelled, the handler's end still decides.
                body = await _read_now(read_body(request, adapter.max_body))
                headers = request.headers.raw
                if not adapter.waits:
                    return await run_in_threadpool(adapter.serve, headers, body, answer_of, _status, _empty)

                async def read() -> bytes:
                    return body()

                async def handle(event: Any) -> Response:
                    return await run_in_threadpool(answer_of, event)

                serving = start(adapter.serve_async(headers, read, handle, _status, _empty))
                return await outcome(serving, leave)

        return endpoint

    return decorate


def leave(serving: object) -> None:
    """Nobody is there to answer any more; asyncio logs what the handler raised."""


async def _read_now(reading: Awaitable[bytes]) -> Callable[[], bytes]:
    """Reads now, and gives a function that returns the body, or raises what the reading raised."""
    try:
        body = await reading
    except Exception as failure:
        return functools.partial(_fail, failure)
    return lambda: body


async def read_body(request: Request, limit: int) -> bytes:
    """The request's raw body, if it is no longer than the limit."""
    length = declared_length(request.headers.get("content-length"))
    try:
        body = await collect(request.stream(), length, limit, _CONSUMED)
    except RuntimeError as failure:  # Starlette says "Stream consumed"
        raise RuntimeError(_CONSUMED) from failure
    request._body = body  # so that request.body() goes on to work
    return body


def _fail(failure: Exception) -> bytes:
    raise failure


def _status(response: Response) -> int:
    return response.status_code


def _empty(status: int) -> Response:
    return Response(status_code=status)


def _response(returned: object) -> Response:
    if returned is None:
        return _empty(200)
    if not isinstance(returned, Response):
        raise TypeError(f"the handler returned {type(returned).__name__}: return None or a Response")
    if isinstance(returned, StreamingResponse | FileResponse):
        raise TypeError("the handler returned a streamed response, which could fail when the event is committed")
    return returned
