"""signature.json, first part: the grammar of the header, its timestamps, its digits, its size."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from generator.delivery import (
    GENUINE,
    NOW,
    SIGNATURE,
    Body,
    Case,
    envelope,
    judged,
    mac,
    sign,
    words,
)

ENVELOPE = envelope()
SMALL = b"{}"
GOOD = sign(SMALL)  # t=..........,v1=<64 digits>, 80 bytes
GOOD_MAC = mac(SMALL)
WRONG_MAC = "0123456789abcdef" * 4
BAD_BYTES = {"nul": "\x00", "cr": "\r", "lf": "\n", "del": "\x7f", "x80": "\x80", "xff": "\xff"}
KEY_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
VALUE_CHARACTERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != ",")


def with_header(case_id: str, comment: str, reason: str, header: str, *, body: Body = ENVELOPE) -> Case:
    """A delivery with this one signature header; genuine ones also carry what Puck sends beside it."""
    beside = GENUINE.beside() if reason == "ok" else []
    return judged(case_id, comment, reason, body=body, headers=[(SIGNATURE, header), *beside])


def filled(template: str, body: bytes) -> str:
    """$G is the good timestamp, $S its right digits, $W 64 wrong digits."""
    return template.replace("$G", str(NOW)).replace("$S", mac(body)).replace("$W", WRONG_MAC)


def rows(prefix: str, reason: str, table: Sequence[tuple[str, str, str]]) -> list[Case]:
    """One case for each (name, header template, comment)."""
    body = ENVELOPE if reason == "ok" else SMALL
    return [
        with_header(f"{prefix}-{name}", comment, reason, filled(header, body), body=body)
        for name, header, comment in table
    ]


def small(case_id: str, comment: str, header: str, reason: str = "malformed_signature") -> Case:
    """A refusal in a large family."""
    return with_header(case_id, comment, reason, header, body=SMALL)


def missing() -> list[Case]:
    absent = [
        judged("missing-no-headers", "There are no headers at all.", "missing_signature", headers=[]),
        judged("missing-only-others", "All but the signature.", "missing_signature", headers=GENUINE.beside()),
    ]
    return absent + rows(
        "missing",
        "missing_signature",
        [
            ("empty", "", "An empty header counts as absent."),
            ("space", " ", "Only a space."),
            ("tab", "\t", "Only a tab."),
            ("spaces-and-tabs", " \t \t\t  ", "Only spaces and tabs."),
            ("4096-spaces", " " * 4096, "Only spaces, as many as a header may have bytes."),
        ],
    )


def unsupported() -> list[Case]:
    return rows(
        "unsupported",
        "unsupported_scheme",
        [
            ("t-only", "t=$G", "A timestamp and nothing else."),
            ("t-only-spaces", " \tt=$G ", "A timestamp in spaces and nothing else."),
            ("t-zero-only", "t=0", "An old timestamp is not judged when there is nothing to authenticate it."),
            ("t-twelve-digits-only", "t=999999999999", "Nor is one from the far future."),
            ("v0", "t=$G,v0=$S", "v0 is another scheme."),
            ("v2", "t=$G,v2=$S", "v2 is another scheme."),
            ("v", "t=$G,v=$S", "v is not v1."),
            ("v01", "t=$G,v01=$S", "v01 is not v1."),
            ("v11", "t=$G,v11=$S", "v11 only begins like v1."),
            ("v1a", "t=$G,v1a=$S", "v1a only begins like v1."),
            ("v1-hyphen", "t=$G,v1-=$S", "A hyphen belongs to the key."),
            ("v1-underscore", "t=$G,v1_=$S", "An underscore belongs to the key."),
            ("xv1", "t=$G,xv1=$S", "xv1 only ends like v1."),
            ("upper-v1", "t=$G,V1=$S", "Keys are case-sensitive."),
            ("sha256", "t=$G,sha256=$S", "Another sender's name for the same digits."),
            ("many-others", "v0=$S,t=$G,v2=$S,v3=", "Several schemes, none of them v1."),
        ],
    )


def well_formed() -> list[Case]:
    return rows(
        "ok",
        "ok",
        [
            ("plain", "t=$G,v1=$S", "The ordinary header."),
            ("v1-first", "v1=$S,t=$G", "The order of the items does not matter."),
            ("space-after-comma", "t=$G, v1=$S", "A space after the comma."),
            ("space-before-comma", "t=$G ,v1=$S", "A space before the comma."),
            ("tab-after-comma", "t=$G,\tv1=$S", "A tab after the comma."),
            ("spaces-everywhere", " t=$G ,\tv1=$S ", "Spaces and tabs wherever the grammar has them."),
            ("runs-of-spaces", "\t \t t=$G \t \t,  \t  v1=$S\t\t  ", "Runs of spaces and tabs."),
            (
                "unknown-scheme-before",
                "t=$G,v2=xyz,v1=$S",
                "A scheme that is not known is ignored, whatever its value.",
            ),
            ("unknown-scheme-after", "t=$G,v1=$S,v2=xyz", "The same, after the v1."),
            ("unknown-first", "x=1,t=$G,v1=$S", "An unknown item comes first."),
            ("unknown-empty-value", "t=$G,x=,v1=$S", "A value may be empty."),
            ("unknown-equals", "t=$G,x==,y=a=b,v1=$S", "A value may hold an equals sign."),
            ("unknown-twice", "t=$G,v0=a,v0=b,v0=a,v1=$S", "An ignored key may occur more than once."),
            ("unknown-all-characters", f"t=$G,x={VALUE_CHARACTERS},v1=$S", "Every character that a value may have."),
            ("unknown-key-characters", f"t=$G,{KEY_CHARACTERS}=1,v1=$S", "Every character that a key may have."),
            ("unknown-hyphen-keys", "t=$G,-=1,_=2,0=3,v1=$S", "Keys of one character that are not letters."),
            ("upper-t-ignored", "t=$G,T=1,v1=$S", "T is not t."),
            ("upper-v1-ignored", "t=$G,V1=junk,v1=$S", "V1 is not v1, so it cannot spoil the header."),
            ("v1-like-keys-ignored", "t=$G,v=1,v10=2,v1x=3,v1=$S", "Keys that begin like v1 are other keys."),
            ("t-like-keys-ignored", "t=$G,tt=1,t0=2,ts=x,v1=$S", "Keys that begin like t are other keys."),
            ("same-v1-twice", "t=$G,v1=$S,v1=$S", "The same v1 twice."),
            ("t-between", "v1=$W,t=$G,v1=$S", "The timestamp stands between two candidates."),
            ("wrong-then-right", "t=$G,v1=$W,v1=$S", "One right candidate is enough, at the end."),
            ("right-then-wrong", "t=$G,v1=$S,v1=$W", "One right candidate is enough, at the beginning."),
        ],
    )


def malformed() -> list[Case]:
    return rows(
        "malformed",
        "malformed_signature",
        [
            ("no-t", "v1=$S", "t is required."),
            ("no-t-no-v1", "v2=$S", "Without t and v1 the missing t decides."),
            ("upper-t", "T=$G,v1=$S", "Keys are case-sensitive, so t is missing."),
            ("ts", "ts=$G,v1=$S", "ts is not t."),
            ("semicolon", "t=$G;v1=$S", "A semicolon does not separate items."),
            ("space-separated", "t=$G v1=$S", "A space does not separate items."),
            ("tab-separated", "t=$G\tv1=$S", "A tab does not separate items."),
            ("ampersand", "t=$G&v1=$S", "An ampersand does not separate items."),
            ("newline-separated", "t=$G\nv1=$S", "A newline does not separate items."),
            ("folded", "t=$G,\r\n v1=$S", "A folded header line is not unfolded here."),
            ("v1-no-equals", "t=$G,v1", "An item without an equals sign."),
            ("t-no-equals", "t,v1=$S", "A timestamp without an equals sign."),
            ("unknown-no-equals", "t=$G,x,v1=$S", "Even an ignored item has an equals sign."),
            ("colon", "t:$G,v1:$S", "A colon is not an equals sign."),
            ("no-key", "=$G,v1=$S", "A key has at least one character."),
            ("no-key-last", "t=$G,v1=$S,=x", "An ignored item without a key."),
            ("only-equals", "=", "Neither key nor value."),
            ("only-comma", ",", "Two empty items."),
            ("only-commas", ",,,", "Four empty items."),
            ("only-comma-in-spaces", " , ", "Two empty items in spaces: not the same as an empty header."),
            ("trailing-comma", "t=$G,v1=$S,", "An empty item at the end."),
            ("trailing-comma-space", "t=$G,v1=$S, ", "An item of spaces at the end."),
            ("trailing-commas", "t=$G,v1=$S,,", "Two empty items at the end."),
            ("leading-comma", ",t=$G,v1=$S", "An empty item at the beginning."),
            ("leading-space-comma", " ,t=$G,v1=$S", "An item of spaces at the beginning."),
            ("double-comma", "t=$G,,v1=$S", "An empty item in the middle."),
            ("comma-space-comma", "t=$G, ,v1=$S", "An item of spaces in the middle."),
            ("t-only-comma", "t=$G,", "The empty item is found before the scheme is missed."),
            ("space-in-key", "t =$G,v1=$S", "No space before the equals sign."),
            ("space-in-value", "t= $G,v1=$S", "No space after the equals sign."),
            ("space-in-v1-key", "t=$G,v1 =$S", "No space before the equals sign of a v1."),
            ("space-in-v1-value", "t=$G,v1= $S", "No space after the equals sign of a v1."),
            ("space-in-unknown", "t=$G,x=a b,v1=$S", "No space inside an ignored value."),
            ("space-in-unknown-key", "t=$G,a b=1,v1=$S", "No space inside an ignored key."),
            ("tab-in-unknown", "t=$G,x=a\tb,v1=$S", "No tab inside an ignored value."),
            ("quoted-key", '"t"=$G,v1=$S', "A quote is not a key character."),
            ("quoted-values", 't="$G",v1="$S"', "Values are not quoted."),
            ("quoted-header", '"t=$G,v1=$S"', "The header is not quoted."),
            ("dotted-key", "t=$G,a.b=1,v1=$S", "A full stop is not a key character."),
            ("star-key", "t=$G,v1*=UTF-8''x,v1=$S", "Extended parameters are not known here."),
            ("utf8-key", "t=$G,\xc3\xa9=1,v1=$S", "No key beyond ASCII."),
            ("utf8-value", "t=$G,x=\xc3\xa9,v1=$S", "No value beyond ASCII."),
            ("bom", "\xef\xbb\xbft=$G,v1=$S", "A byte order mark before the first key."),
            ("nbsp-after-comma", "t=$G,\xa0v1=$S", "A no-break space is not a space."),
            ("vertical-tab", "t=$G,\x0bv1=$S", "A vertical tab is not a tab."),
            ("form-feed", "t=$G,v1=$S\x0c", "A form feed at the end."),
            ("t-twice-equal", "t=$G,t=$G,v1=$S", "A second t, even with the same value."),
            ("t-twice-last", "t=$G,v1=$S,t=1", "A second t after the v1."),
            ("t-twice-first", "t=1,t=$G,v1=$S", "A first t that the second one contradicts."),
            ("t-twice-empty", "t=$G,v1=$S,t=", "A second t without a value."),
            ("t-twice-no-v1", "t=$G,t=$G", "A second t, and no v1."),
            ("t-bad-no-v1", "t=x", "A bad t is found before the scheme is missed."),
            ("t-bad-other-scheme", "t=,v0=$S", "The same beside another scheme."),
            ("v1-tail", "t=$G,v1=$S=junk", "The equals sign belongs to the value, which is no longer 64 digits."),
            ("t-tail", "t=$G=1,v1=$S", "The equals sign belongs to the value, which is no longer a number."),
            ("joined-lines", "t=$G,v1=$S,t=$G,v1=$S", "Two header lines joined by a proxy."),
            ("joined-lines-space", "t=$G,v1=$S, t=$G,v1=$W", "Two different lines joined by a proxy."),
            ("name-in-value", "X-Puck-Signature: t=$G,v1=$S", "The whole header line where its value belongs."),
            ("json", '{"t":$G,"v1":"$S"}', "JSON where items belong."),
            ("brackets", "[t=$G,v1=$S]", "Brackets around the items."),
            ("bare-digits", "$S", "Digits alone."),
            ("github-style", "sha256=$S", "The form that GitHub uses."),
            ("svix-style", "v1,$S", "The form that Standard Webhooks uses."),
            ("bearer", "Bearer $S", "The form of an authorization header."),
        ],
    )


def bad_positions() -> list[Case]:
    """Every bad byte in the place of every byte of a good header, and between its parts."""
    seams = [0, 1, 2, 12, 13, 15, 16, 48, 80]
    replaced = [
        small(
            f"replace-{position:02d}-by-{name}",
            f"{name.upper()} at byte {position}.",
            GOOD[:position] + bad + GOOD[position + 1 :],
        )
        for position in range(len(GOOD))
        for name, bad in BAD_BYTES.items()
    ]
    inserted = [
        small(
            f"insert-{name}-at-{position:02d}",
            f"{name.upper()} before byte {position}.",
            GOOD[:position] + bad + GOOD[position:],
        )
        for position in seams
        for name, bad in BAD_BYTES.items()
    ]
    return replaced + inserted


def bad_bytes() -> list[Case]:
    """Bytes that may not stand there: controls, bytes from 0x80, and the neighbours of those that may."""
    near = set('\x00\x01\t\n\x0c\r\x10\x1f !"+,-./:;=@G[\\_`g{~\x7f\x80\x85\xa0\xb2\xff')
    good_t, good_v1 = GOOD.split(",")
    places = [
        ("digit-of-t", near - set("0123456789"), good_t[:6] + "{}" + good_t[7:] + "," + good_v1),
        ("digit-of-v1", near - set("0123456789abcdefABCDEF"), GOOD[:40] + "{}" + GOOD[41:]),
        ("ignored-key", near - set(KEY_CHARACTERS + "=") - set(BAD_BYTES.values()), good_t + ",a{}a=1," + good_v1),
        ("ignored-value", near - set(VALUE_CHARACTERS), good_t + ",a=a{}a," + good_v1),
    ]
    return [
        small(f"byte-{ord(bad):02x}-as-{place}", f"0x{ord(bad):02x} as {words(place)}.", header.format(bad))
        for place, refused, header in places
        for bad in sorted(refused)
    ]


def repeated_lines() -> list[Case]:
    good = sign(ENVELOPE)
    t, v1 = good.split(",")
    pairs = [
        ("equal", "Two lines with the same value.", (SIGNATURE, good), (SIGNATURE, good)),
        ("other-mac", "The second line has a wrong MAC.", (SIGNATURE, good), (SIGNATURE, f"{t},v1={WRONG_MAC}")),
        ("other-mac-first", "The first line has a wrong MAC.", (SIGNATURE, f"{t},v1={WRONG_MAC}"), (SIGNATURE, good)),
        ("split", "The items are divided between two lines.", (SIGNATURE, t), (SIGNATURE, v1)),
        ("second-empty", "The second line is empty.", (SIGNATURE, good), (SIGNATURE, "")),
        ("first-empty", "The first line is empty.", (SIGNATURE, ""), (SIGNATURE, good)),
        ("both-empty", "Two empty lines are still two lines.", (SIGNATURE, ""), (SIGNATURE, "")),
        ("other-case", "The names differ only in case.", (SIGNATURE, good), (SIGNATURE.lower(), good)),
        (
            "other-case-other-mac",
            "As before, with a wrong MAC.",
            (SIGNATURE.upper(), f"{t},v1={WRONG_MAC}"),
            (SIGNATURE, good),
        ),
    ]
    two = [
        judged(f"two-lines-{name}", comment, "malformed_signature", headers=lines) for name, comment, *lines in pairs
    ]
    apart = [(SIGNATURE, good), *GENUINE.beside(), (SIGNATURE, good)]
    many = [(SIGNATURE, good)] * 5
    return two + [
        judged("two-lines-apart", "Other headers stand between the two lines.", "malformed_signature", headers=apart),
        judged("five-lines", "Five equal lines.", "malformed_signature", headers=many),
    ]


def timestamps() -> list[Case]:
    """Bad timestamps under a MAC that is right for their very text, so that only the grammar refuses them."""
    table = [
        ("empty", ""),
        ("word", "abc"),
        ("nan", "NaN"),
        ("inf", "inf"),
        ("infinity", "Infinity"),
        ("null", "null"),
        ("none", "None"),
        ("true", "true"),
        ("plus", f"+{NOW}"),
        ("minus", f"-{NOW}"),
        ("minus-one", "-1"),
        ("minus-zero", "-0"),
        ("plus-zero", "+0"),
        ("leading-zero", f"0{NOW}"),
        ("double-zero", "00"),
        ("many-zeros", "000000000000"),
        ("zero-then-digit", "01"),
        ("underscores", "1_777_818_122"),
        ("exponent", "1e9"),
        ("upper-exponent", "1E9"),
        ("point-zero", f"{NOW}.0"),
        ("point", f"{NOW}."),
        ("fraction", f"{NOW}.5"),
        ("hex", "0x65"),
        ("bare-hex", "69F75A8A"),
        ("octal", "0o17"),
        ("binary", "0b1"),
        ("tail", f"{NOW}junk"),
        ("one-letter-tail", f"{NOW}s"),
        ("head", f"x{NOW}"),
        ("apostrophes", "1'777'818'122"),
        ("percent", "%31777818122"),
        ("slash", f"{NOW}/1"),
        ("colon", "14:22:02"),
        ("iso", "2026-05-03T14:22:02Z"),
        ("milliseconds", f"{NOW}000"),
        ("quoted", f'"{NOW}"'),
        ("brackets", f"[{NOW}]"),
        ("arabic-indic", "".join(f"\xd9{chr(0xA0 + int(digit))}" for digit in str(NOW))),
        ("full-width", "".join(f"\xef\xbc{chr(0x90 + int(digit))}" for digit in str(NOW))),
        ("one-full-width", f"{str(NOW)[:-1]}\xef\xbc\x92"),
        ("superscript", "\xb9\xb2\xb3"),
        ("13-digits", "1000000000000"),
        ("13-nines", "9999999999999"),
        ("int64-max", str(2**63 - 1)),
        ("two-to-63", str(2**63)),
        ("two-to-64", str(2**64)),
        ("wraps-at-64-bits", str(2**64 + NOW)),
        ("wraps-at-128-bits", str(2**128 + NOW)),
        ("1000-digits", "1" * 1000),
        ("5000-digits", "1" * 5000),
    ]
    refused = [
        small(f"t-{name}", f"t is not 1 to 12 plain digits: {words(name)}.", sign(SMALL, timestamp=value))
        for name, value in table
    ]
    plain = [
        ("0", 0, NOW, "timestamp_too_old"),
        ("1", 1, NOW, "timestamp_too_old"),
        ("9", 9, NOW, "timestamp_too_old"),
        ("nine-digits", 999999999, NOW, "timestamp_too_old"),
        ("wraps-at-32-bits", NOW + 2**32, NOW, "timestamp_too_new"),
        ("signed-32-bit-edge", 2**31, NOW, "timestamp_too_new"),
        ("unsigned-32-bit-edge", 2**32, NOW, "timestamp_too_new"),
        ("12-digits", 100000000000, NOW, "timestamp_too_new"),
        ("12-nines", 999999999999, NOW, "timestamp_too_new"),
        ("12-nines-now", 999999999999, 999999999999, "ok"),
        ("0-now", 0, 0, "ok"),
        ("after-2038", 2**31 + 5, 2**31, "ok"),
        ("after-2106", 2**32 + 5, 2**32, "ok"),
    ]
    return refused + [
        judged(
            f"t-is-{name}",
            f"{timestamp} is well-formed, and received at {received_at}.",
            reason,
            timestamp=timestamp,
            received_at=received_at,
        )
        for name, timestamp, received_at, reason in plain
    ]


def digests() -> list[Case]:
    """The form of one v1."""
    good = mac(ENVELOPE)
    mixed = "".join(char.upper() if index % 2 else char for index, char in enumerate(good))
    accepted = [("upper", good.upper()), ("mixed", mixed), ("upper-half", good[:32] + good[32:].upper())]
    raw = bytes.fromhex(GOOD_MAC)
    refused = [
        (f"{size}-digits", (GOOD_MAC * 5)[:size]) for size in (0, 1, 2, 31, 32, 33, 62, 63, 65, 66, 127, 128, 256)
    ]
    refused += [
        ("first-g", "g" + GOOD_MAC[1:]), ("last-g", GOOD_MAC[:-1] + "g"), ("last-slash", GOOD_MAC[:-1] + "/"),
        ("last-colon", GOOD_MAC[:-1] + ":"), ("last-at", GOOD_MAC[:-1] + "@"), ("last-backtick", GOOD_MAC[:-1] + "`"),
        ("last-space-inside", GOOD_MAC[:-1] + " a"), ("middle-space", GOOD_MAC[:32] + " " + GOOD_MAC[33:]),
        ("0x", "0x" + GOOD_MAC), ("0x-62", "0x" + GOOD_MAC[2:]), ("upper-0x-62", "0X" + GOOD_MAC[2:]),
        ("x-hex", f"x'{GOOD_MAC}'"), ("colons", raw.hex(":")), ("hyphens", raw.hex("-")),
        ("base64", base64.b64encode(raw).decode()), ("base64url", base64.urlsafe_b64encode(raw).decode().rstrip("=")),
        ("raw-bytes", raw.decode("latin-1")), ("plus", "+" + GOOD_MAC[1:]), ("minus", "-" + GOOD_MAC[1:]),
        ("null", "null"), ("quoted", f'"{GOOD_MAC}"'), ("prefix-again", f"v1={GOOD_MAC}"),
        ("full-width", f"{GOOD_MAC[:-1]}\xef\xbc\x91"), ("tail-newline", GOOD_MAC + "\n"),
    ]  # fmt: skip
    return [
        *(
            with_header(f"v1-{name}", f"Hex digits in {name} case.", "ok", f"t={NOW},v1={value}")
            for name, value in accepted
        ),
        *(
            small(f"v1-{name}", f"A v1 is exactly 64 hex digits, not {words(name)}.", f"t={NOW},v1={value}")
            for name, value in refused
        ),
        *rows(
            "v1-bad",
            "malformed_signature",
            [
                (
                    "before-good",
                    "t=$G,v1=" + WRONG_MAC[:63] + ",v1=$S",
                    "One bad v1 spoils the header: 63 digits first.",
                ),
                ("after-good", "t=$G,v1=$S,v1=" + WRONG_MAC[:63], "One bad v1 spoils the header: 63 digits last."),
                ("empty-before-good", "t=$G,v1=,v1=$S", "An empty v1 before a good one."),
                ("empty-after-good", "t=$G,v1=$S,v1=", "An empty v1 after a good one."),
                ("letter-before-good", "t=$G,v1=z" + WRONG_MAC[1:] + ",v1=$S", "A letter beyond f before a good one."),
                ("no-equals-after-good", "t=$G,v1=$S,v1", "A v1 without an equals sign after a good one."),
            ],
        ),
    ]


def sizes() -> list[Case]:
    """The 4096 bytes of a signature header, whatever they are filled with."""
    good = sign(ENVELOPE)

    def filled_to(size: int) -> dict[str, str]:
        room = size - len(good)
        return {
            "spaces-after": good + " " * room,
            "ignored-value": f"{good},x=" + "y" * (room - 3),
        }

    fits = [
        with_header(f"size-4096-{name}", f"4096 bytes: {name}.", "ok", value) for name, value in filled_to(4096).items()
    ]
    exceeds = [
        with_header(f"size-4097-{name}", f"4097 bytes: {name}.", "malformed_signature", value)
        for name, value in filled_to(4097).items()
    ]
    return (
        fits
        + exceeds
        + [
            with_header(
                "size-4097-only-spaces",
                "4097 spaces: the size is judged before the emptiness.",
                "malformed_signature",
                " " * 4097,
            ),
            with_header("size-300-items", "Three hundred ignored items.", "ok", good + ",a=" * 300),
        ]
    )
