"""puck_webhooks.starlette and the ASGI middleware, through Starlette's test client."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import anyio
import pytest
from adapter_deliveries import (
    BODY,
    EVENT_ID,
    LIMIT,
    PATIENCE,
    AdapterTests,
    Answer,
    PythonStore,
    SlowStore,
    WithAsyncReceiver,
    envelope,
    signature,
    signed,
    until,
)
from puck_webhooks import _threads
from puck_webhooks.asgi import WebhookMiddleware
from puck_webhooks.starlette import HandlerFailed, webhook
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect


class StarletteTests(AdapterTests):
    asgi: Any
    path = "/puck"

    def post(self, body: bytes, headers: Any, *, method: str = "POST", chunked: bool = False) -> Answer:
        client = TestClient(self.asgi, raise_server_exceptions=False)
        lines = list(headers.items()) if isinstance(headers, dict) else headers
        content: Any = (body[at : at + 1000] for at in range(0, len(body), 1000)) if chunked else body
        response = client.request(method, self.path, content=content, headers=lines)
        return Answer(response.status_code, response.content, response.headers)

    def error_response(self, status: int) -> Any:
        return Response("an answer", status)

    def http_exception(self) -> Exception:
        return HTTPException(404)

    def test_a_store_in_python_is_asked_in_a_thread(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        self.check(200)
        assert store.calls == ["claim", "commit"]
        self.check(200, rejected="duplicate")

    async def call(self, body: bytes, *, chunks: int = 1, length: bytes = b"") -> list[Any]:
        """One request without a test client."""
        sent: list[Any] = []
        size = -(-len(body) // chunks)
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        self.left = parts

        async def receive() -> Any:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": self.path, "query_string": b"", "asgi": {},
                 "headers": [(b"x-puck-signature", signature(body).encode()), (b"content-length", length)]}
        await self.asgi(scope, receive, send)
        return sent

    def test_no_more_is_read_than_the_limit_and_one_chunk(self) -> None:
        sent = asyncio.run(self.call(b"x" * LIMIT * 10, chunks=20))
        assert sent[0]["status"] == 413
        assert len(self.left) == 20 - 3

    def test_nothing_is_read_if_the_length_is_beyond_the_limit(self) -> None:
        sent = asyncio.run(self.call(b"x" * LIMIT * 10, chunks=20, length=str(LIMIT + 1).encode()))
        assert sent[0]["status"] == 413
        assert len(self.left) == 20

    def test_a_silent_store_keeps_no_other_thread_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_threads, "_PATIENCE", PATIENCE)
        store = SlowStore("claim")
        self.start(self.receiver_at_now(dedupe=store))

        async def run() -> None:
            deliveries = [asyncio.create_task(self.call(envelope(f"{EVENT_ID[:-2]}{n:02x}"))) for n in range(40)]
            await until(store.begun["claim"])
            await asyncio.wait_for(asyncio.gather(*(asyncio.to_thread(int) for _ in range(40))), PATIENCE)
            await asyncio.wait_for(anyio.to_thread.run_sync(int), PATIENCE)
            assert not any(delivery.done() for delivery in deliveries)
            store.may_end["claim"].set()
            assert {sent[0]["status"] for sent in await asyncio.gather(*deliveries)} == {200}

        try:
            asyncio.run(run())
        finally:
            store.may_end["claim"].set()
        assert store.names_of_threads == {"puck-webhooks-claim", "puck-webhooks-settle"}
        assert len(store.threads) <= 32 + 32

    def test_a_claim_that_waited_too_long_for_a_thread_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        monkeypatch.setattr(_threads, "_PATIENCE", -1)
        self.check(503, rejected="store_unavailable")
        assert store.calls == []
        monkeypatch.undo()
        self.check(200)

    @pytest.mark.parametrize("step", ["claim", "commit"])
    @pytest.mark.parametrize("fails", [False, True])
    def test_a_cancelled_step_of_a_slow_store_goes_on(self, step: str, fails: bool) -> None:
        store = SlowStore(step)
        if fails:
            store.failing = {step}
        self.start(self.receiver_at_now(dedupe=store))

        async def run() -> None:
            delivery = asyncio.create_task(self.call(BODY))
            await until(store.begun[step])
            delivery.cancel()
            await asyncio.wait((delivery,))
            assert delivery.cancelled()
            store.may_end[step].set()
            await until(store.ended[step])
            if (step, fails) in (("claim", False), ("commit", True)):
                await until(store.ended["release"])
            assert threading.get_ident() not in store.threads

        asyncio.run(run())
        assert not store.claimed
        assert store.seen(EVENT_ID) == (step == "commit" and not fails)
        assert len(self.handler.events) == (step == "commit")

    def test_a_cancelled_handler_does_not_wait_for_a_slow_release(self) -> None:
        store = SlowStore("release")
        self.start(self.receiver_at_now(dedupe=store))

        async def run() -> None:
            self.blocks = asyncio.Event()
            delivery = asyncio.create_task(self.call(BODY))
            await self.blocks.wait()
            delivery.cancel()
            await asyncio.wait((delivery,))
            assert delivery.cancelled()
            store.may_end["release"].set()
            await until(store.ended["release"])
            assert threading.get_ident() not in store.threads

        asyncio.run(run())
        assert not store.claimed and not store.done

    def test_a_cancelled_handler_releases(self) -> None:
        for library in (asyncio_cancel, anyio_cancel):
            self.handler.raises = None
            self.blocks = asyncio.Event()
            asyncio.run(library(self))
            assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    blocks: asyncio.Event | None = None

    async def maybe_block(self) -> None:
        if self.blocks is not None:
            self.blocks.set()
            await asyncio.Event().wait()


async def asyncio_cancel(test: StarletteTests) -> None:
    assert test.blocks
    task = asyncio.create_task(test.call(BODY))
    await test.blocks.wait()
    assert test.receiver.in_progress == 1
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def anyio_cancel(test: StarletteTests) -> None:
    assert test.blocks
    async with anyio.create_task_group() as group:
        group.start_soon(test.call, BODY)
        await test.blocks.wait()
        group.cancel_scope.cancel()


class TestAsync(StarletteTests):
    def app(self, receiver: Any, on_reject: Any) -> None:
        @webhook(receiver, on_reject=on_reject)
        async def handle(event: Any) -> Any:
            await self.maybe_block()
            return self.handler(event)

        async def an_error_of_the_app(request: Any, error: Any) -> Response:
            return Response(status_code=400)

        self.starlette = Starlette(
            routes=[Route("/puck", handle, methods=["POST"])], exception_handlers={ValueError: an_error_of_the_app}
        )
        self.asgi = self.starlette

    def test_the_store_is_not_asked_in_the_loop(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        self.check(200)
        assert not store.threads & self.handler.threads

    def test_the_exception_is_the_cause(self) -> None:
        self.handler.raises = ValueError("the handler's")
        with pytest.raises(HandlerFailed) as failed:
            TestClient(self.asgi).post("/puck", content=BODY, headers=signed())
        assert failed.value.__cause__ is self.handler.raises

    def middleware(self, dispatch: Any) -> None:
        self.starlette.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)

    def test_the_body_was_read_before(self) -> None:
        async def read(request: Request, call_next: Any) -> Any:
            async for _ in request.stream():
                pass
            return await call_next(request)

        self.middleware(read)
        with pytest.raises(RuntimeError, match=r"read before.*await request.body\(\)"):
            TestClient(self.asgi).post("/puck", content=BODY, headers=signed())
        assert self.handler.events == []

    def test_the_body_was_read_and_kept_before(self) -> None:
        async def read(request: Request, call_next: Any) -> Any:
            await request.body()
            return await call_next(request)

        self.middleware(read)
        self.check(200)


    def test_the_body_can_be_read_again(self) -> None:
        bodies: list[bytes] = []

        async def read(request: Request, call_next: Any) -> Any:
            await request.body()
            response = await call_next(request)
            bodies.append(await request.body())
            return response

        self.middleware(read)
        self.check(200)
        assert bodies == [BODY]

    def test_a_streamed_response_is_a_failure(self) -> None:
        for streamed in (StreamingResponse(iter([b"one"])), FileResponse(__file__)):
            self.handler.returns = streamed
            self.fails()
        assert not self.receiver.seen()

    def test_an_object_that_is_awaited(self) -> None:
        class Handle:
            async def __call__(_, event: Any) -> None:
                self.handler(event)

        endpoint = webhook(self.receiver)(Handle())
        self.asgi = Starlette(routes=[Route("/puck", endpoint, methods=["POST"])])
        self.check(200)


class TestSync(StarletteTests):
    def app(self, receiver: Any, on_reject: Any) -> None:
        @webhook(receiver, on_reject=on_reject)
        def handle(event: Any) -> Any:
            return self.handler(event)

        self.asgi = Starlette(routes=[Route("/puck", handle, methods=["POST"])])

    # Not here: a thread cannot be cancelled, and what it does in the end decides.
    test_a_cancelled_handler_releases = None
    test_a_cancelled_handler_does_not_wait_for_a_slow_release = None
    test_a_cancelled_step_of_a_slow_store_goes_on = None

    @pytest.mark.parametrize("step", ["claim", "commit"])
    def test_what_is_cancelled_is_handled_all_the_same(self, step: str) -> None:
        store = SlowStore(step)
        self.start(self.receiver_at_now(dedupe=store))

        async def run() -> None:
            delivery = asyncio.create_task(self.call(BODY))
            await until(store.begun[step])
            delivery.cancel()
            await asyncio.wait((delivery,))
            store.may_end[step].set()
            await until(store.ended["commit"])

        asyncio.run(run())
        assert store.seen(EVENT_ID) and len(self.handler.events) == 1

    def test_the_handler_is_not_run_in_the_loop(self) -> None:
        async def run() -> None:
            await self.call(BODY)
            assert self.handler.threads and threading.get_ident() not in self.handler.threads

        asyncio.run(run())


class TestMiddleware(StarletteTests):
    path = "/puck/"

    def app(self, receiver: Any, on_reject: Any) -> None:
        async def endpoint(request: Request) -> Response:
            await self.maybe_block()
            self.bodies.append(await request.body())
            answer = self.handler(request.scope["puck.event"])
            return Response() if answer is None else answer

        self.bodies: list[bytes] = []
        inner = Starlette(routes=[Route("/", endpoint, methods=["POST", "GET"])])
        mount = Mount("/puck", WebhookMiddleware(inner, receiver, on_reject=on_reject))
        self.asgi = Starlette(routes=[mount])

    def http_exception(self) -> Exception | None:
        return None  # the app's answer to it is the answer

    def test_an_exception_that_the_app_answers_is_its_answer(self) -> None:
        self.handler.raises = HTTPException(404)
        assert self.post(BODY, signed()).status == 404
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    def test_the_app_gets_the_raw_body(self) -> None:
        self.check(200, chunked=True)
        assert self.bodies == [BODY]

    def test_other_methods(self) -> None:
        answer = self.post(BODY, signed(), method="GET")
        assert (answer.status, answer.body, answer.headers["allow"]) == (405, b"", "POST")
        assert self.handler.events == []

    def test_what_is_no_request_never_reaches_the_app(self) -> None:
        with pytest.raises(WebSocketDisconnect), TestClient(self.asgi).websocket_connect("/puck"):
            raise AssertionError

    def test_the_app_starts_and_ends(self) -> None:
        states: list[str] = []

        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> Any:
            states.append("started")
            yield
            states.append("ended")

        with TestClient(WebhookMiddleware(Starlette(lifespan=lifespan), self.receiver)):
            pass
        assert states == ["started", "ended"]

    def test_the_body_was_read_before(self) -> None:
        async def outside(scope: Any, receive: Any, send: Any) -> None:
            async def nothing() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            await WebhookMiddleware(self.asgi, self.receiver)(scope, nothing, send)

        with pytest.raises(RuntimeError, match="read before.*outside"):
            TestClient(outside).post("/puck", content=BODY, headers=signed())

    def test_a_hang_up_is_no_delivery(self) -> None:
        async def run() -> None:
            async def hang_up() -> Any:
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                raise AssertionError

            app = WebhookMiddleware(self.asgi, self.receiver)
            await app({"type": "http", "method": "POST", "path": "/puck", "headers": []}, hang_up, send)

        asyncio.run(run())
        assert self.handler.rejected == []

    def test_an_answer_in_pieces(self) -> None:
        async def pieces() -> Any:
            yield b"one "
            assert self.receiver.in_progress == 1
            yield b"two"

        self.handler.returns = StreamingResponse(pieces())
        answer = self.post(BODY, signed())
        assert (answer.status, answer.body, self.receiver.seen()) == (200, b"one two", True)

    def test_an_answer_that_breaks_off_releases(self) -> None:
        async def pieces() -> Any:
            yield b"one "
            raise ValueError("the handler's")

        self.handler.returns = StreamingResponse(pieces())
        with pytest.raises(ValueError, match="the handler's"):
            TestClient(self.asgi).post("/puck", content=BODY, headers=signed())
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    def test_an_app_that_does_not_answer_releases(self) -> None:
        async def silent(scope: Any, receive: Any, send: Any) -> None:
            assert scope["puck.event"].event_id == EVENT_ID

        self.asgi = WebhookMiddleware(silent, self.receiver)
        assert asyncio.run(self.call(BODY)) == []
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    def test_an_app_that_does_not_answer_releases_in_a_thread(self) -> None:
        async def silent(scope: Any, receive: Any, send: Any) -> None: ...

        store = PythonStore()
        self.asgi = WebhookMiddleware(silent, self.receiver_at_now(dedupe=store))

        async def run() -> None:
            await self.call(BODY)
            assert store.calls == ["claim", "release"]
            assert threading.get_ident() not in store.threads

        asyncio.run(run())

    def test_one_answer_goes_out_if_the_commit_fails(self) -> None:
        store = PythonStore()
        store.failing = {"commit"}
        self.start(self.receiver_at_now(dedupe=store))
        start, end = asyncio.run(self.call(BODY))
        assert (start["status"], end["body"]) == (503, b"")

    def test_an_answer_that_begins_again_is_no_success(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            for status in (500, 200):
                await send({"type": "http.response.start", "status": status, "headers": []})
                await send({"type": "http.response.body", "body": b""})

        self.asgi = WebhookMiddleware(app, self.receiver)
        asyncio.run(self.call(BODY))
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    def test_one_piece_and_an_empty_end_wait_for_the_commit(self) -> None:
        """As Starlette's BaseHTTPMiddleware sends every answer."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"done", "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        store = PythonStore()
        store.failing = {"commit"}
        self.asgi = WebhookMiddleware(app, self.receiver_at_now(dedupe=store))
        start, end = asyncio.run(self.call(BODY))
        assert (start["status"], end["body"], store.calls) == (503, b"", ["claim", "commit", "release"])

    def test_nothing_follows_the_answer_to_a_commit_that_fails(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
            await send({"type": "http.response.body", "body": b"done"})
            await send({"type": "http.response.trailers", "headers": []})

        store = PythonStore()
        store.failing = {"commit"}
        self.asgi = WebhookMiddleware(app, self.receiver_at_now(dedupe=store))
        start, end = asyncio.run(self.call(BODY))
        assert (start["status"], end["body"], store.calls) == (503, b"", ["claim", "commit", "release"])

    def test_what_happens_after_the_answer_changes_nothing(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await Response()(scope, receive, send)
            raise ValueError("in the background")

        self.asgi = WebhookMiddleware(app, self.receiver)
        with pytest.raises(ValueError, match="background"):
            asyncio.run(self.call(BODY))
        assert self.receiver.seen()


class TestAsyncWithAsyncReceiver(WithAsyncReceiver, TestAsync): ...


class TestSyncWithAsyncReceiver(WithAsyncReceiver, TestSync):
    test_what_is_cancelled_is_handled_all_the_same = None  # this is about synchronous stores


class TestMiddlewareWithAsyncReceiver(WithAsyncReceiver, TestMiddleware): ...
