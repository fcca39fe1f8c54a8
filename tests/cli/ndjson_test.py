"""`verify --ndjson`: one line in, one verdict out, in order; never a crash and never a skipped line."""
from __future__ import annotations

import base64
import json
from typing import Any

from support import (ABSENT, EVENT_ID, NOW, OK, OLD_SECRET, REJECTED, SECRET, UNDECIDED, UNKNOWN_SECRET, CliTest, envelope,
                     event_id, line, main, run, sign, signed)

BODY = envelope()
MARK = "line-marker-7731"


def entry(**changes: Any) -> bytes:
    """A good line, with keys changed or, if ABSENT, left out."""
    content = {"headers": signed(BODY), "body": BODY.decode(), "received_at": NOW} | changes
    return json.dumps({key: value for key, value in content.items() if value is not ABSENT}).encode() + b"\n"


def forged() -> bytes:
    return line(secret=UNKNOWN_SECRET)


class Lines(CliTest):
    def check_refused(self, *lines: bytes) -> None:
        """Each line alone gives invalid_argument with words that do not repeat it, and the next line is judged as ever."""
        for bad in lines:
            with self.subTest(line=bad[:120]):
                result = self.filter(bad, entry())
                self.check_reasons(result.verdicts, ["invalid_argument", "ok"])
                self.check_verdict(result.verdicts[0], "invalid_argument")
                self.assertEqual(result.code, UNDECIDED)
                self.assertNotIn(MARK.encode(), result.stdout + result.stderr)

    def test_a_body_may_be_text_or_base64(self) -> None:
        body = envelope(data={"é": "\U0001f600 \u2028 \\ \" \x7f"})
        self.check_filter(["ok", "ok"], line(body), line(body, in_base64=True), args=["--no-dedupe"])

    def test_base64_has_one_spelling(self) -> None:
        self.check_filter(["invalid_argument"] * 2, *(b'{"headers":{},"body_base64":"%s"}\n' % text for text in (b"QR==", b"QUF=")))

    def test_base64_holds_any_bytes(self) -> None:
        for body in (b"", b"\0", b"\xff\xfe", bytes(range(256))):
            self.check_filter(["invalid_json"], line(body, in_base64=True))

    def test_an_empty_text_is_an_empty_body(self) -> None:
        self.check_filter(["invalid_json"], line(b""))

    def test_headers_may_be_an_object_or_pairs(self) -> None:
        pairs = list(signed(BODY, X_Puck_Event_Id=EVENT_ID).items())
        self.check_filter(["ok", "ok"], line(headers=dict(pairs)), line(headers=pairs), args=["--no-dedupe"])

    def test_header_names_have_no_case(self) -> None:
        value = sign(SECRET, NOW, BODY)
        for name in ("x-puck-signature", "X-PUCK-SIGNATURE", "x-PuCk-SiGnAtUrE"):
            self.check_filter(["ok"], line(headers={name: value}))

    def test_no_headers_is_no_signature(self) -> None:
        self.check_filter(["missing_signature"] * 3, line(headers={}), line(headers=[]), line(headers={"Host": "a"}))

    def test_a_repeated_header_is_two_header_lines(self) -> None:
        value = sign(SECRET, NOW, BODY)
        twice = entry(headers={"1": value, "2": value})
        self.check_filter(["malformed_signature"] * 4,
                          line(headers=[("X-Puck-Signature", value)] * 2),
                          line(headers={"X-Puck-Signature": value, "x-puck-signature": value}),
                          twice.replace(b'"1":', b'"X-Puck-Signature":').replace(b'"2":', b'"X-Puck-Signature":'),
                          twice.replace(b'"1":', b'"X-Puck-Signature":').replace(b'"2":', b'"X-Puck\\u002dSignature":'))

    def test_unknown_keys_are_ignored(self) -> None:
        self.check_filter(["ok"], entry(id=1, note={"body": [1, {"headers": None}]}, Body="x", expect="ok"))

    def test_keys_are_compared_unescaped(self) -> None:
        self.check_filter(["ok"], entry().replace(b'"body"', rb'"\u0062ody"').replace(b'"headers"', rb'"h\u0065aders"'))
        self.check_refused(entry()[:-2] + rb',"\u0062ody":"x"}' + b"\n")

    def test_lines_that_are_no_object(self) -> None:
        self.check_refused(*(text.encode() + b"\n" for text in (
            MARK, f'"{MARK}"', "[]", f'["{MARK}"]', "null", "1", "{", "}", '{"headers":', "{}{}", f"{{}} {MARK}", "[" * 100_000,
            '{"a":' * 100_000, "\ufeff{}", "'")))

    def test_lines_with_something_before_or_after_the_object(self) -> None:
        good = entry()[:-1]
        self.check_refused(*(text + b"\n" for text in (good + b"x", good + good, good + b",", good + b"\0", b"\0" + good,
                                                       b"\xef\xbb\xbf" + good)))
        self.check_filter(["ok"], b" \t" + good + b" \t\n")

    def test_lines_that_are_not_utf_8(self) -> None:
        for text in (b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            self.check_refused(text * 1000 + b"\n", entry(x="@").replace(b"@", text))
        self.check_refused(entry().decode().encode("utf-16-le").replace(b"\n\0", b"\n"))

    def test_lines_with_control_bytes_in_a_string(self) -> None:
        self.check_refused(*(entry(x="@").replace(b"@", text) for text in (b"\0", b"\x1f", b"a\tb", b"\r")))

    def test_a_key_that_is_missing_or_given_twice(self) -> None:
        again = entry()[:-2]
        self.check_refused(b"{}\n", entry(headers=ABSENT), entry(body=ABSENT), entry(body_base64="e30="),
                           again + b',"body":"%b"}\n' % MARK.encode(), again + b',"headers":{}}\n',
                           again + b',"received_at":%d}\n' % NOW,
                           entry(body=ABSENT, body_base64="e30=")[:-2] + b',"body_base64":"e30="}\n')

    def test_a_body_of_another_type(self) -> None:
        wrong: Any
        for wrong in (None, True, 1, 1.5, [], [MARK], {}, {MARK: MARK}):
            self.check_refused(entry(body=wrong), entry(body=ABSENT, body_base64=wrong))

    def test_headers_of_another_type(self) -> None:
        all_wrong: tuple[Any, ...] = (
            None, True, 1, MARK, [MARK], [1], [[]], [[MARK]], [[MARK, MARK, MARK]], [[MARK, 1]], [[1, MARK]], [[MARK, None]],
            [{}], [{MARK: MARK}], {MARK: 1}, {MARK: None}, {MARK: [MARK]}, {MARK: {}}, {MARK: True})
        self.check_refused(*(entry(headers=headers) for headers in all_wrong))

    def test_a_time_that_is_no_integer(self) -> None:
        all_wrong: tuple[Any, ...] = (None, True, NOW + 0.5, str(NOW), MARK, [NOW], {}, 10**30, -10**30)
        self.check_refused(*(entry(received_at=wrong) for wrong in all_wrong))

    def test_bad_base64(self) -> None:
        for wrong in ("e30", "e3", "e", "e30=e30=", "=", "====", "e30==", "e3-_", "e30=\n", " e30=", "e3 0=", "e30*", "é30="):
            self.check_refused(entry(body=ABSENT, body_base64=wrong))
        self.check_refused(entry(body=ABSENT, body_base64=base64.urlsafe_b64encode(b"\xfb\xff\xbf").decode()))

    def test_half_a_surrogate_pair_is_no_text(self) -> None:
        self.check_refused(entry(body="\ud800"), entry(body="{\"a\":\"\udc00\"}"))

    def test_the_detail_says_what_the_line_lacks(self) -> None:
        cases = {
            b"": "The line is not a JSON object.",
            b"\xef\xbb\xbf{}": "The line begins with a byte order mark.",
            b'{"x":1e400}': "The line holds a number that is malformed or too big.",
            b'{"x":18446744073709551616}': "The line holds a number that is malformed or too big.",
            rb'{"x":"\ud800"}': "The line holds a string with an escape that stands for nothing.",
            b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}": "The line is nested too deeply.",
            b'{"body":""}': "The line has no headers.",
            b'{"headers":{}}': "The line has neither body nor body_base64.",
            b'{"headers":{},"headers":{}}': "The line has headers twice.",
            b'{"body":"","body_base64":""}': "The line has a body twice.",
            b'{"body":1}': "The line's body is not a string.",
            b'{"body_base64":"e"}': "The line's body_base64 is not base64 as in RFC 4648, padded.",
            b'{"headers":1}': "The line's headers are neither an object nor an array of pairs.",
            b'{"headers":[1]}': "The line's headers hold something that is not a [name, value] pair.",
            b'{"headers":{"a":1}}': "The line has a header whose value is not a string.",
            b'{"headers":[["a",1]]}': "The line has a header whose value is not a string.",
            b'{"received_at":""}': "The line needs one received_at, in whole Unix seconds.",
        }
        verdicts = self.check_filter(["invalid_argument"] * len(cases), *(text + b"\n" for text in cases))
        for verdict, detail in zip(verdicts, cases.values()):
            self.assertEqual(verdict["detail"], detail)

    def test_empty_lines_are_lines(self) -> None:
        self.check_filter(["invalid_argument", "ok", "invalid_argument", "invalid_argument", "invalid_argument"],
                          b"\n", entry(), b"  \t \n", b"\r\n", b"\n")

    def test_an_empty_input_gives_no_verdicts(self) -> None:
        self.assertEqual((self.filter().code, self.filter().stdout), (OK, b""))

    def test_the_last_line_needs_no_end(self) -> None:
        self.check_filter(["ok", "duplicate"], entry(), entry().rstrip(b"\n"))
        self.check_filter(["ok", "invalid_argument"], entry(), b" ")
        self.check_filter(["ok", "invalid_argument"], entry(), b"\0")

    def test_dos_line_ends_are_fine(self) -> None:
        self.check_filter(["ok", "signature_mismatch", "invalid_argument", "duplicate"],
                          *(text.replace(b"\n", b"\r\n") for text in (entry(), forged(), b"\n", entry())))

    def test_the_input_may_be_a_file(self) -> None:
        path = self.file("deliveries.ndjson", entry() + forged())
        result = run("verify", "--ndjson", path, stdin=b"not this")
        self.check_reasons(result.verdicts, ["ok", "signature_mismatch"])

    def test_the_input_is_stdin_when_no_file_is_named(self) -> None:
        for args in (["--ndjson"], ["--ndjson", "--no-dedupe"], ["--no-dedupe", "--ndjson"], ["--ndjson", "-"]):
            with self.subTest(args=args):
                self.assertEqual(run("verify", *args, stdin=entry()).verdict["reason"], "ok")


