"""json_suite.json: the grammar of RFC 8259, each text as the value of a key inside data.

The grammar's rules are taken one by one: what they produce must be accepted (y-...), what they only just
do not produce must be refused (n-...).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from generator.delivery import SIGNATURE, TINY, Case, envelope, judged, sign

ABOUT = (
    "JSON conformance by the sections of RFC 8259: every text stands as the value of v inside data of a rightly signed "
    "envelope. y-... are accepted with their bytes unchanged, n-... are invalid_json. Only the signature is sent."
)


@dataclass(frozen=True)
class Rule:
    """One rule of the grammar, with texts by name."""

    section: str
    accepted: Mapping[str, bytes]
    refused: Mapping[str, bytes]


def listed(prefix: str, *texts: str | bytes) -> dict[str, bytes]:
    """Texts whose names are only numbers, because they speak for themselves."""
    return {f"{prefix}-{n:02d}": text if isinstance(text, bytes) else text.encode() for n, text in enumerate(texts)}


def quoted(texts: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same texts as JSON strings."""
    return {name: b'"' + text + b'"' for name, text in texts.items()}


def cases() -> list[Case]:
    rules = [
        numbers(), literals(), strings(), escapes(), controls(), encodings(), arrays(), objects(), structure(),
        whitespace(), depths(), block_edges(),
    ]  # fmt: skip
    made: list[Case] = []
    for rule in rules:
        made += [case(f"y-{name}", "ok", f"{rule.section}: accepted.", text) for name, text in rule.accepted.items()]
        made += [
            case(f"n-{name}", "invalid_json", f"{rule.section}: refused.", text) for name, text in rule.refused.items()
        ]
    return made


def case(case_id: str, reason: str, comment: str, text: bytes) -> Case:
    """The text in its place; data is handed out with all that is inside its braces."""
    event = replace(TINY, data=b'{"v":' + text + b"}")
    body = envelope(event)
    return judged(case_id, comment, reason, event=event, body=body, headers=[(SIGNATURE, sign(body))])


def numbers() -> Rule:
    accepted = listed(
        "number",
        "0", "-0", "1", "-1", "1234567890", "123456789012345678901234567890", "0.0", "-0.0", "0.5", "-0.5", "1.0",
        "0.00000000000000000000000000000000000001", "1e0", "1E0", "1e+1", "1e-1", "1E+1", "0e0", "-0e-0", "1e007",
        "1.5e3", "-1.5E-3", "123.456e78", "1e400", "-1e400", "1e-400", "1e999999999999999999999", "9007199254740993",
        "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
        "1.7976931348623159e308", "2.2250738585072011e-308", "9" * 200, "0." + "0" * 200 + "1",
    )  # fmt: skip
    refused = listed(
        "number",
        "+1", "--1", "-", "+", "- 1", "01", "-01", "00", "0123.4", "1.", "0.", "1.e1", ".5", "-.5", ".", "1e", "0E",
        "1e+", "1E-", "1.0e", "1e1.5", "1e+-1", "1ee1", "1.2.3", "1.-1", "1.+1", "0x1", "-0X1", "0o17", "0b1", "1_000",
        "1e5_0", "1,000", "1 000", "1. 5", "1e 5", "1f", "1L", "1a", "1-1", "1'000", "NaN", "-NaN", "nan", "Infinity",
        "-Infinity", "+Infinity", "inf", "1.#INF", "1-", "\uff11", "1\u0662", "\u00b2", "\u22121", "1\u066b5", "\u221e",
        "1.\uff15", "1\\u0030", "\\u0031", "1\\", b"1\x00", b"1\xa0", b"-\xc2\xa01", b"1e\x801",
    )  # fmt: skip
    return Rule("Section 6, numbers", accepted, refused)


def literals() -> Rule:
    accepted = listed("literal", "true", "false", "null", " true ", "\r\nnull\t")
    refused = listed(
        "literal",
        "True", "TRUE", "False", "Null", "NULL", "None", "nil", "undefined", "yes", "t", "tru", "truE", "truee",
        "true1", "fals", "falsey", "nul", "nulll", "true false", "truefalse", "tr\\u0075e", "tru\ne", "-true", "true.",
        "n\u00fcll", b"true\x00", b"nul\x00", b"null\xff", "a", "_",
    )  # fmt: skip
    return Rule("Section 3, literals", accepted, refused)


