"""The fields of an Event in Python's own types."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from math import isfinite
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STRICT = Context(traps=[InvalidOperation])  # an application's own may make NaN of what Decimal cannot hold


def moment(seconds: int, nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)


def _float(text: str) -> float | Decimal:
    number = float(text)
    if isfinite(number):
        return number
    try:
        return Decimal(text, _STRICT)
    except InvalidOperation:  # an exponent of 19 digits
        return number


def _integer(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)


_decode = json.JSONDecoder(parse_float=_float).decode
_decode_long_integers = json.JSONDecoder(parse_float=_float, parse_int=_integer).decode


def loads(text: str) -> Any:
    """Python's json, except that a number which does not fit becomes a Decimal: a float beyond the largest one, and an
    integer with more digits than int accepts as text. An exponent that Decimal cannot hold either, of 19 digits or
    more, gives infinity."""
    try:
        return _decode(text)
    except ValueError:  # the only reason why valid JSON is refused
        return _decode_long_integers(text)
