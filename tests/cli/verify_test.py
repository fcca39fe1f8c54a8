"""`verify` for one delivery: the verdict, its words, and the exit code."""

from __future__ import annotations

import json
import os
import pty
import subprocess

from support import (
    ABSENT,
    EMITTED_AT,
    EVENT_ID,
    NOW,
    OK,
    OLD_SECRET,
    REJECTED,
    SECRET,
    TIMEOUT,
    UNDECIDED,
    UNKNOWN_SECRET,
    CliTest,
    envelope,
    environment,
    fields,
    fingerprint,
    leaks,
    mac,
    main,
    run,
    run_measured,
    sign,
    tool,
)

BODY = envelope()
SIGNATURE = f"X-Puck-Signature: {sign(SECRET, NOW, BODY)}"


def signature(body: bytes, t: int = NOW, secret: str = SECRET) -> str:
    return f"X-Puck-Signature: {sign(secret, t, body)}"


class Accepted(CliTest):
    def test_a_genuine_delivery_is_accepted_and_described(self) -> None:
        verdict = self.check_verify("ok", BODY, SIGNATURE, at=NOW + 7)
        detail = verdict.pop("detail")
        self.assertIsInstance(detail, str)
        self.assertEqual(
            verdict,
            {
                "verdict": "accepted",
                "reason": "ok",
                "http_status": 200,
                "retryable": False,
                "timestamp": NOW,
                "skew_seconds": 7,
                "secret_index": 0,
                "secret_fingerprint": fingerprint(SECRET),
                "event_id": EVENT_ID,
                "event_type": "investigation.completed",
                "emitted_at": EMITTED_AT,
                "api_version": "v1",
                "severity": "high",
            },
        )

    def test_the_verdict_is_one_line(self) -> None:
        output = self.verify(BODY, SIGNATURE).stdout
        self.assertEqual(output.count(b"\n"), 1)
        self.assertTrue(output.endswith(b"}\n"))

    def test_data_goes_to_stdout_and_nothing_to_stderr(self) -> None:
        self.assertEqual(self.verify(BODY, SIGNATURE).stderr, b"")

    def test_json_is_the_default_in_a_pipe(self) -> None:
        plain = self.verify(BODY, SIGNATURE)
        asked = self.verify(BODY, SIGNATURE, args=["--json"])
        self.assertEqual(plain, asked)

    def test_the_body_comes_from_a_file_or_from_stdin(self) -> None:
        path = self.file("body", BODY)
        for args, stdin in ((["--body", str(path)], b"not this"), (["--body", "-"], BODY), ([], BODY)):
            with self.subTest(args=args):
                self.check_verify("ok", stdin, SIGNATURE, args=args)

    def test_header_names_have_no_case_and_spaces_around_a_value_do_not_count(self) -> None:
        value = sign(SECRET, NOW, BODY)
        for header in (f"x-puck-signature: {value}", f"X-PUCK-SIGNATURE:{value}", f"X-Puck-Signature:  \t{value} "):
            with self.subTest(header=header):
                self.check_verify("ok", BODY, header)

    def test_other_headers_have_no_effect(self) -> None:
        self.check_verify("ok", BODY, "Content-Type: application/json", SIGNATURE, "X-Puck-Delivery-Id: any", "Empty:")

    def test_headers_that_agree_with_the_envelope_are_fine(self) -> None:
        self.check_verify(
            "ok", BODY, SIGNATURE, f"X-Puck-Event-Id: {EVENT_ID.upper()}", "X-Puck-Event-Type: investigation.completed"
        )

    def test_severity_is_shown_or_null(self) -> None:
        cases = [(json.loads(f'{{"severity":"{word}"}}'), word) for word in ("low", "medium", "high", "critical")]
        for data, expected in [*cases, ({"severity": None}, None), ({}, None)]:
            with self.subTest(data=data):
                body = envelope(data=data)
                self.assertEqual(self.check_verify("ok", body, signature(body))["severity"], expected)

    def test_fields_are_shown_unescaped_and_the_id_in_lower_case(self) -> None:
        escaped = BODY.replace(b"14:22:01Z", rb"14:22:01.250\u005a").replace(b"investigation.", rb"investigation\u002e")
        escaped = escaped.replace(EVENT_ID.encode(), EVENT_ID.upper().encode())
        verdict = self.check_verify("ok", escaped, signature(escaped))
        self.assertEqual(verdict["emitted_at"], "2026-05-03T14:22:01.250Z")
        self.assertEqual(verdict["event_type"], "investigation.completed")
        self.assertEqual(verdict["event_id"], EVENT_ID)

    def test_the_body_is_bytes_and_not_text(self) -> None:
        body = (
            "\r\n" + json.dumps(fields(data={"é": "\u2028 \U0001f600"}), ensure_ascii=False, indent=1) + "\r\n\t "
        ).encode()
        self.check_verify("ok", body, signature(body))
        for changed in (body.strip(), body + b"\n", body.replace(b"\r\n", b"\n")):
            self.check_verify("signature_mismatch", changed, signature(body))


