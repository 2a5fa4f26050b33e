"""From an Avro type to columns of random values.

Each type becomes a function `(rng, first, count) -> column`: `first` is the number of the first record (for fields that
count up), `count` how many values to make. Working a column at a time costs a tenth of making record by record.

Source of the properties: confluentinc/avro-random-generator, README, "Annotation types".
"""

from __future__ import annotations

import itertools
import random
from typing import Any, Final

from connect.api import STRING
from connect_datagen.avro import PROPERTIES, AvroProblem, AvroType
from connect_datagen.fake import pool
from connect_datagen.scalars import Column, lengths, options, pick, scalar

_KNOWN: Final = {
    "int": {"range", "iteration"},
    "long": {"range", "iteration"},
    "float": {"range", "iteration"},
    "double": {"range", "iteration"},
    "boolean": {"odds"},
    "string": {"regex", "length", "prefix", "suffix"},
    "bytes": {"length"},
    "fixed": set[str](),
    "enum": set[str](),
    "array": {"length"},
    "map": {"length", "keys"},
    "record": set[str](),
    "optional": set[str](),
}


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
        """Return the column of a type.

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
            raise AvroProblem("iteration does not work inside an array or a map", avro.path)
        match avro.kind:
            case "record":
                return self._record(avro)
            case "optional":
                return self._optional(avro)
            case "array":
                return self._array(avro)
            case "map":
                return self._map(avro)
        return scalar(avro)

    def _record(self, avro: AvroType) -> Column:
        columns = self.fields(avro)
        names = tuple(columns)
        makers = tuple(columns.values())

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            return rows(names, [maker(rng, first, count) for maker in makers])

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

    def _array(self, avro: AvroType) -> Column:
        items, allowed = self._inside(avro), lengths(avro)

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            sizes = rng.choices(allowed, k=count)
            values = iter(items(rng, first, sum(sizes)))
            return [list(itertools.islice(values, size)) for size in sizes]

        return make

    def _map(self, avro: AvroType) -> Column:
        items, allowed = self._inside(avro), lengths(avro)
        declared = avro.properties.get("keys", {})
        if not isinstance(declared, dict):
            raise AvroProblem(f"keys must be an object of {PROPERTIES} of a string", avro.path)
        text = AvroType("string", STRING, avro.path, declared)
        keys = self.column(text)

        def make(rng: random.Random, first: int, count: int) -> list[Any]:
            sizes = rng.choices(allowed, k=count)
            total = sum(sizes)
            pairs = zip(keys(rng, first, total), items(rng, first, total), strict=True)
            return [dict(itertools.islice(pairs, size)) for size in sizes]

        return make

    def _inside(self, avro: AvroType) -> Column:
        assert avro.items is not None
        outer, self._nested = self._nested, True
        try:
            return self.column(avro.items)
        finally:
            self._nested = outer


def rows(names: tuple[str, ...], columns: list[list[Any]]) -> list[dict[str, Any]]:
    """Turn columns into dicts."""
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _check_known(avro: AvroType) -> None:
    known = _KNOWN[avro.kind] | {"options", "faker"}
    unknown = sorted(avro.properties.keys() - known)
    if unknown:
        raise AvroProblem(
            f"{PROPERTIES} {', '.join(map(repr, unknown))} not known for type {avro.kind}; "
            f"known are {', '.join(sorted(known))}",
            avro.path,
        )
