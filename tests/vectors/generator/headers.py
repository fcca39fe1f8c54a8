"""headers.json: the unsigned headers beside the envelope, and how header names are found."""

from __future__ import annotations

from collections.abc import Sequence

from generator.delivery import (
    DELIVERY_ID,
    EVENT_ID,
    EVENT_TYPE,
    GENUINE,
    NOW,
    SIGNATURE,
    Case,
    Event,
    Headers,
    envelope,
    judged,
    sign,
)

ABOUT = "X-Puck-Event-Id, X-Puck-Event-Type and X-Puck-Delivery-Id beside a rightly signed envelope, and header names."

ID, TYPE = GENUINE.event_id, GENUINE.event_type
OTHER_ID = "018f2e3b-0000-7000-8000-000000000001"
SIGNED = (SIGNATURE, sign(envelope()))
BESIDE = (EVENT_ID, EVENT_TYPE, DELIVERY_ID)


def cases() -> list[Case]:
    return [
        *event_id_headers(),
        *event_type_headers(),
        *headers_that_say_nothing(),
        *repeated(),
        *delivery_ids(),
        *names(),
        *near_names(),
        *surroundings(),
        *order_of_work(),
    ]


def beside(case_id: str, comment: str, reason: str, headers: Headers, *, event: Event = GENUINE) -> Case:
    """A genuine delivery with these headers after its signature."""
    return judged(case_id, comment, reason, event=event, headers=[(SIGNATURE, sign(envelope(event))), *headers])


def event_id_headers() -> list[Case]:
    equal = [
        ("equal", ID, "Equal to the envelope."),
        ("upper", ID.upper(), "Upper case is the same UUID."),
        ("mixed", ID[:18].upper() + ID[18:], "So is mixed case."),
        ("space-around", f" {ID} ", "Spaces around it do not belong to it."),
        ("tabs-around", f"\t{ID}\t", "Nor are tabs."),
        ("many-around", f" \t {ID}\t \t", "However many."),
        ("empty", "", "Present and empty: it says nothing."),
        ("spaces", "  ", "Nothing but spaces says nothing."),
        ("tab", "\t", "Nothing but a tab says nothing."),
        ("spaces-and-tabs", " \t \t\t ", "Nothing but spaces and tabs says nothing."),
    ]
    different = [
        ("other", OTHER_ID, "Another UUID."),
        ("last-digit", ID[:-1] + "e", "Another last digit."),
        ("newline", "\n", "A newline is neither a space nor a tab."),
        ("vertical-tab", "\x0b", "Nor is a vertical tab."),
        ("nul", "\x00", "Nor is a NUL."),
        ("nbsp", "\xa0", "Nor is a no-break space."),
        ("hyphens", "----", "Not empty: hyphens."),
        ("quotes", '""', "Not empty: quotes around nothing."),
        ("null", "null", "Not empty: a word for nothing."),
        ("word", "abc", "Not a UUID."),
        ("no-hyphens", ID.replace("-", ""), "The same digits without hyphens."),
        ("braces", "{" + ID + "}", "In braces."),
        ("urn", f"urn:uuid:{ID}", "As a URN."),
        ("shifted-hyphens", "018f2e3-a1c47-7a12-b321-aabbccddeeff", "The same digits with shifted hyphens."),
        ("cut", ID[:-1], "The last digit is missing."),
        ("comma-joined", f"{ID}, {ID}", "Two lines joined by a proxy."),
        ("trailing-nul", ID + "\x00", "A NUL at the end."),
        ("trailing-newline", ID + "\n", "A newline at the end."),
        ("nbsp-around", f"\xa0{ID}\xa0", "A no-break space does not count as a space."),
        ("inner-space", ID[:8] + " " + ID[9:], "A space for a hyphen."),
        ("nil", "00000000-0000-0000-0000-000000000000", "The nil UUID."),
        ("max", "ffffffff-ffff-ffff-ffff-ffffffffffff", "The max UUID."),
        ("folds-to-hyphen", ID.replace("-", "\r"), "A carriage return is a hyphen without one bit."),
        ("folds-to-digit", ID.replace("0", "\x10"), "A control is a digit without one bit."),
        ("high-bytes", "\xff" * 36, "36 bytes of 0xFF."),
        ("long-junk", "a" * 500, "Five hundred bytes."),
    ]
    upper = Event(event_id=ID.upper())
    return [
        *(
            beside(f"event-id-{name}", comment, "ok", [(EVENT_ID, value), (EVENT_TYPE, TYPE)])
            for name, value, comment in equal
        ),
        *(
            beside(f"event-id-{name}", comment, "header_mismatch", [(EVENT_ID, value), (EVENT_TYPE, TYPE)])
            for name, value, comment in different
        ),
        beside("event-id-upper-in-envelope", "The envelope has it in upper case.", "ok", [(EVENT_ID, ID)], event=upper),
        beside("event-id-upper-in-both", "Both have it in upper case.", "ok", [(EVENT_ID, ID.upper())], event=upper),
        beside("event-id-absent", "Only the type is there.", "ok", [(EVENT_TYPE, TYPE)]),
        beside("event-id-and-type-absent", "Only the signature is there.", "ok", []),
    ]


