#!/usr/bin/env python3
"""Runs all benchmarks. Writes results.md and results.svg into this folder, and a summary into the README.

    bench.py BUILD [--rounds N] [--dry]

BUILD is the folder of the preset `bench`. In each round every language judges all deliveries, so that other work of
the machine affects all languages. The medians count. Only ratios within one run have a meaning. With --dry nothing is
written; the results are only printed.
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
LINES = 200_000  # that the command judges: the same deliveries again and again
CAPACITY = "128"  # less than the number of deliveries, as in all benchmarks: so each is new when it comes again


def run_cpp(build: Path) -> dict[str, float]:
    """Medians of repetitions in random order. For several threads, the time for one of their deliveries."""
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
    """The filter of the command line, over so many lines that the time of its start does not matter."""
    some = (folder / "puck-1024.ndjson").read_bytes()
    times = LINES // some.count(b"\n") + 1
    (folder / "many.ndjson").write_bytes(some * times)
    start = time.perf_counter_ns()
    subprocess.run([build / "bindings/cli/puck-webhooks", "filter", folder / "many.ndjson",
                    "--secret-file", folder / "puck.secret", "--dedupe", f"memory:?capacity={CAPACITY}"],
                   check=True, stdout=subprocess.DEVNULL)
    return {"filter/1024": (time.perf_counter_ns() - start) / times / some.count(b"\n")}


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
                # Signed again for each run, because after 300 s they would be too old.
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
