"""Receive Puck's webhooks in Flask: `pip install puck-webhooks[flask]`.

    @app.post("/puck")
    @webhook(receiver)
    def handle(event):
        print(event.event_type, event.data)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import PayloadError, Receiver
from ._adapter import BODY_CONSUMED, Adapter, HandlerFailed, OnReject

try:
    from flask import Response, current_app, request
    from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
except ImportError as missing:
    raise ImportError("puck_webhooks.flask needs Flask 3.1: pip install 'puck-webhooks[flask]'") from missing

__all__ = ["HandlerFailed", "webhook"]

_CONSUMED = BODY_CONSUMED + "it must call request.get_data() first, which keeps the bytes, or leave this route alone."


def webhook(
    receiver: Receiver, *, on_reject: OnReject | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Makes a view of a handler, which gets the `Event` and then what the URL captured. It may be `async def`.

    The handler returns None (200, empty) or what a view may return. A 2xx commits the event. Any other status releases
    it and is passed on, and an exception releases it and gives a 500 (`HandlerFailed`): Puck comes again after a 5xx.
    Whatever is refused is answered with its status and an empty body, and the handler is not called.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`. RuntimeError means
    that something read the body before.
    """
    adapter = Adapter(receiver, on_reject)

    def decorate(handler: Callable[..., Any]) -> Callable[..., Response]:
        @functools.wraps(handler)
        def view(**captured: Any) -> Response:
            def handle(event: Any) -> Response:
                returned = current_app.ensure_sync(handler)(event, **captured)
                return _empty(200) if returned is None else _whole(current_app.make_response(returned))

            headers = list(request.headers.items())
            return adapter.serve(headers, lambda: _read(adapter.max_body), handle, _status, _empty)

        return view

    return decorate


def _empty(status: int) -> Response:
    return Response(status=status)


def _whole(response: Response) -> Response:
    response.make_sequence()  # what is streamed could fail when the event is committed
    return response


def _status(response: Response) -> int:
    return response.status_code


def _read(limit: int) -> bytes:
    request.max_content_length = limit + 1  # a longer body that has no length is cut off there, and refused by its size
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        raise PayloadError("payload_too_large") from None
    except ClientDisconnected:
        raise RuntimeError(_CONSUMED) from None
    expected = request.content_length
    if expected is None:
        expected = 1 if "chunked" in request.headers.get("Transfer-Encoding", "").lower() else 0
    if len(body) < expected:
        raise RuntimeError(_CONSUMED)
    return body
