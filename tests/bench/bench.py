#!/usr/bin/env python3
"""Runs all benchmarks side by side; writes results.md and results.svg here, and their summary into the README.

    bench.py BUILD [--rounds N] [--dry]

BUILD is the folder of the preset `bench`. Each round lets every language judge all deliveries, so that whatever else
the machine does meets all of them alike; the medians count. Only ratios within one run mean
anything. With --dry nothing is written, and the results are only shown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import plot
import results
from peers import Command, prepared

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
LINES = 200_000  # that the command judges, as the same deliveries again and again
CAPACITY = "128"  # as in all benchmarks fewer than there are deliveries, so that each is new when it comes again


def run_cpp(build: Path) -> dict[str, float]:
    """Medians of repetitions in random order; of what several threads do, the time for each of their deliveries."""
    options = ["--benchmark_format=json", "--benchmark_min_time=0.05", "--benchmark_repetitions=5",
               "--benchmark_enable_random_interleaving=true"]
    out = subprocess.run([build / "tests/bench/cpp/bench", *options], check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    samples = defaultdict(list)
    for one in json.loads(out.stdout)["benchmarks"]:
        if one["run_type"] != "iteration":
            continue
        name = "/".join(part for part in one["name"].split("/") if not part.startswith(("real_time", "min_time")))
        samples[name].append(1e9 / one["items_per_second"] if "items_per_second" in one else one["real_time"])
        if "bytes_per_entry" in one:
            samples["store_bytes"].append(one["bytes_per_entry"])
    return {name: statistics.median(each) for name, each in samples.items()}


def run_command(build: Path, folder: Path) -> dict[str, float]:
    """The command's filter, over so many lines that its start does not count."""
    some = (folder / "puck-1024.ndjson").read_bytes()
    times = LINES // some.count(b"\n") + 1
    (folder / "many.ndjson").write_bytes(some * times)
    start = time.perf_counter_ns()
    subprocess.run([build / "bindings/cli/puck-webhooks", "verify", "--ndjson", folder / "many.ndjson",
                    "--secret-file", folder / "puck.secret", "--dedupe-capacity", CAPACITY],
                   check=True, stdout=subprocess.DEVNULL)
    return {"verify --ndjson/1024": (time.perf_counter_ns() - start) / times / some.count(b"\n")}


def run_lines(command: Command) -> dict[str, float]:
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return {one["name"]: one["ns"] for one in map(json.loads, out.stdout.splitlines())}


def measure(build: Path, peers: Mapping[str, list[Command]], rounds: int) -> results.Times:
    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    for round_ in range(rounds):
        print(f"Round {round_ + 1} of {rounds}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            os.environ["PUCK_BENCH_DELIVERIES"] = name
            runs: list[tuple[str, Callable[[], dict[str, float]]]] = [
                ("C++", partial(run_cpp, build)),
                ("command", partial(run_command, build, folder)),
            ]
            for language, commands in peers.items():
                runs += [(language, partial(run_lines, command)) for command in commands]
            for language, run in runs:
                # Signed anew for each, for after 300 s they would be too old.
                subprocess.run([sys.executable, HERE / "deliveries.py", name], check=True)
                for what, ns in run().items():
                    samples[language, what].append(ns)
    return {key: statistics.median(each) for key, each in samples.items()}


def put_into_readme(summary: str) -> None:
    text = README.read_text(encoding="utf-8")
    before, begin, rest = text.partition("<!-- ./run bench writes this -->\n")
    _, end, after = rest.partition("<!-- to here -->\n")
    README.write_text(before + begin + summary + end + after, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help="the folder of the preset bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    peers, skipped = prepared(build.parent)
    times = measure(build, peers, arguments.rounds)
    page = results.page(times, arguments.rounds, skipped)
    print(page)
    if not arguments.dry:
        (HERE / "results.md").write_text(page, encoding="utf-8")
        (HERE / "results.svg").write_text(plot.svg(times), encoding="utf-8")
        put_into_readme(results.summary(times))


if __name__ == "__main__":
    main()
