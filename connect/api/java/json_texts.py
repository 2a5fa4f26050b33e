"""JSON's texts as Kafka's parser reads them, a little more than the standard allows and no digit lost, and as its
writer writes them.

Source: Jackson 2, as Kafka 4.3.1 configures it in JsonDeserializer.java and JsonSerializer.java; its Base64Variant.
"""

from __future__ import annotations

import binascii
import json
import re
from decimal import Decimal
from typing import Any, Final


def strict_loads(data: bytes, *, whole: bool = False) -> Any:
    """Parse JSON; numbers with a fraction as Decimal, so that no digit is lost. Accepts what Jackson accepts.

    Args:
        data: UTF-8, a byte order mark in front or none.
        whole: Refuse what follows the first value; Jackson does not look at it.

    Raises:
        ValueError: This is not JSON.
        RecursionError: It is nested too deep.
    """
    text = data.decode("utf-8-sig").lstrip()
    try:
        return _first_value(text, whole)
    except json.JSONDecodeError:
        # Kafka's parser takes numbers with zeros in front; whatever else is wrong is found again.
        return _first_value(_STRING_OR_ZEROS.sub(_without_zeros, text), whole)


_STRING_OR_ZEROS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w.+])(-?)0+(?=\d)', re.ASCII)


def _without_zeros(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else match[1]


def _first_value(text: str, whole: bool) -> Any:
    node, end = _DECODER.raw_decode(text)
    is_number = isinstance(node, int | Decimal) and not isinstance(node, bool)
    if (whole and text[end:].strip()) or (is_number and text[end : end + 1].strip()):
        raise json.JSONDecodeError("Expected nothing more" if whole else "Expected space behind a number", text, end)
    return node


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def from_base64(text: str) -> bytes:
    """Return the bytes of base64, as Jackson reads it: padded groups may be followed by more, blanks before each.

    Raises:
        ValueError: This is not base64.
    """
    if len(text) % 4 == 0:
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            pass
    if not _GROUPS.fullmatch(text):
        raise ValueError("not base64")
    return b"".join(map(binascii.a2b_base64, _GROUP.findall(text)))


_GROUP: Final = re.compile(r"[A-Za-z0-9+/]{2}(?:[A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)")
_GROUPS: Final = re.compile(rf"(?:[\0-\x20]*{_GROUP.pattern})*[\0-\x20]*")


# -- writing -------------------------------------------------------------------------------------------------------

_BLOCK: Final = 128


def as_kafka_writes(texts: list[bytes]) -> list[bytes]:
    """Return JSON texts, of orjson or the standard library, with the escapes that Kafka's writer has.

    They differ in two places: characters beyond the basic plane are escaped as surrogate pairs, and hexadecimal digits
    are capitals. The very list comes back where nothing differs, which is found out at the speed of memory.
    """
    # Joined for the search: it pays per call, and fresh megabytes cost more than the search.
    if not any(_differs(b"".join(texts[start : start + _BLOCK])) for start in range(0, len(texts), _BLOCK)):
        return texts
    return [_ESCAPES.sub(_escape, text) if _differs(text) else text for text in texts]


def _differs(text: bytes) -> bool:
    # A single byte is found at the speed of memory.
    return not text.isascii() or (b"\\" in text and b"\\u" in text)


# A backslash comes with what it escapes, so that an escaped backslash before 'u001f' is left alone.
_ESCAPES: Final = re.compile(rb"\\(?:u[0-9a-f]{4}|.)|[\xf0-\xf4][\x80-\xbf]{3}", re.DOTALL)


def _escape(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if found.startswith(b"\\"):
        return b"\\u" + found[2:].upper() if found.startswith(b"\\u") else found
    high, low = divmod(ord(found.decode()) - 0x10000, 0x400)
    return b"\\u%04X\\u%04X" % (0xD800 + high, 0xDC00 + low)
