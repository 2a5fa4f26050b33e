"""A record's key or value as JSON, for people and for a replay: of whatever a source may have made, nothing is lost
that can be helped.

Bytes are `{"base64": ...}`, as the command line shows them; decimals and floats that JSON has not are text, dates and
times ISO 8601, maps with other keys than text lists of pairs, and what is nothing of this its Python text.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any


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


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": b64encode(bytes(value)).decode()}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: _plain(item) for key, item in value.items()}
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return _text(value)


def _text(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # a class of a plugin's own
        return f"{type(value).__name__}, whose repr raised {type(error).__name__}"
