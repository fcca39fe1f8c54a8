"""secrets.json: which secrets a verifier is built with, and what sign makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from generator.delivery import NOW, OTHER_SECRET, SECRET, Body, Case, body_json, envelope, sign, text, words
from generator.secret_rules import ALLOWED, INVISIBLE, MAX_SIZE, PREFIX, mistake_among, secret_of

ABOUT = (
    "Lists of secrets that are accepted or refused when a verifier is built. For an accepted list, header is what sign "
    "gives for timestamp and body: t, and one v1 for each secret, in their order. For a refused one, mistake says what "
    "is wrong with it."
)

RING = [b"whsec_vectors_ring_%02d" % number for number in range(17)]
NO_BREAK_SPACE, ZERO_WIDTH_SPACE, BYTE_ORDER_MARK = (char.encode() for char in "\u00a0\u200b\ufeff")


def cases() -> list[Case]:
    return [
        *lengths(),
        *counts(),
        *characters_allowed(),
        *signed_bodies(),
        *ascii_refused(),
        *bytes_refused(),
        *invisible(),
        *prefixes(),
        *pasted(),
        *among_good_ones(),
        *order_of_mistakes(),
    ]


def accepted(
    case_id: str, comment: str, secrets: Sequence[bytes], *, body: Body | None = None, timestamp: int = NOW
) -> Case:
    assert mistake_among(secrets) is None, f"secrets: {case_id} is refused"
    body = envelope() if body is None else body
    return {
        "id": case_id,
        "comment": comment,
        "secrets": [text(secret) for secret in secrets],
        "expect": {"accepted": True},
        "timestamp": timestamp,
        "body": body_json(body),
        "header": sign(body, secrets=secrets, timestamp=timestamp),
    }


def refused(case_id: str, mistake: str, comment: str, *secrets: bytes) -> Case:
    """The mistake is decided by hand here, and confirmed by the rules."""
    assert mistake_among(secrets) == mistake, f"secrets: {case_id} is {mistake_among(secrets)}"
    listed = [text(secret) for secret in secrets]
    return {"id": case_id, "comment": comment, "secrets": listed, "expect": {"accepted": False, "mistake": mistake}}


def lengths() -> list[Case]:
    good = [16, 17, 31, 32, 33, 55, 56, 63, 64, 65, 66, 127, 128, 129, 4095, 4096]
    bad = [
        (0, "empty"), (1, "prefix_missing"), (5, "prefix_missing"), (6, "too_short"), (7, "too_short"),
        (14, "too_short"), (15, "too_short"), (4097, "too_long"),
    ]  # fmt: skip
    return [
        *(accepted(f"length-{size}", f"A secret of {size} bytes in all.", [secret_of(size)]) for size in good),
        *(refused(f"length-{size}", why, f"The first {size} bytes of a secret.", secret_of(size)) for size, why in bad),
    ]


def counts() -> list[Case]:
    return [
        *(accepted(f"count-{count}", f"{count} secrets.", RING[:count]) for count in (1, 2, 3, 15, 16)),
        accepted("count-2-equal", "The same secret twice gives the same v1 twice.", [SECRET, SECRET]),
        accepted("count-2-swapped", "The order of the v1 is the order of the secrets.", [OTHER_SECRET, SECRET]),
        refused("count-0", "none_given", "No secret at all."),
        refused("count-17", "too_many", "17 secrets.", *RING),
        refused("count-17-equal", "too_many", "17 times the same secret.", *[SECRET] * 17),
    ]


def characters_allowed() -> list[Case]:
    """Printable ASCII but for nine characters; what they look like does not matter."""
    marks = [char for char in map(chr, ALLOWED) if not char.isalnum()]
    table = [
        ("every-allowed", "Every character that is allowed.", PREFIX + ALLOWED),
        ("digits", "Only digits.", b"whsec_0123456789"),
        ("base64", "Base64 is not decoded.", b"whsec_bmV2ZXItZGVjb2RlLXRoaXMtc2VjcmV0"),
        ("base64-padded", "Nor is its padding removed.", b"whsec_bm90LWRlY29kZWQ=="),
        ("hex", "Nor is hex decoded.", b"whsec_00112233445566778899aabbccddeeff"),
        ("equals-first", "An equals sign is no sign of a name here.", b"whsec_=0123456789"),
        ("prefix-in-capitals-again", "The prefix once more, in capitals.", b"whsec_WHSEC_0123456789"),
        ("prefix-without-underscore-again", "The prefix once more, but for its end.", b"whsec_0123456789whsec"),
        ("other-prefix-inside", "What another sender's keys begin with.", b"whsec_sk_live_0123456789"),
    ]
    inside = [(ord(mark), f"{mark} is allowed.", b"whsec_01234%b56789" % mark.encode()) for mark in marks]
    return [
        *(accepted(f"characters-{name}", comment, [secret]) for name, comment, secret in table),
        *(accepted(f"character-{code:02x}", comment, [secret], body=b"") for code, comment, secret in inside),
    ]


def signed_bodies() -> list[Case]:
    """sign, for every kind of body and the ends of the clock."""
    both = [SECRET, OTHER_SECRET]
    bodies: list[tuple[str, str, Body]] = [
        ("empty", "An empty body.", b""),
        ("one-nul", "A single NUL.", b"\x00"),
        ("every-byte", "Every byte there is.", bytes(range(256))),
        ("trailing-newline", "A newline at the end counts.", envelope() + b"\n"),
        ("not-json", "sign does not look at the body.", b"not json \xff\xfe"),
        ("dot", "A body that begins like another timestamp.", b"1." + envelope()),
        ("block-edge-52", "52 bytes: with t and the dot one byte below a block.", b"b" * 52),
        ("block-edge-53", "53 bytes: with t and the dot exactly one block.", b"b" * 53),
        ("block-edge-54", "54 bytes: with t and the dot one byte above a block.", b"b" * 54),
        ("padding-edge-44", "With t and the dot 55 bytes: the last length whose padding fits the block.", b"b" * 44),
        ("padding-edge-45", "With t and the dot 56 bytes: the padding needs one more block.", b"b" * 45),
        ("one-megabyte", "One megabyte.", [(b"0123456789abcdef", 65536)]),
        ("five-megabytes", "Five megabytes.", [(b"0123456789abcdef", 5 * 65536)]),
    ]
    times = [0, 1, 9, 10, 999999999, 1000000000, 2**31 - 1, 2**31, 2**32, 99999999999, 999999999999]
    return [
        *(accepted(f"sign-body-{name}", comment, both, body=body) for name, comment, body in bodies),
        *(accepted(f"sign-at-{when}", f"The timestamp {when}.", both, timestamp=when) for when in times),
    ]


def placed(prefix: str, bad: bytes, comment: str, first: str, inside: str, last: str) -> list[Case]:
    """The same bytes before, inside and after a good secret, with the mistake that each is."""
    return [
        refused(f"{prefix}-first", first, f"{comment}: first.", bad + SECRET),
        refused(f"{prefix}-inside", inside, f"{comment}: inside.", SECRET[:12] + bad + SECRET[12:]),
        refused(f"{prefix}-last", last, f"{comment}: last.", SECRET + bad),
    ]


def ascii_refused() -> list[Case]:
    """Every character of ASCII that a secret may not hold."""
    table = [(chr(code), *["white_space"] * 3) for code in [*range(0x21), 0x7F]]
    table += [(quote, "quotes", "character", "quotes") for quote in "\"'`"]
    table += [("\\", "prefix_missing", "character", "character")]
    table += [(char, *["joined"] * 3) for char in ",;"]
    table += [(char, *["placeholder"] * 3) for char in "${}"]
    made: list[Case] = []
    for char, *mistakes in table:
        made += placed(f"byte-{ord(char):02x}", char.encode(), f"0x{ord(char):02x}", *mistakes)
    return made


def bytes_refused() -> list[Case]:
    """Every byte from 0x80, and characters that are made of them."""
    characters = {
        "e-acute": "\u00e9", "sharp-s": "\u00df", "euro": "\u20ac", "han": "\u79d8", "emoji": "\U0001f511",
        "en-dash": "\u2013", "curly-quote": "\u201c", "full-width-digit": "\uff11", "long-s": "\u017f",
        "replacement": "\ufffd", "next-line": "\u0085", "before-00a0": "\u009f", "after-00a0": "\u00a1",
        "before-00ad": "\u00ac", "after-00ad": "\u00ae", "before-1680": "\u167f", "after-1680": "\u1681",
        "before-2000": "\u1fff", "after-200f": "\u2010", "before-2028": "\u2027", "after-2029": "\u202a",
        "before-202f": "\u202e", "after-202f": "\u2030", "before-205f": "\u205e", "after-2060": "\u2061",
        "before-3000": "\u2fff", "after-3000": "\u3001", "before-feff": "\ufefe", "after-feff": "\uff00",
    }  # fmt: skip
    made: list[Case] = []
    for code in range(0x80, 0x100):
        inside = SECRET[:12] + bytes([code]) + SECRET[12:]
        made.append(refused(f"byte-{code:02x}-inside", "not_ascii", f"0x{code:02x}: inside.", inside))
    for code in (0x80, 0x85, 0xA0, 0xC2, 0xE2, 0xFF):
        made.append(refused(f"byte-{code:02x}-first", "not_ascii", f"0x{code:02x}: first.", bytes([code]) + SECRET))
        made.append(refused(f"byte-{code:02x}-last", "not_ascii", f"0x{code:02x}: last.", SECRET + bytes([code])))
    for name, char in characters.items():
        made.append(refused(f"utf-8-{name}", "not_ascii", f"UTF-8: {words(name)}.", SECRET + char.encode()))
    return [
        *made,
        refused("bytes-only-ff", "not_ascii", "Only 0xFF.", b"\xff" * 16),
        refused("utf-16", "not_ascii", "UTF-16, with its mark.", ("\ufeff" + SECRET.decode()).encode("utf-16-le")),
        refused("latin-1-no-break-space", "not_ascii", "A no-break space in Latin-1.", SECRET + b"\xa0"),
        refused("utf-8-cut", "not_ascii", "A zero-width space without its last byte.", SECRET + ZERO_WIDTH_SPACE[:2]),
    ]


def invisible() -> list[Case]:
    """Spaces and marks that nobody sees, as UTF-8."""
    made: list[Case] = []
    for char in INVISIBLE:
        name = f"U+{ord(char):04X}"
        made += placed(f"invisible-{ord(char):04x}", char.encode(), name, *["invisible"] * 3)
    return [*made, refused("invisible-only", "invisible", "Nothing else.", ZERO_WIDTH_SPACE * 16)]


def prefixes() -> list[Case]:
    """What does not begin with whsec_, and so is something else, or was cut."""
    others = [
        ("capitals", b"WHSEC_0123456789abcdef"), ("capital", b"Whsec_0123456789abcdef"),
        ("api-key-live", b"sk_live_0123456789abcdef01234567"), ("api-key-test", b"sk_test_0123456789abcdef01234567"),
        ("api-key-of-puck", b"puck_0123456789abcdef01234567"),
        ("api-key-of-puck-live", b"puck_live_0123456789abcdef01234567"),
        ("personal-token", b"ghp_0123456789abcdef0123456789abcdef0123"), ("publishable", b"pk_0123456789abcdef"),
        ("id-of-subscription", b"sub_018f2e3a9c400000"), ("plural", b"whsecs_0123456789abcdef"),
        ("letter-lost", b"hsec_0123456789abcdef"), ("letter-doubled", b"wwhsec_0123456789abcdef"),
        ("two-letters", b"ab_0123456789abcdef"), ("ten-letters", b"abcdefghij_0123456789"), ("short", b"sk_1"),
        ("before-the-right-one", b"secret_whsec_0123456789"),
        ("stripped-and-like-another", SECRET.removeprefix(PREFIX)),
        ("name-and-stripped", b"PUCK_WEBHOOK_SECRETS=0123456789abcdef"),
    ]  # fmt: skip
    none = [
        ("stripped", b"3f9a1c2b7d6e5f40"), ("stripped-but-underscore", b"_0123456789abcdef"),
        ("stripped-hex", b"0123456789abcdef0123456789abcdef"), ("stripped-base64", b"bm90LWRlY29kZWQtYXQtYWxs"),
        ("hyphen", b"whsec-0123456789abcdef"), ("no-underscore", b"whsec0123456789abcdef"),
        ("colon", b"whsec:0123456789abcdef"),
        ("one-letter", b"a_0123456789abcdef"), ("eleven-letters", b"abcdefghijk_0123456789"),
        ("digit-in-it", b"wh5ec_0123456789abcdef"), ("hyphen-before", b"-whsec_0123456789"),
        ("header-style", b"secret:whsec_0123456789"), ("comment-sign", b"#whsec_0123456789"),
        ("angle-brackets", b"<whsec_0123456789>"), ("word", b"secret"), ("your-secret-here", b"<your-webhook-secret>"),
        ("token", b"eyJhbGciOiJIUzI1NiJ9.e30.0123456789"), ("url", b"https://example.org/hooks/whsec_0123456789"),
        ("equals-not-directly", b"SECRET=:whsec_0123456789"), ("name-alone", b"PUCK-WEBHOOK-SECRETS=0123456789abcdef"),
    ]  # fmt: skip
    return [
        *(refused(f"prefix-{name}", "other_prefix", f"Another prefix: {words(name)}.", made) for name, made in others),
        *(refused(f"prefix-{name}", "prefix_missing", f"No prefix: {words(name)}.", made) for name, made in none),
    ]


def pasted() -> list[Case]:
    """What people really paste."""
    demo = b"whsec_demo_current_3f9a1c2b7d"
    white_space = [
        ("newline", "A line with its end.", SECRET + b"\n"),
        ("crlf", "A line of a Windows file.", SECRET + b"\r\n"),
        ("two-lines", "Two secrets in one string.", SECRET + b"\n" + OTHER_SECRET),
        ("comma-space", "Two secrets, separated by a comma and a space.", SECRET + b", " + OTHER_SECRET),
        ("space-separated", "Two secrets, separated by a space.", SECRET + b" " + OTHER_SECRET),
        ("indented", "An indented line.", b"    " + SECRET),
        ("export", "A line of a shell script.", b"export NAME=" + demo),
        ("export-in-quotes", "The same, in quotes.", b'export NAME="' + demo + b'"'),
        ("yaml", "A line of YAML.", b"secret: " + demo),
        ("with-comment", "A comment beside it.", demo + b" # since May"),
        ("quotes-and-newline", "Quotes, and a line end after them.", b'"' + demo + b'"\n'),
        ("only-spaces", "As long as a secret, but only spaces.", b" " * 32),
        ("only-newline", "Only a newline.", b"\n"),
        ("only-nuls", "A zeroed buffer.", bytes(32)),
        ("nul-padded", "A buffer of fixed size.", SECRET.ljust(64, b"\x00")),
        ("escape-sequence", "A terminal's colours around it.", b"\x1b[32m" + SECRET + b"\x1b[0m"),
    ]
    quotes = [
        ("double-quotes", "Quotes that an env file kept.", b'"' + demo + b'"'),
        ("single-quotes", "Single quotes around it.", b"'" + demo + b"'"),
        ("backticks", "Backticks around it.", b"`" + demo + b"`"),
        ("other-quotes", "Two kinds of quotes around it.", b"\"'" + demo + b"'\""),
        ("opening-quote", "Only the first quote.", b'"' + demo),
        ("closing-quote", "Only the last quote.", demo + b"'"),
        ("empty-quotes", "Quotes around nothing.", b'""'),
        ("one-quote", "A quote and nothing else.", b"'"),
        ("json-list", "Two in quotes, with a comma.", b'"' + SECRET + b'","' + OTHER_SECRET + b'"'),
        ("name-and-quotes", "A name, and quotes around the rest.", b'PUCK_WEBHOOK_SECRETS="' + demo + b'"'),
    ]
    names = [
        ("name", "A line of an env file.", b"PUCK_WEBHOOK_SECRETS=whsec_0123456789abcdef"),
        ("short-name", "A short name.", b"S=" + demo),
        ("equals", "The name is cut, but not the equals sign.", b"=" + demo),
        ("name-with-dots", "A name of another kind.", b"puck.webhook.secret=" + demo),
        ("option", "An option of a command.", b"--secret=" + demo),
        ("url-parameter", "A parameter of a URL.", b"https://example.org/?secret=" + demo),
        ("name-like-another-prefix", "A name with an underscore after letters.", b"WEBHOOK_SECRET=" + demo),
        ("name-and-nothing", "The secret after the name is cut.", b"SECRET=whsec_"),
    ]
    placeholders = [
        ("shell-variable", "A variable that nobody replaced.", b"${PUCK_WEBHOOK_SECRETS}"),
        ("shell-variable-bare", "The same without braces.", b"$PUCK_WEBHOOK_SECRETS"),
        ("braces", "A template's variable.", b"{{secret}}"),
        ("one-brace", "Another template's.", b"{secret}"),
        ("actions", "A workflow's variable.", b"${{secrets.PUCK_WEBHOOK_SECRET}}"),
        ("command", "A command that nobody ran.", b"$(cat<secret)"),
        ("prefix-and-variable", "A variable after the prefix.", b"whsec_${SECRET_WITHOUT_PREFIX}"),
        ("prefix-and-braces", "A template's after the prefix.", b"whsec_{{secret}}"),
        ("name-and-variable", "A name and a variable.", b"SECRET=${PUCK_WEBHOOK_SECRETS}"),
        ("json", "JSON around it.", b"{secret:" + demo + b"}"),
    ]
    joined = [
        ("comma", "Two secrets, joined by a comma.", b"whsec_aaaaaaaaaaaaaaaa,whsec_bbbbbbbbbbbbbbbb"),
        ("semicolon", "Two secrets, joined by a semicolon.", b"whsec_aaaaaaaaaa;whsec_bbbbbbbbbb"),
        ("nothing-between", "Two secrets, joined by nothing.", b"whsec_aaaaaaaaaawhsec_bbbbbbbbbb"),
        ("colon", "Two secrets, joined by a colon.", SECRET + b":" + OTHER_SECRET),
        ("equals-between", "Two secrets, joined by an equals sign.", SECRET + b"=" + OTHER_SECRET),
        ("prefix-twice", "The prefix twice.", b"whsec_" + SECRET),
        ("prefix-at-end", "A second one that was cut.", SECRET + b"whsec_"),
        ("comma-at-end", "A comma after it.", SECRET + b","),
        ("commas", "Nothing but commas.", b"," * 16),
        ("header", "A signature header.", b"t=1777818122,v1=0123456789abcdef"),
        ("two-short", "Two, each too short.", b"whsec_aa,whsec_bb"),
        ("joined-in-brackets", "A list in brackets.", b"[" + SECRET + b";" + OTHER_SECRET + b"]"),
    ]
    characters = [
        ("quotes-inside", "Quotes around what follows the prefix, and a letter.", b'whsec_"0123456789abcdef"x'),
        ("escaped", "A backslash for an underscore that needed none.", b"whsec_0123456789\\_abcdef"),
        ("escaped-newline", "A line end that is written as an escape.", b"whsec_0123456789abcdef\\n"),
        ("apostrophe", "An apostrophe inside.", b"whsec_don't_use_this_one"),
    ]
    hidden = [
        ("no-break-space-after", "A no-break space after it.", demo + NO_BREAK_SPACE),
        ("zero-width-space-before", "A zero-width space before it.", ZERO_WIDTH_SPACE + demo),
        ("byte-order-mark", "The first line of a file with a byte order mark.", BYTE_ORDER_MARK + demo),
        ("soft-hyphen", "A soft hyphen where a page breaks it.", demo[:18] + "\u00ad".encode() + demo[18:]),
    ]
    kinds = {
        "white_space": white_space, "quotes": quotes, "name": names, "placeholder": placeholders, "joined": joined,
        "character": characters, "invisible": hidden,
    }  # fmt: skip
    return [
        refused(f"pasted-{name}", mistake, comment, secret)
        for mistake, table in kinds.items()
        for name, comment, secret in table
    ]


def among_good_ones() -> list[Case]:
    """One faulty secret spoils the list, wherever it stands; of several the first one is named."""
    return [
        refused("empty-first", "empty", "An empty one among good ones: first.", b"", SECRET, OTHER_SECRET),
        refused("empty-middle", "empty", "An empty one among good ones: in the middle.", SECRET, b"", OTHER_SECRET),
        refused("empty-last", "empty", "An empty one among good ones: last.", SECRET, OTHER_SECRET, b""),
        refused("empty-twice", "empty", "Nothing but empty ones.", b"", b""),
        refused("length-15-before-good", "too_short", "A short one before a good one.", secret_of(15), SECRET),
        refused("length-15-after-good", "too_short", "A short one after a good one.", SECRET, secret_of(15)),
        refused("bad-in-first", "white_space", "The first of two has a space.", b" " + SECRET, OTHER_SECRET),
        refused("bad-in-second", "white_space", "The second of two has a newline.", SECRET, OTHER_SECRET + b"\n"),
        refused("bad-in-16th", "white_space", "The last of 16 has a tab.", *RING[:15], RING[15] + b"\t"),
        refused("two-bad-short-first", "too_short", "A short one, then an empty one.", secret_of(15), b""),
        refused("two-bad-empty-first", "empty", "An empty one, then a short one.", b"", secret_of(15)),
        refused("two-bad-api-key-first", "other_prefix", "An API key, then quotes.", b"sk_live_0123", b'"' + SECRET),
        refused("two-bad-quotes-first", "quotes", "Quotes, then an API key.", b'"' + SECRET, b"sk_live_0123"),
        refused("two-bad-after-good", "joined", "A good one, two joined, a short one.", SECRET, b"whsec_a,b", b"x"),
    ]


def order_of_mistakes() -> list[Case]:
    """Of several mistakes in one secret the first is named, in this order."""
    huge = secret_of(MAX_SIZE)
    table = [
        ("too-long-then-invisible", "too_long", huge[:-1] + NO_BREAK_SPACE),
        ("too-long-then-white-space", "too_long", huge + b"\n"),
        ("too-long-then-quotes", "too_long", b'"' + huge[:-1] + b'"'),
        ("too-long-then-joined", "too_long", b",".join([huge[:2048], huge[:2048]])),
        ("too-long-then-prefix-missing", "too_long", b"k" * (MAX_SIZE + 1)),
        ("invisible-then-not-ascii", "invisible", SECRET + "\u00e9".encode() + ZERO_WIDTH_SPACE),
        ("invisible-after-not-ascii", "invisible", SECRET + ZERO_WIDTH_SPACE + "\u00e9".encode()),
        ("invisible-then-bad-utf-8", "invisible", b"\xff" + SECRET + NO_BREAK_SPACE),
        ("invisible-then-white-space", "invisible", b" " + SECRET + NO_BREAK_SPACE),
        ("invisible-then-quotes", "invisible", b'"' + SECRET + b'"' + NO_BREAK_SPACE),
        ("not-ascii-then-white-space", "not_ascii", SECRET + "\u00e9\n".encode()),
        ("not-ascii-then-quotes", "not_ascii", '"whsec_pass\u00e9_0123456"'.encode()),
        ("not-ascii-then-too-short", "not_ascii", "whsec_\u00e9".encode()),
        ("white-space-then-quotes", "white_space", b'"' + SECRET + b' "'),
        ("white-space-then-name", "white_space", b"SECRET =" + SECRET),
        ("white-space-then-placeholder", "white_space", b"{{ secret }}"),
        ("white-space-then-too-short", "white_space", b"whsec_\n"),
        ("quotes-then-name", "quotes", b"SECRET='" + SECRET + b"'"),
        ("quotes-then-name-inside", "quotes", b"'SECRET=" + SECRET + b"'"),
        ("quotes-then-placeholder", "quotes", b'"${SECRET}"'),
        ("quotes-then-joined", "quotes", b'"' + SECRET + b"," + OTHER_SECRET + b'"'),
        ("quotes-then-prefix-missing", "quotes", b'"0123456789abcdef"'),
        ("quotes-then-too-short", "quotes", b'"whsec_"'),
        ("name-then-placeholder", "name", b"SECRET=whsec_${REST}"),
        ("name-then-joined", "name", b"SECRETS=" + SECRET + b"," + OTHER_SECRET),
        ("name-then-character", "name", b"SECRET=whsec_01234\\56789"),
        ("name-then-too-short", "name", b"SECRET=whsec_1"),
        ("not-a-name-then-joined", "joined", b"SECRET:" + SECRET + b"=" + OTHER_SECRET),
        ("placeholder-then-joined", "placeholder", b"${SECRET},${OLD_SECRET}"),
        ("placeholder-then-other-prefix", "placeholder", b"sk_live_${KEY}"),
        ("placeholder-then-too-short", "placeholder", b"whsec_$1"),
        ("joined-then-other-prefix", "joined", b"sk_live_0123456789," + SECRET),
        ("joined-then-prefix-missing", "joined", b"0123456789abcdef;fedcba9876543210"),
        ("joined-then-character", "joined", SECRET + b"\\," + OTHER_SECRET),
        ("joined-then-too-short", "joined", b"whsec_,"),
        ("other-prefix-then-character", "other_prefix", b"sk_live_01234'56789"),
        ("prefix-missing-then-character", "prefix_missing", b"01234'56789abcdef"),
        ("character-then-too-short", "character", b"whsec_a'b"),
    ]  # fmt: skip
    return [
        refused(f"order-{name}", mistake, f"More than one mistake: {words(name)}.", secret)
        for name, mistake, secret in table
    ]
