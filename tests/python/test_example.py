"""The README's example: a genuine delivery is handled once, and a forged one is not."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from puck_webhooks import Duplicate, Event, PayloadError
from puck_webhooks.testing import signed_delivery

EXAMPLE = Path(__file__).parents[1] / "examples/receive.py"


def test_the_example_answers(capsys: pytest.CaptureFixture[str]) -> None:
    answer = runpy.run_path(str(EXAMPLE))["answer"]
    delivery = signed_delivery("agent.registered", {"agent_id": "agt_018f2e3a"}, secret="whsec_demo_current_3f9a1c2b7d")
    assert answer(*delivery) == 200
    assert answer(*delivery.duplicate()) == 200
    assert answer(*delivery.tampered()) == 401
    first, again, forged = capsys.readouterr().out.splitlines()
    assert first == "agent.registered None {'agent_id': 'agt_018f2e3a'}"
    assert again.startswith("duplicate ")
    assert forged.startswith("signature_mismatch ")


@pytest.mark.parametrize("raised", [Duplicate(), PayloadError("invalid_json"), ValueError("the handler's")], ids=repr)
def test_an_error_of_the_handler_is_no_answer(raised: Exception) -> None:
    """It gives the event back: as an answer, a 200 or a 400 would lose it."""
    module = runpy.run_path(str(EXAMPLE))
    answer, handled = module["answer"], []

    def handle(event: Event) -> None:
        handled.append(event.event_id)
        if len(handled) == 1:
            raise raised

    answer.__globals__["handle"] = handle
    delivery = signed_delivery(secret="whsec_demo_current_3f9a1c2b7d")
    with pytest.raises(type(raised)) as caught:
        answer(*delivery)
    assert caught.value is raised
    assert answer(*delivery.duplicate()) == 200
    assert handled == [delivery.headers["X-Puck-Event-Id"]] * 2
