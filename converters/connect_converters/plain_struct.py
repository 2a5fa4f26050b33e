"""The fast way of JsonConverter for structs of plain fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import orjson

from connect.api import Schema, Type

INT_BITS = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}


class PlainStruct:
    """The fast way for structs of numbers, truth and text: the dict that orjson prints or reads is the struct.

    Whether that holds is checked column by column, which costs a tenth of going value by value.
    """

    def __init__(self, schema: Schema) -> None:
        self._names = [f.name for f in schema.fields]
        self._fields: list[tuple[str, frozenset[type], int, bool]] = []
        for f in schema.fields:
            kinds = {_PLAIN_KINDS[f.schema.type]} | ({type(None)} if f.schema.optional else set())
            bits = INT_BITS.get(f.schema.type, 0)
            self._fields.append((f.name, frozenset(kinds), 1 << bits - 1 if bits else 0, float in kinds))

    @classmethod
    def of(cls, schema: Schema | None) -> PlainStruct | None:
        """Return the plan of a schema, None where a field needs more than orjson's own way."""
        if schema is None or schema.type is not Type.STRUCT or not schema.fields:
            return None
        plain = all(
            f.schema.type in _PLAIN_KINDS and not f.schema.is_logical and f.schema.default is None
            for f in schema.fields
        )
        return cls(schema) if plain else None

    def encode(self, values: Sequence[Any]) -> list[bytes] | None:
        """Return the JSON of all values, None as soon as one does not fit its schema to the letter."""
        try:
            fits = list(values[0]) == self._names and self.fits(values, as_text=True)
            return list(map(orjson.dumps, values)) if fits else None
        except TypeError:  # no dict, or text that has no UTF-8
            return None

    def fits(self, values: Sequence[Any], *, as_text: bool = False) -> bool:
        """Return whether each value is a dict with the schema's fields alone, each of its type and range.

        Args:
            as_text: Numbers must also be such that Java prints them as orjson does.
        """
        if set(map(type, values)) != {dict} or set(map(len, values)) != {len(self._names)}:
            return False
        try:
            columns = [[value[name] for value in values] for name in self._names]
        except KeyError:
            return False
        pairs = zip(columns, self._fields, strict=True)
        return all(_column_fits(column, *field[1:], as_text=as_text) for column, field in pairs)


def _column_fits(column: list[Any], kinds: frozenset[type], limit: int, is_float: bool, *, as_text: bool) -> bool:
    if not kinds.issuperset(map(type, column)):
        return False
    present = [item for item in column if item is not None] if type(None) in kinds else column
    if limit and present and not (-limit <= min(present) and max(present) < limit):
        return False
    if not is_float or not present:
        return True
    if not all(map(math.isfinite, present)):
        return False
    sizes = list(map(abs, present))
    # Java goes over to exponents at other places than orjson: 1.0E7, 1.0E-4.
    return not as_text or (
        max(sizes) < 1e7 and (min(sizes) >= 1e-3 or all(size == 0 or size >= 1e-3 for size in sizes))
    )


_PLAIN_KINDS: dict[Type, type] = {
    **dict.fromkeys(INT_BITS, int), Type.BOOLEAN: bool, Type.STRING: str, Type.FLOAT64: float,
}  # fmt: skip
