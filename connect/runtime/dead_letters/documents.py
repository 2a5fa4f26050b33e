"""A letter's record as a JSON document and back: what people are shown, what conditions look into, what patches change.

    {"key": ..., "value": ..., "headers": [{"name": ..., "value": ...}], "timestamp": ms}

Bytes that are a JSON object, array or text in quotes are that; other UTF-8 is text; any other bytes are
{"base64": "..."}; null is null. Nothing is lost on the way: numbers keep their digits, and what a patch leaves alone
goes back as the bytes that it was.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

import orjson

from connect.api import DataError
from connect.records import RawHeaders

#: The member that stands for bytes which are no UTF-8.
BASE64: Final = "base64"
#: Deeper JSON is text to us; the interpreter has a limit of its own.
DEPTH_MAX: Final = 100
#: Larger values are not taken apart.
JSON_BYTES_MAX: Final = 16 << 20

Form = Literal["null", "json", "text", "base64"]


@dataclass(frozen=True, slots=True)
class Content:
    """A record's content, as bytes; what replays send."""

    key: bytes | None
    value: bytes | None
    headers: RawHeaders
    timestamp: int


def parsed(data: bytes | None) -> tuple[Form, Any]:
    """Return bytes as they stand in the document, and in which form."""
    if data is None:
        return "null", None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "base64", {BASE64: b64encode(data).decode()}
    if text.lstrip(" \t\r\n")[:1] in ("{", "[", '"') and len(data) <= JSON_BYTES_MAX:
        try:
            return "json", loads(text)
        except (ValueError, RecursionError):
            pass
    return "text", text


def loads(text: str) -> Any:
    """Parse JSON with every digit of its numbers.

    Raises:
        ValueError: It is none; or nothing could be made of it that goes back to the same: a name that stands there
            twice, NaN, half a surrogate pair, more than `DEPTH_MAX` levels.
    """
    found = json.loads(text, parse_float=Decimal, parse_constant=_refused, object_pairs_hook=_object)
    if depth_of(found) > DEPTH_MAX:
        raise ValueError(f"it is nested deeper than {DEPTH_MAX}")
    return found


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands there twice")
    return made


def depth_of(value: Any) -> int:
    """Return how deep JSON is nested, at most one more than `DEPTH_MAX`."""
    deepest, todo = 0, [(value, 1)]
    while todo:
        one, depth = todo.pop()
        deepest = max(deepest, depth)
        if depth <= DEPTH_MAX:
            items = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
            todo += [(item, depth + 1) for item in items]
    return deepest


def dumps(value: Any) -> str:
    """Return JSON, compact, with numbers as they were."""
    try:
        return orjson.dumps(value, default=_number).decode()
    except TypeError:  # integers beyond 64 bits, half a surrogate pair
        return _dumps(value)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no JSON")


def _dumps(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{_dumps(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_dumps, value)) + "]"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def encoded(before: bytes | None, form: Form, value: Any) -> bytes | None:
    """Return a member of the document as bytes.

    Args:
        before, form: What it was.

    Raises:
        DataError: It cannot be bytes.
    """
    if value is None:  # the text null is text, and stands in quotes
        return None
    if dumps(parsed(before)[1]) == dumps(value):
        return before
    if form != "json" and isinstance(value, Mapping) and set(value) == {BASE64}:
        return from_base64(value[BASE64])
    if form != "json" and isinstance(value, str):
        return _utf8(value)
    return _utf8(dumps(value))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"a text with half a surrogate pair is no UTF-8: {error.reason}") from None


def from_base64(text: Any) -> bytes:
    """Return the bytes of {"base64": text}."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise DataError(f"{BASE64!r} holds no base64: {error}") from None


def document_of(content: Content) -> dict[str, Any]:
    """Return a record as a document."""
    return {
        "key": parsed(content.key)[1],
        "value": parsed(content.value)[1],
        "headers": [{"name": name, "value": parsed(data)[1]} for name, data in content.headers],
        "timestamp": content.timestamp,
    }


def content_of(document: Mapping[str, Any], before: Content) -> Content:
    """Return a document as a record again.

    Args:
        before: The record that it was made of.

    Raises:
        DataError: The document is no record any more; says where.
    """
    timestamp = document.get("timestamp")
    if type(timestamp) is not int or not 0 <= timestamp < 1 << 63:
        raise DataError(f"/timestamp is {dumps(timestamp)}; ms since the epoch, a whole number, are expected")
    key = encoded(before.key, parsed(before.key)[0], document.get("key"))
    value = encoded(before.value, parsed(before.value)[0], document.get("value"))
    return Content(key, value, _headers(document.get("headers"), before.headers), timestamp)


def _headers(told: Any, before: RawHeaders) -> RawHeaders:
    if told is None:
        return []
    if not isinstance(told, list):
        raise DataError('/headers is no array of {"name", "value"}')
    known = {(name, dumps(parsed(data)[1])): data for name, data in before}
    headers: RawHeaders = []
    for index, one in enumerate(told):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not set(one) <= {"name", "value"}:
            raise DataError(f'/headers/{index} is {dumps(one)[:100]}; {{"name": text, "value": ...}} is expected')
        name, value = one["name"], one.get("value")
        same = (name, dumps(value))
        headers.append((name, known[same] if same in known else encoded(None, "null", value)))
    return headers


def pointed(document: Any, path: str) -> Any:
    """Return what lies at a path of names and numbers with dots between, None where nothing does."""
    found = document
    for part in path.split("."):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdecimal() and len(part) < 10 and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
