"""The README's example: a genuine delivery is handled once, and a forged one is not."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
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