class Clock(CliTest):
    def test_received_at_comes_before_the_option(self) -> None:
        at = ["--no-dedupe", "--at", str(NOW + 1000)]
        verdicts = self.check_filter(["ok", "timestamp_too_old", "timestamp_too_new"],
                                     line(received_at=NOW + 3), line(received_at=None), line(received_at=NOW - 301), args=at)
        self.assertEqual([verdict["skew_seconds"] for verdict in verdicts], [3, 1000, -301])

    def test_without_either_it_is_now(self) -> None:
        signature = run("sign", stdin=envelope()).stdout.decode().rstrip()
        (now, long_ago) = self.filter(line(signature=signature, received_at=None), line(received_at=None)).verdicts
        self.check_verdict(now, "ok")
        self.assertIn(now["skew_seconds"], range(600))
        self.assertIn(long_ago["reason"], ("timestamp_too_old", "timestamp_too_new"))

    def test_without_received_at_the_option_decides(self) -> None:
        self.check_filter(["ok"], line(received_at=None), args=["--at", str(NOW - 300)])


class ExitCode(CliTest):
    def test_it_is_the_worst_of_all_verdicts(self) -> None:
        good, again, bad, broken = entry(), entry(), forged(), b"garbage\n"
        for expected, lines in ((OK, (good, again)), (REJECTED, (good, bad, again)), (REJECTED, (bad,)), (UNDECIDED, (broken,)),
                                (UNDECIDED, (broken, bad, good)), (UNDECIDED, (good, bad, broken, again))):
            with self.subTest(lines=len(lines), expected=expected):
                self.assertEqual(self.filter(*lines).code, expected)

    def test_stderr_stays_empty(self) -> None:
        self.assertEqual(self.filter(entry(), forged(), b"garbage\n").stderr, b"")


