"""What callers do by mistake: TypeError or ValueError when they are wrong, a reason when the delivery is, and no secret
in anything."""

from __future__ import annotations

import array
import copy
import ctypes
import http.client
import io
import mmap
import pickle
import traceback
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import (
    EVENT_ID,
    NOW,
    OLD_SECRET,
    SECRET,
    PythonStore,
    envelope,
    mac,
    refused,
    sign,
    signed,
    small_receiver,
)

BODY = envelope()
SIGNATURE = sign(SECRET, NOW, BODY)
PACKAGE = str(Path(puck.__file__).parent)

# --- bodies -------------------------------------------------------------------------------------------------------


class Bytes(bytes):
    pass


def in_a_map(body: bytes) -> mmap.mmap:
    mapped = mmap.mmap(-1, len(body))
    mapped.write(body)
    return mapped


GOOD_BODIES: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "a subclass of bytes": Bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview of bytearray": lambda body: memoryview(bytearray(body)),
    "a slice of a memoryview": lambda body: memoryview(b"<<" + body + b">>")[2:-2],
    "memoryview of signed bytes": lambda body: memoryview(body).cast("b"),
    "memoryview of chars": lambda body: memoryview(body).cast("c"),
    "array of bytes": lambda body: array.array("B", body),
    "mmap": in_a_map,
    "BytesIO.getbuffer": lambda body: io.BytesIO(body).getbuffer(),
}