def strings() -> Rule:
    accepted = quoted({
        "string-empty": b"",
        "string-spaces": b"   ",
        "string-printable": bytes(code for code in range(0x20, 0x7F) if code not in b'"\\'),
        "string-del": b"\x7f",
        "string-brackets": b"}]{[",
        "string-comment": b"/* no comment */ // # <!-- -->",
        "string-number": b"01",
        "string-500": b"x" * 500,
        "string-2-bytes-first": b"\xc2\x80",
        "string-2-bytes-last": b"\xdf\xbf",
        "string-3-bytes-first": b"\xe0\xa0\x80",
        "string-3-bytes-before-surrogates": b"\xed\x9f\xbf",
        "string-3-bytes-after-surrogates": b"\xee\x80\x80",
        "string-3-bytes-last": b"\xef\xbf\xbf",
        "string-4-bytes-first": b"\xf0\x90\x80\x80",
        "string-4-bytes-last": b"\xf4\x8f\xbf\xbf",
        "string-bom": b"\xef\xbb\xbf",
        "string-nbsp": b"\xc2\xa0",
        "string-next-line": b"\xc2\x85",
        "string-line-separators": b"\xe2\x80\xa8\xe2\x80\xa9",
        "string-replacement": b"\xef\xbf\xbd",
        "string-noncharacters": b"\xef\xbf\xbe\xef\xb7\x90\xf0\x9f\xbf\xbf",
        "string-combining": b"e\xcc\x81",
        "string-right-to-left": b"\xe2\x80\xae\xd7\x90",
        "string-all-lengths": b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
        "string-cjk": b"\xe7\xa7\x98" * 25,
        "string-emoji": b"\xf0\x9f\x98\x80" * 17,
    })  # fmt: skip
    refused = listed(
        "string",
        '"', '"a', 'a"', '"a""', '""a', '"a"b"', '"a" "b"', '"a"+"b"', "'a'", "''", "`a`", "\u201ca\u201d", '"a\'',
        '"\\"', '"\\\\\\"', '\\"a\\"', '"a"\\', 'u"a"', '"""a"""', "a b", "\u00e9", '"a"x',
    )  # fmt: skip
    return Rule("Section 7, strings", accepted, refused)


def escapes() -> Rule:
    accepted = quoted(
        {
            "escape-quote": b'\\"',
            "escape-backslash": b"\\\\",
            "escape-slash": b"\\/",
            "escape-all": b'\\"\\\\\\/\\b\\f\\n\\r\\t',
            "escape-u-zero": b"\\u0000",
            "escape-u-quote": b"\\u0022",
            "escape-u-backslash": b"\\u005c",
            "escape-u-lower": b"\\uabcd",
            "escape-u-upper": b"\\uABCD",
            "escape-u-mixed": b"\\uaBcD",
            "escape-u-feff": b"\\uFEFF",
            "escape-u-ffff": b"\\uffff",
            "escape-u-then-digit": b"\\u00411",
            "escape-u-many": b"\\u0041" * 20,
            "escape-pair-first": b"\\ud800\\udc00",
            "escape-pair-last": b"\\udbff\\udfff",
            "escape-pair-upper": b"\\uD83D\\uDE00",
            "escape-lone-high": b"\\ud800",
            "escape-lone-high-last": b"\\uDBFF",
            "escape-lone-low": b"\\udc00",
            "escape-lone-low-last": b"\\udfff",
            "escape-pair-reversed": b"\\udc00\\ud800",
            "escape-two-high": b"\\ud800\\ud800",
            "escape-high-then-letter": b"\\ud800a",
            "escape-high-then-newline": b"\\ud800\\n",
            "escape-high-then-u0041": b"\\ud800\\u0041",
            "escape-high-then-backslash": b"\\ud800\\\\",
            "escape-high-then-pair": b"\\ud800\\ud83d\\ude00",
            "escape-high-then-emoji": b"\\ud83d\xf0\x9f\x98\x80",
            "escape-pair-then-low": b"\\ud83d\\ude00\\ude00",
            "escape-backslash-u": b"\\\\u0041",
            "escape-backslash-quote": b'\\\\\\"',
            "escape-backslashes-70": b"\\\\" * 35,
            "escape-quotes-70": b'\\"' * 70,
            "escape-json-in-string": b'{\\"a\\":\\"\\\\\\"\\"}',
        }
    )
    refused = quoted(
        {
            "escape-a": b"\\a",
            "escape-v": b"\\v",
            "escape-0": b"\\0",
            "escape-octal": b"\\033",
            "escape-x": b"\\x41",
            "escape-single-quote": b"\\'",
            "escape-space": b"\\ ",
            "escape-upper-n": b"\\N",
            "escape-upper-u": b"\\U00000041",
            "escape-bracket": b"\\[",
            "escape-newline": b"\\\n",
            "escape-tab": b"\\\t",
            "escape-nul": b"\\\x00",
            "escape-del": b"\\\x7f",
            "escape-e-acute": b"\\\xc3\xa9",
            "escape-odd-backslashes": b"\\\\\\",
            "escape-end": b"\\",
            "escape-u-alone": b"\\u",
            "escape-u-1-digit": b"\\u0",
            "escape-u-2-digits": b"\\u00",
            "escape-u-3-digits": b"\\u000",
            "escape-u-g-first": b"\\ug000",
            "escape-u-g-second": b"\\u0g00",
            "escape-u-g-third": b"\\u00g0",
            "escape-u-g-last": b"\\u000g",
            "escape-u-plus": b"\\u+123",
            "escape-u-minus": b"\\u-123",
            "escape-u-space": b"\\u 123",
            "escape-u-0x": b"\\u0x12",
            "escape-u-braces": b"\\u{41}",
            "escape-u-slash": b"\\u00/1",
            "escape-u-colon": b"\\u00:1",
            "escape-u-at": b"\\u00@1",
            "escape-u-backtick": b"\\u00`1",
            "escape-uu": b"\\uu0041",
            "escape-u-full-width": b"\\u004\xef\xbc\x91",
            "escape-u-nul": b"\\u004\x00",
            "escape-high-then-u": b"\\ud800\\u",
            "escape-high-then-u-3": b"\\ud800\\udc0",
            "escape-high-then-x": b"\\ud800\\x",
            "escape-high-then-bad-u": b"\\ud800\\udcxx",
            "escape-high-then-end": b"\\ud800\\",
            "escape-low-cut": b"\\udc0",
            "escape-good-then-bad": b"\\n\\q",
        }
    )
    return Rule("Section 7, escapes", accepted, refused)


