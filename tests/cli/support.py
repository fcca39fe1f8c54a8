"""What all tests of the command line share: deliveries to judge, and ways to start the tool.

The tool is a black box here. Signatures come from Python's hmac, and the only clock is the one that a test passes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOW = 1_777_818_121
EVENT_ID = "018f2e3a-1c47-7a12-b321-aabbccddeeff"
EMITTED_AT = "2026-05-03T14:22:01Z"

SECRET = "whsec_the-current-secret-of-these-tests"
OLD_SECRET = "whsec_the-one-that-is-being-rotated-out"
UNKNOWN_SECRET = "whsec_the-one-that-nobody-configured"
DEFAULT_VARIABLE = "PUCK_WEBHOOK_SECRETS"

OK, REJECTED, USAGE, UNDECIDED = 0, 1, 2, 3  # exit codes
ABSENT: Any = object()  # envelope(data=ABSENT) has no data
TIMEOUT = 300.0  # for a hang, not for a slow machine

Verdict = dict[str, Any]

# reason -> verdict, http_status, retryable
REASONS: dict[str, tuple[str, int, bool]] = {
    "ok": ("accepted", 200, False),
    "missing_signature": ("rejected", 401, False),
    "malformed_signature": ("rejected", 401, False),
    "unsupported_scheme": ("rejected", 401, False),
    "signature_mismatch": ("rejected", 401, False),
    "timestamp_too_old": ("rejected", 503, True),
    "timestamp_too_new": ("rejected", 503, True),
    "payload_too_large": ("rejected", 413, False),
    "invalid_json": ("rejected", 400, False),
    "duplicate_key": ("rejected", 400, False),
    "missing_field": ("rejected", 400, False),
    "wrong_type": ("rejected", 400, False),
    "invalid_event_id": ("rejected", 400, False),
    "invalid_event_type": ("rejected", 400, False),
    "invalid_emitted_at": ("rejected", 400, False),
    "unsupported_api_version": ("rejected", 400, False),
    "header_mismatch": ("rejected", 400, False),
    "duplicate": ("duplicate", 200, False),
    "invalid_argument": ("error", 500, True),
}
EXIT_CODES = {"accepted": OK, "duplicate": OK, "rejected": REJECTED, "error": UNDECIDED}

ALWAYS = ["verdict", "reason", "http_status", "retryable", "detail"]
ONCE_AUTHENTIC = ["timestamp", "skew_seconds", "secret_index", "secret_fingerprint"]
ONCE_PARSED = ["event_id", "event_type", "emitted_at", "api_version", "severity"]
NOT_AUTHENTIC = {
    "missing_signature",
    "malformed_signature",
    "unsupported_scheme",
    "signature_mismatch",
    "payload_too_large",
    "invalid_argument",
}
PARSED = {"ok", "header_mismatch", "duplicate"}


# --- deliveries ---------------------------------------------------------------------------------------------------


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def mac(secret: str | bytes, t: int | str, body: bytes) -> str:
    return hmac.new(as_bytes(secret), f"{t}.".encode() + body, hashlib.sha256).hexdigest()


def sign(secret: str | bytes | Sequence[str | bytes], t: int | str, body: bytes) -> str:
    """The header's value, with one v1 for each secret."""
    secrets = [secret] if isinstance(secret, (str, bytes)) else secret
    return f"t={t}" + "".join(f",v1={mac(s, t, body)}" for s in secrets)


def fingerprint(secret: str | bytes) -> str:
    return hashlib.sha256(b"puck-webhooks/secret-fingerprint/v1\0" + as_bytes(secret)).hexdigest()[:8]


def fields(**overrides: Any) -> dict[str, Any]:
    event = {
        "event_id": EVENT_ID,
        "event_type": "investigation.completed",
        "emitted_at": EMITTED_AT,
        "api_version": "v1",
        "data": {"investigation_id": "inv_018f2e3a", "severity": "high", "finding_count": 3},
    } | overrides
    return {name: value for name, value in event.items() if value is not ABSENT}


def envelope(**overrides: Any) -> bytes:
    return json.dumps(fields(**overrides), separators=(",", ":"), ensure_ascii=False).encode()


def event_id(n: int) -> str:
    return f"018f2e3a-1c47-7a12-b321-{n:012x}"


Headers = Mapping[str, str] | Sequence[tuple[str, str]]


