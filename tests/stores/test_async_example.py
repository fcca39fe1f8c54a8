"""The example for docs/stores.md that needs a server; tests/python/adapters/test_examples.py runs the others."""

from __future__ import annotations

from pathlib import Path

from puck_webhooks.testing import TEST_SECRET, signed_delivery
from servers import Server
from web import uvicorn, web_server

EXAMPLES = str(Path(__file__).resolve().parents[1] / "examples")


def test_two_applications_share_what_they_handled(redis_server: Server) -> None:
    given = {
        "PUCK_WEBHOOK_SECRETS": TEST_SECRET,
        "PUCK_DEDUPE": f"redis://127.0.0.1:{redis_server.port}?namespace=examples",
    }
    command = uvicorn("receive_async:app", "--app-dir", EXAMPLES)
    delivery = signed_delivery()
    event_id = delivery.headers["X-Puck-Event-Id"]
    with (
        web_server(*command, environment=given, path="/puck") as one,
        web_server(*command, environment=given, path="/puck") as other,
    ):
        assert [one.post(*delivery), other.post(*delivery), other.post(*delivery.tampered())] == [200, 200, 401]
        assert one.log.count(event_id) == 1
        assert "duplicate" in other.log and event_id not in other.log
