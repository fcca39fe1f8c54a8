#!/usr/bin/env python3
"""Runs the benchmarks side by side, and shows the medians of several interleaved rounds.

    bench.py BENCH [--rounds N]

BENCH is the built program of cpp/. Each round signs the deliveries anew and lets every language judge all of them, so
that whatever else the machine does meets all of them alike. Only ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = (256, 1024, 4096, 65536)

Times = Mapping[tuple[str, str], float]  # (language, "what/size") -> nanoseconds


def run_cpp(bench: str) -> dict[str, float]:
    out = subprocess.run([bench, "--benchmark_format=json", "--benchmark_min_time=0.1"], check=True, capture_output=True)
    return {one["name"]: one["real_time"] for one in json.loads(out.stdout)["benchmarks"]}


def run_lines(command: list[str]) -> dict[str, float]:
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return {one["name"]: one["ns"] for one in map(json.loads, out.stdout.splitlines())}


def measure(bench: str, rounds: int) -> Times:
    all_times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for round_ in range(rounds):
        print(f"Round {round_ + 1} of {rounds}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, HERE / "deliveries.py", folder], check=True)
            os.environ["PUCK_BENCH_DELIVERIES"] = folder
            for language, times in (
                ("C++", run_cpp(bench)),
                ("Python", run_lines([sys.executable, str(HERE / "python/bench.py")])),
            ):
                for name, ns in times.items():
                    all_times[language, name].append(ns)
    return {key: statistics.median(each) for key, each in all_times.items()}


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(times: Times) -> list[str]:
    lines = [row(["", *(f"{size:,} B" for size in SIZES)]), row(["---", *["---:"] * len(SIZES)])]
    for language, name in dict.fromkeys((language, name.partition("/")[0]) for language, name in times):
        per_size = (times[language, f"{name}/{size}"] for size in SIZES)
        lines.append(row([f"{language} {name}", *(f"{ns / 1000:.2f}" for ns in per_size)]))
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", help="the built program of cpp/")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("Microseconds for one delivery:\n")
    print(*table(measure(arguments.bench, arguments.rounds)), sep="\n")
