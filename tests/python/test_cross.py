"""The command line and Python say the same of every vector. PUCK_WEBHOOKS_TOOL is the path of the built command."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections import defaultdict
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import JUDGED, NOW, SECRET, TIMEOUT, Case, latin1, load, sign

TOOL = os.environ.get("PUCK_WEBHOOKS_TOOL", "")

pytestmark = pytest.mark.skipif(not TOOL, reason="PUCK_WEBHOOKS_TOOL does not name the built puck-webhooks")


def run(*args: str, secrets: list[bytes], stdin: bytes) -> bytes:
    """Nothing is inherited but PATH: a secret of the person who runs the tests must not decide one."""
    env = {b"PATH": os.fsencode(os.environ.get("PATH", os.defpath)), b"PUCK_WEBHOOK_SECRETS": b" ".join(secrets)}
    done = subprocess.run([TOOL, *args], input=stdin, check=False, capture_output=True, env=env, timeout=TIMEOUT)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def as_line(case: Case) -> bytes:
    body = base64.b64encode(latin1(case["body"])).decode()
    return json.dumps({"headers": case["headers"], "body_base64": body, "received_at": case["now"]}).encode() + b"\n"


def by_python(case: Case) -> dict[str, Any]:
    """The members of a verdict, as the command line names them."""
    receiver = puck.Receiver([latin1(s) for s in case["secrets"]], dedupe=puck.LruDedupe(1), **case.get("settings", {}))
    headers = [(latin1(name), latin1(value)) for name, value in case["headers"]]
    try:
        delivery = receiver.receive(headers, latin1(case["body"]), now=case["now"])
    except puck.WebhookError as error:
        return {
            "reason": error.reason,
            "http_status": error.http_status,
            "retryable": error.retryable,
            "detail": str(error),
        }
    event = delivery.event
    return {
        "reason": "ok",
        "timestamp": delivery.timestamp,
        "secret_index": delivery.secret_index,
        "secret_fingerprint": delivery.secret_fingerprint,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "emitted_at": event.emitted_at_text,
        "api_version": event.api_version,
        "severity": event.severity,
    }


@pytest.mark.parametrize("name", JUDGED)
def test_verdicts(name: str) -> None:
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in load(name):
        groups[json.dumps([case["secrets"], case.get("settings", {})], sort_keys=True)].append(case)
    for cases in groups.values():
        given = cases[0].get("settings", {}).items()
        settings = [text for key, value in given for text in (f"--{key.replace('_', '-')}", str(value))]
        secrets = [latin1(secret) for secret in cases[0]["secrets"]]
        out = run(
            "verify", "--ndjson", "-", "--no-dedupe", *settings, secrets=secrets, stdin=b"".join(map(as_line, cases))
        )
        verdicts = [json.loads(line) for line in out.splitlines()]
        assert len(verdicts) == len(cases)
        for case, verdict in zip(cases, verdicts, strict=True):
            ours = by_python(case)
            assert {key: verdict.get(key) for key in ours} == ours, case["id"]


def test_signatures() -> None:
    for size in (0, 1, 2047, 2048, 100_000):
        body = b"x" * size
        out = run("sign", "--timestamp", str(NOW), secrets=[SECRET.encode()], stdin=body).decode()
        assert out == puck.sign(SECRET, body, NOW) + "\n" == sign(SECRET, NOW, body) + "\n"
