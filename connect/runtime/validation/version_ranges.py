"""The ranges that `*.plugin.version` keys take: `4.1`, `[4.1]`, `[4.0,5.0)`, `[1.0,2.0),[3.0,)`, `latest`.

Source: Maven's version ranges, which Kafka Connect uses (KIP-891).
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Final

#: A number by its count of digits and its digits, which compare as it does: of whatever length, since a config may have
#: more digits than Python reads as a number.
Number = tuple[int, str]
_ZERO: Final[Number] = (0, "")


class VersionRangeError(ValueError):
    """The text is no range; the message says why, in Maven's words."""


def parse_range(text: str | None) -> list[tuple[str, str, str, str]]:
    """Return the parts of a range as (opening bracket, lowest, highest, closing bracket); [] means any version.

    Raises:
        VersionRangeError: The text is no range.
    """
    left = (text or "").strip()
    if left in ("", "latest"):
        return []
    parts: list[tuple[str, str, str, str]] = []
    while left.startswith(("[", "(")):
        ends = [left.find(bracket) for bracket in ")]" if bracket in left]
        if not ends:
            raise VersionRangeError(f"Unbounded range: {text}")
        parts.append(_restriction(left[: min(ends) + 1]))
        if len(parts) > 1 and (not parts[-1][1] or _compare(parts[-1][1], parts[-2][2]) < 0):
            raise VersionRangeError(f"Ranges overlap: {text}")
        left = left[min(ends) + 1 :].strip().removeprefix(",").strip()
    if left and parts:
        raise VersionRangeError(f"Only fully-qualified sets allowed in multiple set scenario: {text}")
    return parts or [("[", left, left, "]")]


def in_range(version: str, text: str | None) -> bool:
    """Whether a version lies in a range. Raises `VersionRangeError` for a text that is no range."""
    parts = parse_range(text)
    return not parts or any(_within(version, part) for part in parts)


def _within(version: str, part: tuple[str, str, str, str]) -> bool:
    opening, low, high, closing = part
    above = not low or _compare(version, low) >= (0 if opening == "[" else 1)
    return above and (not high or _compare(version, high) <= (0 if closing == "]" else -1))


def _restriction(part: str) -> tuple[str, str, str, str]:
    low, comma, high = (piece.strip() for piece in part[1:-1].partition(","))
    if not comma:
        if part[0] + part[-1] != "[]":
            raise VersionRangeError(f"Single version must be surrounded by []: {part}")
        return "[", low, low, "]"
    if low and high and _compare(high, low) < 0:
        raise VersionRangeError(f"Range defies version ordering: {part}")
    return part[0], low, high, part[-1]


def _compare(left: str, right: str) -> int:
    """Compare numbers as numbers and the rest as text; a missing number is 0, and text comes before the release."""
    for one, other in zip_longest(_pieces(left), _pieces(right), fillvalue=_ZERO):
        if one != other:
            if isinstance(one, tuple) and isinstance(other, tuple):
                return 1 if one > other else -1
            if isinstance(one, str) and isinstance(other, str):
                return 1 if one > other else -1
            return 1 if isinstance(one, tuple) else -1
    return 0


def _pieces(version: str) -> list[Number | str]:
    return [
        (len(digits := piece.lstrip("0")), digits) if piece.isdigit() else piece.lower()
        for piece in re.findall(r"[0-9]+|[A-Za-z]+", version)
    ]
