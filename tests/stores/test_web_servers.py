"""Four workers of a real web server, and every event four times: it is handled once if the workers share a store."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import servers
from puck_webhooks.testing import SignedDelivery, signed_delivery
from servers import wait_until
from web import Web, gunicorn, uvicorn, web_server

EVENTS = 200
TIMES = 4
AT_ONCE = 16

SYNC = gunicorn("handling:flask()", "--worker-class", "sync", "-w", "4")
THREADS = gunicorn("handling:flask()", "--worker-class", "gthread", "--threads", "4", "-w", "4")
UVICORN = uvicorn("handling:starlette", "--factory", "--workers", "4")

servers_of_the_web = pytest.mark.parametrize(
    "command",
    [SYNC, THREADS, UVICORN],
    ids=["gunicorn sync", "gunicorn gthread", "uvicorn"],
)


@pytest.fixture(scope="module")
def redis() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


def deliver(web: Web, delivery: SignedDelivery) -> None:
    """As Puck does: again after each 503."""

    def is_delivered() -> bool:
        status = web.post(*delivery)
        assert status in (200, 503), web.log
        return status == 200

    wait_until(is_delivered, "an event is never accepted")


def handled(command: list[str], folder: Path, store: str, kind: str = "") -> Counter[str]:
    """How often each event was handled."""
    file = folder / "handled"
    with web_server(*command, environment={"STORE": store, "HANDLED": str(file), "RECEIVER": kind}) as web:
        deliveries = [each for each in [signed_delivery() for _ in range(EVENTS)] for _ in range(TIMES)]
        random.Random(13).shuffle(deliveries)
        with ThreadPoolExecutor(AT_ONCE) as clients:
            for answer in [clients.submit(deliver, web, delivery) for delivery in deliveries]:
                answer.result()
    return Counter(file.read_text().split())


def check_that_each_is_handled_once(times: Counter[str]) -> None:
    assert len(times) == EVENTS
    assert set(times.values()) == {1}


@servers_of_the_web
def test_workers_that_share_a_file_handle_each_event_once(command: list[str], tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'events.db'}?namespace=web"
    check_that_each_is_handled_once(handled(command, tmp_path, store))


@servers_of_the_web
def test_workers_that_share_redis_handle_each_event_once(
    command: list[str], tmp_path: Path, redis: servers.Server
) -> None:
    store = f"redis://127.0.0.1:{redis.port}?namespace=web"
    check_that_each_is_handled_once(handled(command, tmp_path, store))


def test_an_async_receiver_handles_each_event_once(tmp_path: Path, redis: servers.Server) -> None:
    store = f"redis://127.0.0.1:{redis.port}?namespace=async"
    check_that_each_is_handled_once(handled(UVICORN, tmp_path, store, "async"))


@servers_of_the_web
def test_workers_that_share_nothing_do_not(command: list[str], tmp_path: Path) -> None:
    """What the tests above would see if the store were not shared."""
    times = handled(command, tmp_path, "memory:")
    assert len(times) == EVENTS
    assert times.total() > EVENTS