def event_type_headers() -> list[Case]:
    equal = [
        ("equal", TYPE, "Equal to the envelope."),
        ("space-around", f" {TYPE} ", "Spaces around it do not belong to it."),
        ("tabs-around", f"\t{TYPE} \t", "Nor are tabs."),
        ("empty", "", "Present and empty: it says nothing."),
        ("spaces", "   ", "Nothing but spaces says nothing."),
        ("tab", "\t", "Nothing but a tab says nothing."),
        ("spaces-and-tabs", "\t \t", "Nothing but spaces and tabs says nothing."),
    ]
    different = [
        ("other", "agent.registered", "Another type."),
        ("upper", TYPE.upper(), "Types are compared exactly."),
        ("carriage-return", "\r", "A carriage return is neither a space nor a tab."),
        ("nbsp", "\xa0", "Nor is a no-break space."),
        ("hyphen-only", "-", "Not empty: a hyphen."),
        ("null", "null", "Not empty: a word for nothing."),
        ("cut", TYPE[:-1], "The last letter is missing."),
        ("prefix", "finding", "Only its first word."),
        ("hyphen", TYPE.replace(".", "-"), "A hyphen for the full stop."),
        ("comma-joined", f"{TYPE}, {TYPE}", "Two lines joined by a proxy."),
        ("trailing-nul", TYPE + "\x00", "A NUL at the end."),
        ("trailing-newline", TYPE + "\n", "A newline at the end."),
        ("escaped", TYPE.replace(".", "\\u002e"), "An escape is not a full stop here."),
        ("nbsp-around", f"\xa0{TYPE}", "A no-break space does not count as a space."),
        ("long-junk", "a" * 500, "Five hundred bytes."),
    ]
    escaped = envelope(event_type=b'"finding\\u002ediscovered"')
    return [
        *(
            beside(f"event-type-{name}", comment, "ok", [(EVENT_ID, ID), (EVENT_TYPE, value)])
            for name, value, comment in equal
        ),
        *(
            beside(f"event-type-{name}", comment, "header_mismatch", [(EVENT_ID, ID), (EVENT_TYPE, value)])
            for name, value, comment in different
        ),
        beside("event-type-absent", "Only the id is there.", "ok", [(EVENT_ID, ID)]),
        judged("event-type-escaped-in-envelope", "The envelope's type is compared after unescaping.", body=escaped),
        beside(
            "event-type-unknown",
            "A type that is not documented.",
            "ok",
            [(EVENT_TYPE, "a.new_type-2")],
            event=Event(event_type="a.new_type-2"),
        ),
        beside("both-wrong", "Both headers lie.", "header_mismatch", [(EVENT_ID, OTHER_ID), (EVENT_TYPE, "x")]),
        beside("both-swapped", "Each has the other's value.", "header_mismatch", [(EVENT_ID, TYPE), (EVENT_TYPE, ID)]),
    ]


