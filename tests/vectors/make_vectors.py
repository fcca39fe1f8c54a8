#!/usr/bin/env python3
"""Writes the test vectors beside this script; with --check, only says whether they are up to date.

Nothing here reads a clock, and what is random has a fixed seed: the same script always writes the same bytes. The MACs
come from Python's hmac, the verdicts from the contract, and neither from the library that is tested.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True  # the generator leaves nothing but the vectors

from generator import dedupe_urls, envelope, headers, json_suite, recorded, rfc4231, secrets, signature, stores  # noqa: E402
from generator.delivery import Case  # noqa: E402
from generator.secret_rules import mistake_among  # noqa: E402
from generator.strict_json import is_json_object  # noqa: E402

HERE = Path(__file__).resolve().parent
SIZE_LIMIT = 2_000_000
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

SUITES: Mapping[str, tuple[str, list[Case]]] = {
    f"{module.__name__.rpartition('.')[2]}.json": (module.ABOUT, module.cases())
    for module in (signature, secrets, rfc4231, envelope, headers, json_suite, stores, dedupe_urls)
}


def json_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def suite_text(about: str, cases: Sequence[Case]) -> str:
    """One case per line, so that a change of one case is a change of one line."""
    lines = ",\n".join(map(json_line, cases))
    return f'{{"about": {json_line(about)}, "cases": [\n{lines}\n]}}\n'


def check_ids(file: str, cases: Iterable[Case]) -> None:
    """Every id is kebab-case and occurs once in its file."""
    for case_id, count in Counter(case["id"] for case in cases).items():
        assert count == 1, f"{file}: the id {case_id} occurs {count} times"
        assert KEBAB.fullmatch(case_id), f"{file}: the id {case_id} is not kebab-case"


def body_bytes(body: str | list[tuple[str, int]]) -> bytes:
    pieces = [(body, 1)] if isinstance(body, str) else body
    return b"".join(piece.encode("latin-1") * count for piece, count in pieces)


def check_secrets(file: str, cases: Iterable[Case]) -> None:
    """A verifier can be built for every case."""
    for case in cases:
        mistake = mistake_among([secret.encode("latin-1") for secret in case["secrets"]])
        assert mistake is None, f"{file}: a secret of {case['id']}: {mistake}"


def check_json(file: str, cases: Iterable[Case]) -> None:
    """A strict decoder must agree about every body that was parsed at all."""
    for case in cases:
        expect = case["expect"]
        if "timestamp" not in expect or expect["reason"].startswith("timestamp_"):
            continue
        agreed = is_json_object(body_bytes(case["body"])) == (expect["reason"] != "invalid_json")
        assert agreed, f"{file}: Python's decoder disagrees about {case['id']}"


def check_all() -> None:
    for file, (_, cases) in SUITES.items():
        check_ids(file, cases)
        if file in ("signature.json", "envelope.json", "headers.json", "json_suite.json"):
            check_secrets(file, cases)
            check_json(file, cases)


def contents() -> dict[str, str]:
    """The text of every file, by name."""
    made = {file: suite_text(about, cases) for file, (about, cases) in SUITES.items()}
    made["recorded.ndjson"] = "".join(json_line(line) + "\n" for line in recorded.lines())
    made["recorded.secrets"] = recorded.SECRETS_FILE
    size = sum(map(len, made.values()))
    assert size <= SIZE_LIMIT, f"the vectors have grown to {size} bytes"
    return made


def difference(file: str, wanted: str) -> str | None:
    """How the file beside the script differs from the wanted text, in words."""
    path = HERE / file
    if not path.exists():
        return "is missing"
    found = path.read_bytes().decode("ascii", errors="replace")
    if found == wanted:
        return None
    pairs = zip(found.split("\n"), wanted.split("\n"), strict=False)
    number = next((number for number, (ours, theirs) in enumerate(pairs, 1) if ours != theirs), None)
    return f"differs from line {number} on" if number else "has another length"


def check_files(files: Mapping[str, str]) -> int:
    stale = {file: words for file, wanted in files.items() if (words := difference(file, wanted))}
    for file, words in stale.items():
        print(f"{file} {words}: run {Path(__file__).name} and commit what it writes", file=sys.stderr)
    return 1 if stale else 0


def write_files(files: Mapping[str, str]) -> int:
    for file, wanted in files.items():
        (HERE / file).write_bytes(wanted.encode("ascii"))
    return 0


def print_counts(files: Mapping[str, str]) -> None:
    for file, wanted in files.items():
        count = (
            len(SUITES[file][1]) if file in SUITES else sum(not line.startswith("#") for line in wanted.splitlines())
        )
        print(f"{file:18} {count:5} cases {len(wanted):8} bytes")


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the test vectors beside this script.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    arguments = parser.parse_args()
    check_all()
    files = contents()
    status = check_files(files) if arguments.check else write_files(files)
    print_counts(files)
    return status


if __name__ == "__main__":
    sys.exit(main())