def controls() -> Rule:
    """U+0000 to U+001F must be escaped in strings, and only three of them may stand between tokens."""
    between = [code for code in [*range(0x20), 0x7F] if code not in b"\t\n\r"]
    return Rule(
        "Sections 2 and 7, controls",
        quoted({f"control-{code:02x}-escaped": b"a\\u%04xb" % code for code in b"\x00\x01\t\n\x1f\x7f"}),
        {
            **quoted({f"control-{code:02x}-in-string": b"a%cb" % code for code in range(0x20)}),
            **{f"control-{code:02x}-in-key": b'{"a%c":1}' % code for code in b"\x00\x01\t\n\r\x1f"},
            **{f"control-{code:02x}-before": b"%c1" % code for code in between},
            **{f"control-{code:02x}-after": b"1%c" % code for code in b"\x00\x0b\x0c\x1a\x1f\x7f"},
        },
    )


def encodings() -> Rule:
    """Section 8.1: UTF-8, and nothing that only looks like it."""
    in_string = {
        "80": b"\x80", "bf": b"\xbf", "c0": b"\xc0", "c1": b"\xc1", "f5": b"\xf5\x80\x80\x80",
        "f8": b"\xf8\x88\x80\x80\x80", "fc": b"\xfc\x84\x80\x80\x80\x80", "fe": b"\xfe", "ff": b"\xff",
        "two-continuations": b"\x80\x80", "latin-1": b"caf\xe9s", "windows-quotes": b"\x93a\x94",
        "overlong-nul": b"\xc0\x80", "overlong-quote": b"\xc0\xa2", "overlong-7f": b"\xc1\xbf",
        "overlong-3-nul": b"\xe0\x80\x80", "overlong-3-slash": b"\xe0\x80\xaf", "overlong-3-7ff": b"\xe0\x9f\xbf",
        "overlong-4-nul": b"\xf0\x80\x80\x80", "overlong-4-ffff": b"\xf0\x8f\xbf\xbf",
        "surrogate-first": b"\xed\xa0\x80", "surrogate-high-last": b"\xed\xaf\xbf",
        "surrogate-low-first": b"\xed\xb0\x80", "surrogate-last": b"\xed\xbf\xbf",
        "surrogate-pair": b"\xed\xa0\xbd\xed\xb8\x80", "beyond-unicode": b"\xf4\x90\x80\x80", "cut-2": b"\xc3",
        "cut-3-after-1": b"\xe2", "cut-3-after-2": b"\xe2\x82", "cut-4-after-1": b"\xf0", "cut-4-after-2": b"\xf0\x9f",
        "cut-4-after-3": b"\xf0\x9f\x98", "cut-2-then-letter": b"\xc3a", "cut-3-then-letter": b"\xe2\x82a",
        "cut-4-then-letter": b"\xf0\x9f\x98a", "cut-2-then-2": b"\xc3\xc3\xa9", "cut-3-then-escape": b"\xe2\x82\\n",
        "extra-continuation": b"\xc3\xa9\xa9", "good-then-bad": b"\xe2\x82\xac\xff",
        "far-in": b"a" * 200 + b"\xff" + b"a" * 200, "utf-16": "\u00e4b".encode("utf-16-le"), "gb18030": b"\xc4\xe3",
    }  # fmt: skip
    in_key = ("80", "ff", "overlong-3-slash", "surrogate-first", "cut-3-after-2", "latin-1")
    bare = {
        "bom-before": b"\xef\xbb\xbf1", "bom-after": b"1\xef\xbb\xbf", "ff-before": b"\xff1", "ff-after": b"1\xff",
        "80-after": b"1\x80", "emoji": b"\xf0\x9f\x98\x80", "overlong-quotes": b"\xc0\xa2a\xc0\xa2",
        "overlong-one": b"\xc0\xb1", "utf-16-one": b"1\x00", "overlong-braces": b"\xc1\xbb\xc1\xbd",
    }  # fmt: skip
    return Rule(
        "Section 8, encoding",
        {},
        {
            **{f"utf8-{name}-in-string": b'"' + text + b'"' for name, text in in_string.items()},
            **{f"utf8-{name}-in-key": b'{"' + in_string[name] + b'":1}' for name in in_key},
            **{f"utf8-{name}-bare": text for name, text in bare.items()},
        },
    )


