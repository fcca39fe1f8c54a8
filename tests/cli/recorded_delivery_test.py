"""The lines that `filter` reads: what people's recorders write is judged, and the rest is an invalid_argument."""

from __future__ import annotations

import base64
import json
from typing import Any

from support import ABSENT, EVENT_ID, NOW, SECRET, UNDECIDED, CliTest, entry, envelope, line, main, sign, signed

BODY = envelope()
VALUE = sign(SECRET, NOW, BODY)
MARK = "line-marker-7731"
NO_MEMORY = ["--dedupe", "none"]
LONE_SURROGATES = ("\ud800", "\udce9", "\udfff", "\udc00\ud800", "a\ud83d")


class LineTest(CliTest):
    def check_lines(self, reason: str, *lines: bytes) -> None:
        """Each line gets this verdict."""
        self.check_filter([reason] * len(lines), *lines, args=NO_MEMORY)

    def check_refused(self, *lines: bytes, detail: str = "") -> None:
        """Each line alone gives invalid_argument, with words that do not repeat it; the next one is judged as ever."""
        for bad in lines:
            with self.subTest(line=bad[:120]):
                result = self.filter(bad, entry())
                self.check_reasons(result.verdicts, ["invalid_argument", "ok"])
                self.check_verdict(result.verdicts[0], "invalid_argument", 1)
                self.assertEqual(result.code, UNDECIDED)
                self.assertIn(detail, result.verdicts[0]["detail"])
                self.assertNotIn(MARK.encode(), result.stdout + result.stderr)