NO_BODIES: dict[str, Callable[[bytes], Any]] = {
    "str": bytes.decode,
    "list of ints": list,
    "list of bytes": lambda body: [body],
    "None": lambda body: None,
    "int": len,
    "bool": bool,
    "dict": lambda body: {"event_id": EVENT_ID},
    "file": io.BytesIO,
    "generator": lambda body: (piece for piece in [body]),
    "strided memoryview": lambda body: memoryview(b"".join(bytes([each, 0]) for each in body))[::2],
    "reversed memoryview": lambda body: memoryview(body[::-1])[::-1],
    "two dimensions": lambda body: memoryview(body + b" " * (len(body) % 2)).cast("B", (2, (len(body) + 1) // 2)),
    "no dimension": lambda body: memoryview(ctypes.c_ubyte(1)),
    "array of ints": lambda body: array.array("I", body),
    "array of floats": lambda body: array.array("d", body),
    "memoryview of shorts": lambda body: memoryview(body + b" " * (len(body) % 2)).cast("H"),
    "memoryview of bools": lambda body: memoryview(body).cast("?"),
}

FACES: dict[str, Callable[[Any], Any]] = {
    "sign": lambda body: puck.sign(SECRET, body, NOW),
    "verify": lambda body: puck.Verifier(SECRET).verify(signed(BODY), body, received_at=NOW),
    "verify_signature": lambda body: puck.Verifier(SECRET).verify_signature(body, SIGNATURE, received_at=NOW),
    "dangerously": lambda body: puck.Verifier(SECRET).dangerously_verify_without_window(body, SIGNATURE),
    "parse_envelope": puck.parse_envelope,
    "receive": lambda body: small_receiver().receive({"X-Puck-Signature": SIGNATURE}, body, received_at=NOW),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("kind", GOOD_BODIES)
def test_bodies(kind: str, face: str) -> None:
    answer = FACES[face](GOOD_BODIES[kind](BODY))
    if face == "sign":
        assert answer == SIGNATURE
    elif face in ("parse_envelope", "receive", "verify"):
        assert getattr(answer, "event", answer).event_id == EVENT_ID
    else:
        assert answer.timestamp == NOW


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("kind", NO_BODIES)
def test_no_bodies(kind: str, face: str) -> None:
    with pytest.raises(TypeError) as caught:
        FACES[face](NO_BODIES[kind](BODY))
    if kind == "str":
        assert "raw bytes" in str(caught.value)
    shows_nothing(caught.value)


def test_an_empty_body_is_a_body() -> None:
    for empty in (b"", bytearray(), memoryview(b""), array.array("B")):
        with refused("invalid_json"):
            small_receiver().receive(signed(b""), empty, received_at=NOW)


def test_a_body_is_free_again_after_the_call() -> None:
    body = bytearray(BODY)
    delivery = small_receiver().receive(signed(BODY), body, received_at=NOW)
    body.extend(b"more")  # BufferError, if it were still exported
    body[:] = bytes(len(body))
    assert delivery.event.event_id == EVENT_ID
    with pytest.raises(TypeError):
        puck.parse_envelope(wrong := array.array("I", BODY))
    wrong.append(1)


@pytest.mark.parametrize("face", FACES)
def test_a_body_that_does_not_fit_into_memory_is_free_again(face: str) -> None:
    """A view of far more bytes than any machine has. Nobody reads one of them."""
    view_of = ctypes.pythonapi.PyMemoryView_FromMemory
    view_of.argtypes, view_of.restype = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int), ctypes.py_object
    byte = ctypes.c_char(b"{")
    body = view_of(ctypes.addressof(byte), 2**62, 0x100)  # PyBUF_READ
    with pytest.raises(MemoryError):
        FACES[face](body)
    body.release()  # BufferError, if it were still exported


def test_a_released_memoryview() -> None:
    view = memoryview(BODY)
    view.release()
    with pytest.raises(ValueError, match="released"):
        puck.parse_envelope(view)


# --- numbers ------------------------------------------------------------------------------------------------------


class Index:
    """Like the integers of numpy."""

    def __index__(self) -> int:
        return 300

    __int__ = __index__


class Number(int):
    pass


NO_INTS = [
    True,
    False,
    300.0,
    float("nan"),
    float("inf"),
    "300",
    b"300",
    Decimal(300),
    Fraction(300),
    300j,
    Index(),
    [300],
    {},
]
HUGE = [10**30, -(10**30), 2**63, -(2**63) - 1, 2**64 + 300, 2**32 * 2**32]
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "tolerance of Verifier": lambda n: puck.Verifier(SECRET, tolerance=n),
    "max_body of Verifier": lambda n: puck.Verifier(SECRET, max_body=n),
    "tolerance of Receiver": lambda n: puck.Receiver(SECRET, tolerance=n),
    "max_body of Receiver": lambda n: puck.Receiver(SECRET, max_body=n),
    "capacity": lambda n: puck.LruDedupe(n),
    "ttl": lambda n: puck.LruDedupe(4, ttl=n),
    "lease": lambda n: puck.LruDedupe(4, lease=n),
}
TIMES: dict[str, Callable[[Any], Any]] = {
    "timestamp of sign": lambda n: puck.sign(SECRET, BODY, n),
    "received_at of verify": lambda n: puck.Verifier(SECRET).verify(signed(BODY), BODY, received_at=n),
    "received_at of verify_signature": lambda n: puck.Verifier(SECRET).verify_signature(BODY, SIGNATURE, received_at=n),
    "received_at of dangerously": lambda n: puck.Verifier(SECRET).dangerously_verify_without_window(
        BODY, SIGNATURE, received_at=n
    ),
    "received_at of receive": lambda n: small_receiver().receive(signed(BODY), BODY, received_at=n),
}


@pytest.mark.parametrize("name", [*NUMBERS, *TIMES])
@pytest.mark.parametrize("number", NO_INTS, ids=repr)
def test_what_is_no_int(name: str, number: object) -> None:
    with pytest.raises(TypeError):
        (NUMBERS | TIMES)[name](number)


@pytest.mark.parametrize("name", NUMBERS)
def test_none_is_no_limit_either(name: str) -> None:
    with pytest.raises(TypeError):
        NUMBERS[name](None)


@pytest.mark.parametrize("name", [*NUMBERS, *TIMES])
@pytest.mark.parametrize("number", HUGE)
def test_huge_ints(name: str, number: int) -> None:
    with pytest.raises(ValueError):
        (NUMBERS | TIMES)[name](number)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("number", [0, -1, -300, 2**63 - 1, -(2**63)])
def test_nothing_means_no_limit(name: str, number: int) -> None:
    with pytest.raises(ValueError):
        NUMBERS[name](number)


@pytest.mark.parametrize("number", [86_401, 10**9])
def test_a_tolerance_of_more_than_a_day(number: int) -> None:
    for build in (puck.Verifier, puck.Receiver):
        with pytest.raises(ValueError):
            build(SECRET, tolerance=number)


def test_the_limits_of_max_body() -> None:
    for build in (puck.Verifier, puck.Receiver):
        build(SECRET, max_body=1)
        build(SECRET, max_body=2**30)
        with pytest.raises(ValueError):
            build(SECRET, max_body=2**30 + 1)


def test_subclasses_of_int_are_ints() -> None:
    verifier = puck.Verifier(SECRET, tolerance=Number(1))
    assert verifier.verify_signature(BODY, SIGNATURE, received_at=Number(NOW)).skew_seconds == 0


def test_settings_are_named() -> None:
    for call in (
        lambda: puck.Verifier(SECRET, 300),
        lambda: puck.Receiver(SECRET, 300),
        lambda: puck.LruDedupe(4, 600),
        lambda: puck.Verifier(SECRET).verify(signed(BODY), BODY, NOW),
        lambda: puck.Verifier(SECRET).verify_signature(BODY, SIGNATURE, NOW),
        lambda: puck.Verifier(SECRET).dangerously_verify_without_window(BODY, SIGNATURE, NOW),
        lambda: small_receiver().receive(signed(BODY), BODY, NOW),
        lambda: puck.Verifier(),
        lambda: puck.Verifier(SECRET, tolerence=300),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        shows_nothing(caught.value)


# --- secrets ------------------------------------------------------------------------------------------------------

BUILDERS: dict[str, Callable[[Any], Any]] = {
    "sign": lambda secrets: puck.sign(secrets, BODY, NOW),
    "Verifier": puck.Verifier,
    "Receiver": puck.Receiver,
}
MARK = "whsec_marked-secret-0123456789"
NO_SECRETS: dict[str, Any] = {
    "None": None,
    "int": 5,
    "bool": True,
    "dict": {MARK: MARK},
    "set": {MARK},
    "generator": lambda: (s for s in [MARK]),
    "iterator": lambda: iter([MARK]),
    "object": object(),
    "bytearray": bytearray(MARK.encode()),
    "memoryview": memoryview(MARK.encode()),
    "list with None": [MARK, None],
    "list with int": [MARK, 5],
    "nested list": [[MARK]],
    "nested tuple": [MARK, (MARK,)],
    "list of bytearray": [bytearray(MARK.encode())],
}
BAD_SECRETS: dict[str, Any] = {
    "empty": "",
    "empty bytes": b"",
    "no secrets": [],
    "no secrets in a tuple": (),
    "one empty among good ones": [MARK, ""],
    "15 bytes": MARK[:15],
    "4097 bytes": MARK.ljust(4097, "x"),
    "a pasted newline": MARK + "\n",
    "spaces around": f" {MARK} ",
    "a space inside": f"{MARK} {MARK}",
    "a NUL": MARK + "\0",
    "DEL": MARK + "\x7f",
    "only spaces": " " * 20,
    "17 of them": [f"{MARK}{n}" for n in range(17)],
    "half a surrogate pair": MARK + "\ud800",
    "the other half": [MARK, "\udcff" + MARK],
    "quotes around": f'"{MARK}"',
    "other quotes around": f"'{MARK}'",
    "a non-breaking space after": MARK + "\u00a0",
    "a zero-width space before": "\u200b" + MARK,
    "its variable's name before": "PUCK_WEBHOOK_SECRETS=" + MARK,
    "two of them with a comma": f"{MARK},{MARK}",
    "two of them with nothing": MARK + MARK,
    "a placeholder": "${PUCK_WEBHOOK_SECRETS}",
    "no prefix": MARK.removeprefix("whsec_"),
    "an API key": "sk_live_0123456789abcdef",
    "a backslash": MARK + "\\n",
    "not ASCII": MARK + "é",
    "no text in any encoding": MARK.encode() + b"\xff",
}


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("kind", NO_SECRETS)
def test_what_is_no_secret(build: str, kind: str) -> None:
    secrets = NO_SECRETS[kind]
    with pytest.raises(TypeError) as caught:
        BUILDERS[build](secrets() if kind in ("generator", "iterator") else secrets)
    shows_nothing(caught.value)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("kind", BAD_SECRETS)
def test_secrets_that_are_refused(build: str, kind: str) -> None:
    with pytest.raises(ValueError) as caught:
        BUILDERS[build](BAD_SECRETS[kind])
    assert type(caught.value) is ValueError, "a UnicodeEncodeError holds the whole text"
    assert str(caught.value)
    shows_nothing(caught.value)


def test_secrets_that_are_accepted() -> None:
    for secrets in (MARK[:16], MARK.ljust(4096, "x"), MARK.encode(), [MARK] * 16, (MARK, MARK.encode())):
        puck.Verifier(secrets)


# --- headers ------------------------------------------------------------------------------------------------------

NO_HEADERS: dict[str, Any] = {
    "None": None,
    "str": f"X-Puck-Signature: {SIGNATURE}",
    "bytes": SIGNATURE.encode(),
    "int": 5,
    "bool": True,
    "triples": [("X-Puck-Signature", SIGNATURE, 1)],
    "singles": [("X-Puck-Signature",)],
    "list of str": ["X-Puck-Signature"],
    "strings of two": ["ab"],
    "bytes of two": [b"ab"],
    "bytearray": bytearray(b"ab"),
    "list of None": [None],
    "list of sets": [{"a", "b"}],
    "list of dicts": [{0: "a", 1: "b"}],
    "list of ints": [1, 2],
    "object": object(),
    "nested mapping": {"headers": {"X-Puck-Signature": SIGNATURE}},
}


@pytest.mark.parametrize("kind", NO_HEADERS)
def test_what_are_no_headers(kind: str) -> None:
    store = PythonStore()
    with pytest.raises(TypeError) as caught:
        small_receiver(dedupe=store).receive(NO_HEADERS[kind], BODY, received_at=NOW)
    shows_nothing(caught.value)
    assert store.calls == []
    with pytest.raises(TypeError):
        puck.Verifier(SECRET).verify(NO_HEADERS[kind], BODY, received_at=NOW)


@pytest.mark.parametrize(
    "thing",
    [None, 5, 5.0, True, [SIGNATURE], (SIGNATURE,), {SIGNATURE: 1}, bytearray(b"x"), object()],
    ids=lambda thing: type(thing).__name__,
)
def test_what_is_no_name_and_no_value(thing: Any) -> None:
    for pair in (("X-Puck-Signature", thing), (thing, SIGNATURE), ("X-Other", thing)):
        with pytest.raises(TypeError) as caught:
            small_receiver().receive([*signed(BODY).items(), pair], BODY, received_at=NOW)
        shows_nothing(caught.value)


@pytest.mark.parametrize(
    "thing",
    [5, 5.0, True, [SIGNATURE], bytearray(SIGNATURE.encode()), memoryview(b"x")],
    ids=lambda thing: type(thing).__name__,
)
def test_what_is_no_signature(thing: Any) -> None:
    with pytest.raises(TypeError) as caught:
        puck.Verifier(SECRET).verify_signature(BODY, thing, received_at=NOW)
    shows_nothing(caught.value)


@pytest.mark.parametrize("odd", ["é", "\ud800", "😀", "\0", "\r\n", b"\xff", b"\xed\xa0\x80"])
def test_odd_text_in_headers(odd: Any) -> None:
    """A verdict in every place, and never a UnicodeEncodeError."""
    text = SIGNATURE if isinstance(odd, str) else SIGNATURE.encode()
    for value in (odd, text + odd, odd + text, text[:20] + odd + text[20:]):
        with refused("malformed_signature"):
            small_receiver().receive([("X-Puck-Signature", value)], BODY, received_at=NOW)
        with refused("malformed_signature"):
            puck.Verifier(SECRET).verify_signature(BODY, value, received_at=NOW)
    for name in ("X-Puck-Event-Id", "X-Puck-Event-Type"):
        with refused("header_mismatch"):
            small_receiver().receive(signed(BODY) | {name: odd}, BODY, received_at=NOW)
    for other in ({"X-Puck-Delivery-Id": odd}, {"X-Other": odd}, {odd: "x"}):
        small_receiver().receive(signed(BODY) | other, BODY, received_at=NOW)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"X-Other: caf\xe9", "ok"),
        (b"X-Puck-Event-Type: caf\xe9", "header_mismatch"),
        (b"x-puck-signature: again", "malformed_signature"),
    ],
)
def test_the_headers_of_http_client(line: bytes, reason: str) -> None:
    raw = f"X-Puck-Signature: {SIGNATURE}\r\n".encode() + line + b"\r\n\r\n"
    headers = http.client.parse_headers(io.BytesIO(raw))
    if reason == "ok":
        small_receiver().receive(headers, BODY, received_at=NOW)
        return
    with refused(reason):
        small_receiver().receive(headers, BODY, received_at=NOW)


