"""signature.json: the signature header, its MAC, its window, and the order of the first four steps."""

from __future__ import annotations

from generator import signature_header, signature_mac
from generator.delivery import NOW, SIGNATURE, Case, Event, judged, sign
from generator.signature_header import ENVELOPE, WRONG_MAC, with_header

ABOUT = (
    "The signature header: grammar, timestamps, MACs, rotation, the window, sizes, and which refusal comes first. "
    "Large families of refusals carry the body {}, rightly signed: the answer comes before anyone reads it."
)


def cases() -> list[Case]:
    header, mac = signature_header, signature_mac
    return [
        *header.missing(),
        *header.unsupported(),
        *header.well_formed(),
        *header.malformed(),
        *header.bad_positions(),
        *header.bad_bytes(),
        *header.repeated_lines(),
        *header.timestamps(),
        *header.digests(),
        *mac.bit_flips(),
        *mac.wrong_macs(),
        *mac.tampered(),
        *mac.candidates(),
        *mac.rotation(),
        *mac.secret_bytes(),
        *windows(),
        *header.sizes(),
        *order_of_work(),
    ]


def windows() -> list[Case]:
    """The edges of the window, for the usual tolerance and the configured ones."""
    made: list[Case] = []
    for tolerance in (300, 1, 3600, 86400):
        for shift in (-tolerance - 1, -tolerance, tolerance, tolerance + 1):
            reason = "timestamp_too_old" if shift < -tolerance else "timestamp_too_new" if shift > tolerance else "ok"
            name = f"window-{tolerance}-t-{'minus' if shift < 0 else 'plus'}-{abs(shift)}"
            comment = (
                f"With a tolerance of {tolerance} s, t is {abs(shift)} s {'before' if shift < 0 else 'after'} now."
            )
            settings = None if tolerance == 300 else {"tolerance": tolerance}
            made.append(judged(name, comment, reason, timestamp=NOW + shift, settings=settings))
    near = [("now", 0), ("minus-1", -1), ("plus-1", 1), ("minus-150", -150), ("plus-150", 150)]
    made += [judged(f"window-t-{name}", f"t is {shift} s from now.", timestamp=NOW + shift) for name, shift in near]
    late = Event(emitted_at_text="2020-01-01T00:00:00Z", emitted_at_seconds=1577836800)
    early = Event(emitted_at_text="2099-12-31T23:59:59Z", emitted_at_seconds=4102444799)
    return made + [
        judged("window-zero-minus-300", "At the beginning of time.", timestamp=0, now=300),
        judged("window-zero-minus-301", "Just outside.", "timestamp_too_old", timestamp=0, now=301),
        judged("window-zero-plus-300", "now may be 0.", timestamp=300, now=0),
        judged("window-zero-plus-301", "now is 0, and t outside.", "timestamp_too_new", timestamp=301, now=0),
        judged("window-ignores-emitted-at", "An old event in a fresh attempt.", event=late),
        judged("window-ignores-future-emitted-at", "An event of the future in a fresh attempt.", event=early),
    ]


def order_of_work() -> list[Case]:
    """Which refusal is given when there is more than one reason."""
    limit = {"max_body": len(ENVELOPE) - 1}
    good, stale = sign(ENVELOPE), NOW - 301
    too_large = [
        ("right", [(SIGNATURE, good)]), ("missing", []), ("empty", [(SIGNATURE, "")]),
        ("malformed", [(SIGNATURE, "junk")]), ("unsupported", [(SIGNATURE, f"t={NOW}")]),
        ("wrong", [(SIGNATURE, f"t={NOW},v1={WRONG_MAC}")]), ("stale", [(SIGNATURE, sign(ENVELOPE, timestamp=stale))]),
        ("too-long", [(SIGNATURE, " " * 4097)]), ("twice", [(SIGNATURE, good)] * 2),
    ]  # fmt: skip
    large = [
        judged(
            f"order-body-too-large-signature-{name}",
            "The size of the body is judged first.",
            "payload_too_large",
            headers=headers,
            settings=limit,
        )
        for name, headers in too_large
    ]
    old_wrong, new_wrong = f"t={stale},v1={WRONG_MAC}", f"t={NOW + 301},v1={WRONG_MAC}"
    bad_mac = f"t={NOW},v1={WRONG_MAC}"
    lies = [(SIGNATURE, sign(ENVELOPE, timestamp=stale)), ("X-Puck-Event-Id", "lie")]
    return large + [
        with_header("order-old-and-wrong", "Signature before window.", "signature_mismatch", old_wrong),
        with_header("order-new-and-wrong", "Signature before window.", "signature_mismatch", new_wrong),
        with_header("order-zero-and-wrong", "Signature before window.", "signature_mismatch", f"t=0,v1={WRONG_MAC}"),
        with_header(
            "order-wrong-and-not-json", "Signature before envelope.", "signature_mismatch", bad_mac, body=b"not json"
        ),
        with_header("order-wrong-and-empty", "Signature before envelope.", "signature_mismatch", bad_mac, body=b""),
        judged(
            "order-old-and-not-json", "Window before envelope.", "timestamp_too_old", body=b"not json", timestamp=stale
        ),
        judged(
            "order-new-and-not-json",
            "Window before envelope.",
            "timestamp_too_new",
            body=b"not json",
            timestamp=NOW + 301,
        ),
        judged(
            "order-old-and-lying-header",
            "Window before cross-check.",
            "timestamp_too_old",
            timestamp=stale,
            headers=lies,
        ),
        with_header("order-malformed-and-old", "Grammar before window.", "malformed_signature", f"t=1,v1={WRONG_MAC},"),
        with_header(
            "order-bad-item-after-right", "The whole header is read first.", "malformed_signature", good + ",v1"
        ),
        with_header("order-control-in-ignored", "Even in an ignored item.", "malformed_signature", good + ",x=\x01"),
    ]
