"""The command's filter with a shared store: several runs and several processes over the same recorded deliveries."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import servers
from puck_webhooks.testing import TEST_SECRET, signed_delivery

EVENTS = 300
UNDECIDED, USAGE = 3, 2  # exit codes


@pytest.fixture(params=["sqlite", "redis", "valkey"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The text of a store, without parameters."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/events.db"
        return
    with getattr(servers, request.param)() as server:
        yield f"{request.param}://127.0.0.1:{server.port}"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "deliveries.ndjson"
    path.write_text("".join(line() for _ in range(EVENTS)))
    return path


def line() -> str:
    headers, body = signed_delivery()
    return json.dumps({"headers": headers, "body": body.decode(), "received_at": int(time.time())}) + "\n"


def command(tmp_path: Path, *options: str) -> list[str]:
    tool = os.environ.get("PUCK_WEBHOOKS_TOOL")
    assert tool, "PUCK_WEBHOOKS_TOOL must name the built puck-webhooks"
    secret = tmp_path / "secret"
    secret.write_text(TEST_SECRET)
    secret.chmod(0o600)
    return [tool, "filter", "--secret-file", str(secret), *options]


def start(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command(tmp_path, *options), stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def verdicts(text: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in text.splitlines()]


def reasons(text: str) -> Counter[str]:
    return Counter(each["reason"] for each in verdicts(text))


def test_a_second_run_accepts_nothing_again(store: str, recorded: Path, tmp_path: Path) -> None:
    for namespace, expected in (("siem", "ok"), ("siem", "duplicate"), ("other", "ok"), ("siem", "duplicate")):
        run = start(tmp_path, "--dedupe", f"{store}?namespace={namespace}", str(recorded))
        out, words = run.communicate()
        assert (run.returncode, words, reasons(out)) == (0, "", Counter({expected: EVENTS}))


def test_two_at_once_accept_each_event_once(store: str, recorded: Path, tmp_path: Path) -> None:
    runs = [start(tmp_path, "--dedupe", f"{store}?namespace=siem", str(recorded)) for _ in range(2)]
    seen = [verdict for run in runs for verdict in verdicts(run.communicate()[0])]
    assert {verdict["reason"] for verdict in seen} <= {"ok", "duplicate", "in_progress"}
    assert len(seen) == 2 * EVENTS
    accepted = Counter(verdict["event_id"] for verdict in seen if verdict["reason"] == "ok")
    assert len(accepted) == EVENTS and set(accepted.values()) == {1}


def test_killed_and_started_again_nothing_is_missing(store: str, recorded: Path, tmp_path: Path) -> None:
    """What was under way is in progress until its lease ends: then the last run writes it."""
    output, lines = tmp_path / "siem.ndjson", recorded.read_text().splitlines(keepends=True)
    options = ("--events", "--dedupe", f"{store}?namespace=siem&lease=1")

    for pieces in range(1, 11):  # always from the first line
        with output.open("ab") as out:
            run = subprocess.Popen(command(tmp_path, *options), stdin=subprocess.PIPE, stdout=out, text=True)
        for piece in range(pieces):
            run.stdin.write("".join(lines[piece * 20 : piece * 20 + 20]))
            run.stdin.flush()
            time.sleep(0.002)
        run.kill()
        run.communicate()
    before = events_in(output)
    assert 0 < len(before) < EVENTS
    time.sleep(1.1)
    with output.open("ab") as out:
        last = subprocess.run(command(tmp_path, *options, str(recorded)), stdout=out)
    assert last.returncode == 0
    assert len(events_in(output)) == EVENTS


def events_in(output: Path) -> set[str]:
    """A kill may leave a line without its end."""
    found = set()
    for each in output.read_text().splitlines():
        with suppress(json.JSONDecodeError):
            found.add(json.loads(each)["event_id"])
    return found


def test_a_password_in_an_argument_is_refused(tmp_path: Path) -> None:
    run = start(tmp_path, "--dedupe", "redis://user:open-sesame@127.0.0.1:1/0?namespace=siem")
    out, words = run.communicate(line())
    assert (run.returncode, out) == (USAGE, "")
    assert "password" in words and "open-sesame" not in words


def test_a_password_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "open-sesame")
    with servers.redis("--requirepass", "open-sesame") as server:
        text = f"redis://127.0.0.1:{server.port}?namespace=siem"
        run = start(tmp_path, "--dedupe", f"{text}&password_env=STORE_PASSWORD")
        assert reasons(run.communicate(line())[0]) == {"ok": 1}
        run = start(tmp_path, "--dedupe", text)
        out, words = run.communicate(line())
        assert (run.returncode, out) == (UNDECIDED, "")
        assert "asks for a password" in words


def test_the_server_is_down_at_the_start(tmp_path: Path) -> None:
    run = start(tmp_path, "--dedupe", f"redis://127.0.0.1:{servers.free_port()}?namespace=siem")
    out, words = run.communicate(line())
    assert (run.returncode, out) == (UNDECIDED, "")
    assert "cannot be reached" in words


def test_the_server_goes_away(tmp_path: Path) -> None:
    lost, last = line(), line()
    with servers.redis() as server:
        run = start(tmp_path, "--dedupe", f"redis://127.0.0.1:{server.port}?namespace=siem")

        def judged(text: str) -> Any:
            run.stdin.write(text)
            run.stdin.flush()
            return json.loads(run.stdout.readline())

        assert judged(line())["reason"] == "ok"
        server.kill()
        verdict = judged(lost)
        assert (verdict["reason"], verdict["http_status"], verdict["retryable"]) == ("store_unavailable", 503, True)
        assert "Redis" in verdict["detail"]
        server.start()
        assert judged(last)["reason"] == "ok"
        assert judged(lost)["reason"] == "ok"
        run.communicate()
        assert run.returncode == UNDECIDED
