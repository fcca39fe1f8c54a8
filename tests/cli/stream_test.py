"""`filter` on long, large and slow inputs: every verdict in its place, memory bounded, nothing held back."""

from __future__ import annotations

import json
import os
import pty
import random
import select
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from support import (
    NOW,
    OK,
    REJECTED,
    SECRET,
    TIMEOUT,
    UNDECIDED,
    UNKNOWN_SECRET,
    USAGE,
    CliTest,
    Verdict,
    envelope,
    environment,
    event_id,
    leaks,
    line,
    main,
    read_verdicts,
    reasons,
    run_measured,
    signed,
    tool,
)

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
        code, peak, words = run_measured("filter", source, "--at", str(NOW), source=Path(os.devnull), target=target)
        self.assertEqual((code, words), (UNDECIDED, ""))
        output = target.read_bytes()
        self.assertEqual(leaks(output), [])
        return read_verdicts(output), expected, peak

    def test_a_hundred_thousand_deliveries_in_order_and_in_bounded_memory(self) -> None:
        _, _, small = self.judge(10_000)
        verdicts, expected, large = self.judge(100_000)
        self.check_reasons(verdicts, [reason for _, reason, _ in expected])
        for number, (verdict, (_, reason, ident)) in enumerate(zip(verdicts, expected, strict=True), 1):
            self.check_verdict(verdict, reason, number)
            self.assertEqual(verdict.get("event_id"), ident)
        self.assertLess(large - small, 16 << 10, "KiB more for ten times as many lines")


class LongLines(CliTest):
    def lines(self) -> list[tuple[bytes, str]]:
        noise = random.Random(7).randbytes(TEN_MB).replace(b"\n", b"\0")
        too_long = envelope().ljust(TEN_MB)
        garbage = (
            b"x" * TEN_MB,
            b"\0" * TEN_MB,
            noise,
            b" " * TEN_MB,
            b"[" * TEN_MB,
            b'{"headers":{},"body":"' + b"a" * TEN_MB,
        )
        return [
            *((text + b"\n", "invalid_argument") for text in garbage),
            (line(too_long), "payload_too_large"),
            (line(too_long, in_base64=True), "payload_too_large"),
            (line(too_long, headers={}), "payload_too_large"),
            (line(), "ok"),
        ]

    def judge(self, rounds: int) -> tuple[list[Verdict], int]:
        source = self.file("in.ndjson", b"".join(text for text, _ in self.lines()) * rounds)
        target = self.folder / "out.ndjson"
        _, peak, _ = run_measured("filter", "-", "--dedupe", "none", source=source, target=target)
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
        process = subprocess.Popen(
            [tool(), "filter", "-", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment((SECRET,)),
            bufsize=0,
        )
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
        for number, (text, reason, _) in enumerate(deliveries(50), 1):
            self.say(process, text)
            self.check_verdict(json.loads(self.hear(process.stdout)), reason, number)
        self.assertEqual(self.finish(process), (UNDECIDED, b""))

    def test_a_whole_line_is_answered_although_the_next_has_begun(self) -> None:
        process = self.start("--dedupe", "none")
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

    def test_what_was_judged_is_not_held_back_by_a_long_line_that_arrives_in_pieces(self) -> None:
        process = self.start("--dedupe", "none")
        rest = b" " * 200_000  # more than a pipe holds: the tool reads on before it finds no newline
        self.say(process, line() + rest)
        self.assertEqual(json.loads(self.hear(process.stdout))["reason"], "ok")
        self.say(process, line())
        self.assertEqual(json.loads(self.hear(process.stdout))["reason"], "ok")

    def test_an_input_that_fails_half_way_keeps_what_was_judged(self) -> None:
        master, slave = pty.openpty()  # a master whose slave has gone fails to read, after all that was written
        tty.setraw(slave)
        os.write(slave, line() + line()[:50])
        process = subprocess.Popen(
            [tool(), "filter", "-", "--dedupe", "none"],
            stdin=master,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment((SECRET,)),
        )
        self.addCleanup(self.stop, process)
        os.close(master)
        self.assertEqual(json.loads(self.hear(process.stdout))["reason"], "ok")
        os.close(slave)
        output, words = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, output), (UNDECIDED, b""), "half a line is not judged")
        self.assertIn(b"standard input", words)

    def test_a_reader_that_leaves_ends_the_run(self) -> None:
        process = self.start("--dedupe", "none")
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
        code, _, words = run_measured("filter", "-", "--dedupe", "none", source=source, target=Path("/dev/full"))
        self.assertEqual(code, UNDECIDED)
        self.assertIn("cannot write", words)


