#!/usr/bin/env python3
"""Measures Receiver.receive in Python. Prints lines {"name": "what/size", "ns": ...}."""

from __future__ import annotations

import puck_webhooks
from measure import CAPACITY, FOLDER, SIZES, deliveries, measure


def puck(size: int) -> None:
    receiver = puck_webhooks.Receiver(
        (FOLDER / "puck.secret").read_text(), dedupe=puck_webhooks.LruDedupe(CAPACITY)
    )

    def receive(headers: dict[str, str], body: bytes) -> None:
        with receiver.receive(headers, body):
            pass

    def receive_and_read(headers: dict[str, str], body: bytes) -> None:
        with receiver.receive(headers, body) as delivery:
            delivery.event.data  # noqa: B018

    measure(f"receive/{size}", receive, deliveries("puck", size))
    measure(f"receive_and_read/{size}", receive_and_read, deliveries("puck", size))


for size in SIZES:
    puck(size)
