"""Receive Puck's webhooks in Django: `pip install puck-webhooks[django]`.

@webhook(receiver)
def handle(event):                       # or async def
    print(event.event_type, event.data)

urlpatterns = [path("puck", handle)]
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import PayloadError
from ._adapter import BODY_CONSUMED, Adapter, AnyReceiver, HandlerFailed, OnReject, declared_length, is_async
from ._async import start

try:
    from asgiref.sync import sync_to_async

    # Django has no type hints.
    from django.db import connections, transaction  # type: ignore[import-untyped]
    from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed  # type: ignore[import-untyped]
    from django.http.response import HttpResponseBase  # type: ignore[import-untyped]
    from django.template.response import SimpleTemplateResponse  # type: ignore[import-untyped]
    from django.views.decorators.csrf import csrf_exempt  # type: ignore[import-untyped]
except ImportError as missing:
    raise ImportError("puck_webhooks.django needs Django 5: pip install 'puck-webhooks[django]'") from missing

from .stores.django import DjangoInbox

if TYPE_CHECKING:
    import asyncio

__all__ = ["DjangoInbox", "HandlerFailed", "webhook"]

_CONSUMED = BODY_CONSUMED + "it must read request.body, which keeps the bytes, or leave this path alone."
_CHUNKED = (
    "The body is chunked, and this WSGI server does not say where it ends (wsgi.input_terminated): use one that does, "
    "such as gunicorn, or let the proxy in front of it buffer requests."
)
_CHUNKED_AND_READ = (
    "The body is chunked, and under WSGI Django reads such a body as empty. Something before this view has read "
    "request.body: it must leave this path alone, or let the proxy in front of the server buffer requests."
)
_CHUNK = 65_536


def webhook(
    receiver: AnyReceiver, *, on_reject: OnReject | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a view of a handler, which gets the `Event` and then what the URL captured: an async one of `async def`.

    The view takes POST only and is exempt from the CSRF check, which a webhook cannot pass: it is signed instead.
    The handler returns None (200, empty) or an HttpResponse. A 2xx commits the event. Any other status releases it and
    is passed on, and an exception releases it and gives a 500 (`HandlerFailed`): Puck comes again after a 5xx. Whatever
    is refused is answered with its status and an empty body, and the handler is not called.

    With ATOMIC_REQUESTS the transaction is around the handler instead of the view, so that it is over before the event
    counts as seen; an async handler has no transaction, since Django has no asynchronous ones. An AsyncReceiver is for
    async handlers only. They ask a synchronous dedupe store that is written in Python through `sync_to_async`. With
    `DjangoInbox` the handler, sync only, is in the transaction of the claim, and ATOMIC_REQUESTS adds none for that
    database.

    `on_reject` gets the `WebhookError` of each delivery that was refused (duplicates too) or could not be committed.
    If it raises, that is logged, and the answer stays. The size limit is the receiver's `max_body`, and not
    DATA_UPLOAD_MAX_MEMORY_SIZE. RuntimeError means that something read the body before.
    """
    adapter = Adapter(receiver, on_reject, in_thread, in_thread)
    inbox = getattr(receiver, "dedupe", None)
    in_inbox = {inbox.using} if isinstance(inbox, DjangoInbox) else set()

    def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
        if not is_async(handler):
            adapter.refuse_async_receiver()
            made = _view(adapter, handler, in_inbox)
        elif in_inbox:
            raise TypeError("An async handler cannot use DjangoInbox: Django has no asynchronous transactions")
        else:
            made = _async_view(adapter, handler)
        view: Callable[..., Any] = csrf_exempt(made)
        view._non_atomic_requests = set(connections)  # type: ignore[attr-defined]
        return view

    return decorate


def in_thread(function: Callable[..., Any], *arguments: Any) -> asyncio.Task[Any]:
    """Begins the call in the request's own thread: the database connections of Django belong to a thread, so a store
    that uses them must be asked there, where Django closes them too."""
    return start(sync_to_async(function)(*arguments))


def _view(adapter: Adapter, handler: Callable[..., Any], in_inbox: set[str]) -> Callable[..., HttpResponseBase]:
    @functools.wraps(handler)
    def view(request: HttpRequest, *args: Any, **captured: Any) -> HttpResponseBase:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        atomic = _atomic_as_configured(handler, in_inbox)
        return adapter.serve(
            list(request.headers.items()),
            lambda: _read(request, adapter.max_body),
            lambda event: _response(atomic(event, *args, **captured)),
            lambda response: response.status_code,
            _empty,
        )

    return view


def _async_view(adapter: Adapter, handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def view(request: HttpRequest, *args: Any, **captured: Any) -> HttpResponseBase:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])

        async def read() -> bytes:
            return _read(request, adapter.max_body)

        async def handle(event: Any) -> HttpResponseBase:
            response = await handler(event, *args, **captured)
            return await sync_to_async(_response)(response)  # to render a template may ask the database

        headers = list(request.headers.items())
        return await adapter.serve_async(headers, read, handle, lambda response: response.status_code, _empty)

    return view


def _atomic_as_configured(handler: Callable[..., Any], in_inbox: set[str]) -> Callable[..., Any]:
    """Not for the database of an inbox. If the handler ignored an error of the database, Django would roll back to the
    savepoint and say nothing, and the event would be committed alone."""
    exempt = {*getattr(handler, "_non_atomic_requests", ()), *in_inbox}
    for alias, settings in connections.settings.items():
        if settings["ATOMIC_REQUESTS"] and alias not in exempt:
            handler = transaction.atomic(using=alias)(handler)
    return handler


def _empty(status: int) -> HttpResponseBase:
    return HttpResponse(status=status)


def _response(returned: object) -> HttpResponseBase:
    if returned is None:
        return _empty(200)
    if not isinstance(returned, HttpResponseBase):
        raise TypeError(f"the handler returned {type(returned).__name__}: return None or an HttpResponse")
    if returned.streaming:
        raise TypeError("the handler returned a streamed response, which could fail when the event is committed")
    if isinstance(returned, SimpleTemplateResponse):
        returned.render()
    return returned


def _read(request: HttpRequest, limit: int) -> bytes:
    length = declared_length(request.META.get("CONTENT_LENGTH"))
    if length is not None and length > limit:
        raise PayloadError("payload_too_large")
    if hasattr(request, "_body"):
        if _is_chunked(request) and not request.body:  # Django read it as empty
            raise RuntimeError(_CHUNKED_AND_READ)
        return bytes(request.body)
    if getattr(request, "_read_started", False):
        raise RuntimeError(_CONSUMED)
    body = bytearray()
    stream = _stream(request)
    while chunk := stream.read(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise PayloadError("payload_too_large")
    if length is not None and len(body) < length:
        raise RuntimeError(_CONSUMED)
    request._body = bytes(body)  # so that request.body goes on to work, for a middleware that logs it
    return bytes(body)


def _stream(request: HttpRequest) -> Any:
    """Under WSGI Django reads a chunked body as empty; but the server can say that the body has an end."""
    if not _is_chunked(request):
        return request
    if not request.META.get("wsgi.input_terminated"):
        raise RuntimeError(_CHUNKED)
    return request.META["wsgi.input"]


def _is_chunked(request: HttpRequest) -> bool:
    is_wsgi = "wsgi.input" in request.META
    return is_wsgi and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
