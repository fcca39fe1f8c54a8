"""Tries an installed wheel: that it works, and that it carries OpenSSL and simdjson itself."""

from __future__ import annotations

import json
from importlib.metadata import distribution, files
from pathlib import Path

import puck_webhooks

SECRET = "whsec_0123456789abcdef"
ENVELOPE = {
    "event_id": "018f2e3a-1c47-7a12-b321-aabbccddeeff",
    "event_type": "finding.discovered",
    "emitted_at": "2026-05-03T14:22:01Z",
    "api_version": "v1",
    "data": {"severity": "high"},
}


def main() -> None:
    body = json.dumps(ENVELOPE).encode()
    headers = {"X-Puck-Signature": puck_webhooks.sign(SECRET, body)}
    with puck_webhooks.Receiver(SECRET).receive(headers, body) as delivery:
        assert delivery.event.data == ENVELOPE["data"]

    carried = {Path(path).name.split("-")[0] for path in files("puck-webhooks") or () if ".libs" in str(path)}
    assert {"libcrypto", "libsimdjson"} <= carried, carried
    used = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libsimdjson" in line}
    assert all("puck_webhooks.libs" in path for path in used), used
    print(f"puck_webhooks {distribution('puck-webhooks').version} works, and carries {', '.join(sorted(carried))}")


if __name__ == "__main__":
    main()
