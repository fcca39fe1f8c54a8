"""puck_webhooks.django, through Django's test clients, with the CSRF check on."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import django
import pytest
from adapter_deliveries import (
    BODY,
    LIMIT,
    AdapterTests,
    Answer,
    PythonStore,
    WithAsyncReceiver,
    check_that_it_is_refused,
    signature,
    signed,
)
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection, connections, transaction
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import AsyncClient, Client
from django.urls import path

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="of the tests",
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware", f"{__name__}.before_the_view"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "ATOMIC_REQUESTS": True},
            "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        },
        DATA_UPLOAD_MAX_MEMORY_SIZE=10,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    )
    django.setup()

from puck_webhooks.django import webhook  # noqa: E402  (after the settings)

urlpatterns: list[Any] = []
look: list[Any] = []  # functions that look at the request before the view does


def before_the_view(get_response: Any) -> Any:
    if asyncio.iscoroutinefunction(get_response):
        raise AssertionError

    def middleware(request: Any) -> Any:
        for each in look:
            each(request)
        response = get_response(request)
        if request.method == "POST" and response.status_code == 200:
            assert request.body in (BODY, b"") or len(request.body) == LIMIT, "the body can still be read"
        return response

    return middleware


class DjangoTests(AdapterTests):
    @pytest.fixture(autouse=True)
    def _nothing_looks(self) -> None:
        look.clear()

    def view(self, webhook: Any) -> Any:
        raise NotImplementedError

    def client(self) -> Any:
        raise NotImplementedError

    def app(self, receiver: Any, on_reject: Any) -> None:
        from django.urls import clear_url_caches

        urlpatterns[:] = [path("puck", self.view(webhook(receiver, on_reject=on_reject)))]
        clear_url_caches()

    def error_response(self, status: int) -> Any:
        return HttpResponse("an answer", status=status)

    def http_exception(self) -> Exception:
        return Http404()

    def test_a_suspicion_is_a_failure(self) -> None:
        self.handler.raises = SuspiciousOperation()
        self.fails()

    def test_other_methods(self) -> None:
        answer = self.post(BODY, signed(), method="PUT")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    def test_the_body_was_read_before(self) -> None:
        look.append(lambda request: request.read(10))
        assert self.post(BODY, signed()).status == 500
        assert self.handler.events == []

    def test_the_body_was_read_and_kept_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "DATA_UPLOAD_MAX_MEMORY_SIZE", None)
        look.append(lambda request: request.body)
        self.check(200)


def headers_as_one(headers: Any) -> dict[str, str]:
    """What a server makes of header lines that repeat a name."""
    lines: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, dict) else headers:
        lines[name] = f"{lines[name]},{value}" if name in lines else value
    return lines


class TestSync(DjangoTests):
    def view(self, webhook: Any) -> Any:
        @webhook
        def handle(event: Any) -> Any:
            return self.handler(event)

        return handle

    def post(self, body: bytes, headers: Any, *, method: str = "POST", chunked: bool = False) -> Answer:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        lines = headers_as_one(headers)
        content_type = lines.pop("Content-Type", "application/json")
        response = client.generic(method, "/puck", body, content_type, headers=lines)
        return Answer(response.status_code, response.content, response.headers)

    def request(self, body: bytes, **environ: Any) -> Any:
        """One without a test client, which would add a Content-Length."""
        meta = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), "HTTP_X_PUCK_SIGNATURE": signature(body)}
        return WSGIRequest(meta | environ)

    def test_a_chunked_body(self) -> None:
        view = self.view(webhook(self.receiver))
        for body, status in ((BODY, 200), (b"x" * 300_000, 413)):
            chunked = self.request(body, HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input_terminated": True})
            assert view(chunked).status_code == status
        assert self.receiver.seen()

    def test_a_chunked_body_of_a_server_that_does_not_say_where_it_ends(self) -> None:
        view = self.view(webhook(self.receiver))
        with pytest.raises(RuntimeError, match="wsgi.input_terminated"):
            view(self.request(BODY, HTTP_TRANSFER_ENCODING="chunked"))

    def test_a_chunked_body_that_was_read_before(self) -> None:
        view = self.view(webhook(self.receiver))
        chunked = self.request(BODY, HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input_terminated": True})
        assert chunked.body == b"", "Django's view of it"
        with pytest.raises(RuntimeError, match="must leave this path alone"):
            view(chunked)

    def test_a_middleware_has_read_the_body(self) -> None:
        view = self.view(webhook(self.receiver))
        for left in (b"", BODY[:20]):
            with pytest.raises(RuntimeError, match="read before"):
                view(self.request(left, CONTENT_LENGTH=str(len(BODY))))

    def test_a_response_that_cannot_be_made_is_a_failure(self) -> None:
        for returned in (SimpleTemplateResponse("no such template"), StreamingHttpResponse(iter([b"one"]))):
            self.handler.returns = returned
            self.fails()
        assert not self.receiver.seen()

    def test_a_handler_that_is_exempt_from_one_transaction(self) -> None:
        within: dict[str, bool] = {}

        @webhook(self.receiver)
        @transaction.non_atomic_requests(using="other")
        def handle(event: Any) -> None:
            within.update((alias, connections[alias].in_atomic_block) for alias in connections)

        settings.DATABASES["other"]["ATOMIC_REQUESTS"] = True
        try:
            assert handle(self.request(BODY, CONTENT_LENGTH=str(len(BODY)))).status_code == 200
        finally:
            settings.DATABASES["other"]["ATOMIC_REQUESTS"] = False
        assert within == {"default": True, "other": False}
        assert handle._non_atomic_requests == {"default", "other"}

    def test_the_sentence_says_how_to_avoid_it(self) -> None:
        look.append(lambda request: request.read(10))
        with pytest.raises(RuntimeError, match="read before.*request.body"):
            Client().post("/puck", BODY, "application/json", headers=signed())

    def test_an_async_receiver_is_refused(self) -> None:
        check_that_it_is_refused(lambda receiver: self.view(webhook(receiver)))

    def test_an_interrupt_releases(self) -> None:
        self.handler.raises = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            self.post(BODY, signed())
        assert self.receiver.in_progress == 0

    def test_what_the_url_captured(self) -> None:
        @webhook(self.receiver)
        def handle(event: Any, tenant: str) -> HttpResponse:
            return HttpResponse(tenant)

        urlpatterns.append(path("puck/<tenant>", handle))
        assert Client().post("/puck/acme", BODY, "application/json", headers=signed()).content == b"acme"

    def test_the_transaction_is_over_before_the_commit(self) -> None:
        within: list[bool] = []

        class Store(PythonStore):
            def commit(self, claim: Any) -> None:
                within.append(connection.in_atomic_block)
                super().commit(claim)

        self.start(self.receiver_at_now(dedupe=Store()))
        handler = self.handler
        handler.rejected = []
        original = handler.events

        class Note(list[Any]):
            def append(self, event: Any) -> None:
                within.append(connection.in_atomic_block)
                original.append(event)

        handler.events = Note()
        assert self.post(BODY, signed()).status == 200
        assert within == [True, False]


class TestAsync(DjangoTests):
    def view(self, webhook: Any) -> Any:
        @webhook
        async def handle(event: Any) -> Any:
            return self.handler(event)

        return handle

    def post(self, body: bytes, headers: Any, *, method: str = "POST", chunked: bool = False) -> Answer:
        async def run() -> Any:
            client = AsyncClient(enforce_csrf_checks=True, raise_request_exception=False)
            lines = headers_as_one(headers)
            content_type = lines.pop("Content-Type", "application/json")
            if chunked:
                client = Chunked(client)  # type: ignore[assignment]
            return await client.generic(method, "/puck", body, content_type, headers=lines)

        response = asyncio.run(run())
        return Answer(response.status_code, response.content, response.headers)

    def test_a_template_is_rendered_where_it_may_ask_the_database(self) -> None:
        rendered_in: list[int] = []

        class Template:
            def render(self, context: Any, request: Any) -> str:
                rendered_in.append(threading.get_ident())
                return "rendered"

        self.handler.returns = SimpleTemplateResponse(Template())
        assert self.post(BODY, signed()).body == b"rendered"
        assert not set(rendered_in) & self.handler.threads

    def test_a_store_in_python_is_asked_in_another_thread(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        self.check(200)
        assert store.calls == ["claim", "commit"]
        assert not store.threads & self.handler.threads

    def test_no_more_is_read_than_the_limit_and_one_chunk(self) -> None:
        for length, most in ((b"", 2 * 65_536), (str(LIMIT + 1).encode(), 0)):
            body = io.BytesIO(b"x" * 1_000_000)
            headers = [(b"x-puck-signature", signature().encode()), (b"content-length", length)]
            scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
            view = self.view(webhook(self.receiver))
            assert asyncio.run(view(ASGIRequest(scope, body))).status_code == 413
            assert body.tell() <= most

    def test_a_cancelled_handler_releases(self) -> None:
        started = asyncio.Event()

        @webhook(self.receiver)
        async def handle(event: Any) -> None:
            started.set()
            await asyncio.Event().wait()

        async def run() -> None:
            scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"",
                     "headers": [(b"x-puck-signature", signature().encode())]}
            task = asyncio.create_task(handle(ASGIRequest(scope, io.BytesIO(BODY))))
            await started.wait()
            assert self.receiver.in_progress == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())
        assert self.receiver.in_progress == 0


class TestAsyncWithAsyncReceiver(WithAsyncReceiver, TestAsync): ...


class Chunked:
    """The async client, without a Content-Length."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def generic(self, *args: Any, **how: Any) -> Any:
        make = self._client._base_scope

        def without_length(**scope: Any) -> Any:
            made = make(**scope)
            made["headers"] = [pair for pair in made["headers"] if pair[0] != b"content-length"]
            return made

        self._client._base_scope = without_length
        return await self._client.generic(*args, **how)


