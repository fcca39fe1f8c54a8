"""puck_webhooks.fastapi, through FastAPI's test client."""

from typing import Annotated, Any

import pytest
from adapter_deliveries import BODY, PythonStore, ReceiverAtNow, signed
from fastapi import Depends, FastAPI, Form, HTTPException, Response
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

    def configure(self) -> None: ...

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


class TestAsync(FastApiTests):
    def configure(self) -> None:
        self.fastapi.router.route_class = WebhookRoute

    def route(self, PuckEvent: Any) -> None:
        @self.fastapi.post("/puck", response_class=Response, response_model=None)
        async def handle(event: PuckEvent) -> Any:
            await self.maybe_block()
            returned = self.handler(event)
            return Response() if returned is None else returned

    def test_a_commit_that_fails_is_answered(self) -> None:
        store = PythonStore()
        store.failing = {"commit"}
        self.start(ReceiverAtNow(dedupe=store))
        self.handler.returns = JSONResponse({"ok": True})
        answer = self.post(BODY, signed())
        assert (answer.status, answer.body) == (503, b"")
        assert not store.threads & self.handler.threads

    def test_no_dependency_sees_what_an_ordinary_route_returns(self) -> None:
        @self.fastapi.router.post("/wont_see")
        async def seen(event: Annotated[Event, self.dependency]) -> Response:
            return Response(status_code=503)

        assert TestClient(self.asgi).post("/wont_see", content=BODY, headers=signed()).status_code == 503
        assert not self.receiver.seen(), "but a WebhookRoute shows it"


class TestSync(FastApiTests):
    """An ordinary route, whose error status is that of the injected response."""

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

    test_a_cancelled_handler_releases = None  # not here: a thread cannot be cancelled

    def test_the_body_was_read_before_as_a_form(self) -> None:
        @self.fastapi.post("/form")
        async def form(event: Annotated[Event, self.dependency], field: Annotated[str, Form()] = "") -> None:
            raise AssertionError

        headers = signed(Content_Type="application/x-www-form-urlencoded")
        with pytest.raises(RuntimeError, match="read before"):
            TestClient(self.asgi).post("/form", content=BODY, headers=headers)


del Base
