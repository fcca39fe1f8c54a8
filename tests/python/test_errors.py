"""The exceptions: families, what they promise, and what they hold."""

from __future__ import annotations

import copy
import pickle

import puck_webhooks as puck
import pytest
from deliveries import REASONS, RECORD, check_error

FAMILIES = [
    puck.SignatureError,
    puck.TimestampError,
    puck.PayloadError,
    puck.Duplicate,
    puck.InProgress,
    puck.StoreError,
]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason(reason: str) -> None:
    family, http_status, retryable = REASONS[reason]
    error = family(reason)
    check_error(error, reason)
    assert (error.http_status, error.retryable) == (http_status, retryable)
    assert error.args == (str(error),)


def test_the_set_is_closed() -> None:
    from puck_webhooks import _core

    assert set(_core.REASONS) == {"ok", *REASONS}


@pytest.mark.parametrize("reason", ["ok", "", "OK", "nonsense", "duplicate "])
def test_what_is_no_reason(reason: str) -> None:
    for family in (puck.WebhookError, *FAMILIES):
        with pytest.raises(ValueError, match="not a reason"):
            family(reason)


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family: type[puck.WebhookError]) -> None:
    assert issubclass(family, puck.WebhookError)
    assert not any(issubclass(family, other) for other in FAMILIES if other is not family)


def test_what_stores_raise_needs_no_arguments() -> None:
    check_error(puck.Duplicate(), "duplicate")
    check_error(puck.InProgress(), "in_progress")
    check_error(puck.StoreError(), "store_unavailable")


def test_what_is_not_known_is_none() -> None:
    error = puck.Duplicate()
    assert [getattr(error, name) for name in RECORD] == [None] * len(RECORD)


def test_a_detail_stands_instead_of_the_sentence() -> None:
    error = puck.StoreError("store_full", "The disk is full.")
    assert str(error) == "The disk is full."
    check_error(error, "store_full")


@pytest.mark.parametrize("reason", REASONS)
def test_errors_travel_between_processes(reason: str) -> None:
    error = REASONS[reason][0](reason, "In other words.")
    for n, name in enumerate(RECORD):
        setattr(error, name, f"value {n}")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for other in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
            check_error(other, reason)
            assert str(other) == "In other words."
            assert [getattr(other, name) for name in RECORD] == [f"value {n}" for n in range(len(RECORD))]
