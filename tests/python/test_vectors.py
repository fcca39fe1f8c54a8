"""The cases that every language runs."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import (
    JUDGED,
    NOW,
    PROOF,
    REASONS,
    SECRET,
    Case,
    check_error,
    envelope,
    event_id,
    latin1,
    load,
    signed,
    verdict,
)

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


def moment_of(expect: Case) -> datetime | None:
    """None for year 0, and for the leap second at the end of 9999: datetime has no such moments."""
    try:
        return EPOCH + timedelta(0, expect["emitted_at_seconds"], expect["emitted_at_nanoseconds"] // 1000)
    except OverflowError:
        return None


def check_record(known: Any, event: Any, expect: Case) -> None:
    """The fields of a verdict, in what was accepted and in an error: what was not known is None there."""
    for name in PROOF:
        assert getattr(known, name) == expect.get(name), name
    for name in ("event_id", "event_type", "emitted_at_text", "api_version", "severity"):
        assert getattr(event, name) == expect.get(name), name


def check_event(event: puck.Event, expect: Case) -> None:
    moment = moment_of(expect)
    if moment is None:
        with pytest.raises(OverflowError):
            _ = event.emitted_at
    else:
        assert event.emitted_at == moment
        assert event.emitted_at.utcoffset() == timedelta(0)
    data = latin1(expect["data"])
    assert event.data_json == data
    try:
        parsed = json.loads(data, parse_float=number)
    except (ValueError, RecursionError, InvalidOperation):  # test_events.py
        return
    assert event.data == parsed


def number(text: str) -> float | Decimal:
    return Decimal(text) if math.isinf(float(text)) else float(text)


def check_refusal(error: puck.WebhookError, expect: Case) -> None:
    check_error(error, expect["reason"])
    check_record(error, error, expect)
    assert error.emitted_at == (moment_of(expect) if "event_id" in expect else None)


def judge(case: Case, headers: Any) -> None:
    """By a verifier and by a receiver, which say the same of a first delivery."""
    expect, settings = case["expect"], case.get("settings", {})
    for judged_by in (
        puck.Verifier(secrets_of(case), **settings).verify,
        puck.Receiver(secrets_of(case), dedupe=puck.LruDedupe(1, ttl=172_800), **settings).receive,
    ):
        try:
            accepted = judged_by(headers, latin1(case["body"]), received_at=case["received_at"])
        except puck.WebhookError as error:
            check_refusal(error, expect)
            continue
        except ValueError as mistake:
            assert (expect["reason"], type(mistake)) == ("invalid_argument", ValueError)
            continue
        assert expect["reason"] == "ok"
        check_record(accepted, accepted.event, expect)
        check_event(accepted.event, expect)


@cases(*JUDGED)
def test_pairs_of_bytes(case: Case) -> None:
    judge(case, pairs_of(case))


@cases(*JUDGED)
def test_a_dict_of_str(case: Case) -> None:
    """As WSGI hands headers on, with a character for a byte: what is not ASCII gets longer, and no other answer."""
    pairs = pairs_of(case)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(headers) == len(pairs):  # else no dict can hold them
        judge(case, headers)


@cases(*JUDGED)
def test_the_signature_alone(case: Case) -> None:
    signatures = [value for name, value in pairs_of(case) if name.lower() == b"x-puck-signature"]
    if len(signatures) > 1:
        return  # only the whole request shows that
    expect = case["expect"]
    verifier = puck.Verifier(secrets_of(case), **case.get("settings", {}))
    signature = signatures[0] if signatures else None
    try:
        known: Any = verifier.verify_signature(latin1(case["body"]), signature, received_at=case["received_at"])
        assert expect["reason"] not in SIGNATURE_REASONS
    except puck.WebhookError as error:
        check_refusal(error, expect)
        known = error
    except ValueError:
        assert expect["reason"] == "invalid_argument"
        return
    for name in PROOF:
        assert getattr(known, name) == expect.get(name), name


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


def test_each_mistake_with_a_secret_has_a_sentence_of_its_own() -> None:
    sentences: dict[str, set[str]] = defaultdict(set)
    for case in load("secrets.json"):
        if not case["expect"]["accepted"]:
            with pytest.raises(ValueError) as refused:
                puck.Verifier(secrets_of(case))
            sentences[case["expect"]["mistake"]].add(str(refused.value))
    assert all(len(said) == 1 for said in sentences.values())
    assert len(set().union(*sentences.values())) == len(sentences) > 10


@cases("stores.json")
def test_stores(case: Case) -> None:
    """LruDedupe by hand, and the deliveries of a receiver that asks it. The store runs on the machine's clock, so these
    are the cases in which nobody waits; the C++ tests run all of them, on a clock of their own."""
    if any(step["do"] == "wait" for step in case["steps"]):
        return
    store, asked = (puck.LruDedupe(64, ttl=case["ttl"], lease=case["lease"]) for _ in range(2))
    receiver = puck.Receiver(SECRET, dedupe=asked)
    claims: dict[str, puck.Claim] = {}
    deliveries: dict[str, puck.Delivery] = {}

    def claim(step: Case) -> None:
        claims[step["as"]] = store.claim(event_id(step.get("event", 1)))

    def receive(step: Case) -> None:
        body = envelope(event_id=event_id(step.get("event", 1)))
        deliveries[step["as"]] = receiver.receive(signed(body), body, received_at=NOW)

    for step in case["steps"]:
        if step["do"] == "claim":
            answers = [verdict(lambda s=step: claim(s)), verdict(lambda s=step: receive(s))]
        else:
            settle, name = step["do"], step["as"]
            answers = [
                verdict(lambda s=settle, n=name: getattr(store, s)(claims[n])),
                verdict(lambda s=settle, n=name: getattr(deliveries[n], s)()),
            ]
        assert answers == [step["expect"]] * 2, step
