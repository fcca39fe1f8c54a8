"""PUCK_WEBHOOK_SECRETS=whsec_… flask --app receive_flask run"""

import os

from flask import Flask
from puck_webhooks import Event, Receiver
from puck_webhooks.flask import webhook

app = Flask(__name__)
receiver = Receiver(os.environ["PUCK_WEBHOOK_SECRETS"].split())  # more than one while one is being rotated out


@app.post("/puck")
@webhook(receiver, on_reject=lambda error: app.logger.warning("%s: %s", error.reason, error))
def handle(event: Event) -> None:
    app.logger.warning("%s %s", event.event_type, event.event_id)  # genuine and new; if this raises, Puck comes again
