"""puck_webhooks.flask, through Flask's test client."""

from __future__ import annotations

import io
from typing import Any

import flask
import pytest
from adapter_deliveries import BODY, EVENT_ID, AdapterTests, Answer, check_that_it_is_refused, signed
from puck_webhooks.flask import HandlerFailed, webhook
from werkzeug.exceptions import NotFound


class TestFlask(AdapterTests):
    def app(self, receiver: Any, on_reject: Any) -> None:
        app = flask.Flask(__name__)
        self.flask = app

        @app.post("/puck")
        @webhook(receiver, on_reject=on_reject)
        def handle(event: Any) -> Any:
            return self.handler(event)

        @app.post("/puck/<tenant>/<int:number>")
        @webhook(receiver)
        def handle_for(event: Any, tenant: str, number: int) -> str:
            return f"{event.event_id} {tenant} {number} {flask.request.get_json()['event_type']}"

        @app.errorhandler(ValueError)
        def an_error_of_the_app(error: ValueError) -> tuple[str, int]:
            return "bad request", 400

    def post(self, body: bytes, headers: Any, *, method: str = "POST", chunked: bool = False) -> Answer:
        client = self.flask.test_client()
        if chunked:
            how: dict[str, Any] = {
                "input_stream": io.BytesIO(body),
                "environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
            }
        else:
            how = {"data": body}
        response = client.open("/puck", method=method, headers=headers, **how)
        return Answer(response.status_code, response.data, response.headers)

    def error_response(self, status: int) -> Any:
        return "an answer", status

    def http_exception(self) -> Exception:
        return NotFound()

    def test_other_methods(self) -> None:
        assert self.post(BODY, signed(), method="GET").status == 405

    def test_what_the_url_captured_and_the_body_again(self) -> None:
        response = self.flask.test_client().post("/puck/acme/7", data=BODY, headers=signed())
        assert response.text == f"{EVENT_ID} acme 7 finding.discovered"

    def test_the_body_was_read_before(self) -> None:
        self.flask.before_request(lambda: (flask.request.stream.read(10), None)[1])
        self.flask.testing = True
        with pytest.raises(RuntimeError, match=r"read before.*request.get_data\(\)"):
            self.post(BODY, signed())
        with pytest.raises(RuntimeError, match="read before"):
            self.post(BODY[:10], signed(), chunked=True)
        assert self.handler.events == []

    def test_the_body_was_read_before_as_a_form(self) -> None:
        self.flask.before_request(lambda: (flask.request.form, None)[1])
        headers = signed(Content_Type="application/x-www-form-urlencoded")
        assert self.post(BODY, headers).status == 500
        self.check(200)

    def test_the_body_was_read_and_kept_before(self) -> None:
        self.flask.before_request(lambda: (flask.request.get_data(), None)[1])
        self.check(200)
        self.check(413, b"x" * 5000, rejected="payload_too_large")

    def test_a_middleware_has_read_the_body(self) -> None:
        self.flask.testing = True
        inner = self.flask.wsgi_app

        def middleware(environ: Any, start_response: Any) -> Any:
            environ["wsgi.input"].read()
            return inner(environ, start_response)

        self.flask.wsgi_app = middleware  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match=r"read before.*request.get_data\(\)"):
            self.post(BODY, signed())

    def test_a_chunked_body_of_a_server_that_does_not_say_where_it_ends(self) -> None:
        self.flask.testing = True
        headers = signed(Transfer_Encoding="chunked")
        with pytest.raises(RuntimeError, match="could not see all raw bytes"):
            self.flask.test_client().post("/puck", input_stream=io.BytesIO(BODY), headers=headers)

    def test_a_streamed_answer_that_breaks_off_releases(self) -> None:
        def pieces() -> Any:
            yield "one "
            raise ValueError("the handler's")

        self.handler.returns = pieces()
        self.fails()
        assert not self.receiver.seen()
        self.handler.returns = iter(["one ", "two"])
        assert self.post(BODY, signed()).body == b"one two"

    def test_the_app_has_another_limit(self) -> None:
        self.flask.config["MAX_CONTENT_LENGTH"] = 10
        self.check(200)

    def test_an_async_handler(self) -> None:
        @self.flask.post("/async")
        @webhook(self.receiver)
        async def handle_async(event: Any) -> tuple[str, int]:
            return event.event_id, 201

        response = self.flask.test_client().post("/async", data=BODY, headers=signed())
        assert (response.status_code, response.text) == (201, EVENT_ID)

    def test_the_exception_is_the_cause(self) -> None:
        self.flask.testing = True
        self.handler.raises = ValueError("the handler's")
        with pytest.raises(HandlerFailed) as failed:
            self.post(BODY, signed())
        assert failed.value.__cause__ is self.handler.raises

    def test_an_interrupt_releases(self) -> None:
        self.handler.raises = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            self.post(BODY, signed())
        assert self.receiver.in_progress == 0

    def test_an_async_receiver_is_refused(self) -> None:
        check_that_it_is_refused(webhook)
