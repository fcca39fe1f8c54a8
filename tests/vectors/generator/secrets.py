"""secrets.json: which secrets a verifier is built with, and what sign makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from generator.delivery import NOW, OTHER_SECRET, SECRET, Body, Case, body_json, envelope, sign, text

ABOUT = (
    "Lists of secrets that are accepted or refused when a verifier is built. For an accepted list, header is what sign "
    "gives for timestamp and body: t, and one v1 for each secret, in their order."
)

FORBIDDEN = [*range(0x21), 0x7F]  # ASCII whitespace and controls
RING = [b"whsec_vectors_ring_%02d" % number for number in range(17)]


def cases() -> list[Case]:
    return [*lengths(), *counts(), *bytes_allowed(), *bytes_forbidden(), *pasted(), *signed_bodies()]


def accepted(
    case_id: str, comment: str, secrets: Sequence[bytes], *, body: Body | None = None, timestamp: int = NOW
) -> Case:
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


def refused(case_id: str, comment: str, secrets: Sequence[bytes]) -> Case:
    listed = [text(secret) for secret in secrets]
    return {"id": case_id, "comment": comment, "secrets": listed, "expect": {"accepted": False}}


def lengths() -> list[Case]:
    good = [16, 17, 31, 32, 33, 55, 56, 63, 64, 65, 66, 127, 128, 129, 4096]
    bad = [0, 1, 2, 6, 8, 14, 15, 4097]
    return [
        *(accepted(f"length-{size}", f"A secret of {size} bytes.", [b"k" * size]) for size in good),
        *(refused(f"length-{size}", f"A secret of {size} bytes.", [b"k" * size]) for size in bad),
        refused("length-prefix-only", "The prefix alone is too short.", [b"whsec_"]),
        accepted(
            "length-16-of-8-characters", "Bytes are counted, not characters.", ["\u00e4\u00f6\u00fc\u00df".encode() * 2]
        ),
        refused("length-15-before-good", "A short one before a good one.", [b"k" * 15, SECRET]),
        refused("length-15-after-good", "A short one after a good one.", [SECRET, b"k" * 15]),
    ]


def counts() -> list[Case]:
    return [
        refused("count-0", "No secret at all.", []),
        *(accepted(f"count-{count}", f"{count} secrets.", RING[:count]) for count in (1, 2, 3, 15, 16)),
        refused("count-17", "17 secrets.", RING),
        refused("count-17-equal", "17 times the same secret.", [SECRET] * 17),
        accepted("count-2-equal", "The same secret twice gives the same v1 twice.", [SECRET, SECRET]),
        accepted("count-2-swapped", "The order of the v1 is the order of the secrets.", [OTHER_SECRET, SECRET]),
        refused("empty-first", "An empty one among good ones: first.", [b"", SECRET, OTHER_SECRET]),
        refused("empty-middle", "An empty one among good ones: in the middle.", [SECRET, b"", OTHER_SECRET]),
        refused("empty-last", "An empty one among good ones: last.", [SECRET, OTHER_SECRET, b""]),
        refused("empty-twice", "Nothing but empty ones.", [b"", b""]),
    ]


def bytes_allowed() -> list[Case]:
    """Whatever is neither ASCII whitespace nor a control is a byte of the key."""
    table = [
        ("printable", "Every printable byte of ASCII, quotes included.", bytes(range(0x21, 0x7F))),
        ("high", "Every byte from 0x80: secrets need not be UTF-8.", bytes(range(0x80, 0x100))),
        ("utf-8", "UTF-8 of several lengths.", "whsec_\u00e9\u20ac\u79d8\U0001f511".encode()),
        ("utf-8-no-break-space", "Only ASCII whitespace is refused.", "whsec_no\u00a0break\u00a0space".encode()),
        ("x85-and-xa0", "The same as single bytes.", b"whsec_latin_1\x85\xa0\xff"),
        ("only-ff", "Only 0xFF.", b"\xff" * 16),
        ("no-prefix", "The prefix is not required.", b"0123456789abcdef"),
        ("other-prefix", "Nor is it known in another case.", b"WHSEC_0123456789"),
        ("base64", "Base64 is not decoded.", b"whsec_bmV2ZXItZGVjb2RlLXRoaXMtc2VjcmV0"),
        ("base64-padded", "Nor is its padding removed.", b"whsec_bm90LWRlY29kZWQ=="),
        ("hex", "Nor is hex decoded.", b"00112233445566778899aabbccddeeff"),
        ("comma-and-equals", "The separators of the header may occur.", b"whsec_t=1,v1=aa,v1=bb"),
        ("hash-sign", "So may the sign for comments.", b"whsec_a#b#c#d#e#f"),
    ]
    return [accepted(f"bytes-{name}", comment, [secret]) for name, comment, secret in table]


def bytes_forbidden() -> list[Case]:
    """Every byte that is whitespace or a control, at each end and inside."""
    return [
        refused(f"byte-{code:02x}-{place}", f"0x{code:02x} {place}.", [before + bytes([code]) + after])
        for code in FORBIDDEN
        for place, before, after in (
            ("first", b"", SECRET),
            ("inside", SECRET[:12], SECRET[12:]),
            ("last", SECRET, b""),
        )
    ]


def pasted() -> list[Case]:
    """What people really paste, and where a bad secret may hide."""
    return [
        refused("pasted-crlf", "A pasted line of a Windows file.", [SECRET + b"\r\n"]),
        refused("pasted-two-lines", "Two secrets in one string.", [SECRET + b"\n" + OTHER_SECRET]),
        refused(
            "pasted-comma-space", "Two secrets, separated by a comma and a space.", [SECRET + b", " + OTHER_SECRET]
        ),
        refused("pasted-indented", "An indented line.", [b"    " + SECRET]),
        refused("only-spaces", "As long as a secret, but only spaces.", [b" " * 32]),
        refused("only-nuls", "A zeroed buffer.", [bytes(32)]),
        refused("nul-padded", "A buffer of fixed size.", [SECRET.ljust(64, b"\x00")]),
        refused("bad-in-second", "The second of two has a newline.", [SECRET, OTHER_SECRET + b"\n"]),
        refused("bad-in-16th", "The last of 16 has a tab.", [*RING[:15], RING[15] + b"\t"]),
        refused("bad-in-first", "The first of two has a space.", [b" " + SECRET, OTHER_SECRET]),
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
