"""Deliveries for the tests of your own handler, signed as Puck signs them.

    def test_findings_are_stored(client):  # the application under test knows TEST_SECRET
        headers, body = signed_delivery("finding.discovered", {"severity": "high"})
        assert client.post("/puck", headers=headers, data=body).status_code == 200

What must not be handled is made from such a delivery:

    delivery = signed_delivery()
    assert post(delivery) == 200
    assert post(delivery.duplicate()) == 200       # and the handler has run once
    assert post(delivery.tampered()) == 401
    assert post(delivery.reserialised()) == 401
    assert post(delivery.stale()) == 503

For pytest there is a fixture. It is not installed as a plugin: import it where it is used, best in conftest.py.

    from puck_webhooks.testing import puck_delivery

    def test_investigations_are_stored(puck_delivery): ...
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from . import sign

__all__ = ["TEST_SECRET", "SignedDelivery", "signed_delivery"]

TEST_SECRET = "whsec_only-for-tests-never-in-production"
"""What `signed_delivery` signs with unless it is given another secret. Everybody knows it."""


class SignedDelivery(tuple[dict[str, str], bytes]):
    """One request as Puck would send it: `headers, body = signed_delivery()`.

    The methods make other requests from it. This one stays as it is.
    """

    _sign: Callable[[bytes, int], str]
    _timestamp: int

    def __new__(
        cls, headers: Mapping[str, str], body: bytes, sign_body: Callable[[bytes, int], str], timestamp: int
    ) -> Self:
        self = super().__new__(cls, (dict(headers), body))
        self._sign = sign_body  # holds the secret, where neither repr nor vars shows it
        self._timestamp = timestamp
        return self

    def __getnewargs__(self) -> tuple[dict[str, str], bytes, Callable[[bytes, int], str], int]:
        return self.headers, self.body, self._sign, self._timestamp

    def __repr__(self) -> str:
        return f"<SignedDelivery {self.headers['X-Puck-Event-Type']} {self.headers['X-Puck-Event-Id']}>"

    @property
    def headers(self) -> dict[str, str]:
        return self[0]

    @property
    def body(self) -> bytes:
        return self[1]

    def tampered(self) -> SignedDelivery:
        """What a thief of this request would send, to have it handled again: another event_id under the old signature.
        Answer: `signature_mismatch`."""
        old, new = self.headers["X-Puck-Event-Id"], str(uuid.uuid4())
        return self._with(self.body.replace(old.encode(), new.encode()), {"X-Puck-Event-Id": new})

    def reserialised(self) -> SignedDelivery:
        """The same JSON in other bytes under the old signature, as when a framework has parsed and printed the body.
        Answer: `signature_mismatch`."""
        return self._with(json.dumps(json.loads(self.body), indent=1).encode(), {})

    def stale(self, by: int = 301) -> SignedDelivery:
        """Rightly signed `by` seconds earlier, or later if `by` is negative. Answer: `timestamp_too_old` or
        `timestamp_too_new`.

        Time goes on until the delivery is judged, so a negative `by` needs a margin of some seconds beyond the
        tolerance, such as -400."""
        return self._with(self.body, {"X-Puck-Signature": self._sign(self.body, self._timestamp - by)})

    def duplicate(self, after: int = 1) -> SignedDelivery:
        """The same event, as Puck sends it again: signed `after` seconds later, with a delivery id of its own.
        Answer: `duplicate` once the first one is handled, and `in_progress` while it is."""
        signature = self._sign(self.body, self._timestamp + after)
        return self._with(self.body, {"X-Puck-Signature": signature, "X-Puck-Delivery-Id": str(uuid.uuid4())})

    def _with(self, body: bytes, headers: Mapping[str, str]) -> SignedDelivery:
        return SignedDelivery({**self.headers, **headers}, body, self._sign, self._timestamp)


def signed_delivery(
    event_type: str = "investigation.completed",
    data: Mapping[str, Any] | None = None,
    *,
    secret: str | bytes | Sequence[str | bytes] = TEST_SECRET,
    timestamp: int | None = None,
    event_id: str | None = None,
) -> SignedDelivery:
    """A request that a receiver with this secret accepts.

        with receiver.receive(*signed_delivery("agent.registered", secret=SECRET)) as delivery: ...

    `timestamp` is when it is signed, in Unix seconds, as in `sign`: by default the current time. `event_id` is by
    default a new one.
    """
    timestamp = int(time.time()) if timestamp is None else timestamp
    event_id = str(uuid.uuid4()) if event_id is None else event_id
    envelope = {
        "event_id": event_id,
        "event_type": event_type,
        "emitted_at": datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "api_version": "v1",
        "data": dict(data or {}),
    }
    body = json.dumps(envelope, separators=(",", ":"), allow_nan=False).encode()

    def sign_body(of: bytes, at: int) -> str:
        return sign(secret, of, at)

    headers = {
        "X-Puck-Signature": sign_body(body, timestamp),
        "X-Puck-Event-Id": event_id,
        "X-Puck-Event-Type": event_type,
        "X-Puck-Delivery-Id": str(uuid.uuid4()),
    }
    return SignedDelivery(headers, body, sign_body, timestamp)


if TYPE_CHECKING:
    puck_delivery: Any
else:

    def __getattr__(name: str) -> Any:
        """Makes the fixture when it is imported, so that this module needs no pytest."""
        if name != "puck_delivery":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import pytest

        @pytest.fixture
        def puck_delivery() -> SignedDelivery:
            """A delivery of an event of its own, signed now with puck_webhooks.testing.TEST_SECRET."""
            return signed_delivery()

        return puck_delivery
