"""signature.json: the signature header, its MAC, its window, and the order of the first four steps."""

from __future__ import annotations

from generator import signature_header, signature_mac
from generator.delivery import EVENT_ID, INT64_MIN, NOW, SIGNATURE, Body, Case, Event, Headers, judged, sign
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
        *times_of_arrival(),
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
            side = "before" if shift < 0 else "after"
            comment = f"With a tolerance of {tolerance} s, t is {abs(shift)} s {side} received_at."
            settings = None if tolerance == 300 else {"tolerance": tolerance}
            made.append(judged(name, comment, reason, timestamp=NOW + shift, settings=settings))
    near = [("now", 0), ("minus-1", -1), ("plus-1", 1), ("minus-150", -150), ("plus-150", 150)]
    made += [
        judged(f"window-t-{name}", f"t is {shift} s from received_at.", timestamp=NOW + shift) for name, shift in near
    ]
    late = Event(emitted_at_text="2020-01-01T00:00:00Z", emitted_at_seconds=1577836800)
    early = Event(emitted_at_text="2099-12-31T23:59:59Z", emitted_at_seconds=4102444799)
    return made + [
        judged("window-zero-minus-300", "At the beginning of time.", timestamp=0, received_at=300),
        judged("window-zero-minus-301", "Just outside.", "timestamp_too_old", timestamp=0, received_at=301),
        judged("window-zero-plus-300", "received_at may be 0.", timestamp=300, received_at=0),
        judged(
            "window-zero-plus-301", "received_at is 0, t outside.", "timestamp_too_new", timestamp=301, received_at=0
        ),
        judged("window-ignores-emitted-at", "An old event in a fresh attempt.", event=late),
        judged("window-ignores-future-emitted-at", "An event of the future in a fresh attempt.", event=early),
    ]


def times_of_arrival() -> list[Case]:
    """received_at in milliseconds is the caller's mistake; before 1970 it is a time like any other."""
    last = 10**12 - 1  # t has no more digits either
    times = [
        ("last-second", "The last second there is: received_at has 12 digits.", "ok", last, last),
        ("last-minus-300", "t at the edge of the last window.", "ok", last - 300, last),
        ("last-minus-301", "t just outside of the last window.", "timestamp_too_old", last - 301, last),
        ("first-minus-300", "t may be later than the last received_at.", "ok", last, last - 300),
        ("first-minus-301", "But not by so much.", "timestamp_too_new", last, last - 301),
        ("minus-1", "One second before 1970.", "ok", 0, -1),
        ("minus-300", "The earliest received_at at which t can be inside the window.", "ok", 0, -300),
        ("minus-301", "A second earlier.", "timestamp_too_new", 0, -301),
        ("minus-now", "The sign is wrong.", "timestamp_too_new", NOW, -NOW),
        ("minus-milliseconds", "A big negative number is a time all the same.", "timestamp_too_new", NOW, -1000 * NOW),
        ("int64-min", "The earliest time there is.", "timestamp_too_new", 0, INT64_MIN),
        ("int64-min-and-t", "Their difference has no room in 64 bits: the skew stays at the limit.",
         "timestamp_too_new", NOW, INT64_MIN),
    ]  # fmt: skip
    milliseconds = [
        ("10-to-12", 10**12, "One more than the last second."), ("milliseconds", 1777818121000, "Unix milliseconds."),
        ("milliseconds-of-t", 1000 * NOW, "t in milliseconds."), ("microseconds", 10**6 * NOW, "Unix microseconds."),
        ("nanoseconds", 10**9 * NOW, "Unix nanoseconds."), ("int64-max", 2**63 - 1, "The latest time there is."),
    ]  # fmt: skip
    anything: list[tuple[str, str, Headers, Body]] = [
        ("wide-window", "The widest window changes nothing.", [(SIGNATURE, sign(ENVELOPE))], ENVELOPE),
        ("no-headers", "It is judged before the signature is missed.", [], ENVELOPE),
        ("malformed", "It is judged before the signature header.", [(SIGNATURE, "junk")], ENVELOPE),
        ("wrong", "It is judged before the MAC.", [(SIGNATURE, f"t={NOW},v1={WRONG_MAC}")], ENVELOPE),
        ("stale", "It is judged before the window.", [(SIGNATURE, sign(ENVELOPE, timestamp=1))], ENVELOPE),
        ("not-json", "It is judged before the envelope.", [(SIGNATURE, sign(b"not json"))], b"not json"),
        ("lying-header", "It is judged before the headers.", [(SIGNATURE, sign(ENVELOPE)), (EVENT_ID, "x")], ENVELOPE),
        ("too-large", "It is judged before the size.", [], [(b" ", 1_048_577)]),
    ]  # fmt: skip
    return [
        *(
            judged(f"received-at-{name}", comment, reason, timestamp=timestamp, received_at=received_at)
            for name, comment, reason, timestamp, received_at in times
        ),
        *(
            judged(f"received-at-{name}", comment, "invalid_argument", received_at=received_at)
            for name, received_at, comment in milliseconds
        ),
        judged(
            "received-at-10-to-12-in-the-window",
            "The window would let it pass.",
            "invalid_argument",
            timestamp=last,
            received_at=last + 1,
        ),
        *(
            judged(
                f"received-at-milliseconds-and-{name}",
                comment,
                "invalid_argument",
                body=body,
                headers=headers,
                received_at=1777818121000,
                settings={"tolerance": 86400} if name == "wide-window" else None,
            )
            for name, comment, headers, body in anything
        ),
        judged(
            "received-at-negative-and-no-headers",
            "The rest is judged as ever.",
            "missing_signature",
            headers=[],
            received_at=-1,
        ),
        judged(
            "received-at-negative-and-too-large",
            "The rest is judged as ever.",
            "payload_too_large",
            settings={"max_body": 100},
            received_at=-1,
        ),
        judged(
            "received-at-negative-and-wrong",
            "The rest is judged as ever.",
            "signature_mismatch",
            headers=[(SIGNATURE, f"t=0,v1={WRONG_MAC}")],
            received_at=-1,
        ),
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
    lies = [(SIGNATURE, sign(ENVELOPE, timestamp=stale)), (EVENT_ID, "lie")]
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
