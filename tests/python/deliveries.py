"""What the tests share: deliveries to judge, and what the contract says of the answers.

Signatures come from Python's hmac, never from the package, and the only clock is the one that a test passes.
"""

from __future__ import annotations

import gc
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import puck_webhooks as puck
import pytest

NOW = 1_777_818_121
EVENT_ID = "018f2e3a-1c47-7a12-b321-aabbccddeeff"
SECRET = "whsec_the-current-secret-of-these-tests"
OLD_SECRET = "whsec_the-one-that-is-being-rotated-out"
TIMEOUT = 60.0  # for a hang, not for a slow machine

# reason -> exception, HTTP status, retryable
REASONS: dict[str, tuple[type[puck.WebhookError], int, bool]] = {
    "missing_signature": (puck.SignatureError, 401, False),
    "malformed_signature": (puck.SignatureError, 401, False),
    "unsupported_scheme": (puck.SignatureError, 401, False),
    "signature_mismatch": (puck.SignatureError, 401, False),
    "timestamp_too_old": (puck.TimestampError, 503, True),
    "timestamp_too_new": (puck.TimestampError, 503, True),
    "payload_too_large": (puck.PayloadError, 413, False),
    "invalid_json": (puck.PayloadError, 400, False),
    "duplicate_key": (puck.PayloadError, 400, False),
    "missing_field": (puck.PayloadError, 400, False),
    "wrong_type": (puck.PayloadError, 400, False),
    "invalid_event_id": (puck.PayloadError, 400, False),
    "invalid_event_type": (puck.PayloadError, 400, False),
    "invalid_emitted_at": (puck.PayloadError, 400, False),
    "unsupported_api_version": (puck.PayloadError, 400, False),
    "header_mismatch": (puck.PayloadError, 400, False),
    "duplicate": (puck.Duplicate, 200, False),
    "in_progress": (puck.InProgress, 503, True),
    "invalid_argument": (puck.WebhookError, 500, True),
    "out_of_memory": (puck.WebhookError, 503, True),
    "crypto_failure": (puck.WebhookError, 503, True),
    "store_unavailable": (puck.StoreError, 503, True),
    "store_full": (puck.StoreError, 503, True),
    "claim_lost": (puck.StoreError, 200, False),
    "internal": (puck.WebhookError, 500, True),
}


# What an error carries of its delivery, as far as it was known.
PROOF = ("timestamp", "skew_seconds", "secret_index", "secret_fingerprint")
RECORD = (*PROOF, "event_id", "event_type", "emitted_at", "emitted_at_text", "api_version", "severity")


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def mac(secret: str | bytes, t: int | str, body: bytes) -> str:
    return hmac.new(as_bytes(secret), f"{t}.".encode() + body, hashlib.sha256).hexdigest()


def sign(secret: str | bytes, t: int | str, body: bytes) -> str:
    return f"t={t},v1={mac(secret, t, body)}"


def fingerprint(secret: str | bytes) -> str:
    return hashlib.sha256(b"puck-webhooks/secret-fingerprint/v1\0" + as_bytes(secret)).hexdigest()[:8]


def event_id(n: int) -> str:
    return f"018f2e3a-1c47-7a12-b321-{n:012x}"


def envelope(**overrides: Any) -> bytes:
    fields = {
        "event_id": EVENT_ID,
        "event_type": "investigation.completed",
        "emitted_at": "2026-05-03T14:22:01Z",
        "api_version": "v1",
        "data": {"investigation_id": "inv_018f2e3a", "severity": "high", "finding_count": 3},
    } | overrides
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def with_data(data: str) -> bytes:
    """An envelope whose data is this text."""
    return envelope(data=0).removesuffix(b"0}") + data.encode() + b"}"


def signed(body: bytes, *, secret: str | bytes = SECRET, t: int = NOW, **others: str) -> dict[str, str]:
    """Headers with the right signature; X_Puck_Event_Id="…" adds X-Puck-Event-Id."""
    return {"X-Puck-Signature": sign(secret, t, body)} | {name.replace("_", "-"): v for name, v in others.items()}


def receive(receiver: puck.Receiver, n: int = 0) -> puck.Delivery:
    """Receives the n-th event, rightly signed."""
    body = envelope(event_id=event_id(n))
    return receiver.receive(signed(body), body, received_at=NOW)


def small_receiver(**settings: Any) -> puck.Receiver:
    return puck.Receiver(SECRET, **{"dedupe": puck.LruDedupe(64)} | settings)


@contextmanager
def refused(reason: str) -> Iterator[pytest.ExceptionInfo[puck.WebhookError]]:
    """The whole promise that a reason makes: its exception, its status, and whether Puck may come again."""
    with pytest.raises(puck.WebhookError) as caught:
        yield caught
    check_error(caught.value, reason)


def check_error(error: puck.WebhookError, reason: str) -> None:
    family, http_status, retryable = REASONS[reason]
    assert error.reason == reason
    assert (type(error), error.http_status, error.retryable) == (family, http_status, retryable)
    assert str(error) == error.detail
    assert error.detail.endswith((".", "?")), "an error is a sentence"


def verdict(judge: Callable[[], object]) -> str:
    """The reason, or ok."""
    try:
        judge()
    except puck.WebhookError as error:
        check_error(error, error.reason)
        return error.reason
    return "ok"


def collect() -> None:
    """What nobody can reach any more is gone after this, with what its finalizers made unreachable."""
    for _ in range(3):
        gc.collect()


class Refusal(Exception):
    """What handlers raise in these tests."""


class PythonStore:
    """A store that is written in Python. Its claims are lists, so that each is an object of its own."""

    ttl = 86_400

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.held: dict[str, list[object]] = {}
        self.done: dict[str, list[object]] = {}

    def claim(self, event_id: str) -> Any:
        self.calls.append(("claim", event_id))
        if event_id in self.done:
            raise puck.Duplicate()
        if event_id in self.held:
            raise puck.InProgress()
        claim: list[object] = [event_id]
        self.held[event_id] = claim
        return claim

    def commit(self, claim: Any) -> object:
        self.calls.append(("commit", claim))
        owner = self.done.get(claim[0], self.held.get(claim[0], claim))
        if owner is not claim:
            raise puck.StoreError("claim_lost")
        self.held.pop(claim[0], None)
        self.done[claim[0]] = claim
        return None

    def release(self, claim: Any) -> object:
        self.calls.append(("release", claim))
        if claim[0] in self.done or self.held.get(claim[0], claim) is not claim:
            raise puck.StoreError("claim_lost")
        self.held.pop(claim[0], None)
        return None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


# --- the vectors --------------------------------------------------------------------------------------------------

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
JUDGED = ("signature.json", "envelope.json", "headers.json", "json_suite.json")

Case = dict[str, Any]


def latin1(text: str | list[list[Any]]) -> bytes:
    """Bytes are written as Latin-1 text, or as runs of [text, count]."""
    if isinstance(text, str):
        return text.encode("latin-1")
    return b"".join(part.encode("latin-1") * count for part, count in text)


def load(name: str) -> list[Case]:
    cases: list[Case] = json.loads((VECTORS / name).read_text(encoding="ascii"))["cases"]
    assert len(cases) > 100, f"{name} has lost its cases"
    return cases
