"""puck_webhooks.testing, judged by Python's own hmac and by a receiver."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import time
import uuid

import puck_webhooks as puck
import pytest
from deliveries import NOW, OLD_SECRET, SECRET, TIMEOUT, refused, sign
from puck_webhooks.testing import TEST_SECRET, SignedDelivery, signed_delivery


def receiver() -> puck.Receiver:
    return puck.Receiver(TEST_SECRET, dedupe=puck.LruDedupe(16))


def test_a_signed_delivery() -> None:
    delivery = signed_delivery("finding.discovered", {"severity": "high", "ü": [1, None, 1.5]}, timestamp=NOW)
    headers, body = delivery
    assert (headers, body) == (delivery.headers, delivery.body)
    assert isinstance(body, bytes)
    envelope = json.loads(body)
    assert envelope == {
        "event_id": headers["X-Puck-Event-Id"],
        "event_type": headers["X-Puck-Event-Type"],
        "emitted_at": "2026-05-03T14:22:01Z",
        "api_version": "v1",
        "data": {"severity": "high", "ü": [1, None, 1.5]},
    }
    assert headers["X-Puck-Event-Type"] == "finding.discovered"
    assert headers["X-Puck-Signature"] == sign(TEST_SECRET, NOW, body)
    uuid.UUID(headers["X-Puck-Delivery-Id"])
    with receiver().receive(headers, body, received_at=NOW) as received:
        assert received.event.data == envelope["data"]


def test_the_defaults() -> None:
    before = int(time.time())
    with receiver().receive(*signed_delivery()) as received:
        assert before <= received.timestamp <= time.time()
        assert before <= received.event.emitted_at.timestamp() <= time.time()
        assert received.event.data == {}


def test_each_is_an_event_of_its_own() -> None:
    once, twice = signed_delivery(timestamp=NOW), signed_delivery(timestamp=NOW)
    for name in ("X-Puck-Event-Id", "X-Puck-Delivery-Id", "X-Puck-Signature"):
        assert once.headers[name] != twice.headers[name]
    assert signed_delivery(timestamp=NOW, event_id=once.headers["X-Puck-Event-Id"]).body == once.body


@pytest.mark.parametrize("secret", [SECRET, SECRET.encode(), [OLD_SECRET, SECRET]])
def test_other_secrets(secret: str | bytes | list[str]) -> None:
    delivery = signed_delivery(secret=secret, timestamp=NOW)
    puck.Receiver(SECRET).receive(*delivery, received_at=NOW)
    puck.Receiver(SECRET).receive(*delivery.duplicate(), received_at=NOW)
    with refused("signature_mismatch"):
        receiver().receive(*delivery, received_at=NOW)


def test_what_must_not_be_handled() -> None:
    delivery, judge = signed_delivery(timestamp=NOW), receiver()
    for spoilt, reason in [
        (delivery.tampered(), "signature_mismatch"),
        (delivery.reserialised(), "signature_mismatch"),
        (delivery.stale(), "timestamp_too_old"),
        (delivery.stale(by=86_401), "timestamp_too_old"),
        (delivery.stale(by=-301), "timestamp_too_new"),
    ]:
        with refused(reason):
            judge.receive(*spoilt, received_at=NOW)
    with judge.receive(*delivery, received_at=NOW), refused("in_progress"):
        judge.receive(*delivery.duplicate(), received_at=NOW)
    for again in (delivery, delivery.duplicate(), delivery.duplicate(after=30)):
        with refused("duplicate"):
            judge.receive(*again, received_at=NOW)


def test_the_same_with_the_real_clock() -> None:
    delivery, judge = signed_delivery(), receiver()
    with refused("timestamp_too_old"):
        judge.receive(*delivery.stale())
    with refused("timestamp_too_new"):
        judge.receive(*delivery.stale(by=-400))  # time goes on until it is judged
    judge.receive(*delivery).commit()
    with refused("duplicate"):
        judge.receive(*delivery.duplicate())


def test_how_they_differ() -> None:
    delivery = signed_delivery(timestamp=NOW, data={"a": "ü"})
    headers, body = dict(delivery.headers), delivery.body
    tampered, duplicate, again = delivery.tampered(), delivery.duplicate(), delivery.reserialised()

    assert tampered.headers["X-Puck-Signature"] == headers["X-Puck-Signature"]
    assert json.loads(tampered.body) == json.loads(body) | {"event_id": tampered.headers["X-Puck-Event-Id"]}
    assert tampered.body != body

    assert (again.headers, json.loads(again.body)) == (headers, json.loads(body))
    assert again.body != body

    assert duplicate.body == body
    assert duplicate.headers["X-Puck-Signature"] == sign(TEST_SECRET, NOW + 1, body)
    assert {name for name in headers if headers[name] != duplicate.headers[name]} == {
        "X-Puck-Signature",
        "X-Puck-Delivery-Id",
    }

    assert delivery.stale().headers == headers | {"X-Puck-Signature": sign(TEST_SECRET, NOW - 301, body)}
    assert (delivery.headers, delivery.body) == (headers, body), "the first one stays as it was"


def test_they_follow_from_one_another() -> None:
    with refused("timestamp_too_old"):
        receiver().receive(*signed_delivery(timestamp=NOW).duplicate().stale(), received_at=NOW)
    with refused("signature_mismatch"):
        receiver().receive(*signed_delivery(timestamp=NOW).stale().tampered(), received_at=NOW)


def test_what_puck_could_not_send() -> None:
    with pytest.raises(ValueError):
        signed_delivery(data={"v": float("nan")})
    with pytest.raises(TypeError):
        signed_delivery(data={"v": object()})
    with pytest.raises(ValueError):
        signed_delivery(secret="short")
    with pytest.raises(ValueError):
        signed_delivery(timestamp=0).stale()


def test_it_shows_no_secret() -> None:
    delivery = signed_delivery(secret=SECRET, timestamp=NOW)
    mac = delivery.headers["X-Puck-Signature"].rpartition("=")[2]
    for text in (repr(delivery), str(delivery), f"{delivery}", repr(vars(delivery)), repr(dir(delivery))):
        assert SECRET not in text
        assert mac not in text
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(delivery)
    for same in (copy.copy(delivery), copy.deepcopy(delivery)):
        assert type(same) is SignedDelivery
        assert (same, same.duplicate().body) == (delivery, delivery.body)


def test_the_fixture(puck_delivery: SignedDelivery) -> None:
    receiver().receive(*puck_delivery).commit()


def test_pytest_is_imported_with_the_fixture_only() -> None:
    program = """
import sys, puck_webhooks.testing as testing
testing.signed_delivery().duplicate()
assert not hasattr(testing, "anything")
assert "pytest" not in sys.modules
testing.puck_delivery
assert "pytest" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=TIMEOUT)