def line(
    body: bytes | None = None,
    *,
    t: int = NOW,
    secret: str | bytes = SECRET,
    signature: str | None = None,
    headers: Headers | None = None,
    received_at: int | None = NOW,
    in_base64: bool = False,
    **extra: Any,
) -> bytes:
    """One line for `filter`: a genuine delivery, unless an argument spoils it; `headers` replace the signature."""
    body = envelope() if body is None else body
    entry: dict[str, Any] = {
        "headers": {"X-Puck-Signature": signature or sign(secret, t, body)} if headers is None else headers
    }
    if in_base64:
        entry["body_base64"] = base64.b64encode(body).decode()
    else:
        entry["body"] = body.decode()
    if received_at is not None:
        entry["received_at"] = received_at
    return json.dumps(entry | extra).encode() + b"\n"


def entry(**changes: Any) -> bytes:
    """A good line, with keys changed or, if ABSENT, left out."""
    body = envelope()
    content = {"headers": signed(body), "body": body.decode(), "received_at": NOW} | changes
    return json.dumps({key: value for key, value in content.items() if value is not ABSENT}).encode() + b"\n"


def signed(body: bytes, **others: str) -> dict[str, str]:
    """Headers with the right signature; X_Puck_Event_Id="…" adds X-Puck-Event-Id."""
    return {"X-Puck-Signature": sign(SECRET, NOW, body)} | {name.replace("_", "-"): v for name, v in others.items()}


# --- the tool -----------------------------------------------------------------------------------------------------

TOOL: list[Path] = []  # main() puts the binary's path here


def tool() -> str:
    return str(TOOL[0])


def environment(secrets: Sequence[str | bytes] = (), **others: str | bytes) -> dict[str, Any]:
    """Nothing is inherited but PATH: a secret of the person who runs the tests must not decide one."""
    env: dict[str, Any] = {"PATH": os.environ.get("PATH", os.defpath)} | others
    if secrets:
        env[DEFAULT_VARIABLE] = b" ".join(as_bytes(secret) for secret in secrets)
    return env


@dataclass(frozen=True)
class Result:
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def words(self) -> str:
        return self.stderr.decode(errors="replace")

    @property
    def verdicts(self) -> list[Verdict]:
        return read_verdicts(self.stdout)

    @property
    def verdict(self) -> Verdict:
        (only,) = self.verdicts
        return only


def read_verdicts(output: bytes) -> list[Verdict]:
    assert not output or output.endswith(b"\n"), "the last line has no end"
    return [json.loads(text) for text in output.split(b"\n")[:-1]]


def reasons(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict["reason"] for verdict in verdicts]


def leaks(output: bytes, secrets: Sequence[str | bytes] = (), *, macs: bool = True) -> list[str]:
    """What no output may ever show: a secret, or a word of 64 hex digits, which could only be a signature."""
    known = {as_bytes(secret) for secret in (SECRET, OLD_SECRET, UNKNOWN_SECRET, *secrets)}
    found = [f"a secret: {secret!r}" for secret in known if secret in output]
    if macs and re.search(rb"(?<![0-9A-Za-z])[0-9a-fA-F]{64}(?![0-9A-Za-z])", output):
        found.append("a signature")
    return found


def run(
    *args: str | Path, stdin: bytes = b"", secrets: Sequence[str | bytes] = (SECRET,), **env: str | bytes
) -> Result:
    """Starts the tool, and fails if it is killed by a signal or shows a secret, whatever the test is about."""
    command = [tool(), *map(str, args)]
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment(secrets, **env), timeout=TIMEOUT)
    assert done.returncode >= 0, f"killed by signal {-done.returncode}: {done.stderr!r}"
    shown = leaks(done.stdout, secrets, macs=args[:1] != ("sign",) and "--events" not in args)
    shown += leaks(done.stderr, secrets)
    assert not shown, f"the output shows {shown}"
    return Result(done.returncode, done.stdout, done.stderr)


