#!/usr/bin/env python3
"""Measures the same job with other Python packages. Prints lines {"name": "peer/size", "ns": ...}.

The job: verify the signature and its timestamp, parse the JSON, and refuse an event whose id is known. A peer does
the first part, and the second if it can; json and cachetools do the rest, as in an application.
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

Judge = Callable[[dict[str, str], bytes], Any]  # returns the event, or raises


def with_stripe(secret: str) -> Judge:
    # Puck signs as Stripe does; only the name of the header is different. Most of the time goes into the StripeObjects
    # that the documented function makes of the parsed JSON.
    return lambda headers, body: stripe.Webhook.construct_event(body, headers["X-Puck-Signature"], secret)


def with_standardwebhooks(secret: str) -> Judge:
    webhook = standardwebhooks.Webhook(secret)
    return lambda headers, body: webhook.verify(body, headers)


def with_svix(secret: str) -> Judge:
    webhook = svix.Webhook(secret)

    def judge(headers: dict[str, str], body: bytes) -> Any:
        webhook.verify(body, headers)  # returns nothing: unlike the package that it wraps, it does not parse
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
    """A judge that also remembers events. It has no lock, which threads would need, so the peers save that time."""
    seen: TTLCache[str, bool] = TTLCache(CAPACITY, DAY)

    def receive(headers: dict[str, str], body: bytes) -> None:
        event_id = judge(headers, body)["event_id"]
        if event_id in seen:
            raise RuntimeError("A delivery was judged wrongly: it is new.")
        seen[event_id] = True

    return receive


PEERS = {  # name: (signing scheme, judge)
    "stripe": ("puck", with_stripe),
    "standardwebhooks": ("standard", with_standardwebhooks),
    "svix": ("standard", with_svix),
    "slack_sdk": ("slack", with_slack_sdk),
}

for name, (scheme, judge) in PEERS.items():
    secret = (FOLDER / f"{scheme}.secret").read_text()
    for size in SIZES:
        measure(f"{name}/{size}", once(judge(secret)), deliveries(scheme, size))
