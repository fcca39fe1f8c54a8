"""parse_envelope and Event."""

from __future__ import annotations

import decimal
import json
import weakref
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import puck_webhooks as puck
import pytest
from deliveries import EVENT_ID, NOW, SECRET, collect, envelope, receive, refused, signed, small_receiver, with_data
from puck_webhooks import _events


def test_the_fields_of_an_event() -> None:
    event = puck.parse_envelope(envelope(event_id=EVENT_ID.upper(), data={"severity": "critical", "ü": [1, None]}))
    assert event.event_id == EVENT_ID
    assert event.event_type == "investigation.completed"
    assert event.emitted_at == datetime(2026, 5, 3, 14, 22, 1, tzinfo=UTC)
    assert event.emitted_at_text == "2026-05-03T14:22:01Z"
    assert event.api_version == "v1"
    assert event.severity == "critical"
    assert event.data == {"severity": "critical", "ü": [1, None]}
    assert event.data_json == '{"severity":"critical","ü":[1,null]}'.encode()


@pytest.mark.parametrize(
    "name", ["event_id", "event_type", "emitted_at", "api_version", "severity", "data", "data_json"]
)
def test_an_event_cannot_be_changed(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(puck.parse_envelope(envelope()), name, None)


@pytest.mark.parametrize("severity", [None, "none", "HIGH", 1, ["high"]])
def test_a_severity_that_is_none(severity: object) -> None:
    assert puck.parse_envelope(envelope(data={"severity": severity})).severity is None
    assert puck.parse_envelope(envelope(data={})).severity is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1)),
        ("2026-05-03T14:22:01.123456789Z", datetime(2026, 5, 3, 14, 22, 1, 123456)),
        ("2026-05-03T14:22:01.9999999Z", datetime(2026, 5, 3, 14, 22, 1, 999999)),
        ("1969-12-31T23:59:59.9999999Z", datetime(1969, 12, 31, 23, 59, 59, 999999)),
        ("1900-02-28T00:00:00.000001Z", datetime(1900, 2, 28, 0, 0, 0, 1)),
        ("2026-05-03t16:22:01+02:00", datetime(2026, 5, 3, 14, 22, 1)),
        ("2026-05-03T00:00:00-23:59", datetime(2026, 5, 3, 23, 59)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ],
)
def test_emitted_at(text: str, expected: datetime) -> None:
    event = puck.parse_envelope(envelope(emitted_at=text))
    assert event.emitted_at == expected.replace(tzinfo=UTC)
    assert event.emitted_at.utcoffset() == timedelta(0)
    assert event.emitted_at_text == text


@pytest.mark.parametrize("text", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z"])
def test_a_moment_that_datetime_has_not_is_there_as_text(text: str) -> None:
    event = puck.parse_envelope(envelope(emitted_at=text))
    assert event.emitted_at_text == text
    with pytest.raises(OverflowError):
        _ = event.emitted_at


def test_data_is_parsed_when_it_is_asked_for_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    loads = _events.loads
    monkeypatch.setattr(_events, "loads", lambda text: parsed.append(text) or loads(text))
    event = puck.parse_envelope(envelope(data={"a": 1}))
    assert (event.severity, event.data_json) == (None, b'{"a":1}')
    assert not parsed
    assert event.data is event.data
    assert parsed == ['{"a":1}']


def test_data_that_the_handler_changes_leaves_the_bytes_alone() -> None:
    event = puck.parse_envelope(envelope(data={"a": 1}))
    event.data["a"] = 2
    assert event.data == {"a": 2}
    assert event.data_json == b'{"a":1}'


def test_data_keeps_its_whitespace_but_not_that_around_it() -> None:
    assert puck.parse_envelope(with_data(' \n{ "a" :\t1 } \r')).data_json == b'{ "a" :\t1 }'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("18446744073709551616", 2**64),
        ("-0", 0),
        ("1e400", Decimal("1e400")),
        ("-1e400", Decimal("-1e400")),
        ("1" + "0" * 400 + ".5", Decimal("1" + "0" * 400 + ".5")),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("1e-400", 0.0),
        (r'"\ud800"', "\ud800"),
        (r'"\ud83d\ude00"', "😀"),
    ],
)
def test_values_that_fit_no_type(text: str, expected: object) -> None:
    event = puck.parse_envelope(with_data(f'{{"v":{text}}}'))
    assert event.data == {"v": expected}
    assert event.data_json == f'{{"v":{text}}}'.encode()


def test_numbers_that_fit_are_plain_ones() -> None:
    data = puck.parse_envelope(with_data('{"i":7,"f":1.5,"e":1e3}')).data
    assert [type(data[key]) for key in "ife"] == [int, float, float]


