"""stores.json, and how a store is asked in a test."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import puck_webhooks as puck
import pytest

Case = dict[str, Any]
VECTORS = Path(__file__).resolve().parents[1] / "vectors"

EVENT = "018f2e3a-1c47-7a12-b321-aabbccddeeff"
_numbers = itertools.count(1)


def new_event() -> str:
    """The id of an event that no other test has."""
    return f"018f2e3a-1c47-7a12-b321-{next(_numbers):012x}"


def load(name: str) -> list[Case]:
    cases: list[Case] = json.loads((VECTORS / name).read_text())["cases"]
    return cases


def cases(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(each, id=each["id"]) for each in load(name)])


def answer(ask: Callable[..., Any], *arguments: Any) -> str:
    """The reason that a store gives, ok if it raises nothing."""
    try:
        ask(*arguments)
    except puck.WebhookError as error:
        return error.reason
    return "ok"


def unavailable(ask: Callable[..., Any], *arguments: Any) -> puck.StoreError:
    """The error of a store that must be unavailable."""
    with pytest.raises(puck.StoreError) as raised:
        ask(*arguments)
    assert raised.value.reason == "store_unavailable"
    return raised.value


def run(case: Case, store: Any, wait: Callable[[int], None]) -> None:
    """Runs the steps of a case of stores.json. `wait` lets so many seconds pass for the store."""
    events = {number: new_event() for number in (1, 2, 3)}
    claims: dict[str, puck.Claim] = {}

    def claim(name: str, event: str) -> None:
        claims[name] = store.claim(event)

    for step in case["steps"]:
        if step["do"] == "wait":
            wait(step["seconds"])
            continue
        if step["do"] == "claim":
            said = answer(claim, step["as"], events[step.get("event", 1)])
        else:
            said = answer(getattr(store, step["do"]), claims[step["as"]])
        assert said == step["expect"], step
