"""A second opinion on JSON: Python's own decoder, made strict."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

MAX_DEPTH = 1024


def is_json_object(body: bytes) -> bool:
    """Whether the bytes are one RFC 8259 object in UTF-8, not too deep, whose own keys hold whole characters."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 4 * MAX_DEPTH))
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and _depth(document) <= MAX_DEPTH and all(map(_is_whole, document))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _depth(document: Any) -> int:
    level, depth = [document], 0
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [child for value in level for child in (value.values() if isinstance(value, dict) else value)]
    return depth


def _is_whole(key: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in key)
