"""`verify --ndjson` on long, large and slow inputs: every verdict in its place, memory bounded, nothing held back."""
from __future__ import annotations

import json
import os
import random
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from support import (NOW, OK, SECRET, TIMEOUT, UNDECIDED, UNKNOWN_SECRET, USAGE, CliTest, Verdict, envelope, environment,
                     event_id, leaks, line, main, read_verdicts, run_measured, signed, tool)

TEN_MB = 10_000_000
GARBAGE = (b"garbage\n", b"\n", b"\0\xff{\n", b"{}\n", b'{"headers":{},"body":"\n')

Delivery = tuple[bytes, str, str | None]  # the line, the reason that it must get, and the event id that must be shown


def deliveries(count: int, seed: int = 20260503) -> Iterator[Delivery]:
    """Good, repeated, forged, stale, broken and absurd deliveries, well shuffled and always the same."""
    random_ = random.Random(seed)
    accepted: list[str] = []
    for n in range(count):
        kind = random_.randrange(10)
        ident = event_id(n)
        body = envelope(event_id=ident, data={"n": n, "padding": "é" * random_.randrange(300)})
        clock = random_.choice((NOW, None))  # None: the line has no received_at, and --at decides
        in_base64 = random_.random() < 0.5
        if kind == 0:
            yield random_.choice(GARBAGE), "invalid_argument", None
        elif kind == 1:
            yield line(body, secret=UNKNOWN_SECRET, received_at=clock, in_base64=in_base64), "signature_mismatch", None
        elif kind == 2:
            t, reason = random_.choice(((NOW - 301, "timestamp_too_old"), (NOW + 301, "timestamp_too_new")))
            yield line(body, t=t, received_at=clock, in_base64=in_base64), reason, None
        elif kind == 3:
            yield line(body, headers={"Host": "example.org"}, received_at=clock), "missing_signature", None
        elif kind == 4:
            yield line(body[:-1], received_at=clock, in_base64=in_base64), "invalid_json", None
        elif kind == 5:
            lying = signed(body, X_Puck_Event_Id=event_id(n + 1))
            yield line(body, headers=lying, received_at=clock), "header_mismatch", ident
        elif kind == 6 and accepted:
            again = random_.choice(accepted[-1000:])
            yield line(envelope(event_id=again.upper()), received_at=clock, in_base64=in_base64), "duplicate", again
        else:
            accepted.append(ident)
            yield line(body, received_at=clock, in_base64=in_base64), "ok", ident


class LongInput(CliTest):
    def judge(self, count: int) -> tuple[list[Verdict], list[Delivery], int]:
        expected = list(deliveries(count))
        source = self.file("in.ndjson", b"".join(text for text, _, _ in expected))
        target = self.folder / "out.ndjson"
        code, peak, words = run_measured("verify", "--ndjson", source, "--at", str(NOW), source=Path(os.devnull), target=target)
        self.assertEqual((code, words), (UNDECIDED, ""))
        output = target.read_bytes()
        self.assertEqual(leaks(output), [])
        return read_verdicts(output), expected, peak

    def test_a_hundred_thousand_deliveries_in_order_and_in_bounded_memory(self) -> None:
        _, _, small = self.judge(10_000)
        verdicts, expected, large = self.judge(100_000)
        self.check_reasons(verdicts, [reason for _, reason, _ in expected])
        for verdict, (_, reason, ident) in zip(verdicts, expected):
            self.check_verdict(verdict, reason)
            self.assertEqual(verdict.get("event_id"), ident)
        self.assertLess(large - small, 16 << 10, "KiB more for ten times as many lines")


