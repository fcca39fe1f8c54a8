"""The vectors that every language runs, through `filter`."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from support import OK, CliTest, Result, fingerprint, leaks, main, run

VECTORS = Path(__file__).resolve().parent.parent / "vectors"

Case = dict[str, Any]

# What a vector expects -> the key of the verdict. The rest (data, seconds, nanoseconds) is not part of a verdict.
SHOWN = {
    "reason": "reason",
    "timestamp": "timestamp",
    "skew_seconds": "skew_seconds",
    "secret_index": "secret_index",
    "secret_fingerprint": "secret_fingerprint",
    "event_id": "event_id",
    "event_type": "event_type",
    "emitted_at_text": "emitted_at",
    "api_version": "api_version",
    "severity": "severity",
}


def latin1(text: str | list[list[Any]]) -> bytes:
    """Bytes are written as Latin-1 text, or as runs of [text, count]."""
    if isinstance(text, str):
        return text.encode("latin-1")
    return b"".join(part.encode("latin-1") * count for part, count in text)


def one_line(secret: str | list[list[Any]]) -> bool:
    """Whether a file of secrets can hold it as it is."""
    content = latin1(secret)
    return (
        b"\n" not in content
        and not content.endswith(b"\r")
        and not content.strip().startswith(b"#")
        and bool(content.strip())
    )


def load(name: str) -> list[Case]:
    cases: list[Case] = json.loads((VECTORS / name).read_text(encoding="utf-8"))["cases"]
    assert cases, f"{name} has no cases"
    return cases


def as_line(case: Case) -> bytes:
    body = base64.b64encode(latin1(case["body"])).decode()
    entry = {"headers": case["headers"], "body_base64": body, "received_at": case["received_at"]}
    return json.dumps(entry).encode() + b"\n"


def grouped(cases: list[Case]) -> list[list[Case]]:
    """Cases that one run can judge: those with the same secrets and settings."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[json.dumps([case["secrets"], case.get("settings") or {}], sort_keys=True)].append(case)
    return list(groups.values())


def judge(cases: list[Case], *args: str) -> Result:
    settings = cases[0].get("settings") or {}
    for name in ("tolerance", "max_body"):
        if name in settings:
            args += (f"--{name.replace('_', '-')}", str(settings[name]))
    secrets = [latin1(secret) for secret in cases[0]["secrets"]]
    return run("filter", "-", "--dedupe", "none", *args, stdin=b"".join(map(as_line, cases)), secrets=secrets)


class Vectors(CliTest):
    def check(self, name: str) -> None:
        for cases in grouped(load(name)):
            verdicts = judge(cases).verdicts
            self.assertEqual(len(verdicts), len(cases))
            for number, (case, verdict) in enumerate(zip(cases, verdicts, strict=True), 1):
                with self.subTest(case["id"]):
                    expect = case["expect"]
                    self.check_verdict(verdict, expect["reason"], number)
                    shown = {key: verdict.get(SHOWN[key]) for key in expect if key in SHOWN}
                    self.assertEqual(shown, {key: expect[key] for key in shown})
                    if "secret_index" in verdict:
                        secret = latin1(case["secrets"][verdict["secret_index"]])
                        self.assertEqual(verdict["secret_fingerprint"], fingerprint(secret))

    def test_signatures(self) -> None:
        self.check("signature.json")

    def test_envelopes(self) -> None:
        self.check("envelope.json")

    def test_headers(self) -> None:
        self.check("headers.json")

    def test_a_conformance_suite_of_json(self) -> None:
        self.check("json_suite.json")

    def test_accepted_envelopes_come_out_byte_for_byte(self) -> None:
        for name in ("signature.json", "envelope.json", "headers.json", "json_suite.json"):
            for cases in grouped(load(name)):
                accepted = [case for case in cases if case["expect"]["reason"] == "ok"]
                events = judge(cases, "--events").stdout.split(b"\n")[:-1]
                self.assertEqual(len(events), len(accepted))
                for event, case in zip(events, accepted, strict=True):
                    on_one_line = latin1(case["body"]).replace(b"\r", b" ").replace(b"\n", b" ")
                    self.assertTrue(event == on_one_line, case["id"])


class Secrets(CliTest):
    """secrets.json: which secrets are refused, and what the others sign."""

    def sign(self, case: Case) -> Result:
        content = b"\n".join([b"# secrets", *map(latin1, case["secrets"])])
        path = self.secret_file("secrets", content)
        t = str(case.get("timestamp", 0))
        return run("sign", "--secret-file", path, "--timestamp", t, stdin=latin1(case.get("body", "")), secrets=())

    def test_each_is_refused_or_signs_as_an_independent_hmac_does(self) -> None:
        for case in load("secrets.json"):
            if not all(one_line(secret) for secret in case["secrets"]):
                continue  # in a file it would be a comment or the end of a line
            with self.subTest(case["id"]):
                result = self.sign(case)
                if not case["expect"]["accepted"]:
                    self.check_usage_error(result)
                elif "header" in case:
                    self.assertEqual(result.stdout.decode(), case["header"] + "\n")
                else:
                    self.assertEqual(result.code, OK)


class Recorded(CliTest):
    def test_recorded_deliveries(self) -> None:
        deliveries, ring = VECTORS / "recorded.ndjson", VECTORS / "recorded.secrets"
        expected = [json.loads(text)["expect"] for text in deliveries.read_bytes().splitlines()]
        self.assertTrue(expected, "nothing is recorded")
        result = run("filter", deliveries, "--secret-file", ring, secrets=())
        self.check_reasons(result.verdicts, expected)
        secrets = [text for text in ring.read_bytes().splitlines() if text and not text.startswith(b"#")]
        self.assertEqual(leaks(result.stdout + result.stderr, secrets), [])


if __name__ == "__main__":
    main()