def headers_that_say_nothing() -> list[Case]:
    """An empty header beside the other one; what `repeated` has are two of one name."""
    table = [
        ("id-alone", "Only the id is there, and empty.", "ok", [(EVENT_ID, "")]),
        ("type-alone", "Only the type is there, and empty.", "ok", [(EVENT_TYPE, "")]),
        ("both", "Both are empty.", "ok", [(EVENT_ID, ""), (EVENT_TYPE, "")]),
        ("both-spaces", "Both are blank.", "ok", [(EVENT_ID, " "), (EVENT_TYPE, "\t")]),
        ("id-lower-case-name", "A name in lower case.", "ok", [(EVENT_ID.lower(), ""), (EVENT_TYPE, TYPE)]),
        ("id-and-type-wrong", "The other one lies.", "header_mismatch", [(EVENT_ID, ""), (EVENT_TYPE, "x")]),
        ("type-and-id-wrong", "The other one lies.", "header_mismatch", [(EVENT_ID, OTHER_ID), (EVENT_TYPE, "")]),
        ("all-of-them", "The delivery id is empty, too.", "ok", [(name, "") for name in BESIDE]),
    ]  # fmt: skip
    return [beside(f"empty-{name}", comment, reason, headers) for name, comment, reason, headers in table]


def repeated() -> list[Case]:
    table = [
        ("id-twice", "The same id twice.", "ok", [(EVENT_ID, ID), (EVENT_ID, ID)]),
        (
            "id-twice-in-other-case",
            "The same UUID in upper and lower case.",
            "ok",
            [(EVENT_ID, ID), (EVENT_ID, ID.upper())],
        ),
        ("type-twice", "The same type twice.", "ok", [(EVENT_TYPE, TYPE), (EVENT_TYPE, TYPE)]),
        ("both-twice", "Both headers twice.", "ok", GENUINE.beside() * 2),
        (
            "id-right-then-wrong",
            "Every occurrence must match: the last does not.",
            "header_mismatch",
            [(EVENT_ID, ID), (EVENT_ID, OTHER_ID)],
        ),
        (
            "id-wrong-then-right",
            "Every occurrence must match: the first does not.",
            "header_mismatch",
            [(EVENT_ID, OTHER_ID), (EVENT_ID, ID)],
        ),
        ("id-right-then-empty", "An empty occurrence says nothing.", "ok", [(EVENT_ID, ID), (EVENT_ID, "")]),
        ("id-empty-then-right", "So it does before the other one.", "ok", [(EVENT_ID, ""), (EVENT_ID, ID)]),
        ("id-empty-twice", "Two say nothing either.", "ok", [(EVENT_ID, ""), (EVENT_ID, " ")]),
        (
            "id-empty-then-wrong",
            "An empty occurrence does not excuse a wrong one after it.",
            "header_mismatch",
            [(EVENT_ID, ""), (EVENT_ID, OTHER_ID)],
        ),
        (
            "id-wrong-then-empty",
            "Nor one before it.",
            "header_mismatch",
            [(EVENT_ID, OTHER_ID), (EVENT_ID, "\t")],
        ),
        ("type-right-then-empty", "An empty type says nothing.", "ok", [(EVENT_TYPE, TYPE), (EVENT_TYPE, "")]),
        ("type-empty-then-right", "So it does before.", "ok", [(EVENT_TYPE, " "), (EVENT_TYPE, TYPE)]),
        (
            "type-empty-then-wrong",
            "The second type does not match.",
            "header_mismatch",
            [(EVENT_TYPE, ""), (EVENT_TYPE, "x")],
        ),
        (
            "type-wrong-then-empty",
            "The first type does not match.",
            "header_mismatch",
            [(EVENT_TYPE, "x"), (EVENT_TYPE, "")],
        ),
        ("id-wrong-twice", "The same wrong id twice.", "header_mismatch", [(EVENT_ID, OTHER_ID)] * 2),
        (
            "type-right-then-wrong",
            "The last type does not match.",
            "header_mismatch",
            [(EVENT_TYPE, TYPE), (EVENT_TYPE, "x")],
        ),
        (
            "type-wrong-then-right",
            "The first type does not match.",
            "header_mismatch",
            [(EVENT_TYPE, "x"), (EVENT_TYPE, TYPE)],
        ),
        (
            "id-wrong-in-other-case-name",
            "The names differ only in case.",
            "header_mismatch",
            [(EVENT_ID, ID), (EVENT_ID.lower(), OTHER_ID)],
        ),
        (
            "type-wrong-in-other-case-name",
            "The names differ only in case.",
            "header_mismatch",
            [(EVENT_TYPE.upper(), "x"), (EVENT_TYPE, TYPE)],
        ),
        (
            "id-wrong-as-tenth",
            "Nine right ones do not outvote a wrong one.",
            "header_mismatch",
            [(EVENT_ID, ID)] * 9 + [(EVENT_ID, OTHER_ID)],
        ),
    ]
    return [beside(f"repeated-{name}", comment, reason, headers) for name, comment, reason, headers in table]


