"""Which columns have to change so that a batch fits: wider types, and NOT NULL that a record cannot keep.

A column is changed for values that it would refuse or round, and for nothing else: another type has the table written
anew, under a lock. It never becomes narrower, and never another kind.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from connect_postgres.catalog import ColumnInfo, TableInfo
from connect_postgres.fields import Fields
from connect_postgres.names import quoted

_INTEGERS: Final = {"smallint": 15, "integer": 31, "bigint": 63}
#: The greatest n of varchar(n), and p of numeric(p,s).
_LENGTH_MAX: Final = 10_485_760
_PRECISION_MAX: Final = 1000
#: atttypmod counts these four bytes, too.
_HEADER: Final = 4


def changes(table: TableInfo, fields: Fields, *, inserts: bool) -> list[str]:
    """Return what ALTER TABLE has to do, as its clauses; [] for nothing.

    Args:
        inserts: Whether rows are added, so that a column that no record has is null, or its default.
    """
    found = list[str]()
    for column in table.columns:
        if column.generated or column.is_domain:
            continue
        values = fields.columns.get(column.name)
        if values is not None and (wider := wider_type(column, values)) is not None:
            found.append(f"ALTER COLUMN {quoted(column.name)} TYPE {wider}")
        if _loses_not_null(column, fields, values, inserts=inserts):
            found.append(f"ALTER COLUMN {quoted(column.name)} DROP NOT NULL")
    return found


def _loses_not_null(column: ColumnInfo, fields: Fields, values: list[Any] | None, *, inserts: bool) -> bool:
    if not column.not_null or column.name in fields.key:
        return False
    if values is None:
        return inserts and not column.has_default
    schema = fields.schemas[column.name]
    return (schema is None or schema.optional) and None in values


def wider_type(column: ColumnInfo, values: Sequence[Any]) -> str | None:
    """Return the type that a column needs for these values, of those that its own can grow to; None for its own."""
    kinds = set(map(type, values)) - {type(None)}
    given = [value for value in values if value is not None]
    if column.type in _INTEGERS and kinds == {int}:
        bits = max(map(_bits, (min(given), max(given))))
        return next((name for name, size in _INTEGERS.items() if _INTEGERS[column.type] < bits <= size), None)
    if column.type == "real" and float in kinds and kinds <= {int, float}:
        return None if all(map(_is_single, given)) else "double precision"
    if column.type == "character varying" and column.modifier >= _HEADER and kinds == {str}:
        length, longest = column.modifier - _HEADER, max(map(len, given))
        if longest <= length:
            return None
        # Twice the length at least: texts that grow step by step would lock the table each time.
        return f"character varying({max(longest, 2 * length)})" if longest <= _LENGTH_MAX // 2 else "text"
    if column.type == "numeric" and column.modifier >= _HEADER and kinds and kinds <= {int, Decimal}:
        return _wider_numeric(column.modifier - _HEADER, given)
    return None


def _bits(value: int) -> int:
    """Return how many bits a number needs beside its sign."""
    return (value if value >= 0 else ~value).bit_length()


def _is_single(value: float) -> bool:
    """Whether `real` holds a number as it is."""
    try:
        return not math.isfinite(value) or array("f", (value,))[0] == value
    except OverflowError:
        return False


def _wider_numeric(modifier: int, given: Sequence[int | Decimal]) -> str | None:
    precision, scale = modifier >> 16 & 0xFFFF, modifier & 0x7FF
    if scale > _PRECISION_MAX:  # a negative one: it is meant to round
        return None
    whole, behind = precision - scale, scale
    for value in given:
        number = Decimal(value)
        if not number.is_finite() or not number:
            continue
        _, digits, exponent = number.as_tuple()
        assert isinstance(exponent, int), "it is finite"
        places = -exponent
        zeros = len(digits) - len(bytes(digits).rstrip(b"\0"))  # at the end they do not count
        places = max(min(places, behind), places - zeros)
        whole, behind = max(whole, number.adjusted() + 1), max(behind, places)
    if (whole, behind) == (precision - scale, scale):
        return None
    return f"numeric({whole + behind},{behind})" if whole + behind <= _PRECISION_MAX else "numeric"
