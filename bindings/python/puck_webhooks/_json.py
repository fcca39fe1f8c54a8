"""How Event.data is parsed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


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
