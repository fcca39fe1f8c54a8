"""puck_webhooks.aws_lambda, with events as API Gateway, load balancers and function URLs make them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from adapter_deliveries import BODY, AdapterTests, Answer, check_that_it_is_refused, signed
from puck_webhooks.aws_lambda import webhook


class LambdaTests(AdapterTests):
    in_base64 = False

    def event(self, method: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
        raise NotImplementedError

    def app(self, receiver: Any, on_reject: Any) -> None:
        @webhook(receiver, on_reject=on_reject)
        def handle(event: Any) -> Any:
            return self.handler(event)

        self.handle = handle

    def post(self, body: bytes, headers: Any, *, method: str = "POST", chunked: bool = False) -> Answer:
        event = self.event(method, list(headers.items()) if isinstance(headers, dict) else headers)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = None
        event["isBase64Encoded"] = self.in_base64 or text is None
        event["body"] = (base64.b64encode(body).decode() if event["isBase64Encoded"] else text) or None
        answer = self.handle(event, object())
        return Answer(answer["statusCode"], answer["body"].encode(), answer.get("headers"))

    def error_response(self, status: int) -> Any:
        return {"statusCode": status, "body": "an answer"}

    def test_other_methods(self) -> None:
        answer = self.post(BODY, signed(), method="GET")
        assert (answer.status, answer.body, answer.headers) == (405, b"", {"Allow": "POST"})

    def test_an_async_receiver_is_refused(self) -> None:
        check_that_it_is_refused(webhook)

    def test_headers_may_be_missing(self) -> None:
        event = self.event("POST", [])
        event |= {"headers": None, "body": None, "isBase64Encoded": False}
        if "multiValueHeaders" in event:
            event["multiValueHeaders"] = None
        assert self.handle(event, None)["statusCode"] == 401
        del event["headers"], event["body"], event["isBase64Encoded"]
        assert self.handle(event, None)["statusCode"] == 401

    def test_the_exception_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        self.handler.raises = ValueError("the handler's")
        self.fails()
        assert "ValueError: the handler's" in caplog.text and "released" in caplog.text

    def test_an_interrupt_releases(self) -> None:
        self.handler.raises = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            self.post(BODY, signed())
        assert self.receiver.in_progress == 0

    def test_a_body_that_is_not_in_base64_though_it_is_said_to_be(self) -> None:
        heard: list[Any] = []
        self.start(self.receiver, heard.append)
        for body in ("abc", "é", "{}", "YQ==\n\x00"):
            event = {**self.event("POST", [*signed().items()]), "body": body, "isBase64Encoded": True}
            assert (self.handle(event, None)["statusCode"], heard.pop().reason) == (500, "invalid_argument")

    def test_a_body_that_was_parsed_before(self) -> None:
        for body in ({"event_id": "x"}, BODY):
            with pytest.raises(RuntimeError, match="leave event"):
                self.handle({**self.event("POST", [*signed().items()]), "body": body}, None)

    def test_headers_without_a_value(self) -> None:
        event = self.event("POST", [])
        event["headers"] = {"x": None}
        if "multiValueHeaders" in event:
            event["multiValueHeaders"] = {"x": None}
        assert self.handle(event, None)["statusCode"] == 401

    def test_what_is_no_request(self) -> None:
        contexts = ({}, None, {"http": None}, {"http": {}})
        for event in ({}, {"Records": []}, *({"requestContext": context} for context in contexts)):
            with pytest.raises(ValueError, match="not an HTTP request"):
                self.handle(event, None)

    def test_a_coroutine_function_is_refused(self) -> None:
        async def handle(event: Any) -> None: ...

        with pytest.raises(TypeError, match="coroutine"):
            webhook(self.receiver)(handle)


class TestRestApi(LambdaTests):
    """The format 1.0 of API Gateway: `headers` has only the last of each name."""

    def event(self, method: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
        many: dict[str, list[str]] = {}
        for name, value in headers:
            many.setdefault(name, []).append(value)
        return {
            "version": "1.0",
            "resource": "/puck",
            "path": "/puck",
            "httpMethod": method,
            "headers": dict(headers),
            "multiValueHeaders": many,
            "requestContext": {"httpMethod": method, "path": "/puck"},
        }


class TestRestApiInBase64(TestRestApi):
    in_base64 = True


class TestLoadBalancer(TestRestApi):
    """With multi-value headers switched on, there are no others."""

    def event(self, method: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
        event = super().event(method, [(name.lower(), value) for name, value in headers])
        del event["headers"]
        return event | {"requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:…"}}}

    def test_an_async_receiver_is_refused(self) -> None:
        check_that_it_is_refused(webhook)

    def test_headers_may_be_missing(self) -> None:
        assert self.handle({"httpMethod": "POST", "multiValueHeaders": None}, None)["statusCode"] == 401


class TestHttpApi(LambdaTests):
    """The format 2.0, also of function URLs: names in lower case, lines of one name joined by commas."""

    def event(self, method: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
        joined: dict[str, str] = {}
        for name, value in headers:
            lower = name.lower()
            joined[lower] = f"{joined[lower]},{value}" if lower in joined else value
        return {
            "version": "2.0",
            "rawPath": "/puck",
            "headers": joined,
            "requestContext": {"http": {"method": method, "path": "/puck"}},
        }


class TestHttpApiInBase64(TestHttpApi):
    in_base64 = True
