#!/usr/bin/env python3
"""What the same job costs with other packages of Python. Prints lines {"name": "peer/size", "ns": ...}.

The job: verify the signature and its timestamp, parse the JSON, and refuse an event whose id is known. A peer brings
the first part, and the second if it can; json and cachetools do the rest, as they would in an application.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import standardwebhooks
import stripe
import svix
from cachetools import TTLCache
from measure import CAPACITY, FOLDER, SIZES, deliveries, measure
from slack_sdk.signature import SignatureVerifier

DAY = 24 * 60 * 60

Judge = Callable[[dict[str, str], bytes], Any]  # gives the event, or raises


def with_stripe(secret: str) -> Judge:
    # Puck signs as Stripe does, so only the header's name is another. Most of the time goes into making StripeObjects
    # of the parsed JSON, which is what the package's documented way gives to an application.
    return lambda headers, body: stripe.Webhook.construct_event(body, headers["X-Puck-Signature"], secret)


def with_standardwebhooks(secret: str) -> Judge:
    webhook = standardwebhooks.Webhook(secret)
    return lambda headers, body: webhook.verify(body, headers)


def with_svix(secret: str) -> Judge:
    webhook = svix.Webhook(secret)

    def judge(headers: dict[str, str], body: bytes) -> Any:
        webhook.verify(body, headers)  # returns nothing: unlike the package that it wraps, it leaves parsing to others
        return json.loads(body)

    return judge


def with_slack_sdk(secret: str) -> Judge:
    verifier = SignatureVerifier(secret)

    def judge(headers: dict[str, str], body: bytes) -> Any:
        if not verifier.is_valid_request(body, headers):
            raise RuntimeError("A delivery was judged wrongly: its signature is valid.")
        return json.loads(body)

    return judge


def once(judge: Judge) -> Judge:
    """The judge, with a memory. It has no lock, which threads would need: that much the peers are spared."""
    seen: TTLCache[str, bool] = TTLCache(CAPACITY, DAY)

    def receive(headers: dict[str, str], body: bytes) -> None:
        event_id = judge(headers, body)["event_id"]
        if event_id in seen:
            raise RuntimeError("A delivery was judged wrongly: it is new.")
        seen[event_id] = True

    return receive


PEERS = {  # name: (scheme of signing, judge)
    "stripe": ("puck", with_stripe),
    "standardwebhooks": ("standard", with_standardwebhooks),
    "svix": ("standard", with_svix),
    "slack_sdk": ("slack", with_slack_sdk),
}

for name, (scheme, judge) in PEERS.items():
    secret = (FOLDER / f"{scheme}.secret").read_text()
    for size in SIZES:
        measure(f"{name}/{size}", once(judge(secret)), deliveries(scheme, size))
