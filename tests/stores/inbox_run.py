"""The inbox under SIGKILL: many processes handle the same events, and one of them is killed every tenth of a second.

    python3 tests/stores/inbox_run.py [--ids 1000] [--processes 12]

Workers use psycopg, SQLAlchemy and Django in turn, on the same table. It ends when each event was answered with 200,
and says how many effects there are then: as many as events, each once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import postgres_fixtures as apps  # noqa: E402
import servers  # noqa: E402

KINDS = ("psycopg", "sqlalchemy", "django view")
KILL_EVERY = 0.1  # seconds
PATIENCE = 600


@dataclass
class Result:
    events: int
    effects: int  # rows
    distinct: int  # events that have an effect
    kills: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.events} events, {self.effects} effects of {self.distinct} events, {self.kills} workers killed, "
            f"{self.seconds:.1f} s"
        )


def work(port: int, ids: int, kind: str, answers: int) -> None:
    """Handles all events in an order of its own, until each is answered. Writes the number of each that is."""
    chance = random.Random(os.urandom(8))
    with apps.running(kind, port, **({"size": 2} if kind != "django view" else {})) as app:

        def handle(event: object) -> None:
            app.write(event)
            time.sleep(chance.random() * 0.004)
            if chance.random() < 0.05:
                raise apps.Refusal

        left = list(range(ids))
        chance.shuffle(left)
        while left:
            again = []
            for n in left:
                status, _ = app.post(n, handle)
                if status == 200:
                    os.write(answers, b"%d\n" % n)
                else:
                    again.append(n)
            left = again


def fork_worker(port: int, ids: int, kind: str, answers: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work(port, ids, kind, answers)
        finally:
            os._exit(0)
    return pid


def run(ids: int, processes: int) -> Result:
    with servers.postgres("max_connections=100") as server:
        apps.make_tables(server.port)
        began = time.monotonic()
        kills = drive(server.port, ids, processes)
        seconds = time.monotonic() - began
        with apps.connect(server.port) as connection:
            rows = connection.execute("SELECT count(*), count(DISTINCT event_id) FROM effects").fetchone()
    assert rows is not None
    return Result(ids, rows[0], rows[1], kills, seconds)


def drive(port: int, ids: int, processes: int) -> int:
    """Runs and kills workers until each event was answered. Returns how many were killed."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    workers = {fork_worker(port, ids, KINDS[n % 3], writer): KINDS[n % 3] for n in range(processes)}
    unanswered, kills, rest, began = set(range(ids)), 0, b"", time.monotonic()
    try:
        while unanswered:
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"{len(unanswered)} events are not answered")
            time.sleep(KILL_EVERY)
            *lines, rest = (rest + read_all(reader)).split(b"\n")
            unanswered.difference_update(map(int, lines))
            victim = random.choice(list(workers))
            end(victim)
            kills += 1
            kind = workers.pop(victim)
            workers[fork_worker(port, ids, kind, writer)] = kind
    finally:
        for pid in workers:
            end(pid)
        os.close(reader)
        os.close(writer)
    return kills


def read_all(reader: int) -> bytes:
    got = b""
    try:
        while chunk := os.read(reader, 65_536):
            got += chunk
    except BlockingIOError:
        pass
    return got


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)  # it is a child, so its id is its own until it is waited for
    os.waitpid(pid, 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ids", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=12)
    options = parser.parse_args()
    result = run(options.ids, options.processes)
    print(result)
    sys.exit(0 if result.effects == result.distinct == result.events else 1)
