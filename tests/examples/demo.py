#!/usr/bin/env python3
"""Judges the recorded deliveries with the command line, and shows a person the result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
RECORDED = VECTORS / "recorded.ndjson"
SECRETS = VECTORS / "recorded.secrets"

Row = tuple[str, str, str, str]
TITLES: Row = ("what came in", "verdict", "reason", "answer")
COLOURS = {"accepted": "32", "duplicate": "36", "rejected": "31", "error": "35"}

LEGEND = """\
What Puck does after each answer:
  2xx  It is done with the event.
  4xx  It gives the event up and never sends it again, so this is only for what no retry can mend.
  5xx  It sends the event again later, with a fresh signature.
"""

TRY_IT = """\
Try a delivery of your own, in bash and from the repository's root. Change $body before the last line: it is rejected.

export PUCK_WEBHOOK_SECRETS={secret}
body='{body}'
signature=$({tool} sign <<< "$body")
{tool} verify --header "X-Puck-Signature: $signature" <<< "$body"
"""
TOOL_FROM_ROOT = "build/release/bindings/cli/puck-webhooks"
BODY = (
    '{"event_id":"018f2e3a-1c47-7a12-b321-aabbccddeeff","event_type":"finding.discovered",'
    '"emitted_at":"2026-05-03T14:22:01Z","api_version":"v1","data":{}}'
)


def read_secrets() -> list[str]:
    return [line for line in SECRETS.read_text().splitlines() if line and not line.startswith("#")]


def judge(tool: str) -> list[dict[str, Any]]:
    """The tool's verdicts on the recorded lines, in their order."""
    environment = os.environ | {"PUCK_WEBHOOK_SECRETS": " ".join(read_secrets())}
    done = subprocess.run([tool, "filter", str(RECORDED)], stdout=subprocess.PIPE, env=environment, check=False)
    if done.returncode not in (0, 1, 3):  # 1: something was rejected, 3: or could not be decided, as it should be
        sys.exit(f"demo: {tool} failed with exit code {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(rows: list[Row]) -> str:
    widths = [max(map(len, column)) for column in zip(TITLES, *rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def line(row: tuple[str, ...]) -> str:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if in_colour and row[1] in COLOURS:
            cells[1] = f"\033[{COLOURS[row[1]]}m{cells[1]}\033[0m"
        return "  ".join(cells).rstrip()

    return "\n".join(map(line, [TITLES, rule, *rows]))


def surprises(recorded: list[dict[str, Any]], verdicts: list[dict[str, Any]]) -> list[str]:
    """What did not come out as expected, in words."""
    wrong = [
        f"{delivery['name']}: expected {delivery['expect']}, got {verdict['reason']}"
        for delivery, verdict in zip(recorded, verdicts, strict=False)
        if verdict["reason"] != delivery["expect"]
    ]
    if len(verdicts) != len(recorded):
        wrong.append(f"{len(recorded)} deliveries went in, but {len(verdicts)} verdicts came out")
    return wrong


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: demo.py PATH_OF_TOOL")
    recorded = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    verdicts = judge(sys.argv[1])
    rows = [
        (delivery["name"], verdict["verdict"], verdict["reason"], str(verdict["http_status"]))
        for delivery, verdict in zip(recorded, verdicts, strict=False)
    ]

    print(f"{len(recorded)} recorded deliveries, judged by puck-webhooks filter in their order, each as of the time")
    print("at which it was received. The answer is the HTTP status that a receiver should give to Puck.\n")
    print(table(rows), end="\n\n", flush=True)
    wrong = surprises(recorded, verdicts)
    if wrong:
        sys.exit("demo: this is not what was expected:\n  " + "\n  ".join(wrong))
    print(LEGEND)
    print(TRY_IT.format(secret=read_secrets()[0], body=BODY, tool=TOOL_FROM_ROOT), end="")


if __name__ == "__main__":
    main()
