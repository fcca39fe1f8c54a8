"""puck_webhooks.fastapi, through FastAPI's test client."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from adapter_deliveries import BODY, FORGED, PATIENCE, STALE, PythonStore, WithAsyncReceiver, signed, until
from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from puck_webhooks import Event
from puck_webhooks.fastapi import HandlerFailed, WebhookRoute, webhook
from starlette.responses import JSONResponse
from test_starlette import StarletteTests as Base


class FastApiTests(Base):
    def app(self, receiver: Any, on_reject: Any) -> None:
        self.asgi = self.fastapi = FastAPI()
        self.configure()
        self.dependency = Depends(webhook(receiver, on_reject=on_reject))
        self.route(Annotated[Event, self.dependency])

        @self.fastapi.exception_handler(ValueError)
        @self.fastapi.exception_handler(401)
        async def an_error_of_the_app(request: Any, error: Any) -> Response:
            return Response("an answer", status_code=400)

    def configure(self) -> None:
        self.fastapi.router.route_class = WebhookRoute

    def route(self, PuckEvent: Any) -> None:
        raise NotImplementedError

    def http_exception(self) -> Exception:
        return HTTPException(404)

    def test_an_answer_of_another_type_is_a_failure(self) -> None:
        self.handler.returns = object()
        assert self.post(BODY, signed()).status == 500
        assert not self.receiver.seen()

    def test_parameters_that_are_invalid_release(self) -> None:
        @self.fastapi.post("/typed")
        async def typed(event: Annotated[Event, self.dependency], number: int) -> None:
            raise AssertionError

        client = TestClient(self.asgi, raise_server_exceptions=False)
        assert client.post("/typed?number=x", content=BODY, headers=signed()).status_code == 500
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    def test_the_exception_is_the_cause(self) -> None:
        self.handler.raises = ValueError("the handler's")
        with pytest.raises(HandlerFailed) as failed:
            TestClient(self.asgi).post("/puck", content=BODY, headers=signed())
        assert failed.value.__cause__ is self.handler.raises

    def test_the_schema_knows_nothing_of_it(self) -> None:
        (operation,) = self.fastapi.openapi()["paths"]["/puck"].values()
        assert "requestBody" not in operation and "parameters" not in operation


    def test_the_body_can_be_read_again(self) -> None:
        @self.fastapi.post("/again")
        async def again(event: Annotated[Event, self.dependency], request: Request) -> int:
            return len(await request.body())

        assert TestClient(self.asgi).post("/again", content=BODY, headers=signed()).json() == len(BODY)

    def test_two_receivers_are_a_mistake(self) -> None:
        other = Depends(webhook(self.receiver_at_now()))

        @self.fastapi.post("/two")
        async def two(event: Annotated[Event, self.dependency], again: Annotated[Event, other]) -> None:
            raise AssertionError

        with pytest.raises(HandlerFailed) as failed:
            TestClient(self.asgi).post("/two", content=BODY, headers=signed())
        assert "Two receivers" in str(failed.value.__cause__)
        assert self.receiver.in_progress == 0

    @pytest.mark.parametrize("event_comes_first", [False, True])
    def test_a_dependency_that_fails_in_the_end_releases(self, event_comes_first: bool) -> None:
        """Such as the one that commits to the database. The app answers the exception, but not Puck."""

        async def database() -> AsyncIterator[str]:
            yield "session"
            raise ValueError("the database's")

        session = Depends(database, scope="function")
        if event_comes_first:

            @self.fastapi.post("/db")
            async def first(event: Annotated[Event, self.dependency], db: Annotated[str, session]) -> None: ...
        else:

            @self.fastapi.post("/db")
            async def last(db: Annotated[str, session], event: Annotated[Event, self.dependency]) -> None: ...

        client = TestClient(self.asgi, raise_server_exceptions=False)
        for status in (400, 200):
            mapped = Response(status_code=status)
            self.fastapi.exception_handler(ValueError)(lambda request, error, mapped=mapped: mapped)
            self.fastapi.middleware_stack = None  # made anew with the handler
            answer = client.post("/db", content=BODY, headers=signed())
            assert (answer.status_code, answer.content) == (500, b"")
            assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    @pytest.mark.parametrize("scope", ["function", "request"])
    @pytest.mark.parametrize("then", [HTTPException(400), None])
    def test_a_dependency_that_takes_exceptions_for_its_own(self, scope: Any, then: Exception | None) -> None:
        caught: list[type] = []

        def database() -> Iterator[None]:
            try:
                yield
            except Exception as failure:
                caught.append(type(failure))
                if then is not None:
                    raise then from None

        @self.fastapi.post("/taken", dependencies=[Depends(database, scope=scope)])
        async def taken(event: Annotated[Event, self.dependency]) -> None:
            raise KeyError("the handler's")

        client = TestClient(self.asgi, raise_server_exceptions=False)

        def post(headers: Any) -> tuple[int, bytes]:
            answer = client.post("/taken", content=BODY, headers=headers)
            return answer.status_code, answer.content

        assert post(FORGED) == (401, b"")
        assert post(STALE) == (503, b"")
        assert post(signed())[0] == 500
        assert caught[-1] is KeyError, "dependencies see what the handler raised"
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)
        self.handle_before()
        assert post(signed()) == (200, b"")
        assert self.handler.rejected == ["signature_mismatch", "timestamp_too_old", "duplicate"]

    def test_an_ordinary_route_is_a_mistake(self) -> None:
        self.fastapi.router.route_class = APIRoute

        @self.fastapi.post("/ordinary")
        async def ordinary(event: Annotated[Event, self.dependency]) -> None:
            raise AssertionError

        with pytest.raises(RuntimeError, match="route_class = WebhookRoute"):
            TestClient(self.asgi).post("/ordinary", content=BODY, headers=signed())

    def test_a_router_that_is_included(self) -> None:
        router = APIRouter(route_class=WebhookRoute, prefix="/included")

        @router.post("/puck", status_code=202)
        async def included(event: Annotated[Event, self.dependency]) -> None: ...

        self.fastapi.include_router(router)
        client = TestClient(self.asgi)
        assert client.post("/included/puck", content=BODY, headers={}).status_code == 401
        assert client.post("/included/puck", content=BODY, headers=signed()).status_code == 202
        assert self.receiver.seen()

    def test_routes_that_receive_nothing(self) -> None:
        @self.fastapi.get("/plain")
        async def plain() -> str:
            return "as ever"

        assert TestClient(self.asgi).get("/plain").json() == "as ever"


class TestAsync(FastApiTests):
    def route(self, PuckEvent: Any) -> None:
        @self.fastapi.post("/puck", response_class=Response, response_model=None)
        async def handle(event: PuckEvent) -> Any:
            await self.maybe_block()
            returned = self.handler(event)
            return Response() if returned is None else returned

    def test_a_commit_that_fails_is_answered(self) -> None:
        store = PythonStore()
        store.failing = {"commit"}
        self.start(self.receiver_at_now(dedupe=store))
        self.handler.returns = JSONResponse({"ok": True})
        answer = self.post(BODY, signed())
        assert (answer.status, answer.body) == (503, b"")

    def test_the_store_is_not_asked_in_the_loop(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        self.check(200)
        assert not store.threads & self.handler.threads


class TestSync(FastApiTests):
    """With the status in the injected response."""

    def route(self, PuckEvent: Any) -> None:
        @self.fastapi.post("/puck", response_model=None)
        def handle(event: PuckEvent, response: Response) -> Any:
            returned = self.handler(event)
            if isinstance(returned, int):
                response.status_code = returned
                return None
            return Response() if returned is None else returned

    def error_response(self, status: int) -> Any:
        return status

    # Not here: a thread cannot be cancelled.
    test_a_cancelled_handler_releases = None
    test_a_cancelled_handler_does_not_wait_for_a_slow_release = None

    def test_a_cancelled_request_keeps_its_event_until_the_thread_is_done(self) -> None:
        begun, may_end = threading.Event(), threading.Event()

        @self.fastapi.post("/slow")
        def slow(event: Annotated[Event, self.dependency]) -> None:
            begun.set()
            assert may_end.wait(PATIENCE)

        self.path = "/slow"

        async def run() -> None:
            request = asyncio.create_task(self.call(BODY))
            await until(begun)
            request.cancel()
            await asyncio.wait((request,))
            assert request.cancelled()
            await asyncio.sleep(0)
            assert self.receiver.in_progress == 1
            may_end.set()
            while self.receiver.in_progress:
                await asyncio.sleep(0)
            assert self.receiver.seen()

        try:
            asyncio.run(asyncio.wait_for(run(), PATIENCE))
        finally:
            may_end.set()

    def test_the_body_was_read_before_as_a_form(self) -> None:
        @self.fastapi.post("/form")
        async def form(event: Annotated[Event, self.dependency], field: Annotated[str, Form()] = "") -> None:
            raise AssertionError

        headers = signed(Content_Type="application/x-www-form-urlencoded")
        with pytest.raises(RuntimeError, match="read before"):
            TestClient(self.asgi).post("/form", content=BODY, headers=headers)


class TestAsyncWithAsyncReceiver(WithAsyncReceiver, TestAsync): ...


class TestSyncWithAsyncReceiver(WithAsyncReceiver, TestSync): ...


del Base
