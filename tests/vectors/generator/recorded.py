"""recorded.ndjson and recorded.secrets: the demonstration, a small day in the life of a receiver.

The lines are one sequence, judged in order with one dedupe store. Only what is wrong with a line makes it
`invalid_argument`: the forms in which recorders write headers, bodies and times are all read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from generator.delivery import DELIVERY_ID, EVENT_ID, EVENT_TYPE, SIGNATURE, mac, sign

CURRENT = b"whsec_demo_current_3f9a1c2b7d"
PREVIOUS = b"whsec_demo_previous_8e4d2a6f"
SECRETS_FILE = f"""\
# Public demonstration secrets for recorded.ndjson. They protect nothing: never use them anywhere else.
# The current one:
{CURRENT.decode()}
# The one that is being rotated out:
{PREVIOUS.decode()}
"""
START = 1777818122  # 2026-05-03T14:22:02Z

Line = dict[str, Any]


def event_id(number: int) -> str:
    return f"018f2e3a-1c47-7a12-b321-aabbccdd{number:04x}"


def event(number: int, event_type: str, data: dict[str, Any], *, emitted_at: str = "2026-05-03T14:22:01Z") -> bytes:
    """An envelope as Puck writes it."""
    envelope = {
        "event_id": event_id(number),
        "event_type": event_type,
        "emitted_at": emitted_at,
        "api_version": "v1",
        "data": data,
    }
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()


QUEUED = event(
    1,
    "investigation.queued",
    {
        "investigation_id": "inv_018f2e3a9c40",
        "query": "Which service accounts can read the payroll bucket?",
        "scope": {"type": "workspace"},
        "severity": None,
        "queued_at": "2026-05-03T14:22:01Z",
    },
)
COMPLETED = event(
    2,
    "investigation.completed",
    {
        "investigation_id": "inv_018f2e3a9c40",
        "query": "Which service accounts can read the payroll bucket?",
        "severity": "high",
        "finding_count": 3,
        "summary": "Three service accounts can read the payroll bucket; one of them has not been used since January.",
    },
    emitted_at="2026-05-03T14:22:41.350Z",
)
DISCOVERED = event(3, "finding.discovered", {
    "finding_id": "fnd_018f2e3b0aa1", "investigation_id": "inv_018f2e3a9c40", "severity": "critical",
    "title": "Access key of a former contractor is still active",
}, emitted_at="2026-05-03T14:22:42Z")  # fmt: skip
REGISTERED = event(4, "agent.registered", {
    "agent_id": "agt_018f2e3b77d0", "name": "build-runner-07", "platform": "linux/arm64",
}, emitted_at="2026-05-03T16:22:50+02:00")  # fmt: skip


def investigation(number: int, query: str, severity: str | None) -> bytes:
    """One more completed investigation."""
    data = {
        "investigation_id": f"inv_018f2e3b{number:04x}",
        "query": query,
        "severity": severity,
        "finding_count": number % 5,
        "summary": "See the report.",
    }
    return event(number, "investigation.completed", data, emitted_at="2026-05-03T14:23:00Z")


def delivery(
    name: str,
    expect: str,
    body: bytes,
    *,
    at: int,
    signature: str | None = None,
    signed_at: int | None = None,
    secrets: Sequence[bytes] = (CURRENT,),
    number: int,
    event_type: str = "investigation.completed",
) -> Line:
    """One line; `at` is the second in which it was received, counted from the start."""
    signed_at = START + at if signed_at is None else signed_at
    headers = {
        SIGNATURE: sign(body, secrets=secrets, timestamp=signed_at) if signature is None else signature,
        EVENT_ID: event_id(number),
        EVENT_TYPE: event_type,
        DELIVERY_ID: f"018f2e3c-0000-7000-8000-{at:012d}",
    }
    line: Line = {"name": name, "headers": headers}
    try:
        line["body"] = body.decode()
    except UnicodeDecodeError:
        line["body_base64"] = base64.b64encode(body).decode()
    return line | {"received_at": START + at, "expect": expect}


def genuine() -> list[Line]:
    """One of each documented event type, and what rotation and retries bring."""
    rotated = investigation(5, "Who changed the firewall last night?", "medium")
    both = investigation(6, "Are there public snapshots?", "low")
    upper = investigation(7, "Which hosts still speak TLS 1.0?", None)
    unknown = event(8, "report.exported", {"report_id": "rep_018f2e3b9f12", "format": "pdf", "pages": 12})
    upper_signature = f"t={START + 80},v1={mac(upper, secret=CURRENT, timestamp=START + 80).upper()}"
    return [
        delivery("investigation queued", "ok", QUEUED, at=0, number=1, event_type="investigation.queued"),
        delivery("investigation completed, high", "ok", COMPLETED, at=40, number=2),
        delivery("finding discovered, critical", "ok", DISCOVERED, at=41, number=3, event_type="finding.discovered"),
        delivery("agent registered, no severity", "ok", REGISTERED, at=49, number=4, event_type="agent.registered"),
        delivery("the same event again", "duplicate", COMPLETED, at=70, number=2),
        delivery("signed with the previous secret", "ok", rotated, at=72, number=5, secrets=[PREVIOUS]),
        delivery("signed with both secrets", "ok", both, at=75, number=6, secrets=[CURRENT, PREVIOUS]),
        delivery("signature in upper case", "ok", upper, at=80, number=7, signature=upper_signature),
        delivery("an event type nobody documented", "ok", unknown, at=84, number=8, event_type="report.exported"),
    ]


def forged() -> list[Line]:
    """What was not signed by Puck, or not in this form."""
    body = investigation(9, "Is the café's backup encrypted?", "high")
    signature = sign(body, secrets=[CURRENT], timestamp=START + 90)
    tampered = body.replace(b'"severity":"high"', b'"severity":"low"')
    reserialised = json.dumps(json.loads(body), indent=2).encode()
    recoded = body.decode().encode("latin-1")
    stranger = b"whsec_demo_stranger_000000000"
    return [
        delivery("severity changed on the way", "signature_mismatch", tampered, at=90, number=9, signature=signature),
        delivery(
            "body parsed and printed again", "signature_mismatch", reserialised, at=90, number=9, signature=signature
        ),
        delivery("body re-encoded as Latin-1", "signature_mismatch", recoded, at=90, number=9, signature=signature),
        delivery("body cut off by a proxy", "signature_mismatch", body[:-40], at=90, number=9, signature=signature),
        delivery("signed with a stranger's secret", "signature_mismatch", body, at=93, number=9, secrets=[stranger]),
        delivery(
            "malformed signature header",
            "malformed_signature",
            body,
            at=94,
            number=9,
            signature=signature.replace(",", ";"),
        ),
        without_signature(delivery("no signature header", "missing_signature", body, at=95, number=9)),
        delivery(
            "only a scheme of the future",
            "unsupported_scheme",
            body,
            at=96,
            number=9,
            signature=signature.replace("v1=", "v2="),
        ),
    ]


def without_signature(line: Line) -> Line:
    kept = {name: value for name, value in line["headers"].items() if name != SIGNATURE}
    return line | {"headers": kept}


def untimely() -> list[Line]:
    """Rightly signed, at another time."""
    replayed = sign(QUEUED, secrets=[CURRENT], timestamp=START)
    ahead = investigation(10, "Does the sender's clock run ahead?", "low")
    return [
        delivery(
            "captured, replayed 10 minutes later",
            "timestamp_too_old",
            QUEUED,
            at=600,
            number=1,
            event_type="investigation.queued",
            signature=replayed,
        ),
        delivery(
            "signed 10 minutes in the future", "timestamp_too_new", ahead, at=610, number=10, signed_at=START + 1210
        ),
    ]


def unusable() -> list[Line]:
    """Rightly signed and fresh, but not an envelope of ours."""
    body = investigation(11, "Who may approve deployments?", "high")
    twice = body[:-1] + b',"event_id":"' + event_id(12).encode() + b'"}'
    latin_1 = body.replace(b"See the report.", b"See the r\xe9port.")
    return [
        delivery("signed, but broken JSON", "invalid_json", body[:-1] + b",}", at=620, number=11),
        delivery("signed, but not UTF-8", "invalid_json", latin_1, at=621, number=11),
        delivery("signed, but with two event ids", "duplicate_key", twice, at=622, number=11),
        delivery("signed, but without data", "missing_field", body[: body.index(b',"data"')] + b"}", at=623, number=11),
        delivery(
            "signed, but of another version",
            "unsupported_api_version",
            body.replace(b'"v1"', b'"v2"'),
            at=624,
            number=11,
        ),
        delivery("a header that lies about the id", "header_mismatch", body, at=625, number=12),
    ]


def as_recorded() -> list[Line]:
    """Genuine deliveries in the forms that people's recorders give them."""

    def genuine_at(name: str, at: int, number: int, *, signed_at: int | None = None) -> Line:
        body = investigation(number, f"What did recorder {number} see?", "low")
        return delivery(name, "ok", body, at=at, number=number, signed_at=signed_at)

    lists = genuine_at("headers: arrays of strings", 630, 14)
    lists["headers"] = {name: [value] for name, value in lists["headers"].items()} | {"Accept": ["*/*", "text/plain"]}
    pairs = genuine_at("headers: pairs", 631, 15)
    pairs["headers"] = [[name, value] for name, value in pairs["headers"].items()]
    har = genuine_at("headers: objects as in HAR", 632, 16)
    har["headers"] = [{"name": name, "value": value} for name, value in har["headers"].items()]
    empty = genuine_at("headers: empty where absent", 633, 17)
    empty["headers"] |= {EVENT_ID: "", EVENT_TYPE: ""}

    multi = genuine_at("multiValueHeaders beside headers", 634, 18)
    multi["multiValueHeaders"] = {name: [value] for name, value in multi["headers"].items()}
    multi["headers"] = {"X-Puck-Signature": "only multiValueHeaders counts", "Host": "hooks.example.com"}
    multi["isBase64Encoded"] = False
    twice = genuine_at("multiValueHeaders with two signatures", 635, 19) | {"expect": "malformed_signature"}
    twice["multiValueHeaders"] = {name: [value] * 2 for name, value in twice["headers"].items()}

    encoded = genuine_at("isBase64Encoded", 636, 20) | {"isBase64Encoded": True}
    encoded["body"] = base64.b64encode(encoded["body"].encode()).decode()

    fraction = genuine_at("received_at with a fraction", 637, 21, signed_at=START + 337)
    fraction["received_at"] = START + 637.75  # whole seconds count, and so it is still inside the window
    utc = genuine_at("received_at as RFC 3339", 638, 22) | {"received_at": "2026-05-03T14:32:40Z"}
    zone = genuine_at("received_at in another zone", 639, 23, signed_at=START + 339)
    zone["received_at"] = "2026-05-03T16:32:41.999+02:00"
    milliseconds = genuine_at("received_at in milliseconds", 640, 24)
    milliseconds |= {"received_at": 1000 * (START + 640), "expect": "invalid_argument"}

    long_id = genuine_at("another key holds a long number", 641, 25)
    long_id["request_id"] = 123456789012345678901234567890
    lone = genuine_at("another header is not Unicode", 642, 26)
    lone["headers"] |= {"User-Agent": "caf\udce9"}  # how Python reads a byte that is not UTF-8
    return [lists, pairs, har, empty, multi, twice, encoded, fraction, utc, zone, milliseconds, long_id, lone]


def lines() -> list[Line]:
    another = investigation(13, "Which tokens never expire?", "medium")
    last = delivery("and life goes on", "ok", another, at=660, number=13)
    made = [*genuine(), *forged(), *untimely(), *unusable(), *as_recorded(), last]
    names = [line["name"] for line in made]
    assert len(set(names)) == len(names) and max(map(len, names)) <= 40, "recorded: names are unique and short"
    return made