# The peak that wait4 reports for a child is at least that of the process which started it, so a small one must.
METER = """
import os, sys
source, target, *command = sys.argv[1:]
files = [(os.POSIX_SPAWN_OPEN, 0, source, os.O_RDONLY, 0),
         (os.POSIX_SPAWN_OPEN, 1, target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
_, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=files), 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


def run_measured(*args: str | Path, source: Path, target: Path) -> tuple[int, int, str]:
    """Runs the tool from file to file; gives its exit code, its peak memory in KiB, and what it said on stderr."""
    env = environment((SECRET,), ASAN_OPTIONS="quarantine_size_mb=0:thread_local_quarantine_size_kb=0")
    command = [sys.executable, "-S", "-E", "-c", METER, str(source), str(target), tool(), *map(str, args)]
    done = subprocess.run(command, capture_output=True, env=env, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    code, peak = map(int, done.stdout.split())
    return code, peak, done.stderr.decode(errors="replace")


class CliTest(unittest.TestCase):
    """A folder of its own for each test, and the checks that hold for every verdict."""

    maxDiff = 4000

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="puck-webhooks-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def secret_file(self, name: str, content: bytes) -> Path:
        """A file that only its owner may read, so that nothing is said of it."""
        path = self.file(name, content)
        path.chmod(0o600)
        return path

    def check_verdict(self, verdict: Verdict, reason: str, line: int | None = None) -> None:
        """The whole promise that a reason makes: word, status, retryable, and which keys in which order; and, of a
        verdict of `filter`, the number of its line."""
        self.assertEqual(verdict["reason"], reason, verdict)
        self.assertEqual((verdict["verdict"], verdict["http_status"], verdict["retryable"]), REASONS[reason])
        self.assertIsInstance(verdict["detail"], str)
        self.assertTrue(verdict["detail"] or reason == "ok", "a detail says what is wrong")
        expected = ["line", *ALWAYS] if line is not None else list(ALWAYS)
        self.assertEqual(verdict.get("line"), line)
        if reason not in NOT_AUTHENTIC:
            expected += ONCE_AUTHENTIC
        if reason in PARSED:
            expected += ONCE_PARSED
        self.assertEqual(list(verdict), expected)

    def check_reasons(self, verdicts: Sequence[Verdict], expected: Sequence[str]) -> None:
        """Like assertEqual, which would compare long lists for hours."""
        found = reasons(verdicts)
        for n, (reason, wanted) in enumerate(zip(found, expected, strict=False)):
            if reason != wanted:
                self.fail(f"line {n + 1} must be {wanted}, but is {verdicts[n]}")
        self.assertEqual(len(found), len(expected), "one verdict for each line")

    def check_usage_error(self, result: Result, *mentions: str) -> None:
        self.assertEqual(result.code, USAGE, result)
        self.assertEqual(result.stdout, b"", "words go to stderr")
        for text in mentions or ("",):
            self.assertIn(text, result.words)
        self.assertTrue(result.words.strip(), "a usage error is explained")

    def verify(
        self,
        body: bytes,
        *headers: str,
        args: Sequence[str | Path] = (),
        at: int = NOW,
        secrets: Sequence[str | bytes] = (SECRET,),
    ) -> Result:
        """Judges one delivery whose body comes by stdin."""
        given = [part for header in headers for part in ("--header", header)]
        return run("verify", "--at", str(at), *given, *args, stdin=body, secrets=secrets)

    def check_verify(
        self,
        reason: str,
        body: bytes,
        *headers: str,
        args: Sequence[str | Path] = (),
        at: int = NOW,
        secrets: Sequence[str | bytes] = (SECRET,),
    ) -> Verdict:
        result = self.verify(body, *headers, args=args, at=at, secrets=secrets)
        verdict = result.verdict
        self.check_verdict(verdict, reason)
        self.assertEqual(result.code, EXIT_CODES[verdict["verdict"]])
        return verdict

    def filter(
        self, *lines: bytes, args: Sequence[str | Path] = (), secrets: Sequence[str | bytes] = (SECRET,)
    ) -> Result:
        return run("filter", "-", *args, stdin=b"".join(lines), secrets=secrets)

    def check_filter(self, expected: Sequence[str], *lines: bytes, args: Sequence[str | Path] = ()) -> list[Verdict]:
        """One line in, one verdict out, in order; and the exit code that follows from them."""
        result = self.filter(*lines, args=args)
        self.check_reasons(result.verdicts, expected)
        for number, (verdict, reason) in enumerate(zip(result.verdicts, expected, strict=True), 1):
            self.check_verdict(verdict, reason, number)
        self.assertEqual(result.code, max((EXIT_CODES[v["verdict"]] for v in result.verdicts), default=OK))
        return result.verdicts


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: {sys.argv[0]} PATH_OF_BINARY [unittest arguments]")
    TOOL.append(Path(sys.argv[1]).resolve(strict=True))
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
