"""Applications with the in-memory store, as the servers of test_workers.py load them: WSGI, ASGI, and the processes of
multiprocessing."""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import Any

import puck_webhooks as puck
from puck_webhooks.asgi import WebhookMiddleware
from puck_webhooks.testing import TEST_SECRET, signed_delivery

if os.environ.get("MADE") == "lazily":
    made: dict[str, puck.Receiver] = {}

    def receiver() -> puck.Receiver:
        return made.setdefault("receiver", puck.Receiver(TEST_SECRET))
else:
    _receiver = puck.Receiver(TEST_SECRET)

    def receiver() -> puck.Receiver:
        return _receiver


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    headers = {name.removeprefix("HTTP_").replace("_", "-"): value for name, value in environ.items()
               if isinstance(value, str)}
    status = "200 OK"
    try:
        with receiver().receive(headers, environ["wsgi.input"].read()):
            pass
    except puck.WebhookError as error:
        status = f"{error.http_status} Refused"
    start_response(status, [("Content-Length", "0")])
    return [b""]


kept: list[Any] = []


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await WebhookMiddleware(answer, receiver())(scope, receive, send)


def handle_one(which: str) -> None:
    if which == "uvicorn":
        import uvicorn

        kept.append(uvicorn.Config("in_memory:asgi"))
    one = puck.Receiver(TEST_SECRET) if which == "own" else receiver()
    if which != "none":
        one.receive(*signed_delivery()).commit()


def main(method: str, which: str) -> None:
    """Two children of this start method, and in each two deliveries to this receiver: theirs, the parent's, or none.
    With uvicorn each child has one configuration of it."""
    handle_one("parent")
    processes = multiprocessing.get_context(method)
    for _ in range(2):
        child = processes.Process(target=handle_twice, args=(which,))
        child.start()
        child.join()
        assert child.exitcode == 0
    handle_one("parent")


def handle_twice(which: str) -> None:
    handle_one(which)
    handle_one(which)


if __name__ == "__main__":
    if sys.argv[1:] == ["uvicorn"]:
        import uvicorn

        uvicorn.run("in_memory:asgi", workers=2, host="127.0.0.1", port=int(os.environ["PORT"]))
    else:
        main(*sys.argv[1:])