def test_what_the_headers_raise_is_raised_on() -> None:
    def broken() -> Any:
        yield ("X-Puck-Signature", SIGNATURE)
        raise ZeroDivisionError

    class Broken:
        items = broken

    with pytest.raises(ZeroDivisionError):
        small_receiver().receive(broken(), BODY, received_at=NOW)
    with pytest.raises(TypeError):
        small_receiver().receive(Broken(), BODY, received_at=NOW)  # its items takes no self
    with pytest.raises(ZeroDivisionError):
        small_receiver().receive(SimpleNamespace(items=broken), BODY, received_at=NOW)


def test_headers_that_vanish_while_they_are_read() -> None:
    """Each pair is made for the occasion, and nobody else holds on to it."""
    names = [f"X-Puck-{part}" for part in ("Signature", "Event-Id")]
    values = [SIGNATURE, EVENT_ID]
    made = (
        (bytearray(n.encode()).decode(), bytearray(v.encode()).decode()) for n, v in zip(names, values, strict=True)
    )
    assert small_receiver().receive(made, BODY, received_at=NOW).event.event_id == EVENT_ID


# --- what may be shown --------------------------------------------------------------------------------------------


def texts_of(thing: Any) -> list[str]:
    """All that Python says of an object without being asked for its fields."""
    texts = [repr(thing), str(thing), f"{thing}", ascii(thing), repr(dir(thing)), repr(type(thing).__doc__)]
    try:
        texts.append(repr(vars(thing)))
    except TypeError:
        pass
    return texts


