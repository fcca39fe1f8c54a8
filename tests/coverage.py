#!/usr/bin/env python3
"""Reports which lines and branches of the core and of the stores the tests reach.

Fails if they are too few, or if a gap of the core is not explained. The gaps of the stores are answers of engines that
C++'s tests do not make; tests/stores/test_faults.py makes more of them, from outside.

    coverage.py BUILD LLVM_COV LLVM_PROFDATA

BUILD is the folder of the preset `coverage`; its tests must have run. A page for each file is written to BUILD/report.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORES = "src/stores/"
LOWEST = {"the core": {"lines": 98.0, "branches": 95.0}, "the stores": {"lines": 92.0, "branches": 80.0}}

# file, a part of the line, why no test reaches it
EXPLAINED = [
    ("src/json_scan.cpp", "get_available_implementations()", "every tested machine supports the first one"),
    ("src/json_scan.cpp", "supported_by_runtime_system()", "the same"),
    ("src/json_scan.cpp", "builtin_implementation()", "simdjson has an implementation for every machine"),
    ("src/json_scan.cpp", "default: return scan_fault::unusable", "simdjson's first stage gives no other error"),
    ("src/hmac.cpp", "first.equals(second", "it differs only with OpenSSL 3.0.0 to 3.0.2, which no tested system has"),
    ("src/hmac.cpp", "EVP_MAC_final", "the last step of OpenSSL's HMAC-SHA256 needs no memory, and writes 32 bytes"),
    ("src/hmac.cpp", "written ==", "the same"),
    ("src/hmac.cpp", "EVP_Digest", "SHA-256 does not fail after its context was made"),
    ("src/lru_dedupe.cpp", "std::random_device has no source", "every tested system has one"),
    ("src/hmac.cpp", "&& EVP_MAC_update", "SHA-256 does not fail after its context was made"),
    ("include/puck/clock.hpp", "clock_gettime(", "Linux has the coarse clock"),
    ("include/puck/clock.hpp", "steady_clock::now()", "the same"),
    ("src/pool.hpp", "kept.exchange(nullptr", "another thread takes the object between the look and the exchange"),
    ("src/envelope.cpp", "switch (fault)", "tests/exit gets the last case, after the profile is written"),
    ("src/envelope.cpp", "case scan_fault::unusable", "the same"),
    ("src/envelope.cpp", "return error(reason::internal,", "the same"),
    ("src/json_scan.cpp", "~factory()", "the same"),
    ("src/json_scan.cpp", "makers > 0", "the same"),
    ("src/json_scan.cpp", "if (can_make)", "the same"),
    ("src/json_scan.cpp", "create_dom_parser_implementation(least", "every tested simdjson passes the self-test"),
    ("src/json_scan.cpp", "list_tokens(*made", "the same"),
    ("src/json_scan.cpp", "std::equal(std::begin(expected)", "the same"),
    ("src/json_scan.cpp", "!is_scannable(size", "only on 32 bits; the rule has a test of its own"),
    ("src/lru_dedupe.cpp", "while (last_token_ == 0)", "once in 2^63 claims"),
]


def export(build: Path, llvm_cov: str, llvm_profdata: str) -> dict[str, dict]:
    profile = build / "all.profdata"
    raw = [str(each) for each in (build / "profiles").glob("*.profraw")]
    if not raw:
        sys.exit("There are no profiles: the tests of the preset coverage have not run.")
    subprocess.run([llvm_profdata, "merge", "-o", profile, *raw], check=True)
    programs = [build / "tests/unit_tests", "-object", build / "tests/stores/store_tests",
                "-object", build / "bindings/cli/puck-webhooks"]
    common = [*programs, f"-instr-profile={profile}", ROOT / "src", ROOT / "include"]
    subprocess.run([llvm_cov, "show", *common, "-format=html", f"-output-dir={build / 'report'}"], check=True,
                   stderr=subprocess.DEVNULL)
    out = subprocess.run([llvm_cov, "export", *common], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    files = json.loads(out.stdout)["data"][0]["files"]
    return {str(Path(each["filename"]).relative_to(ROOT)): each for each in files}


def missed_branches(file: dict) -> Iterator[int]:
    """Lines with a branch that was always taken or never taken, over all instances of a template."""
    times: dict[tuple[int, ...], Counter] = {}
    for begin, column, end, end_column, taken, not_taken, *_ in file["branches"]:
        counts = times.setdefault((begin, column, end, end_column), Counter())
        counts["taken"] += taken
        counts["not taken"] += not_taken
    yield from (place[0] for place, counts in times.items() if 0 in (counts["taken"], counts["not taken"]))


def missed_lines(file: dict) -> Iterator[int]:
    """Lines where code begins that never ran. A segment is: line, column, count, has a count, begins code, is a gap."""
    for line, _, count, has_count, begins, is_gap in file["segments"]:
        if has_count and begins and not is_gap and count == 0:
            yield line


def main(build: Path, llvm_cov: str, llvm_profdata: str) -> int:
    files = export(build, llvm_cov, llvm_profdata)
    is_good = True
    stores = {path: file for path, file in files.items() if path.startswith(STORES)}
    core = {path: file for path, file in files.items() if path not in stores}
    for (part, lowest_of), measured in zip(LOWEST.items(), (core, stores), strict=True):
        for kind, lowest in lowest_of.items():
            covered, count = (
                sum(each["summary"][kind][key] for each in measured.values()) for key in ("covered", "count")
            )
            percent = 100 * covered / count
            is_good &= percent >= lowest
            print(f"{part}, {kind}: {covered} of {count}, {percent:.2f} % (at least {lowest:.0f} %)")
    for path, file in core.items():
        source = (ROOT / path).read_text(encoding="utf-8").splitlines()
        for line in sorted({*missed_branches(file), *missed_lines(file)}):
            text = source[line - 1].strip()
            why = next((why for of, piece, why in EXPLAINED if of == path and piece in text), None)
            print(f"{path}:{line}: {text}\n    {why or 'NOT EXPLAINED: test it, or explain it in tests/coverage.py'}")
            is_good &= why is not None
    for path, piece, _ in EXPLAINED:
        if piece not in (ROOT / path).read_text(encoding="utf-8"):
            print(f"{path}: {piece}\n    EXPLAINED, but this line does not exist")
            is_good = False
    print(f"The report is in {build / 'report/index.html'}.")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
