"""`filter --events`: accepted envelopes on stdout, and the verdicts of all others elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from support import (
    EVENT_ID,
    NOW,
    OK,
    REJECTED,
    SECRET,
    UNDECIDED,
    UNKNOWN_SECRET,
    CliTest,
    Result,
    Verdict,
    envelope,
    event_id,
    line,
    main,
    read_verdicts,
    signed,
)

BODY = envelope()
MIXED = (
    line(),
    line(secret=UNKNOWN_SECRET),
    line(),
    b"garbage\n",
    line(envelope(event_id=event_id(2))),
    line(headers=signed(BODY, X_Puck_Event_Type="finding.discovered")),
)
MIXED_EVENTS = BODY + b"\n" + envelope(event_id=event_id(2)) + b"\n"
MIXED_REJECTS = {2: "signature_mismatch", 3: "duplicate", 4: "invalid_argument", 6: "header_mismatch"}  # by their lines


class Events(CliTest):
    def events(self, *lines: bytes, args: Sequence[str | Path] = ()) -> Result:
        return self.filter(*lines, args=["--events", *args])

    def check_rejects(self, verdicts: Sequence[Verdict], expected: Mapping[int, str]) -> None:
        """What went to the rejects, and which lines it is of."""
        self.check_reasons(verdicts, list(expected.values()))
        for verdict, (number, reason) in zip(verdicts, expected.items(), strict=True):
            self.check_verdict(verdict, reason, number)

    def test_stdout_carries_the_accepted_envelopes_and_nothing_else(self) -> None:
        result = self.events(*MIXED)
        self.assertEqual(result.stdout, MIXED_EVENTS)
        self.assertEqual(result.code, UNDECIDED)

    def test_the_other_verdicts_go_to_stderr(self) -> None:
        self.check_rejects(read_verdicts(self.events(*MIXED).stderr), MIXED_REJECTS)

    def test_the_other_verdicts_go_to_the_file_that_was_named(self) -> None:
        path = self.file("rejects.ndjson", b"what an earlier run left\n")
        result = self.events(*MIXED, args=["--rejects", path])
        self.assertEqual((result.stdout, result.stderr), (MIXED_EVENTS, b""))
        earlier, content = path.read_bytes().split(b"\n", 1)
        self.assertEqual(earlier, b"what an earlier run left", "nothing is lost when the tool is started again")
        self.check_rejects(read_verdicts(content), MIXED_REJECTS)

    def test_the_rejects_file_is_there_even_if_it_stays_empty(self) -> None:
        path = self.folder / "rejects.ndjson"
        self.assertEqual(self.events(line(), args=["--rejects", path]).code, OK)
        self.assertEqual(path.read_bytes(), b"")

    def test_the_exit_code_is_that_of_the_verdicts(self) -> None:
        self.assertEqual(self.events(line(), line()).code, OK)
        self.assertEqual(self.events(line(), line(secret=UNKNOWN_SECRET)).code, REJECTED)
        self.assertEqual(self.events(b"garbage\n", line(secret=UNKNOWN_SECRET)).code, UNDECIDED)

    def test_a_duplicate_is_no_second_event(self) -> None:
        result = self.events(line(), line())
        self.assertEqual(result.stdout, BODY + b"\n")
        self.check_rejects(read_verdicts(result.stderr), {2: "duplicate"})
        self.assertEqual(self.events(line(), line(), args=["--dedupe", "none"]).stdout, (BODY + b"\n") * 2)

    def test_an_envelope_keeps_its_bytes(self) -> None:
        body = (
            rb'{ "data" : {"n":1e400,"big":123456789012345678901234567890,"z":-0,'
            rb'"s":"\ud800 \u00e9 \/ \n","k":1,"k":2},'
            b'"note":"\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\x80\x7f","event_id":"%b",  "event_type":"a\\u002eb",'
            b'"emitted_at":"2026-05-03t14:22:01.5z","api_version":"v1"}  ' % EVENT_ID.upper().encode()
        )
        for in_base64 in (False, True):
            self.assertEqual(self.events(line(body, in_base64=in_base64)).stdout, body + b"\n")

    def test_a_pretty_printed_envelope_becomes_one_line_of_the_same_length(self) -> None:
        text = BODY.decode().replace(",", ",\n\t").replace("{", "{\r\n  ") + "\n\r\n"
        body = text.encode().replace(b"high", rb"high\n\r")
        expected = body.replace(b"\n", b" ").replace(b"\r", b" ")
        self.assertEqual(self.events(line(body)).stdout, expected + b"\n")

    def test_nothing_accepted_leaves_stdout_empty(self) -> None:
        self.assertEqual(self.events(line(secret=UNKNOWN_SECRET), b"\n").stdout, b"")
        self.assertEqual((self.events().stdout, self.events().stderr), (b"", b""))

    def test_a_rejected_envelope_is_shown_nowhere(self) -> None:
        body = envelope(data={"mark": "body-marker-7731"})
        path = self.folder / "rejects.ndjson"
        lines = (line(body, secret=UNKNOWN_SECRET), line(body, received_at=NOW + 301), line(body + b"x"))
        for result in (self.events(*lines), self.events(*lines, args=["--rejects", path])):
            shown = result.stdout + result.stderr + (path.read_bytes() if path.exists() else b"")
            self.assertNotIn(b"body-marker", shown)
            self.assertNotIn(SECRET.encode(), shown)


if __name__ == "__main__":
    main()
