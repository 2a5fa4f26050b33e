"""The comparisons of a JSONPath's filters."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPERATORS: Final = (*_ORDER, "==", "!=", "in", "nin", "subsetof", "anyof", "noneof", "size", "empty", "contains")
_NUMBERS: Final = (int, float, Decimal)
_PLAIN: Final = frozenset([int, float])


def comparison(symbol: str, literal: Any) -> Callable[[Any], bool]:
    """Return the comparison with a literal; the plain ones in one call, since a filter runs for every record."""
    if isinstance(literal, str) and symbol == "==":
        return lambda found: found == literal
    if isinstance(literal, str) and symbol == "!=":
        return lambda found: found != literal
    if symbol in _ORDER and type(literal) in (int, float):
        compare = _ORDER[symbol]
        return lambda found: compare(found, literal) if type(found) in _PLAIN else compared(found, symbol, literal)
    return lambda found: compared(found, symbol, literal)


def compared(found: Any, symbol: str, wanted: Any) -> bool:
    """Return whether two values, neither null, compare as an operator says."""
    if symbol == "==":
        return _same(found, wanted)
    if symbol == "!=":
        return not _same(found, wanted)
    if symbol in _ORDER:
        return _comparable(found, wanted) and _ORDER[symbol](found, wanted)
    return _among(found, symbol, wanted)


def _among(found: Any, symbol: str, wanted: Any) -> bool:
    if symbol == "empty":
        return isinstance(found, list | dict | str) and (len(found) == 0) is wanted
    if symbol == "size":
        return isinstance(found, list | str) and len(found) == wanted
    if symbol == "contains":
        within = isinstance(found, str) and isinstance(wanted, str) and wanted in found
        return within or (isinstance(found, list) and any(_same(item, wanted) for item in found))
    members = wanted if isinstance(wanted, list) else [wanted]
    if symbol in ("in", "nin"):
        return any(_same(found, member) for member in members) is (symbol == "in")
    if not isinstance(found, list):
        return False
    hits = [any(_same(item, member) for member in members) for item in found]
    return all(hits) if symbol == "subsetof" else any(hits) is (symbol == "anyof")


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _comparable(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    return (isinstance(one, str) and isinstance(other, str)) or (
        isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS)
    )