def delivery_ids() -> list[Case]:
    values = [
        ("ordinary", ["018f2e3c-5d10-7c44-9e02-1a2b3c4d5e6f"]), ("equal-to-event-id", [ID]), ("not-a-uuid", ["42"]),
        ("empty", [""]), ("repeated", ["018f2e3c-5d10-7c44-9e02-1a2b3c4d5e6f"] * 2), ("high-bytes", ["\xff\xfe\x80"]),
        ("long", ["d" * 500]),
    ]  # fmt: skip
    return [
        beside(
            f"delivery-id-{name}",
            "The delivery id decides nothing.",
            "ok",
            [*GENUINE.beside(), *((DELIVERY_ID, value) for value in listed)],
        )
        for name, listed in values
    ]


def names() -> list[Case]:
    """Header names are compared without regard to case."""
    letter_cases = [
        ("lower", str.lower), ("upper", str.upper), ("swapped", str.swapcase), ("capital", str.capitalize),
    ]  # fmt: skip
    made: list[Case] = []
    for name, change in letter_cases:
        right = [SIGNED, *GENUINE.beside()]
        made.append(
            judged(
                f"names-{name}", f"All names in {name} case.", headers=[(change(key), value) for key, value in right]
            )
        )
        for header, value in ((EVENT_ID, OTHER_ID), (EVENT_TYPE, "x")):
            made.append(
                beside(
                    f"names-{name}-{header.lower()}-wrong",
                    f"{header} in {name} case is still compared.",
                    "header_mismatch",
                    [(change(header), value)],
                )
            )
    return made


def near_names() -> list[Case]:
    """Names that only look like ours are other headers."""
    looks = [
        ("underscores", "X_Puck_Signature"), ("no-x", "Puck-Signature"), ("cut", "X-Puck-Signatur"),
        ("long", "X-Puck-Signatures"), ("suffix", "X-Puck-Signature-256"), ("prefix", "HTTP-X-Puck-Signature"),
        ("cgi", "HTTP_X_PUCK_SIGNATURE"), ("space", "X Puck Signature"), ("webhook", "Webhook-Signature"),
        ("long-s", "X-Puck-\xc5\xbfignature"), ("dotless-i", "X-Puck-S\xc4\xb1gnature"),
        ("kelvin-sign", "X-Puc\xe2\x84\xaa-Signature"), ("trailing-nul", "X-Puck-Signature\x00"),
        ("plain", "Signature"),
    ]  # fmt: skip
    ignored = [
        ("id-underscores", "X_Puck_Event_Id"), ("id-long", "X-Puck-Event-Idx"),
        ("id-kelvin-sign", "X-Puc\xe2\x84\xaa-Event-Id"), ("id-dotless-i", "X-Puck-Event-\xc4\xb1d"),
        ("type-underscores", "X_Puck_Event_Type"), ("type-long", "X-Puck-Event-Types"),
    ]  # fmt: skip
    return [
        *(
            judged(
                f"near-{name}",
                "Not the name of the signature header.",
                "missing_signature",
                headers=[(look, SIGNED[1]), *GENUINE.beside()],
            )
            for name, look in looks
        ),
        *(
            beside(
                f"near-{name}",
                "Another name: its value is not compared.",
                "ok",
                [*GENUINE.beside(), (look, "lie")],
            )
            for name, look in ignored
        ),
        beside(
            "near-signature-wrong",
            "A wrong value under another name does not matter.",
            "ok",
            [("X-Puck-Signature-2", "junk")],
        ),
    ]