class ClosedStreams(CliTest):
    """The next file that is opened takes a closed stream's number: it must not count as the stream."""

    def with_closed(self, redirection: str, *args: str | Path) -> tuple[int, bytes, bytes]:
        shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", tool(), "filter", *map(str, args)]
        done = subprocess.run(shell, input=line(), capture_output=True, env=environment((SECRET,)), timeout=TIMEOUT)
        return done.returncode, done.stdout, done.stderr

    def test_no_input_is_not_an_empty_input(self) -> None:
        secrets = self.secret_file("secrets", SECRET.encode())
        for args in (["-"], ["-", "--secret-file", secrets]):
            code, output, words = self.with_closed("<&-", *args)
            self.assertEqual((code, output), (UNDECIDED, b""))
            self.assertIn(b"standard input", words)

    def test_events_do_not_end_up_among_the_rejects(self) -> None:
        rejects = self.folder / "rejects"
        code, _, words = self.with_closed(">&-", "-", "--events", "--rejects", rejects)
        self.assertEqual((code, rejects.read_bytes()), (UNDECIDED, b""))
        self.assertIn(b"cannot write", words)

    def test_words_do_not_end_up_among_the_rejects(self) -> None:
        rejects = self.folder / "rejects"
        more = [line(envelope(event_id=event_id(n))) for n in range(3)]
        source = self.file("in", b"".join(more))
        self.with_closed("2>&-", source, "--events", "--rejects", rejects, "--dedupe", "memory:?capacity=1")
        self.assertEqual(rejects.read_bytes(), b"")

    def test_no_stderr_is_no_reason_to_stop(self) -> None:
        code, output, _ = self.with_closed("2>&-", "-")
        self.assertEqual((code, reasons(read_verdicts(output))), (OK, ["ok"]))


class Sinks(CliTest):
    """What was judged is written, whatever becomes of the other stream."""

    MIXED = b"".join(line(envelope(event_id=event_id(n)), secret=(SECRET, UNKNOWN_SECRET)[n % 2]) for n in range(2000))

    def test_rejects_do_not_share_a_file_with_the_events(self) -> None:
        out = self.folder / "out"
        for rejects in (out, Path("/dev/stdout")):
            source = self.file("in", self.MIXED)
            code, _, words = run_measured("filter", "-", "--events", "--rejects", rejects, source=source, target=out)
            self.assertEqual((code, out.read_bytes()), (USAGE, b""))
            self.assertIn("--rejects", words)

    def test_events_are_whole_lines_when_rejects_cannot_be_written(self) -> None:
        result = self.filter(self.MIXED, args=["--events", "--rejects", "/dev/full"])
        self.assertEqual(result.code, UNDECIDED)
        self.assertGreater(result.stdout.count(b"\n"), 0)
        self.assertTrue(result.stdout.endswith(b"}\n"))

    def test_a_stream_that_does_not_block_is_waited_for(self) -> None:
        process = subprocess.Popen(
            [tool(), "filter", "-", "--dedupe", "none"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment((SECRET,)),
            preexec_fn=lambda: [os.set_blocking(stream, False) for stream in (0, 1)] and None,
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(self.MIXED[:100_000])
        process.stdin.flush()
        select.select([process.stdout], [], [], 60)  # it has come to a pause in its input
        output, _ = process.communicate(self.MIXED[100_000:], timeout=TIMEOUT)
        self.assertEqual(len(read_verdicts(output)), 2000)
        self.assertEqual(process.returncode, REJECTED)


class LongestLine(CliTest):
    """A line may have 16 MiB, or eight times --max-body, and one more byte is too long; its neighbours are judged."""

    def judge(self, length: int, ending: bytes, *args: str) -> list[str]:
        long_line = line(envelope(event_id=event_id(1))).rstrip().ljust(length)
        result = self.filter(line(), long_line + ending, args=args)
        for number, verdict in enumerate(result.verdicts, 1):
            self.check_verdict(verdict, verdict["reason"], number)
        return [
            verdict["detail"] if verdict["reason"] == "invalid_argument" else verdict["reason"]
            for verdict in result.verdicts
        ]

    def test_to_the_byte(self) -> None:
        for limit, args in (
            (16 << 20, ()),
            (16 << 20, ("--max-body", str(1 << 20))),
            (24 << 20, ("--max-body", str(3 << 20))),
        ):
            for ending in (b"", b"\n", b"\n" + line(envelope(event_id=event_id(2)))):
                after = ["ok"] if len(ending) > 1 else []
                with self.subTest(limit=limit, ending=ending[:2]):
                    self.assertEqual(self.judge(limit, ending, *args), ["ok", "ok", *after])
                    self.assertEqual(self.judge(limit + 1, ending, *args), ["ok", "The line is too long.", *after])


if __name__ == "__main__":
    main()
