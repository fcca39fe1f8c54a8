"""envelope.json, first part: size, JSON, UTF-8, depth, numbers, halves of characters."""

from __future__ import annotations

from dataclasses import replace

from generator.bodies import UUID, accepted, refused, string, with_data
from generator.delivery import GENUINE, TINY, Body, Case, Event, envelope, judged, words

LIMIT = 1_048_576
BAD_UTF8 = {
    "ff": b"\xff", "lone-continuation": b"\x80", "overlong-slash": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80",
    "beyond-unicode": b"\xf4\x90\x80\x80", "cut-3": b"\xe2\x82",
}  # fmt: skip
BAD_JSON = {
    "trailing-comma-object": b'{"a":1,}', "trailing-comma-array": b"[1,]", "leading-comma": b"[,1]",
    "double-comma": b"[1,,2]", "comment": b"1/*c*/", "line-comment": b"1//c\n", "hash-comment": b"1#c\n",
    "single-quotes": b"'a'", "no-quotes": b"{a:1}", "nan": b"NaN", "infinity": b"Infinity",
    "minus-infinity": b"-Infinity", "leading-zero": b"01", "plus": b"+1", "no-integer-part": b".5",
    "no-fraction": b"1.", "no-exponent": b"1e", "hex": b"0x1", "minus-alone": b"-", "bad-escape": b'"\\x41"',
    "short-u-escape": b'"\\u00"', "raw-tab": b'"a\tb"', "raw-newline": b'"a\nb"', "raw-nul": b'"a\x00b"',
    "raw-1f": b'"\x1f"', "upper-true": b"True", "undefined": b"undefined", "missing-colon": b'{"a" 1}',
    "missing-value": b'{"a":}', "missing-comma": b"[1 2]", "nothing": b"", "wrong-bracket": b"[1}",
    "number-key": b"{1:2}", "form-feed": b"\x0c1", "no-break-space": b"\xc2\xa01", "one-bracket-too-many": b"[1]]",
    "one-brace-too-many": b"{}}", "underscore": b"1_000", "bom": b"\xef\xbb\xbf1",
}  # fmt: skip