def surroundings() -> list[Case]:
    """The headers stand among others, in any order."""
    others: Sequence[tuple[str, str]] = [
        ("Host", "example.org"), ("Content-Type", "application/json"), ("Content-Length", "5"), ("Accept", "*/*"),
        ("Accept", "text/plain"), ("X-Forwarded-For", "203.0.113.7"), ("Cookie", "\xff\x80"), ("X-Empty", ""),
        ("Webhook-Id", OTHER_ID), ("Webhook-Signature", "v1,AAAA"),
    ]  # fmt: skip
    right = [SIGNED, *GENUINE.beside()]
    return [
        judged("among-others", "Other headers before and after.", headers=[*others, *right, *others]),
        judged("signature-last", "The signature comes last.", headers=right[::-1]),
        judged("signature-middle", "The signature stands in the middle.", headers=[right[1], right[0], right[2]]),
        judged(
            "among-100-others", "A hundred other headers.", headers=[*((f"X-{n}", str(n)) for n in range(100)), *right]
        ),
        judged(
            "signature-with-spaces",
            "Spaces around the signature's value.",
            headers=[(SIGNATURE, f" {SIGNED[1]}\t"), *right[1:]],
        ),
    ]


def order_of_work() -> list[Case]:
    """The cross-check is the last of the checks."""
    lies = [(EVENT_ID, OTHER_ID), (EVENT_TYPE, "x")]
    bad_mac = f"t={NOW},v1={'0' * 64}"
    unsigned = [
        ("missing-signature", "missing_signature", []),
        ("malformed-signature", "malformed_signature", [(SIGNATURE, "junk")]),
        ("unsupported-scheme", "unsupported_scheme", [(SIGNATURE, f"t={NOW}")]),
        ("signature-mismatch", "signature_mismatch", [(SIGNATURE, bad_mac)]),
    ]
    envelopes = [
        ("invalid_json", b"{"), ("duplicate_key", envelope(last=b'"a":1,"a":1')),
        ("missing_field", envelope(data=None)), ("wrong_type", envelope(data=b"1")),
        ("invalid_event_id", envelope(event_id=b'"x"')), ("invalid_event_type", envelope(event_type=b'""')),
        ("invalid_emitted_at", envelope(emitted_at=b'""')), ("unsupported_api_version", envelope(api_version=b'"v2"')),
    ]  # fmt: skip
    stale = [(SIGNATURE, sign(envelope(), timestamp=NOW - 301)), *lies]
    return [
        *(
            judged(
                f"lying-headers-and-{name}",
                "Lies are found only in genuine deliveries.",
                reason,
                headers=[*signature, *lies],
            )
            for name, reason, signature in unsigned
        ),
        *(
            judged(
                f"lying-headers-and-{reason.replace('_', '-')}",
                "The envelope is judged before the headers.",
                reason,
                body=body,
                headers=[(SIGNATURE, sign(body)), *lies],
            )
            for reason, body in envelopes
        ),
        judged(
            "lying-headers-and-timestamp-too-old",
            "The window is judged before the headers.",
            "timestamp_too_old",
            headers=stale,
            timestamp=NOW - 301,
        ),
        judged(
            "lying-headers-and-payload-too-large",
            "The size is judged first.",
            "payload_too_large",
            headers=[SIGNED, *lies],
            settings={"max_body": 100},
        ),
    ]
