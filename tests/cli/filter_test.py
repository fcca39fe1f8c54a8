"""`filter`: one line in, one verdict out, in order; what it remembers, and its exit code."""

from __future__ import annotations

from support import (
    EVENT_ID,
    NOW,
    OK,
    OLD_SECRET,
    REJECTED,
    SECRET,
    UNDECIDED,
    UNKNOWN_SECRET,
    CliTest,
    entry,
    envelope,
    event_id,
    line,
    main,
    run,
    signed,
)

BODY = envelope()
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def forged() -> bytes:
    return line(secret=UNKNOWN_SECRET)


class Input(CliTest):
    def test_empty_lines_are_lines(self) -> None:
        self.check_filter(
            ["invalid_argument", "ok", "invalid_argument", "invalid_argument", "invalid_argument"],
            b"\n",
            entry(),
            b"  \t \n",
            b"\r\n",
            b"\n",
        )

    def test_an_empty_input_gives_no_verdicts(self) -> None:
        self.assertEqual((self.filter().code, self.filter().stdout), (OK, b""))

    def test_the_last_line_needs_no_end(self) -> None:
        self.check_filter(["ok", "duplicate"], entry(), entry().rstrip(b"\n"))
        self.check_filter(["ok", "invalid_argument"], entry(), b" ")
        self.check_filter(["ok", "invalid_argument"], entry(), b"\0")

    def test_dos_line_ends_are_fine(self) -> None:
        self.check_filter(
            ["ok", "signature_mismatch", "invalid_argument", "duplicate"],
            *(text.replace(b"\n", b"\r\n") for text in (entry(), forged(), b"\n", entry())),
        )

    def test_the_input_may_be_a_file(self) -> None:
        path = self.file("deliveries.ndjson", entry() + forged())
        result = run("filter", path, stdin=b"not this")
        self.check_reasons(result.verdicts, ["ok", "signature_mismatch"])

    def test_the_input_is_stdin_when_no_file_is_named(self) -> None:
        for args in ([], ["--dedupe", "none"], ["-"], ["--dedupe", "none", "-"], ["-", "--dedupe", "none"]):
            with self.subTest(args=args):
                self.assertEqual(run("filter", *args, stdin=entry()).verdict["reason"], "ok")

    def test_a_byte_order_mark_at_the_very_beginning_is_passed_over(self) -> None:
        self.check_filter(["ok", "duplicate"], BYTE_ORDER_MARK + entry(), entry())
        self.check_filter(["ok"], BYTE_ORDER_MARK + entry().rstrip(b"\n"))
        self.check_filter(["invalid_argument", "ok"], BYTE_ORDER_MARK + b"\n", entry())
        path = self.file("deliveries.ndjson", BYTE_ORDER_MARK + entry())
        self.check_verdict(run("filter", path).verdict, "ok", 1)

    def test_an_input_that_is_a_byte_order_mark_alone_is_empty(self) -> None:
        self.assertEqual((self.filter(BYTE_ORDER_MARK).code, self.filter(BYTE_ORDER_MARK).stdout), (OK, b""))

    def test_elsewhere_a_byte_order_mark_is_not_json(self) -> None:
        self.check_filter(["ok", "invalid_argument"], entry(), BYTE_ORDER_MARK + entry())
        self.check_filter(["ok", "invalid_argument"], entry(), BYTE_ORDER_MARK)
        self.check_filter(["invalid_argument"], BYTE_ORDER_MARK * 2 + entry())
        self.check_filter(["invalid_argument"], b" " + BYTE_ORDER_MARK + entry())

    def test_the_environment_of_a_dependency_changes_no_verdict(self) -> None:
        lines = b"".join((entry(), forged(), b"garbage\n", entry()))
        expected = run("filter", stdin=lines)
        self.check_reasons(expected.verdicts, ["ok", "signature_mismatch", "invalid_argument", "duplicate"])
        for implementation in ("bogus", "fallback", ""):
            self.assertEqual(run("filter", stdin=lines, SIMDJSON_FORCE_IMPLEMENTATION=implementation), expected)


class Clock(CliTest):
    def test_received_at_comes_before_the_option(self) -> None:
        at = ["--dedupe", "none", "--at", str(NOW + 1000)]
        verdicts = self.check_filter(
            ["ok", "timestamp_too_old", "timestamp_too_new"],
            line(received_at=NOW + 3),
            line(received_at=None),
            line(received_at=NOW - 301),
            args=at,
        )
        self.assertEqual([verdict["skew_seconds"] for verdict in verdicts], [3, 1000, -301])

    def test_without_either_it_is_now(self) -> None:
        signature = run("sign", stdin=envelope()).stdout.decode().rstrip()
        (now, long_ago) = self.filter(line(signature=signature, received_at=None), line(received_at=None)).verdicts
        self.check_verdict(now, "ok", 1)
        self.assertIn(now["skew_seconds"], range(600))
        self.assertIn(long_ago["reason"], ("timestamp_too_old", "timestamp_too_new"))

    def test_without_received_at_the_option_decides(self) -> None:
        self.check_filter(["ok"], line(received_at=None), args=["--at", str(NOW - 300)])


class ExitCode(CliTest):
    def test_it_is_the_worst_of_all_verdicts(self) -> None:
        good, again, bad, broken = entry(), entry(), forged(), b"garbage\n"
        for expected, lines in (
            (OK, (good, again)),
            (REJECTED, (good, bad, again)),
            (REJECTED, (bad,)),
            (UNDECIDED, (broken,)),
            (UNDECIDED, (broken, bad, good)),
            (UNDECIDED, (good, bad, broken, again)),
        ):
            with self.subTest(lines=len(lines), expected=expected):
                self.assertEqual(self.filter(*lines).code, expected)

    def test_stderr_stays_empty(self) -> None:
        self.assertEqual(self.filter(entry(), forged(), b"garbage\n").stderr, b"")