def sizes() -> list[Case]:
    body = envelope()
    padded: list[tuple[str, str, Body]] = [
        ("spaces", "spaces at the end", [(body, 1), (b" ", LIMIT - len(body))]),
        ("newlines-first", "newlines at the beginning", [(b"\n", LIMIT - len(body)), (body, 1)]),
        (
            "string",
            "a long string in an unknown field",
            [(body[:-1] + b',"x":"', 1), (b"x", LIMIT - len(body) - 7), (b'"}', 1)],
        ),
        (
            "array",
            "a wide array in an unknown field",
            [(body[:-1] + b',"x":[0', 1), (b",0", (LIMIT - len(body) - 8) // 2), (b"]}" + b" " * (len(body) % 2), 1)],
        ),
    ]
    at_limit = [
        judged(f"size-limit-{name}", f"As many bytes as the default limit allows: {what}.", body=made)
        for name, what, made in padded
    ]
    above: Body = [(body, 1), (b" ", LIMIT + 1 - len(body))]
    return at_limit + [
        refused("size-limit-plus-1", "payload_too_large", "One byte more than the default limit allows.", above),
        refused("size-limit-plus-1-not-json", "payload_too_large", "Size before JSON.", [(b"[", LIMIT + 1)]),
        refused("size-limit-not-json", "invalid_json", "A megabyte of zeros.", [(b"0", LIMIT)]),
        judged("size-configured-larger", "A larger limit is configured.", body=above, settings={"max_body": LIMIT + 1}),
        judged("size-configured-exact", "A smaller limit is configured, and kept.", settings={"max_body": len(body)}),
        judged(
            "size-configured-smaller",
            "A smaller limit is configured, and exceeded.",
            "payload_too_large",
            settings={"max_body": len(body) - 1},
        ),
        judged(
            "size-configured-in-spaces",
            "Spaces at the end count.",
            "payload_too_large",
            body=body + b" ",
            settings={"max_body": len(body)},
        ),
        judged(
            "size-ten-times-limit",
            "Ten megabytes.",
            "payload_too_large",
            body=[(b"0123456789abcdef", 10 * LIMIT // 16)],
        ),
    ]


def documents() -> list[Case]:
    """What stands in the place of, before, and after the one object."""
    body = envelope()
    bom = b"\xef\xbb\xbf"
    table = [
        ("empty", b""), ("space", b" "), ("whitespace", b" \t\r\n"), ("nul", b"\x00"), ("bom", bom),
        ("bom-object", bom + body), ("object-bom", body + bom), ("bom-inside", b"{" + bom + body[1:]),
        ("utf-16-le", body.decode().encode("utf-16-le")), ("utf-16-be", body.decode().encode("utf-16-be")),
        ("utf-16-bom", body.decode().encode("utf-16")), ("array", b"[]"), ("array-of-envelope", b"[" + body + b"]"),
        ("null", b"null"), ("string", b'"x"'), ("string-of-envelope", b'"' + body.replace(b'"', b'\\"') + b'"'),
        ("number", b"1"), ("true", b"true"), ("two-objects", b"{}{}"), ("two-envelopes", body * 2),
        ("ndjson", body + b"\n" + body), ("comma-after", body + b","), ("x-after", body + b"x"),
        ("brace-after", body + b"}"), ("bracket-after", body + b"]"), ("null-after", body + b" null"),
        ("comment-after", body + b"//"), ("nul-after", body + b"\x00"), ("nuls-after", body + b"\x00" * 64),
        ("sub-after", body + b"\x1a"), ("form-feed-after", body + b"\x0c"), ("vertical-tab-after", body + b"\x0b"),
        ("nbsp-after", body + b"\xc2\xa0"), ("xa0-after", body + b"\xa0"), ("del-after", body + b"\x7f"),
        ("record-separator-before", b"\x1e" + body + b"\n"), ("nul-before", b"\x00" + body),
        ("form-feed-before", b"\x0c" + body), ("comma-before", b"," + body), ("xssi-prefix", b")]}',\n" + body),
        ("single-quoted", body.replace(b'"', b"'")), ("no-braces", body[1:-1]), ("only-open-brace", b"{"),
        ("only-close-brace", b"}"), ("spaces-then-x", body + b" " * 100 + b"x"),
        ("latin-1", body[:-1] + b',"x":"\xe9"}'),
    ]  # fmt: skip
    spaced = body.replace(b'":', b'" :\t').replace(b',"', b'\r\n,\n  "')
    genuine = Event(data=GENUINE.data.replace(b'":', b'" :\t').replace(b',"', b'\r\n,\n  "'))
    whitespace = [
        ("newline-after", body + b"\n"), ("crlf-after", body + b"\r\n"), ("all-after", body + b" \t\r\n"),
        ("all-before", b" \t\r\n" + body), ("tab-both", b"\t" + body + b"\t"), ("kilobyte-after", body + b" \n" * 512),
    ]  # fmt: skip
    return [
        *(
            refused(f"document-{name}", "invalid_json", f"Not exactly one JSON object: {words(name)}.", made)
            for name, made in table
        ),
        *(
            judged(f"whitespace-{name}", f"Whitespace is allowed: {words(name)}.", body=made)
            for name, made in whitespace
        ),
        judged(
            "whitespace-everywhere",
            "Whitespace is allowed around every token.",
            body=b" " + spaced + b"\n",
            event=genuine,
        ),
        refused("document-empty-object", "missing_field", "An object, but without fields.", b"{}"),
        refused("document-empty-object-spaced", "missing_field", "An object of whitespace.", b" { \n } "),
    ]


def prefixes() -> list[Case]:
    """A small envelope, cut short."""
    whole = envelope(TINY)
    return [
        refused(
            f"cut-after-{size:03d}-bytes", "invalid_json", f"Only the first {size} bytes were signed.", whole[:size]
        )
        for size in range(1, len(whole), 4)
    ]


def bad_utf8() -> list[Case]:
    """Bytes that are not UTF-8, everywhere."""
    made: list[Case] = []
    for name, bad in BAD_UTF8.items():
        body = envelope(TINY)
        places = [
            ("before", bad + body), ("after", body + bad), ("between-tokens", b"{" + bad + body[1:]),
            ("unknown-key", envelope(TINY, last=b'"x' + bad + b'":1')),
            ("data-value", envelope(TINY, data=b'{"a":"' + bad + b'"}')),
            ("deep-in-data", envelope(TINY, data=b'{"a":[{"b":["' + bad + b'"]}]}')),
            ("event-id", envelope(TINY, event_id=string(UUID.encode()[:-1] + bad))),
            ("event-type", envelope(TINY, event_type=string(b"a" + bad))),
        ]  # fmt: skip
        made += [
            refused(f"utf8-{name}-{place}", "invalid_json", f"Not UTF-8: {bad.hex(' ')} {words(place)}.", body)
            for place, body in places
        ]
    return made


def bad_json() -> list[Case]:
    """Each mistake beside data, and some of them where a lazy parser does not look."""
    made: list[Case] = []
    for name, bad in BAD_JSON.items():
        made.append(
            refused(
                f"json-{name}",
                "invalid_json",
                f"Not JSON: {words(name)}.",
                envelope(TINY, first=b'"x":' + bad),
            )
        )
    deep_inside = [
        "trailing-comma-object", "trailing-comma-array", "comment", "single-quotes", "nan", "leading-zero", "plus",
        "no-integer-part", "no-fraction", "hex", "raw-newline", "bad-escape", "nothing",
    ]  # fmt: skip
    for name in deep_inside:
        deep = b'{"a":[{"b":{"c":[0,' + BAD_JSON[name] + b"]}}]}"
        made.append(
            refused(
                f"json-{name}-deep-in-data",
                "invalid_json",
                f"Not JSON, deep inside data: {words(name)}.",
                envelope(TINY, data=deep),
            )
        )
    whole = envelope(TINY)
    edits = [
        ("trailing-comma-in-envelope", whole[:-1] + b",}"), ("leading-comma-in-envelope", b"{," + whole[1:]),
        ("double-comma-in-envelope", whole.replace(b'","', b'",,"', 1)),
        ("missing-comma-in-envelope", whole.replace(b'","', b'" "', 1)),
        ("semicolon-in-envelope", whole.replace(b'","', b'";"', 1)),
        ("equals-in-envelope", whole.replace(b":", b"=", 1)),
        ("colon-for-comma-in-envelope", whole.replace(b'","', b'":"', 1)), ("bracket-at-end", whole[:-1] + b"]"),
        ("bracket-at-beginning", b"[" + whole[1:]), ("data-without-value", envelope(TINY, data=b"")),
        ("comment-in-envelope", b"{/**/" + whole[1:]),
        ("bare-key-in-envelope", whole.replace(b'"event_id"', b"event_id")),
        ("key-alone-in-envelope", whole[:-1] + b',"x"}'), ("value-alone-in-envelope", whole[:-1] + b",1}"),
        ("null-key-in-envelope", whole[:-1] + b",null:1}"), ("bad-escape-in-key", whole[:-1] + b',"\\x":1}'),
        ("raw-control-in-key", whole[:-1] + b',"\x01":1}'),
        ("raw-newline-in-event-id", envelope(TINY, event_id=string(UUID + "\n"))),
        ("bad-escape-in-event-id", envelope(TINY, event_id=string(UUID[:-1] + "\\x66"))),
        ("raw-control-in-event-type", envelope(TINY, event_type=b'"a\x01"')),
        ("raw-newline-in-emitted-at", envelope(TINY, emitted_at=b'"2026-05-03T14:22:01Z\n"')),
        ("short-escape-in-api-version", envelope(TINY, api_version=b'"v\\u031"')),
    ]  # fmt: skip
    return made + [refused(f"json-{name}", "invalid_json", f"Not JSON: {words(name)}.", body) for name, body in edits]


def depths() -> list[Case]:
    """The envelope counts as 1, data as 2: there is room for 1022 levels inside data, and 1023 beside it."""

    def inside(*pieces: tuple[bytes, int]) -> Body:
        """An envelope with these pieces as the value of an unknown field."""
        return [(envelope(TINY)[:-1] + b',"x":', 1), *pieces, (b"}", 1)]

    def in_data(*pieces: tuple[bytes, int]) -> Body:
        """An envelope with these pieces as the value of a key inside data."""
        return [(envelope(TINY)[:-3] + b'{"v":', 1), *pieces, (b"}}", 1)]

    def arrays(count: int, core: bytes = b"") -> list[tuple[bytes, int]]:
        return [(b"[", count), (core, 1), (b"]", count)]

    def objects(count: int) -> list[tuple[bytes, int]]:
        return [(b'{"a":', count - 1), (b"{}", 1), (b"}", count - 1)]

    def mixed(count: int, core: bytes) -> list[tuple[bytes, int]]:
        return [(b'[{"a":', count // 2), (core, 1), (b"}]", count // 2)]

    deepest = replace(TINY, data=b'{"v":' + b"[" * 1022 + b"]" * 1022 + b"}")
    good: list[tuple[str, str, Body]] = [
        ("arrays", "1024 levels, the deepest an empty array.", inside(*arrays(1023))),
        ("scalar", "1024 levels, the deepest with a number.", inside(*arrays(1023, b"1"))),
        ("objects", "1024 levels, the deepest an empty object.", inside(*objects(1023))),
        ("mixed", "1024 levels, arrays and objects in turn.", inside(*mixed(1022, b"[]"))),
        (
            "twice",
            "Two deep values side by side are no deeper.",
            inside((b"[", 1), *arrays(1022), (b",", 1), *arrays(1022), (b"]", 1)),
        ),
        (
            "brackets-in-string",
            "Brackets in a string do not count as levels.",
            inside((b'"', 1), (b"[", 5000), (b'"', 1)),
        ),
        ("wide", "Many arrays side by side do not count as levels.", inside((b"[", 1), (b"[],", 5000), (b"[]]", 1))),
    ]
    bad: list[tuple[str, str, Body]] = [
        ("1025-arrays", "1025 levels, the deepest an empty array.", inside(*arrays(1024))),
        ("1025-scalar", "1025 levels, the deepest with a number.", inside(*arrays(1024, b"1"))),
        ("1025-objects", "1025 levels, the deepest an empty object.", inside(*objects(1024))),
        ("1025-mixed", "1025 levels, arrays and objects in turn.", inside(*mixed(1024, b"0"))),
        ("1025-data-arrays", "1025 levels inside data, the deepest an empty array.", in_data(*arrays(1023))),
        ("1025-data-scalar", "1025 levels inside data, the deepest with a number.", in_data(*arrays(1023, b"1"))),
        ("1025-data-objects", "1025 levels inside data, the deepest an empty object.", in_data(*objects(1023))),
        ("1025-after-shallow", "Depth is judged everywhere.", inside((b"[[],[],", 1), *arrays(1023), (b"]", 1))),
        ("1025-alone", "Too deep comes before the missing fields.", [(b'{"x":', 1), *arrays(1024), (b"}", 1)]),
        ("100000", "100,000 levels inside data, all closed.", in_data(*arrays(100_000))),
        ("100000-document", "100,000 arrays and no envelope.", arrays(100_000)),
        ("megabyte-of-brackets", "A megabyte of opening brackets.", [(b"[", LIMIT)]),
        ("megabyte-of-objects", "A megabyte of opened objects.", [(b'{"a":', LIMIT // 5)]),
        ("megabyte-of-closing", "A megabyte of closing brackets.", [(b"]", LIMIT)]),
    ]
    return [
        accepted("depth-1024-data", "1024 levels inside data.", deepest, body=in_data(*arrays(1022))),
        *(accepted(f"depth-1024-{name}", comment, body=body) for name, comment, body in good),
        *(refused(f"depth-{name}", "invalid_json", comment, body) for name, comment, body in bad),
    ]


def numbers() -> list[Case]:
    """Numbers are grammar, not values."""
    table = {
        "1e400": b"1e400", "minus-1e400": b"-1e400", "1e-400": b"1e-400",
        "thirty-digits": b"123456789012345678901234567890", "two-to-64": b"18446744073709551616", "minus-zero": b"-0",
        "huge-exponent": b"1e99999999999999999999", "huge-negative-exponent": b"1E-99999999999999999999",
        "long-fraction": b"0." + b"1" * 100, "long-integer": b"9" * 400,
        "long-fraction-huge-exponent": b"1" * 60 + b"." + b"2" * 60 + b"e+400", "subnormal": b"4.9406564584124654e-324",
    }  # fmt: skip
    inside = [
        with_data(f"number-{name}", "A number need not fit anywhere; data keeps its bytes.", b'{"v":' + raw + b"}")
        for name, raw in table.items()
    ]
    all_of_them = b'"x":[' + b",".join(table.values()) + b"]"
    return [
        *inside,
        accepted("number-unknown-field", "All of them in an unknown field.", body=envelope(TINY, last=all_of_them)),
    ]


def surrogates() -> list[Case]:
    """Escapes of half a character."""
    lone = {"high": b"\\ud800", "low": b"\\uDFFF", "reversed": b"\\udc00\\ud800", "high-then-letter": b"\\ud83dx"}
    made: list[Case] = []
    for name, half in lone.items():
        made += [
            with_data(f"surrogate-{name}-data-value", "Allowed as a value inside data.", b'{"v":"' + half + b'"}'),
            with_data(
                f"surrogate-{name}-data-key",
                "Allowed as a key inside data.",
                b'{"' + half + b'":[{"' + half + b'":1}]}',
            ),
            with_data(
                f"surrogate-{name}-severity",
                "Allowed as a severity, which is then none of the known ones.",
                b'{"severity":"high' + half + b'"}',
            ),
            accepted(
                f"surrogate-{name}-unknown-field",
                "Allowed as the value of an unknown field.",
                body=envelope(TINY, last=b'"x":["' + half + b'"]'),
            ),
            refused(
                f"surrogate-{name}-top-level-key",
                "invalid_json",
                "A top-level key may not hold half a character.",
                envelope(TINY, last=b'"x' + half + b'":1'),
            ),
            refused(
                f"surrogate-{name}-event-id",
                "invalid_event_id",
                "Not a UUID.",
                envelope(TINY, event_id=string(UUID.encode()[:-1] + half)),
            ),
            refused(
                f"surrogate-{name}-event-type",
                "invalid_event_type",
                "Not an event type.",
                envelope(TINY, event_type=string(b"a" + half)),
            ),
            refused(
                f"surrogate-{name}-emitted-at",
                "invalid_emitted_at",
                "Not a date-time.",
                envelope(TINY, emitted_at=string(b"2026-05-03T14:22:01" + half)),
            ),
            refused(
                f"surrogate-{name}-api-version",
                "unsupported_api_version",
                "Not v1.",
                envelope(TINY, api_version=string(b"v1" + half)),
            ),
        ]
    pair = b"\\ud83d\\ude00"
    return made + [
        with_data("surrogate-pair-data", "A pair is a character.", b'{"' + pair + b'":"' + pair + b'"}'),
        accepted(
            "surrogate-pair-top-level-key",
            "A pair is a character in a key, too.",
            body=envelope(TINY, last=b'"' + pair + b'":1'),
        ),
    ]
