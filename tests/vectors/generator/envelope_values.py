"""envelope.json, third part: the values of the fields, and what is read from data."""

from __future__ import annotations

from dataclasses import replace

from generator.bodies import UUID, accepted, refused, string, with_data
from generator.delivery import TINY, Case, envelope, fields, members, words
from generator.emitted_at import ACCEPTED as GOOD_TIMES
from generator.emitted_at import REFUSED as BAD_TIMES


def event_ids() -> list[Case]:
    good = [
        ("upper", UUID.upper()), ("mixed", UUID[:18].upper() + UUID[18:]),
        ("version-4", "9b2d7c1e-5f3a-4c8d-9e0f-1a2b3c4d5e6f"), ("version-0", "12345678-1234-0234-0234-123456789abc"),
        ("almost-nil", "00000000-0000-0000-0000-000000000001"), ("almost-max", "ffffffff-ffff-ffff-ffff-fffffffffffe"),
        ("almost-max-first", "7fffffff-ffff-ffff-ffff-ffffffffffff"),
        ("letters-upper", "ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB"),
    ]  # fmt: skip
    bad: list[tuple[str, str | bytes]] = [
        ("empty", ""), ("35-characters", UUID[:-1]), ("37-characters", UUID + "0"), ("36-digits", "0" * 36),
        ("no-hyphens", UUID.replace("-", "")), ("braces", "{" + UUID + "}"), ("urn", f"urn:uuid:{UUID}"),
        ("shifted-hyphens", "018f2e3-a1c47-7a12-b321-aabbccddeeff"), ("hyphens-only", "-" * 36),
        ("underscores", UUID.replace("-", "_")), ("spaces", UUID.replace("-", " ")),
        ("en-dashes", UUID.replace("-", "\u2013")), ("trailing-newline", UUID + "\\n"),
        ("trailing-nul", UUID + "\\u0000"), ("nul-for-last", UUID[:-1] + "\\u0000"),
        ("nil", "00000000-0000-0000-0000-000000000000"), ("max", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ("max-upper", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"), ("full-width", "\uff10" + UUID[1:]),
        ("arabic-indic", "\u0660" + UUID[1:]), ("36-bytes-non-ascii", UUID[:-2] + "\u00e9"),
        ("comma-list", f"{UUID},{UUID}"), ("prefixed", "evt_" + UUID), ("long", "a" * 500),
    ]  # fmt: skip
    wrong_at = [
        (f"g-at-{index:02d}", UUID[:index] + "g" + UUID[index + 1 :]) for index in (0, 7, 8, 9, 13, 18, 23, 24, 34, 35)
    ]
    near = [
        (f"{name}-for-digit", f"{char}{UUID[1:]}")
        for name, char in (
            ("slash", "/"),
            ("colon", ":"),
            ("at", "@"),
            ("upper-g", "G"),
            ("backtick", "`"),
            ("hyphen", "-"),
            ("control", "\\u0010"),
        )
    ]
    return [
        *(
            accepted(f"event-id-{name}", f"A UUID: {words(name)}.", replace(TINY, event_id=value))
            for name, value in good
        ),
        *(
            refused(
                f"event-id-{name}",
                "invalid_event_id",
                f"Not a UUID that an event may have: {words(name)}.",
                envelope(TINY, event_id=string(value)),
            )
            for name, value in bad + wrong_at + near
        ),
    ]


def event_types() -> list[Case]:
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
    good = [
        ("queued", "investigation.queued"), ("completed", "investigation.completed"), ("agent", "agent.registered"),
        ("unknown", "nobody.knows.this"), ("one-letter", "x"), ("one-dot", "."), ("one-hyphen", "-"), ("dots", "a..b."),
        ("upper", "AGENT.REGISTERED"), ("all-allowed", allowed), ("128-bytes", "t" * 128),
    ]  # fmt: skip
    bad = [
        ("empty", b""), ("129-bytes", b"t" * 129), ("128-and-nul", b"t" * 128 + b"\\u0000"), ("leading-space", b" a"),
        ("trailing-space", b"a "), ("newline", b"a\\n"), ("tab", b"a\\tb"), ("e-acute", "\u00e9".encode()),
        ("e-acute-escaped", b"\\u00e9"), ("cyrillic", "\u0430gent".encode()), ("emoji", "\U0001f600".encode()),
        ("dotless-i", "\u0131nvestigation".encode()), ("128-of-2-bytes", "\u00e9".encode() * 128),
        ("zero-width-space", "a\u200bb".encode()),
    ]  # fmt: skip
    near = b'\x00\x0e\n\x1f !"*+,/:;@[\\]^`{~\x7f'
    bytes_ = [(f"byte-{code:02x}", b"a\\u%04xb" % code) for code in near]
    return [
        *(
            accepted(f"event-type-{name}", f"An event type: {words(name)}.", replace(TINY, event_type=value))
            for name, value in good
        ),
        *(
            refused(
                f"event-type-{name}",
                "invalid_event_type",
                f"Not an event type: {words(name)}.",
                envelope(TINY, event_type=string(value)),
            )
            for name, value in bad + bytes_
        ),
    ]


def api_versions() -> list[Case]:
    bad = [
        ("upper", "V1"), ("v2", "v2"), ("1", "1"), ("empty", ""), ("v", "v"), ("trailing-space", "v1 "),
        ("leading-space", " v1"), ("newline", "v1\\n"), ("nul", "v1\\u0000"), ("nul-only", "\\u0000"), ("v1-0", "v1.0"),
        ("v10", "v10"), ("v01", "v01"), ("date", "2026-05-03"), ("full-width", "v\uff11"), ("long", "v1" * 200),
    ]  # fmt: skip
    return [
        refused(
            f"api-version-{name}",
            "unsupported_api_version",
            f"Anything but v1: {words(name)}.",
            envelope(TINY, api_version=string(value)),
        )
        for name, value in bad
    ]


def emitted_ats() -> list[Case]:
    good = [
        accepted(
            f"emitted-at-{name}",
            comment,
            replace(TINY, emitted_at_text=value, emitted_at_seconds=seconds, emitted_at_nanoseconds=nanoseconds),
        )
        for name, value, seconds, nanoseconds, comment in GOOD_TIMES
    ]
    bad = [
        refused(f"emitted-at-{name}", "invalid_emitted_at", comment, envelope(TINY, emitted_at=string(value)))
        for name, value, comment in BAD_TIMES
    ]
    return good + bad


def data_bytes() -> list[Case]:
    """data is handed out as the very bytes that were signed."""
    table = [
        ("empty", b"{}"), ("space-inside", b"{ }"), ("whitespace-inside", b'{ \n\t"a" :\r\n 1 }'),
        ("keys-twice", b'{"a":1,"a":2,"b":{"a":1,"a":1}}'), ("event-id-twice", b'{"event_id":"x","event_id":"y"}'),
        ("escapes-kept", b'{"\\u0061":"\\/\\u0041\\n"}'),
        ("utf-8-kept", '{"\u00e9":"\u20ac \U0001f600 \u2028"}'.encode()),
        ("number-text-kept", b'{"a":1.0,"b":1.00,"c":1E+2,"d":-0}'), ("order-kept", b'{"z":1,"a":2,"m":3}'),
        ("brackets-in-strings", b'{"a":"}]{[\\"","b":"\\\\"}'), ("looks-like-envelope", envelope()),
        ("bom-in-string", b'{"a":"\xef\xbb\xbf"}'), ("del-in-string", b'{"a":"\x7f"}'),
        ("noncharacters", "{\"a\":\"\uffff\ufffe\U0010ffff\"}".encode()), ("nul-escaped", b'{"a\\u0000b":"\\u0000"}'),
        ("all-types", b'{"a":null,"b":true,"c":false,"d":[1,-2.5e3],"e":{},"f":""}'),
        ("2-kilobytes", b'{"a":"' + b"0123456789" * 200 + b'"}'),
    ]  # fmt: skip
    made = [with_data(f"data-{name}", f"The bytes of data: {words(name)}.", data) for name, data in table]
    event = replace(TINY, data=b'{ "a" : [ 1 ] }')
    around = {"spaces": b"  ", "newlines": b"\r\n", "tabs": b"\t\t", "all": b" \t\r\n"}
    made += [
        accepted(
            f"data-{name}-around",
            "Whitespace around data does not belong to it.",
            event,
            body=envelope(event, data=space + event.data + space),
        )
        for name, space in around.items()
    ]
    first = members(
        [
            (b"data", b"\n" + event.data + b"\n"),
            *((key.encode(), value) for key, value in fields(event, data=None).items()),
        ]
    )
    return [*made, accepted("data-first", "data is the first field.", event, body=first)]


def severities() -> list[Case]:
    known = ["low", "medium", "high", "critical"]
    made = [
        with_data(f"severity-{word}", f"The severity {word}.", b'{"severity":"%b"}' % word.encode(), severity=word)
        for word in known
    ]
    none = [
        ("absent", b"{}"), ("null", b'{"severity":null}'), ("true", b'{"severity":true}'),
        ("number", b'{"severity":3}'), ("array", b'{"severity":["high"]}'),
        ("object", b'{"severity":{"severity":"high"}}'), ("empty", b'{"severity":""}'),
        ("upper", b'{"severity":"HIGH"}'), ("trailing-space", b'{"severity":"high "}'),
        ("nul", b'{"severity":"high\\u0000"}'), ("unknown", b'{"severity":"severe"}'), ("cut", b'{"severity":"hig"}'),
        ("long", b'{"severity":"' + b"high" * 500 + b'"}'), ("upper-key", b'{"Severity":"high"}'),
        ("key-with-nul", b'{"severity\\u0000":"high"}'), ("nested", b'{"a":{"severity":"high"}}'),
        ("known-then-null", b'{"severity":"high","severity":null}'),
        ("known-then-unknown", b'{"severity":"high","severity":"x"}'),
        ("in-text", b'{"a":"\\"severity\\":\\"high\\""}'),
    ]  # fmt: skip
    some = [
        ("escaped-value", b'{"severity":"\\u0068igh"}', "high"),
        ("escaped-key", b'{"\\u0073everity":"low"}', "low"),
        ("both-escaped", b'{"severit\\u0079":"l\\u006Fw"}', "low"),
        ("twice", b'{"severity":"low","severity":"critical"}', "critical"),
        ("null-then-known", b'{"severity":null,"severity":"medium"}', "medium"),
        ("object-then-known", b'{"severity":{"severity":"low"},"severity":"medium"}', "medium"),
        ("twice-escaped", b'{"severity":"low","\\u0073everity":"high"}', "high"),
        ("known-then-nested", b'{"severity":"low","a":{"severity":"high"}}', "low"),
        ("last-key", b'{"a":1,"b":[],"severity":"high"}', "high"),
        ("spaced", b'{ "severity" \n:\t"high" }', "high"),
    ]
    made += [with_data(f"severity-none-{name}", f"No known severity: {words(name)}.", data) for name, data in none]
    made += [
        with_data(f"severity-is-{name}", f"The severity {word}: {words(name)}.", data, severity=word)
        for name, data, word in some
    ]
    return [
        *made,
        accepted(
            "severity-none-top-level", "Only data.severity counts.", body=envelope(TINY, last=b'"severity":"high"')
        ),
    ]
