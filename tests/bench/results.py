"""The results of the benchmarks, as tables."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from deliveries import EVENTS, SIZES

HERE = Path(__file__).resolve().parent
Times: TypeAlias = Mapping[tuple[str, str], float]  # (language, "what/size") -> nanoseconds


@dataclass
class Ratio:
    """The time of the first, divided by the time of the second. Each is a language, a space, and a name."""

    what: str
    first: str
    second: str
    goal: str


RATIOS = [
    Ratio("`verify_signature` over a keyed and reused `EVP_MAC`, 1 KiB",
          "C++ verify_signature/1024", "C++ floor_evp_mac/1024", "≤ 1.12"),
    Ratio("the same, 64 KiB", "C++ verify_signature/65536", "C++ floor_evp_mac/65536", "≤ 1.02"),
    Ratio("`receive` and commit over the same `EVP_MAC`, 1 KiB", "C++ receive/1024", "C++ floor_evp_mac/1024", "≤ 2.0"),
    Ratio("the same, 64 KiB", "C++ receive/65536", "C++ floor_evp_mac/65536", "≤ 2.0"),
    Ratio("C++ by hand (`HMAC()`, nlohmann-json, `std::list`) over `receive`, 1 KiB",
          "C++ by_hand/1024", "C++ receive/1024", "≥ 4"),
    Ratio("Go, stripe-go, over `receive`, 1 KiB", "Go stripe-go/1024", "C++ receive/1024", "≥ 1.5"),
    Ratio("Rust, standardwebhooks, over `receive`, 1 KiB", "Rust standardwebhooks/1024", "C++ receive/1024", "≥ 1.5"),
    Ratio("Python, standardwebhooks, over `Receiver.receive`, `data` not read, 1 KiB",
          "Python standardwebhooks/1024", "Python receive/1024", "≥ 4"),
    Ratio("the same, `data` read", "Python standardwebhooks/1024", "Python receive_and_read/1024", "≥ 1.5"),
    Ratio("Python, stripe, over `Receiver.receive`, `data` not read, 1 KiB",
          "Python stripe/1024", "Python receive/1024", "≥ 20"),
    Ratio("`std::list` and `std::unordered_map` over `lru_dedupe`, claim and commit among 1,000,000 events",
          "C++ store_unordered_map", "C++ store", "≥ 3"),
    Ratio("the same with Abseil's `flat_hash_map`", "C++ store_flat_hash_map", "C++ store", ""),
    Ratio("one thread over two, `verify_signature` with one verifier",
          "C++ verify_shared/threads:1", "C++ verify_shared/threads:2", "≥ 1.8"),
    Ratio("the same, `receive` with one store",
          "C++ receive_shared/threads:1", "C++ receive_shared/threads:2", "≥ 1.6"),
    Ratio("`puck-webhooks filter` over `receive`, each of 200,000 deliveries of 1 KiB",
          "command filter/1024", "C++ receive/1024", "≤ 3"),
    Ratio("a forged body of 1 KiB over `verify_signature`",
          "C++ refuse_forged/1024", "C++ verify_signature/1024", "≤ 1.15"),
]
SHOWN_IN_README = (0, 2, 4, 5, 6, 7, 8, 9, 10)


def is_ours(name: str) -> bool:
    return name in ("verify_signature", "verify", "receive", "receive_and_read")


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def ratio(times: Times, one: Ratio) -> str:
    first, second = (times.get((each.split(" ")[0], each.partition(" ")[2])) for each in (one.first, one.second))
    if first is None or second is None:
        return "skipped"
    return f"{first / second:.2f}" if first < 10 * second else f"{first / second:.0f}"


def ratios(times: Times) -> str:
    lines = [row(["what", "times", "goal"]), row(["---", "---:", "---:"])]
    lines += [row([one.what, ratio(times, one), one.goal]) for one in RATIOS]
    lines += [
        row([what, f"{times['C++', name]:.0f} {unit}", goal])
        for what, name, unit, goal in (
            ("a body over the limit, refused", "refuse_too_large/1024", "ns", "≤ 100 ns"),
            ("a garbage header, refused", "refuse_garbage/1024", "ns", "≤ 200 ns"),
            ("memory of `lru_dedupe` for one of 1,000,000 events", "store_bytes", "bytes", "≤ 72 bytes"),
        )
    ]
    return "".join(lines)


def microseconds(times: Times) -> str:
    lines = [row(["", *(f"{size:,} B" for size in SIZES)]), row(["---", *["---:"] * len(SIZES)])]
    names = {(language, name.partition("/")[0]) for language, name in times}
    whole = [each for each in names if all((each[0], f"{each[1]}/{size}") in times for size in SIZES)]
    for language, name in sorted(whole, key=lambda each: times[each[0], f"{each[1]}/1024"]):
        per_size = (times[language, f"{name}/{size}"] for size in SIZES)
        shown = f"**{language} {name}**" if is_ours(name) else f"{language} {name}"
        lines.append(row([shown, *(f"{ns / 1000:.3g}" if ns < 1e6 else f"{ns / 1000:.0f}" for ns in per_size)]))
    return "".join(lines)


def said_by(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine() -> str:
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    system = re.search(r'^PRETTY_NAME="(.+)"$', Path("/etc/os-release").read_text(), re.MULTILINE)
    extensions = re.findall(r"\b(sha_ni|avx2|avx512bw)\b", Path("/proc/cpuinfo").read_text().split("\n\n")[0])
    named = f"{cpu[1] if cpu else platform.machine()} ({', '.join(dict.fromkeys(extensions))})"
    return f"{named}, {os.cpu_count()} cores, {system[1] if system else platform.system()}"


LIBRARIES = ("libcrypto", "simdjson", "benchmark", "nlohmann_json", "absl_flat_hash_map")


def versions() -> str:
    libraries = [f"{name} {said_by('pkg-config', '--modversion', name)}" for name in LIBRARIES]
    commands = (("c++", "--version"), ("python3", "--version"), ("go", "version"), ("rustc", "--version"))
    tools = [said_by(*command) for command in commands]
    node = said_by("node", "--version")
    return "; ".join(each for each in [*libraries, *tools, f"Node {node}" if node else ""] if each)


def peer_versions() -> str:
    python = (HERE / "python/requirements.txt").read_text().split()
    node = json.loads((HERE / "node/package.json").read_text())["dependencies"]
    go = re.findall(r"^\s*(?:require )?(github\S+ v\S+)$", (HERE / "go/go.mod").read_text(), re.MULTILINE)
    rust = tomllib.loads((HERE / "rust/Cargo.toml").read_text())["dependencies"]
    wanted = ("stripe", "standardwebhooks", "svix", "slack_sdk", "cachetools")
    lists = {
        "Python": [one.replace("==", " ") for one in python if one.split("==")[0].replace("-", "_") in wanted],
        "Node": [f"{name} {version}" for name, version in node.items()],
        "Go": go,
        "Rust": [f"{name} {one if isinstance(one, str) else one['version']}" for name, one in rust.items()],
    }
    return " ".join(f"{language}: {', '.join(names)}." for language, names in lists.items())


METHOD = f"""All programs do one job with the same {EVENTS} deliveries of each size, which look like Puck's: they verify
the signature (and the timestamp, if the scheme has one), parse the JSON, and claim the id in a store. The store holds
half of the ids, so that each is new again the next time. Before each program the deliveries are signed again, for its
scheme. One round runs all programs, one after the other. C++ is measured by Google Benchmark: the median of 5
repetitions of 0.05 s each, in random order. The others are measured as the mean over 0.2 s, after a first round that
does not count. The tables show the median of all rounds. Times are wall-clock times for one delivery, in one thread.
In C++ the time of receipt is an argument; the other programs read the clock.

