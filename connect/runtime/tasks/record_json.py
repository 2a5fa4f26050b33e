"""A record's key or value as JSON, for people and for a replay: of whatever a source may have made, nothing is lost
that can be helped.

Bytes are `{"base64": ...}`, as the command line shows them; decimals and floats that JSON has not are text, dates and
times ISO 8601, maps with other keys than text lists of pairs, and what is nothing of this its Python text.
`as_json` is for who reads it back and gets the same; `as_shown` for an answer, which any reader of JSON can read.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

#: What is nested deeper is shown as text: the readers of JSON do not agree on how deep they go, and some stop at 254.
_DEPTH_MAX: Final = 100
#: What is shown of a value that JSON has no way for.
_TEXT_MAX: Final = 1000


def as_json(value: Any) -> bytes:
    """Return a value as JSON, UTF-8."""
    try:
        plain = _plain(value)
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (RecursionError, ValueError):  # nested deeper than Python goes, or a number of too many digits
        text = json.dumps(_text(value))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: JSON has an escape for it
        return json.dumps(plain, separators=(",", ":")).encode()


def as_shown(value: Any) -> Any:
    """Return a value for an answer, made of what JSON has: as `as_json` writes it, but integers beyond 64 bits, which
    many readers of JSON do not keep, are text, and so is what is nested very deep."""
    return _plain(value, _DEPTH_MAX)


def _plain(value: Any, depth: int | None = None) -> Any:
    """Make a value of what JSON has.

    Args:
        depth: How deep it may be nested from here on, where it is for an answer.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if depth is None or -(1 << 63) <= value < 1 << 64 else _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": b64encode(bytes(value)).decode()}
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if not isinstance(value, Mapping | Sequence | set | frozenset) or depth == 0:
        return _text(value) if depth is None else _text(value)[:_TEXT_MAX]
    within = None if depth is None else depth - 1
    if not isinstance(value, Mapping):
        return [_plain(item, within) for item in value]
    if all(isinstance(key, str) for key in value):
        return {key: _plain(item, within) for key, item in value.items()}
    return [[_plain(key, within), _plain(item, within)] for key, item in value.items()]


def _text(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # a class of a plugin's own
        return f"{type(value).__name__}, whose repr raised {type(error).__name__}"