class Json(LineTest):
    def test_lines_that_are_not_an_object(self) -> None:
        self.check_refused(
            *(
                text.encode() + b"\n"
                for text in (
                    MARK,
                    f'"{MARK}"',
                    "[]",
                    f'["{MARK}"]',
                    "null",
                    "1",
                    "{",
                    "}",
                    '{"headers":',
                    "{}{}",
                    f"{{}} {MARK}",
                    "[" * 100_000,
                    '{"a":' * 100_000,
                    "'",
                )
            )
        )

    def test_lines_with_something_before_or_after_the_object(self) -> None:
        good = entry()[:-1]
        self.check_refused(
            *(text + b"\n" for text in (good + b"x", good + good, good + b",", good + b"\0", b"\0" + good))
        )
        self.check_lines("ok", b" \t" + good + b" \t\n")

    def test_lines_that_are_not_utf_8(self) -> None:
        for text in (b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            self.check_refused(text * 1000 + b"\n", entry(x="@").replace(b"@", text))
        self.check_refused(entry().decode().encode("utf-16-le").replace(b"\n\0", b"\n"))

    def test_lines_with_control_bytes_in_a_string(self) -> None:
        self.check_refused(*(entry(x="@").replace(b"@", text) for text in (b"\0", b"\x1f", b"a\tb", b"\r")))

    def test_a_fault_anywhere_in_the_line(self) -> None:
        for fault in (
            b"01",
            b"+1",
            b"1.",
            b".5",
            b"NaN",
            b"tru",
            b"nulls",
            b"[1,]",
            b"[1 2]",
            b'{"a"}',
            b'{"a":}',
            b"{a:1}",
            b'{"a":1,}',
            rb'"\x"',
            rb'"\u12"',
            b"'a'",
            b"//",
            b"1]",
        ):
            self.check_refused(entry(x="@").replace(b'"@"', fault), entry(headers={"a": "@"}).replace(b'"@"', fault))

    def test_a_fault_between_headers(self) -> None:
        faults = (b'[["a","b"],]', b'[,["a","b"]]', b'[["a","b"]["a","b"]]', b'[["a","b",]]', b'{"a":["b",]}', b"[[")
        for fault in faults:
            self.check_refused(entry(headers="@").replace(b'"@"', fault), detail="not a JSON object")

    def test_a_fault_that_follows_something_else_that_is_wrong(self) -> None:
        self.check_refused(b'{"headers":1,"body":1,"received_at":true} x\n', detail="not a JSON object")

    def test_keys_are_compared_unescaped(self) -> None:
        escaped = (
            (rb'"\u0062ody"', b'"body"'),
            (rb'"h\u0065aders"', b'"headers"'),
            (rb'"received\u005fat"', b'"received_at"'),
        )
        for written, key in escaped:
            self.check_lines("ok", entry().replace(key, written))
        all_of_it = b"".join(b"\\u%04x" % ord(letter) for letter in "multiValueHeaders")
        self.check_lines(
            "ok", entry(headers=ABSENT, multiValueHeaders=signed(BODY)).replace(b"multiValueHeaders", all_of_it)
        )
        self.check_refused(entry()[:-2] + rb',"\u0062ody":"x"}' + b"\n")


class OtherKeys(LineTest):
    """What stands in keys that do not matter does not matter, as long as the line is JSON."""

    def test_any_value_is_ignored(self) -> None:
        self.check_lines("ok", entry(id=1, note={"body": [1, {"headers": None}]}, Body="x", HEADERS=1, expect="ok"))
        for value in (
            b"123456789012345678901234567890",
            b"1e400",
            b"-1e400",
            b"1e-400",
            b"-0",
            b"18446744073709551616",
            b"null",
            b'{"headers":{},"headers":1}',
            rb'"\ud800"',
            rb'"\udce9"',
            rb'["\udc00\ud800",{"\ud800":1}]',
            rb'"\u0000"',
        ):
            self.check_lines(
                "ok",
                *(
                    text.replace(b'"@"', value)
                    for text in (
                        entry(request_id="@"),
                        entry()[:-2] + b',"request_id":"@"}\n',
                        b'{"request_id":"@",' + entry()[1:],
                    )
                ),
            )

    def test_any_key_is_ignored(self) -> None:
        for key in (rb"\ud800", rb"\udc00\ud800", rb"body\u0000", b"", rb"\"", b"body ", b"bodY", b"Received_at"):
            self.check_lines(
                "ok", b'{"%b":1,' % key + entry()[1:], b'{"%b":1,"%b":[]' % (key, key) + b"," + entry()[1:]
            )

    def test_nesting_to_the_limit_and_no_further(self) -> None:
        deep = {depth: entry(x="@").replace(b'"@"', b"[" * depth + b"]" * depth) for depth in (1023, 1024)}
        self.check_lines("ok", deep[1023])
        self.check_refused(deep[1024], detail="1024 deep")


class Body(LineTest):
    def test_it_may_be_text_or_base64(self) -> None:
        body = envelope(data={"é": '\U0001f600 \u2028 \\ " \x7f'})
        self.check_lines("ok", line(body), line(body, in_base64=True))
        self.check_lines(
            "ok",
            *(
                json.dumps(json.loads(line(body)), ensure_ascii=ascii_only).encode() + b"\n"
                for ascii_only in (True, False)
            ),
        )

    def test_base64_is_written_in_one_way(self) -> None:
        self.check_lines(
            "invalid_argument", *(b'{"headers":{},"body_base64":"%s"}\n' % text for text in (b"QR==", b"QUF="))
        )

    def test_base64_holds_any_bytes(self) -> None:
        for body in (b"", b"\0", b"\xff\xfe", bytes(range(256))):
            self.check_lines("invalid_json", line(body, in_base64=True))

    def test_an_empty_text_is_an_empty_body(self) -> None:
        self.check_lines("invalid_json", line(b""))

    def test_another_type(self) -> None:
        all_wrong: tuple[Any, ...] = (None, True, 1, 1.5, [], [MARK], {}, {MARK: MARK})
        for wrong in all_wrong:
            self.check_refused(entry(body=wrong), entry(body=ABSENT, body_base64=wrong), detail="not a string")

    def test_bad_base64(self) -> None:
        for wrong in (
            "e30",
            "e3",
            "e",
            "e30=e30=",
            "=",
            "====",
            "e30==",
            "e3-_",
            "e30=\n",
            " e30=",
            "e3 0=",
            "e30*",
            "é30=",
        ):
            self.check_refused(entry(body=ABSENT, body_base64=wrong), detail="RFC 4648")
            self.check_refused(entry(body=wrong, isBase64Encoded=True), detail="RFC 4648")
        self.check_refused(entry(body=ABSENT, body_base64=base64.urlsafe_b64encode(b"\xfb\xff\xbf").decode()))

    def test_is_base64_encoded_means_what_it_means_at_api_gateway(self) -> None:
        encoded = base64.b64encode(BODY).decode()
        self.check_lines(
            "ok",
            entry(body=encoded, isBase64Encoded=True),
            entry(isBase64Encoded=False),
            b'{"isBase64Encoded":true,' + entry(body=encoded)[1:],
            b'{"isBase64Encoded":false,' + entry()[1:],
            line(in_base64=True, isBase64Encoded=True),
        )
        self.check_lines("signature_mismatch", entry(body=encoded, isBase64Encoded=False), entry(body=encoded))
        all_wrong: tuple[Any, ...] = (None, 0, 1, "true", "false", [], {}, [True])
        for wrong in all_wrong:
            self.check_refused(entry(isBase64Encoded=wrong), detail="neither true nor false")

    def test_half_a_surrogate_pair_is_not_text(self) -> None:
        for text in LONE_SURROGATES:
            self.check_refused(entry(body=text), entry(body=f'{{"a":"{text}"}}'), detail="surrogate")
            self.check_refused(entry(body=ABSENT, body_base64=text))
            self.check_refused(entry(body=text, isBase64Encoded=True))


class Headers(LineTest):
    def test_an_object_or_pairs(self) -> None:
        pairs = list(signed(BODY, X_Puck_Event_Id=EVENT_ID).items())
        self.check_lines("ok", line(headers=dict(pairs)), line(headers=pairs))

    def test_an_object_of_arrays(self) -> None:
        self.check_lines(
            "ok",
            entry(headers={"X-Puck-Signature": [VALUE], "Accept": ["a", "b"], "Host": []}),
            entry(headers={"X-Puck-Signature": [VALUE], "Host": "a"}),
            entry(headers={"X-Puck-Signature": VALUE, "Host": ["a"]}),
        )
        self.check_lines(
            "malformed_signature",
            entry(headers={"X-Puck-Signature": [VALUE, VALUE]}),
            entry(headers={"X-Puck-Signature": [VALUE], "x-puck-signature": [VALUE]}),
        )
        self.check_lines(
            "missing_signature", entry(headers={"X-Puck-Signature": []}), entry(headers={"X-Puck-Signature": [""]})
        )
        self.check_lines(
            "header_mismatch", entry(headers={"X-Puck-Signature": [VALUE], "X-Puck-Event-Type": ["", "a.b"]})
        )

    def test_objects_of_name_and_value(self) -> None:
        good = {"name": "x-puck-signature", "value": VALUE}
        other = {"value": "a", "name": "Host", "comment": {"name": [1, {}]}, "": None}
        self.check_lines(
            "ok",
            entry(headers=[good]),
            entry(headers=[other, good]),
            entry(headers=[good, ["Host", "a"]]),
            entry(headers=[good | {"n": 1, "Name": 2, "names": []}]),
            entry(headers=[good]).replace(b'"name"', rb'"n\u0061me"').replace(b'"value"', rb'"\u0076alue"'),
            entry(headers=["@", good]).replace(b'"@"', rb'{"name":"a","x":1e400,"value":"\ud800","\ud800":[1]}'),
        )
        self.check_lines(
            "malformed_signature", entry(headers=[good, good]), entry(headers=[good, ["X-Puck-Signature", VALUE]])
        )

    def test_multi_value_headers_are_the_fuller_ones(self) -> None:
        single, multi = {"X-Puck-Signature": VALUE}, {"X-Puck-Signature": [VALUE]}
        wrong, twice = {"X-Puck-Signature": "t=1"}, {"X-Puck-Signature": [VALUE, VALUE]}
        ok = [
            entry(headers=ABSENT, multiValueHeaders=multi),
            entry(headers=single, multiValueHeaders=multi),
            entry(headers=wrong, multiValueHeaders=multi),
            entry(headers=None, multiValueHeaders=multi),
            entry(headers=single, multiValueHeaders=None),
            entry(headers=single, multiValueHeaders={}),  # it says nothing, as null does
        ]
        self.check_lines("ok", *ok)
        self.check_lines("malformed_signature", entry(headers=single, multiValueHeaders=twice))
        self.check_lines("missing_signature", entry(headers=ABSENT, multiValueHeaders={}))
        before = b'{"multiValueHeaders":%b,' % json.dumps(twice).encode()
        self.check_lines("malformed_signature", before + entry(headers=single)[1:])

    def test_names_have_no_case(self) -> None:
        for name in ("x-puck-signature", "X-PUCK-SIGNATURE", "x-PuCk-SiGnAtUrE"):
            self.check_lines("ok", line(headers={name: VALUE}))

    def test_names_and_values_are_compared_unescaped(self) -> None:
        self.check_lines(
            "ok", entry().replace(b"X-Puck-Signature", rb"X\u002dPuck-Sign\u0061ture").replace(b"v1=", rb"v1\u003d")
        )

    def test_none_at_all_is_no_signature(self) -> None:
        self.check_lines("missing_signature", line(headers={}), line(headers=[]), line(headers={"Host": "a"}))

    def test_an_unsigned_header_without_a_value_says_nothing(self) -> None:
        self.check_lines(
            "ok",
            entry(headers=signed(BODY, X_Puck_Event_Id="", X_Puck_Event_Type="")),
            entry(headers={"X-Puck-Signature": [VALUE], "X-Puck-Event-Id": [""]}),
        )

    def test_a_repeated_header_is_two_header_lines(self) -> None:
        twice = entry(headers={"1": VALUE, "2": VALUE})
        self.check_lines(
            "malformed_signature",
            line(headers=[("X-Puck-Signature", VALUE)] * 2),
            line(headers={"X-Puck-Signature": VALUE, "x-puck-signature": VALUE}),
            twice.replace(b'"1":', b'"X-Puck-Signature":').replace(b'"2":', b'"X-Puck-Signature":'),
            twice.replace(b'"1":', b'"X-Puck-Signature":').replace(b'"2":', b'"X-Puck\\u002dSignature":'),
        )

    def test_another_type(self) -> None:
        all_wrong: tuple[Any, ...] = (
            True,
            1,
            MARK,
            [MARK],
            [1],
            [None],
            [[]],
            [[MARK]],
            [[MARK, MARK, MARK]],
            [[MARK, 1]],
            [[1, MARK]],
            [[MARK, None]],
            [[MARK, [MARK]]],
            {MARK: 1},
            {MARK: None},
            {MARK: {}},
            {MARK: True},
            {MARK: [1]},
            {MARK: [None]},
            {MARK: [[MARK]]},
            {MARK: [MARK, 1]},
            [{}],
            [{MARK: MARK}],
            [{"name": MARK}],
            [{"value": MARK}],
            [{"name": MARK, "value": 1}],
            [{"name": 1, "value": MARK}],
            [{"name": None, "value": MARK}],
            [{"name": MARK, "value": [MARK]}],
        )
        for wrong in all_wrong:
            self.check_refused(entry(headers=wrong), entry(multiValueHeaders=wrong), detail="header")
        twice = entry(headers=[{"name": "Host", "value": "a", "@": "b"}])
        self.check_refused(twice.replace(b"@", b"name"), twice.replace(b"@", b"value"), detail="header")
        self.check_refused(entry(headers=None), entry(headers=None, multiValueHeaders=None), detail="no headers")

    def test_half_a_surrogate_pair_matters_in_a_puck_header_alone(self) -> None:
        for text in LONE_SURROGATES:
            others = {"User-Agent": text, text: "a", "X-Puc": text, "X-Pucks-Id": text, "": text}
            for name, value in others.items():
                self.check_lines(
                    "ok",
                    *(
                        entry(headers=headers)
                        for headers in (
                            signed(BODY) | {name: value},
                            {name: [value], "X-Puck-Signature": [VALUE]},
                            [[name, value], *signed(BODY).items()],
                            [{"name": name, "value": value}, {"name": "X-Puck-Signature", "value": VALUE}],
                        )
                    ),
                )
            for name in ("X-Puck-Signature", "x-puck-event-id", "X-PUCK-DELIVERY-ID", "x-Puck-"):
                self.check_refused(
                    *(
                        entry(headers=headers)
                        for headers in (
                            {name: text},
                            {name: [VALUE, text]},
                            [[name, text]],
                            [{"value": text, "name": name}],
                            {name + text: VALUE},
                        )
                    ),
                    detail="surrogate",
                )

    def test_a_surrogate_pair_is_a_character(self) -> None:
        self.check_lines("header_mismatch", entry(headers=signed(BODY, X_Puck_Event_Type="\U0001f600")))


class Keys(LineTest):
    def test_a_key_that_is_missing_or_given_twice(self) -> None:
        again = entry()[:-2]
        self.check_refused(
            b"{}\n",
            entry(headers=ABSENT),
            entry(body=ABSENT),
            entry(body_base64="e30="),
            again + b',"body":"%b"}\n' % MARK.encode(),
            again + b',"headers":{}}\n',
            again + b',"headers":null}\n',
            again + b',"received_at":%d}\n' % NOW,
            entry(isBase64Encoded=False)[:-2] + b',"isBase64Encoded":false}\n',
            entry(multiValueHeaders=None)[:-2] + b',"multiValueHeaders":{}}\n',
            entry(body=ABSENT, body_base64="e30=")[:-2] + b',"body_base64":"e30="}\n',
        )


class ReceivedAt(LineTest):
    def check_time(self, text: str, skew: int, *, t: int = NOW) -> None:
        """The line is accepted, with this skew, when it was received at what the JSON text says."""
        body = envelope()
        delivery = line(body, t=t, received_at=None)[:-2] + b',"received_at":%b}\n' % text.encode()
        with self.subTest(text):
            self.assertEqual(self.check_filter(["ok"], delivery, args=NO_MEMORY)[0]["skew_seconds"], skew)

    def test_a_fraction_is_dropped_toward_the_past(self) -> None:
        for fraction in (".0", ".000", ".5", ".999999999", ".99999999999999999999999999999999"):
            self.check_time(f"{NOW + 7}{fraction}", 7)
        for text, skew in (
            ("-0", 0),
            ("-0.0", 0),
            ("-1", -1),
            ("-1.0", -1),
            ("-0.5", -1),
            ("-1.00001", -2),
            ("0.9", 0),
        ):
            self.check_time(text, skew, t=0)

    def test_the_fraction_does_not_widen_the_window(self) -> None:
        for received_at, reason in (
            (NOW + 300.9, "ok"),
            (NOW + 301.0, "timestamp_too_old"),
            (NOW - 300.1, "timestamp_too_new"),
        ):
            self.check_lines(reason, entry(received_at=received_at))

    def test_it_may_be_a_date_time(self) -> None:
        for text in (
            "2026-05-03T14:22:01Z",
            "2026-05-03t14:22:01z",
            "2026-05-03T16:22:01+02:00",
            "2026-05-03T07:52:01-06:30",
            "2026-05-03T14:22:01.999999999Z",
            "2026-05-03T14:22:01.9999999999999999Z",
            r"2026-05-03\u005414:22:01Z",
        ):
            self.check_time(f'"{text}"', 0)
        self.check_time('"1969-12-31T23:59:59.5Z"', -1, t=0)
        self.check_time('"2026-05-03T14:27:01Z"', 300)

    def test_milliseconds_are_the_recorder_s_mistake(self) -> None:
        for late in (NOW * 1000, NOW * 1000 + 0.5, NOW * 10**6, NOW * 10**9, 10**12):
            self.check_refused(entry(received_at=late), detail="milliseconds")
        self.check_lines("timestamp_too_old", entry(received_at=10**12 - 1))

    def test_anything_else_is_refused(self) -> None:
        all_wrong: tuple[Any, ...] = (
            None,
            True,
            False,
            "",
            str(NOW),
            MARK,
            "2026-05-03",
            "2026-05-03 14:22:01Z",
            "2026-05-03T14:22:01",
            " 2026-05-03T14:22:01Z",
            "2026-05-03T14:22:01Z ",
            "2026-02-30T00:00:00Z",
            "\ud800",
            [NOW],
            {},
            {MARK: NOW},
            10**30,
            -(10**30),
        )
        self.check_refused(*(entry(received_at=wrong) for wrong in all_wrong), detail="neither Unix seconds nor")
        self.check_refused(
            *(
                entry(received_at="@").replace(b'"@"', number)
                for number in (
                    b"1.777818121e9",
                    b"1777818121e0",
                    b"1777818121E0",
                    b"1777818121.0e0",
                    b"-9223372036854775809",
                )
            ),
            detail="neither Unix seconds nor",
        )


class Detail(CliTest):
    def test_it_says_what_is_wrong_with_the_line(self) -> None:
        not_json = "The line is not a JSON object, or it is nested more than 1024 deep."
        twice = "The line has headers, multiValueHeaders, body, body_base64, received_at or isBase64Encoded twice."
        not_named = "The line's headers hold something that is neither a [name, value] pair nor an object of both."
        bad_time = "The line's received_at is neither Unix seconds nor an RFC 3339 date-time."
        no_bytes = "holds half of a surrogate pair, which stands for no bytes."
        cases = {
            b"": "The line is empty.",
            b" \t": "The line is empty.",
            b"\xff{}": "The line is not valid UTF-8.",
            b'{"a":"\t"}': "A string in the line contains a control character.",
            b'{"a': "A string in the line has no end.",
            b"[]": not_json,
            b'{"a":"\\x"}': not_json,
            b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}": not_json,
            b'{"body":""}': "The line has no headers.",
            b'{"headers":null,"body":""}': "The line has no headers.",
            b'{"headers":{}}': "The line has neither body nor body_base64.",
            b'{"headers":{},"headers":{},"body":""}': twice,
            b'{"headers":{},"body":"","body_base64":""}': "The line has both body and body_base64.",
            b'{"headers":{},"body":1}': "The line's body is not a string.",
            rb'{"headers":{},"body":"\ud800"}': f"The line's body {no_bytes}",
            b'{"headers":{},"body_base64":"e"}': "The line's body is not base64 as in RFC 4648, with its padding.",
            b'{"headers":{},"body":"","isBase64Encoded":1}': "The line's isBase64Encoded is neither true nor false.",
            b'{"headers":1,"body":""}': "The line's headers are neither an object nor an array.",
            b'{"headers":[1],"body":""}': not_named,
            b'{"headers":{"a":1},"body":""}': "The line has a header whose value is not a string.",
            b'{"headers":[["a",1]],"body":""}': "The line has a header whose value is not a string.",
            rb'{"headers":{"X-Puck-Id":"\ud800"},"body":""}': f"A Puck header in the line {no_bytes}",
            b'{"headers":{},"body":"","received_at":1e9}': bad_time,
            b'{"headers":1,"body":1,"received_at":""}': "The line's headers are neither an object nor an array.",
        }
        verdicts = self.check_filter(["invalid_argument"] * len(cases), *(text + b"\n" for text in cases))
        for verdict, detail in zip(verdicts, cases.values(), strict=True):
            self.assertEqual(verdict["detail"], detail)


if __name__ == "__main__":
    main()
