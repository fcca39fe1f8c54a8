"""The warning of a receiver with the in-memory store in one of several processes, with the real servers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest
from puck_webhooks.testing import signed_delivery
from servers import PATIENCE, wait_until
from web import APPS, child_environment, gunicorn, uvicorn, web_server

WARNING = " one of several, and its dedupe store remembers for this process alone"
ADVICE = 'Receiver(dedupe="redis://…")'
LAZILY = {"MADE": "lazily"}


def warnings_of(command: list[str], expected: int, environment: Mapping[str, str]) -> int:
    """How many warnings there are after many deliveries, which go on until there are as many as expected."""
    with web_server(*command, environment=environment) as web:

        def has_warned() -> bool:
            for _ in range(10):
                assert web.post(*signed_delivery()) == 200
            return web.log.count(WARNING) >= expected

        wait_until(has_warned, "the workers do not warn")
        for _ in range(20):
            assert web.post(*signed_delivery()) == 200
        assert web.log.count(ADVICE) == web.log.count(WARNING)
        return web.log.count(WARNING)


SYNC = gunicorn("in_memory:wsgi", "--worker-class", "sync")
THREADS = gunicorn("in_memory:wsgi", "--worker-class", "gthread", "--threads", "2")
GEVENT = gunicorn("in_memory:wsgi", "--worker-class", "gevent")
SEVERAL = [
    ([*SYNC, "-w", "4"], 4),
    ([*SYNC, "-w", "4", "--preload"], 4),
    ([*THREADS, "-w", "2"], 2),
    ([*THREADS, "-w", "2", "--preload"], 2),
    ([*GEVENT, "-w", "2"], 2),
    ([*GEVENT, "-w", "2", "--preload"], 2),
    (uvicorn("in_memory:asgi", "--workers", "2"), 2),
    (["in_memory.py", "uvicorn"], 2),
]
ALONE = [
    [*SYNC, "-w", "1"],
    [*SYNC, "-w", "1", "--preload"],
    [*THREADS, "-w", "1", "--preload"],
    [*GEVENT, "-w", "1"],
    uvicorn("in_memory:asgi"),
    uvicorn("in_memory:asgi", "--reload"),
]


def name(command: list[str]) -> str:
    return " ".join(word for word in command if word not in ("-m", "--bind", "--host", "--port", "127.0.0.1"))


@pytest.mark.parametrize("environment", [{}, LAZILY], ids=["made at import", "made at the first delivery"])
@pytest.mark.parametrize(("command", "workers"), SEVERAL, ids=[name(command) for command, _ in SEVERAL])
def test_each_worker_of_several_warns_once(command: list[str], workers: int, environment: dict[str, str]) -> None:
    assert warnings_of(command, workers, environment) == workers


@pytest.mark.parametrize("environment", [{}, LAZILY], ids=["made at import", "made at the first delivery"])
@pytest.mark.parametrize("command", ALONE, ids=[name(command) for command in ALONE])
def test_a_worker_that_is_alone_does_not(command: list[str], environment: dict[str, str]) -> None:
    assert warnings_of(command, 0, environment) == 0


def test_a_worker_warns_before_its_first_delivery() -> None:
    with web_server(*SYNC, "-w", "2") as web:
        wait_until(lambda: web.log.count(WARNING) == 2, "the workers do not warn")


@pytest.mark.parametrize(
    ("method", "which", "expected"),
    [("fork", "parent", 2), ("fork", "own", 0), ("fork", "none", 0), ("spawn", "parent", 0), ("spawn", "own", 0)],
)
def test_children_of_multiprocessing(method: str, which: str, expected: int) -> None:
    """Two children. A forked one warns if it receives with its parent's receiver."""
    ended = subprocess.run(
        [sys.executable, "in_memory.py", method, which], cwd=APPS, env=child_environment(), capture_output=True,
        text=True, check=False, timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stderr.count("may be" + WARNING)) == (0, expected), ended.stderr
    assert ended.stderr.count(WARNING) == expected


def test_a_child_of_multiprocessing_that_runs_uvicorn_by_itself_does_not_warn() -> None:
    """Its configuration takes a number of workers from the environment, but nobody has started that many."""
    ended = subprocess.run(
        [sys.executable, "in_memory.py", "spawn", "uvicorn"], cwd=APPS,
        env={**child_environment(), "WEB_CONCURRENCY": "4"}, capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stderr.count(WARNING)) == (0, 0), ended.stderr