This library is in bold. The floors are the least that any implementation needs. `receive` checks the whole document,
but returns `data` as bytes. The peers in Go and Rust also keep `data` as it is. The others build objects of it, as
`receive_and_read` does with Python's json. Stripe's package for Python makes its own objects of everything that it
parses, which takes most of its time. `by_hand` is C++ with one-shot `HMAC()`, nlohmann-json, `std::list` and
`std::unordered_map`. In the rows for threads, each event is released.

The numbers are from one machine, which has other users too: compare within one column, not with other machines."""


def page(times: Times, rounds: int, skipped: list[str]) -> str:
    left_out = f"\nSkipped, because the toolchain is missing: {', '.join(skipped)}.\n" if skipped else ""
    return (
        "# Benchmarks\n\n`./run bench` writes this page.\n\n"
        f"{METHOD}\n\nMachine: {machine()}. {rounds} rounds.\n\n"
        f"Versions: {versions()}.\n\nPeers: {peer_versions()}\n{left_out}\n"
        f"## Ratios\n\n{ratios(times)}\n## Microseconds for one delivery\n\n{microseconds(times)}\n"
        "![Microseconds for one delivery of 1 KiB](results.svg)\n"
    )


def summary(times: Times) -> str:
    lines = [row(["the time of one, over that of the other", "times"]), row(["---", "---:"])]
    lines += [row([RATIOS[i].what, ratio(times, RATIOS[i])]) for i in SHOWN_IN_README]
    return "".join(lines) + f"\nOn {machine()}.\n"
