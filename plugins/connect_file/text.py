r"""Values to the bytes of lines. Functions only.

A line is the value as text: a string as it is, bytes as they are, anything else as compact JSON with `null`, numbers,
`true` and nested values as JSON has them; inside JSON, bytes are base64, decimals strings, dates and times ISO 8601.
Kafka writes Java's toString here (`{a=1}`, `Struct{a=1}`, `[B@1b2c3d`), which nothing can read back.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
from typing import Any, Final

import orjson

from connect.api import DataError

#: Types whose JSON is their line.
_JSON_TYPES: Final = {dict, list, int, float, bool, type(None)}


def to_lines(values: list[Any]) -> bytes:
    """Return one line a value, each ended with a newline. `values` is not empty.

    Raises:
        DataError: A value has no text form.
    """
    kinds = set(map(type, values))
    try:
        if kinds == {str}:
            return ("\n".join(values) + "\n").encode()
        if kinds == {bytes}:
            return b"\n".join(values) + b"\n"
        if kinds <= _JSON_TYPES:
            return _json_lines(values)
    except (TypeError, UnicodeEncodeError):
        pass  # half a surrogate pair, or something inside that needs help: one by one below
    return b"\n".join(map(_line, values)) + b"\n"


def _json_lines(values: list[Any]) -> bytes:
    # Each copied at once: a result of orjson keeps up to 4 KiB, and where thousands are kept, to get memory from the
    # system takes several times as long as the work.
    written = map(orjson.dumps, values)
    return b"\n".join(map(bytes, map(memoryview, written))) + b"\n"  # type: ignore[arg-type]  # mypy infers no bytes


def json_lines(values: list[Any]) -> bytes:
    """Return one line of JSON a value, each ended with a newline; texts are JSON too. `values` is not empty.

    Raises:
        DataError: A value has no JSON.
    """
    try:
        return _json_lines(values)
    except TypeError:  # something inside needs help
        return b"\n".join(map(json_text, values)) + b"\n"


def plain_text(value: Any) -> str:
    """Return the text of a value that is no text: of bytes base64, of the others what their line would be.

    Raises:
        DataError: It has none.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return str(_plain(value))
    return _line(value).decode()


def _line(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode(errors="replace")  # half a surrogate pair becomes '?', as in Java
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f").encode()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat().encode()
    return json_text(value)


def json_text(value: Any) -> bytes:
    """Return a value's compact JSON.

    Raises:
        DataError: It has none.
    """
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        problem = error
    try:
        # orjson stops at 64 bits and at half surrogate pairs, which JSON itself can hold.
        return json.dumps(value, default=_plain, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        raise DataError(f"a value of type {type(value).__name__} cannot be written as a line: {problem}") from problem


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    raise TypeError(f"type {type(value).__name__} is not JSON")
