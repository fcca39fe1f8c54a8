"""PUCK_WEBHOOK_SECRETS=whsec_… PUCK_DEDUPE='redis://localhost?namespace=billing' uvicorn receive_async:app"""

import logging
import os
from contextlib import asynccontextmanager

from puck_webhooks import AsyncReceiver, Event
from puck_webhooks.starlette import webhook
from puck_webhooks.stores import open_async_dedupe
from starlette.applications import Starlette
from starlette.routing import Route

log = logging.getLogger("uvicorn.error")
store = open_async_dedupe(os.environ["PUCK_DEDUPE"])
receiver = AsyncReceiver(os.environ["PUCK_WEBHOOK_SECRETS"].split(), dedupe=store)


@webhook(receiver, on_reject=lambda error: log.warning("%s: %s", error.reason, error))
async def handle(event: Event) -> None:
    log.warning("%s %s", event.event_type, event.event_id)  # once, whichever worker gets it


@asynccontextmanager
async def lifespan(app):
    await store.check()  # an error here is better than one at the first event
    yield
    await store.aclose()


app = Starlette(routes=[Route("/puck", handle, methods=["POST"])], lifespan=lifespan)
