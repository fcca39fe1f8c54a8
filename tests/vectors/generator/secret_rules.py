"""What a secret must be, and which mistake a faulty one is said to hold.

This is section 4 of the contract, written down once more, so that the cases can be checked against it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

PREFIX = b"whsec_"
MIN_SIZE, MAX_SIZE, MAX_SECRETS = 16, 4096, 16
ALLOWED = bytes(code for code in range(0x21, 0x7F) if code not in b"\"'`,;\\${}")
INVISIBLE = [
    *"\u00a0\u00ad\u1680", *map(chr, range(0x2000, 0x2010)), *"\u2028\u2029\u202f\u205f\u2060\u3000\ufeff",
]  # fmt: skip


def secret_of(size: int) -> bytes:
    """A good secret of so many bytes; below 16 what is left of one."""
    return (PREFIX + b"0123456789abcdef" * (size // 16 + 1))[:size]


def mistake_in(secret: bytes) -> str | None:
    """The first mistake in one secret, in the order in which they are judged."""
    first = secret.find(PREFIX)
    rules = [
        ("empty", not secret),
        ("too_long", len(secret) > MAX_SIZE),
        ("invisible", any(char.encode() in secret for char in INVISIBLE)),
        ("not_ascii", not secret.isascii()),
        ("white_space", bool(re.search(rb"[\x00-\x20\x7f]", secret))),
        ("quotes", bool(re.search(rb"""\A["'`]|["'`]\Z""", secret))),
        ("name", first > 0 and secret[first - 1 : first] == b"="),
        ("placeholder", bool(re.search(rb"[${}]", secret))),
        ("joined", bool(re.search(rb"[,;]", secret)) or secret.count(PREFIX) > 1),
        ("other_prefix", first != 0 and bool(re.match(rb"[A-Za-z]{2,10}_", secret))),
        ("prefix_missing", first != 0),
        ("character", bool(re.search(rb"""["'`\\]""", secret))),
        ("too_short", len(secret) < MIN_SIZE),
    ]
    return next((mistake for mistake, applies in rules if applies), None)


def mistake_among(secrets: Sequence[bytes]) -> str | None:
    """The mistake in a list of secrets: that of the first faulty one, or else in their number."""
    first = next(filter(None, map(mistake_in, secrets)), None)
    wrong_number = "none_given" if not secrets else "too_many" if len(secrets) > MAX_SECRETS else None
    assert not (first and wrong_number), "which of the two is named is not settled"
    return first or wrong_number
