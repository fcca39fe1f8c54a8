"""What every case is made of: public test secrets, one genuine event, a signature, the expected verdict.

Inside the generator bodies and secrets are `bytes`; header text is `str` in Latin-1, one character for each byte.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Case = dict[str, Any]
Headers = Sequence[tuple[str, str]]
Body = bytes | Sequence[tuple[bytes, int]]  # the bytes, or pieces with their repeat counts

SIGNATURE = "X-Puck-Signature"
EVENT_ID = "X-Puck-Event-Id"
EVENT_TYPE = "X-Puck-Event-Type"
DELIVERY_ID = "X-Puck-Delivery-Id"

SECRET = b"whsec_vectors_one"
OTHER_SECRET = b"whsec_vectors_two"
NOW = 1777818122  # 2026-05-03T14:22:02Z, one second after the genuine event was emitted
INT64_MIN = -(2**63)

AUTHENTIC = {
    "ok", "timestamp_too_old", "timestamp_too_new", "invalid_json", "duplicate_key", "missing_field", "wrong_type",
    "invalid_event_id", "invalid_event_type", "invalid_emitted_at", "unsupported_api_version", "header_mismatch",
}  # fmt: skip
PARSED = {"ok", "header_mismatch"}


@dataclass(frozen=True)
class Event:
    """What a receiver reads from an accepted envelope; the defaults are the genuine event."""

    event_id: str = "018f2e3a-1c47-7a12-b321-aabbccddeeff"
    event_type: str = "finding.discovered"
    emitted_at_text: str = "2026-05-03T14:22:01Z"
    emitted_at_seconds: int = 1777818121
    emitted_at_nanoseconds: int = 0
    api_version: str = "v1"
    severity: str | None = "high"
    data: bytes = b'{"severity":"high"}'

    def beside(self) -> list[tuple[str, str]]:
        """The unsigned headers that Puck sends with this event."""
        return [(EVENT_ID, self.event_id), (EVENT_TYPE, self.event_type)]


GENUINE = Event()
TINY = Event(event_type="a", severity=None, data=b"{}")  # for large families


def fields(event: Event = GENUINE, /, **raw: bytes | None) -> dict[str, bytes]:
    """The raw JSON text of each envelope field; `raw` replaces some, and None leaves one out."""
    genuine: dict[str, bytes | None] = {
        "event_id": b'"%b"' % event.event_id.encode(),
        "event_type": b'"%b"' % event.event_type.encode(),
        "emitted_at": b'"%b"' % event.emitted_at_text.encode(),
        "api_version": b'"%b"' % event.api_version.encode(),
        "data": event.data,
    }
    return {name: value for name, value in (genuine | raw).items() if value is not None}


def members(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A JSON object from raw keys (without their quotes) and raw values."""
    return b"{" + b",".join(b'"%b":%b' % pair for pair in pairs) + b"}"


def envelope(
    event: Event = GENUINE, /, *, first: bytes | None = None, last: bytes | None = None, **raw: bytes | None
) -> bytes:
    """An envelope as compact JSON; `first` and `last` are raw members put before and after the five."""
    inner = members((name.encode(), value) for name, value in fields(event, **raw).items())[1:-1]
    return b"{" + b",".join(part for part in (first, inner, last) if part) + b"}"


def joined(body: Body) -> bytes:
    """The bytes that a body stands for."""
    if isinstance(body, bytes):
        return body
    return b"".join(piece * count for piece, count in body)


def mac(body: Body, *, secret: bytes = SECRET, timestamp: int | str = NOW) -> str:
    """The right 64 hex digits, over the timestamp's own text."""
    return hmac.new(secret, f"{timestamp}.".encode("latin-1") + joined(body), hashlib.sha256).hexdigest()


def sign(body: Body, *, secrets: Sequence[bytes] = (SECRET,), timestamp: int | str = NOW) -> str:
    """The value of the signature header, with one v1 for each secret."""
    return ",".join([f"t={timestamp}", *(f"v1={mac(body, secret=s, timestamp=timestamp)}" for s in secrets)])


def fingerprint(secret: bytes) -> str:
    """The 8 hex digits by which a secret may be shown."""
    return hashlib.sha256(b"puck-webhooks/secret-fingerprint/v1\x00" + secret).hexdigest()[:8]


def words(name: str) -> str:
    """A name as it reads in a comment."""
    return name.replace("-", " ")


def text(value: bytes) -> str:
    """Bytes as they stand in the JSON files."""
    return value.decode("latin-1")


def body_json(body: Body) -> str | list[list[Any]]:
    """A body as it stands in the JSON files."""
    if isinstance(body, bytes):
        return text(body)
    return [[text(piece), count] for piece, count in body]


def judged(
    case_id: str,
    comment: str,
    reason: str = "ok",
    *,
    body: Body | None = None,
    headers: Headers | None = None,
    event: Event = GENUINE,
    secrets: Sequence[bytes] = (SECRET,),
    secret_index: int = 0,
    timestamp: int = NOW,
    received_at: int = NOW,
    settings: Mapping[str, int] | None = None,
) -> Case:
    """One delivery and its verdict.

    `event` is what the receiver reads from the body, which is the event's envelope unless given. The headers are,
    unless given, a right signature (made with `timestamp` and the secret at `secret_index`) and what Puck sends beside
    it.
    """
    body = envelope(event) if body is None else body
    if headers is None:
        headers = [(SIGNATURE, sign(body, secrets=[secrets[secret_index]], timestamp=timestamp)), *event.beside()]
    case: Case = {"id": case_id.replace("_", "-"), "comment": comment, "secrets": [text(secret) for secret in secrets]}
    if settings:
        case["settings"] = dict(settings)
    case["headers"] = [list(header) for header in headers]
    case["body"] = body_json(body)
    case["received_at"] = received_at
    expect: Case = {"reason": reason}
    if reason in AUTHENTIC:
        expect |= {
            "timestamp": timestamp,
            "skew_seconds": max(INT64_MIN, received_at - timestamp),
            "secret_index": secret_index,
            "secret_fingerprint": fingerprint(secrets[secret_index]),
        }
    if reason in PARSED:
        expect |= asdict(event) | {"event_id": event.event_id.lower(), "data": text(event.data)}
    return case | {"expect": expect}
