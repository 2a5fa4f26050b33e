"""Structs as columns of their fields: what a source gives that has its rows so, for a converter that writes them so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import Any, cast, overload


@dataclass(frozen=True, slots=True)
class Repeated:
    """A field's value that all structs of a column have."""

    value: Any


class StructColumn(Sequence[dict[str, Any]]):
    """n structs of the same fields, as one column for each field.

    To whoever looks at one it is a sequence of dicts, each with all fields in order; they are made together at the
    first look, and are shared with everyone who looks later. Whoever knows it looks at `fields` instead, and no dict is
    made. Never changes; a slice is a list. Transforms are given a list. Not for several threads at once.

    Args:
        fields: For each field, in order: n values, a `StructColumn` of n where it is a struct itself, or `Repeated`.
            They are not copied.
        count: How many structs these are.

    Raises:
        ValueError: A column has another length.
    """

    __slots__ = ("_count", "_fields", "_rows")

    def __init__(self, fields: Mapping[str, Sequence[Any] | Repeated], count: int) -> None:
        for name, column in fields.items():
            if not isinstance(column, Repeated) and len(column) != count:
                raise ValueError(f"field {name!r} has {len(column)} values, and the column {count} structs")
        self._fields = MappingProxyType(dict(fields))
        self._count = count
        self._rows: list[dict[str, Any]] | None = None

    @property
    def fields(self) -> Mapping[str, Sequence[Any] | Repeated]:
        """The columns, in the order of the fields."""
        return self._fields

    def for_batch(self) -> list[Any]:
        """Return this very column under the type that `Batch.values` and `Batch.keys` declare."""
        return cast("list[Any]", self)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._dicts()[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._dicts())

    def __eq__(self, other: object) -> bool:
        return self._dicts() == list(other) if isinstance(other, list | StructColumn) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # as a list's

    def __reduce__(self) -> tuple[Any, ...]:
        return StructColumn, (dict(self._fields), self._count)

    def __repr__(self) -> str:
        return f"StructColumn({self._dicts()!r})"

    def _dicts(self) -> list[dict[str, Any]]:
        if self._rows is None:
            names = tuple(self._fields)
            columns = [
                repeat(column.value, self._count) if isinstance(column, Repeated) else column
                for column in self._fields.values()
            ]
            rows = zip(*columns, strict=True) if columns else repeat((), self._count)
            self._rows = list(map(dict, map(zip, repeat(names), rows)))
        return self._rows
