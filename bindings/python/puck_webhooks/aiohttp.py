"""Receive Puck's webhooks in aiohttp: `pip install puck-webhooks[aiohttp]`.

    @webhook(receiver)
    async def handle(event):
        print(event.event_type, event.data)

    app.add_routes([web.post("/puck", handle)])
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from . import PayloadError, WebhookError
from ._adapter import BODY_CONSUMED, Adapter, AnyReceiver, HandlerFailed, OnReject, collect, is_async
from ._threads import claim_in_thread, settle_in_thread

try:
    from aiohttp import web
except ImportError as missing:
    raise ImportError("puck_webhooks.aiohttp needs aiohttp: pip install 'puck-webhooks[aiohttp]'") from missing

__all__ = ["HandlerFailed", "webhook"]

_CONSUMED = BODY_CONSUMED + "it must use `await request.read()`, which keeps the bytes, or leave this path alone."
_DECODED = (
    "The body has a Content-Encoding, which aiohttp decodes before puck_webhooks can see the raw bytes. Puck sends "
    "JSON as it is and signs that: let nothing in front of this server compress it."
)


def webhook(
    receiver: AnyReceiver, *, on_reject: OnReject | None = None
) -> Callable[[Callable[..., Any]], Callable[[web.Request], Awaitable[web.StreamResponse]]]:
    """Makes an aiohttp handler of an `async def` that gets the `Event`.

    It returns None (200, empty) or a response. A 2xx commits the event, also if it is raised (web.HTTPNoContent). Any
    other status that is returned releases it and is passed on; any other exception releases it and gives a 500
    (`HandlerFailed`): Puck comes again after a 5xx. Whatever is refused is answered with its status and an empty body,
    and the handler is not called.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`, and not
    client_max_size. RuntimeError means that something read the body before. What came compressed is refused as
    `invalid_argument`. A synchronous dedupe store that is written in Python is asked in a thread.
    """
    adapter = Adapter(receiver, on_reject, claim_in_thread, settle_in_thread)

    def decorate(handler: Callable[..., Any]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        if not is_async(handler):
            raise TypeError("aiohttp's handlers are `async def`")

        @functools.wraps(handler)
        async def endpoint(request: web.Request) -> web.StreamResponse:
            async def handle(event: Any) -> web.StreamResponse:
                try:
                    return _response(await handler(event))
                except web.HTTPSuccessful as response:
                    return response

            async def read() -> bytes:
                return await _read(request, adapter.max_body)

            answer = await adapter.serve_async(
                request.raw_headers, read, handle, lambda response: response.status, _empty
            )
            if isinstance(answer, web.HTTPException):
                raise answer
            return answer

        return endpoint

    return decorate


async def _read(request: web.Request, limit: int) -> bytes:
    if request.content_length is not None and request.content_length > limit:
        raise PayloadError("payload_too_large")
    if request.headers.get("Content-Encoding", "").lower() in ("gzip", "deflate", "br", "zstd"):
        raise WebhookError("invalid_argument", _DECODED)
    if not request.content.at_eof():
        body = await collect(request.content.iter_any(), None, limit, _CONSUMED)
        request._read_bytes = body  # so that request.read() goes on to work
    else:
        body = await request.read()  # what somebody read before with the same method, or nothing
    if len(body) < request.content.total_bytes:
        raise RuntimeError(_CONSUMED)
    return body


def _empty(status: int) -> web.StreamResponse:
    return web.Response(status=status)


def _response(returned: object) -> web.StreamResponse:
    if returned is None:
        return _empty(200)
    if not isinstance(returned, web.StreamResponse):
        raise TypeError(f"the handler returned {type(returned).__name__}: return None or a response")
    return returned