class Settings(CliTest):
    def test_limits_and_tolerance_hold_for_every_line(self) -> None:
        padded = BODY + b" "
        self.check_filter(["payload_too_large", "ok", "timestamp_too_old"], line(padded), line(received_at=NOW + 5),
                          line(received_at=NOW + 6), args=["--no-dedupe", "--max-body", str(len(BODY)), "--tolerance", "5"])

    def test_rotation(self) -> None:
        result = self.filter(line(secret=OLD_SECRET), line(secret=SECRET), secrets=(SECRET, OLD_SECRET), args=["--no-dedupe"])
        self.assertEqual([verdict["secret_index"] for verdict in result.verdicts], [1, 0])


class Dedupe(CliTest):
    A, B, C = (line(envelope(event_id=event_id(n))) for n in (0xA, 0xB, 0xC))

    def test_an_event_is_accepted_once(self) -> None:
        self.check_filter(["ok", "duplicate", "ok", "duplicate", "duplicate"], self.A, self.A, self.B, self.A, self.B)

    def test_a_duplicate_is_told_by_its_id_alone(self) -> None:
        for other in (envelope(event_id=EVENT_ID.upper()), envelope(event_type="finding.discovered", data={})):
            verdict = self.check_filter(["ok", "duplicate"], line(), line(other, t=NOW + 9))[1]
            self.assertEqual((verdict["event_id"], verdict["timestamp"]), (EVENT_ID, NOW + 9))

    def test_what_is_rejected_does_not_count_as_seen(self) -> None:
        mismatch = line(headers=signed(BODY, X_Puck_Event_Type="finding.discovered"))
        stale = line(received_at=NOW + 301)
        self.check_filter(["signature_mismatch", "header_mismatch", "timestamp_too_old", "ok", "duplicate"],
                          forged(), mismatch, stale, entry(), entry())

    def test_a_seen_event_is_still_checked_first(self) -> None:
        self.check_filter(["ok", "signature_mismatch", "timestamp_too_new"], entry(), forged(), line(received_at=NOW - 301))

    def test_the_delivery_id_says_nothing(self) -> None:
        first, second = (line(headers=signed(BODY, X_Puck_Delivery_Id=name)) for name in ("one", "two"))
        self.check_filter(["ok", "duplicate"], first, second)
        same = [line(body, headers=signed(body, X_Puck_Delivery_Id="same")) for body in (BODY, envelope(event_id=event_id(1)))]
        self.check_filter(["ok", "ok"], *same)

    def test_no_dedupe_accepts_every_copy(self) -> None:
        self.check_filter(["ok"] * 4, self.A, self.A, self.B, self.A, args=["--no-dedupe"])

    def test_a_capacity_of_one_remembers_the_last_event(self) -> None:
        self.check_filter(["ok", "duplicate"] * 3, self.A, self.A, self.B, self.B, self.A, self.A,
                          args=["--dedupe-capacity", "1"])

    def test_events_that_were_forgotten_too_early_are_told(self) -> None:
        result = self.filter(self.A, self.B, self.C, args=["--dedupe-capacity", "1"])
        self.assertEqual(result.words.count("--dedupe-capacity"), 1, result.words)
        self.assertIn("--dedupe-capacity", result.words)
        self.assertEqual(self.filter(self.A, self.B, args=["--dedupe-capacity", "2"]).words, "")

    def test_a_capacity_of_two_forgets_the_least_recent(self) -> None:
        self.check_filter(["ok", "ok", "ok", "ok"], self.A, self.B, self.C, self.A, args=["--dedupe-capacity", "2"])
        self.check_filter(["ok", "ok", "ok", "duplicate"], self.A, self.B, self.C, self.B, args=["--dedupe-capacity", "2"])

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
