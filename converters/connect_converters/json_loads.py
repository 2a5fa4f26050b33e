"""Reading JSON as Kafka's parser does: a little more than the standard allows, and no digit lost."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any


def strict_loads(data: bytes) -> Any:
    """Parse JSON; numbers with a fraction as Decimal, so that no digit is lost. Accepts what Jackson accepts.

    Raises:
        ValueError: This is not JSON.
    """
    text = data.decode("utf-8-sig").lstrip()
    try:
        return _first_value(text)
    except json.JSONDecodeError:
        # Kafka's parser takes numbers with zeros in front; whatever else is wrong is found again.
        return _first_value(_STRING_OR_ZEROS.sub(_without_zeros, text))


_STRING_OR_ZEROS = re.compile(r'"(?:[^"\\\\]|\\\\.)*"|(?<![\w.+])(-?)0+(?=\d)', re.ASCII)


def _without_zeros(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else match[1]


def _first_value(text: str) -> Any:
    """Return the first value; as in Jackson, what follows it is not looked at unless it touches a number."""
    node, end = _DECODER.raw_decode(text)
    if isinstance(node, int | Decimal) and not isinstance(node, bool) and text[end : end + 1].strip():
        raise json.JSONDecodeError("Expected space behind a number", text, end)
    return node


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