def texts_of_traceback(error: BaseException) -> list[str]:
    """With the variables of the package's own frames; those of the caller are the caller's."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    texts, chain = ["".join(shown.format_exception_only())], shown
    while chain is not None:
        texts += [repr(frame.locals) for frame in chain.stack if frame.filename.startswith(PACKAGE)]
        chain = chain.__cause__ or chain.__context__  # type: ignore[assignment]
    return texts


def shows_nothing(*things: Any) -> None:
    hidden = [
        SECRET,
        OLD_SECRET,
        MARK,
        mac(SECRET, NOW, BODY),
        mac(OLD_SECRET, NOW, BODY),
        "inv_018f2e3a",
        SECRET[6:22],
    ]
    for thing in things:
        texts = texts_of(thing)
        if isinstance(thing, BaseException):
            texts += texts_of_traceback(thing) + [repr(pickle.dumps(thing)), repr(thing.__dict__)]
        for text in texts:
            assert not [each for each in hidden if each in text]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_holds_a_secret_is_not_copied(protocol: int) -> None:
    store = puck.LruDedupe(4)
    receiver = small_receiver(dedupe=store)
    delivery = receiver.receive(signed(BODY), BODY, received_at=NOW)
    verified = puck.Verifier(SECRET).verify(signed(BODY), BODY, received_at=NOW)
    proof = puck.Verifier(SECRET).verify_signature(BODY, SIGNATURE, received_at=NOW)
    claim = puck.LruDedupe(4).claim(EVENT_ID)
    for thing in (puck.Verifier(SECRET), receiver, delivery, delivery.event, store, claim, verified, proof):
        for attempt in (
            lambda t=thing: pickle.dumps(t, protocol),
            lambda t=thing: copy.copy(t),
            lambda t=thing: copy.deepcopy(t),
        ):
            with pytest.raises(TypeError, match="pickle"):
                attempt()


def test_nothing_shows_a_secret() -> None:
    verifier, receiver = puck.Verifier([SECRET, OLD_SECRET]), small_receiver()
    delivery = receiver.receive(signed(BODY), BODY, received_at=NOW)
    shows_nothing(
        verifier,
        verifier.verify,
        receiver,
        receiver.receive,
        delivery,
        delivery.event,
        delivery.__aenter__(),
        verifier.verify(signed(BODY), BODY, received_at=NOW),
        verifier.verify_signature(BODY, SIGNATURE, received_at=NOW),
        puck.LruDedupe(4),
        puck.LruDedupe(4).claim(EVENT_ID),
        puck.sign,
        puck,
    )


REFUSED: dict[str, tuple[dict[str, str], bytes]] = {
    "missing_signature": ({}, BODY),
    "malformed_signature": ({"X-Puck-Signature": SIGNATURE + ","}, BODY),
    "unsupported_scheme": ({"X-Puck-Signature": SIGNATURE.replace("v1", "v2")}, BODY),
    "signature_mismatch": (signed(BODY, secret=OLD_SECRET), BODY),
    "timestamp_too_old": (signed(BODY, t=NOW - 301), BODY),
    "payload_too_large": ({}, BODY * 6000),
    "invalid_json": (signed(BODY + b"x"), BODY + b"x"),
    "invalid_event_type": (signed(b := envelope(event_type="inv_018f2e3a!")), b),
    "header_mismatch": (signed(BODY, X_Puck_Event_Type="inv_018f2e3a"), BODY),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_no_refusal_shows_a_secret_a_mac_or_the_body(reason: str) -> None:
    with refused(reason) as caught:
        small_receiver().receive(*REFUSED[reason], received_at=NOW)
    shows_nothing(caught.value)


@pytest.mark.parametrize("method", ["claim", "commit"])
def test_no_failing_store_shows_one(method: str) -> None:
    store = PythonStore()

    def fail(argument: object) -> object:
        raise OSError("the store's own words")

    setattr(store, method, fail)
    receiver = small_receiver(dedupe=store)
    with refused("store_unavailable") as caught, receiver.receive(signed(BODY), BODY, received_at=NOW):
        pass
    shows_nothing(caught.value)
    text = "".join(traceback.format_exception(caught.value))
    assert "the store's own words" in text, "the cause is what an operator needs"
