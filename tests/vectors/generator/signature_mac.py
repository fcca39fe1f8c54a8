"""signature.json, second part: MACs that are almost right, candidates, and rotation."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from generator.delivery import GENUINE, NOW, OTHER_SECRET, SECRET, SIGNATURE, Case, judged, mac, sign, words
from generator.secret_rules import ALLOWED, PREFIX, secret_of
from generator.signature_header import ENVELOPE, GOOD_MAC, small, with_header

RING = [b"whsec_vectors_ring_%02d" % number for number in range(16)]
BASE64_SECRET = b"whsec_" + base64.b64encode(b"never-decode-this-secret")


def bit_flips() -> list[Case]:
    """Digits that are almost right."""
    raw = int(GOOD_MAC, 16)
    flips = [(f"flip-bit-{bit:03d}", f"Bit {bit} is flipped.", f"{raw ^ 1 << bit:064x}") for bit in range(256)]
    prefixes = [
        (f"prefix-{size:02d}", f"{size} right digits, then zeros.", GOOD_MAC[:size].ljust(64, "0"))
        for size in range(1, 64)
        if GOOD_MAC[size:].strip("0")
    ]
    others = [
        ("all-zero", "Only zeros.", "0" * 64),
        ("all-f", "Only f.", "f" * 64),
        ("all-upper-f", "Only F.", "F" * 64),
        ("reversed", "The right digits backwards.", GOOD_MAC[::-1]),
        ("reversed-bytes", "The right bytes backwards.", bytes.fromhex(GOOD_MAC)[::-1].hex()),
        ("complement", "Every bit flipped.", f"{raw ^ 2**256 - 1:064x}"),
        ("halves-swapped", "The right halves in the wrong order.", GOOD_MAC[32:] + GOOD_MAC[:32]),
        (
            "nibbles-swapped",
            "The digits of each byte in the wrong order.",
            "".join(GOOD_MAC[i + 1] + GOOD_MAC[i] for i in range(0, 64, 2)),
        ),
    ]
    return [
        small(f"mac-{name}", comment, f"t={NOW},v1={value}", "signature_mismatch")
        for name, comment, value in flips + prefixes + others
    ]


def hmac_hex(secret: bytes, message: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(secret, message, algorithm).hexdigest()


def wrong_macs() -> list[Case]:
    """The mistakes that people make when they compute the MAC themselves."""
    t, body = str(NOW).encode(), ENVELOPE
    spaced = body.replace(b":", b": ").replace(b",", b", ")
    messages = [
        ("body-alone", body), ("no-dot", t + body), ("newline-after", t + b"." + body + b"\n"),
        ("crlf-after", t + b"." + body + b"\r\n"), ("nul-after", t + b"." + body + b"\x00"), ("colon", t + b":" + body),
        ("comma", t + b"," + body), ("two-dots", t + b".." + body), ("dot-newline", t + b".\n" + body),
        ("key-and-t", b"t=" + t + b"." + body), ("body-first", body + b"." + t), ("re-serialised", t + b"." + spaced),
        ("timestamp-alone", t), ("timestamp-dot", t + b"."), ("nothing", b""),
        ("event-id-first", GENUINE.event_id.encode() + b"." + t + b"." + body), ("v1-first", b"v1." + t + b"." + body),
        ("slack-style", b"v0:" + t + b":" + body), ("padded-timestamp", b"0" + t + b"." + body),
        ("binary-timestamp", NOW.to_bytes(8, "big") + b"." + body), ("earlier-timestamp", b"%d." % (NOW - 1) + body),
        ("milliseconds", b"%d000." % NOW + body), ("data-alone", t + b"." + GENUINE.data),
        ("bom-before", t + b".\xef\xbb\xbf" + body), ("utf-16", t + b"." + body.decode().encode("utf-16-le")),
        ("last-byte-cut", t + b"." + body[:-1]), ("hash-of-body", t + b"." + hashlib.sha256(body).hexdigest().encode()),
    ]  # fmt: skip
    message = t + b"." + body
    macs = [
        (f"over-{name}", hmac_hex(SECRET, value), f"A MAC over another message: {words(name)}.")
        for name, value in messages
    ]
    keys = [
        ("removed-secret", OTHER_SECRET), ("empty-key", b""), ("zero-key", bytes(64)),
        ("without-prefix", SECRET.removeprefix(b"whsec_")), ("newline-in-key", SECRET + b"\n"),
        ("space-in-key", SECRET + b" "), ("upper-key", SECRET.upper()), ("half-key", SECRET[:16]),
        ("quoted-key", b'"' + SECRET + b'"'), ("hex-key", SECRET.hex().encode()),
        ("base64-key", base64.b64encode(SECRET)), ("hashed-key", hashlib.sha256(SECRET).digest()),
        ("doubled-key", SECRET * 2), ("key-is-body", body), ("named-key", b"PUCK_WEBHOOK_SECRETS=" + SECRET),
        ("joined-keys", SECRET + b"," + OTHER_SECRET), ("key-and-no-break-space", SECRET + "\u00a0".encode()),
        ("zero-width-space-and-key", "\u200b".encode() + SECRET), ("bom-and-key", "\ufeff".encode() + SECRET),
    ]  # fmt: skip
    macs += [
        (f"under-{name}", hmac_hex(key, message), f"A MAC under another key: {words(name)}.") for name, key in keys
    ]
    algorithms = ["sha512", "sha384", "sha3_256", "blake2s"]
    macs += [
        (f"by-{name.replace('_', '-')}-64", hmac_hex(SECRET, message, name)[:64], f"64 digits of HMAC-{name.upper()}.")
        for name in algorithms
    ]
    macs += [
        ("by-sha1-padded", hmac_hex(SECRET, message, "sha1").ljust(64, "0"), "HMAC-SHA-1, padded with zeros."),
        ("by-plain-hash", hashlib.sha256(SECRET + message).hexdigest(), "SHA-256 of secret and message, without HMAC."),
        (
            "by-plain-hash-after",
            hashlib.sha256(message + SECRET).hexdigest(),
            "SHA-256 of message and secret, without HMAC.",
        ),
        ("by-unkeyed-hash", hashlib.sha256(message).hexdigest(), "SHA-256 of the message: no secret at all."),
        ("by-swapped-arguments", hmac_hex(message, SECRET), "Key and message are swapped."),
        ("by-hashed-mac", hashlib.sha256(bytes.fromhex(mac(body))).hexdigest(), "The right MAC, hashed once more."),
    ]
    mismatches = [
        with_header(f"mac-{name}", comment, "signature_mismatch", f"t={NOW},v1={value}")
        for name, value, comment in macs
    ]
    other_lengths = [
        with_header(
            f"mac-by-{name}-whole",
            f"HMAC-{name.upper()} has another length.",
            "malformed_signature",
            f"t={NOW},v1={hmac_hex(SECRET, message, name)}",
        )
        for name in ("md5", "sha1", "sha224", "sha384", "sha512")
    ]
    return mismatches + other_lengths + base64_secret(message)


def base64_secret(message: bytes) -> list[Case]:
    """The commonest mistake: to treat the secret as Standard Webhooks does."""
    keys = [
        ("base64-decoded", base64.b64decode(BASE64_SECRET[6:]), "The prefix is stripped and the rest base64-decoded."),
        ("prefix-stripped", BASE64_SECRET[6:], "The prefix is stripped."),
        (
            "decoded-with-prefix",
            b"whsec_" + base64.b64decode(BASE64_SECRET[6:]),
            "The rest is decoded, the prefix kept.",
        ),
    ]
    return [
        judged("base64-secret-as-it-is", "A secret that looks like base64 is used as it is.", secrets=[BASE64_SECRET]),
        *(
            judged(
                f"mac-under-{name}",
                comment,
                "signature_mismatch",
                secrets=[BASE64_SECRET],
                headers=[(SIGNATURE, f"t={NOW},v1={hmac_hex(key, message)}")],
            )
            for name, key, comment in keys
        ),
    ]


def tampered() -> list[Case]:
    """A right signature of another body, or of another moment."""
    signed, header = ENVELOPE, sign(ENVELOPE)
    bodies = [
        ("severity-raised", signed.replace(b"high", b"none"), "One word is changed."),
        ("event-type-changed", signed.replace(b"discovered", b"discarded"), "The event type is changed."),
        ("first-byte-changed", b"[" + signed[1:], "The first byte is changed."),
        ("last-byte-changed", signed[:-1] + b"]", "The last byte is changed."),
        ("last-byte-cut", signed[:-1], "The last byte is cut off."),
        ("first-byte-cut", signed[1:], "The first byte is cut off."),
        ("newline-added", signed + b"\n", "A newline is added."),
        ("space-added", b" " + signed, "A space is added before it."),
        ("nul-added", signed + b"\x00", "A NUL is added."),
        ("pretty-printed", signed.replace(b",", b",\n  "), "The same JSON, printed in another way."),
        ("escaped", signed.replace(b"v1", b"v\\u0031"), "The same JSON, written in another way."),
        ("doubled", signed * 2, "The body twice."),
        ("emptied", b"", "Nothing is left of it."),
    ]
    cases_ = [
        judged(f"tampered-{name}", comment, "signature_mismatch", body=body, headers=[(SIGNATURE, header)])
        for name, body, comment in bodies
    ]
    moved = [
        (
            f"t-moved-by-{shift}".replace("--", "-minus-"),
            f"t={NOW + shift},v1={mac(signed)}",
            f"An old signature with t moved by {shift}.",
        )
        for shift in (-1, 1, 300, -300)
    ]
    return cases_ + [with_header(name, comment, "signature_mismatch", value) for name, value, comment in moved]


def candidates() -> list[Case]:
    """Several v1 in one header."""

    def header(count: int, right: int | None, body: bytes) -> str:
        digits = [mac(body) if index == right else f"{index:064x}" for index in range(count)]
        return ",".join([f"t={NOW}", *(f"v1={value}" for value in digits)])

    right_at = [
        with_header(
            f"v1-16-right-at-{index:02d}",
            f"Of 16 candidates the one at {index} is right.",
            "ok",
            header(16, index, ENVELOPE),
        )
        for index in (0, 7, 15)
    ]
    none_right = [
        with_header(
            f"v1-{count}-none-right",
            f"{count} candidates, none right.",
            "signature_mismatch",
            header(count, None, ENVELOPE),
        )
        for count in (1, 2, 16)
    ]
    too_many = [
        with_header(
            f"v1-{count}-right-at-{index:02d}",
            f"{count} candidates are too many.",
            "malformed_signature",
            header(count, index, ENVELOPE),
        )
        for count, index in ((17, 0), (17, 16))
    ]
    many_items = f"t={NOW}," + "v0=a," * 200 + f"v1={mac(ENVELOPE)}"
    return [
        *right_at,
        *none_right,
        *too_many,
        with_header(
            "v1-17-equal",
            "17 equal right candidates are too many.",
            "malformed_signature",
            f"t={NOW}" + f",v1={mac(ENVELOPE)}" * 17,
        ),
        with_header("v1-16-equal", "16 equal right candidates.", "ok", f"t={NOW}" + f",v1={mac(ENVELOPE)}" * 16),
        with_header("v0-200-times", "Only v1 is counted.", "ok", many_items),
    ]


def rotation() -> list[Case]:
    """Several secrets: the verdict says which one matched, and the first of several."""
    by_index = [
        judged(
            f"rotation-secret-{index:02d}-of-16",
            f"Signed with the secret at {index}.",
            secrets=RING,
            secret_index=index,
        )
        for index in (0, 15)
    ]

    def matched(case_id: str, comment: str, secrets: Sequence[bytes], signers: Sequence[bytes], index: int) -> Case:
        headers = [(SIGNATURE, sign(ENVELOPE, secrets=signers)), *GENUINE.beside()]
        return judged(case_id, comment, secrets=secrets, headers=headers, secret_index=index)

    new, old, older = SECRET, OTHER_SECRET, RING[0]
    removed = [(SIGNATURE, sign(ENVELOPE, secrets=[older]))]
    both_removed = [(SIGNATURE, sign(ENVELOPE, secrets=[older, RING[1]]))]
    return [
        *by_index,
        matched("rotation-new-signs", "The current secret signs.", [new, old], [new], 0),
        matched("rotation-old-signs", "The previous secret signs.", [new, old], [old], 1),
        matched("rotation-both-sign", "Both sign: the first secret that matches is named.", [new, old], [new, old], 0),
        matched(
            "rotation-both-sign-old-first", "The order of the candidates does not matter.", [new, old], [old, new], 0
        ),
        matched("rotation-unknown-and-old", "One candidate is of an unknown secret.", [new, old], [older, old], 1),
        matched("rotation-last-of-three", "The last of three secrets signs.", [new, old, older], [older], 2),
        matched("rotation-middle-and-last", "The last two of three sign.", [new, old, older], [older, old], 1),
        matched("rotation-all-16-sign", "All 16 secrets sign.", RING, RING[::-1], 0),
        matched(
            "rotation-same-secret-twice",
            "A secret that is given twice matches as the first.",
            [old, new, new],
            [new],
            1,
        ),
        judged(
            "rotation-removed-signs",
            "The secret that signed was removed.",
            "signature_mismatch",
            secrets=[new, old],
            headers=removed,
        ),
        judged(
            "rotation-two-removed-sign",
            "Both secrets that signed were removed.",
            "signature_mismatch",
            secrets=[new, old],
            headers=both_removed,
        ),
        judged(
            "rotation-16-none-signs",
            "None of 16 secrets signed.",
            "signature_mismatch",
            secrets=RING,
            headers=[(SIGNATURE, sign(ENVELOPE))],
        ),
        judged(
            "rotation-old-signs-old-time",
            "The window is judged for a previous secret too.",
            "timestamp_too_old",
            secrets=[new, old],
            secret_index=1,
            timestamp=NOW - 301,
        ),
        judged(
            "rotation-old-signs-bad-json",
            "And so is the envelope.",
            "invalid_json",
            secrets=[new, old],
            secret_index=1,
            body=b"{",
        ),
    ]


def secret_bytes() -> list[Case]:
    """The whole secret is the key, as long as it may be."""
    secrets = [(f"{size}-bytes", secret_of(size)) for size in (16, 17, 31, 63, 64, 65, 4095, 4096)]
    secrets.append(("every-allowed-character", PREFIX + ALLOWED))
    return [judged(f"secret-of-{name}", f"A secret of {words(name)}.", secrets=[secret]) for name, secret in secrets]