class LongLines(CliTest):
    def lines(self) -> list[tuple[bytes, str]]:
        noise = random.Random(7).randbytes(TEN_MB).replace(b"\n", b"\0")
        too_long = envelope().ljust(TEN_MB)
        garbage = (b"x" * TEN_MB, b"\0" * TEN_MB, noise, b" " * TEN_MB, b"[" * TEN_MB, b'{"headers":{},"body":"' + b"a" * TEN_MB)
        return [*((text + b"\n", "invalid_argument") for text in garbage),
                (line(too_long), "payload_too_large"), (line(too_long, in_base64=True), "payload_too_large"),
                (line(too_long, headers={}), "payload_too_large"), (line(), "ok")]

    def judge(self, rounds: int) -> tuple[list[Verdict], int]:
        source = self.file("in.ndjson", b"".join(text for text, _ in self.lines()) * rounds)
        target = self.folder / "out.ndjson"
        _, peak, _ = run_measured("verify", "--ndjson", "-", "--no-dedupe", source=source, target=target)
        return read_verdicts(target.read_bytes()), peak

    def test_ten_megabytes_of_anything_are_one_line_and_are_not_kept(self) -> None:
        expected = [reason for _, reason in self.lines()]
        twice, small = self.judge(2)  # once is not enough for buffers that grow step by step
        self.check_reasons(twice, expected * 2)
        often, large = self.judge(5)
        self.check_reasons(often, expected * 5)
        self.assertLess(large - small, 32 << 10, "KiB more for 280 MB more")

    def test_a_long_last_line_without_an_end(self) -> None:
        for tail, reason in self.lines()[:7]:
            self.check_filter(["ok", reason], line(), tail.rstrip(b"\n"))

    def test_many_empty_lines(self) -> None:
        result = self.filter(b"\n" * 100_000, line())
        self.check_reasons(result.verdicts, ["invalid_argument"] * 100_000 + ["ok"])


class SlowInput(CliTest):
    """The tool gets a line, and the next one only after its answer has been read: held-back output would hang."""

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([tool(), "verify", "--ndjson", "-", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment((SECRET,)), bufsize=0)
        self.addCleanup(self.stop, process)
        return process

    @staticmethod
    def stop(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.communicate()

    def hear(self, stream: IO[bytes] | None) -> bytes:
        """The next line, which must come without anything more being said."""
        assert stream is not None
        text = b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([stream], [], [], 60)
            self.assertTrue(ready, f"no answer to a whole line, only {text!r}")
            chunk = os.read(stream.fileno(), 1)
            self.assertTrue(chunk, f"the output ended after {text!r}")
            text += chunk
        return text

    def say(self, process: subprocess.Popen[bytes], text: bytes) -> None:
        assert process.stdin is not None
        process.stdin.write(text)

    def finish(self, process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
        output, _ = process.communicate(timeout=TIMEOUT)
        return process.returncode, output

    def test_every_line_is_answered_before_the_next_is_written(self) -> None:
        process = self.start("--at", str(NOW))
        for text, reason, _ in deliveries(50):
            self.say(process, text)
            self.check_verdict(json.loads(self.hear(process.stdout)), reason)
        self.assertEqual(self.finish(process), (UNDECIDED, b""))

    def test_a_whole_line_is_answered_although_the_next_has_begun(self) -> None:
        process = self.start("--no-dedupe")
        whole = line()
        self.say(process, whole + whole + whole[:40])
        for _ in range(2):
            self.assertEqual(json.loads(self.hear(process.stdout))["reason"], "ok")
        self.say(process, whole[40:80])
        self.say(process, whole[80:])
        self.assertEqual(json.loads(self.hear(process.stdout))["reason"], "ok")
        self.assertEqual(self.finish(process), (OK, b""))

    def test_events_and_rejects_are_not_held_back_either(self) -> None:
        process = self.start("--events")
        for n in range(3):
            body = envelope(event_id=event_id(n))
            self.say(process, line(body))
            self.assertEqual(self.hear(process.stdout), body + b"\n")
            self.say(process, line(body, secret=UNKNOWN_SECRET))
            self.assertEqual(json.loads(self.hear(process.stderr))["reason"], "signature_mismatch")

    def test_a_reader_that_leaves_ends_the_run(self) -> None:
        process = self.start("--no-dedupe")
        assert process.stdin is not None and process.stdout is not None
        process.stdout.close()
        try:
            for _ in range(10_000):
                process.stdin.write(line())
            process.stdin.close()
        except BrokenPipeError:
            pass
        self.assertNotEqual(process.wait(timeout=TIMEOUT), OK)

    def test_output_that_cannot_be_written_is_not_a_yes(self) -> None:
        source = self.file("in.ndjson", line() * 1000)
        code, _, words = run_measured("verify", "--ndjson", "-", "--no-dedupe", source=source, target=Path("/dev/full"))
        self.assertIn(code, (USAGE, UNDECIDED))
        self.assertTrue(words.strip(), "it says why")


if __name__ == "__main__":
    main()