def arrays() -> Rule:
    accepted = listed(
        "array",
        "[]", "[ ]", "[1]", "[1,2]", "[1 , 2]", "[[]]", "[[],[]]", "[[[[[[]]]]]]", "[{},{}]", '[""]', '["]"]',
        '[1,"a",true,false,null,[],{}]', "[\t1\r,\n2 ]", "[" + "0," * 99 + "0]",
    )  # fmt: skip
    refused = listed(
        "array",
        "[", "]", "[[", "][", "[1", "1]", "[1,", "[,]", "[,1]", "[1,]", "[1,\n]", "[1,,2]", "[1 2]", '["a" "b"]',
        "[[] []]", "[1;2]", "[1:2]", '["a":1]', "[1]]", "[[1]", "[1}", "{1]", "(1)", "<1>", "[...]", "[1..2]", "[a]",
        "[1],[2]", "[1][2]", '["a', '["a"', '["a",', "[tru]", "[1\\,2]", "[1\uff0c2]", "\uff3b1\uff3d", "[-]", "[01]",
        "[1.]", "[1,/**/2]", "[1,2]//", "[\"a\",'b']",
    )  # fmt: skip
    return Rule("Section 5, arrays", accepted, refused)


def objects() -> Rule:
    accepted = listed(
        "object",
        "{}", "{ }", '{"a":1}', '{ "a" : 1 }', '{"a":1 , "b":2}', '{"":0}', '{"a":{"a":{"a":{}}}}', '{"a":[{"b":[]}]}',
        '{"a":1,"a":1}', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"\\n":1}', '{"\\"":1}', '{"\\u0000":1}',
        '{"\\ud800":1}', '{"\\ud83d\\ude00":1}', '{"\u00e9":1}', '{"}":"{"}', '{":":","}', '{"' + "k" * 300 + '":1}',
        '{"a":null,"b":true,"c":false,"d":0,"e":"","f":[],"g":{}}',
    )  # fmt: skip
    refused = listed(
        "object",
        "{", "}", "}{", "{{}}", "{[]}", '{"a"}', '{"a":}', '{"a":1', '{"a":', '{"a"', '{"a', '{"', '{"a":1,}', "{,}",
        '{,"a":1}', '{"a":1,,"b":2}', '{"a" 1}', '{"a",1}', '{"a"::1}', '{"a":1:2}', '{"a"=1}', '{"a"=>1}',
        '{"a":1 "b":2}', '{"a":1;"b":2}', "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{[]:1}", "{{}:1}", "{:1}",
        '{"a","b"}', '{"a":1]', '{"a":1}}', '{"a":1}{}', '{"a":1},{}', '{"a":1},', '{"a":b}', '{"a":01}', '{"a":1,2}',
        '{"a":1,"b"}', '{"a":1,"b":}', '{"a"\\u003a1}', '{"a"\uff1a1}', '{a":1}', '{"a:1}', '{"a" "b":1}', '{"\\x":1}',
        '{"\\u00":1}', '{"\\":1}', "{/**/}", '{"a":/**/1}', '{"a":1}#', "{...}", '{"a":{}', '{"a":[}', '{"a":]',
        '{"a":{]}',
    )  # fmt: skip
    return Rule("Section 4, objects", accepted, refused)


