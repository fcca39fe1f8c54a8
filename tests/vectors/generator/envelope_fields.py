"""envelope.json, second part: which fields there are, of which type, how often, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from generator.bodies import UUID, accepted, refused, string
from generator.delivery import GENUINE, TINY, Case, Event, envelope, fields, judged, members, words

OTHER_TYPES = {"null": b"null", "true": b"true", "number": b"1", "array": b"[]", "string": b'"x"', "object": b"{}"}


def missing_fields() -> list[Case]:
    names = list(fields(TINY))
    one = [
        refused(f"missing-{name}", "missing_field", f"{name} is absent.", envelope(TINY, **{name: None}))
        for name in names
    ]
    only = [
        refused(
            f"missing-all-but-{name}",
            "missing_field",
            f"Only {name} is there.",
            members([(name.encode(), fields(TINY)[name])]),
        )
        for name in names
    ]
    renamed = [
        ("upper", "event_id", b"EVENT_ID"),
        ("hyphen", "event_id", b"event-id"),
        ("camel", "event_id", b"eventId"),
        ("space-after", "event_id", b"event_id "),
        ("nul-after", "event_id", b"event_id\\u0000"),
        ("long", "event_id", b"event_ids"),
        ("twice-escaped", "event_id", b"event\\\\u005fid"),
        ("upper-type", "event_type", b"EVENT_TYPE"),
        ("type", "event_type", b"type"),
        ("cyrillic", "event_type", "\u0435vent_type".encode()),
        ("created-at", "emitted_at", b"created_at"),
        ("version", "api_version", b"version"),
        ("upper-data", "data", b"Data"),
        ("payload", "data", b"payload"),
        ("empty-key", "data", b""),
    ]
    other_names = [
        refused(
            f"missing-renamed-{name}",
            "missing_field",
            f"Another key in the place of {old}.",
            envelope(TINY, **{old: None}, last=string(new) + b":" + fields(TINY)[old]),
        )
        for name, old, new in renamed
    ]
    inside = [
        refused(
            f"missing-{name}-inside-data",
            "missing_field",
            f"{name} only inside data.",
            envelope(TINY, **{name: None}, data=members([(name.encode(), fields(TINY)[name])])),
        )
        for name in names
        if name != "data"
    ]
    return (
        one
        + only
        + other_names
        + inside
        + [
            refused(
                "missing-in-wrapper",
                "missing_field",
                "The whole envelope inside another object.",
                b'{"event":' + envelope(TINY) + b"}",
            ),
            refused(
                "missing-all-inside-data",
                "missing_field",
                "The whole envelope inside data.",
                b'{"data":' + envelope(TINY) + b"}",
            ),
        ]
    )


def wrong_types() -> list[Case]:
    made = [
        refused(f"type-{name}-{kind}", "wrong_type", f"{name} is {kind}.", envelope(TINY, **{name: value}))
        for name in fields(TINY)
        for kind, value in OTHER_TYPES.items()
        if kind != ("object" if name == "data" else "string")
    ]
    others = [
        ("data-is-json-in-a-string", "data", b'"{}"'),
        ("data-is-array-of-object", "data", b"[{}]"),
        ("data-is-empty-string", "data", b'""'),
        ("event-id-in-array", "event_id", b'["%b"]' % UUID.encode()),
        ("event-id-huge-number", "event_id", b"1e400"),
        ("event-id-zero", "event_id", b"0"),
        ("emitted-at-unix", "emitted_at", b"1777818121"),
        ("emitted-at-float", "emitted_at", b"1777818121.5"),
        ("api-version-negative", "api_version", b"-1"),
        ("event-type-named-object", "event_type", b'{"name":"a"}'),
    ]
    return made + [
        refused(f"type-{name}", "wrong_type", f"Another type: {words(name)}.", envelope(TINY, **{field: value}))
        for name, field, value in others
    ]


def duplicate_keys() -> list[Case]:
    made: list[Case] = []
    for name, value in fields(TINY).items():
        key, other = name.encode(), b"{}" if name == "data" else b'"other"'
        escaped = key[:-1] + b"\\u%04x" % key[-1]
        made += [
            refused(
                f"duplicate-{name}-same",
                "duplicate_key",
                f"{name} twice, with the same value.",
                envelope(TINY, last=string(key) + b":" + value),
            ),
            refused(
                f"duplicate-{name}-other",
                "duplicate_key",
                f"{name} twice, with another value at the end.",
                envelope(TINY, last=string(key) + b":" + other),
            ),
            refused(
                f"duplicate-{name}-first",
                "duplicate_key",
                f"{name} twice, with another value at the beginning.",
                envelope(TINY, first=string(key) + b":" + other),
            ),
            refused(
                f"duplicate-{name}-other-type",
                "duplicate_key",
                f"{name} twice, once null.",
                envelope(TINY, last=string(key) + b":null"),
            ),
            refused(
                f"duplicate-{name}-escaped",
                "duplicate_key",
                f"{name} twice, once with an escape.",
                envelope(TINY, last=string(escaped) + b":" + value),
            ),
            refused(
                f"duplicate-{name}-escaped-first",
                "duplicate_key",
                f"{name} twice, first with an escape.",
                envelope(TINY, first=string(escaped) + b":" + value),
            ),
        ]
    pairs = [
        ("unknown", b"x", b"x"),
        ("unknown-escaped", b"x", b"\\u0078"),
        ("both-escaped", b"\\u006a", b"\\u006A"),
        ("empty", b"", b""),
        ("quote", b'\\"', b"\\u0022"),
        ("backslash", b"\\\\", b"\\u005c"),
        ("nul", b"\\u0000", b"\\u0000"),
        ("non-ascii", "\u00e9".encode(), b"\\u00e9"),
        ("pair", "\U0001f600".encode(), b"\\ud83d\\ude00"),
        ("long", b"k" * 200, b"k" * 200),
        ("event-id-underscore", b"event_id", b"event\\u005fid"),
    ]
    made += [
        refused(
            f"duplicate-key-{name}",
            "duplicate_key",
            f"One key twice: {words(name)}.",
            envelope(
                TINY,
                event_id=None if b"event" in one else string(UUID),
                last=string(one) + b":" + string(UUID) + b"," + string(two) + b":" + string(UUID),
            ),
        )
        for name, one, two in pairs
    ]
    many = b",".join(b'"k%d":0' % number for number in range(200))
    return made + [
        refused(
            "duplicate-key-thrice", "duplicate_key", "One key three times.", envelope(TINY, last=b'"x":1,"x":1,"x":1')
        ),
        refused(
            "duplicate-after-200",
            "duplicate_key",
            "The first of two hundred keys once more at the end.",
            envelope(TINY, last=many + b',"k0":0'),
        ),
        refused(
            "duplicate-last-of-200",
            "duplicate_key",
            "The last of two hundred keys twice.",
            envelope(TINY, last=many + b',"k199":0'),
        ),
    ]


def unknown_fields() -> list[Case]:
    """Unknown top-level fields are ignored, whatever they hold."""
    values = {
        "null": b"null", "string": b'"x"', "array": b'[1,"a",{}]', "object": b'{"a":{"b":[]}}',
        "nested-envelope": envelope(), "keys-twice-inside": b'{"a":1,"a":2}',
        "text-like-keys": b'"\\"event_id\\":\\"x\\""', "brackets-in-string": b'"}]{["',
    }  # fmt: skip
    made: list[Case] = []
    for name, value in values.items():
        made.append(accepted(f"unknown-{name}", "An unknown field.", body=envelope(TINY, first=b'"x":' + value)))
    keys = [
        ("empty", b""), ("hyphen", b"event-id"), ("escaped-nul", b"event_id\\u0000"), ("severity", b"severity"),
        ("proto", b"__proto__"), ("quote", b'\\"'), ("emoji", "\U0001f600".encode()), ("long", b"k" * 500),
    ]  # fmt: skip
    made += [
        accepted(
            f"unknown-key-{name}",
            f"An unknown key: {words(name)}.",
            body=envelope(TINY, last=string(key) + b':"low"'),
        )
        for name, key in keys
    ]
    distinct = [
        ("case", b'"x":1,"X":2'), ("normal-forms", b'"\xc3\xa9":1,"e\xcc\x81":2'),
        ("nul", b'"a":1,"a\\u0000":2,"a\\u0000b":3'), ("spaces", b'"a":1,"a ":2," a":3'),
        ("prefixes", b'"a":1,"aa":2,"aaa":3'), ("escape-and-its-text", b'"\\u0041":1,"\\\\u0041":2'),
    ]  # fmt: skip
    made += [
        accepted(
            f"unknown-distinct-{name}",
            f"These keys are not equal: {words(name)}.",
            body=envelope(TINY, first=raw),
        )
        for name, raw in distinct
    ]
    many = b",".join(b'"k%d":0' % number for number in range(200))
    return [*made, accepted("unknown-200-keys", "Two hundred unknown fields.", body=envelope(TINY, last=many))]


def notations() -> list[Case]:
    """The same envelope, written in another way."""

    def ordered(names: Sequence[str]) -> bytes:
        return members((name.encode(), fields()[name]) for name in names)

    def escaped(value: str) -> bytes:
        return string("".join(f"\\u{ord(char):04X}" for char in value))

    names = list(fields())
    orders = [names[turn:] + names[:turn] for turn in range(1, 5)] + [names[::-1]]
    made = [
        judged(f"order-{number}", f"The fields in the order {', '.join(order)}.", body=ordered(order))
        for number, order in enumerate(orders)
    ]
    for name, value in fields().items():
        body = envelope(**{name: None}, first=escaped(name) + b":" + value)
        made.append(judged(f"escaped-key-{name}", f"Every character of the key {name} is an escape.", body=body))
    made += [
        judged(
            "escaped-underscore",
            "An escape in a key, once.",
            body=envelope(event_id=None, last=b'"event\\u005fid":' + string(UUID)),
        ),
        judged(
            "escaped-event-id", "Every character of the event id is an escape.", body=envelope(event_id=escaped(UUID))
        ),
        judged(
            "escaped-event-type",
            "Every character of the type is an escape.",
            body=envelope(event_type=escaped(GENUINE.event_type)),
        ),
        judged(
            "escaped-emitted-at",
            "Every character of the time is an escape.",
            body=envelope(emitted_at=escaped(GENUINE.emitted_at_text)),
        ),
        judged(
            "escaped-api-version",
            "Every character of the version is an escape.",
            body=envelope(api_version=escaped("v1")),
        ),
    ]
    pretty = b"""{
  "event_id": "018f2e3a-1c47-7a12-b321-aabbccddeeff",
  "event_type": "finding.discovered",
  "emitted_at": "2026-05-03T14:22:01Z",
  "api_version": "v1",
  "data": {
    "severity": "high"
  }
}
"""
    return [
        *made,
        judged(
            "pretty-printed", "Printed for people.", body=pretty, event=Event(data=b'{\n    "severity": "high"\n  }')
        ),
    ]


def order_of_checks() -> list[Case]:
    """Of two defects the one with the lower reason number is named, wherever it stands."""
    values = [
        ("invalid_event_id", "event_id", b'"x"'),
        ("invalid_event_type", "event_type", b'" "'),
        ("invalid_emitted_at", "emitted_at", b'"x"'),
        ("unsupported_api_version", "api_version", b'"v2"'),
    ]
    made: list[Case] = []
    for (reason, one, bad_one), (_, two, bad_two) in combinations(values, 2):
        made.append(
            refused(
                f"first-{one}-then-{two}",
                reason,
                f"Bad {one} and bad {two}.",
                envelope(TINY, **{one: bad_one, two: bad_two}),
            )
        )
    for _, name, bad in values:
        made += [
            refused(
                f"first-type-then-{name}",
                "wrong_type",
                f"data is an array, and a bad {name}.",
                envelope(TINY, **{name: bad}, data=b"[]"),
            ),
            refused(
                f"first-missing-then-{name}",
                "missing_field",
                f"data is absent, and a bad {name}.",
                envelope(TINY, **{name: bad}, data=None),
            ),
            refused(
                f"first-duplicate-then-{name}",
                "duplicate_key",
                f"An unknown key twice, and a bad {name}.",
                envelope(TINY, **{name: bad}, last=b'"x":1,"x":1'),
            ),
            refused(
                f"first-json-then-{name}",
                "invalid_json",
                f"Something after the document, and a bad {name}.",
                envelope(TINY, **{name: bad}) + b"x",
            ),
        ]
    twice = b'"x":1,"x":1'
    return made + [
        refused(
            "first-missing-then-type",
            "missing_field",
            "data is absent, and event_id a number.",
            envelope(TINY, event_id=b"1", data=None),
        ),
        refused(
            "first-missing-last-then-type-first",
            "missing_field",
            "event_id is absent, and data an array.",
            envelope(TINY, event_id=None, data=b"[]"),
        ),
        refused(
            "first-duplicate-then-missing",
            "duplicate_key",
            "An unknown key twice, and data absent.",
            envelope(TINY, data=None, last=twice),
        ),
        refused(
            "first-duplicate-then-missing-all",
            "duplicate_key",
            "An unknown key twice, and nothing else.",
            b"{" + twice + b"}",
        ),
        refused(
            "first-duplicate-then-type",
            "duplicate_key",
            "An unknown key twice, and data an array.",
            envelope(TINY, data=b"[]", last=twice),
        ),
        refused(
            "first-json-then-duplicate",
            "invalid_json",
            "A bad value after a key that occurs twice.",
            envelope(TINY, first=twice, last=b'"y":01'),
        ),
        refused(
            "first-json-then-missing",
            "invalid_json",
            "A bad value, and data absent.",
            envelope(TINY, data=None, last=b'"y":01'),
        ),
        refused(
            "first-json-then-type",
            "invalid_json",
            "A bad value, and data an array.",
            envelope(TINY, data=b"[]", last=b'"y":01'),
        ),
        refused(
            "first-json-in-data-then-missing",
            "invalid_json",
            "A bad value inside data, and event_id absent.",
            envelope(TINY, event_id=None, data=b'{"a":[nul]}'),
        ),
        refused(
            "first-utf8-then-duplicate",
            "invalid_json",
            "Bad UTF-8 after a key that occurs twice.",
            envelope(TINY, first=twice, last=b'"y":"\xff"'),
        ),
        refused(
            "first-surrogate-key-then-duplicate",
            "invalid_json",
            "A key with half a character, and another twice.",
            envelope(TINY, first=twice, last=b'"\\ud800":1'),
        ),
        refused(
            "everything-wrong",
            "duplicate_key",
            "Every field is wrong, and one twice.",
            b'{"event_id":1,"event_id":2,"event_type":"","api_version":"v2"}',
        ),
    ]
