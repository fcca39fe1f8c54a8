"""PUCK_WEBHOOK_SECRETS=whsec_… uvicorn receive_fastapi:app"""

import logging
import os
from typing import Annotated

from fastapi import Depends, FastAPI
from puck_webhooks import Event, Receiver
from puck_webhooks.fastapi import WebhookRoute, webhook

log = logging.getLogger("uvicorn.error")
app = FastAPI()
app.router.route_class = WebhookRoute
receiver = Receiver(os.environ["PUCK_WEBHOOK_SECRETS"].split())  # more than one while one is being rotated out
puck = webhook(receiver, on_reject=lambda error: log.warning("%s: %s", error.reason, error))


@app.post("/puck")
async def handle(event: Annotated[Event, Depends(puck)]) -> None:
    log.info("%s %s", event.event_type, event.event_id)  # genuine, fresh, new; if this raises, Puck comes again