def structure() -> Rule:
    refused = listed(
        "value",
        "", " ", ",", ":", "=", "1,", ",1", "1 2", "1,2", "1:2", "1;", '"a":', '"a":1', '"a" 1', "[] {}", "[]1", "1[]",
        "*", "&", "@", "\\", "\\n", "/", "//", "/**/", "/* */1", "1/* */", "1 // one\n", "# one\n1", "1 # one\n",
        "<!-- -->1", "-- one\n1", "<a/>", "&quot;a&quot;", "new Date()", "/a/", "!!null", "- 1", "${a}", "{{a}}", "1}1",
        "1]1", "\u2026", "\ufffd", "\x1b[0m1", ")]}'", "[1]true", "~", "a.b",
    )  # fmt: skip
    return Rule("Sections 2 and 3, structure", {}, refused)


def whitespace() -> Rule:
    allowed = {
        "space": b" ",
        "tab": b"\t",
        "lf": b"\n",
        "cr": b"\r",
        "crlf": b"\r\n",
        "all": b" \t\r\n",
        "hundred": b" " * 100,
    }
    other = {
        "nbsp": b"\xc2\xa0", "xa0": b"\xa0", "next-line": b"\xc2\x85", "x85": b"\x85", "ogham": b"\xe1\x9a\x80",
        "en-quad": b"\xe2\x80\x80", "zero-width": b"\xe2\x80\x8b", "line-separator": b"\xe2\x80\xa8",
        "paragraph-separator": b"\xe2\x80\xa9", "word-joiner": b"\xe2\x81\xa0", "ideographic": b"\xe3\x80\x80",
        "bom": b"\xef\xbb\xbf", "soft-hyphen": b"\xc2\xad", "escaped-n": b"\\n", "escaped-u0020": b"\\u0020",
    }  # fmt: skip
    return Rule(
        "Section 2, whitespace",
        {
            **{f"whitespace-{name}-before": space + b"1" for name, space in allowed.items()},
            **{f"whitespace-{name}-after": b'"a"' + space for name, space in allowed.items()},
            **{
                f"whitespace-{name}-in-object": space.join([b"{", b'"a"', b":", b"[", b"]", b"}"])
                for name, space in allowed.items()
            },
        },
        {
            **{f"whitespace-{name}-before": space + b"1" for name, space in other.items()},
            **{f"whitespace-{name}-in-object": b'{"a":' + space + b"1}" for name, space in other.items()},
        },
    )


def depths() -> Rule:
    """The document has 1024 levels: the envelope and data take two, the value may have 1022."""
    return Rule(
        "Section 9, 1024 levels",
        {
            "depth-500-arrays": b"[" * 500 + b"]" * 500,
            "depth-200-objects": b'{"a":' * 200 + b"0" + b"}" * 200,
            "depth-zigzag": b"[" + b"[[]]," * 100 + b"[]]",
        },
        {
            "depth-1023-arrays": b"[" * 1023 + b"]" * 1023,
            "depth-200-unclosed": b"[" * 200,
            "depth-200-one-missing": b"[" * 200 + b"]" * 199,
            "depth-200-one-too-many": b"[" * 200 + b"]" * 201,
            "depth-200-wrong-close": b"[" * 200 + b"]" * 100 + b"}" + b"]" * 99,
        },
    )


def block_edges() -> Rule:
    """Parsers work in blocks of 16 to 64 bytes: the same trap at many offsets."""
    return Rule(
        "Section 7, at each offset",
        {f"offset-{n:02d}-quote": b'"' + b"a" * n + b'\\""' for n in range(0, 64, 3)},
        {
            **{f"offset-{n:02d}-control": b'"' + b"a" * n + b'\x1fa"' for n in range(0, 64, 3)},
            **{f"offset-{n:02d}-cut-utf8": b'"' + b"a" * n + b'\xe2\x82"' for n in range(0, 64, 3)},
        },
    )
