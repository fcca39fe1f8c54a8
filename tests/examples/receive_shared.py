"""PUCK_WEBHOOK_SECRETS=whsec_… PUCK_DEDUPE='sqlite:puck.db?namespace=billing' flask --app receive_shared run"""

import os

from flask import Flask
from puck_webhooks import Event, Receiver
from puck_webhooks.flask import webhook
from puck_webhooks.stores import open_dedupe

store = open_dedupe(os.environ["PUCK_DEDUPE"])
store.check()  # an error here is better than one at the first event
receiver = Receiver(os.environ["PUCK_WEBHOOK_SECRETS"].split(), dedupe=store)
app = Flask(__name__)


@app.post("/puck")
@webhook(receiver, on_reject=lambda error: app.logger.warning("%s: %s", error.reason, error))
def handle(event: Event) -> None:
    app.logger.warning("%s %s", event.event_type, event.event_id)  # once, whichever worker gets it
