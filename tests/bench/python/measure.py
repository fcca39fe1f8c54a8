"""Shared by the Python benchmarks: the deliveries, and the measurement of the time for one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 0.2  # for each benchmark
CAPACITY = 128  # less than the number of deliveries, so each is forgotten when it comes again
SIZES = (256, 1024, 4096, 65536)

Delivery = tuple[dict[str, str], bytes]
FOLDER = Path(os.environ["PUCK_BENCH_DELIVERIES"])


def deliveries(scheme: str, size: int) -> list[Delivery]:
    with (FOLDER / f"{scheme}-{size}.ndjson").open(encoding="utf-8") as file:
        return [(one["headers"], one["body"].encode()) for one in map(json.loads, file)]


def measure(name: str, judge: Callable[[dict[str, str], bytes], object], all_of_them: list[Delivery]) -> None:
    """Measures rounds over all deliveries. The first round is a warm-up and does not count."""
    spent = rounds = 0
    for n in range(1_000_000):
        start = time.perf_counter_ns()
        for headers, body in all_of_them:
            judge(headers, body)
        if n > 0:
            spent += time.perf_counter_ns() - start
            rounds += 1
        if spent > SECONDS * 1e9:
            break
    print(json.dumps({"name": name, "ns": spent / rounds / len(all_of_them)}))
