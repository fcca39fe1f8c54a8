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
from deliveries import JUDGED, NOW, PROOF, SECRET, TIMEOUT, Case, latin1, load, sign

TOOL = os.environ.get("PUCK_WEBHOOKS_TOOL", "")

pytestmark = pytest.mark.skipif(not TOOL, reason="PUCK_WEBHOOKS_TOOL does not name the built puck-webhooks")


def run(*args: str, secrets: list[bytes], stdin: bytes) -> bytes:
    """Nothing is inherited but PATH: a secret of the person who runs the tests must not decide one."""
    env = {b"PATH": os.fsencode(os.environ.get("PATH", os.defpath)), b"PUCK_WEBHOOK_SECRETS": b" ".join(secrets)}
    done = subprocess.run([TOOL, *args], input=stdin, check=False, capture_output=True, env=env, timeout=TIMEOUT)
    assert done.returncode in (0, 1, 3), done.stderr  # 3: a received_at in milliseconds is the caller's mistake
    return done.stdout


def as_line(case: Case) -> bytes:
    body = base64.b64encode(latin1(case["body"])).decode()
    line = {"headers": case["headers"], "body_base64": body, "received_at": case["received_at"]}
    return json.dumps(line).encode() + b"\n"


def by_python(case: Case) -> dict[str, Any]:
    """The members of a verdict, as the command line names them."""
    verifier = puck.Verifier([latin1(s) for s in case["secrets"]], **case.get("settings", {}))
    headers = [(latin1(name), latin1(value)) for name, value in case["headers"]]
    known: Any
    try:
        known = verifier.verify(headers, latin1(case["body"]), received_at=case["received_at"])
        said: dict[str, Any] = {"reason": "ok"}
    except puck.WebhookError as error:
        known = error
        said = {name: getattr(error, name) for name in ("reason", "http_status", "retryable", "detail")}
    except ValueError as mistake:
        return {"reason": "invalid_argument", "http_status": 500, "retryable": True, "detail": str(mistake)}
    event = getattr(known, "event", known)
    said |= {name: getattr(known, name) for name in PROOF}
    said |= {name: getattr(event, name) for name in ("event_id", "event_type", "api_version", "severity")}
    return said | {"emitted_at": event.emitted_at_text}


@pytest.mark.parametrize("name", JUDGED)
def test_verdicts(name: str) -> None:
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in load(name):
        groups[json.dumps([case["secrets"], case.get("settings", {})], sort_keys=True)].append(case)
    for cases in groups.values():
        given = cases[0].get("settings", {}).items()
        settings = [text for key, value in given for text in (f"--{key.replace('_', '-')}", str(value))]
        secrets = [latin1(secret) for secret in cases[0]["secrets"]]
        lines = b"".join(map(as_line, cases))
        out = run("filter", "-", "--dedupe", "none", *settings, secrets=secrets, stdin=lines)
        verdicts = [json.loads(line) for line in out.splitlines()]
        assert [verdict["line"] for verdict in verdicts] == list(range(1, len(cases) + 1))
        for case, verdict in zip(cases, verdicts, strict=True):
            ours = by_python(case)
            assert {key: verdict.get(key) for key in ours} == ours, case["id"]


def test_signatures() -> None:
    for size in (0, 1, 2047, 2048, 100_000):
        body = b"x" * size
        out = run("sign", "--timestamp", str(NOW), secrets=[SECRET.encode()], stdin=body).decode()
        assert out == puck.sign(SECRET, body, NOW) + "\n" == sign(SECRET, NOW, body) + "\n"
