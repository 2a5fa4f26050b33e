"""JSON of strangers, read with a bound on how deep it is nested, so that what walks it does not run out of stack."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from connect.json_depth import depth_exceeds

#: A record in a field of a record takes three, so some forty records inside each other.
DEPTH_MAX: Final = 128
_ESCAPED_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def load_json(text: str) -> Any:
    """Read a JSON text.

    Raises:
        ValueError: It is none, or is nested deeper than `DEPTH_MAX`; the message says so.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and depth_exceeds(raw, DEPTH_MAX):
        raise ValueError(f"it is nested too deep: more than {DEPTH_MAX} objects and arrays inside each other")
    body = json.loads(text, parse_constant=_no_constant, parse_float=_number)
    if _ESCAPED_HALF.search(text) is not None:  # or both halves of a character
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it has half of a character, which no UTF-8 can say") from None
    return body


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.100} is larger than a number may be")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
