"""The examples, as programs that answer on a real socket."""

from __future__ import annotations

import http.client
import importlib.util
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import puck_webhooks
import pytest
from adapter_deliveries import BODY, EVENT_ID, FORGED, OTHER_ID, SECRET, STALE, ReceiverAtNow, envelope, signed

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@contextmanager
def flask_server(app: Any) -> Iterator[int]:
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def uvicorn_server(app: Any) -> Iterator[int]:
    import uvicorn

    listening = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, *args: Any, **kwargs: Any) -> None:
            await super().startup(*args, **kwargs)
            listening.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert listening.wait(30)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(
    params=[("receive_flask", flask_server), ("receive_shared", flask_server), ("receive_fastapi", uvicorn_server)],
    ids=lambda p: p[0],
)
def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    name, serve = request.param
    monkeypatch.setenv("PUCK_WEBHOOK_SECRETS", f"{SECRET} whsec_that_is_rotated_out\n")
    monkeypatch.setenv("PUCK_DEDUPE", f"sqlite:{tmp_path}/puck.db?namespace=billing")
    monkeypatch.setattr(puck_webhooks, "Receiver", ReceiverAtNow)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with serve(module.app) as port:
        yield port


def post(port: int, body: bytes, headers: dict[str, str], *, chunked: bool = False) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        content: Any = iter([body[:10], body[10:]]) if chunked else body
        connection.request("POST", "/puck", content, headers, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_deliveries(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    accepted, body = post(port, BODY, signed(X_Puck_Event_Id=EVENT_ID))
    assert (accepted, body) in ((200, b""), (200, b"null"))
    assert "finding.discovered" in caplog.text
    assert post(port, BODY, signed()) == (200, b""), "a duplicate"
    assert post(port, BODY, FORGED) == (401, b"")
    assert post(port, BODY, STALE) == (503, b"")
    assert post(port, json.dumps(json.loads(BODY)).encode(), signed()) == (401, b""), "written again"
    assert post(port, BODY, signed(X_Puck_Event_Id=OTHER_ID)) == (400, b"")
    other = envelope(OTHER_ID)
    assert post(port, other, signed(other, "whsec_that_is_rotated_out"), chunked=True)[0] == 200
    assert post(port, b"x" * 5000, signed(b"x" * 5000)) == (413, b"")
    reasons = ("duplicate", "signature_mismatch", "timestamp_too_old", "header_mismatch")
    heard = [word for word in reasons if word in caplog.text]
    assert len(heard) == 4
    assert SECRET not in caplog.text


def test_the_examples_are_short() -> None:
    for name in ("receive_flask", "receive_fastapi", "receive_shared", "receive_async", "inbox_psycopg"):
        assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 30