class Rotation(CliTest):
    def test_the_verdict_says_which_secret_matched(self) -> None:
        ring = (SECRET, OLD_SECRET)
        for index, secret in enumerate(ring):
            with self.subTest(index=index):
                verdict = self.check_verify("ok", BODY, signature(BODY, secret=secret), secrets=ring)
                self.assertEqual(verdict["secret_index"], index)
                self.assertEqual(verdict["secret_fingerprint"], fingerprint(secret))

    def test_one_good_v1_among_others_is_enough(self) -> None:
        for secrets in ((UNKNOWN_SECRET, SECRET), (SECRET, UNKNOWN_SECRET)):
            self.check_verify("ok", BODY, f"X-Puck-Signature: {sign(secrets, NOW, BODY)}")

    def test_a_removed_secret_no_longer_counts(self) -> None:
        self.check_verify("signature_mismatch", BODY, signature(BODY, secret=OLD_SECRET))


class Rejected(CliTest):
    def test_no_signature(self) -> None:
        for headers in ((), ("X-Puck-Signature:",), ("X-Puck-Signature:   ",), ("X-Puck-Event-Id: " + EVENT_ID,)):
            with self.subTest(headers=headers):
                self.check_verify("missing_signature", BODY, *headers)

    def test_a_malformed_signature(self) -> None:
        good = mac(SECRET, NOW, BODY)
        for value in (
            f"v1={good}",
            f"t={NOW};v1={good}",
            f"t={NOW},v1={good},",
            f"t={NOW},v1={good[:-1]}",
            f"t=0{NOW},v1={good}",
            f"t={NOW},t={NOW},v1={good}",
            f"t={NOW},v1={good}" + ",x=" + "y" * 4096,
        ):
            with self.subTest(value=value[:99]):
                self.check_verify("malformed_signature", BODY, f"X-Puck-Signature: {value}")

    def test_two_signature_headers_even_if_equal(self) -> None:
        self.check_verify("malformed_signature", BODY, SIGNATURE, SIGNATURE)
        self.check_verify("malformed_signature", BODY, SIGNATURE, SIGNATURE.lower())

    def test_a_scheme_of_another_version(self) -> None:
        self.check_verify("unsupported_scheme", BODY, f"X-Puck-Signature: t={NOW},v2={mac(SECRET, NOW, BODY)}")

    def test_a_forgery(self) -> None:
        self.check_verify("signature_mismatch", BODY, signature(BODY, secret=UNKNOWN_SECRET))
        self.check_verify("signature_mismatch", BODY.replace(b"high", b"low!"), SIGNATURE)

    def test_the_window_is_closed_on_both_sides(self) -> None:
        for t, reason in (
            (NOW - 300, "ok"),
            (NOW + 300, "ok"),
            (NOW - 301, "timestamp_too_old"),
            (NOW + 301, "timestamp_too_new"),
            (0, "timestamp_too_old"),
        ):
            with self.subTest(t=t - NOW):
                verdict = self.check_verify(reason, BODY, signature(BODY, t))
                self.assertEqual((verdict["timestamp"], verdict["skew_seconds"]), (t, NOW - t))

    def test_the_tolerance_is_what_was_asked_for(self) -> None:
        for tolerance in (1, 86400):
            for skew, reason in (
                (tolerance, "ok"),
                (tolerance + 1, "timestamp_too_old"),
                (-tolerance - 1, "timestamp_too_new"),
            ):
                with self.subTest(tolerance=tolerance, skew=skew):
                    self.check_verify(reason, BODY, SIGNATURE, args=["--tolerance", str(tolerance)], at=NOW + skew)

    def test_a_stale_forgery_is_a_forgery(self) -> None:
        self.check_verify("signature_mismatch", BODY, signature(BODY, NOW - 301, UNKNOWN_SECRET))

    def test_the_largest_body_and_one_byte_more(self) -> None:
        limit = ["--max-body", str(len(BODY))]
        self.check_verify("ok", BODY, SIGNATURE, args=limit)
        longer = BODY + b" "
        self.check_verify("payload_too_large", longer, signature(longer), args=limit)
        self.check_verify("payload_too_large", longer, args=limit)
        self.check_verify("payload_too_large", BODY, SIGNATURE, args=["--max-body", "1"])

    def test_the_limit_is_one_mebibyte_unless_configured(self) -> None:
        for size, reason in ((1 << 20, "ok"), ((1 << 20) + 1, "payload_too_large")):
            body = BODY.ljust(size)
            self.check_verify(reason, body, signature(body))

    def test_a_body_far_beyond_the_limit_is_not_kept(self) -> None:
        peaks = []
        for megabytes in (4, 64):
            source = self.file(f"{megabytes}", bytes(megabytes << 20))
            code, peak, _ = run_measured(
                "verify", "--at", str(NOW), "--header", SIGNATURE, source=source, target=self.folder / "out"
            )
            self.assertEqual(code, REJECTED)
            self.assertEqual(json.loads((self.folder / "out").read_bytes())["reason"], "payload_too_large")
            peaks.append(peak)
        self.assertLess(peaks[1] - peaks[0], 16 << 10, "KiB more for 60 MiB more")

    def test_what_is_wrong_with_an_authentic_envelope(self) -> None:
        cases = {
            b"": "invalid_json",
            b"[]": "invalid_json",
            BODY + b"\0": "invalid_json",
            b"\xef\xbb\xbf" + BODY: "invalid_json",
            BODY.replace(b'"v1"', b'"v1",'): "invalid_json",
            BODY.replace(b"inv_", b"\xff"): "invalid_json",
            BODY[:-1] + b',"event\\u005fid":1}': "duplicate_key",
            envelope(data=ABSENT): "missing_field",
            envelope(data=[]): "wrong_type",
            envelope(event_id=EVENT_ID.replace("-", "")): "invalid_event_id",
            envelope(event_type="a b"): "invalid_event_type",
            envelope(emitted_at="2026-02-30T00:00:00Z"): "invalid_emitted_at",
            envelope(api_version="v2"): "unsupported_api_version",
        }
        for body, reason in cases.items():
            with self.subTest(reason=reason, body=body):
                verdict = self.check_verify(reason, body, signature(body))
                self.assertEqual(verdict["secret_fingerprint"], fingerprint(SECRET))

    def test_headers_that_contradict_the_envelope(self) -> None:
        for header in (
            "X-Puck-Event-Id: " + EVENT_ID[:-1] + "0",
            "X-Puck-Event-Id: no uuid",
            "X-Puck-Event-Type: finding.discovered",
        ):
            with self.subTest(header=header):
                verdict = self.check_verify("header_mismatch", BODY, SIGNATURE, header)
                self.assertEqual(verdict["event_id"], EVENT_ID, "the signed one")


