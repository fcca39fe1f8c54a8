"""What an Event says, in Python's own types."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(seconds: int, nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)


def loads(text: bytes) -> Any:
    """Python's json, but for integers with more digits than int takes from text: they become Decimal."""
    try:
        return json.loads(text)
    except ValueError:  # valid JSON is refused for nothing else
        return json.loads(text, parse_int=_integer)


def _integer(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)
