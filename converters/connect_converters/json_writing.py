"""Writing JSON: orjson's text made that of Kafka's writer.

The two differ in three places: characters beyond the basic plane are escaped as surrogate pairs, hexadecimal digits are
capitals, and NaN and the infinities are text, where orjson writes null. Bytes matter where they are keys: partition and
compaction go by them.

Source: Jackson 2, as Kafka 4.3.1 configures it in JsonSerializer.java.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final

import orjson

_BLOCK: Final = 128


def orjson_texts(values: Iterable[Any], options: int | None = None) -> list[bytes]:
    """Return orjson's text of each value, in memory of its own size.

    A result of orjson keeps what its buffer had, up to 4 KiB. Where thousands are kept, memory is many times what they
    hold, and to get it from the system takes longer than the work: a list takes a fifth of the time by copies.
    """
    written = map(orjson.dumps, values, repeat(None), repeat(options))
    return list(map(bytes, map(memoryview, written)))  # type: ignore[arg-type]  # of bytes, which mypy does not infer


def as_kafka_writes(texts: list[bytes]) -> list[bytes]:
    """Return orjson's texts with the escapes that Kafka's writer has."""
    return _each_escaped(texts) if any(map(_differs, _blocks(texts))) else texts


def schemaless_as_kafka_writes(values: Sequence[Any], texts: list[bytes]) -> list[bytes] | None:
    """Do the same for schemaless values.

    None when one is null, or holds a NaN or an infinity, which orjson writes so.
    """
    differs = False
    for start, block in zip(range(0, len(texts), _BLOCK), _blocks(texts), strict=True):
        before_nulls = _NULL.split(block)[:-1]
        if before_nulls:
            part = values[start : start + _BLOCK]
            if not _only_nones(part, before_nulls) and (None in part or any(map(holds_odd_number, part))):
                return None
        differs = differs or _differs(block)
    return _each_escaped(texts) if differs else texts


def _blocks(texts: Sequence[bytes]) -> list[bytes]:
    # For a search: it pays per call, and fresh megabytes cost more than the search.
    return [b"".join(texts[start : start + _BLOCK]) for start in range(0, len(texts), _BLOCK)]


_NULL: Final = re.compile(rb"null")  # faster than what bytes have for it


def _only_nones(values: Sequence[Any], before_nulls: list[bytes]) -> bool:
    """Return whether each null in the text of some dicts is a None in a field of theirs; False when in doubt.

    The text before a null ends with a field's name. For each name the nulls are counted and the Nones are: a NaN, a
    null further in, or a text that looks like one makes a difference.
    """
    names = Counter([text[-_NAME_BYTES:-2].rpartition(b'"')[2] for text in before_nulls])
    try:
        return all(
            [v.get(n.decode(errors="replace"), 0) for v in values].count(None) == count for n, count in names.items()
        )
    except AttributeError:  # no dict
        return False


_NAME_BYTES: Final = 64


def holds_odd_number(value: Any) -> bool:
    """Return whether a NaN or an infinity is in a schemaless value: orjson would write null for it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(holds_odd_number(item) for item in value.values() if type(item) in _MAY_HOLD)
    return isinstance(value, list | tuple) and any(holds_odd_number(item) for item in value if type(item) in _MAY_HOLD)


_MAY_HOLD: Final = frozenset((float, dict, list, tuple))


def _each_escaped(texts: list[bytes]) -> list[bytes]:
    return [_escaped(text) if _differs(text) else text for text in texts]


def _differs(text: bytes) -> bool:
    # A single byte is found at the speed of memory.
    return not text.isascii() or (b"\\" in text and b"\\u00" in text)


def _escaped(text: bytes) -> bytes:
    return _ESCAPES.sub(_escape, text)


# A backslash comes with what it escapes, so that an escaped backslash before 'u001f' is left alone.
_ESCAPES: Final = re.compile(rb"\\(?:u[0-9a-f]{4}|.)|[\xf0-\xf4][\x80-\xbf]{3}", re.DOTALL)


def _escape(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if found.startswith(b"\\"):
        return b"\\u" + found[2:].upper() if found.startswith(b"\\u") else found
    high, low = divmod(ord(found.decode()) - 0x10000, 0x400)
    return b"\\u%04X\\u%04X" % (0xD800 + high, 0xDC00 + low)


def fragment(text: str) -> orjson.Fragment:
    """Return JSON text as Kafka's writer has it, for orjson to print as it is; of text with half a surrogate pair."""
    return orjson.Fragment(_escaped(json.dumps(text).encode()))
