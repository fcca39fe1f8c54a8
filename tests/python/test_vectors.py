"""The cases that every language runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import JUDGED, REASONS, Case, check_error, latin1, load, verdict

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIGNATURE_REASONS = [
    name for name, (family, *_) in REASONS.items() if family in (puck.SignatureError, puck.TimestampError)
] + ["payload_too_large"]


def cases(*names: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(c, id=f"{n[:-5]}-{c['id']}") for n in names for c in load(n)])


def secrets_of(case: Case) -> list[bytes]:
    return [latin1(secret) for secret in case["secrets"]]


def pairs_of(case: Case) -> list[tuple[bytes, bytes]]:
    return [(latin1(name), latin1(value)) for name, value in case["headers"]]


def check_proof(given: puck.Delivery | puck.Verified, expect: Case) -> None:
    assert given.timestamp == expect["timestamp"]
    assert given.secret_index == expect["secret_index"]
    assert given.secret_fingerprint == expect["secret_fingerprint"]


def check_emitted_at(event: puck.Event, expect: Case) -> None:
    assert event.emitted_at_text == expect["emitted_at_text"]
    since_epoch = timedelta(0, expect["emitted_at_seconds"], expect["emitted_at_nanoseconds"] // 1000)
    try:
        moment = EPOCH + since_epoch
    except OverflowError:  # year 0, and the leap second at the end of 9999: datetime has no such moment
        with pytest.raises(OverflowError):
            _ = event.emitted_at
        return
    assert event.emitted_at == moment
    assert event.emitted_at.utcoffset() == timedelta(0)


def check_data(event: puck.Event, expect: Case) -> None:
    data = latin1(expect["data"])
    assert event.data_json == data
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):  # test_events.py
        return
    assert event.data == parsed


def check_event(event: puck.Event, expect: Case) -> None:
    for name in ("event_id", "event_type", "api_version", "severity"):
        assert getattr(event, name) == expect[name]
    check_emitted_at(event, expect)
    check_data(event, expect)


def judge(case: Case, headers: Any) -> None:
    expect = case["expect"]
    receiver = puck.Receiver(secrets_of(case), dedupe=puck.LruDedupe(1), **case.get("settings", {}))
    try:
        delivery = receiver.receive(headers, latin1(case["body"]), now=case["now"])
    except puck.WebhookError as error:
        check_error(error, expect["reason"])
        return
    assert expect["reason"] == "ok"
    check_proof(delivery, expect)
    check_event(delivery.event, expect)
    delivery.commit()


@cases(*JUDGED)
def test_receiver_with_pairs_of_bytes(case: Case) -> None:
    judge(case, pairs_of(case))


@cases(*JUDGED)
def test_receiver_with_a_dict_of_str(case: Case) -> None:
    """As WSGI hands headers on, with a character for a byte: what is not ASCII gets longer, and no other answer."""
    pairs = pairs_of(case)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(headers) == len(pairs):  # else no dict can hold them
        judge(case, headers)


@cases(*JUDGED)
def test_verifier(case: Case) -> None:
    signatures = [value for name, value in pairs_of(case) if name.lower() == b"x-puck-signature"]
    if len(signatures) > 1:
        return  # only a receiver can see that
    expect = case["expect"]
    verifier = puck.Verifier(secrets_of(case), **case.get("settings", {}))
    try:
        verified = verifier.verify(latin1(case["body"]), signatures[0] if signatures else None, now=case["now"])
    except puck.WebhookError as error:
        check_error(error, expect["reason"])
        return
    assert expect["reason"] not in SIGNATURE_REASONS
    check_proof(verified, expect)
    assert verified.skew == case["now"] - expect["timestamp"]


@cases("envelope.json", "json_suite.json")
def test_parse_envelope(case: Case) -> None:
    """These bodies are all rightly signed, so the parser alone says the same."""
    expect = case["expect"]
    if expect["reason"] in SIGNATURE_REASONS or expect["reason"] == "header_mismatch":
        return
    body = latin1(case["body"])
    assert verdict(lambda: puck.parse_envelope(body)) == expect["reason"]
    if expect["reason"] == "ok":
        check_event(puck.parse_envelope(body), expect)


@cases("secrets.json")
def test_secrets(case: Case) -> None:
    if not case["expect"]["accepted"]:
        for build in (puck.Verifier, puck.Receiver):
            with pytest.raises(ValueError, match=r"[.?]$") as refused:
                build(secrets_of(case))
            assert not isinstance(refused.value, UnicodeError)
        return
    puck.Verifier(secrets_of(case))
    if "header" in case:
        assert puck.sign(secrets_of(case), latin1(case["body"]), case["timestamp"]) == case["header"]
