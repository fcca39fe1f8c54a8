"""Receive Puck's webhooks in AWS Lambda, from API Gateway (REST and HTTP APIs), a load balancer or a function URL.

    @webhook(receiver)
    def handle(event):
        print(event.event_type, event.data)

One environment of a function serves one request at a time and shares no memory with the others: hand the receiver a
dedupe store that they share.
"""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from . import Receiver, WebhookError
from ._adapter import BODY_CONSUMED, Adapter, HandlerFailed, OnReject, is_async

__all__ = ["webhook"]

Answer: TypeAlias = dict[str, Any]

_CONSUMED = BODY_CONSUMED + 'it must leave event["body"] the text that it is.'

_log = logging.getLogger("puck_webhooks")


def webhook(
    receiver: Receiver, *, on_reject: OnReject | None = None
) -> Callable[[Callable[..., Any]], Callable[[dict[str, Any], object], Answer]]:
    """Makes a Lambda handler `(event, context)` of a function that gets Puck's `Event`.

    The function returns None (200, empty) or an answer {"statusCode": …}. A 2xx commits the event. Any other status
    releases it and is passed on, and an exception is logged, releases it and gives a 500: Puck comes again after a 5xx.
    Whatever is refused is answered with its status and an empty body, and the function is not called. Other methods
    than POST get a 405.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. ValueError means that this is not an HTTP
    request, and RuntimeError that something has parsed its body before.
    """
    adapter = Adapter(receiver, on_reject)

    def decorate(handler: Callable[..., Any]) -> Callable[[dict[str, Any], object], Answer]:
        if is_async(handler):
            raise TypeError("a Lambda function must not be a coroutine function")

        @functools.wraps(handler)
        def lambda_handler(event: dict[str, Any], context: object = None) -> Answer:
            if _method(event) != "POST":
                return {**_empty(405), "headers": {"Allow": "POST"}}
            try:
                return adapter.serve(
                    _headers(event), lambda: _body(event), lambda puck: _answer(handler(puck)), _status, _empty
                )
            except HandlerFailed as failure:
                _log.error("%s", failure, exc_info=failure)
                return _empty(500)

        return lambda_handler

    return decorate


def _method(event: dict[str, Any]) -> str:
    http = (event.get("requestContext") or {}).get("http") or {}
    method = event.get("httpMethod") or http.get("method")
    if not isinstance(method, str):
        raise ValueError("This event is not an HTTP request of API Gateway, a load balancer or a function URL.")
    return method


def _headers(event: dict[str, Any]) -> list[tuple[str, str]]:
    """Every header line. The older format's `headers` has only the last of each name."""
    many: dict[str, list[str] | None] = event.get("multiValueHeaders") or {}
    if many:
        return [(name, value) for name, values in many.items() for value in values or ()]
    single: dict[str, str | None] = event.get("headers") or {}
    return [(name, value) for name, value in single.items() if value is not None]


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not isinstance(body, str):
        raise RuntimeError(_CONSUMED)
    if not event.get("isBase64Encoded"):
        return body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise WebhookError("invalid_argument", "The event says isBase64Encoded, and its body is not.") from None


def _empty(status: int) -> Answer:
    return {"statusCode": status, "body": "", "isBase64Encoded": False}


def _answer(returned: object) -> Answer:
    if returned is None:
        return _empty(200)
    if not isinstance(returned, dict) or "statusCode" not in returned:
        raise TypeError('the handler must return None or an answer with a "statusCode"')
    return returned


def _status(answer: Answer) -> int:
    return int(answer["statusCode"])
