"""How much the stores add to what their engines take: claim and commit against the two bare calls.

    stores.py [DRIVER]

DRIVER is the built program store_driver, for the rows of C++. The store and the bare client take turns on the same
server or on the same kind of file, each with ids of its own. Prints medians in microseconds, and how much memory an
event takes in Redis and Valkey. Only the ratios have a meaning beyond this machine. Servers are started from
tests/stores/servers.py.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from puck_webhooks.stores import RedisDedupe, SqliteDedupe

sys.path.insert(0, str(Path(__file__).parents[1] / "stores"))
import servers

ROUNDS, WARM = 4_000, 200
EVENTS = 100_000
STORES = Path(__file__).parents[2] / "src/stores"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteDedupe(f"{folder}/store.db", "billing")
        report("Python SQLite", *python(store, bare_sqlite(f"{folder}/bare.db")))
        cpp("C++ SQLite", f"sqlite:{folder}/cpp.db?namespace=billing")
    with servers.redis() as server, redis.Redis(port=server.port) as client:
        report("Python Redis", *python(RedisDedupe(client, "billing"), bare_redis(client)))
        cpp("C++ Redis", f"redis://127.0.0.1:{server.port}/0?namespace=billing")
    for start in (servers.redis, servers.valkey):
        with start() as server, redis.Redis(port=server.port) as client:
            print(f"{start.__name__}: {memory(client):.0f} bytes an event, with {EVENTS} that are done")


def report(name: str, ours: float, bare: float) -> None:
    print(f"{name:14} {ours:7.1f} us, bare {bare:7.1f} us, {ours / bare:.2f} times", flush=True)


def cpp(name: str, text: str) -> None:
    if len(sys.argv) > 1:
        run = subprocess.run([sys.argv[1], text], input=f"bench {WARM}\nbench {ROUNDS}\n", text=True, check=True,
                             stdout=subprocess.PIPE)
        _, ours, _, bare = run.stdout.splitlines()[-1].split()
        report(name, int(ours) / 1000, int(bare) / 1000)


def python(store: SqliteDedupe | RedisDedupe, bare: Callable[[str], None]) -> tuple[float, float]:
    """Medians in microseconds: ours and the bare one."""
    taken: tuple[list[int], list[int]] = ([], [])
    for n in range(ROUNDS + WARM):
        for which, step in enumerate((lambda event: store.commit(store.claim(event)), bare)):
            event = f"018f2e3a-1c47-7a12-b321-{n:012x}"
            began = time.perf_counter_ns()
            step(event)
            taken[which].append(time.perf_counter_ns() - began)
    ours, theirs = (statistics.median(each[WARM:]) / 1000 for each in taken)
    return ours, theirs


def bare_sqlite(path: str) -> Callable[[str], None]:
    parts = (STORES / "sqlite.sql").read_text().split("-- name: ")[1:]
    statements = {name: text for name, _, text in (part.partition("\n") for part in parts)}
    database = sqlite3.connect(path, isolation_level=None)
    for name in ("journal", "synchronous", "table", "index"):
        database.execute(statements[name]).fetchall()
    claim, commit = statements["claim"], statements["commit"]

    def run(event: str) -> None:
        row = {"ns": "billing", "id": bytes.fromhex(event.replace("-", "")), "token": 7, "now": time.time_ns() // 10**6}
        database.execute(claim, row | {"lease": 60_000})
        database.execute(commit, row | {"ttl": 86_400_000})

    return run


def bare_redis(client: Any) -> Callable[[str], None]:
    claim, settle = scripts(client)

    def run(event: str) -> None:
        client.evalsha(claim, 1, "bare:" + event, "000000000000000a", 60_000)
        client.evalsha(settle, 1, "bare:" + event, "000000000000000a", 86_400_000)

    return run


def scripts(client: Any) -> tuple[str, str]:
    claim, settle = (client.script_load((STORES / name).read_text()) for name in ("claim.lua", "settle.lua"))
    return claim, settle


def memory(client: Any) -> float:
    """Bytes of an event that is done, with its share of the server's tables."""
    _, settle = scripts(client)
    before = client.info("memory")["used_memory"]
    pipe = client.pipeline(transaction=False)
    for n in range(EVENTS):
        pipe.evalsha(settle, 1, f"billing:018f2e3a-1c47-7a12-b321-{n:012x}", f"{n:016x}", 86_400_000)
        if n % 1000 == 999:
            pipe.execute()
    return float(client.info("memory")["used_memory"] - before) / EVENTS


if __name__ == "__main__":
    main()