def test_a_number_that_no_float_holds_can_be_printed_again() -> None:
    data = puck.parse_envelope(with_data('{"v":[1e400,' + "7" * 4301 + "]}")).data
    assert json.dumps(data, default=str, allow_nan=False) == '{"v": ["1E+400", "' + "7" * 4301 + '"]}'


def test_a_number_that_not_even_decimal_holds() -> None:
    """It is delivered, and as much of it as Python's json makes of it."""
    event = puck.parse_envelope(with_data('{"v":1e10000000000000000000}'))
    assert event.data == {"v": float("inf")}
    assert event.data_json == b'{"v":1e10000000000000000000}'


@pytest.mark.parametrize("text", ["1e10000000000000000000", "-1e10000000000000000000"])
def test_a_decimal_context_of_the_application_changes_no_data(text: str) -> None:
    with decimal.localcontext() as context:
        context.clear_traps()
        context.prec = 1
        data = puck.parse_envelope(with_data(f'{{"v":{text},"f":1.25e400}}')).data
    assert data == {"v": float(text), "f": Decimal("1.25e400")}


@pytest.mark.parametrize("digits", [4300, 4301, 100_000])
def test_an_integer_with_more_digits_than_int_takes(digits: int) -> None:
    event = puck.parse_envelope(with_data(f'{{"v":{"7" * digits},"f":1.5,"h":1e400}}'))
    assert event.data["v"] == Decimal("7" * digits)
    assert isinstance(event.data["f"], float)
    assert event.data["h"] == Decimal("1e400")
    assert event.data is event.data


def test_data_that_is_deeper_than_python_recurses() -> None:
    """It is valid, and delivered; whether json.loads gets through it depends on Python and on the stack."""
    text = '{"a":' * 1022 + "1" + "}" * 1022
    event = puck.parse_envelope(with_data(text))
    assert event.data_json == text.encode()
    try:
        data = event.data
    except RecursionError:
        return
    for _ in range(1022):
        data = data["a"]
    assert data == 1


def test_repeated_keys_in_data() -> None:
    event = puck.parse_envelope(with_data('{"severity":"low","severity":"high"}'))
    assert event.data == {"severity": "high"}
    assert event.severity == "high"


def test_parse_envelope_refuses_as_the_receiver_does() -> None:
    for reason, body in {
        "invalid_json": b"",
        "missing_field": b"{}",
        "wrong_type": envelope(data=[]),
        "duplicate_key": envelope()[:-1] + rb',"event\u005fid":"x"}',
        "invalid_event_id": envelope(event_id="nil"),
        "invalid_event_type": envelope(event_type=""),
        "invalid_emitted_at": envelope(emitted_at="2023-02-29T00:00:00Z"),
        "unsupported_api_version": envelope(api_version="v2"),
    }.items():
        with refused(reason):
            puck.parse_envelope(body)
        with refused(reason):
            small_receiver().receive(signed(body), body, received_at=NOW)


def test_an_event_outlives_its_delivery() -> None:
    with receive(receiver := small_receiver()) as delivery:
        event = delivery.event
        assert delivery.event is event
    del delivery, receiver
    collect()
    assert event.event_type == "investigation.completed"
    assert event.data["severity"] == "high"


def test_an_event_that_is_kept_does_not_hold_its_claim() -> None:
    receiver = small_receiver()
    event = receive(receiver).event
    assert receive(receiver).event.event_id == event.event_id


@pytest.mark.parametrize("kind", ["Event", "Verified", "Delivery"])
def test_an_event_in_a_reference_cycle_is_collected(kind: str) -> None:
    class Marker:
        pass

    holder = {
        "Event": lambda: puck.parse_envelope(envelope()),
        "Verified": lambda: puck.Verifier(SECRET).verify(signed(envelope()), envelope(), received_at=NOW),
        "Delivery": lambda: receive(small_receiver()),
    }[kind]()
    data = getattr(holder, "event", holder).data
    data.update(holder=holder, marker=Marker())
    gone = weakref.ref(data["marker"])
    del data, holder
    collect()
    assert gone() is None


@pytest.mark.parametrize("kind", [puck.Event, puck.Delivery, puck.Verified, puck.Proof, puck.Claim, puck.DedupeStats])
def test_nobody_but_the_package_makes_them(kind: type) -> None:
    with pytest.raises(TypeError):
        kind()
    empty = kind.__new__(kind)  # says nothing, least of all yes
    names = [name for name in vars(kind) if not name.startswith("_") and not callable(vars(kind)[name])]
    assert names
    for name in names:
        with pytest.warns(RuntimeWarning, match="uninitialized"), pytest.raises(TypeError):
            getattr(empty, name)
    cycle = [empty]
    cycle.append(cycle)
    del empty, cycle
    collect()
