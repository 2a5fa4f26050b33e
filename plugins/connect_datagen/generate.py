"""From an Avro type to columns of random values.

Each type becomes a function `(rng, first, count) -> column`: `first` is the number of the first record (for fields that
count up), `count` how many values to make. Working a column at a time costs a tenth of making record by record.

Source of the properties: confluentinc/avro-random-generator, README, "Annotation types".
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any, Final

from connect.api import STRING, StructColumn
from connect_datagen.avro import PROPERTIES, AvroProblem, AvroType
from connect_datagen.columns import Column, pick
from connect_datagen.fake import pool
from connect_datagen.options import options
from connect_datagen.scalars import lengths, scalar

_NUMBER: Final = {"range", "iteration"}
_KNOWN: Final = {
    "int": {*_NUMBER, "format_as_time"},
    "long": {*_NUMBER, "format_as_time"},
    "float": _NUMBER,
    "double": _NUMBER,
    "decimal": _NUMBER,
    "boolean": {"odds", "iteration"},
    "string": {"regex", "length", "prefix", "suffix", "iteration", "format_as_time"},
    "bytes": {"length"},
    "fixed": set[str](),
    "enum": set[str](),
    "array": {"length"},
    "map": {"length", "keys"},
    "record": set[str](),
    "optional": set[str](),
    "union": set[str](),
}
#: Each says all of a value, so that another one beside it could only be passed over.
_WHOLE: Final = ("options", "faker", "iteration", "range", "regex", "length", "odds")
_TOGETHER: Final = {frozenset({"regex", "length"})}


class Compiler:
    """Makes columns of types.

    Args:
        rng: Seeds the pools of faker fields.
        pool_count: Draws for each of those; 1 suffices to check a schema.
    """

    def __init__(self, rng: random.Random, pool_count: int) -> None:
        self._rng = rng
        self._pool_count = pool_count
        self._nested = False

    def column(self, avro: AvroType) -> Column:
        """Return the column of a type. Blocks where its options are in a file.

        Raises:
            AvroProblem: Its properties make no sense.
        """
        properties = avro.properties
        _check_known(avro)
        if "options" in properties:
            return options(avro)
        if "faker" in properties:
            return pick(pool(avro, properties["faker"], self._rng, self._pool_count))
        if "iteration" in properties and self._nested:
            raise AvroProblem(
                "iteration does not work inside an array or a map, unless its length is one number", avro.path
            )
        match avro.kind:
            case "record":
                return self._record(avro)
            case "optional":
                return self._optional(avro)
            case "union":
                return self._union(avro)
            case "array":
                return self._array(avro)
            case "map":
                return self._map(avro)
        return scalar(avro)

    def _record(self, avro: AvroType) -> Column:
        columns = self.fields(avro)

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            made = {name: maker(rng, first, count) for name, maker in columns.items()}
            return StructColumn(made, count).for_batch()

        return make

    def fields(self, avro: AvroType) -> dict[str, Column]:
        """Return the columns of a record's fields."""
        assert avro.fields is not None
        return {name: self.column(field) for name, field in avro.fields.items()}

    def _optional(self, avro: AvroType) -> Column:
        assert avro.items is not None
        inner = self.column(avro.items)

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            values = inner(rng, first, count)
            bits = rng.getrandbits(count)
            return [value if bits >> place & 1 else None for place, value in enumerate(values)]

        return make

    def _union(self, avro: AvroType) -> Column:
        """Return structs of which one member is set, or None: each branch as likely, as one that counts goes on."""
        assert avro.branches is not None
        names = tuple(avro.branches)
        makers = [self.column(branch) for branch in avro.branches.values()]
        blank = dict.fromkeys(names)
        indexes = range(len(names) + (avro.null_index is not None))

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            chosen = rng.choices(indexes, k=count)
            columns = [maker(rng, first, count) for maker in makers]
            return [
                {**blank, names[index]: columns[index][place]} if index < len(names) else None
                for place, index in enumerate(chosen)
            ]

        return make

    def _array(self, avro: AvroType) -> Column:
        allowed = lengths(avro)
        items, scale = self._inside(avro, allowed), allowed[0]

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            sizes = rng.choices(allowed, k=count)
            values = iter(items(rng, first * scale, sum(sizes)))
            return [list(itertools.islice(values, size)) for size in sizes]

        return make

    def _map(self, avro: AvroType) -> Column:
        allowed = lengths(avro)
        items, scale = self._inside(avro, allowed), allowed[0]
        declared = avro.properties.get("keys", {})
        if not isinstance(declared, dict):
            raise AvroProblem(f"keys must be an object of {PROPERTIES} of a string", avro.path)
        keys = self._inside(avro, allowed, AvroType("string", STRING, avro.path, declared))

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            sizes = rng.choices(allowed, k=count)
            total = sum(sizes)
            pairs = zip(keys(rng, first * scale, total), items(rng, first * scale, total), strict=True)
            return [dict(itertools.islice(pairs, size)) for size in sizes]

        return make

    def _inside(self, avro: AvroType, allowed: range, item: AvroType | None = None) -> Column:
        """Return the column of an array's or a map's items.

        How many there were up to some record is known where all have one length; else what counts there has no number.
        """
        inner = item or avro.items
        assert inner is not None
        outer, self._nested = self._nested, self._nested or len(allowed) > 1
        try:
            return self.column(inner)
        finally:
            self._nested = outer


def _check_known(avro: AvroType) -> None:
    kind = "decimal" if avro.logical == "decimal" else avro.kind
    known = _known_of(kind, avro.properties)
    unknown = sorted(avro.properties.keys() - known)
    if unknown:
        found = f"{PROPERTIES} {', '.join(map(repr, unknown))} not known for type {kind}"
        raise AvroProblem(f"{found}; known are {', '.join(sorted(known))}", avro.path)
    given = [name for name in _WHOLE if name in avro.properties]
    if len(given) > 1 and frozenset(given) not in _TOGETHER:
        raise AvroProblem(f"{' and '.join(given)} cannot stand together", avro.path)


def _known_of(kind: str, properties: Mapping[str, Any]) -> set[str]:
    known = _KNOWN[kind] | {"options", "faker"}
    return known | {"range"} if kind == "string" and "format_as_time" in properties else known