class Silence(CliTest):
    MARK = "body-marker-7731"

    def test_nothing_of_an_unauthenticated_body_is_shown(self) -> None:
        body = envelope(event_type=self.MARK, data={self.MARK: self.MARK})
        for header in (
            signature(body, secret=UNKNOWN_SECRET),
            "X-Puck-Signature: t=1,t=2",
            "X-Puck-Signature: t=1,v2=3",
            "A: b",
        ):
            with self.subTest(header=header):
                result = self.verify(body, header)
                self.assertEqual(result.code, REJECTED)
                self.assertNotIn(self.MARK, result.stdout.decode() + result.words)

    def test_errors_show_no_bytes_of_an_authentic_body(self) -> None:
        for body in (
            self.MARK.encode(),
            envelope(event_type=self.MARK + " "),
            envelope(event_id=self.MARK),
            envelope(emitted_at=self.MARK),
            envelope(api_version=self.MARK),
            envelope(data=self.MARK),
            b'{"%b":1,"%b":2}' % (self.MARK.encode(), self.MARK.encode()),
        ):
            with self.subTest(body=body):
                result = self.verify(body, signature(body))
                self.assertEqual(result.code, REJECTED)
                self.assertNotIn(self.MARK, result.stdout.decode() + result.words)


class Terminal(CliTest):
    def on_terminal(self, *args: str) -> tuple[int, str]:
        """Runs `verify` with a terminal as its stdout."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [tool(), "verify", "--at", str(NOW), *args],
            stdin=subprocess.PIPE,
            stdout=slave,
            stderr=subprocess.PIPE,
            env=environment((SECRET,), TERM="dumb", NO_COLOR="1"),
        )
        _, errors = process.communicate(BODY, timeout=TIMEOUT)
        os.close(slave)
        output = b""
        try:
            while chunk := os.read(master, 65536):
                output += chunk
        except OSError:  # how Linux says that a terminal has ended
            pass
        os.close(master)
        self.assertEqual(errors, b"")
        self.assertEqual(leaks(output), [])
        return process.returncode, output.decode().replace("\r\n", "\n")

    def check_sentence(self, text: str) -> None:
        self.assertNotIn("{", text)
        self.assertGreaterEqual(len(text.split()), 2, text)
        self.assertTrue(text.endswith("\n"))
        self.assertTrue(text.replace("\n", "").isprintable(), repr(text))

    def test_a_person_reads_sentences(self) -> None:
        past = signature(BODY, t=NOW - 5)
        proof = f"with secret 0, fingerprint {fingerprint(SECRET)}"
        event = f"event investigation.completed {EVENT_ID}"
        cases = {
            past: ("accepted: ", event, f"signed 5 s ago {proof}", "answer 200: Puck is done with it"),
            signature(BODY, t=NOW + 5): ("accepted: ", event, f"signed 5 s in the future {proof}", "answer 200"),
            signature(BODY, t=NOW): ("accepted: ", event, f"signed 0 s ago {proof}", "answer 200"),
            signature(BODY, t=NOW - 400): (
                "rejected (timestamp_too_old): ",
                f"signed 400 s ago {proof}",
                "answer 503: Puck will send it again",
            ),
            signature(BODY, secret=UNKNOWN_SECRET): ("rejected (signature_mismatch): ", "answer 401: Puck gives it up"),
        }
        for header, (first, *others) in cases.items():
            with self.subTest(first=first):
                _, text = self.on_terminal("--header", header)
                self.check_sentence(text)
                lines = text.splitlines()
                self.assertTrue(lines[0].startswith(first), text)
                self.assertEqual(len(lines), 1 + len(others))
                for shown, expected in zip(lines[1:], others, strict=True):
                    self.assertTrue(shown.startswith(f"  {expected}"), text)

    def test_a_person_reads_that_it_was_accepted(self) -> None:
        code, text = self.on_terminal("--header", SIGNATURE)
        self.assertEqual(code, OK)
        self.assertNotIn("(", text)

    def test_a_person_reads_why_it_was_rejected(self) -> None:
        code, text = self.on_terminal("--header", signature(BODY, secret=UNKNOWN_SECRET))
        self.assertEqual(code, REJECTED)
        self.check_sentence(text)
        self.assertNotIn("accepted", text.lower())
        self.assertNotIn(EVENT_ID, text)

    def test_a_stranger_s_header_cannot_draw_on_the_terminal(self) -> None:
        code, text = self.on_terminal("--header", SIGNATURE, "--header", "X-Puck-Event-Type: \x1b[2Jaccepted\x07")
        self.assertEqual(code, REJECTED)
        self.check_sentence(text)

    def test_json_is_given_to_whoever_asks(self) -> None:
        code, text = self.on_terminal("--json", "--header", SIGNATURE)
        self.assertEqual(code, OK)
        self.check_verdict(json.loads(text), "ok")


class Output(CliTest):
    def test_a_verdict_that_cannot_be_written_is_not_a_yes(self) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [tool(), "verify", "--at", str(NOW), "--header", SIGNATURE],
                input=BODY,
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment((SECRET,)),
                timeout=TIMEOUT,
            )
        self.assertEqual(done.returncode, UNDECIDED)
        self.assertIn(b"cannot write", done.stderr)

    def test_the_same_delivery_is_judged_alike_every_time(self) -> None:
        self.assertEqual(len({run("verify", "--at", str(NOW), "--header", SIGNATURE, stdin=BODY) for _ in range(3)}), 1)


if __name__ == "__main__":
    main()
