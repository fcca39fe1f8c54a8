"""Applications that write the id of each event that they handle to the file HANDLED. STORE is the text of a store."""

from __future__ import annotations

import os
from typing import Any

import puck_webhooks as puck
from puck_webhooks.testing import TEST_SECRET

STORE = os.environ["STORE"]


def handle(event: Any) -> None:
    """What is written by one call to the end of a file stays whole, whoever else writes."""
    file = os.open(os.environ["HANDLED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{event.event_id}\n".encode())
    finally:
        os.close(file)


def receiver() -> puck.Receiver:
    return puck.Receiver(TEST_SECRET, dedupe=STORE)


def flask() -> Any:
    from flask import Flask
    from puck_webhooks.flask import webhook

    app = Flask(__name__)
    app.post("/")(webhook(receiver())(handle))
    return app


def starlette() -> Any:
    from puck_webhooks.starlette import webhook
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def handle_async(event: Any) -> None:
        handle(event)

    is_awaited = os.environ.get("RECEIVER") == "async"
    receives = puck.AsyncReceiver(TEST_SECRET, dedupe=STORE) if is_awaited else receiver()
    return Starlette(routes=[Route("/", webhook(receives)(handle_async), methods=["POST"])])