class Settings(CliTest):
    def test_limits_and_tolerance_hold_for_every_line(self) -> None:
        padded = BODY + b" "
        self.check_filter(
            ["payload_too_large", "ok", "timestamp_too_old"],
            line(padded),
            line(received_at=NOW + 5),
            line(received_at=NOW + 6),
            args=["--dedupe", "none", "--max-body", str(len(BODY)), "--tolerance", "5"],
        )

    def test_the_longest_tolerance_goes_with_memory(self) -> None:
        self.check_filter(
            ["ok", "duplicate", "timestamp_too_old"],
            line(received_at=NOW - 86_400),
            line(received_at=NOW + 86_400),
            line(received_at=NOW + 86_401),
            args=["--tolerance", "86400"],
        )

    def test_rotation(self) -> None:
        result = self.filter(
            line(secret=OLD_SECRET), line(secret=SECRET), secrets=(SECRET, OLD_SECRET), args=["--dedupe", "none"]
        )
        self.assertEqual([verdict["secret_index"] for verdict in result.verdicts], [1, 0])


class Dedupe(CliTest):
    A, B, C = (line(envelope(event_id=event_id(n))) for n in (0xA, 0xB, 0xC))

    def test_an_event_is_accepted_once(self) -> None:
        self.check_filter(["ok", "duplicate", "ok", "duplicate", "duplicate"], self.A, self.A, self.B, self.A, self.B)

    def test_a_duplicate_is_known_by_its_id_alone(self) -> None:
        for other in (envelope(event_id=EVENT_ID.upper()), envelope(event_type="finding.discovered", data={})):
            verdict = self.check_filter(["ok", "duplicate"], line(), line(other, t=NOW + 9))[1]
            self.assertEqual((verdict["event_id"], verdict["timestamp"]), (EVENT_ID, NOW + 9))

    def test_what_is_rejected_does_not_count_as_seen(self) -> None:
        mismatch = line(headers=signed(BODY, X_Puck_Event_Type="finding.discovered"))
        stale = line(received_at=NOW + 301)
        self.check_filter(
            ["signature_mismatch", "header_mismatch", "timestamp_too_old", "ok", "duplicate"],
            forged(),
            mismatch,
            stale,
            entry(),
            entry(),
        )

    def test_a_seen_event_is_still_checked_first(self) -> None:
        self.check_filter(
            ["ok", "signature_mismatch", "timestamp_too_new"], entry(), forged(), line(received_at=NOW - 301)
        )

    def test_the_delivery_id_says_nothing(self) -> None:
        first, second = (line(headers=signed(BODY, X_Puck_Delivery_Id=name)) for name in ("one", "two"))
        self.check_filter(["ok", "duplicate"], first, second)
        same = [
            line(body, headers=signed(body, X_Puck_Delivery_Id="same"))
            for body in (BODY, envelope(event_id=event_id(1)))
        ]
        self.check_filter(["ok", "ok"], *same)

    def test_without_memory_every_copy_is_accepted(self) -> None:
        self.check_filter(["ok"] * 4, self.A, self.A, self.B, self.A, args=["--dedupe", "none"])

    def test_only_who_remembers_calls_an_event_new(self) -> None:
        self.assertIn("new", self.filter(self.A).verdict["detail"])
        self.assertNotIn("new", self.filter(self.A, args=["--dedupe", "none"]).verdict["detail"])

    def test_a_capacity_of_one_remembers_the_last_event(self) -> None:
        self.check_filter(
            ["ok", "duplicate"] * 3, self.A, self.A, self.B, self.B, self.A, self.A, args=["--dedupe", "memory:?capacity=1"]
        )

    def test_events_that_were_forgotten_too_early_are_reported(self) -> None:
        result = self.filter(self.A, self.B, self.C, args=["--dedupe", "memory:?capacity=1"])
        self.assertEqual(result.words.count("raise the capacity"), 1, result.words)
        self.assertEqual(self.filter(self.A, self.B, args=["--dedupe", "memory:?capacity=2"]).words, "")

    def test_they_are_reported_after_the_last_verdict(self) -> None:
        result = self.filter(self.A, self.B, forged(), args=["--events", "--dedupe", "memory:?capacity=1"])
        verdict, words = result.words.splitlines()
        self.assertTrue(verdict.startswith('{"line":3,'), verdict)
        self.assertIn("raise the capacity", words)

    def test_a_capacity_of_two_forgets_the_least_recent(self) -> None:
        self.check_filter(["ok", "ok", "ok", "ok"], self.A, self.B, self.C, self.A, args=["--dedupe", "memory:?capacity=2"])
        self.check_filter(
            ["ok", "ok", "ok", "duplicate"], self.A, self.B, self.C, self.B, args=["--dedupe", "memory:?capacity=2"]
        )

    def test_the_default_capacity_holds_65536_events(self) -> None:
        count = 65_536
        lines = [line(envelope(event_id=event_id(n))) for n in range(count)]
        result = self.filter(*lines, *lines)
        self.check_reasons(result.verdicts, ["ok"] * count + ["duplicate"] * count)

    def test_runs_do_not_know_of_each_other(self) -> None:
        for _ in range(2):
            self.check_filter(["ok"], entry())


if __name__ == "__main__":
    main()
