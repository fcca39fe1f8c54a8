"""puck_webhooks.aiohttp, through aiohttp's test client."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from adapter_deliveries import BODY, AdapterTests, Answer, PythonStore, WithAsyncReceiver, signed
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from puck_webhooks.aiohttp import webhook


class TestAiohttp(AdapterTests):
    def app(self, receiver: Any, on_reject: Any) -> None:
        @webhook(receiver, on_reject=on_reject)
        async def handle(event: Any) -> Any:
            return self.handler(event)

        self.endpoint = handle
        self.look: Callable[[web.Request], Awaitable[Any]] | None = None
        self.server_settings: dict[str, Any] = {}

    def web_app(self) -> web.Application:
        @web.middleware
        async def before(request: web.Request, handler: Any) -> Any:
            if self.look:
                await self.look(request)
            return await handler(request)

        app = web.Application(middlewares=[before], client_max_size=100)
        app.add_routes([web.post("/puck", self.endpoint)])
        return app

    def post(self, body: bytes, headers: Any, *, method: str = "POST", chunked: bool = False) -> Answer:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(body), 1000):
                yield body[at : at + 1000]

        async def run() -> Answer:
            async with TestClient(TestServer(self.web_app()), **self.server_settings) as client:
                lines = list(headers.items()) if isinstance(headers, dict) else headers
                data: Any = pieces() if chunked else body
                async with client.request(method, "/puck", data=data, headers=lines) as response:
                    content = await response.read()
                    return Answer(response.status, content, response.headers)

        return asyncio.run(run())

    def error_response(self, status: int) -> Any:
        return web.Response(text="an answer", status=status)

    def http_exception(self) -> Exception:
        return web.HTTPNotFound()

    def test_other_methods(self) -> None:
        assert self.post(BODY, signed(), method="PUT").status == 405

    def test_a_success_may_be_raised(self) -> None:
        self.handler.raises = web.HTTPNoContent()
        assert self.post(BODY, signed()).status == 204
        assert self.receiver.seen()

    def test_a_plain_function_is_refused(self) -> None:
        with pytest.raises(TypeError, match="async def"):
            webhook(self.receiver)(lambda event: None)

    def test_the_body_was_read_and_kept_before(self) -> None:
        async def keep(request: web.Request) -> None:
            request._client_max_size = 0
            await request.read()

        self.look = keep
        self.check(200)

    def test_the_body_was_read_before(self, caplog: pytest.LogCaptureFixture) -> None:
        for look in (lambda request: request.content.read(), lambda request: request.content.read(10)):
            caplog.clear()
            self.look = look
            assert self.post(BODY, signed()).status == 500
            assert "read before" in caplog.text and "await request.read()" in caplog.text
        assert self.handler.events == []

    def test_the_body_was_decompressed_before(self) -> None:
        reasons: list[str] = []
        self.start(self.receiver, lambda error: reasons.append(str(error)))
        headers = signed(Content_Encoding="gzip")
        assert self.post(gzip.compress(BODY), headers).status == 500
        assert "let nothing in front of this server compress it" in reasons[0]

    def test_an_encoding_that_aiohttp_leaves_alone(self) -> None:
        self.check(200, headers=signed(Content_Encoding="identity"))
        self.check(200, headers=signed(Content_Encoding="utf-8"), rejected="duplicate")

    def test_the_body_can_be_read_again(self) -> None:
        bodies: list[bytes] = []

        @web.middleware
        async def after(request: web.Request, handler: Any) -> Any:
            response = await handler(request)
            bodies.append(await request.read())
            return response

        make = self.web_app

        def with_another() -> web.Application:
            app = make()
            app.middlewares.append(after)
            return app

        self.web_app = with_another  # type: ignore[method-assign]
        self.check(200)
        assert bodies == [BODY]

    def test_nothing_is_read_if_the_length_is_beyond_the_limit(self) -> None:
        request = make_mocked_request("POST", "/puck", headers={"Content-Length": "4097"}, payload=None)
        answer = asyncio.run(self.endpoint(request))
        assert answer.status == 413

    def test_a_store_in_python_is_asked_in_another_thread(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        self.check(200)
        assert store.calls == ["claim", "commit"]
        assert not store.threads & self.handler.threads

    def test_a_cancelled_handler_releases(self) -> None:
        async def run() -> None:
            started = asyncio.Event()

            @webhook(self.receiver)
            async def handle(event: Any) -> None:
                started.set()
                await asyncio.Event().wait()

            payload = asyncio.StreamReader()
            payload.feed_data(BODY)
            payload.feed_eof()
            payload.total_bytes = len(BODY)  # type: ignore[attr-defined]
            payload.iter_any = lambda: one_piece()  # type: ignore[attr-defined]
            payload.at_eof = lambda: False  # type: ignore[method-assign]
            request = make_mocked_request("POST", "/puck", headers=signed(), payload=payload)
            task = asyncio.ensure_future(handle(request))
            await started.wait()
            assert self.receiver.in_progress == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())
        assert self.receiver.in_progress == 0


async def one_piece() -> AsyncIterator[bytes]:
    yield BODY


class TestWithAsyncReceiver(WithAsyncReceiver, TestAiohttp): ...
